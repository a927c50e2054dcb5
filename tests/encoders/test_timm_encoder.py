"""A network of timm as encoder: sizes and widths of a pyramid, weights as asked, or an error."""

import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from stgan._torchvision import ensure_torchvision
from stgan.decoders import VideoDecoder, decoder_stages
from stgan.encoders import ImageEncoder, TimmEncoder
from stgan.errors import CheckpointError, ShapeError, UnknownNameError
from stgan.shapes import plan

ensure_torchvision()
import timm  # noqa: E402  # after its door

RESNET = "resnet10t"
# A pyramid from half the size, one of another design, one from a quarter, and one scale only.
MODELS = [RESNET, "mobilenetv3_small_050", "convnext_atto", "vit_tiny_patch16_224"]
TINY: dict[str, Any] = {"base_channels": 2, "max_channels": 8, "out_channels": 5}


def _image(*size: int, count: int = 2) -> Tensor:
    return torch.rand(count, 3, *size) * 2 - 1


def _seen_by(encoder: TimmEncoder, image: Tensor) -> Tensor:
    """What the network of timm is given."""
    seen = []
    handle = encoder.backbone.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    encoder(image)
    handle.remove()
    return seen[0]


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=5)
@given(
    st.sampled_from([2, 3, 4]),
    st.sampled_from([32, 48, 64]),
    st.sampled_from([32, 48, 80]),
    st.integers(1, 3),
)
def test_it_stands_for_the_own_encoder_at_every_size(
    model: str, frames: int, height: int, width: int, count: int
) -> None:
    route = plan((frames, height, width))
    options: dict[str, Any] = {"stages": route.stages, **TINY}
    encoder = TimmEncoder((height, width), model=model, **options).eval()
    own = ImageEncoder((height, width), **options).eval()
    image = _image(height, width, count=count)
    features = encoder(image)
    shapes = tuple(features.vector.shape), tuple(tuple(m.shape) for m in features.maps)
    assert shapes == encoder.output_shape(image.shape) == own.output_shape(image.shape)
    assert encoder.channels == own.channels
    stages = decoder_stages(route, base_channels=2, appearance_channels=encoder.channels)
    video = VideoDecoder(5, stages).eval()(features.vector, features.maps)
    assert video.shape == (count, 3, frames, height, width)


def test_the_maps_are_those_of_the_network_where_the_sizes_agree() -> None:
    encoder = TimmEncoder((32, 64), model=RESNET, base_channels=None).eval()
    image = _image(32, 64)
    offered = encoder.backbone(_seen_by(encoder, image))
    features = encoder(image)
    assert encoder.channels == tuple(m.shape[1] for m in features.maps) == (128, 64, 64)
    for found, expected in zip(features.maps, offered[2::-1], strict=True):
        assert torch.equal(found, expected)
    torch.testing.assert_close(features.vector, encoder.head(offered[-1].mean(dim=(2, 3))))


def test_a_missing_scale_is_made_of_the_nearest() -> None:
    encoder = TimmEncoder(32, model="convnext_atto", base_channels=None).eval()
    image = _image(32, 32)
    offered = encoder.backbone(_seen_by(encoder, image))
    maps = encoder(image).maps
    # ConvNeXt begins at a quarter of the size; half of it is twice that map.
    assert encoder.places == (1, 0, 0)
    assert torch.equal(maps[1], offered[0])
    torch.testing.assert_close(
        maps[2], F.interpolate(offered[0], size=(16, 16), mode="bilinear", align_corners=False)
    )


def test_of_equal_scales_the_coarser_level_takes_the_deeper_map() -> None:
    encoder = TimmEncoder(64, model="vit_tiny_patch16_224", **TINY)
    assert encoder.sizes == ((4, 4), (8, 8), (16, 16), (32, 32))
    assert encoder.places == (2, 1, 0, 0)


@settings(max_examples=10)
@given(st.sampled_from([(32, 32), (32, 40), (48, 32), (32, 96)]), st.sampled_from(MODELS[:3]))
def test_no_other_map_is_nearer_in_scale(size: tuple[int, int], model: str) -> None:
    encoder = TimmEncoder(size, model=model, **TINY).eval()
    offered = [m.shape[2:] for m in encoder.backbone(torch.zeros(1, 3, *size))]
    for wanted, place in zip(encoder.sizes, encoder.places, strict=True):
        ratios = [sum(abs(math.log(a / b)) for a, b in zip(m, wanted, strict=True))
                  for m in offered]  # fmt: skip
        assert ratios[place] == pytest.approx(min(ratios))


def test_channels_kept_last_by_the_network_come_first() -> None:
    name = "swin_tiny_patch4_window7_224"
    encoder = TimmEncoder(32, model=name, base_channels=None, out_channels=5).eval()
    assert encoder.channels == (192, 96, 96)
    features = encoder(_image(32, 32))
    assert [tuple(m.shape[1:]) for m in features.maps] == [(192, 4, 4), (96, 8, 8), (96, 16, 16)]


@pytest.mark.parametrize("model", [RESNET, "vit_tiny_patch16_224"])
def test_the_network_gets_the_range_that_it_was_made_for(model: str) -> None:
    config = timm.get_pretrained_cfg(model)
    encoder = TimmEncoder(32, model=model, **TINY).eval()
    image = _image(32, 32)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (config.mean, config.std))
    torch.testing.assert_close(_seen_by(encoder, image), ((image + 1) / 2 - mean) / std)


def test_the_network_can_see_another_size_without_aliasing() -> None:
    encoder = TimmEncoder(64, model="vit_tiny_patch16_224", input_size=(16, 32), **TINY).eval()
    # Stripes that every fourth pair of rows would turn into a flat image of minus one.
    rows = torch.tensor([1.0, -1.0, -1.0, 1.0]).repeat(16)
    image = rows.view(1, 1, 64, 1).expand(1, 3, 64, 64)
    seen = _seen_by(encoder, image)
    assert seen.shape == (1, 3, 16, 32)
    back = (seen - encoder.shift) / encoder.scale
    assert back[:, :, 2:-2].abs().max() < 0.3
    assert encoder(image).maps[0].shape == (1, 8, 4, 4)
    flat = torch.full((1, 3, 64, 64), 0.25)
    torch.testing.assert_close(
        _seen_by(encoder, flat), (flat * encoder.scale + encoder.shift)[:, :, :16, :32]
    )


@pytest.mark.parametrize("frozen", [False, True])
def test_a_frozen_network_stays_as_it_is_and_lets_gradients_through(frozen: bool) -> None:
    encoder = TimmEncoder(32, model=RESNET, frozen=frozen, **TINY)
    assert encoder.training
    encoder.eval().train()
    assert encoder.head.training
    assert all(m.training is not frozen for m in encoder.backbone.modules())
    before = {n: t.clone() for n, t in encoder.backbone.state_dict().items()}
    image = _image(32, 32).requires_grad_()
    features = encoder(image)
    sum(t.square().sum() for t in (features.vector, *features.maps)).backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0
    for name, parameter in encoder.named_parameters():
        assert (parameter.grad is None) == (frozen and name.startswith("backbone.")), name
    same = all(torch.equal(t, before[n]) for n, t in encoder.backbone.state_dict().items())
    assert same == frozen


def test_widths_norms_and_activations_are_those_asked_for() -> None:
    encoder = TimmEncoder(
        32, model=RESNET, base_channels=4, max_channels=8, norm=None, act=nn.Sigmoid
    )
    assert encoder.channels == (8, 8, 4)
    for stage in encoder.projections:
        assert isinstance(stage.act, nn.Sigmoid)
        assert isinstance(stage.norm, nn.Identity)
        assert stage.conv.bias is not None
    with_bias, without = (
        TimmEncoder(32, model=RESNET, bias_before_norm=kept, **TINY) for kept in (True, False)
    )
    assert all(stage.conv.bias is not None for stage in with_bias.projections)
    assert all(stage.conv.bias is None for stage in without.projections)


def _save(state: dict[str, Any], path: Path) -> Path:
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return path


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("name", "classes"), [("w.pth", 1000), ("w.safetensors", 7), ("w.pth", 0)])
def test_weights_of_a_file_are_those_of_the_network(
    model: str, name: str, classes: int, tmp_path: Path
) -> None:
    size = {"img_size": (32, 32)} if model.startswith("vit") else {}
    source = timm.create_model(model, num_classes=classes, **size).eval()
    for buffer in source.buffers():  # statistics too are loaded
        if buffer.is_floating_point():
            buffer.add_(torch.rand_like(buffer))
    path = _save(source.state_dict(), tmp_path / name)
    encoder = TimmEncoder(32, model=model, weights=path, **TINY).eval()
    pixels = _image(32, 32)
    with torch.no_grad():
        offered = encoder.backbone(pixels)
        expected = source.forward_intermediates(pixels, norm=False, intermediates_only=True)
    for found, other in zip(offered[::-1], expected[::-1], strict=False):
        torch.testing.assert_close(found, other)


def test_weights_for_another_image_size_have_their_positions_resized(tmp_path: Path) -> None:
    name = "vit_tiny_patch16_224"
    source = timm.create_model(name)
    path = _save(source.state_dict(), tmp_path / "w.pth")
    backbone = TimmEncoder((32, 48), model=name, weights=str(path), **TINY).backbone
    loaded = {name.removeprefix("model."): t for name, t in backbone.state_dict().items()}
    assert source.state_dict()["pos_embed"].shape == (1, 1 + 14 * 14, 192)
    assert loaded["pos_embed"].shape == (1, 1 + 2 * 3, 192)
    assert torch.equal(loaded["blocks.3.mlp.fc1.weight"], source.blocks[3].mlp.fc1.weight)


def test_a_training_checkpoint_will_do_too(tmp_path: Path) -> None:
    source = timm.create_model(RESNET)
    path = _save({"epoch": 3, "state_dict": source.state_dict()}, tmp_path / "checkpoint.pth.tar")
    encoder = TimmEncoder(32, model=RESNET, weights=path, **TINY)
    found = encoder.backbone.state_dict()
    assert torch.equal(found["layer4.0.conv1.weight"], source.layer4[0].conv1.weight)


def test_weights_that_are_not_there_or_of_another_kind_are_refused(tmp_path: Path) -> None:
    other = timm.create_model("mobilenetv3_small_050").state_dict()
    lacking = timm.create_model(RESNET).state_dict()
    del lacking["layer2.0.conv1.weight"]
    (tmp_path / "text.pth").write_text("no weights")
    (tmp_path / "cut.safetensors").write_bytes(b"\x10")
    for path, message in (
        (tmp_path / "none.pth", "none.pth does not exist; give the path of a .pth or .safetensors"),
        (tmp_path, "does not exist; give the path"),
        (tmp_path / "text.pth", "text.pth cannot be read as a state dict: .*torch.save"),
        (tmp_path / "cut.safetensors", "cut.safetensors cannot be read as a state dict"),
        (_save({"epoch": 3}, tmp_path / "n.pth"), "n.pth holds no state dict: it must map names"),
        (_save({}, tmp_path / "empty.pth"), "empty.pth holds no state dict"),
        (_save(other, tmp_path / "o.pth"), f"o.pth holds no weights of timm's {RESNET}: .*Missing"),
        (_save(lacking, tmp_path / "l.pth"), f"l.pth holds no weights of timm's {RESNET}: .*conv1"),
    ):
        with pytest.raises(CheckpointError, match=message):
            TimmEncoder(32, model=RESNET, weights=path, **TINY)


def test_weights_that_timm_would_leave_out_are_never_random(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _save(timm.create_model(RESNET).state_dict(), tmp_path / "w.pth")
    create = timm.create_model

    def forgetful(*args: Any, **options: Any) -> Any:
        return create(*args, **options | {"pretrained": not options.get("features_only")})

    monkeypatch.setattr(timm, "create_model", forgetful)
    with pytest.raises(CheckpointError, match=r"timm leaves conv1.* of resnet10t without the weig"):
        TimmEncoder(32, model=RESNET, weights=path, **TINY)


def test_without_a_network_published_weights_are_refused_with_a_way_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    create = timm.create_model

    def offline(*args: Any, **options: Any) -> Any:
        if options.get("pretrained"):
            raise OSError("no route to host")
        return create(*args, **options)

    monkeypatch.setattr(timm, "create_model", offline)
    message = r"published weights of timm's resnet10t \(no route to host\); .* give its path as wei"
    with pytest.raises(CheckpointError, match=message):
        TimmEncoder(32, model=RESNET, weights="pretrained", **TINY)


def test_published_weights_are_asked_of_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    create = timm.create_model
    asked = []

    def loaded(*args: Any, **options: Any) -> Any:
        asked.append(options.pop("pretrained", False))
        network = create(*args, **options)
        if asked[-1]:
            nn.init.constant_(network.layer1[0].conv1.weight, 0.5)
        return network

    monkeypatch.setattr(timm, "create_model", loaded)
    encoder = TimmEncoder(32, model=RESNET, weights="pretrained", **TINY)
    assert asked[-1] is True
    assert (encoder.backbone.state_dict()["layer1.0.conv1.weight"] == 0.5).all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"model": "resnet19"}, UnknownNameError, "timm has no model named 'resnet19'; did you me"),
        ({"model": "resnet18.a9"}, UnknownNameError, "no weights tagged 'a9' of resnet18; known: "),
        ({"model": "nest_tiny", "image_size": 40}, ValueError, "nest_tiny gives no feature maps"),
        (
            {"model": "vit_tiny_patch16_224", "image_size": (24, 32)},
            ShapeError,
            r"patches of \(16, 16\), which do not make up images of \(24, 32\); .* \(32, 32\)",
        ),
        (
            {"model": "convnext_atto", "image_size": 16},
            ShapeError,
            r"cannot take images of \(16, 16\): .*; set input_size to .*\(224, 224\)",
        ),
        ({"image_size": (17, 16)}, ShapeError, "no stack of doublings|cannot be reached|nearest"),
        ({"out_channels": 0}, ValueError, "out_channels must be at least 1, got 0"),
        ({"base_channels": 0}, ValueError, "base_channels must be at least 1, got 0"),
        ({"max_channels": 0}, ValueError, "max_channels must be at least 1, got 0"),
        ({"input_size": (32, 0)}, ValueError, "input_size must be an integer or"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else None,
)
def test_wrong_settings_are_refused(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        TimmEncoder(**{"image_size": 32, "model": RESNET, **TINY, **options})
    assert re.search(message, str(caught.value))


@pytest.mark.parametrize("shape", [(2, 3, 32, 48), (2, 1, 32, 32), (3, 32, 32)])
def test_wrong_images_are_refused_by_call_and_promise(shape: tuple[int, ...]) -> None:
    encoder = TimmEncoder(32, model=RESNET, **TINY)
    for call in (lambda: encoder(torch.zeros(shape)), lambda: encoder.output_shape(shape)):
        with pytest.raises(ShapeError, match=re.escape(f"H=32, W=32), got {shape}")):
            call()


def test_a_tag_chooses_range_and_weights_of_the_same_network() -> None:
    tagged = TimmEncoder(32, model="resnet18.a1_in1k", **TINY)
    plain = TimmEncoder(32, model="resnet18", **TINY)
    assert tagged.backbone.state_dict().keys() == plain.backbone.state_dict().keys()

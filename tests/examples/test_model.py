"""The recipe's networks: any size that stages reach, presets as stated, refusals in a sentence."""

import pytest
import torch
from torch import nn

from examples.imaginator.config import PRESETS
from examples.imaginator.model import build
from stgan.errors import ShapeError, UnknownNameError
from stgan.layers import ConvTranspose1Plus2d
from stgan.training import frozen

SMALL = {"base_channels": 4, "z_dim": 6, "appearance_dim": 8}


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    "size", [(16, 64, 64), (32, 64, 64), (32, 128, 128), (24, 48, 64), (8, 32, 80)]
)
def test_it_builds_and_runs_at_any_size_with_a_plan(
    preset: str, size: tuple[int, int, int]
) -> None:
    gan = build(preset, num_classes=3, num_frames=size[0], image_size=size[1:], **SMALL)
    label = torch.tensor([0, 2])
    with torch.no_grad():
        video = gan.generator(torch.randn(2, 3, *size[1:]), torch.randn(2, gan.z_dim), label)
        logits = gan.discriminator(video, label)
        assert gan.discriminator.video(video, label).shape == (2,)
        assert gan.discriminator.image(video[:, :, 0]).shape == (2,)
    assert video.shape == (2, 3, *size)
    assert {name: tuple(value.shape) for name, value in logits.items()} == {
        "video": (2,),
        "image": (2,),
    }


@pytest.mark.parametrize("width", [8, 16, 64])
def test_every_width_follows_the_base_width(width: int) -> None:
    gan = build("released", num_classes=6, **SMALL | {"base_channels": width})
    first = gan.generator.decoder.stages[0].conv
    assert first.mid_channels == width * 8 * 16 // 2
    assert gan.discriminator.video.stages[0].out_channels == width


def test_the_released_preset_has_the_published_numbers_of_parameters() -> None:
    gan = build("released", num_classes=6)
    networks = (gan.generator, gan.discriminator.video, gan.discriminator.image)
    counts = [sum(p.numel() for p in network.parameters()) for network in networks]
    assert counts == [75_406_451, 11_088_833, 2_764_737]


def test_the_default_preset_keeps_no_bias_that_a_norm_takes_out() -> None:
    gan = build(num_classes=6, **SMALL)
    for layer in gan.generator.modules():
        if isinstance(layer, ConvTranspose1Plus2d):
            assert layer.temporal.bias is None
    assert all(stage.conv.bias is None for stage in gan.generator.encoder.stages)
    assert gan.generator.encoder.head.bias is not None


def test_initialization_reaches_the_decoder_unless_it_is_to_be_as_published() -> None:
    def spread(preset: str) -> float:
        gan = build(preset, num_classes=6, **SMALL | {"base_channels": 16})
        return gan.generator.decoder.stages[1].conv.temporal.weight.std().item()

    assert spread("imaginator") == pytest.approx(0.02, rel=0.05)
    assert spread("released") != pytest.approx(0.02, rel=0.2)
    encoder = build("released", num_classes=6).generator.encoder
    assert encoder.stages[2].conv.weight.std().item() == pytest.approx(0.02, rel=0.05)


def test_group_norm_makes_a_clip_independent_of_its_neighbors_in_training_mode() -> None:
    def first_clip(norm: str, neighbors: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(0)
        gan = build("tiny", num_classes=2, norm=norm, **SMALL | {"base_channels": 8}).train()
        own = torch.linspace(-1, 1, 3 * 32 * 32).reshape(1, 3, 32, 32)
        image = torch.cat([own, neighbors])
        z = torch.zeros(2, gan.z_dim)
        video: torch.Tensor = gan.generator(image, z, torch.tensor([0, 1]))[0]
        return video

    one, other = torch.zeros(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(first_clip("group", one), first_clip("group", other))
    assert not torch.allclose(first_clip("batch", one), first_clip("batch", other), atol=1e-3)


IMAGE, Z, LABEL = torch.zeros(2, 3, 32, 32), torch.zeros(2, 6), torch.tensor([0, 1])


@pytest.mark.parametrize(
    ("image", "z", "label", "message"),
    [
        (IMAGE, Z, torch.tensor([0, 9]), "label 9 is out of range for 3 classes; use 0 to 2"),
        (torch.zeros(2, 3, 48, 32), Z, LABEL, r"image must be .*H=32, W=32\), got \(2, 3, 48, 32"),
        (IMAGE, torch.zeros(2, 5), LABEL, r"z \(N, z_dim=6\), got"),
        (IMAGE, Z[:1], LABEL, "must be batches of one size"),
    ],
)
def test_wrong_inputs_are_refused(
    image: torch.Tensor, z: torch.Tensor, label: torch.Tensor, message: str
) -> None:
    gan = build("tiny", num_classes=3, **SMALL)
    with pytest.raises(ValueError, match=message):
        gan.generator(image, z, label)


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="no preset 'large'; choose one of imaginator, rel"):
        build("large", num_classes=2)
    with pytest.raises(TypeError, match="unexpected keyword argument 'frames'"):
        build("tiny", num_classes=2, frames=8)
    with pytest.raises(ShapeError, match=r"nearest size that can be reached is \(28, 64, 64\)"):
        build(num_classes=2, num_frames=30, image_size=(66, 64))
    with pytest.raises(ValueError, match="num_classes must be at least 1, got 0"):
        build("tiny", num_classes=0)


def test_a_frozen_discriminator_passes_gradients_on_and_keeps_none() -> None:
    gan = build("tiny", num_classes=3, **SMALL)
    video = torch.randn(2, 3, 16, 32, 32, requires_grad=True)
    gan.discriminator.image.head.bias.requires_grad_(False)
    with frozen(gan.discriminator):
        sum(gan.discriminator(video, LABEL).values()).sum().backward()  # type: ignore[union-attr]
    assert video.grad is not None
    assert all(p.grad is None for p in gan.discriminator.parameters())
    trainable = [p.requires_grad for p in gan.discriminator.parameters()]
    assert trainable.count(False) == 1


def test_parts_can_be_copied() -> None:
    import copy

    gan = build("tiny", num_classes=3, **SMALL).eval()
    twin = copy.deepcopy(gan)
    assert isinstance(twin, nn.Module)
    with torch.no_grad():
        assert torch.equal(gan.generator(IMAGE, Z, LABEL), twin.generator(IMAGE, Z, LABEL))

"""Every convolution, fusion and encoder trains by the name that settings give it, or is refused."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import stgan
from examples.imaginator import generate, train
from examples.imaginator.config import ModelSettings
from examples.imaginator.model import build
from examples.imaginator.parts import find_parts
from stgan._torchvision import ensure_torchvision
from stgan.encoders import TimmEncoder
from stgan.errors import CheckpointError, UnknownNameError
from stgan.io import read_video, write_strip

ensure_torchvision()
import timm  # noqa: E402  # after its door

TINY = [
    "--preset", "tiny", "--model.num-frames", "4", "--model.image-size", "16", "16",
    "--model.base-channels", "4", "--discriminator.channels", "4", "--model.z-dim", "4",
    "--train.batch-size", "4", "--train.log-every", "1", "--train.save-every", "1",
    "--train.steps", "2", "--train.accelerator", "cpu", "--data.num-shapes", "12",
    "--data.workers", "0",
]  # fmt: skip
CONVS = stgan.list("layers", "conv_transpose_*") + stgan.list("layers", "resize_*")
NETWORK = "mobilenetv3_small_050"
pytestmark = pytest.mark.filterwarnings(
    "ignore:The '.*dataloader' does not have many workers", "ignore:`isinstance.treespec"
)


def _weights(out: Path, step: int) -> dict[str, Tensor]:
    return load_file(out / "checkpoints" / f"step_{step:08d}" / "generator.safetensors")


def _train(out: Path, *options: str) -> dict[str, bool]:
    """Train two steps, and say which weights the second one changed."""
    train.main([*TINY, "--out", str(out), *options])
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2]
    assert all(torch.tensor(list(line.values())).isfinite().all() for line in lines)
    first, second = (_weights(out, step) for step in (1, 2))
    assert all(tensor.isfinite().all() for tensor in second.values())
    return {name: not torch.equal(tensor, second[name]) for name, tensor in first.items()}


@pytest.mark.parametrize("conv", CONVS)
def test_every_convolution_trains(conv: str, tmp_path: Path) -> None:
    changed = _train(tmp_path / "run", "--model.conv", conv)
    assert all(changed.values()), [name for name, yes in changed.items() if not yes]
    assert any(name.startswith("decoder.stages.1.conv.") for name in changed)


@pytest.mark.parametrize("fusion", stgan.list("fusions"))
def test_every_fusion_trains(fusion: str, tmp_path: Path) -> None:
    changed = _train(tmp_path / "run", "--model.fusion", fusion)
    assert all(changed.values()), [name for name, yes in changed.items() if not yes]


@pytest.mark.parametrize("encoder", ["image_pyramid", f"timm/{NETWORK}"])
def test_every_encoder_trains(encoder: str, tmp_path: Path) -> None:
    changed = _train(tmp_path / "run", "--model.encoder", encoder)
    assert all(changed.values()), [name for name, yes in changed.items() if not yes]


def test_every_name_is_another_network() -> None:
    base = build("tiny", num_classes=3).generator.state_dict()
    for option, names in (("conv", CONVS), ("fusion", stgan.list("fusions"))):
        keys = [
            tuple((n, t.shape) for n, t in build("tiny", num_classes=3, **{option: name})
                  .generator.state_dict().items())
            for name in names
        ]  # fmt: skip
        assert len(set(keys)) == len(names)
        assert tuple((n, t.shape) for n, t in base.items()) in keys


@pytest.mark.parametrize("conv", CONVS)
@pytest.mark.parametrize("preset", ["imaginator", "released"])
def test_every_convolution_fits_every_preset_lazily_too(preset: str, conv: str) -> None:
    size = {"num_frames": 8, "image_size": (16, 24), "base_channels": 4, "z_dim": 6}
    image, z, label = torch.randn(2, 3, 16, 24), torch.randn(2, 6), torch.tensor([0, 2])
    clips = []
    for lazy in (False, True):
        torch.manual_seed(0)
        gan = build(preset, num_classes=3, conv=conv, lazy_fusion=lazy, **size)
        with torch.no_grad():
            clips.append(gan.generator(image, z, label))
        # Only a fusion that keeps its streams apart can be lazy.
        fused = gan.generator.decoder.fusions[0].lazy
        assert fused is lazy
    assert clips[0].shape == (2, 3, 8, 16, 24)
    torch.testing.assert_close(clips[1], clips[0], atol=1e-4, rtol=1e-4)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "network.pth"
    torch.save(timm.create_model(NETWORK, num_classes=10).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def frozen_run(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Path:
    """A run with a frozen network, of which the file of weights is gone afterwards."""
    out = tmp_path_factory.mktemp("runs") / "run"
    moved = out.with_name("moved.pth")
    moved.write_bytes(weights.read_bytes())
    changed = _train(
        out, "--model.encoder", f"timm/{NETWORK}", "--model.encoder-weights", str(moved),
        "--model.encoder-frozen", "--model.encoder-input-size", "32", "32",
    )  # fmt: skip
    moved.unlink()
    inside = {name for name in changed if name.startswith("encoder.backbone.")}
    assert inside
    assert [name for name, yes in changed.items() if yes == (name in inside)] == []
    return out


def test_a_frozen_network_keeps_the_weights_of_its_file(frozen_run: Path, weights: Path) -> None:
    given = torch.load(weights)
    found = _weights(frozen_run, 2)
    average = load_file(frozen_run / "checkpoints" / "step_00000002" / "generator_ema.safetensors")
    names = [n.removeprefix("encoder.backbone.") for n in found if n.startswith("encoder.backbone")]
    assert len(names) > 50
    for name in names:
        assert torch.equal(found[f"encoder.backbone.{name}"], given[name])
        assert torch.equal(average[f"encoder.backbone.{name}"], given[name])


def test_a_run_generates_and_resumes_without_the_file_of_weights(
    frozen_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "picture.png"
    write_strip(torch.rand(3, 1, 20, 31) * 2 - 1, picture)
    generate.main(
        [
            str(frozen_run),
            str(picture),
            "--label",
            "0",
            "--out",
            str(tmp_path / "out"),
            "--form",
            "frames",
        ]
    )
    [frames] = [path for path in (tmp_path / "out").iterdir() if path.is_dir()]
    assert read_video(frames).shape == (3, 4, 16, 16)
    before = _weights(frozen_run, 2)
    train.main(["--out", str(frozen_run), "--resume", "--train.steps", "3"])
    for name, tensor in _weights(frozen_run, 3).items():
        assert torch.equal(tensor, before[name]) == name.startswith("encoder.backbone."), name
    capsys.readouterr()
    with pytest.raises(SystemExit):
        train.main(["--out", str(frozen_run), "--resume", "--model.encoder", "image_pyramid"])
    refused = capsys.readouterr().err
    assert f"model.encoder (timm/{NETWORK} there, image_pyramid here)" in refused


def test_initialization_leaves_networks_and_fusions_as_they_came(weights: Path) -> None:
    gan = build(
        "imaginator", num_classes=3, num_frames=4, image_size=(32, 32), base_channels=16,
        encoder=f"timm/{NETWORK}", encoder_weights=str(weights), fusion="film",
    )  # fmt: skip
    encoder = gan.generator.encoder
    assert isinstance(encoder, TimmEncoder)
    given = torch.load(weights)
    for name, tensor in encoder.backbone.state_dict().items():
        assert torch.equal(tensor, given[name])
    assert encoder.head.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert encoder.projections[0].conv.weight.std().item() == pytest.approx(0.02, rel=0.1)
    # Film begins as the identity, whatever the settings say of convolutions.
    still = stgan.create("fusions", "film", 16, 8, 3).state_dict()
    zero = [name for name, tensor in still.items() if not tensor.any()]
    assert zero
    for fusion in gan.generator.decoder.fusions:
        assert not any(fusion.state_dict()[name].any() for name in zero)


REFUSED = [
    ({"conv": "conv_transpose_1p3d"}, "did you mean 'conv_transpose_1p2d'?"),
    ({"conv": "temporal_shift"}, "conv must be a convolution that upsamples, got 'temporal_shift'"),
    ({"fusion": "concatenate"}, "did you mean 'concat'?"),
    (
        {"fusion": "film", "lazy_fusion": True},
        "lazy_fusion goes with a fusion that takes lazy= only",
    ),
    ({"encoder": "imagepyramid"}, "did you mean 'image_pyramid'?"),
    ({"encoder": "tim/resnet18"}, "did you mean 'timm'?"),
    ({"encoder": "timm"}, "must name a network of timm, such as 'timm/resnet18'"),
    ({"encoder": "image_pyramid/resnet18"}, "a network of timm is 'timm/resnet18'"),
    ({"encoder_weights": "pretrained"}, "encoder_weights can be set for a network of timm only"),
    ({"encoder_frozen": True}, "encoder_frozen can be set for a network of timm only"),
    ({"encoder_input_size": (32, 32)}, "encoder_input_size can be set for a network of timm only"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=[str(o)[1:40] for o, _ in REFUSED])
def test_what_is_no_part_is_refused_before_anything_is_read_or_made(
    options: dict[str, object], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises((ValueError, UnknownNameError)) as caught:
        find_parts(ModelSettings(**options))  # type: ignore[arg-type]
    assert message in str(caught.value)
    given = [word for key, value in options.items() for word in _flag(key, value)]
    # The clips are not there either; the name is told first.
    root = ["--data.root", str(tmp_path / "nowhere")]
    with pytest.raises(SystemExit):
        train.main([*TINY, "--out", str(tmp_path / "run"), *root, *given])
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def _flag(key: str, value: object) -> list[str]:
    name = f"--model.{key.replace('_', '-')}"
    # What may also be none is not a switch, but takes its value.
    switch = value is True and key != "lazy_fusion"
    values = value if isinstance(value, tuple) else () if switch else (value,)
    return [name, *map(str, values)]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"encoder": "timm/resnet19"}, UnknownNameError, "timm has no model named 'resnet19'; did"),
        (
            {"encoder": f"timm/{NETWORK}", "encoder_weights": "none.pth"},
            CheckpointError,
            "none.pth does not exist; give the path",
        ),
    ],
)
def test_networks_and_weights_that_are_not_there_leave_no_run(
    options: dict[str, str],
    error: type[Exception],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(error) as caught:
        build("tiny", num_classes=2, **options)
    assert message in str(caught.value)
    given = [word for key, value in options.items() for word in _flag(key, value)]
    with pytest.raises(SystemExit):
        train.main([*TINY, "--out", str(tmp_path / "run"), *given])
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []

"""Every convolution, fusion and encoder trains by the name that settings give it, or is refused."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import stgan
from examples.imaginator import generate, train
from examples.imaginator.model import build
from stgan._torchvision import ensure_torchvision
from stgan.encoders import TimmEncoder
from stgan.errors import CheckpointError, ConfigError, UnknownNameError
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


@pytest.mark.parametrize(
    "swap",
    [("conv", "conv_transpose_2p1d"), ("fusion", "spade"), ("encoder", f"timm/{NETWORK}")],
    ids=str,
)
def test_another_part_trains(swap: tuple[str, str], tmp_path: Path) -> None:
    changed = _train(tmp_path / "run", f"--model.{swap[0]}", swap[1])
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
        fusion = {"name": "concat", "lazy": lazy}
        gan = build(preset, num_classes=3, conv=conv, fusion=fusion, **size)
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
    file = out.with_name("mine.yaml")
    encoder = {"name": "timm", "model": NETWORK, "weights": str(moved), "frozen": True,
               "input_size": [32, 32]}  # fmt: skip
    file.write_text(json.dumps({"model": {"encoder": encoder}}), encoding="utf-8")
    changed = _train(out, "--config", str(file))
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
    assert "with another model.encoder ({" in refused
    assert "there, 'image_pyramid' here)" in refused


def test_initialization_leaves_networks_and_fusions_as_they_came(weights: Path) -> None:
    gan = build(
        "imaginator", num_classes=3, num_frames=4, image_size=(32, 32), base_channels=16,
        encoder={"name": "timm", "model": NETWORK, "weights": str(weights)}, fusion="film",
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


REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"conv": "conv_transpose_1p3d"}, UnknownNameError, "did you mean 'conv_transpose_1p2d'?"),
    ({"conv": "temporal_shift"}, ConfigError, "conv"),
    ({"fusion": "concatenate"}, UnknownNameError, "did you mean 'concat'?"),
    ({"fusion": {"name": "film", "lazy": True}}, ConfigError, "fusion.lazy: .* no setting"),
    ({"encoder": "imagepyramid"}, UnknownNameError, "did you mean 'image_pyramid'?"),
    ({"encoder": "tim/resnet18"}, UnknownNameError, "did you mean 'timm'?"),
    ({"encoder": "image_pyramid/resnet18"}, ConfigError, "no setting named 'model'"),
    ({"encoder": {"name": "image_pyramid", "frozen": True}}, ConfigError, "named 'frozen'"),
    ({"encoder": "timm/resnet19"}, UnknownNameError, "timm has no model named 'resnet19'; did"),
    ({"encoder": {"name": "timm", "model": NETWORK, "weights": "none.pth"}}, CheckpointError,
     "none.pth does not exist; give the path"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "error", "message"), REFUSED, ids=str)
def test_what_is_no_part_is_refused_and_leaves_no_run(
    options: dict[str, Any],
    error: type[Exception],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(error, match=message):
        build("tiny", num_classes=2, **options)
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"model": options}), encoding="utf-8")
    with pytest.raises(SystemExit):
        train.main([*TINY, "--out", str(tmp_path / "run"), "--config", str(file)])
    assert re.search(message, " ".join(capsys.readouterr().err.split()))
    assert [*tmp_path.iterdir()] == [file]

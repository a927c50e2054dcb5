"""Published weights are converted, and nothing else is."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from examples.imaginator import convert
from examples.imaginator.model import build
from stgan.errors import CheckpointError
from tests.examples.runs import refusal


def _official_image_discriminator() -> dict[str, torch.Tensor]:
    ours = build("released", num_classes=6).discriminator.image.state_dict()
    names = {f"stages.{i}.conv": f"net.{2 * i}" for i in range(4)} | {"head": "net.8"}
    leaves = {
        "parametrizations.weight.original": "weight_orig",
        "parametrizations.weight.0._u": "weight_u",
        "parametrizations.weight.0._v": "weight_v",
        "bias": "bias",
    }
    return {
        f"module.{new}.{leaf}": ours[f"{old}.{ending}"]
        for old, new in names.items()
        for ending, leaf in leaves.items()
    }


def test_a_published_file_is_converted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    official = _official_image_discriminator()
    source, target = tmp_path / "official.pth", tmp_path / "out.safetensors"
    torch.save(official, source)
    convert.main([str(source), str(target)])
    assert "image_discriminator, 20 tensors" in capsys.readouterr().out
    network = build("released", num_classes=6).discriminator.image
    network.load_state_dict(load_file(target))
    assert torch.equal(network.head.bias, official["module.net.8.bias"])


def test_what_is_not_published_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "file.pth", tmp_path / "out.safetensors"
    torch.save({"conv.weight": torch.zeros(1)}, source)
    refused = refusal(lambda: convert.main([str(source), str(target)]), capsys)
    assert "must hold one of generator, video_discriminator, image_discriminator as publ" in refused
    assert not target.exists()
    with pytest.raises(CheckpointError, match=r"'net\.9\.bias' is not one of image_discriminator"):
        convert.convert_state_dict({"net.9.bias": torch.zeros(1)}, "image_discriminator")
    with pytest.raises(CheckpointError, match="network must be one of generator, video_disc"):
        convert.convert_state_dict({}, "encoder")

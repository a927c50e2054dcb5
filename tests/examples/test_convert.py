"""Published weights are converted; strangers and code in files are refused."""

import os
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


class _Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("trapped",)


def test_conversion_refuses_code_and_strangers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    source, target = tmp_path / "file.pth", tmp_path / "out.safetensors"
    for content, message in (
        ({"net.0.bias": _Trap()}, "it would run code when loaded: posix.mkdir"),
        ({"weights": 3}, "holds no state dict"),
        ({3: torch.zeros(1)}, "holds no state dict"),
        ({"conv.weight": torch.zeros(1)}, "holds no published ImaGINator network"),
    ):
        torch.save(content, source)
        assert message in refusal(lambda: convert.main([str(source), str(target)]), capsys)
    # A picture, and bytes at which the unpickler looks for something that is not there.
    for content in (b"\x89PNG\r\n\x1a\n", b"heh"):
        source.write_bytes(content)
        refused = refusal(lambda: convert.main([str(source), str(target)]), capsys)
        assert "cannot be read as a state dict: it" in refused
    assert not (tmp_path / "trapped").exists()
    assert not target.exists()
    refused = refusal(lambda: convert.main(["nowhere.pth", str(target)]), capsys)
    assert "nowhere.pth does not exist; check the path" in refused
    with pytest.raises(CheckpointError, match=r"'net\.9\.bias' is not one of a published"):
        convert.convert_state_dict({"net.9.bias": torch.zeros(1)}, "image_discriminator")
    with pytest.raises(CheckpointError, match="network must be one of generator, video_disc"):
        convert.convert_state_dict({}, "encoder")


def test_a_target_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "official.pth"
    torch.save(_official_image_discriminator(), source)
    (tmp_path / "folder.safetensors").mkdir()
    for name, message in (
        ("nowhere/out.safetensors", f"folder {tmp_path / 'nowhere'} does not exist; create it"),
        ("folder.safetensors", "folder.safetensors cannot be written: Is a directory; name anoth"),
    ):
        given = [str(source), str(tmp_path / name)]
        assert message in refusal(lambda given=given: convert.main(given), capsys)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "folder.safetensors",
        "official.pth",
    ]

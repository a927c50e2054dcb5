"""Published weights are renamed and written as data; strangers and code in files are refused."""

import os
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from stgan.errors import CheckpointError, DataError, UnknownNameError
from stgan.io import convert_weights, rename_weights

LAYOUTS = {"generator": {"enc.0": "encoder", "net.8": "head"}, "discriminator": {"net.8": "head"}}


def test_modules_and_the_vectors_of_spectral_normalization_get_their_names() -> None:
    published = {
        f"module.net.8.{leaf}": torch.full((2,), float(number))
        for number, leaf in enumerate(("weight_orig", "weight_u", "weight_v", "bias"))
    }
    renamed = rename_weights(published, {"net.8": "head"})
    assert [*renamed] == [
        "head.parametrizations.weight.original",
        "head.parametrizations.weight.0._u",
        "head.parametrizations.weight.0._v",
        "head.bias",
    ]
    assert all(a is b for a, b in zip(renamed.values(), published.values(), strict=True))
    network = torch.nn.utils.spectral_norm(torch.nn.Linear(3, 2))
    layer = torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(3, 2))
    old = {f"fc.{key}": tensor for key, tensor in network.state_dict().items()}
    layer.load_state_dict({k[2:]: v for k, v in rename_weights(old, {"fc": "x"}).items()})
    network.eval(), layer.eval()
    x = torch.randn(4, 3)
    torch.testing.assert_close(layer(x), network(x))


@pytest.mark.parametrize("told", [None, "discriminator"])
def test_a_file_is_converted(told: str | None, tmp_path: Path) -> None:
    source, target = tmp_path / "published.pth", tmp_path / "mine.safetensors"
    torch.save({"net.8.weight": torch.arange(6.0).view(2, 3).t()}, source)
    layouts = {**LAYOUTS, "generator": {"enc.0": "encoder"}}
    assert convert_weights(str(source), str(target), layouts, network=told) == ("discriminator", 1)
    assert torch.equal(load_file(target)["head.weight"], torch.arange(6.0).view(2, 3).t())
    with safe_open(target, "pt") as file:
        assert file.metadata() == {"network": "discriminator"}


class _Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("trapped",)


def test_code_and_strangers_are_refused_and_leave_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source, target = tmp_path / "file.pth", tmp_path / "out.safetensors"
    names = "generator, discriminator"
    for content, message in (
        ({"net.8.bias": _Trap()}, "it would run code when loaded: posix.mkdir"),
        ({"weights": 3}, "holds no state dict"),
        ({"conv.a": torch.zeros(1)}, f"must hold one of {names} as published, got a module 'conv'"),
    ):
        torch.save(content, source)
        with pytest.raises(CheckpointError) as caught:
            convert_weights(source, target, LAYOUTS)
        assert message in str(caught.value)
    with pytest.raises(CheckpointError) as caught:
        convert_weights(source, target, LAYOUTS, network="generator")
    assert str(caught.value) == (
        "key 'conv.a' is not one of generator as published; check which network it is"
    )
    with pytest.raises(UnknownNameError, match="no network named 'generatr'; did you mean 'gener"):
        convert_weights(source, target, LAYOUTS, network="generatr")
    assert [path.name for path in tmp_path.iterdir()] == ["file.pth"]


def test_a_target_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    source = tmp_path / "published.pth"
    torch.save({"net.8.bias": torch.zeros(1)}, source)
    (tmp_path / "folder.safetensors").mkdir()
    for name, message in (
        ("nowhere/out.safetensors", f"folder {tmp_path / 'nowhere'} does not exist; create it"),
        ("folder.safetensors", "folder.safetensors cannot be written: Is a directory; name anoth"),
    ):
        with pytest.raises(DataError) as caught:
            convert_weights(source, tmp_path / name, LAYOUTS)
        assert message in str(caught.value)
    assert {path.name for path in tmp_path.iterdir()} == {"folder.safetensors", "published.pth"}

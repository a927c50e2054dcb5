"""Numbers that come back are those that were written, and each file is hashed once for it."""

from collections import Counter
from pathlib import Path

import pytest
import torch
from torch import nn

from stgan.errors import CheckpointError
from stgan.training import (
    _checkpoint_files,
    load_checkpoint,
    load_networks,
    load_state,
    resume_checkpoint,
    save_checkpoint,
)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return save_checkpoint(
        tmp_path,
        step=1,
        networks={"first": nn.Linear(2, 3), "second": nn.Linear(1, 1)},
        state={"average": torch.full((1000,), 1.5)},
        config="lr: 0.1\n",
        metrics={"fvd": 3.0},
    )


def _change(path: Path, before: bytes, after: bytes) -> None:
    data = path.read_bytes()
    assert before in data
    path.write_bytes(data.replace(before, after, 1))


def test_numbers_that_were_changed_on_the_disk_are_refused(saved: Path) -> None:
    # 1.5 and infinity as float32: the archive stays as it was, and torch reads it.
    _change(saved / "state.pt", b"\x00\x00\xc0\x3f", b"\x00\x00\x80\x7f")
    with pytest.raises(CheckpointError, match=r"state\.pt is damaged, it is not what was written"):
        load_state(saved)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [("config.yaml", b"0.1", b"0.2"), ("metrics.json", b"3.0", b"1.0")],
)
def test_settings_and_metrics_that_were_changed_are_refused(
    saved: Path, name: str, before: bytes, after: bytes
) -> None:
    network = nn.Linear(2, 3)
    weight = network.weight.clone()
    _change(saved / name, before, after)
    with pytest.raises(CheckpointError, match=rf"{name} is damaged, it is not what was written"):
        load_checkpoint(saved, {"first": network})
    assert torch.equal(network.weight, weight)


def test_networks_that_are_not_asked_for_are_looked_at_only_when_resuming(saved: Path) -> None:
    (saved / "second.safetensors").write_bytes(b"")
    load_checkpoint(saved, {"first": nn.Linear(2, 3)})
    with pytest.raises(CheckpointError, match=r"second\.safetensors is damaged"):
        resume_checkpoint(saved.parent, {"first": nn.Linear(2, 3)})


def test_no_file_is_hashed_twice(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: Counter[str] = Counter()
    really = _checkpoint_files.sha256

    def watch(path: Path) -> str:
        seen[path.name] += 1
        return really(path)

    monkeypatch.setattr(_checkpoint_files, "sha256", watch)
    network = {"first": nn.Linear(2, 3)}
    others = {"config.yaml", "metrics.json", "state.pt"}
    for read, names in (
        (lambda: load_state(saved), {"state.pt"}),
        (lambda: load_networks(saved, network), {"first.safetensors"}),
        (lambda: load_checkpoint(saved, network), {"first.safetensors"} | others),
        (
            lambda: resume_checkpoint(saved.parent, network),
            {"first.safetensors", "second.safetensors"} | others,
        ),
    ):
        seen.clear()
        read()
        assert seen == dict.fromkeys(names, 1)

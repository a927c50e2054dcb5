"""The newest sound checkpoint is found, and the others are named; folders are tried beforehand."""

import hashlib
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from stgan.errors import CheckpointError
from stgan.training import (
    Run,
    check_checkpoint,
    latest_checkpoint,
    list_checkpoints,
    load_checkpoint,
    load_state,
    resume_checkpoint,
    save_checkpoint,
    sound_checkpoint,
)


def _save(folder: Path, step: int, network: nn.Module | None = None) -> Path:
    network = nn.Linear(2, 3) if network is None else network
    return save_checkpoint(
        folder, step=step, networks={"net": network}, state={"step": step}, config="a: 1\n", keep=9
    )


def _cut(path: Path, name: str) -> None:
    (path / name).write_bytes((path / name).read_bytes()[:-9])


def _empty(path: Path, name: str) -> None:
    (path / name).write_bytes(b"")


def _drop(path: Path, name: str) -> None:
    (path / name).unlink()


def _folder(path: Path, name: str) -> None:
    (path / name).unlink()
    (path / name).mkdir()


FILES = ["net.safetensors", "state.pt", "config.yaml", "SHA256SUMS"]
HARMS = [_cut, _empty, _drop, _folder]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("harm", HARMS)
def test_a_harmed_checkpoint_is_named_and_the_one_before_is_taken(
    tmp_path: Path, harm: Callable[[Path, str], None], name: str
) -> None:
    networks = [nn.Linear(2, 3) for _ in range(3)]
    paths = [_save(tmp_path, step, net) for step, net in enumerate(networks)]
    harm(paths[2], name)
    with pytest.raises(CheckpointError, match="step_00000002"):
        check_checkpoint(paths[2])
    loaded = nn.Linear(2, 3)
    resumed = resume_checkpoint(tmp_path, {"net": loaded})
    assert resumed.path == paths[1]
    assert resumed.state == {"step": 1}
    assert list(resumed.skipped) == [paths[2]]
    assert "step_00000002" in resumed.skipped[paths[2]]
    torch.testing.assert_close(loaded.state_dict(), networks[1].state_dict(), rtol=0, atol=0)
    assert sound_checkpoint(tmp_path) == (paths[1], resumed.skipped)


def test_one_of_another_network_is_passed_over_and_changes_nothing(tmp_path: Path) -> None:
    network = nn.Linear(2, 3)
    _save(tmp_path, 1, network)
    _save(tmp_path, 2, nn.Linear(5, 3))
    loaded = nn.Linear(2, 3)
    resumed = resume_checkpoint(tmp_path, {"net": loaded})
    assert resumed.state == {"step": 1}
    (reason,) = resumed.skipped.values()
    assert "network net has weight of shape (3, 2)" in reason


def test_if_none_can_be_used_each_reason_is_told_and_the_network_stays(tmp_path: Path) -> None:
    for step in (1, 2):
        _drop(_save(tmp_path, step), "state.pt")
    loaded = nn.Linear(2, 3)
    before = {key: value.clone() for key, value in loaded.state_dict().items()}
    with pytest.raises(
        CheckpointError,
        match=r"holds no checkpoint that can be used: step_00000002: .*lacks "
        r"state\.pt.*; step_00000001: ",
    ):
        resume_checkpoint(tmp_path, {"net": loaded})
    with pytest.raises(CheckpointError, match="holds no checkpoint that can be used: step_"):
        sound_checkpoint(tmp_path)
    torch.testing.assert_close(loaded.state_dict(), before, rtol=0, atol=0)


def test_a_kill_between_the_renames_of_a_replacement_is_no_loss(tmp_path: Path) -> None:
    _save(tmp_path, 1)
    _save(tmp_path, 2).rename(tmp_path / ".replaced_step_00000002")
    (tmp_path / ".replaced_notes").mkdir()
    assert resume_checkpoint(tmp_path, {}).state == {"step": 2}
    assert [path.name for path in list_checkpoints(tmp_path)] == [
        ".replaced_step_00000002",
        "step_00000001",
    ]
    _save(tmp_path, 3)
    assert load_state(tmp_path / "step_00000002") == {"step": 2}


def _resigned(path: Path, name: str, data: bytes) -> None:
    """Replace a file and its checksum, as a forger would."""
    old = hashlib.sha256((path / name).read_bytes()).hexdigest()
    (path / name).write_bytes(data)
    sums = (path / "SHA256SUMS").read_text()
    (path / "SHA256SUMS").write_text(sums.replace(old, hashlib.sha256(data).hexdigest()))


@st.composite
def spoiled(draw: st.DrawFn, data: bytes) -> bytes:
    """The bytes of a file with some of them cut out, overwritten or put in."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        stop = draw(st.integers(start, min(len(data), start + 40)))
        data = data[:start] + draw(st.binary(max_size=12)) + data[stop:]
    return data


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    optimizer = torch.optim.Adam(nn.Linear(2, 2).parameters())
    return save_checkpoint(
        tmp_path_factory.mktemp("sound"),
        step=1,
        networks={"net": nn.Linear(2, 3)},
        state={"optimizer": optimizer.state_dict(), "names": ["a"], "pair": (1, 2.5)},
        config="a: 1\n",
    )


@given(st.data())
@pytest.mark.parametrize("name", FILES)
def test_whatever_bytes_there_are_only_our_own_error_comes(
    sound: Path, tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / sound.name
    shutil.copytree(sound, path)
    before = (path / name).read_bytes()
    after = data.draw(spoiled(before) | st.binary(max_size=200))
    signed = name != "SHA256SUMS" and data.draw(st.booleans())
    if signed:
        _resigned(path, name, after)
    else:
        (path / name).write_bytes(after)
    network = nn.Linear(2, 3)
    for read in (
        lambda: check_checkpoint(path),
        lambda: load_checkpoint(path, {"net": network}),
        lambda: load_state(path),
        lambda: resume_checkpoint(path.parent, {"net": network}),
    ):
        with suppress(CheckpointError):
            read()
    if not signed and after != before and name != "SHA256SUMS":
        with pytest.raises(CheckpointError, match="damaged"):
            check_checkpoint(path)
    shutil.rmtree(path)


def test_what_cannot_be_written_is_told_with_what_stays(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        CheckpointError,
        match=r"file/run/step_00000001 could not be written: Not a directory; no checkpoint is ",
    ):
        _save(tmp_path / "file" / "run", 1)


def test_sums_cannot_point_elsewhere(tmp_path: Path) -> None:
    path = _save(tmp_path, 1)
    (tmp_path / "secret").write_bytes(b"")
    line = f"{hashlib.sha256(b'').hexdigest()}  ../secret\n"
    (path / "SHA256SUMS").write_text((path / "SHA256SUMS").read_text() + line)
    with pytest.raises(CheckpointError, match=r"names '\.\./secret', which is no file of a check"):
        check_checkpoint(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_never_saved_over_what_is(tmp_path: Path, value: float) -> None:
    good = nn.Linear(2, 3)
    path = _save(tmp_path, 1, good)
    bad = nn.Linear(2, 3)
    nn.init.constant_(bad.bias, value)
    with pytest.raises(CheckpointError, match="network net has values that are not finite in bias"):
        save_checkpoint(tmp_path, step=2, networks={"net": bad}, state={}, config="", keep=1)
    assert latest_checkpoint(tmp_path) == path
    settings = {"networks": {"net": bad}, "state": {}, "config": "", "finite": False}
    assert save_checkpoint(tmp_path, step=2, **settings).name == "step_00000002"  # type: ignore[arg-type]


def test_a_sum_that_overflows_is_finite_all_the_same(tmp_path: Path) -> None:
    large = nn.Linear(2, 3)
    nn.init.constant_(large.weight, 3e38)
    _save(tmp_path, 1, large)


@pytest.mark.parametrize("made", [torch.ones(2), [torch.ones(2)], "x" * 10**4, None])
def test_a_run_of_another_fact_is_refused(made: Any, tmp_path: Path) -> None:
    state = {"size": made, "step": 1}
    save_checkpoint(tmp_path / "checkpoints", step=1, networks={}, state=state, config="")
    with pytest.raises(CheckpointError, match=r"was trained with size .{1,200}, got \[1\.0\];"):
        Run(tmp_path, {}, steps=2, resume=True, facts={"size": [1.0]})

"""What is removed to make room: of a link the link alone, and what cannot be removed is named."""

from pathlib import Path
from typing import Any

import pytest

from stgan.errors import CheckpointError
from stgan.training import checkpoint, latest_checkpoint, load_state, save_checkpoint


def _save(folder: Path, step: int, **settings: Any) -> Path:
    usual = {"step": step, "networks": {}, "state": {"step": step}, "config": ""}
    return save_checkpoint(folder, **{**usual, **settings})


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A checkpoint of one run, to which the folder of another has a link."""
    path = _save(tmp_path / "first", 1)
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / path.name).symlink_to(path)
    return path


def test_a_link_goes_its_target_stays_and_saving_goes_on(linked: Path, tmp_path: Path) -> None:
    second = tmp_path / "second"
    for step in (2, 3):
        _save(second, step, keep=1)
        assert _names(second) == [f"step_0000000{step}"]
    assert load_state(linked) == {"step": 1}


def test_a_link_is_replaced_and_not_written_through(linked: Path, tmp_path: Path) -> None:
    path = _save(tmp_path / "second", 1, state={"try": 2})
    assert _names(tmp_path / "second") == [path.name]
    assert (load_state(path), load_state(linked)) == ({"try": 2}, {"step": 1})


def test_a_link_to_nothing_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "step_00000001").symlink_to(tmp_path / "gone")
    assert load_state(_save(tmp_path, 1)) == {"step": 1}
    assert _names(tmp_path) == ["step_00000001"]


@pytest.mark.parametrize("left", [".saving_", ".removing_", ".replaced_"])
def test_what_earlier_saves_left_may_be_links(linked: Path, tmp_path: Path, left: str) -> None:
    second = tmp_path / "second"
    (second / f"{left}{linked.name}").symlink_to(linked)
    _save(second, 2)
    assert _names(second) == [linked.name, "step_00000002"]
    assert load_state(linked) == {"step": 1}


def test_what_cannot_be_removed_is_named_and_the_new_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", "state.pt")

    _save(tmp_path, 1)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.shutil, "rmtree", refuse)  # type: ignore[attr-defined]
        with pytest.raises(
            CheckpointError,
            match=r"step_00000002 is written, but the outdated step_00000001 could not be removed: "
            r"\S+/\.removing_step_00000001 cannot be removed, Permission denied; remove it your",
        ):
            _save(tmp_path, 2, keep=1)
        assert load_state(latest_checkpoint(tmp_path)) == {"step": 2}
    _save(tmp_path, 3, keep=1)
    assert _names(tmp_path) == ["step_00000003"]


def test_a_folder_of_checkpoints_that_is_a_link_is_refused_and_its_target_untouched(
    tmp_path: Path,
) -> None:
    """A run folder from a stranger could have checkpoints removed and written anywhere by it."""
    for step in (1, 2):
        _save(tmp_path / "mine", step)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoints").symlink_to(tmp_path / "mine")
    with pytest.raises(CheckpointError, match=r"run/checkpoints must be a plain .* to \S+mine;"):
        _save(tmp_path / "run" / "checkpoints", 3, keep=1)
    assert _names(tmp_path / "mine") == ["step_00000001", "step_00000002"]

"""What cannot be saved, and what happens to a save that is interrupted."""

import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from stgan.errors import CheckpointError
from stgan.training import check_checkpoint, list_checkpoints, save_checkpoint


def _save(folder: Path, step: int = 1, **settings: Any) -> Path:
    usual = {"step": step, "networks": {}, "state": {"step": step}, "config": ""}
    return save_checkpoint(folder, **{**usual, **settings})


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        pytest.param({"step": -1}, ValueError, "step must be at least 0, got -1", id="step"),
        pytest.param({"keep": 0}, ValueError, "keep must be at least 1, got 0", id="keep"),
        pytest.param(
            {"networks": {"../a": nn.Linear(1, 1)}},
            ValueError,
            r"network name '\.\./a' cannot be a file name; use letters",
            id="name",
        ),
        pytest.param(
            {"state": {"settings": Path("a")}},
            CheckpointError,
            r"state cannot be saved: it would run code when loaded: pathlib\.\w+; use plain",
            id="object in state",
        ),
        pytest.param(
            {"state": {"function": lambda: 0}},
            CheckpointError,
            "state cannot be saved: it would run code when loaded",
            id="function in state",
        ),
    ],
)
def test_what_cannot_be_saved_is_refused_and_leaves_nothing(
    tmp_path: Path, settings: dict[str, Any], error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        _save(tmp_path, **settings)
    assert list(tmp_path.iterdir()) == []


def test_a_network_with_a_state_that_is_no_tensor_is_refused(tmp_path: Path) -> None:
    class Odd(nn.Linear):
        def get_extra_state(self) -> dict[str, int]:
            return {"count": 1}

    with pytest.raises(
        CheckpointError, match="network odd keeps a dict in its state dict under _extra_state"
    ):
        _save(tmp_path, networks={"odd": Odd(1, 1)})


@pytest.mark.parametrize("moment", [1, 4, 9])
def test_a_signal_in_the_middle_of_a_file_is_not_hidden_behind_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """As the one that tells of a dead worker of a loader, whose handler raises."""

    def tell(*_: object) -> None:
        raise RuntimeError("DataLoader worker (pid 5) is killed by signal: Killed. ")

    class Interrupted:
        def __init__(self, file: Any) -> None:
            self.file, self.writes = file, 0

        def __enter__(self) -> "Interrupted":
            return self

        def __exit__(self, *error: object) -> None:
            self.file.close()

        def write(self, data: Any) -> int:
            self.writes += 1
            if self.writes == moment:
                signal.raise_signal(signal.SIGUSR1)
            return self.file.write(data)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

    _save(tmp_path, 1)
    usual = signal.signal(signal.SIGUSR1, tell)
    try:
        really = Path.open
        monkeypatch.setattr(
            Path,
            "open",
            lambda path, mode="r", *a, **k: (
                Interrupted(really(path, mode, *a, **k))
                if path.name == "state.pt" and mode == "wb"
                else really(path, mode, *a, **k)
            ),
        )
        state = {"tensor": torch.randn(20_000)}
        with pytest.raises(RuntimeError, match=r"DataLoader worker .* killed by signal: Killed"):
            _save(tmp_path, 2, state=state)
    finally:
        signal.signal(signal.SIGUSR1, usual)
    monkeypatch.undo()
    (kept,) = list_checkpoints(tmp_path)
    assert kept.name == "step_00000001"
    check_checkpoint(kept)
    assert [path.name for path in tmp_path.iterdir()] == [kept.name]

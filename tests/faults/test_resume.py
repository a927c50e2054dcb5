"""A run that was stopped and resumed is the run that was not, bit for bit."""

import json
from pathlib import Path

import pytest

from stgan.training import list_checkpoints
from tests.faults import loop
from tests.faults.shell import PYTHON, different, finish, lines, start

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("stop", [1, 4])
def test_stopped_anywhere_and_resumed_equals_uninterrupted(
    tmp_path: Path, workers: int, stop: int
) -> None:
    options = ["--global-draws", "--workers", str(workers)]
    # Every tensor and counter: networks, average, optimizers, all generators, the phase of the
    # lazy penalty, the augmentation and the running means, the place in the data.
    loop.main([str(tmp_path / "whole"), "--steps", "7", *options])
    loop.main([str(tmp_path / "parts"), "--steps", str(stop), *options])
    loop.main([str(tmp_path / "parts"), "--steps", "7", "--resume", *options])
    assert different(tmp_path / "parts", tmp_path / "whole") == []
    assert lines(tmp_path / "parts") == lines(tmp_path / "whole")


def test_what_is_resumed_has_moved(tmp_path: Path) -> None:
    """The test above would pass if nothing changed; here everything does."""
    for name, steps in (("a", "3"), ("b", "4")):
        loop.main([str(tmp_path / name), "--steps", steps, "--global-draws"])
    moved = different(tmp_path / "a", tmp_path / "b")
    assert "state" in moved
    for part in ("generator", "discriminator", "average", "augment", "lecam"):
        assert any(name.startswith(f"{part}.") for name in moved), part


def test_the_same_seed_gives_the_same_losses_in_fresh_processes(tmp_path: Path) -> None:
    runs = [
        start(PYTHON, tmp_path / name, "--steps", 20, "--save-every", 20, "--global-draws",
              "--workers", workers, "--seed", seed)
        for name, workers, seed in (("a", 0, 5), ("b", 1, 5))
    ]  # fmt: skip
    for run in runs:
        status, _, err = finish(run)
        assert status == 0, err
    assert len(lines(tmp_path / "a")) == 20
    assert lines(tmp_path / "a") == lines(tmp_path / "b")
    loop.main([str(tmp_path / "c"), "--steps", "1", "--global-draws", "--seed", "6"])
    assert lines(tmp_path / "c")[0] != lines(tmp_path / "a")[0]


@pytest.mark.timeout(180)
@pytest.mark.slow
def test_thirty_kills_at_random_moments_leave_no_trace(tmp_path: Path) -> None:
    command = [*PYTHON[:-1], "tests.faults.kills"]
    status, out, err = finish(start(command, tmp_path, "--kills", 30), timeout=170)
    assert status == 0, err
    report = json.loads(out.splitlines()[-1])
    assert report["kills"] == 30
    assert report["done"] == 1
    # They fell into all moments: into saves, between them, and while workers read.
    assert report["in_save"] > 0
    assert report["in_save"] < 30
    assert report["worker_runs"] > 0
    assert report["steps"] > 1  # how many, depends on how busy the machine is


def test_a_damaged_newest_checkpoint_is_told_and_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loop.main([str(tmp_path / "whole"), "--steps", "5", "--global-draws"])
    loop.main([str(tmp_path / "parts"), "--steps", "4", "--global-draws"])
    newest = list_checkpoints(tmp_path / "parts" / "checkpoints")[0]
    data = (newest / "generator.safetensors").read_bytes()
    (newest / "generator.safetensors").write_bytes(data[:-1])
    capsys.readouterr()
    loop.main([str(tmp_path / "parts"), "--steps", "5", "--global-draws", "--resume"])
    out = capsys.readouterr().out
    assert "skipped step_00000004: " in out
    assert "generator.safetensors is damaged" in out
    assert "resumed at 3" in out
    assert different(tmp_path / "parts", tmp_path / "whole") == []

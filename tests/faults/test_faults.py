"""Faults of real processes: signals, full disks, dead workers, numbers that are none."""

import os
import resource
import signal
import subprocess
from pathlib import Path

import pytest

from stgan.errors import CheckpointError
from stgan.training import check_checkpoint, check_run_folder, list_checkpoints, load_state
from tests.faults import loop
from tests.faults.shell import PYTHON, different, finish, lines, start, wait_until

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


def _newest(out: Path) -> int:
    return load_state(list_checkpoints(out / "checkpoints")[0])["step"]


@pytest.mark.parametrize(("name", "group"), [("SIGTERM", True), ("SIGINT", True)])
def test_a_signal_ends_a_run_after_its_step_with_a_checkpoint(
    tmp_path: Path, name: str, group: bool
) -> None:
    # A terminal and a scheduler send it to the whole group: the loader's workers get it too.
    out = tmp_path / "run"
    run = start(PYTHON, out, "--steps", 100000, "--save-every", 100000, "--workers", 1,
                "--pause", 0.02, "--global-draws", start_new_session=True)  # fmt: skip
    wait_until(lambda: len(lines(out)) >= 3, run)
    (os.killpg if group else os.kill)(run.pid, getattr(signal, name))
    status, said, err = finish(run)
    assert (status, err) == (0, ""), err
    step = len(lines(out))
    assert f"stopped by {name} after step {step}" in said
    assert _newest(out) == step
    # And it goes on as if nothing had been.
    loop.main([str(out), "--steps", str(step + 2), "--resume", "--global-draws"])
    whole = tmp_path / "whole"
    loop.main([str(whole), "--steps", str(step + 2), "--global-draws"])
    assert different(out, whole) == []


def _no_large_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))


def test_a_full_disk_keeps_the_old_checkpoint_and_says_so(
    tmp_path: Path, small_disk: Path | None
) -> None:
    if small_disk is not None:
        # One in five steps stays for good, so that the disk fills up.
        out, reason = small_disk / "run", "No space left on device"
        run = start(PYTHON, out, "--steps", 1000)
    else:
        out, reason = tmp_path / "run", "File too large"
        loop.main([str(out), "--steps", "2"])
        run = start(PYTHON, out, "--steps", 3, "--resume", preexec_fn=_no_large_files)
    status, _, err = finish(run)
    assert status == 1
    assert reason in err
    newest = list_checkpoints(out / "checkpoints")[0]
    assert f"{newest.name} and those before it are as they were, so make room" in err
    assert [path.name for path in (out / "checkpoints").glob(".*")] == []
    for path in list_checkpoints(out / "checkpoints"):
        check_checkpoint(path)
    assert _newest(out) == len(lines(out)) - 1


def test_a_folder_that_cannot_be_written_is_named_before_the_first_step(
    tmp_path: Path, small_disk: Path | None
) -> None:
    if small_disk is not None:
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        out, reason = small_disk / "run", "Read-only file system"
    elif os.getuid():
        out, reason = tmp_path, "Permission denied"
        tmp_path.chmod(0o500)
    else:
        out, reason = Path("/proc/run"), "No such file"  # which refuses even its owner
    with pytest.raises(CheckpointError, match=f"run folder {out} cannot be written to: {reason}"):
        check_run_folder(out)
    with pytest.raises(CheckpointError, match="name another one, or change its permissions"):
        loop.main([str(out), "--steps", "1"])
    tmp_path.chmod(0o700)


def test_a_worker_that_dies_ends_the_run_and_a_resumed_one_goes_on(tmp_path: Path) -> None:
    out, whole = tmp_path / "run", tmp_path / "whole"
    # The first draw of the fifth epoch of 7 clips falls into the eighth batch of 4.
    run = start(PYTHON, out, "--steps", 12, "--workers", 2, "--deadly-draw", 4, "--global-draws")
    status, _, err = finish(run)
    assert status == 1
    assert "error: a process that reads clips died: DataLoader worker" in err
    # torch says the second where its own handler was called in a moment that swallows errors.
    assert "is killed by signal: Killed" in err or "exited unexpectedly" in err
    assert "; if memory ran out, take fewer workers or a smaller cache, and go on" in err
    for path in list_checkpoints(out / "checkpoints"):
        check_checkpoint(path)
    assert 0 < _newest(out) < 12
    loop.main([str(out), "--steps", "12", "--resume", "--global-draws"])
    loop.main([str(whole), "--steps", "12", "--global-draws"])
    assert different(out, whole) == []


def test_numbers_that_are_none_stop_the_run_and_the_good_checkpoint_stays(tmp_path: Path) -> None:
    out = tmp_path / "run"
    run = start(PYTHON, out, "--steps", 6, "--poison", 3)
    status, _, err = finish(run)
    assert status == 1
    assert "D, G and the gradients of" in err or "D and the gradients of discriminator" in err
    assert "not finite at step 4; nothing was saved after that: resume from the last" in err
    assert _newest(out) == 3
    for path in list_checkpoints(out / "checkpoints"):
        check_checkpoint(path)


def test_a_bounded_number_of_such_steps_can_be_skipped(tmp_path: Path) -> None:
    loop.main([str(tmp_path), "--steps", "6", "--poison", "3", "--skip", "2"])
    found = [all(value == value for value in line.values()) for line in lines(tmp_path)]
    assert found == [True, True, True, False, True, True]
    newest = list_checkpoints(tmp_path / "checkpoints")[0]
    assert load_state(newest)["guard"]["skipped"] == 2  # one step of each network
    check_checkpoint(newest)
    with pytest.raises(FloatingPointError, match="after 1 skipped steps; nothing was saved"):
        loop.main([str(tmp_path / "less"), "--steps", "6", "--poison", "3", "--skip", "1"])

"""Several processes are one: the same losses and weights, no file twice, one clean end."""

import os
import signal
from pathlib import Path

import pytest

from stgan.training import check_checkpoint, list_checkpoints, load_state
from tests.faults import loop
from tests.faults.shell import TORCHRUN, finish, lines, same, start, state, wait_until

# What of them is left under its own name after the command that launched it has ended.
_PROCESSES = Path("/proc")


def _running(out: Path) -> list[int]:
    found = []
    for process in _PROCESSES.glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(out) in command and int(process.name) != os.getpid():
            found.append(int(process.name))
    return found


def _assert_near(found: Path, expected: Path) -> None:
    """Losses and tensors within 1e-6 in float64, of which rounding needs far less."""
    for a, b in zip(lines(found), lines(expected), strict=True):
        assert a == pytest.approx(b, rel=1e-9, abs=1e-9)
    left, right = state(found), state(expected)
    left_state, right_state = left.pop("state"), right.pop("state")
    assert left.keys() == right.keys()
    for name, tensor in right.items():
        if tensor.is_floating_point():
            assert (left[name] - tensor).abs().max() < 1e-6, name
        else:
            assert same(left[name], tensor), name
    for name in ("step", "clips", "lazy"):
        assert left_state[name] == right_state[name]


def test_two_processes_give_the_losses_and_weights_of_one_with_the_same_batch(
    tmp_path: Path,
) -> None:
    # Batch norm, spectral norm, a lazy penalty on the slope of both streams; then accumulation.
    synchronized = ["--steps", "7", "--workers", "1"]
    accumulated = ["--steps", "4", "--batch-size", "8", "--plain"]
    run = start(TORCHRUN, tmp_path / "two", *synchronized, "--devices", 2, "--then",
                tmp_path / "parts", *accumulated, "--accumulate", 2, "--devices", 2)  # fmt: skip
    loop.main([str(tmp_path / "one"), *synchronized[:2]])
    loop.main([str(tmp_path / "whole"), *accumulated])
    status, _, err = finish(run)
    assert status == 0, err
    _assert_near(tmp_path / "two", tmp_path / "one")
    _assert_near(tmp_path / "parts", tmp_path / "whole")
    # Only the first process writes.
    files = [
        sorted(path.relative_to(out).as_posix() for path in out.rglob("*"))
        for out in (tmp_path / "two", tmp_path / "one")
    ]
    assert files[0] == files[1]


def test_accumulated_parts_equal_the_whole_batch_in_one_process_too(tmp_path: Path) -> None:
    for name, parts in (("whole", "1"), ("halves", "2"), ("quarters", "4")):
        loop.main([str(tmp_path / name), "--steps", "4", "--plain", "--accumulate", parts])
    _assert_near(tmp_path / "halves", tmp_path / "whole")
    _assert_near(tmp_path / "quarters", tmp_path / "whole")


def test_if_one_process_dies_all_end_and_the_checkpoint_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "run"
    run = start(TORCHRUN, out, "--steps", 1000, "--devices", 2, "--suicide", 3)
    status, _, err = finish(run)
    assert status != 0
    assert "exitcode  : -9" in err
    assert _running(out) == []
    newest = list_checkpoints(out / "checkpoints")[0]
    check_checkpoint(newest)
    assert load_state(newest)["step"] == 3


def test_a_signal_to_the_launcher_ends_all_processes_at_one_step(tmp_path: Path) -> None:
    out = tmp_path / "run"
    run = start(TORCHRUN, out, "--steps", 100000, "--save-every", 100000, "--devices", 2)
    wait_until(lambda: len(lines(out)) >= 2, run)
    run.send_signal(signal.SIGTERM)
    _, said, _ = finish(run)
    step = len(lines(out))
    # The first process saved at the step at which both stopped, and both say so.
    assert said.count(f"stopped by SIGTERM after step {step}") == 2
    newest = list_checkpoints(out / "checkpoints")[0]
    check_checkpoint(newest)
    assert load_state(newest)["step"] == step
    assert _running(out) == []

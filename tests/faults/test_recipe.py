"""The recipe itself under faults, in parts, in two processes and in half precision."""

import json
import os
import signal
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from examples.imaginator import train
from stgan.io import write_strip
from stgan.training import check_checkpoint, latest_checkpoint, list_checkpoints, load_state
from tests.examples.runs import QUIET, SMALLEST
from tests.faults.shell import TORCHRUN, different, finish, start, state, wait_until

pytestmark = [QUIET, pytest.mark.filterwarnings("ignore:This DataLoader will create")]

RECIPE = [*TORCHRUN[:2], "examples.imaginator.train"]
TINY = [*SMALLEST, "--train.save-every", "1"]
# What no part of a batch can change: no spectral norm, which iterates in every pass.
PLAIN = [
    "--discriminator.video.spectral_norm", "false",
    "--discriminator.image.spectral_norm", "false",
]  # fmt: skip


def _losses(out: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [
        {key: value for key, value in line.items() if not key.startswith(("speed", "health"))}
        for line in lines
    ]


def _train(out: Path, *options: object) -> list[dict[str, float]]:
    train.main([*TINY, "--out", str(out), *map(str, options)])
    return _losses(out)


def _assert_near(found: Path, expected: Path) -> None:
    for a, b in zip(_losses(found), _losses(expected), strict=True):
        assert a == pytest.approx(b, rel=2e-4, abs=2e-4)
    left, right = state(found), state(expected)
    for name, tensor in right.items():
        if name != "state":
            torch.testing.assert_close(left[name], tensor, rtol=1e-2, atol=2e-3)


def test_two_fresh_processes_with_one_seed_have_the_same_first_20_losses(tmp_path: Path) -> None:
    runs = [
        start(RECIPE, *TINY, "--out", tmp_path / name, "--train.steps", 20, "--train.seed", seed,
              "--train.save-every", 20, "--data.workers", 1)
        for name, seed in (("a", 5), ("b", 5), ("c", 6))
    ]  # fmt: skip
    for run in runs:
        status, _, err = finish(run)
        assert status == 0, err
    first, again, other = (_losses(tmp_path / name) for name in "abc")
    assert len(first) == 20
    assert first == again != other


def test_a_batch_that_has_no_such_parts_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        train.main([*TINY, "--out", str(tmp_path / "run"), "--train.accumulate", "3"])
    told = "batch_size 4 cannot be shared by 1 process in 3 parts each; make it a multiple of 3"
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("order", ["discriminator_first", "generator_first", "simultaneous"])
def test_parts_of_a_batch_give_the_whole_batch(tmp_path: Path, order: str) -> None:
    options = ["--train.steps", 3, *PLAIN, "--loss.order", order]
    _train(tmp_path / "whole", *options)
    _train(tmp_path / "parts", *options, "--train.accumulate", 2)
    _assert_near(tmp_path / "parts", tmp_path / "whole")


def test_forgotten_activations_change_nothing(tmp_path: Path) -> None:
    _train(tmp_path / "whole", "--train.steps", 3, *PLAIN)
    _train(tmp_path / "again", "--train.steps", 3, *PLAIN, "--train.checkpoint-activations")
    assert _losses(tmp_path / "again") == _losses(tmp_path / "whole")
    assert different(tmp_path / "again", tmp_path / "whole") == []


@pytest.mark.slow
def test_two_processes_of_the_recipe_on_two_machines_follow_one(tmp_path: Path) -> None:
    batch = ["--model.norm", "batch", "--train.steps", 3]
    # As on two machines: a launcher for each, which find each other by address and port.
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    runs = [
        start([*TORCHRUN[:3], "--nnodes", "2", "--nproc-per-node", "1", "--node-rank", str(rank),
               "--master-addr", "127.0.0.1", "--master-port", str(port), *RECIPE[1:]],
              *TINY, "--out", tmp_path / "two", *batch, "--train.nodes", 2)
        for rank in range(2)
    ]  # fmt: skip
    _train(tmp_path / "one", *batch)
    for run in runs:
        status, _, err = finish(run)
        assert status == 0, err
    _assert_near(tmp_path / "two", tmp_path / "one")
    names = [
        sorted(path.name.split(".")[0] for path in (tmp_path / out).rglob("*"))
        for out in ("two", "one")
    ]
    assert names[0] == names[1]


@pytest.mark.slow
def test_a_killed_and_a_stopped_run_of_the_recipe_resume_to_the_same_end(tmp_path: Path) -> None:
    out, whole = tmp_path / "run", tmp_path / "whole"
    options = ["--out", out, "--data.workers", 1, "--train.steps", 100000]
    run = start(RECIPE, *TINY, *options)
    wait_until(lambda: (out / "checkpoints" / "step_00000003").is_dir(), run)
    os.kill(run.pid, signal.SIGKILL)
    finish(run)
    for path in list_checkpoints(out / "checkpoints"):
        check_checkpoint(path)
    reached = load_state(latest_checkpoint(out / "checkpoints"))["step"]
    assert reached >= 3
    # The next is asked to stop, and says how to go on.
    run = start(RECIPE, *TINY, *options, "--resume")
    wait_until(lambda: len(_losses(out)) >= reached + 2, run)
    run.send_signal(signal.SIGTERM)
    status, said, err = finish(run)
    assert status == 0, err
    last = load_state(latest_checkpoint(out / "checkpoints"))["step"]
    assert f"stopped by SIGTERM after step {last}; add --resume to go on" in said
    _train(whole, "--train.steps", last)
    found = [name for name in different(out, whole) if name != "state"]
    assert found == []
    assert _losses(out) == _losses(whole)


@pytest.mark.slow
def test_two_hundred_steps_in_bf16_stay_finite_and_near_float32(tmp_path: Path) -> None:
    options = ["--train.steps", 200, "--train.log-every", 10, "--train.save-every", 200]
    full = _train(tmp_path / "full", *options)
    half = _train(tmp_path / "half", *options, "--train.precision", "bf16-mixed")
    key = "generator/reconstruction"
    assert all(abs(value) < 1e4 for line in half for value in line.values())
    curves = [
        [sum(line[key] for line in lines[k : k + 5]) / 5 for k in (0, 5, 10, 15)]
        for lines in (half, full)
    ]
    # Both learn, and alike; a curve moves by more from one batch to the next.
    assert curves[1][-1] < 0.7 * curves[1][0]
    assert curves[0] == pytest.approx(curves[1], rel=0.15)
    for tensor in state(tmp_path / "half").values():
        if isinstance(tensor, torch.Tensor) and tensor.is_floating_point():
            assert tensor.dtype == torch.float32
            assert tensor.isfinite().all()


def test_what_a_run_is_may_not_change_when_it_is_resumed_and_its_pace_may(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    _train(out, "--train.steps", 1)
    resume = ["--out", str(out), "--resume"]
    for option, value, told in (
        ("--train.batch-size", "8", "train.batch_size (4 there, 8 here)"),
        ("--train.seed", "1", "train.seed (12345 there, 1 here)"),
        ("--train.ema-decay", "0", "train.ema_decay (0.99 there, 0.0 here)"),
        ("--model.z-dim", "5", "model.z_dim (4 there, 5 here)"),
        ("--data.num-shapes", "6", "data.num_shapes (12 there, 6 here)"),
    ):
        with pytest.raises(SystemExit):
            train.main([*resume, option, value])
        assert f"was trained with another {told}" in capsys.readouterr().err
    # A learning rate is no part of the optimizer's memory: it takes the new one.
    train.main([*resume, "--train.steps", "2", "--train.learning-rate", "1e-5",
                "--data.workers", "1"])  # fmt: skip
    saved = load_state(latest_checkpoint(out / "checkpoints"))
    assert saved["generator_optimizer"]["param_groups"][0]["lr"] == 1e-5
    assert saved["step"] == 2


def test_a_damaged_checkpoint_of_the_recipe_is_passed_over_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    _train(out, "--train.steps", 3)
    newest = latest_checkpoint(out / "checkpoints")
    (newest / "state.pt").write_bytes((newest / "state.pt").read_bytes()[:-3])
    train.main(["--out", str(out), "--resume", "--train.steps", "4"])
    said = capsys.readouterr().out
    assert f"passed over: {newest}/state.pt is damaged" in said
    assert [line["step"] for line in _losses(out)] == [1, 2, 3, 4]


def test_rules_keep_checkpoints_of_the_recipe(tmp_path: Path) -> None:
    lines = _train(tmp_path / "run", "--train.steps", 5, "--train.keep.last", 1,
                   "--train.keep.every", 2, "--train.keep.best", "generator/image")  # fmt: skip
    best = min(lines, key=lambda line: line["generator/image"])["step"]
    kept = {int(p.name[5:]) for p in list_checkpoints(tmp_path / "run" / "checkpoints")}
    assert kept == {5, 2, 4, best}


def _kept(out: Path) -> dict[str, str]:
    return {
        path.name: (path / "metrics.json").read_text()
        for path in list_checkpoints(out / "checkpoints")
    }


@pytest.mark.parametrize("stops", [(4,), (1, 2, 5, 7)])
def test_a_stopped_run_keeps_the_best_that_it_would_have_kept_without(
    tmp_path: Path, stops: Sequence[int]
) -> None:
    # Where the log is not written at every step, a checkpoint has the numbers of the line before.
    options = [
        "--train.log-every",
        3,
        "--train.keep.last",
        2,
        "--train.keep.best",
        "generator/image",
    ]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    _train(whole, *options, "--train.steps", 8)
    _train(parts, *options, "--train.steps", stops[0])
    for stop in (*stops[1:], 8):
        train.main(["--out", str(parts), "--resume", "--train.steps", str(stop)])
    assert _kept(parts) == _kept(whole)
    assert len(_kept(whole)) == 3


def test_a_checkpoint_between_the_others_is_not_ranked(tmp_path: Path) -> None:
    out, rules = tmp_path / "run", ["--train.keep.last", 1, "--train.keep.best", "generator/image"]
    _train(out, *rules, "--train.steps", 3, "--train.save-every", 2)
    assert _kept(out)["step_00000003"] == "{}"
    train.main(["--out", str(out), "--resume", "--train.steps", "4"])
    assert all("generator/image" in metrics for metrics in _kept(out).values())


def test_a_full_game_is_watched_and_a_folder_that_cannot_be_written_is_told_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train.main([*TINY, "--out", str(tmp_path / "run"), "--train.steps", "1"])
    (line,) = [json.loads(x) for x in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    for name in ("video/accuracy", "image/ranking", "gradient/generator", "update/discriminator",
                 "sigma/discriminator", "diversity/fake", "alarm/collapse"):  # fmt: skip
        assert f"health/{name}" in line
    (tmp_path / "file").write_text("")
    capsys.readouterr()
    with pytest.raises(SystemExit):
        train.main([*TINY, "--out", str(tmp_path / "file"), "--train.steps", "1"])
    assert f"run folder {tmp_path / 'file'} cannot be written to: " in capsys.readouterr().err


def test_a_worker_that_dies_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def die(opened: train.Training) -> Path:
        raise RuntimeError("DataLoader worker (pid 5) is killed by signal: Killed. ")

    monkeypatch.setattr(train, "train", die)
    with pytest.raises(SystemExit):
        train.main([*TINY, "--out", str(tmp_path)])
    assert "error: a process that reads clips died: DataLoader" in capsys.readouterr().err


def test_a_file_that_goes_bad_in_a_run_is_told_in_its_progress_and_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "clips"
    for number in range(6):
        path = root / f"class_{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_strip(torch.rand(3, 5, 16, 16) * 2 - 1, path)
    options = ["--data.root", str(root), "--data.skip-broken", "--train.steps", "4"]
    run = train.open_run(train.parse_settings([*TINY, "--out", str(tmp_path / "run"), *options]))
    gone = root / "class_1" / "3.png"
    gone.unlink()
    train.train(run)
    told = capsys.readouterr()
    assert (told.out + told.err).count(f"broken since the start: clip {gone} does not exist") == 1
    assert [line["step"] for line in _losses(tmp_path / "run")] == [1, 2, 3, 4]

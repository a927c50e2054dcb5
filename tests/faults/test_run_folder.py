"""The folder of a run of the recipe: full, gone, or another's."""

import errno
import functools
import os
import resource
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.compat.tensorflow_stub.io import gfile

from examples.imaginator import evaluate, generate, train
from stgan.io import write_strip
from stgan.training import (
    MetricsLog,
    RunFolder,
    check_checkpoint,
    latest_checkpoint,
    list_checkpoints,
    run,
)
from tests.examples.runs import QUIET, SMALLEST, refusal, train_run
from tests.faults.shell import TORCHRUN, finish, start

pytestmark = [QUIET, pytest.mark.filterwarnings("ignore:This DataLoader will create")]

RECIPE = [*TORCHRUN[:2], "examples.imaginator.train"]
FULL = "No space left on device"
STAYS = "step_00000002 and those before it are as they were, so make room and resume, or name"


def _steps(out: Path) -> list[str]:
    return [path.name for path in list_checkpoints(out / "checkpoints")]


def _at(step: int, monkeypatch: pytest.MonkeyPatch, harm: Callable[[], object]) -> None:
    """Let something happen to a run before one of its steps."""
    taken = []

    def step_of_a_run(*given: Any, **settings: Any) -> Any:
        taken.append(step)
        if len(taken) == step:
            harm()
        return take(*given, **settings)

    take = train.ImaGINatorStep.__call__
    monkeypatch.setattr(train.ImaGINatorStep, "__call__", step_of_a_run)


def _full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("file", "what", "options"),
    [
        pytest.param("metrics.jsonl", (MetricsLog, "append"), [], id="log"),
        pytest.param("tensorboard", (gfile.LocalFileSystem, "_write"), [], id="curves"),
        pytest.param(
            "tensorboard", (gfile.LocalFileSystem, "_write"), ["--train.log-every", "9"],
            id="pictures",
        ),
        pytest.param("checkpoints/step_00000004", (Path, "write_text"), [], id="checkpoint"),
    ],
)  # fmt: skip
def test_a_disk_that_is_full_is_told_wherever_a_run_writes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    file: str,
    what: tuple[object, str],
    options: Sequence[str],
) -> None:
    out = tmp_path / "run"
    train_run(out, "--train.steps", "2", "--train.sample-every", "1")
    resume = ["--out", str(out), "--resume"]
    with monkeypatch.context() as patch:
        _at(1, patch, lambda: patch.setattr(*what, _full))
        told = refusal(lambda: train.main([*resume, "--train.steps", "4", *options]), capsys)
    assert f"{out / file} could not be written: {FULL}; {STAYS}" in told
    assert _steps(out) == ["step_00000002"]
    check_checkpoint(latest_checkpoint(out / "checkpoints"))
    train.main([*resume, "--train.steps", "3"])
    assert [line["step"] for line in MetricsLog(out / "metrics.jsonl").read()] == [1, 2, 3]


@pytest.mark.parametrize("name", ["config.yaml", "metrics.jsonl", "tensorboard"])
def test_a_disk_that_is_full_at_the_start_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    if name == "config.yaml":
        monkeypatch.setattr(run, "replacing", _full)
    elif name == "metrics.jsonl":
        monkeypatch.setattr(MetricsLog, "forget_after", _full)
    else:
        monkeypatch.setattr(gfile.LocalFileSystem, "_write", _full)
    told = refusal(lambda: train_run(tmp_path / "run", "--train.steps", "2"), capsys)
    stays = "no checkpoint is there, so make room and begin again, or name another folder"
    assert f"run/{name} could not be written: {FULL}; {stays}" in told


def _no_large_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000))


def test_a_disk_fills_up_while_the_log_is_written(tmp_path: Path, small_disk: Path | None) -> None:
    options = ["--train.steps", 2000, "--train.save-every", 2000]
    if small_disk is not None:
        out, reason = small_disk / "run", FULL
        (small_disk / "others").write_bytes(bytes(600_000))
        run = start(RECIPE, *SMALLEST, "--out", out, *options)
    else:
        out, reason = tmp_path / "run", "File too large"
        run = start(RECIPE, *SMALLEST, "--out", out, *options, preexec_fn=_no_large_files)
    status, _, err = finish(run)
    assert status == 2, err
    assert "Traceback" not in err
    (told,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert (
        f" could not be written: {reason}; no checkpoint is there, so make room and begin" in told
    )


@pytest.mark.parametrize("harm", ["deleted", "moved", "replaced"])
def test_a_run_whose_folder_is_gone_says_so_and_writes_no_more(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    harm: str,
) -> None:
    out, moved = tmp_path / "run", tmp_path / "moved"

    def do() -> None:
        out.rename(moved)
        if harm == "deleted":
            shutil.rmtree(moved)
        if harm == "replaced":
            with RunFolder(out):
                pass

    _at(3, monkeypatch, do)
    told = refusal(lambda: train_run(out, "--train.steps", "4"), capsys)
    assert f"run folder {out} is no longer the one that this run began in, it was deleted" in told
    left = {"deleted": [], "moved": ["moved"], "replaced": ["moved", "run"]}[harm]
    assert sorted(path.name for path in tmp_path.iterdir()) == left
    if harm == "replaced":
        assert [path.name for path in out.iterdir()] == [".lock"]
    if harm == "moved":
        train.main(["--out", str(moved), "--resume", "--train.steps", "3"])


def test_beside_a_living_run_others_read_and_do_not_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, face = tmp_path / "run", tmp_path / "face.png"
    train_run(out, "--train.steps", "2")
    config, log = (out / "config.yaml").read_bytes(), (out / "metrics.jsonl").read_bytes()
    with RunFolder(out):
        for options in (["--resume"], ["--resume", "--train.steps", "9"], SMALLEST):
            given = ["--out", str(out), *options]
            told = refusal(functools.partial(train.main, given), capsys)
            assert f"run folder {out} is in use by process {os.getpid()} on " in told
        _generate(out, face)
        evaluate.main([str(out), "--no-classifier", "--no-report", "--samples", "1"])
    assert (out / "config.yaml").read_bytes() == config
    assert (out / "metrics.jsonl").read_bytes() == log
    told = refusal(lambda: train.main([*SMALLEST, "--out", str(out)]), capsys)
    assert "holds checkpoints already; pass resume=True (--resume) to go on" in told
    # What was refused holds nothing.
    train.main(["--out", str(out), "--resume", "--train.steps", "3"])


def _generate(out: Path, face: Path) -> None:
    write_strip(torch.zeros(3, 1, 16, 16), face)
    generate.main([str(out), str(face), "--label", "0"])


def test_two_runs_that_begin_at_once(tmp_path: Path) -> None:
    out = tmp_path / "run"
    runs = [
        start(RECIPE, *SMALLEST, "--out", out, "--train.steps", 4, "--train.seed", seed)
        for seed in (1, 2)
    ]
    ends = [finish(run) for run in runs]
    assert sorted(status for status, _, _ in ends) == [0, 2]
    (err,) = [err for status, _, err in ends if status == 2]
    assert f"run folder {out} is in use by " in err or "holds checkpoints already" in err
    assert [line["step"] for line in MetricsLog(out / "metrics.jsonl").read()] == [1, 2, 3, 4]
    assert _steps(out) == ["step_00000004"]


@pytest.mark.parametrize("name", ["generator_ema.safetensors", "state.pt", "config.yaml"])
def test_a_damaged_newest_checkpoint_is_passed_over_by_all_who_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    out = tmp_path / "run"
    train_run(out, "--train.steps", "4", "--train.save-every", "1", "--train.keep.last", "2")
    newest = latest_checkpoint(out / "checkpoints")
    data = bytearray((newest / name).read_bytes())
    data[-3] ^= 1
    (newest / name).write_bytes(data)
    _generate(out, tmp_path / "face.png")
    evaluate.main([str(out), "--no-classifier", "--no-report", "--samples", "1"])
    said = capsys.readouterr().out
    assert said.count(f"passed over: {newest / name} is damaged") == 2
    assert "generator of step 3" in said
    # It goes on from step 3 and ends there: the damaged one is not its checkpoint.
    train.main(["--out", str(out), "--resume", "--train.steps", "3"])
    assert capsys.readouterr().out.endswith(f"checkpoint: {newest.with_name('step_00000003')}\n")
    with pytest.raises(SystemExit):
        _generate(newest, tmp_path / "face.png")

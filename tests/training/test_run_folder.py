"""A run folder is held by one process, and says in a sentence what happened to it."""

import errno
import fcntl
import os
import re
import shutil
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn

from stgan.errors import CheckpointError
from stgan.training import RunFolder, check_run_folder, load_state, save_checkpoint

ME = f"process {os.getpid()} on {re.escape(socket.gethostname())}"


def _save(folder: Path, step: int) -> Path:
    networks = {"net": nn.Linear(2, 3)}
    return save_checkpoint(folder, step=step, networks=networks, state={}, config="", keep=9)


def _child(work: Callable[[], None]) -> int:
    """Fork, which costs no import; the child ends without what pytest does at an end."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid


def test_a_run_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    check_run_folder(tmp_path / "runs" / "a")
    assert list((tmp_path / "runs" / "a").iterdir()) == []


def test_a_run_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    for open_folder in (check_run_folder, RunFolder):
        with pytest.raises(CheckpointError, match=r"run folder \S+/a cannot be written to: \w+"):
            open_folder(tmp_path / "a")


@pytest.mark.parametrize("name", ["checkpoints", "metrics.jsonl"])
def test_a_run_folder_with_links_where_a_run_writes_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).symlink_to(tmp_path / "elsewhere")
    for open_folder in (check_run_folder, RunFolder):
        with pytest.raises(CheckpointError, match=f"run/{name} must be a plain file or folder"):
            open_folder(tmp_path / "run", ["checkpoints", "metrics.jsonl"])
    check_run_folder(tmp_path / "run")
    assert not (tmp_path / "elsewhere").exists()


def test_a_run_folder_is_not_tried_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "run" / f".probe_{os.getpid()}").symlink_to(tmp_path / "mine")
    check_run_folder(tmp_path / "run")
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_path_that_is_no_text_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"run\xff")
    save = {"step": 1, "networks": {}, "state": {}, "config": ""}
    for call in (
        lambda: check_run_folder(folder),
        lambda: save_checkpoint(folder, **save),
        lambda: load_state(folder),
    ):
        with pytest.raises(CheckpointError, match=r"run\\udcff must be text in UTF-8, without whi"):
            call()
    assert list(tmp_path.iterdir()) == []


def test_a_held_folder_is_refused_by_the_name_of_its_process_until_it_is_closed(
    tmp_path: Path,
) -> None:
    folder = RunFolder(tmp_path / "run")
    told = f"run folder {folder.path} is in use by {ME}; wait until that run ends, or name another"
    for _ in range(2):
        with pytest.raises(CheckpointError, match=told):
            RunFolder(folder.path)
    folder.check()  # those that were refused changed nothing
    folder.close()
    folder.close()
    with RunFolder(folder.path) as again:
        assert repr(again) == f"RunFolder({str(folder.path)!r})"
        with pytest.raises(CheckpointError, match="is no longer the one"):
            folder.check()
    RunFolder(folder.path)  # and nobody keeps this one
    RunFolder(folder.path).close()


def test_of_ten_that_begin_at_once_one_gets_the_folder(tmp_path: Path) -> None:
    begin, done = os.pipe(), os.pipe()

    def work() -> None:
        os.close(begin[1])
        os.read(begin[0], 1)  # which ends for all at once
        try:
            folder = RunFolder(tmp_path / "run")
        except CheckpointError as error:
            os.write(done[1], b"r" if " is in use by " in str(error) else b"?")
        else:
            folder.check()
            os.write(done[1], b"h")
            time.sleep(60)

    pids = [_child(work) for _ in range(10)]
    os.close(begin[0]), os.close(begin[1])
    found = b"".join(os.read(done[0], 1) for _ in pids)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert sorted(found) == sorted(b"h" + 9 * b"r")


def test_a_killed_process_leaves_no_lock_although_its_workers_live_on(tmp_path: Path) -> None:
    ready = os.pipe()

    def work() -> None:
        folder = RunFolder(tmp_path)
        worker = _child(lambda: time.sleep(60))
        folder.check()  # the worker let go of its own handle only
        os.write(ready[1], b"%9d" % worker)
        time.sleep(60)

    pid = _child(work)
    worker = int(os.read(ready[0], 9))
    with pytest.raises(CheckpointError, match=f"is in use by process {pid} on "):
        RunFolder(tmp_path)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.kill(worker, 0)  # it is there
    RunFolder(tmp_path).close()
    os.kill(worker, signal.SIGKILL)


def test_a_copied_folder_is_free(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "a"):
        shutil.copytree(tmp_path / "a", tmp_path / "b")
        RunFolder(tmp_path / "b").close()


def test_a_strange_lock_file_is_neither_printed_nor_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_bytes(b"\x1b[2J" + 9000 * b"a")
    told = "is in use by another process; wait"
    with RunFolder(tmp_path), pytest.raises(CheckpointError, match=told):
        RunFolder(tmp_path)
    assert (tmp_path / ".lock").read_bytes() == b"\x1b[2J" + 9000 * b"a"


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("other")])
def test_what_is_no_file_is_not_locked(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / ".lock")
    with pytest.raises(CheckpointError, match=r"cannot be locked, \.lock: .*; remove that file"):
        RunFolder(tmp_path)
    assert not (tmp_path / "other").exists()


def test_a_file_system_without_locks_is_told_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.warns(UserWarning, match="No locks available; make sure that no other run writes"):
        RunFolder(tmp_path).check()


def _delete(path: Path) -> None:
    shutil.rmtree(path)


def _move(path: Path) -> None:
    path.rename(path.with_name("moved"))


def _replace(path: Path) -> None:
    _move(path)
    RunFolder(path).close()


@pytest.mark.parametrize("harm", [_delete, _move, _replace])
@pytest.mark.parametrize("late", [False, True])
def test_a_folder_that_is_gone_is_not_written_to(
    tmp_path: Path, harm: Callable[[Path], None], late: bool
) -> None:
    folder = RunFolder(tmp_path / "run")
    told = r"run folder \S+/run is no longer the one that this run began in, it was deleted, moved"

    def write() -> None:
        with folder.writing("metrics.jsonl"):
            if late:
                harm(folder.path)
            else:
                pytest.fail("it is written to")
            raise OSError(errno.ENOENT, "No such file or directory")

    if not late:
        harm(folder.path)
    with pytest.raises(CheckpointError, match=told):
        write()


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, "No space left on device; {}, so make room and {}, or name another folder"),
        (errno.EDQUOT, "Disk quota exceeded; {}, so make room and {}, or"),
        (errno.EROFS, "Read-only file system; {}, so change its permissions and {}, or"),
        (errno.EIO, "Input/output error; {}, so check the disk and {}, or"),
    ],
)
def test_what_the_system_refuses_is_told_with_the_newest_sound_checkpoint(
    tmp_path: Path, number: int, told: str
) -> None:
    def refuse(wrapped: bool) -> None:
        try:
            raise OSError(number, os.strerror(number))
        except OSError as error:
            if wrapped:  # as loggers do
                raise ValueError("you tried to log 1.0 which is not supported") from error
            raise

    with RunFolder(tmp_path) as folder:
        for steps, stays, again in (
            ((), "no checkpoint is there", "begin again"),
            ((1, 2), "step_00000001 and those before it are as they were", "resume"),
        ):
            for step in steps:
                newest = _save(folder.checkpoints, step)
            if steps:
                (newest / "state.pt").write_bytes(b"damaged")
            for wrapped in (False, True):
                with (
                    pytest.raises(
                        CheckpointError,
                        match="metrics.jsonl could not be written: " + told.format(stays, again),
                    ),
                    folder.writing("metrics.jsonl"),
                ):
                    refuse(wrapped)


def test_other_errors_and_sentences_pass(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as folder:
        with pytest.raises(KeyError), folder.writing("metrics.jsonl"):
            raise KeyError("loss")
        with pytest.raises(CheckpointError, match="not finite"), folder.writing("checkpoints"):
            raise CheckpointError("not finite")
        (folder.path / "checkpoints").write_text("")
        told = r"^checkpoint \S+/step_00000001 could not be written: File exists; no checkpoint"
        with pytest.raises(CheckpointError, match=told), folder.writing("checkpoints"):
            _save(folder.checkpoints, 1)


def test_a_second_name_of_an_empty_file_is_no_place_to_write(tmp_path: Path) -> None:
    mine, run = tmp_path / "mine", tmp_path / "run"
    mine.touch()
    run.mkdir()
    (run / ".lock").hardlink_to(mine)
    with RunFolder(run):
        assert mine.read_bytes() == b""
        with pytest.raises(CheckpointError, match="in use by another process"):
            RunFolder(run)

"""Where the user of a program is mistaken: one sentence, one printer, for any program."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stgan.cli import check_choice, interruptible, user_errors, writing
from stgan.errors import CheckpointError, DataError, PluginError, UnknownNameError


def _told(
    error: BaseException, capsys: pytest.CaptureFixture[str], *kinds: tuple[type[Exception], ...]
) -> str:
    with pytest.raises(SystemExit) as ended, user_errors(*kinds):
        raise error
    assert (ended.value.code, ended.value.__cause__) == (2, error)
    out, err = capsys.readouterr()
    assert out == ""
    return err


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError("samples must be at least 1, got 0"), "samples must be at least 1, got 0"),
        (UnknownNameError("there is no preset 'x'"), "there is no preset 'x'"),
        (PluginError("plugin a is broken"), "plugin a is broken"),
        (FileNotFoundError("folder a does not exist"), "folder a does not exist"),
        (OSError(errno.ENAMETOOLONG, "too long", "a" * 300),
         f"{'a' * 98}...{'a' * 98} cannot be used: too long"),
        (DataError("clip \x1b[31m.mp4 is broken"), r"clip \x1b[31m.mp4 is broken"),
        (DataError('Caught DataError in worker 0.\nTraceback:\n  File "a"\n'
                   "stgan.errors.DataError: clip a.mp4 is broken"), "clip a.mp4 is broken"),
    ],
)  # fmt: skip
def test_a_mistake_of_the_user_is_a_sentence(
    error: Exception,
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    assert _told(error, capsys) == f"error: {sentence}\n"


def test_lines_end_between_words_within_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    path = "/folder-of-clips" * 4
    sentence = f"{path} must be a folder with one folder per class; check the path"
    lines = _told(DataError(sentence), capsys).splitlines()
    assert " ".join(lines) == f"error: {sentence}"
    assert all(len(line) <= 40 or line == path for line in lines)
    assert path in lines


def test_what_is_no_mistake_of_the_user_keeps_its_traceback() -> None:
    for error in (TypeError("a"), KeyError("a"), RuntimeError("a")):
        with pytest.raises(type(error)), user_errors():
            raise error
    with pytest.raises(ValueError, match="broken"), user_errors((CheckpointError,)):
        raise ValueError("broken")


def test_ctrl_c_is_one_line_and_the_status_of_shells(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, interruptible():
        raise KeyboardInterrupt
    assert (ended.value.code, ended.value.__cause__) == (130, None)
    assert capsys.readouterr().err == "interrupted\n"


def test_the_command_is_interruptible(monkeypatch: pytest.MonkeyPatch) -> None:
    from stgan.cli import _commands, main

    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(_commands, "run", interrupted)
    with pytest.raises(SystemExit, match="130"):
        main([])


def test_what_cannot_be_written_is_named() -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(DataError) as caught, writing(Path("a.gif")):
        raise full
    assert str(caught.value) == (
        "a.gif cannot be written: No space left on device; name another place, make room, or "
        "change its permissions"
    )
    with pytest.raises(DataError, match="folder b does not exist"), writing(Path("b/a.gif")):
        raise FileNotFoundError("folder b does not exist")


def test_a_choice_is_a_name_or_a_number() -> None:
    known = ("jump", "wave", "0")
    assert [check_choice(name, known, "label") for name in ("wave", "1", "0")] == [1, 1, 2]
    for name in ("walk", "3", "-1", ""):
        with pytest.raises(DataError) as caught:
            check_choice(name, known, "label")
        assert str(caught.value) == f"label {name!r} is not one of jump, wave, 0 (or 0 to 2)"


def test_the_printer_needs_no_extra() -> None:
    program = "import sys, stgan.cli; print({'rich', 'tyro'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"

"""Run the command ``stgan`` in this process."""

import re
import shlex

import pytest

from stgan.cli import main


class Shell:
    """Runs commands and checks that every line of both streams fits."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, command: str) -> tuple[int, str, str]:
        """Return exit status, output and errors."""
        self._capsys.readouterr()
        try:
            status = main(shlex.split(command))
        except SystemExit as stop:
            status = int(stop.code or 0)
        out, err = self._capsys.readouterr()
        # A page of help is drawn by tyro, with a frame.
        assert status or "--help" in command or not re.search(" $", out, re.MULTILINE)
        for line in (out + err).splitlines():
            # A path, which is one word, may be longer than a line.
            assert len(line) <= 80 or " " not in line.strip(), line
        return status, out, err

    def error(self, command: str) -> str:
        """Return the sentence of a command that fails, in one line."""
        status, out, err = self(command)
        assert (status, out) == (2, "")
        return " ".join(err.split())

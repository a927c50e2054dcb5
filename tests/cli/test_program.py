"""The program as a whole: help, exit status, its packages, and its page of the documentation."""

import builtins
import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stgan.cli import main
from tests.cli.shell import Shell

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", ["", "list", "show", "plan", "profile", "evaluate"])
def test_help_fits_the_page(command: str, shell: Shell) -> None:
    status, out, _ = shell(f"{command} --help")
    assert status == 0
    assert f"usage: stgan {command}".rstrip() in out


@pytest.mark.parametrize("command", ["", "profil x", "plan 1 2", "show", "list a b c"])
def test_a_wrong_command_line_has_the_status_2(command: str, shell: Shell) -> None:
    assert shell(command)[0] == 2


@pytest.mark.parametrize("package", ["rich", "tyro"])
def test_without_its_packages_the_command_names_the_extra(
    package: str, monkeypatch: pytest.MonkeyPatch, shell: Shell
) -> None:
    imported = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    sentence = f"error: the command line needs {package}; pip install 'stgan[cli]'"
    assert shell.error("list") == sentence


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "stgan", "list", "layers"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "conv_transpose_1p2d" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize("command", ["list layers", "--help"])
def test_a_reader_who_leaves_is_no_mistake(command: str) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "stgan", *command.split()],
            stdout=writes, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    finally:
        os.close(writes)
    assert (done.returncode, done.stderr) == (141, "")


def test_the_installed_script_is_the_command() -> None:
    scripts = importlib.metadata.entry_points(group="console_scripts", name="stgan")
    (script,) = scripts
    assert script.load() is main


COMMANDS = re.findall(
    r"^```console\n\$ stgan ([^\n]*)\n```\n\n```text\n(.*?)^```$", PAGE, re.M | re.S
)


@pytest.mark.parametrize(("command", "printed"), COMMANDS, ids=[c for c, _ in COMMANDS])
def test_the_page_shows_what_the_command_prints(command: str, printed: str, shell: Shell) -> None:
    _, out, err = shell(command)
    if command.startswith("profile"):
        # Times and versions differ; what is left are names and counts.
        machine = r"\d[\d.]* (us|ms|s)\b|\d+\.\d\d\b|torch .*|\d+ threads?"
        shown, made = (re.sub(machine, "", text).split() for text in (printed, out))
        assert shown
        assert shown == made
        return
    assert out + err == printed


def test_the_page_shows_every_command() -> None:
    shown = {command.split()[0] for command, _ in COMMANDS}
    assert shown == {"list", "show", "plan", "profile", "evaluate"}

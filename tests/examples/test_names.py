"""Classes, runs and pictures with any name: trained, scored, reported and generated."""

import os
from pathlib import Path

import pytest
import torch

from examples.imaginator import evaluate, generate
from stgan.io import write_strip
from tests.examples.runs import QUIET, class_folder, train_run

pytestmark = QUIET
NAMES = {
    "a$b_{c$": "a$b_{c$",
    "<script>": "&lt;script&gt;",
    "\x1b[31mred": r"\x1b[31mred",
    "back\\slash": "back\\slash",
    "two\nlines": r"two\nlines",
    os.fsdecode(b"bytes\xff"): r"bytes\udcff",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("names")
    clips = class_folder(home / "clips", **{name: ["v0.png", "v1.png"] for name in NAMES})
    data = ["--data.root", str(clips), "--data.validation", "*v1*"]
    train_run(home / "run", *data, "--train.steps", "2")
    return home / "run"


def test_a_report_shows_every_name_and_nothing_obeys_it(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate.main([str(run), "--samples", "1"])
    printed = capsys.readouterr()
    assert "\x1b" not in printed.out + printed.err.replace("\x1b[A", "")
    page = (run / "report.html").read_text(encoding="utf-8")
    assert all(shown in page for shown in NAMES.values())
    assert "<script>" not in page
    assert "\x1b" not in page


def test_clips_of_every_name_are_generated_from_a_picture_of_any_name(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / os.fsdecode(b"face\xff\x1b.png")
    write_strip(torch.zeros(3, 1, 16, 16), picture)
    generate.main([str(run), str(picture), "--out", str(tmp_path / "out")])
    assert "\x1b" not in capsys.readouterr().out
    written = [path.name for path in (tmp_path / "out").iterdir()]
    assert all(name.isprintable() for name in written)
    shown = [name.replace("&lt;", "<").replace("&gt;", ">") for name in NAMES.values()]
    assert all(any(name in path for path in written) for name in shown)


def test_a_run_goes_on_with_any_names_and_tells_them_in_a_terminal(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = class_folder(tmp_path / "\x1b[2J", a=["v0.png", "v1.png"])
    with pytest.raises(SystemExit):
        train_run(run, "--resume", "--train.steps", "3", "--data.root", str(other))
    printed = capsys.readouterr().err
    assert "\x1b" not in printed
    assert r"was trained with classes \x1b[31mred, " in printed
    assert "Traceback" not in printed

"""Evaluating: clips that lie elsewhere now, and what cannot be scored or written."""

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from examples.imaginator import evaluate
from tests.examples.runs import QUIET, class_folder, refusal, train_run

pytestmark = QUIET
QUICK = ["--samples", "1", "--no-classifier", "--no-report"]


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run, tmp_path / "copy"))


@pytest.mark.parametrize("option", ["samples", "batch-size"])
def test_no_clips_at_all_are_refused(
    option: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = refusal(lambda: evaluate.main([str(run), f"--{option}", "0"]), capsys)
    assert f"{option.replace('-', '_')} must be at least 1, got 0" in refused


def test_what_is_no_run_is_told_from_one_that_saved_nothing(
    copy: Path, videos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in (videos, copy / "checkpoints"):
        refused = refusal(lambda folder=folder: evaluate.main([str(folder)]), capsys)
        assert f"folder {folder} is no run folder; give one that holds" in refused
    shutil.rmtree(copy / "checkpoints")
    refused = refusal(lambda: evaluate.main([str(copy)]), capsys)
    assert f"run folder {copy} holds no checkpoint yet; train it until it saves one" in refused


def test_a_folder_that_cannot_be_written_is_told_before_clips_are_scored(
    copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = Path.open

    def refuse(path: Path, mode: str = "r", **options: Any) -> Any:
        if mode.startswith(("w", "x")):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return opened(path, mode, **options)

    # Permissions would not stop the owner of the machine.
    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(evaluate, "score_generator", lambda *_, **__: pytest.fail("scored"))
    refused = refusal(lambda: evaluate.main([str(copy), *QUICK]), capsys)
    assert f"run folder {copy} cannot be written to: Read-only file system" in refused


def test_scores_are_printed_before_a_full_disk_is_met(
    copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fill_the_disk(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr("stgan.report.scoring.replacing", fill_the_disk)
    with pytest.raises(SystemExit) as caught:
        evaluate.main([str(copy), *QUICK])
    printed = capsys.readouterr()
    assert caught.value.code == 2
    assert "| first frame |" in printed.out
    path = copy / "evaluation.json"
    assert printed.err.startswith(f"error: {path} cannot be written: No space left on device; ")


def test_interrupting_ends_with_one_line(
    copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluate, "score_generator", interrupt)
    # Both are caught, as one that comes through would end the tests.
    with pytest.raises((SystemExit, KeyboardInterrupt)) as caught:
        evaluate.main([str(copy), *QUICK])
    assert getattr(caught.value, "code", None) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_clips_of_a_relative_folder_are_found_from_elsewhere(
    videos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(videos, tmp_path / "videos")
    kept = tmp_path / "kept.txt"
    kept.write_text("slide/subject0.png\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    train_run(Path("run"), "--train.steps", "1", "--data.root", "videos",
              "--data.validation-list", "kept.txt")  # fmt: skip
    evaluate.main(["run", *QUICK])
    record = tmp_path / "run" / "evaluation.json"
    scores = json.loads(record.read_text())
    record.unlink()

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    refused = refusal(lambda: evaluate.main(["../run", *QUICK]), capsys)
    assert "root videos must be a folder with one folder per class" in refused
    assert refused.endswith("; give --root or --validation-list")
    there = ["--root", "../videos", "--validation-list", "../kept.txt"]
    refused = refusal(lambda: evaluate.main(["../run", *QUICK, *there[:2]]), capsys)
    assert "kept.txt" in refused
    assert refused.endswith("; give --root or --validation-list")
    evaluate.main(["../run", *QUICK, *there])
    assert json.loads(record.read_text()) == scores

    class_folder(tmp_path / "other", slide=["subject0.png"], walk=["a.png"])
    there[1] = "../other"
    refused = refusal(lambda: evaluate.main(["../run", *QUICK, *there]), capsys)
    assert "was trained on the classes slide, swell, but the clips have slide, walk; give" in (
        refused
    )


def test_drawn_shapes_have_no_folder(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train_run(tmp_path / "run", "--train.steps", "1")
    for given, told in (
        (["--root", str(videos)], "was trained on the classes left_right, up_down"),
        (["--validation-list", str(tmp_path / "none.txt")], "is about files, got no data.root"),
    ):
        given = [str(tmp_path / "run"), *QUICK, *given]
        assert told in refusal(lambda given=given: evaluate.main(given), capsys)


def test_scores_and_report_lie_in_the_run_folder(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate.main([str(copy), "--samples", "2"])
    record = json.loads((copy / "evaluation.json").read_text(), parse_constant=pytest.fail)
    assert record["checkpoint"] == "step_00000003"
    assert record["clips"] == 4
    assert {*record["scores"]} == {"generated", "first frame", "real"}
    assert "accuracy" in record["results"]["generated"]
    page = (copy / "report.html").read_text(encoding="utf-8")
    assert "What differs from the preset tiny:" in page
    changed = page.partition("What differs from")[2].partition("</table>")[0]
    assert "<td>model.num_frames</td><td>4</td>" in changed
    assert "<td>preset</td>" not in changed
    printed = capsys.readouterr().out
    assert f"{record['scores']['generated']['psnr']:.2f}" in printed
    assert printed.endswith(f"wrote {copy / 'report.html'}; open it in a browser\n")
    (copy / "report.html").unlink()
    evaluate.main([str(copy), "--samples", "1", "--no-classifier", "--no-report"])
    assert not (copy / "report.html").exists()

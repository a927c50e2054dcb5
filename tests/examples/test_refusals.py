"""What a user of the recipe gets wrong is told in one sentence."""

from pathlib import Path

import pytest
import torch

from examples.imaginator import evaluate, generate, train
from stgan.errors import DataError
from stgan.io import write_strip
from tests.examples.runs import QUIET, TINY, class_folder, refusal, train_run

pytestmark = QUIET


def test_a_loss_that_is_not_finite_stops_the_run_and_saves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steep = ["--train.steps", "20", "--train.learning-rate", "1e30", "--train.save-every", "100"]
    refused = refusal(lambda: train_run(tmp_path / "run", *steep), capsys)
    assert "generator/video" in refused
    assert "not finite at step 1; nothing was saved after that: resume from" in refused
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.parametrize(
    ("classes", "options", "message"),
    [
        (None, [], "videos must be a folder with one folder per class; check the path"),
        ({}, [], "class"),
        ({"wave": ["a.png"], "jump": []}, [], "jump"),
        ({"wave": ["a.png", "broken.mp4"]}, [], "broken.mp4"),
        ({"wave": ["a.png", "short.png"]}, [], "short.png"),
        ({"wave": ["a.png"]}, ["--data.validation", "*/b*"], "*/b*"),
    ],
    ids=lambda value: None if value is None or isinstance(value, dict) else str(value)[:24],
)
def test_what_a_user_gets_wrong_is_one_sentence(
    classes: dict[str, list[str]] | None,
    options: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = tmp_path / "videos"
    if classes is not None:
        root.mkdir()
        class_folder(root, **classes)
    out = tmp_path / "run"
    given = [*TINY, "--data.root", str(root), "--out", str(out), *options]
    assert message in refusal(lambda: train.main(given), capsys)
    assert not (out / "checkpoints").exists()


def test_broken_files_can_be_counted_and_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = class_folder(tmp_path / "videos", wave=["a.png", "b.png", "broken.mp4", "short.png"])
    train_run(
        tmp_path / "run", "--data.root", str(root), "--data.skip-broken", "--train.steps", "1"
    )
    printed = capsys.readouterr().out
    assert [line.split(":")[0].rpartition("/")[2] for line in printed.splitlines()[:2]] == [
        "broken.mp4",
        "short.png",
    ]


def test_a_file_that_goes_bad_in_a_worker_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = class_folder(tmp_path / "videos", wave=["a.png"])
    given = [*TINY, "--data.root", str(root), "--out", str(tmp_path / "run"), "--data.workers", "1"]
    opened = train.open_run(train.parse_settings(given))
    (root / "wave" / "a.png").write_bytes(b"gone bad")

    def go() -> None:
        with train.user_errors((DataError,)):
            train.train(opened)

    assert "a.png" in refusal(go, capsys)


def test_a_path_that_the_system_refuses_is_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [*TINY, "--data.root", "x" * 3000, "--out", str(tmp_path / "run")]
    said = refusal(lambda: train.main(given), capsys)
    assert said.strip().endswith("xxx cannot be used: File name too long")
    assert len(said) < 400


def test_a_run_folder_is_not_overwritten_and_resumes_only_as_it_was(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = [*TINY, "--out", str(run)]
    assert "pass resume=True (--resume) to go on" in refusal(lambda: train.main(again), capsys)
    other = ["--out", str(run), "--resume", "--loss.reconstruction", "1"]
    refused = refusal(lambda: train.main(other), capsys)
    assert "loss.reconstruction (100.0 there, 1.0 here)" in refused


def test_wrong_labels_and_pictures_are_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "picture.png"
    write_strip(torch.zeros(3, 1, 16, 16), picture)
    text = tmp_path / "text.png"
    text.write_text("no picture")
    for arguments, message in (
        ([picture, "--label", "walk"], "label 'walk' is not one of slide, swell (or 0 to 1)"),
        ([picture, "--label", "2"], "label '2' is not one of"),
        ([tmp_path / "none.png"], "none.png"),
        ([text], "text.png"),
        ([picture, "--samples", "0"], "samples must be at least 1, got 0"),
    ):
        given = [str(run), *map(str, arguments)]
        assert message in refusal(lambda given=given: generate.main(given), capsys)
    assert "does not exist; train one first" in refusal(
        lambda: evaluate.main([str(tmp_path / "nowhere")]), capsys
    )


def test_without_validation_clips_there_is_nothing_to_evaluate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = class_folder(tmp_path / "videos", wave=["a.png"])
    train_run(tmp_path / "run", "--data.root", str(root), "--train.steps", "1")
    refused = refusal(lambda: evaluate.main([str(tmp_path / "run")]), capsys)
    assert "no clips were kept for validation; train with --data.validation" in refused

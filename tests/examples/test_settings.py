"""Settings that no run can follow, or that would do nothing, are refused before there is a run."""

import shutil
from pathlib import Path

import pytest

from examples.imaginator import train
from examples.imaginator.config import read_settings
from tests.examples.runs import QUIET, TINY, class_folder, refusal, train_run

pytestmark = QUIET

OUT_OF_RANGE = [
    *[
        (f"--{name} {value}", f"--{name} must be at least 1, got {value}")
        for name in (
            "model.z-dim", "model.appearance-dim", "model.base-channels", "model.mid-channels",
            "model.frame-mid-channels", "discriminator.num-frames", "discriminator.channels",
            "discriminator.ada-ramp", "loss.penalty-every", "data.stride", "data.num-shapes",
            "data.cache-bytes", "train.steps", "train.batch-size", "train.accumulate",
            "train.log-every", "train.save-every", "train.keep", "train.keep-every",
            "train.devices", "train.nodes",
        )
        for value in (0, -1)
    ],
    *[
        (f"--{name} -1", f"--{name} must be at least 0, got -1")
        for name in ("loss.clip-singular-values-every", "data.workers", "train.sample-every",
                     "train.skip-steps")
    ],
    *[
        (f"--loss.{name} {value}", f"--loss.{name} must be finite and at least 0, got {value}")
        for name in ("reconstruction", "video", "image", "prediction")
        for value in ("-1.0", "nan", "inf")
    ],
    ("--train.max-minutes nan", "--train.max-minutes must be at least 0, got nan"),
    ("--train.learning-rate 0", "--train.learning-rate must be finite and more than 0, got 0.0"),
    ("--train.ema-decay 1", "--train.ema-decay must be in [0, 1), got 1.0"),
    ("--train.betas 0.5 1", "--train.betas must be in [0, 1), got 1.0"),
    ("--train.seed -1", "--train.seed must be between 0 and 4294967295, got -1"),
    ("--loss.penalties r1 inf", "--loss.penalties must be finite and more than 0, got inf"),
    ("--loss.generator-terms ssim_2d -1", "generator-terms must be finite and more than 0, got -1"),
]  # fmt: skip
OF_FILES = [
    "--data.validation */a*", "--data.validation-list list.txt", "--data.stride 2",
    "--data.condition neutral", "--data.resize crop", "--data.flip", "--data.skip-broken",
    "--data.cache-bytes None",
]  # fmt: skip
WITHOUT_A_WORD = [
    *[(option, f"{option.split()[0]} must come with --data.root") for option in OF_FILES],
    ("--loss.penalties r1 1 r2 1 r1 2", "--loss.penalties must name each term once, got 'r1' 2"),
    ("--loss.generator_terms ssim_2d 1 ssim_2d 2", "must name each term once, got 'ssim_2d' 2"),
    (
        "--loss.penalties r1 1 {name:\u00a0r1} 2",
        "loss.penalties must name each term once, got 'r1'",
    ),
    ("--loss.generator-terms perceptual 1", "perceptual' must say which weights its network has"),
]
IN_WORDS_OF_PYTHON = [
    ("--loss.penalties r7 1", "loss.penalties has no entry named 'r7'; known: balanced_consiste"),
    ("--model.conv conv3d", "no entry named 'conv3d'; known: conv_transpose_1p2d"),
    ("--train.accelerator bogus", "accelerator bogus with devices 1 is not to be"),
]


@pytest.mark.parametrize(
    ("option", "message"), OUT_OF_RANGE + WITHOUT_A_WORD + IN_WORDS_OF_PYTHON, ids=str
)
def test_a_setting_that_cannot_be_followed_leaves_no_folder(
    option: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # One word with a space in it is written with one that does not part words.
    given = [word.replace("\u00a0", " ") for word in option.split(" ")]
    out = tmp_path / "run"
    assert message in refusal(lambda: train.main([*TINY, "--out", str(out), *given]), capsys)
    assert not out.exists()


def test_a_device_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    given = [*TINY, "--out", str(tmp_path / "run"), "--train.accelerator", "cuda"]
    told = refusal(lambda: train.main(given), capsys)
    assert "accelerator cuda with devices 1 is not to be had here" in told
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data.validation", "jump/*"], "class 'jump' of {root} has no training clips; hold out"),
        (["--data.validation", "*/a*", "--data.validation-list", "{list}"], "got */a* and {list}"),
        (["--data.validation-list", "{list}"], "{list} names 'wave/z.png', which is no clip of"),
        (
            ["--model.num-frames", "8"],
            "but num_frames 8 with stride 1 needs 8; lower them, or skip clips that cannot be used",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_wrong_choice_of_clips_leaves_no_folder(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = class_folder(tmp_path / "clips", jump=["a.png", "b.png"], wave=["a.png", "b.png"])
    listed = tmp_path / "list.txt"
    listed.write_text("wave/z.png\n", encoding="utf-8")
    words = {"{root}": str(root), "{list}": str(listed)}
    for word, meant in words.items():
        options, message = [o.replace(word, meant) for o in options], message.replace(word, meant)
    out = tmp_path / "run"
    given = [*TINY, "--data.root", str(root), "--out", str(out), *options]
    assert message in refusal(lambda: train.main(given), capsys)
    assert not out.exists()


def test_a_class_of_which_all_clips_are_broken_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = class_folder(tmp_path / "clips", jump=["short.png"], wave=["a.png"])
    given = [*TINY, "--data.root", str(root), "--out", str(tmp_path / "run"), "--data.skip-broken"]
    assert "class 'jump' of" in refusal(lambda: train.main(given), capsys)


def test_a_run_says_first_which_clips_it_works_on(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ["--data.root", str(videos), "--data.validation", "*/subject0*"]
    for options, line in (
        (folder, f"data: {videos}, 10 training and 2 validation clips, 2 classes"),
        ([], "data: moving shapes, 12 training and 96 validation clips, 6 classes"),
    ):
        out = tmp_path / str(len(options))
        train_run(out, *options, "--train.steps", "1")
        assert capsys.readouterr().out.splitlines()[0].startswith(line)


@pytest.mark.parametrize("name", ["generator/tota", "fvd", "speed/clips_per_second"])
def test_the_best_by_a_value_that_is_not_logged_is_refused_at_the_first_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [*TINY, "--out", str(tmp_path / "run"), "--train.keep-best", name]
    told = refusal(lambda: train.main([*given, "--train.steps", "9"]), capsys)
    assert f"no value to keep the best by named '{name}'; " in told
    assert ("did you mean 'generator/total'?" in told) == (name == "generator/tota")
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_the_best_by_a_penalty_that_is_not_due_at_the_first_line_is_kept(tmp_path: Path) -> None:
    lines = train_run(
        tmp_path / "run", "--train.steps", "4", "--loss.penalties", "r1", "1",
        "--loss.penalty-every", "2", "--train.keep-best", "discriminator/r1",
    )  # fmt: skip
    # The test is about a line without it that comes first, or is about nothing.
    assert any("discriminator/r1" not in line for line in lines)


def test_a_resumed_run_takes_no_other_preset_and_no_file(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    resume = ["--out", str(run), "--resume"]
    recorded = (run / "config.yaml").read_text(encoding="utf-8")
    for options, message in (
        (["--preset", "modern"], "trained with another preset (tiny there, modern here)"),
        (["--config", str(tmp_path / "no.yaml")], "no.yaml is not read where a run is resumed"),
        (["--config", str(run / "config.yaml")], "config.yaml is not read where a run is resumed"),
    ):
        given = [*resume, *options]
        assert message in refusal(lambda given=given: train.main(given), capsys)
        assert (run / "config.yaml").read_text(encoding="utf-8") == recorded
    # A script that starts and resumes a run with one line names the preset both times.
    assert train.parse_settings([*resume, "--preset", "tiny"]).preset == "tiny"


def test_a_run_is_resumed_where_its_clips_have_moved(
    run: Path, videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, moved = tmp_path / "run", tmp_path / "moved"
    shutil.copytree(run, out)
    shutil.copytree(videos, moved)
    resume = ["--out", str(out), "--resume", "--train.steps", "4"]
    train.main([*resume, "--data.root", str(moved), "--data.cache-bytes", "100000000"])
    assert f"data: {moved}, 8 training and 4 validation clips" in capsys.readouterr().out
    assert read_settings(out / "config.yaml").data.root == moved
    other = class_folder(tmp_path / "other", jump=["subject0.png", "subject5.png", "a.png"])
    told = refusal(lambda: train.main([*resume, "--data.root", str(other)]), capsys)
    assert "was trained with classes slide, swell, got jump" in told


def test_a_run_on_moving_shapes_is_not_resumed_on_clips(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train_run(tmp_path / "run", "--train.steps", "1")
    resume = ["--out", str(tmp_path / "run"), "--resume", "--data.root", str(videos)]
    assert "data.root (None there, " in refusal(lambda: train.main(resume), capsys)


@pytest.mark.parametrize("moment", ["open_run", "train"])
def test_control_c_outside_the_loop_is_one_line(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(train, moment, interrupted)
    with pytest.raises(SystemExit) as caught:
        train.main([*TINY, "--out", str(tmp_path / "run")])
    assert caught.value.code == 130
    assert capsys.readouterr().err.splitlines()[-1] == "interrupted"

"""The recipe from the command line: train, resume, evaluate, generate, convert, refuse."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from examples.imaginator import evaluate, generate, train
from examples.imaginator.config import PRESETS, read_settings, write_settings
from examples.imaginator.data import broken_news, open_clips, training_loader
from examples.imaginator.examined import stack
from stgan.data import MovingShapes
from stgan.errors import DataError
from stgan.io import read_video, write_strip, write_video
from stgan.training import latest_checkpoint, load_state

TINY = [
    "--preset", "tiny", "--model.num-frames", "4", "--model.image-size", "16", "16",
    "--model.base-channels", "4", "--discriminator.channels", "4", "--model.z-dim", "4",
    "--train.batch-size", "4", "--train.log-every", "1", "--train.save-every", "2",
    "--train.accelerator", "cpu", "--data.num-shapes", "12", "--data.workers", "0",
]  # fmt: skip
# The training loop is quiet about these upstream habits, which say nothing about the recipe.
pytestmark = pytest.mark.filterwarnings(
    "ignore:The '.*dataloader' does not have many workers", "ignore:`isinstance.treespec"
)


def _train(out: Path, *options: str) -> list[dict[str, float]]:
    train.main([*TINY, "--out", str(out), *options])
    lines = (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of clips in three formats."""
    root = tmp_path_factory.mktemp("videos")
    shapes = MovingShapes(12, num_frames=6, image_size=16, motions=["left_right", "zoom"])
    for index in range(12):
        folder = root / ["slide", "swell"][index % 2]
        folder.mkdir(exist_ok=True)
        video = shapes[index]["video"]
        name = folder / f"subject{index // 2}"
        if index < 4:
            write_strip(video, name.with_suffix(".png"))
        else:
            write_video(video, name.with_suffix(".mp4" if index < 8 else ".gif"))
    return root


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, videos: Path) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    _train(out, "--data.root", str(videos), "--data.validation", "*/subject0*", "*/subject5*",
           "--train.steps", "3")  # fmt: skip
    return out


def test_training_writes_what_a_run_needs(run: Path) -> None:
    assert [path.name for path in sorted((run / "checkpoints").iterdir())] == [
        "step_00000002",
        "step_00000003",
    ]
    checkpoint = latest_checkpoint(run / "checkpoints")
    assert (checkpoint / "config.yaml").read_text() == (run / "config.yaml").read_text()
    assert load_state(checkpoint)["classes"] == ["slide", "swell"]
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3]
    assert {"generator/reconstruction", "discriminator/video", "speed/clips_per_second"} <= set(
        lines[0]
    )
    assert list((run / "tensorboard").glob("events.*"))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_trains_and_its_average_follows(preset: str, tmp_path: Path) -> None:
    _train(tmp_path / "run", "--preset", preset, "--train.steps", "2")
    checkpoint = latest_checkpoint(tmp_path / "run" / "checkpoints")
    assert (checkpoint / "generator_ema.safetensors").exists() == (preset != "released")


def _weights(out: Path) -> dict[str, torch.Tensor]:
    folder = latest_checkpoint(out / "checkpoints")
    return {
        f"{file.stem}.{name}": tensor
        for file in folder.glob("*.safetensors")
        for name, tensor in load_file(file).items()
    }


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(tmp_path: Path) -> None:
    whole = _train(tmp_path / "whole", "--train.steps", "5")
    _train(tmp_path / "parts", "--train.steps", "2")
    resumed = _train(tmp_path / "parts", "--resume", "--train.steps", "5")
    for expected, found in zip(whole, resumed, strict=True):
        for name in expected.keys() - {"speed/clips_per_second"}:
            assert found[name] == expected[name], name
    expected_weights, found_weights = _weights(tmp_path / "whole"), _weights(tmp_path / "parts")
    assert expected_weights.keys() == found_weights.keys()
    for name, tensor in expected_weights.items():
        assert torch.equal(found_weights[name], tensor), name


def test_the_seed_decides(tmp_path: Path) -> None:
    first = _train(tmp_path / "a", "--train.steps", "1")
    again = _train(tmp_path / "b", "--train.steps", "1", "--data.workers", "1")
    other = _train(tmp_path / "c", "--train.steps", "1", "--train.seed", "7")
    key = "generator/total"
    assert first[0][key] == again[0][key] != other[0][key]


def test_a_time_limit_ends_a_run_with_a_checkpoint(tmp_path: Path) -> None:
    lines = _train(tmp_path / "run", "--train.steps", "1000", "--train.max-minutes", "0")
    assert [line["step"] for line in lines] == [1]
    assert latest_checkpoint(tmp_path / "run" / "checkpoints").name == "step_00000001"


def test_bf16_trains_to_finite_float32_weights(tmp_path: Path) -> None:
    lines = _train(tmp_path / "run", "--train.steps", "2", "--train.precision", "bf16-mixed")
    full = _train(tmp_path / "full", "--train.steps", "2")
    # The same draws in fewer digits: near, and not the same.
    first, exact = lines[0]["generator/total"], full[0]["generator/total"]
    assert first == pytest.approx(exact, rel=0.02)
    assert first != exact
    for tensor in _weights(tmp_path / "run").values():
        assert tensor.dtype in (torch.float32, torch.int64)
        assert torch.isfinite(tensor).all()


@pytest.mark.parametrize(
    "options",
    [
        ("--loss.penalties", "r1", "1", "r2", "1", "lecam", "0.1"),
        ("--loss.order", "simultaneous"),
        ("--loss.order", "generator_first", "--loss.penalties", "wgan_gp", "1"),
    ],
)
def test_bf16_trains_with_what_asks_for_gradients_itself(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    half = ["--train.steps", "2", "--train.precision", "bf16-mixed"]
    lines = _train(tmp_path / "run", *options, *half)
    full = _train(tmp_path / "full", *options, "--train.steps", "2")
    for name in ("discriminator/total", "generator/total"):
        assert lines[0][name] == pytest.approx(full[0][name], rel=0.05)
    assert lines[0] != full[0]


def test_a_compiled_generator_trains_alike(tmp_path: Path) -> None:
    plain = _train(tmp_path / "plain", "--train.steps", "2")
    compiled = _train(tmp_path / "run", "--train.steps", "2", "--train.compile", "aot_eager")
    for name in ("generator/total", "discriminator/total"):
        assert compiled[1][name] == pytest.approx(plain[1][name], rel=1e-3)
    assert _weights(tmp_path / "run").keys() == _weights(tmp_path / "plain").keys()


def test_clips_can_be_kept_aside_by_a_list_and_conditioned_otherwise(
    videos: Path, tmp_path: Path
) -> None:
    listed = tmp_path / "validation.txt"
    listed.write_text("slide/subject1.png\n", encoding="utf-8")
    settings = train.parse_settings([
        *TINY, "--data.root", str(videos), "--data.validation-list", str(listed),
        "--data.condition", "neutral", "--data.stride", "1",
    ])  # fmt: skip
    clips = open_clips(settings)
    assert len(clips.training) == 11  # type: ignore[arg-type]
    neutral = read_video(videos / "slide" / "subject0.png")[:, 0]
    items = [clips.training[0, draw] for draw in range(8)]  # type: ignore[index]
    assert all(torch.equal(item["image"], neutral) for item in items)
    # Windows begin elsewhere too, and the image stays.
    assert not all(torch.equal(item["video"][:, 0], neutral) for item in items)


def test_a_clip_that_breaks_later_is_told_also_where_clips_are_augmented(tmp_path: Path) -> None:
    shapes = MovingShapes(3, num_frames=6, image_size=16)
    for index in range(3):
        path = tmp_path / "slide" / f"clip{index}.png"
        path.parent.mkdir(exist_ok=True)
        write_strip(shapes[index]["video"], path)
    settings = train.parse_settings([
        *TINY, "--data.root", str(tmp_path), "--data.skip-broken", "--data.augment", "flip",
    ])  # fmt: skip
    clips = open_clips(settings).training
    assert broken_news(clips) == []
    (tmp_path / "slide" / "clip1.png").write_bytes(b"no picture")
    assert {clips[index]["video"].shape for index in range(3)} == {(3, 4, 16, 16)}
    [reason] = broken_news(clips)
    assert "clip1.png" in reason
    assert broken_news(clips) == []


def test_a_loss_that_is_not_finite_stops_the_run_and_saves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steep = ["--train.steps", "20", "--train.learning-rate", "1e30", "--train.save-every", "100"]
    refused = _refusal(lambda: _train(tmp_path / "run", *steep), capsys)
    assert "generator/video" in refused
    assert "not finite at step 1; nothing was saved after that: resume from" in refused
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_evaluating_prints_a_table_beside_the_control(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate.main([str(run), "--samples", "2", "--no-classifier"])
    printed = capsys.readouterr().out
    assert "4 validation clips, generator of step 3" in printed
    assert "| first frame |" in printed
    report = json.loads((run / "evaluation.json").read_text())
    scores = report["scores"]
    assert scores["real"]["l1"] == 0
    assert scores["real"]["moving"] == 0
    assert scores["first frame"]["energy"] == 0
    assert scores["generated"]["diversity"] > 0
    # By hand: the control's error over frames 2 to T, averaged over frames, then clips.
    clips = open_clips(read_settings(run / "config.yaml")).validation
    assert clips is not None
    real = torch.stack([clips[i]["video"] for i in range(4)])
    by_hand = (real[:, :, 1:] - real[:, :, :1]).abs().mean().item()
    assert scores["first frame"]["l1"] == pytest.approx(by_hand, rel=1e-5)


def test_evaluating_is_deterministic_and_asks_a_classifier(run: Path) -> None:
    reports = []
    for _ in range(2):
        evaluate.main([str(run), "--samples", "1"])
        reports.append(json.loads((run / "evaluation.json").read_text()))
    assert reports[0] == reports[1]
    assert 0 <= reports[0]["scores"]["generated"]["accuracy"] <= 1


def test_a_batch_is_shared_evenly_by_processes_or_refused() -> None:
    settings = train.parse_settings(TINY)
    clips = open_clips(settings)
    items = [
        next(iter(training_loader(settings, clips.training, step=3, rank=rank, world_size=2)))
        for rank in range(2)
    ]
    whole = next(iter(training_loader(settings, clips.training, step=3, rank=0, world_size=1)))
    interleaved = torch.stack([item["video"] for item in items], dim=1).flatten(0, 1)
    assert torch.equal(interleaved, whole["video"])
    with pytest.raises(ValueError, match="batch_size 4 cannot be shared by 3 processes; make it"):
        training_loader(settings, clips.training, step=0, rank=0, world_size=3)


def test_a_part_of_a_data_set_shows_all_classes() -> None:
    shapes = MovingShapes(1000, num_frames=2, image_size=16)
    part = stack(shapes, limit=250)
    assert part["video"].shape[0] == 250
    assert torch.bincount(part["label"], minlength=6).min() > 20
    whole = stack(MovingShapes(7, num_frames=2, image_size=16))
    assert whole["label"].tolist() == [0, 1, 2, 3, 4, 5, 0]


def test_generating_writes_a_clip_for_each_label_and_noise(run: Path, tmp_path: Path) -> None:
    picture = tmp_path / "odd.png"
    write_strip(torch.rand(3, 1, 20, 31) * 2 - 1, picture)
    out = tmp_path / "out"
    generate.main([str(run), str(picture), "--samples", "2", "--out", str(out)])
    for label in ("slide", "swell"):
        for number in range(2):
            name = out / f"odd_{label}_{number}"
            lossless = read_video(name, dtype=torch.uint8)
            assert lossless.shape == (3, 4, 16, 16)
            assert read_video(name.with_suffix(".gif")).shape == lossless.shape
            assert read_video(name.with_suffix(".mp4")).shape == lossless.shape
    frames = [read_video(out / f"odd_{x}") for x in ("slide_0", "slide_1", "swell_0")]
    assert not torch.equal(frames[0], frames[1])
    assert not torch.equal(frames[0], frames[2])
    one = tmp_path / "one"
    generate.main([str(run), str(picture), "--label", "swell", "--out", str(one)])
    # The same seed and label give the same clip, whatever else is asked for.
    assert torch.equal(read_video(one / "odd_swell_0"), read_video(out / "odd_swell_0"))


def _refusal(call: object, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as caught:
        call()  # type: ignore[operator]
    assert caught.value.code == 2
    printed = capsys.readouterr().err
    # A progress bar may have been there; the error is a line of its own, and the last.
    assert "Traceback" not in printed
    *_, error = printed.splitlines()
    assert error.startswith("error: "), printed
    return error


def _folder(root: Path, **classes: list[str]) -> Path:
    for name, files in classes.items():
        (root / name).mkdir(parents=True)
        for file in files:
            path = root / name / file
            if file.startswith("broken"):
                path.write_bytes(b"no video at all")
            elif file.startswith("short"):
                write_strip(torch.zeros(3, 2, 16, 16), path)
            else:
                write_strip(torch.rand(3, 6, 16, 16), path)
    return root


@pytest.mark.parametrize(
    ("classes", "options", "message"),
    [
        (None, [], "videos must be a folder with one folder per class; check the path"),
        ({}, [], "class"),
        ({"wave": ["a.png"], "jump": []}, [], "jump"),
        ({"wave": ["a.png", "broken.mp4"]}, [], "broken.mp4"),
        ({"wave": ["a.png", "short.png"]}, [], "short.png"),
        ({"wave": ["a.png"]}, ["--data.validation", "*/b*"], "*/b*"),
        ({"wave": ["a.png"]}, ["--preset", "huge"], "there is no preset 'huge'; choose one of"),
        ({"wave": ["a.png"]}, ["--model.image-size", "17", "16"], "nearest size that can be reac"),
        ({"wave": ["a.png"]}, ["--model.num-frames", "0"], "each at least 1, got (0, 16, 16)"),
        ({"wave": ["a.png"]}, ["--loss.family", "hinje"], "did you mean 'hinge'?"),
        (
            {"wave": ["a.png"]},
            ["--train.compile", "inducto"],
            "train.compile must be a backend of torch.compile, got 'inducto'; choose one of",
        ),
        (
            {"wave": ["a.png"]},
            ["--loss.family", "l1"],
            "no adversarial family named 'l1'; known: hi",
        ),
        ({"wave": ["a.png"]}, ["--config", "nowhere.yaml"], "nowhere.yaml does not exist"),
        ({"wave": ["a.png"]}, ["--resume"], "holds no config.yaml to resume from"),
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
        _folder(root, **classes)
    out = tmp_path / "run"
    given = [*TINY, "--data.root", str(root), "--out", str(out), *options]
    assert message in _refusal(lambda: train.main(given), capsys)
    assert not (out / "checkpoints").exists()


def test_broken_files_can_be_counted_and_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = _folder(tmp_path / "videos", wave=["a.png", "b.png", "broken.mp4", "short.png"])
    _train(tmp_path / "run", "--data.root", str(root), "--data.skip-broken", "--train.steps", "1")
    printed = capsys.readouterr().out
    assert [line.split(":")[0].rpartition("/")[2] for line in printed.splitlines()[:2]] == [
        "broken.mp4",
        "short.png",
    ]


def test_a_file_that_goes_bad_in_a_worker_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = _folder(tmp_path / "videos", wave=["a.png"])
    given = [*TINY, "--data.root", str(root), "--out", str(tmp_path / "run"), "--data.workers", "1"]
    opened = train.open_run(train.parse_settings(given))
    (root / "wave" / "a.png").write_bytes(b"gone bad")

    def go() -> None:
        with train.user_errors((DataError,)):
            train.train(opened)

    assert "a.png" in _refusal(go, capsys)


def test_a_run_folder_is_not_overwritten_and_resumes_only_as_it_was(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = [*TINY, "--out", str(run)]
    assert "add --resume to go on" in _refusal(lambda: train.main(again), capsys)
    other = ["--out", str(run), "--resume", "--loss.reconstruction", "1"]
    refused = _refusal(lambda: train.main(other), capsys)
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
        assert message in _refusal(lambda given=given: generate.main(given), capsys)
    assert "does not exist; train one first" in _refusal(
        lambda: evaluate.main([str(tmp_path / "nowhere")]), capsys
    )


def test_without_validation_clips_there_is_nothing_to_evaluate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = _folder(tmp_path / "videos", wave=["a.png"])
    _train(tmp_path / "run", "--data.root", str(root), "--train.steps", "1")
    refused = _refusal(lambda: evaluate.main([str(tmp_path / "run")]), capsys)
    assert "no clips were kept for validation; train with --data.validation" in refused


def test_settings_survive_their_file(tmp_path: Path) -> None:
    for settings in PRESETS.values():
        path = tmp_path / "config.yaml"
        path.write_text(write_settings(settings))
        assert read_settings(path) == settings
    path.write_text("model: {frames: 3}")
    with pytest.raises(DataError, match=r"has no setting model.frames; known there: num_frames, "):
        read_settings(path)
    path.write_text("- a list")
    with pytest.raises(DataError, match="must hold settings at its top, got"):
        read_settings(path)
    path.write_text("{")
    with pytest.raises(DataError, match="cannot be read as YAML"):
        read_settings(path)


@pytest.mark.shared
def test_the_real_clips_are_opened_and_split_by_subject(shared_folder: Path) -> None:
    settings = train.parse_settings([
        *TINY, "--data.root", str(shared_folder / "data" / "weizmann64"),
        "--data.validation", "*/subject4_*",
    ])  # fmt: skip
    clips = open_clips(settings)
    assert clips.classes == ("bend", "jack", "wave1", "wave2")
    assert len(clips.training) == 56  # type: ignore[arg-type]
    assert clips.validation is not None
    assert len(clips.validation) == 8  # type: ignore[arg-type]

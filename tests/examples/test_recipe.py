"""The recipe from the command line: train, resume, evaluate, generate, convert, refuse."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from examples.imaginator import evaluate, generate, train
from examples.imaginator.config import PRESETS, read_settings
from examples.imaginator.train import open_clips
from stgan.io import read_video, write_strip
from stgan.settings import write_settings
from stgan.training import latest_checkpoint, load_state
from tests.examples.runs import QUIET, train_run

pytestmark = QUIET


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
    train_run(tmp_path / "run", "--preset", preset, "--train.steps", "2")
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
    whole = train_run(tmp_path / "whole", "--train.steps", "5")
    train_run(tmp_path / "parts", "--train.steps", "2")
    resumed = train_run(tmp_path / "parts", "--resume", "--train.steps", "5")
    for expected, found in zip(whole, resumed, strict=True):
        for name in expected.keys() - {"speed/clips_per_second"}:
            assert found[name] == expected[name], name
    expected_weights, found_weights = _weights(tmp_path / "whole"), _weights(tmp_path / "parts")
    assert expected_weights.keys() == found_weights.keys()
    for name, tensor in expected_weights.items():
        assert torch.equal(found_weights[name], tensor), name


def test_the_seed_decides(tmp_path: Path) -> None:
    first = train_run(tmp_path / "a", "--train.steps", "1")
    again = train_run(tmp_path / "b", "--train.steps", "1", "--data.workers", "1")
    other = train_run(tmp_path / "c", "--train.steps", "1", "--train.seed", "7")
    key = "generator/total"
    assert first[0][key] == again[0][key] != other[0][key]


def test_a_time_limit_ends_a_run_with_a_checkpoint(tmp_path: Path) -> None:
    lines = train_run(tmp_path / "run", "--train.steps", "1000", "--train.max-minutes", "0")
    assert [line["step"] for line in lines] == [1]
    assert latest_checkpoint(tmp_path / "run" / "checkpoints").name == "step_00000001"


def test_bf16_trains_to_finite_float32_weights(tmp_path: Path) -> None:
    lines = train_run(tmp_path / "run", "--train.steps", "2", "--train.precision", "bf16-mixed")
    full = train_run(tmp_path / "full", "--train.steps", "2")
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
    lines = train_run(tmp_path / "run", *options, *half)
    full = train_run(tmp_path / "full", *options, "--train.steps", "2")
    for name in ("discriminator/total", "generator/total"):
        assert lines[0][name] == pytest.approx(full[0][name], rel=0.05)
    assert lines[0] != full[0]


def test_a_compiled_generator_trains_alike(tmp_path: Path) -> None:
    plain = train_run(tmp_path / "plain", "--train.steps", "2")
    compiled = train_run(tmp_path / "run", "--train.steps", "2", "--train.compile", "aot_eager")
    for name in ("generator/total", "discriminator/total"):
        assert compiled[1][name] == pytest.approx(plain[1][name], rel=1e-3)
    assert _weights(tmp_path / "run").keys() == _weights(tmp_path / "plain").keys()


def test_evaluating_prints_a_table_beside_the_control(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate.main([str(run), "--samples", "2", "--no-classifier"])
    printed = capsys.readouterr().out
    assert "4 validation clips from" in printed
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


@pytest.mark.parametrize("deterministic", [False, True])
def test_algorithms_are_tried_unless_torch_is_to_be_deterministic(
    deterministic: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", deterministic)
    monkeypatch.setattr(torch, "are_deterministic_algorithms_enabled", lambda: deterministic)
    train.open_run(train.parse_settings(["--preset", "tiny", "--out", str(tmp_path)]))
    assert torch.backends.cudnn.benchmark is not deterministic


def test_generating_writes_a_clip_for_each_label_and_noise(run: Path, tmp_path: Path) -> None:
    picture = tmp_path / "odd.png"
    write_strip(torch.rand(3, 1, 20, 31) * 2 - 1, picture)
    out, form = tmp_path / "out", ["--form", "frames"]
    generate.main([str(run), str(picture), "--samples", "2", "--out", str(out), *form])
    clips = {path.name: read_video(path, dtype=torch.uint8) for path in out.iterdir()}
    assert set(clips) == {f"odd_{label}_{n}" for label in ("slide", "swell") for n in range(2)}
    assert {clip.shape for clip in clips.values()} == {(3, 4, 16, 16)}
    assert not torch.equal(clips["odd_slide_0"], clips["odd_slide_1"])
    assert not torch.equal(clips["odd_slide_0"], clips["odd_swell_0"])
    one = tmp_path / "one"
    generate.main([str(run), str(picture), "--label", "swell", "--out", str(one), *form])
    # The same seed and label give the same clip, whatever else is asked for.
    assert torch.equal(read_video(one / "odd_swell_0", dtype=torch.uint8), clips["odd_swell_0"])


def test_settings_survive_their_file(tmp_path: Path) -> None:
    for settings in PRESETS.values():
        path = tmp_path / "config.yaml"
        path.write_text(write_settings(settings))
        assert read_settings(path) == settings

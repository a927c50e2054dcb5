"""Scores of a generator: the same batch by batch as at once, in memory that does not grow."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.data import Dataset, default_collate
from tqdm import tqdm

import stgan._progress
from stgan.data import MovingShapes, numbered_generator
from stgan.errors import DataError
from stgan.metrics import (
    MetricResult,
    condition_accuracy,
    diversity,
    first_frame_control,
    fit_motion_classifier,
    frame_scores,
    motion_confusion,
    motion_energy,
    moving_region_error,
)
from stgan.report import score_generator, score_table
from stgan.report.scoring import _some_of, one_of_each

CLASSES = ["left_right", "zoom"]
Z_DIM = 5


def _shapes(count: int) -> MovingShapes:
    return MovingShapes(count, num_frames=4, image_size=16, seed=3, motions=CLASSES)


def _generate(image: Tensor, z: Tensor, label: Tensor) -> Tensor:
    """Fade each image by its noise and label; every clip is a function of its own inputs."""
    speed = (z.mean(dim=1) * 0.2 + label * 0.1).view(-1, 1, 1, 1, 1)
    return (image.unsqueeze(2) + speed * torch.arange(4.0).view(1, 1, 4, 1, 1)).clamp(-1, 1)


@pytest.mark.parametrize(("count", "batch_size"), [(7, 5), (4, 1)])
def test_batches_score_as_all_clips_do_at_once(count: int, batch_size: int) -> None:
    shapes = _shapes(count)
    found = score_generator(
        _generate, shapes, CLASSES, z_dim=Z_DIM, training=shapes,
        samples=3, batch_size=batch_size, seed=5,
    )  # fmt: skip
    batch = default_collate([shapes[i] for i in range(count)])
    real, label = batch["video"], batch["label"]
    z = torch.randn(3 * count, Z_DIM, generator=numbered_generator(5))
    images = batch["image"].repeat_interleave(3, dim=0)
    made = _generate(images, z, label.repeat_interleave(3)).unflatten(0, (count, 3))
    judge = fit_motion_classifier((real, label), 2, seed=5)
    rows = {
        "generated": made[:, 0],
        "first frame": first_frame_control(real[:, :, 0], 4),
        "real": real,
    }
    assert found.scores.keys() == rows.keys()
    for name, videos in rows.items():
        expected = {key: value.mean() for key, value in frame_scores(videos, real).items()}
        expected["moving"] = moving_region_error(videos, real).nanmean()
        expected["energy"] = motion_energy(videos).mean()
        expected["accuracy"] = condition_accuracy(judge, videos, label)
        if name == "generated":
            expected["diversity"] = diversity(made).mean()
        assert found.scores[name] == pytest.approx(
            {key: float(value) for key, value in expected.items()}, rel=1e-4, abs=1e-6
        )
        torch.testing.assert_close(found.energy[name].mean(dim=1), motion_energy(videos))
        torch.testing.assert_close(
            found.confusion[name], motion_confusion(judge, videos, label, 2), equal_nan=True
        )
    assert found.results["real"]["accuracy"].extractor == (
        f"a motion classifier trained on {count} real clips"
    )
    places = one_of_each(label, 4)
    for key, values in (("video", real), ("generated", made[:, 0]), ("label", label)):
        torch.testing.assert_close(found.shown[key], values[places])


def test_the_file_holds_each_score_and_its_result(tmp_path: Path) -> None:
    found = score_generator(
        _generate, _shapes(6), CLASSES, z_dim=Z_DIM, clip_rule="first window", stride=2
    )
    found.save(tmp_path / "scores.json", checkpoint="step_3")
    record = json.loads((tmp_path / "scores.json").read_text(), parse_constant=pytest.fail)
    assert record["checkpoint"] == "step_3"
    assert (record["clips"], record["frames"], record["image_size"]) == (6, 4, [16, 16])
    assert record["scores"] == found.scores
    for row, results in record["results"].items():
        assert {*results} == {*found.scores[row]}
        for name, plain in results.items():
            result = MetricResult.from_dict(plain)
            assert result.value == found.scores[row][name]
            assert result.ci95 is not None
            assert (result.clip_rule, result.stride) == ("first window", 2)
            assert result.versions["torch"] == torch.__version__
    assert found.results["generated"]["diversity"].n_fake == 24
    lines = score_table(found.results).splitlines()
    assert lines[2].split(" | ")[0] == "| generated  "
    assert f"{found.scores['generated']['psnr']:.2f}" in lines[2]


@given(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=4), min_size=1, max_size=8))
def test_clips_to_show_may_be_chosen_batch_by_batch(batches: list[list[int]]) -> None:
    everything = torch.tensor([k for batch in batches for k in batch])
    kept = torch.empty(0, dtype=torch.int64)
    seen = 0
    for batch in batches:
        there = torch.cat([kept, torch.arange(seen, seen + len(batch))])
        kept, seen = there[one_of_each(everything[there], 4)], seen + len(batch)
    assert kept.tolist() == one_of_each(everything, 4)


def test_a_part_of_a_data_set_shows_all_classes() -> None:
    shapes = MovingShapes(1000, num_frames=2, image_size=16)
    part = _some_of(shapes, 250)
    assert len(part) == 250
    labels = torch.tensor([part[i]["label"] for i in range(250)])
    assert torch.bincount(labels, minlength=6).min() > 20
    whole = _some_of(MovingShapes(7, num_frames=2, image_size=16), 250)
    assert [whole[i]["label"] for i in range(7)] == [0, 1, 2, 3, 4, 5, 0]


class _Frozen(Dataset[Any]):
    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> dict[str, Any]:
        video = torch.full((3, 4, 16, 16), index / 4)
        return {"video": video, "image": video[:, 0], "label": index % 2}


def test_a_score_that_no_clip_has_is_left_out() -> None:
    found = score_generator(_generate, _Frozen(), CLASSES, z_dim=Z_DIM, samples=1)
    assert {*found.scores["real"]} == {"psnr", "ssim", "l1", "energy"}
    assert "moving" not in score_table(found.results)


def test_what_cannot_be_scored_is_refused() -> None:
    def broken(image: Tensor, z: Tensor, label: Tensor) -> Tensor:
        video = _generate(image, z, label)
        video[-1, 0, 2, 3, 3] = torch.inf
        return video

    with pytest.raises(DataError, match="must make finite clips to be scored, got NaN or infinity"):
        score_generator(broken, _shapes(3), CLASSES, z_dim=Z_DIM)
    for name in ("samples", "batch_size"):
        with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
            score_generator(_generate, _shapes(3), CLASSES, z_dim=Z_DIM, **{name: 0})
    with pytest.raises(ValueError, match="must hold at least one clip to be scored, got none"):
        score_generator(_generate, _some_of(_shapes(3), 0), CLASSES, z_dim=Z_DIM)


def test_a_bar_shows_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shapes = _shapes(3)
    score_generator(_generate, shapes, CLASSES, z_dim=Z_DIM, training=shapes)
    assert capsys.readouterr().err == ""  # nobody watches a file
    watched = partial(tqdm, ncols=79, mininterval=0, miniters=1)
    monkeypatch.setattr(
        stgan._progress, "tqdm", lambda **given: watched(**{**given, "disable": False})
    )
    score_generator(_generate, shapes, CLASSES, z_dim=Z_DIM, training=shapes)
    shown = capsys.readouterr().err
    for what in ("training a motion classifier", "scoring"):
        assert f"{what}: 100%" in shown
        assert "3/3" in shown


MEASURE = """
import resource, sys
import torch
from torch.utils.data import Dataset
from stgan.report import score_generator

class Noisy(Dataset):
    def __len__(self):
        return int(sys.argv[1])
    def __getitem__(self, index):
        video = torch.rand(3, 2, 64, 64)
        return {"video": video, "image": video[:, 0], "label": index % 2}

def still(image, z, label):
    return image.unsqueeze(2).repeat(1, 1, 2, 1, 1)

torch.set_num_threads(1)
score_generator(still, Noisy(), "ab", z_dim=4, samples=8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no resource module")
def test_memory_does_not_grow_with_the_clips() -> None:
    peaks = []
    for count in (24, 192):  # of 98,304 bytes, with eight generated ones each
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, str(count)], capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stdout.split()[-1]))
    # All at once, they would take 142 MiB more.
    assert peaks[1] - peaks[0] < 40

"""Scores of a generator: the same batch by batch as at once, in memory that does not grow."""

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.data import Dataset, default_collate
from tqdm import tqdm

from examples.imaginator import evaluate, examined
from examples.imaginator.data import Clips, open_clips
from examples.imaginator.examined import examine, one_of_each
from examples.imaginator.report import render_report
from examples.imaginator.runs import load_generator
from stgan.data import MovingShapes, numbered_generator
from stgan.errors import CheckpointError
from stgan.metrics import (
    condition_accuracy,
    diversity,
    first_frame_control,
    fit_motion_classifier,
    frame_scores,
    motion_confusion,
    motion_energy,
    moving_region_error,
)
from tests.examples.runs import QUIET

pytestmark = QUIET


def _shapes(run: Path, count: int) -> Clips:
    """Drawn clips of as many motions as the run has classes, to learn from and to score."""
    settings = load_generator(run).settings.model
    size: dict[str, Any] = {"num_frames": 4, "image_size": settings.image_size}
    clips = MovingShapes(count, seed=3, motions=["left_right", "zoom"], **size)
    return Clips(clips, clips, ("left_right", "zoom"))


@pytest.mark.parametrize(("count", "batch_size"), [(7, 5), (4, 1)])
def test_batches_score_as_all_clips_do_at_once(run: Path, count: int, batch_size: int) -> None:
    trained, clips = load_generator(run), _shapes(run, count)
    found = examine(trained, clips, samples=3, batch_size=batch_size, seed=5)

    assert clips.validation is not None
    batch = default_collate([clips.validation[i] for i in range(count)])
    real, label = batch["video"], batch["label"]
    z = torch.randn(3 * count, trained.settings.model.z_dim, generator=numbered_generator(5))
    with torch.no_grad():
        made = trained.generator(
            batch["image"].repeat_interleave(3, dim=0), z, label.repeat_interleave(3)
        ).unflatten(0, (count, 3))
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
    places = one_of_each(label, 4)
    for key, values in (("video", real), ("generated", made[:, 0]), ("label", label)):
        torch.testing.assert_close(found.shown[key], values[places])


@given(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=4), min_size=1, max_size=8))
def test_clips_to_show_may_be_chosen_batch_by_batch(batches: list[list[int]]) -> None:
    everything = torch.tensor([k for batch in batches for k in batch])
    kept = torch.empty(0, dtype=torch.int64)
    seen = 0
    for batch in batches:
        there = torch.cat([kept, torch.arange(seen, seen + len(batch))])
        kept, seen = there[one_of_each(everything[there], 4)], seen + len(batch)
    assert kept.tolist() == one_of_each(everything, 4)


class _Frozen(Dataset[Any]):
    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> dict[str, Any]:
        video = torch.full((3, 4, 16, 16), index / 4)
        return {"video": video, "image": video[:, 0], "label": index % 2}


def test_a_score_that_no_clip_has_is_left_out(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = replace(open_clips(load_generator(run).settings), validation=_Frozen())
    monkeypatch.setattr(evaluate, "open_clips", lambda _: clips)
    evaluate.main([str(run), "--samples", "1", "--no-classifier"])
    record = json.loads(
        (run / "evaluation.json").read_text(), parse_constant=lambda name: pytest.fail(name)
    )
    assert {*record["scores"]["real"]} == {"psnr", "ssim", "l1", "energy"}
    assert "moving" not in capsys.readouterr().out.replace("moving shapes", "")


class _Broken(nn.Module):
    def forward(self, image: Tensor, z: Tensor, label: Tensor) -> Tensor:
        video = image.unsqueeze(2).repeat(1, 1, 4, 1, 1)
        video[-1, 0, 2, 3, 3] = torch.inf
        return video


def test_clips_that_are_not_finite_have_no_scores(run: Path) -> None:
    trained = replace(load_generator(run), generator=_Broken())
    with pytest.raises(CheckpointError, match=r"step_0+3 makes clips that are not finite, which"):
        examine(trained, _shapes(run, 3), classifier=False)


def test_a_bar_shows_how_far_it_is(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    examine(load_generator(run), _shapes(run, 3))
    assert capsys.readouterr().err == ""  # nobody watches a file
    watched = partial(tqdm, ncols=79)
    monkeypatch.setattr(examined, "tqdm", lambda **given: watched(**{**given, "disable": False}))
    examine(load_generator(run), _shapes(run, 3))
    shown = capsys.readouterr().err
    for what in ("training a motion classifier", "scoring"):
        assert f"{what}: 100%" in shown
        assert "3/3" in shown


def test_a_report_needs_no_more_than_is_kept(run: Path) -> None:
    page = render_report(run, examine(load_generator(run), _shapes(run, 9), samples=1))
    assert "9 clips kept for validation" in page


MEASURE = """
import resource, sys
from dataclasses import replace
from pathlib import Path
import torch
from torch import nn
from torch.utils.data import Dataset
from examples.imaginator.data import Clips
from examples.imaginator.examined import examine
from examples.imaginator.runs import load_generator

class Noisy(Dataset):
    def __len__(self):
        return int(sys.argv[2])
    def __getitem__(self, index):
        video = torch.rand(3, 2, 64, 64)
        return {"video": video, "image": video[:, 0], "label": index % 2}

class Still(nn.Module):
    def forward(self, image, z, label):
        return image.unsqueeze(2).repeat(1, 1, 2, 1, 1)

torch.set_num_threads(1)
trained = replace(load_generator(Path(sys.argv[1])), generator=Still())
examine(trained, Clips(Noisy(), Noisy(), ("a", "b")), samples=8, classifier=False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no resource module")
def test_memory_does_not_grow_with_the_clips(run: Path) -> None:
    peaks = []
    for count in (24, 192):  # of 98,304 bytes, with eight generated ones each
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, str(run), str(count)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        peaks.append(int(done.stdout.split()[-1]))
    # All at once, they would take 142 MiB more.
    assert peaks[1] - peaks[0] < 40

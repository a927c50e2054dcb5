"""Scores of clips by rows: those of the functions, whatever the batches, with their protocol."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from stgan.errors import UnknownNameError
from stgan.metrics import (
    CLIP_SCORES,
    ClipProtocol,
    ClipScores,
    bootstrap_interval,
    condition_accuracy,
    first_frame_fidelity,
    frame_scores,
    is_static,
    motion_confusion,
    motion_energy,
    moving_region_error,
)

PROTOCOL = ClipProtocol(3, (16, 16), stride=2, clip_rule="first window")
NAMES = ["psnr", "ssim", "l1", "moving", "first_frame", "energy", "static"]


def _clips(seed: int, count: int) -> Tensor:
    return torch.rand(count, 3, 3, 16, 16, generator=torch.Generator().manual_seed(seed)) * 2 - 1


class _ByBrightness(nn.Module):
    name = "brightness"

    def forward(self, video: Tensor) -> Tensor:
        bright = video.mean(dim=(1, 2, 3, 4))
        return torch.stack([-bright, bright], dim=1)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 999), sizes=st.lists(st.integers(1, 3), min_size=1, max_size=3))
def test_scores_are_those_of_the_functions_whatever_the_batches(
    seed: int, sizes: list[int]
) -> None:
    made, real = _clips(seed, sum(sizes)), _clips(seed + 1, sum(sizes))
    real[0] = real[0, :, :1]  # stands still: no place where it moves
    label, judge = torch.arange(len(real)) % 2, _ByBrightness()
    scores = ClipScores(NAMES, classifier=judge)
    for parts in zip(*(x.split(sizes) for x in (made, real, label)), strict=True):
        scores.update("generated", *parts)
        scores.update("real", parts[1], label=parts[2])
    found = scores.results(PROTOCOL)
    expected = {name: values.mean() for name, values in frame_scores(made, real).items()}
    expected["moving"] = moving_region_error(made, real).nanmean()
    expected["first_frame"] = first_frame_fidelity(made, real[:, :, 0]).mean()
    for row, video in (("generated", made), ("real", real)):
        expected["energy"] = motion_energy(video).mean()
        expected["static"] = is_static(video).double().mean()
        expected["accuracy"] = torch.tensor(condition_accuracy(judge, video, label))
        wanted = {
            name: pytest.approx(float(expected[name]), rel=1e-5, abs=1e-7)
            for name in CLIP_SCORES
            if name in expected and not math.isnan(expected[name])
        }
        assert {name: result.value for name, result in found[row].items()} == wanted
        assert list(found[row]) == list(wanted)
        torch.testing.assert_close(scores.energy[row].mean(dim=1), motion_energy(video))
        torch.testing.assert_close(
            scores.confusion[row], motion_confusion(judge, video, label, 2), equal_nan=True
        )
        expected = {}


def test_results_carry_protocol_counts_and_intervals() -> None:
    made, real = _clips(0, 400), _clips(1, 400)
    made[:100] = made[:100, :, :1]
    scores = ClipScores(["ssim", "l1", "energy", "static"])
    scores.update("generated", made, real)
    scores.update("real", real)
    scores.add("generated", "diversity", torch.ones(400), samples=4)
    found = scores.results(PROTOCOL)
    counts = {
        (row, name): (result.n_real, result.n_fake)
        for row, results in found.items()
        for name, result in results.items()
    }
    assert counts == {
        ("generated", "ssim"): (400, 400), ("generated", "l1"): (400, 400),
        ("generated", "energy"): (0, 400), ("generated", "static"): (0, 400),
        ("generated", "diversity"): (0, 1600), ("real", "energy"): (400, 0),
        ("real", "static"): (400, 0),
    }  # fmt: skip
    l1 = found["generated"]["l1"]
    assert (l1.frames, l1.size, l1.stride, l1.clip_rule) == (3, (16, 16), 2, "first window")
    assert {"stgan", "torch", "python", "device"} <= {*l1.versions}
    assert (l1.range, found["generated"]["ssim"].range) == ("[-1, 1]", "[0, 1]")
    assert l1.metric == "L1 after the first frame"
    assert found["real"]["energy"].metric == "motion energy, real"
    # The interval of a mean is what halves come to.
    each = (made - real)[:, :, 1:].abs().mean(dim=(1, 2, 3, 4)).unsqueeze(1)
    halves = bootstrap_interval(lambda _, v: v.mean(), each, each, resamples=2000)
    assert l1.ci95 == pytest.approx(halves, rel=2e-3)
    # Wilson: (p + z^2 / 2n +- z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n).
    assert found["generated"]["static"].value == 0.25
    assert found["generated"]["static"].ci95 == pytest.approx((0.2101, 0.2947), abs=1e-3)


def test_one_clip_has_no_interval_and_what_no_clip_has_no_score() -> None:
    still = torch.zeros(1, 3, 3, 16, 16)
    scores = ClipScores(["l1", "moving", "energy"])
    scores.update("generated", still, still)
    found = scores.results(PROTOCOL)["generated"]
    assert list(found) == ["l1", "energy"]
    assert found["l1"].ci95 is None


def test_a_label_is_a_class_of_the_classifier() -> None:
    scores, clips = ClipScores([], classifier=_ByBrightness()), _clips(0, 2)
    with pytest.raises(ValueError, match="labels must lie between 0 and 1, got 0 to 2"):
        scores.update("real", clips, label=torch.tensor([0, 2]))


@pytest.mark.parametrize("name", ["fvd", "PSNR"])
def test_unknown_scores_are_refused(name: Any) -> None:
    with pytest.raises(UnknownNameError, match=f"no score named '{name}'"):
        ClipScores([name])

"""Samplers are uniform where they say so, draw for each clip, and follow their generator."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stgan.discriminators import AllFrames, RandomFrames, SubClip


@given(st.integers(1, 4), st.integers(1, 9), st.data())
def test_random_frames_are_different_and_in_order_of_time(
    clips: int, frames: int, data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, frames))
    indices = RandomFrames(count)(clips, frames)
    assert indices.shape == (clips, count)
    assert indices.min() >= 0
    assert indices.max() < frames
    assert (indices.diff(dim=1) > 0).all()


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(0, 5))
def test_sub_clips_are_evenly_spaced_and_inside(
    clips: int, count: int, stride: int, extra: int
) -> None:
    frames = (count - 1) * stride + 1 + extra
    indices = SubClip(count, stride=stride)(clips, frames)
    assert indices.shape == (clips, count)
    assert (indices.diff(dim=1) == stride).all()
    assert indices.min() >= 0
    assert indices.max() < frames


@pytest.mark.parametrize("sampler", [RandomFrames(1), RandomFrames(3), SubClip(3)])
def test_every_place_is_as_likely_as_it_says(sampler: RandomFrames | SubClip) -> None:
    # Chi-squared of 8000 draws over the first index of a row that can be anywhere (RandomFrames:
    # any index). 5 standard deviations over the mean of the statistic, at a fixed seed.
    generator = torch.Generator().manual_seed(0)
    indices = sampler(8000, 10, generator=generator)
    draws = indices[:, 0] if isinstance(sampler, SubClip) else indices.flatten()
    places = 8 if isinstance(sampler, SubClip) else 10
    counts = torch.bincount(draws, minlength=places).double()
    expected = len(draws) / places
    statistic = ((counts - expected) ** 2 / expected).sum().item()
    assert len(counts) == places
    assert statistic < (places - 1) + 5 * (2 * (places - 1)) ** 0.5


def test_clips_are_drawn_each_by_itself_unless_asked_otherwise() -> None:
    assert RandomFrames(1)(64, 32).unique().numel() > 10
    assert RandomFrames(1, per_clip=False)(64, 32).unique().numel() == 1
    assert SubClip(4)(64, 32)[:, 0].unique().numel() > 10


@pytest.mark.parametrize("sampler", [RandomFrames(2), SubClip(2), AllFrames()])
def test_the_generator_decides(sampler: RandomFrames | SubClip | AllFrames) -> None:
    draws = [sampler(5, 9, generator=torch.Generator().manual_seed(3)) for _ in range(2)]
    assert torch.equal(*draws)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RandomFrames(5)(2, 4), r"RandomFrames\(5, .* needs clips of at least 5 frames, g"),
        (lambda: SubClip(3, stride=4)(2, 8), "needs clips of at least 9 frames, got 8"),
        (lambda: RandomFrames(0), "count must be at least 1, got 0"),
        (lambda: SubClip(2, stride=0), "stride must be at least 1, got 0"),
    ],
)
def test_refusals_teach(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]

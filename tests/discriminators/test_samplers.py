"""Samplers draw inside the clip, in order, for each clip, and follow their generator."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stgan.discriminators import (
    AllFrames,
    BetaPair,
    FirstAndRandomFrames,
    RandomFrames,
    SparseSpan,
    StratifiedFrames,
    StridedFrames,
    SubClip,
)

SEEDS = st.integers(0, 2**32 - 1)
COUNTS = st.integers(1, 4)
SAMPLERS = st.one_of(
    st.just(AllFrames()),
    st.just(BetaPair()),
    COUNTS.map(FirstAndRandomFrames),
    st.builds(RandomFrames, COUNTS, per_clip=st.booleans()),
    COUNTS.map(StratifiedFrames),
    COUNTS.map(StridedFrames),
    st.builds(SubClip, COUNTS, stride=st.integers(1, 3)),
    st.builds(
        SparseSpan, st.integers(2, 4), spans=st.lists(st.integers(3, 9), min_size=1, max_size=3)
    ),
)


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(SAMPLERS, st.integers(1, 4), st.integers(0, 6), SEEDS)
def test_indices_are_different_in_order_and_inside(
    sampler: Any, clips: int, extra: int, seed: int
) -> None:
    frames = getattr(sampler, "needed", 1) + extra
    indices = sampler(clips, frames, generator=_seeded(seed))
    assert tuple(indices.shape) == sampler.output_shape(clips, frames)
    assert indices.dtype is torch.int64
    assert indices.min() >= 0
    assert indices.max() < frames
    assert (indices.diff(dim=1) > 0).all()


@given(SAMPLERS, st.integers(1, 4), st.integers(0, 6), SEEDS)
def test_a_generator_decides_and_no_other_is_touched(
    sampler: Any, clips: int, extra: int, seed: int
) -> None:
    frames = getattr(sampler, "needed", 1) + extra
    torch.manual_seed(seed)
    before = torch.get_rng_state()
    draws = [sampler(clips, frames, generator=_seeded(seed)) for _ in range(2)]
    assert torch.equal(*draws)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(seed)
    assert torch.equal(sampler(clips, frames), draws[0])


@given(SAMPLERS, st.integers(1, 4))
def test_the_fewest_frames_are_what_is_said(sampler: Any, clips: int) -> None:
    needed = getattr(sampler, "needed", 1)
    sampler(clips, needed)
    if needed > 1:
        message = f"needs clips of at least {needed} frames, got {needed - 1}"
        for call in (sampler, sampler.output_shape):
            with pytest.raises(ValueError, match=message):
                call(clips, needed - 1)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(0, 5))
def test_sub_clips_are_evenly_spaced(clips: int, count: int, stride: int, extra: int) -> None:
    indices = SubClip(count, stride=stride)(clips, (count - 1) * stride + 1 + extra)
    assert indices.shape == (clips, count)
    assert (indices.diff(dim=1) == stride).all()


@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 4), st.integers(0, 4))
def test_strided_frames_are_evenly_spaced_and_as_many_as_fit(
    clips: int, stride: int, count: int, rest: int
) -> None:
    frames = count * stride + min(rest, stride - 1)
    indices = StridedFrames(stride)(clips, frames)
    assert indices.shape == (clips, count)
    assert (indices.diff(dim=1) == stride).all()


@given(st.integers(1, 5), st.integers(0, 20), SEEDS)
def test_stratified_frames_come_one_from_each_part(count: int, extra: int, seed: int) -> None:
    frames = count + extra
    edges = [i * frames // count for i in range(count + 1)]
    for row in StratifiedFrames(count)(8, frames, generator=_seeded(seed)).tolist():
        assert all(a <= i < b for a, i, b in zip(edges, row, edges[1:], strict=False))


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 5))
def test_the_first_frame_is_always_there(clips: int, count: int, extra: int) -> None:
    indices = FirstAndRandomFrames(count)(clips, count + 1 + extra)
    assert indices.shape == (clips, count + 1)
    assert (indices[:, 0] == 0).all()


@given(st.integers(2, 4), st.lists(st.integers(3, 9), min_size=1, max_size=3), st.integers(4, 12))
def test_a_sparse_span_is_one_of_the_list_that_fits(
    count: int, spans: list[int], frames: int
) -> None:
    sampler = SparseSpan(count, spans=spans)
    if frames < sampler.needed:
        return
    indices = sampler(16, frames)
    assert {*(indices[:, -1] - indices[:, 0]).tolist()} <= {s for s in spans if s < frames}


def test_clips_are_drawn_each_by_itself_unless_asked_otherwise() -> None:
    assert RandomFrames(1, per_clip=False)(64, 32).unique().numel() == 1
    for sampler in (RandomFrames(1), SubClip(4), StridedFrames(8), StratifiedFrames(2)):
        assert sampler(64, 32)[:, 0].unique().numel() > 5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RandomFrames(5)(2, 4), r"RandomFrames\(5, .* needs clips of at least 5 frames, g"),
        (lambda: SubClip(3, stride=4)(2, 8), "needs clips of at least 9 frames, got 8"),
        (lambda: SparseSpan(3, spans=(8, 4))(2, 4), r"SparseSpan\(3, spans=\(8, 4\)\) needs .* 5"),
        (lambda: RandomFrames(0), "count must be at least 1, got 0"),
        (lambda: SubClip(2, stride=0), "stride must be at least 1, got 0"),
        (lambda: StridedFrames(0), "stride must be at least 1, got 0"),
        (lambda: StratifiedFrames(0), "count must be at least 1, got 0"),
        (lambda: FirstAndRandomFrames(0), "count must be at least 1, got 0"),
        (lambda: SparseSpan(1), "count must be at least 2, the ends of the span, got 1"),
        (lambda: SparseSpan(4, spans=(2, 8)), r"distances of at least 3, for 4 frames, got \(2, 8"),
        (lambda: SparseSpan(2, spans=()), r"distances of at least 1, for 2 frames, got \(\)"),
        (lambda: SparseSpan(2, spans=(0, 2)), "a span must be at least 1, got 0"),
    ],
)
def test_refusals_teach(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]

"""Attention along axes against a loop over places, and what it must not mix."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stgan.errors import ShapeError
from stgan.functional import attend
from tests.strategies import SEEDS

AXES = st.sampled_from(["T", "H", "W", "HW", "TH", "WT", "THW"])
Clips = tuple[Tensor, Tensor, Tensor]


@st.composite
def attended(
    draw: st.DrawFn,
    *,
    num_heads: int = 1,
    min_frames: int = 1,
    min_side: int = 1,
    max_size: int = 4,
) -> Clips:
    """Query, key and value whose widths the heads divide."""
    n, d, c = (draw(st.integers(1, 2)) for _ in range(3))
    sides = (
        draw(st.integers(min_frames, max_size)),
        *(draw(st.integers(min_side, max_size)) for _ in "HW"),
    )
    generator = torch.Generator().manual_seed(draw(SEEDS))
    q, k, v = (
        torch.randn(n, m * num_heads, *sides, generator=generator, dtype=torch.float64)
        for m in (d, d, c)
    )
    return q, k, v


def loop(q: Tensor, k: Tensor, v: Tensor, axes: str, heads: int, causal: bool) -> Tensor:
    """The definition, place by place."""
    out = torch.zeros_like(v)
    n, d, *sides = q.shape
    width, deep = d // heads, v.shape[1] // heads
    places = list(itertools.product(*map(range, sides)))
    fixed = [index for index, axis in enumerate("THW") if axis not in axes]
    for b, m, here in itertools.product(range(n), range(heads), places):
        seen = [there for there in places if all(there[i] == here[i] for i in fixed)]
        if causal:
            seen = [there for there in seen if there[0] <= here[0]]
        own = q[(b, slice(m * width, (m + 1) * width), *here)]
        logits = torch.stack(
            [own @ k[(b, slice(m * width, (m + 1) * width), *there)] for there in seen]
        )
        weights = torch.softmax(logits / math.sqrt(width), dim=0)
        group = slice(m * deep, (m + 1) * deep)
        out[(b, group, *here)] = sum(
            w * v[(b, group, *there)] for w, there in zip(weights, seen, strict=True)
        )
    return out


@given(st.data(), AXES, st.integers(1, 2), st.booleans(), st.booleans())
def test_it_equals_a_loop_over_places(
    data: st.DataObject, axes: str, heads: int, causal: bool, fused: bool
) -> None:
    clips = data.draw(attended(num_heads=heads, max_size=3))
    causal = causal and axes == "T"
    ours = attend(*clips, axes=axes, num_heads=heads, causal=causal, fused=fused)
    torch.testing.assert_close(ours, loop(*clips, axes, heads, causal))


@given(st.data(), AXES, st.booleans())
def test_both_ways_to_compute_it_have_the_same_gradients(
    data: st.DataObject, axes: str, causal: bool
) -> None:
    clips = [clip.requires_grad_() for clip in data.draw(attended(num_heads=2))]
    results = []
    for fused in (True, False):
        out = attend(*clips, axes=axes, num_heads=2, causal=causal and axes == "T", fused=fused)
        results.append(torch.autograd.grad(out.sin().sum(), clips))
    torch.testing.assert_close(results[0], results[1])


def test_written_out_it_can_be_differentiated_twice() -> None:
    clips = [torch.randn(1, 2, 2, 1, 2).double().requires_grad_() for _ in range(3)]

    def call(*tensors: Tensor) -> Tensor:
        return attend(*tensors, causal=True, fused=False)

    assert torch.autograd.gradgradcheck(call, clips)


@given(attended(min_side=2))
def test_over_time_pixels_may_change_places(clips: Clips) -> None:
    order = torch.randperm(clips[0].shape[4])
    out = attend(*clips, axes="T", causal=True)[..., order]
    torch.testing.assert_close(attend(*(c[..., order] for c in clips), axes="T", causal=True), out)


@given(attended(min_frames=2), st.sampled_from(["T", "HW", "THW"]))
def test_without_an_order_frames_may_change_places(clips: Clips, axes: str) -> None:
    order = torch.randperm(clips[0].shape[2])
    out = attend(*clips, axes=axes)[:, :, order]
    torch.testing.assert_close(attend(*(c[:, :, order] for c in clips), axes=axes), out)


@given(attended(min_frames=2), st.booleans(), st.data())
def test_causal_attention_of_a_prefix_is_a_prefix(
    clips: Clips, fused: bool, data: st.DataObject
) -> None:
    length = data.draw(st.integers(1, clips[0].shape[2]))
    whole = attend(*clips, causal=True, fused=fused)[:, :, :length]
    start = attend(*(clip[:, :, :length] for clip in clips), causal=True, fused=fused)
    torch.testing.assert_close(start, whole)


@given(attended(num_heads=2), AXES)
def test_heads_are_groups_of_channels_that_do_not_meet(clips: Clips, axes: str) -> None:
    halves = zip(*(clip.chunk(2, dim=1) for clip in clips), strict=True)
    apart = torch.cat([attend(*half, axes=axes) for half in halves], dim=1)
    torch.testing.assert_close(attend(*clips, axes=axes, num_heads=2), apart)


@pytest.mark.parametrize(
    ("shapes", "settings", "error", "message"),
    [
        ([(1, 2, 3, 4, 5)] * 3, {"axes": ""}, ValueError, "some of T, H and W, each once, got ''"),
        ([(1, 2, 3, 4, 5)] * 3, {"axes": "TT"}, ValueError, "each once, got 'TT'"),
        ([(1, 2, 3, 4, 5)] * 3, {"axes": "C"}, ValueError, "each once, got 'C'"),
        ([(1, 2, 3, 4, 5)] * 3, {"axes": "H", "causal": True}, ValueError, "causal, got axes 'H'"),
        ([(1, 2, 3, 4, 5)] * 3, {"num_heads": 0}, ValueError, "num_heads must be at least 1"),
        ([(1, 2, 3, 4, 5)] * 3, {"num_heads": 3}, ShapeError, "num_heads 3 must divide .* got 2"),
        ([(1, 2, 3, 4)] * 3, {}, ShapeError, r"query must be .* \(N, D, T, H, W\), got"),
        ([(1, 2, 3, 4, 5), (1, 3, 3, 4, 5), (1, 2, 3, 4, 5)], {}, ShapeError, r"key must .* D=2"),
        ([(1, 2, 3, 4, 5), (1, 2, 3, 4, 5), (1, 2, 2, 4, 5)], {}, ShapeError, r"value must .* T=3"),
    ],
    ids=["none", "twice", "channels", "order", "no-heads", "heads", "axes", "key", "value"],
)
def test_what_cannot_be_attended_is_refused(
    shapes: list[tuple[int, ...]], settings: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        attend(*map(torch.zeros, shapes), **settings)  # type: ignore[arg-type]


def test_large_queries_stay_within_half_precision() -> None:
    query = torch.full((1, 16, 2, 1, 1), 100.0).half()
    assert torch.equal(attend(query, query, query, fused=False), query)

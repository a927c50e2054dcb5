"""Sizes agree with torch, plans reach what they promise, and refusals name what is near."""

import itertools
import re
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stgan import shapes
from stgan.errors import ShapeError
from stgan.shapes import (
    Stage,
    conv_size,
    conv_transpose_size,
    plan,
    plan_downsampling,
    plan_upsampling,
)
from tests.strategies import Geometry, conv_geometries

SIDES = st.tuples(*[st.integers(1, 6)] * 3)


@given(SIDES, conv_geometries())
def test_conv_transpose_size_is_torchs(size: tuple[int, ...], geometry: Geometry) -> None:
    video, weight = torch.zeros(1, 1, *size), torch.zeros(1, 1, *geometry.kernel_size)
    out = F.conv_transpose3d(video, weight, stride=geometry.stride, padding=geometry.padding)
    assert conv_transpose_size(size, **vars(geometry)) == tuple(out.shape[2:])


@given(SIDES, conv_geometries())
def test_conv_size_is_torchs(extra: tuple[int, ...], geometry: Geometry) -> None:
    size = tuple(k + e for k, e in zip(geometry.kernel_size, extra, strict=True))
    video, weight = torch.zeros(1, 1, *size), torch.zeros(1, 1, *geometry.kernel_size)
    out = F.conv3d(video, weight, stride=geometry.stride, padding=geometry.padding)
    assert conv_size(size, **vars(geometry)) == tuple(out.shape[2:])


@given(SIDES, st.tuples(*[st.integers(0, 4)] * 3))
def test_a_plan_up_reaches_its_target_and_the_plan_down_returns(
    start: tuple[int, int, int], doublings: tuple[int, int, int]
) -> None:
    target = tuple(s << d for s, d in zip(start, doublings, strict=True))
    size: tuple[int, ...] = start
    for stage in plan_upsampling(start, target):
        assert stage.down(stage.up(size)) == size
        size = stage.up(size)
    assert size == target
    for stage in plan_downsampling(target, start):
        size = stage.down(size)
    assert size == start


@given(st.tuples(st.integers(1, 80), st.integers(1, 140), st.integers(1, 140)))
def test_a_plan_reaches_the_size_or_names_one_that_has_a_plan(size: tuple[int, int, int]) -> None:
    try:
        found = plan(size)
    except ShapeError as error:
        near = tuple(int(x) for x in str(error).rpartition("(")[2].rstrip(")").split(","))
        assert plan(near).sizes[-1] == near
        assert near != size
    else:
        assert found.sizes[-1] == size
        assert found.sizes[0] == found.base
        assert max(found.base) <= 8


@pytest.mark.parametrize(
    ("size", "base"),
    [
        ((32, 64, 64), (2, 4, 4)),
        ((16, 64, 64), (2, 4, 4)),
        ((32, 128, 128), (2, 4, 4)),
        ((24, 48, 64), (3, 3, 4)),
        ((32, 64, 256), (2, 4, 8)),
    ],
)
def test_known_plans(size: tuple[int, int, int], base: tuple[int, int, int]) -> None:
    assert plan(size).base == base


def test_the_published_sizes_need_the_published_stages() -> None:
    found = plan((32, 64, 64))
    assert found.stages == (Stage((4, 4, 4), (2, 2, 2), (1, 1, 1)),) * 4


def test_a_size_with_a_factor_of_three_takes_it_first() -> None:
    stages = plan_upsampling((1, 4, 4), (32, 128, 96))
    assert [stage.stride[2] for stage in stages] == [3, 2, 2, 2, 1]
    assert all(stage.stride[:2] == (2, 2) for stage in stages)
    assert stages[0] == Stage((4, 4, 3), (2, 2, 3), (1, 1, 0))


@given(st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)),
       st.tuples(st.integers(1, 99), st.integers(1, 99), st.integers(1, 99)))  # fmt: skip
def test_stages_are_returned_or_what_can_be_reached_is_named(
    start: tuple[int, int, int], target: tuple[int, int, int]
) -> None:
    try:
        stages = plan_upsampling(start, target)
    except ShapeError as error:
        axis = ("time", "height", "width").index(str(error).split()[0])
        for word in re.findall(r"\d+", str(error).partition("; use ")[2]):
            near = [*start]
            near[axis] = int(word)
            assert near[axis] != target[axis]
            assert plan_upsampling(start, tuple(near)) is not None
    else:
        size: tuple[int, ...] = start
        for stage in stages:
            size = stage.up(size)
        assert size == target


def test_an_axis_with_fewer_doublings_takes_them_first() -> None:
    strides = [stage.stride for stage in plan((16, 64, 64)).stages]
    assert strides == [(2, 2, 2), (2, 2, 2), (2, 2, 2), (1, 2, 2)]


@given(
    st.integers(1, 300),
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    st.tuples(st.integers(3, 8), st.integers(3, 8)),
)
def test_a_refused_number_of_frames_is_told_which_would_do(
    frames: int, doublings: tuple[int, int], base: tuple[int, int]
) -> None:
    height, width = (side << count for side, count in zip(base, doublings, strict=True))
    try:
        plan((frames, height, width))
    except ShapeError as error:
        found = re.search(r"T must be 1 to 8 times a power of two up to (\d+);", str(error))
        assert found
        told = {start << k for start in range(1, 9) for k in range(int(found[1]).bit_length())}
        assert frames not in told
        assert all(plan((t, height, width)).sizes[-1][0] == t for t in told)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plan((32, 36, 36)), r"\(32, 36, 36\) .* the nearest .* is \(32, 32, 32\)"),
        (lambda: plan((31, 64, 64)), r"the nearest .* is \(32, 64, 64\)"),
        (lambda: plan((64, 16, 16)), r"2 doublings, so T .* up to 4; .* \(64, 16, 24\)"),
        (lambda: plan((17, 6, 6)), r"1 doubling, so T .* up to 2; .* \(16, 6, 6\)"),
        # Frames cannot be blamed where height and width would not do either.
        (lambda: plan((17, 50, 64)), r"at most 8 a side; the nearest .* is \(16, 48, 64\)"),
        (lambda: plan((0, 64, 64)), "size must be an integer or .* at least 1, got"),
        (lambda: plan_upsampling((1, 4, 4), (32, 128, 80)), "width 80 cannot .* use 72 or 96"),
        (lambda: plan_upsampling((4, 4, 4), (2, 4, 4)), "time 2 cannot .* from 4 .* use 4"),
        (lambda: conv_size((2, 2), kernel_size=5), "kernel of 5 .* does not fit into a size of"),
        (lambda: conv_transpose_size(1, kernel_size=2, padding=1), "padding 1 trims all"),
    ],
)
def test_refusals_teach(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]


@settings(max_examples=15)
@given(st.tuples(st.integers(1, 20), st.integers(1, 24), st.integers(1, 24)))
def test_the_size_that_is_named_is_the_nearest_that_has_a_plan(size: tuple[int, ...]) -> None:
    def distance(other: tuple[int, ...]) -> int:
        return sum(abs(a - b) for a, b in zip(size, other, strict=True))

    def has_plan(other: Any) -> bool:
        return shapes._plan_or_none(other) is not None

    assume(not has_plan(size))
    with pytest.raises(ShapeError) as raised:
        plan((size[0], size[1], size[2]))
    found = re.search(r"reached is \((\d+), (\d+), (\d+)\)", str(raised.value))
    assert found
    named = tuple(map(int, found.groups()))
    assert has_plan(named)
    near = distance(named)
    steps = range(-near + 1, near)
    for dt, dh, dw in itertools.product(steps, repeat=3):
        other = (size[0] + dt, size[1] + dh, size[2] + dw)
        if abs(dt) + abs(dh) + abs(dw) < near and min(other) > 0:
            assert not has_plan(other)


def test_a_list_of_sides_is_one_side_for_each_axis() -> None:
    sides: Any = [5, 7]
    assert conv_size(sides, kernel_size=2) == (4, 6)
    assert conv_transpose_size(sides, kernel_size=2) == (6, 8)

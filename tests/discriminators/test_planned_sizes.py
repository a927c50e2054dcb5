"""Critics that plan their stages name, for a size without a plan, stages that pass for it."""

import re
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stgan.discriminators import (
    FrameMergeDiscriminator,
    ImageDiscriminator,
    ImageResidualDiscriminator,
    VideoDiscriminator,
    VideoDiscriminator2Plus1d,
    VideoResidualDiscriminator,
)
from stgan.errors import ShapeError
from stgan.shapes import plan

TINY: dict[str, Any] = {"base_channels": 1, "max_channels": 1}
HINT = re.compile(r"so stages=stgan\.shapes\.plan\((\(.*\))\)\.stages builds one for (\(.*\)) too$")


def _has_plan(size: tuple[int, int, int]) -> bool:
    try:
        plan(size)
    except ShapeError:
        return False
    return True


SIZES = st.tuples(*[st.integers(1, 40)] * 3).filter(lambda size: not _has_plan(size))


@settings(max_examples=30)
@given(SIZES)
def test_the_stages_that_are_named_build_a_critic_of_the_size(size: tuple[int, int, int]) -> None:
    with pytest.raises(ShapeError, match="no stack of doublings reaches") as caught:
        VideoDiscriminator(size, **TINY)
    found = HINT.search(str(caught.value))
    if min(size[1:]) < 6:  # below which nothing is planned
        assert found is None
        return
    assert found is not None
    within, asked = (
        tuple(int(side) for side in text.strip("()").split(",")) for text in found.groups()
    )
    assert asked == size
    assert all(0 < side <= most for side, most in zip(within, size, strict=True))
    stages = plan(within).stages
    video = torch.zeros(1, 3, *size)
    for kind in (VideoDiscriminator, VideoResidualDiscriminator):
        assert kind(size, stages=stages, **TINY)(video).shape == (1,)


@pytest.mark.parametrize(
    ("build", "within"),
    [
        (lambda: VideoDiscriminator((17, 64, 64)), "(16, 64, 64)"),
        (lambda: VideoDiscriminator((16, 40, 72)), "(16, 40, 64)"),
        (lambda: VideoResidualDiscriminator((17, 64, 64)), "(16, 64, 64)"),
        (lambda: ImageDiscriminator((40, 72)), "(1, 40, 64)"),
        (lambda: ImageResidualDiscriminator((40, 72)), "(1, 40, 64)"),
        (lambda: VideoDiscriminator2Plus1d((16, 40, 72)), "(1, 40, 64)"),
        (lambda: FrameMergeDiscriminator((40, 72)), "(1, 40, 64)"),
    ],
)
def test_every_critic_that_plans_names_them(build: Any, within: str) -> None:
    with pytest.raises(ShapeError) as caught:
        build()
    assert f"stages=stgan.shapes.plan({within}).stages" in str(caught.value)

"""Discriminators that plan their stages take those of a smaller size where there is no plan."""

from typing import Any

import pytest
import torch

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


@pytest.mark.parametrize(
    ("kind", "size", "smaller"),
    [
        (VideoDiscriminator, (17, 64, 64), (16, 64, 64)),
        (VideoDiscriminator, (16, 40, 72), (16, 40, 64)),
        (VideoResidualDiscriminator, (17, 64, 64), (16, 64, 64)),
        (ImageDiscriminator, (40, 72), (1, 40, 64)),
        (ImageResidualDiscriminator, (40, 72), (1, 40, 64)),
        (VideoDiscriminator2Plus1d, (16, 40, 72), (1, 40, 64)),
        (FrameMergeDiscriminator, (40, 72), (1, 40, 64)),
    ],
)
def test_the_stages_of_a_smaller_size_are_asked_for_and_build_one(
    kind: Any, size: tuple[int, ...], smaller: tuple[int, int, int]
) -> None:
    with pytest.raises(
        ShapeError,
        match=r"no stack of doublings reaches .*; a discriminator also takes the stages of a "
        r"smaller size that has a plan, stages=stgan.shapes.plan\(\(T, H, W\)\).stages",
    ):
        kind(size, **TINY)
    built = kind(size, stages=plan(smaller).stages, **TINY)
    frames = (3,) if kind is FrameMergeDiscriminator else ()
    options = {"indices": torch.tensor([[0, 1, 2]])} if frames else {}
    assert built(torch.zeros(1, 3, *frames, *size), **options).shape == (1,)


@pytest.mark.parametrize("kind", [VideoDiscriminator, ImageResidualDiscriminator])
def test_no_stages_are_refused(kind: Any) -> None:
    with pytest.raises(ValueError, match="stages must be one at least, got none"):
        kind(stages=[])

"""Compositors are their functions, promise the shape of the clip and refuse what does not fit."""

from typing import Any

import pytest
import torch
from hypothesis import given
from torch import Tensor

from stgan.blocks import FlowCompositor, MaskCompositor
from stgan.errors import ShapeError
from stgan.functional import composite_flow, composite_mask
from tests.strategies import videos


@given(videos())
def test_they_equal_their_functions_and_promise_their_shapes(video: Tensor) -> None:
    image, mask = video.mean(dim=2), video[:, :1].abs()
    streams = (video, mask, image)
    out = MaskCompositor()(*streams)
    assert torch.equal(out, composite_mask(*streams))
    assert MaskCompositor().output_shape(*(tuple(s.shape) for s in streams)) == tuple(out.shape)
    assert MaskCompositor().output_shape(tuple(video.shape)) == tuple(out.shape)
    moved = (image, torch.cat([mask, -2 * mask], dim=1), mask, video)
    out = FlowCompositor()(*moved)
    assert torch.equal(out, composite_flow(*moved))
    shapes = [tuple(s.shape) for s in moved]
    assert FlowCompositor().output_shape(*shapes) == tuple(out.shape)
    assert FlowCompositor().output_shape(*shapes[:2]) == tuple(out.shape)


IMAGE, VIDEO, FLOW, MASK = (2, 3, 6, 5), (2, 3, 4, 6, 5), (2, 2, 4, 6, 5), (2, 1, 4, 6, 5)


@pytest.mark.parametrize(
    ("block", "shapes", "message"),
    [
        (MaskCompositor(), (IMAGE, MASK, IMAGE), "foreground must be laid out as"),
        (MaskCompositor(), (VIDEO, VIDEO, IMAGE), "mask must be .* beside foreground"),
        (MaskCompositor(), (VIDEO, MASK, (2, 3, 5, 6)), "background must be .* beside foreground"),
        (FlowCompositor(), (VIDEO, FLOW, MASK, VIDEO), "image must be laid out as"),
        (FlowCompositor(), (IMAGE, IMAGE, MASK, VIDEO), "flow must be laid out as"),
        (FlowCompositor(), (IMAGE, MASK, MASK, VIDEO), "flow must be .* beside image"),
        (FlowCompositor(), (IMAGE, FLOW, (1, *MASK[1:]), VIDEO), "mask must be .* beside"),
        (FlowCompositor(), (IMAGE, FLOW, MASK, FLOW), "video must be .* beside image"),
    ],
)
def test_call_and_promise_refuse_the_same(block: Any, shapes: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        block(*(torch.zeros(shape) for shape in shapes))
    with pytest.raises(ShapeError, match=message):
        block.output_shape(*shapes)

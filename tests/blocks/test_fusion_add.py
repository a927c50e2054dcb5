"""Addition of streams against loops over positions."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stgan.blocks import AddFusion, AddTemporalConcatSpatialFusion
from stgan.errors import ShapeError
from stgan.functional import add_streams
from tests.blocks.streams import Streams, shaken, streams
from tests.strategies import videos


@given(videos(max_frames=3, max_side=3), st.data())
def test_streams_are_added_where_they_are_constant(video: Tensor, data: st.DataObject) -> None:
    n, c, t, h, w = video.shape
    layouts = data.draw(st.lists(st.sampled_from([(h, w), (t,), ()]), max_size=4))
    others = [torch.randn(n, c, *sizes, dtype=video.dtype) for sizes in layouts]
    out = add_streams(video, others)
    for i, j, k in torch.cartesian_prod(*(torch.arange(size) for size in (t, h, w))).reshape(-1, 3):
        expected = video[:, :, i, j, k]
        for other in others:
            at = {4: (j, k), 3: (i,), 2: ()}[other.ndim]
            expected = expected + other[(..., *at)]
        torch.testing.assert_close(out[:, :, i, j, k], expected)


@pytest.mark.parametrize(
    "shape", [(2, 3, 3, 4), (1, 3, 4, 4), (2, 2, 4, 4), (2, 3, 2), (2, 2), (2,)]
)
def test_streams_that_cannot_be_added_are_refused(shape: tuple[int, ...]) -> None:
    wanted = r"\(N=2, C=3, H=4, W=4\), \(N=2, C=3, T=5\) or \(N=2, C=3\), got"
    with pytest.raises(ShapeError, match=wanted):
        add_streams(torch.zeros(2, 3, 5, 4, 4), [torch.zeros(shape)])


@given(streams())
def test_addition_equals_a_loop(drawn: Streams) -> None:
    fuse = shaken(AddFusion(*drawn.settings))
    out = fuse(*drawn.inputs)
    for n, _, t, h, w in _positions(drawn.video):
        expected = drawn.video[n, :, t, h, w]
        if drawn.appearance is not None:
            seen = fuse.appearance_map.weight[:, :, 0, 0] @ drawn.appearance[n, :, h, w]
            expected = expected + seen + fuse.appearance_map.bias
        if drawn.label is not None:
            expected = expected + fuse.label_map.weight[:, drawn.label[n]]
        torch.testing.assert_close(out[n, :, t, h, w], expected)


@given(streams(), st.booleans())
def test_it_can_start_as_the_identity(drawn: Streams, zero_init: bool) -> None:
    fuse = AddFusion(*drawn.settings, zero_init=zero_init).double()
    assert torch.equal(fuse(*drawn.inputs), drawn.video) == zero_init


@given(streams(statics=((True, True), (True, False), (False, True), (False, False))), st.booleans())
def test_the_temporal_is_added_and_the_spatial_goes_in_front(drawn: Streams, moves: bool) -> None:
    fuse = shaken(AddTemporalConcatSpatialFusion(*drawn.settings))
    motion = torch.randn(drawn.video.shape[:3], dtype=torch.float64) if moves else None
    out = fuse(*drawn.inputs, motion=motion)
    given_shapes = (*drawn.shapes, None if motion is None else tuple(motion.shape))
    assert tuple(out.shape) == fuse.output_shape(*given_shapes)
    for n, _, t, h, w in _positions(drawn.video):
        moved = drawn.video[n, :, t, h, w]
        if motion is not None:
            moved = moved + motion[n, :, t]
        if drawn.label is not None:
            moved = moved + fuse.label_map.weight[:, drawn.label[n]]
        front = [] if drawn.appearance is None else [drawn.appearance[n, :, h, w]]
        torch.testing.assert_close(out[n, :, t, h, w], torch.cat([*front, moved]))


@pytest.mark.parametrize("shape", [(2, 4, 3), (1, 4, 2), (2, 3, 2), (2, 4, 2, 1)])
def test_motion_of_another_layout_is_refused(shape: tuple[int, ...]) -> None:
    fuse, video = AddTemporalConcatSpatialFusion(4), torch.zeros(2, 4, 2, 3, 3)
    with pytest.raises(ShapeError, match=r"motion must be laid out as \(N=2, C=4, T=2\), got"):
        fuse(video, motion=torch.zeros(shape))
    with pytest.raises(ShapeError, match=r"motion must be laid out as \(N=2, C=4, T=2\), got"):
        fuse.output_shape(video.shape, motion=shape)


def _positions(video: Tensor) -> list[tuple[int, ...]]:
    return [tuple(at) for at in torch.ones_like(video[:, :1]).nonzero().tolist()]

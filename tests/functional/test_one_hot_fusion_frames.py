"""Labels, fusion and frames: what is broadcast is constant, what is joined stays itself."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stgan.errors import ShapeError
from stgan.functional import (
    concat_streams,
    expand_over_time,
    fold_time,
    one_hot_label,
    one_hot_map,
    take_frames,
    unfold_time,
)
from tests.strategies import videos

LABELS = st.integers(1, 8).flatmap(
    lambda k: st.tuples(st.just(k), st.lists(st.integers(0, k - 1), min_size=1, max_size=5))
)


@given(LABELS, st.tuples(*[st.integers(1, 4)] * 3))
def test_a_one_hot_map_is_constant_sums_to_one_and_knows_its_label(
    drawn: tuple[int, list[int]], size: tuple[int, int, int]
) -> None:
    num_classes, classes = drawn
    label = torch.tensor(classes)
    spread = one_hot_map(label, num_classes, size)
    assert spread.shape == (len(classes), num_classes, *size)
    assert torch.equal(spread.sum(dim=1), torch.ones(len(classes), *size))
    assert torch.equal(spread.argmax(dim=1), label[:, None, None, None].expand(-1, *size))
    assert torch.equal(spread, one_hot_map(one_hot_label(label, num_classes), num_classes, size))


def test_a_one_hot_map_is_a_view_whatever_its_size() -> None:
    spread = one_hot_map(torch.tensor([1]), 3, (1000, 1000, 1000))
    assert spread.untyped_storage().nbytes() == 3 * 4


def test_soft_labels_pass_through() -> None:
    rows = torch.tensor([[0.25, 0.75]])
    assert torch.equal(one_hot_map(rows, 2, (2, 1, 1))[0, :, 1, 0, 0], rows[0])


@pytest.mark.parametrize(
    ("label", "error", "message"),
    [
        (torch.tensor([0, 6]), ValueError, "label 6 is out of range for 6 classes; use 0 to 5"),
        (torch.tensor([-1]), ValueError, "label -1 is out of range"),
        (torch.tensor([1.0]), ShapeError, r"must be \(N,\) integers or .* got \(1,\) of float32"),
        (torch.tensor([True]), ShapeError, "got .* of bool"),
        (torch.zeros(2, 5), ShapeError, r"\(N, K=6\) rows, got \(2, 5\)"),
    ],
)
def test_wrong_labels_are_refused(label: Tensor, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        one_hot_label(label, 6)


@given(videos(min_side=1), st.integers(1, 3), st.integers(1, 4))
def test_fusion_keeps_the_video_bit_for_bit_and_the_rest_constant(
    video: Tensor, c2: int, k: int
) -> None:
    n, c1, t, h, w = video.shape
    appearance = torch.randn(n, c2, h, w, dtype=video.dtype)
    rows = torch.randn(n, k, dtype=video.dtype)
    fused = concat_streams(video, [appearance, rows])
    assert fused.shape == (n, c1 + c2 + k, t, h, w)
    assert torch.equal(fused[:, :c1], video)
    for frame in range(t):
        assert torch.equal(fused[:, c1 : c1 + c2, frame], appearance)
    assert torch.equal(fused[:, c1 + c2 :], rows[..., None, None, None].expand(n, k, t, h, w))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_fusion_keeps_the_type_and_the_layout_of_the_video(dtype: torch.dtype) -> None:
    appearance, rows = torch.randn(2, 2, 4, 5), torch.eye(3)[:2]
    for layout in (torch.contiguous_format, torch.channels_last_3d):
        video = torch.randn(2, 4, 3, 4, 5).to(dtype, memory_format=layout)
        fused = concat_streams(video, [appearance, rows])
        assert fused.dtype is dtype
        assert fused.is_contiguous(memory_format=layout)


def test_expanding_over_time_is_a_view() -> None:
    image = torch.randn(1, 2, 3, 3)
    assert expand_over_time(image, 50).data_ptr() == image.data_ptr()


@pytest.mark.parametrize("shape", [(2, 5, 3, 4), (1, 5, 4, 4), (2, 5, 4, 4, 4), (3, 5)])
def test_streams_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"must be \(N=2, C, H=4, W=4\) or \(N=2, C\), got"):
        concat_streams(torch.zeros(2, 3, 2, 4, 4), [torch.zeros(shape)])


@given(videos())
def test_unfolding_undoes_folding(video: Tensor) -> None:
    folded = fold_time(video)
    assert torch.equal(folded[video.shape[2] - 1], video[0, :, -1])
    assert torch.equal(unfold_time(folded, video.shape[2]), video)


def test_unfolding_refuses_an_uneven_batch() -> None:
    with pytest.raises(ShapeError, match="must come in clips of 4 frames, got 6"):
        unfold_time(torch.zeros(6, 3, 2, 2), 4)


@given(videos(), st.data())
def test_taken_frames_are_those_of_each_clip(video: Tensor, data: st.DataObject) -> None:
    n, t = video.shape[0], video.shape[2]
    row = st.lists(st.integers(0, t - 1), min_size=2, max_size=2)
    indices = torch.tensor(data.draw(st.lists(row, min_size=n, max_size=n)))
    taken = take_frames(video, indices)
    for clip in range(n):
        for place in range(2):
            expected = video[clip, :, int(indices[clip, place])]
            assert torch.equal(taken[clip, :, place], expected)


@given(videos(), st.integers(0, 3), st.booleans())
def test_taking_frames_refuses_indices_out_of_range(
    video: Tensor, beyond: int, before: bool
) -> None:
    n, t = video.shape[0], video.shape[2]
    wrong = -1 - beyond if before else t + beyond
    indices = torch.zeros(n, 2, dtype=torch.long)
    indices[-1, -1] = wrong
    message = f"index {wrong} is out of range for clips of {t} frames; use 0 to {t - 1}$"
    with pytest.raises(ValueError, match=message):
        take_frames(video, indices)


def test_taking_frames_compiles_without_a_look_at_the_indices() -> None:
    video, indices = torch.randn(2, 3, 4, 2, 2), torch.tensor([[3, 0], [1, 1]])
    compiled = torch.compile(take_frames, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(video, indices), take_frames(video, indices))
    assert take_frames(video, indices[:, :0]).shape == (2, 3, 0, 2, 2)


def test_taking_frames_refuses_indices_of_another_batch() -> None:
    with pytest.raises(ShapeError, match=r"indices must be laid out as \(N=2, k\), got \(3, 1\)"):
        take_frames(torch.zeros(2, 3, 4, 2, 2), torch.zeros(3, 1, dtype=torch.long))

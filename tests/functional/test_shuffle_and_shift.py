"""Pixel shuffle and temporal shift against torch and loops."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stgan.errors import ShapeError
from stgan.functional import fold_time, pixel_shuffle, pixel_unshuffle, temporal_shift, unfold_time
from tests.strategies import videos

SCALES = st.tuples(*[st.integers(1, 3)] * 3)


@given(videos(max_side=3), SCALES)
def test_shuffle_and_unshuffle_undo_each_other(video: Tensor, scale: tuple[int, int, int]) -> None:
    a, b, d = scale
    wide = torch.cat([video * k for k in range(a * b * d)], dim=1)
    assert torch.equal(pixel_unshuffle(pixel_shuffle(wide, scale), scale), wide)
    large = torch.arange(1.0 * video.numel() * a * b * d).reshape(
        *video.shape[:2], *(n * k for n, k in zip(video.shape[2:], scale, strict=True))
    )
    assert torch.equal(pixel_shuffle(pixel_unshuffle(large, scale), scale), large)


@given(videos(channels=4), st.integers(1, 2))
def test_over_space_alone_it_is_torchs_pixel_shuffle_of_every_frame(
    video: Tensor, factor: int
) -> None:
    frames = F.pixel_shuffle(fold_time(video), factor)
    expected = unfold_time(frames, video.shape[2])
    assert torch.equal(pixel_shuffle(video, (1, factor, factor)), expected)


@given(SCALES, st.integers(1, 3))
def test_every_channel_goes_where_the_docstring_says(
    scale: tuple[int, int, int], channels: int
) -> None:
    a, b, d = scale
    video = torch.arange(8.0 * channels * a * b * d).reshape(1, -1, 2, 2, 2)
    out = pixel_shuffle(video, scale)
    for c, i, j, k, t, h, w in torch.cartesian_prod(
        *map(torch.arange, (channels, a, b, d, 2, 2, 2))
    ).tolist():
        source = video[0, ((c * a + i) * b + j) * d + k, t, h, w]
        assert out[0, c, t * a + i, h * b + j, w * d + k] == source


@given(videos(max_side=3), st.data())
def test_shift_equals_its_loop_and_keeps_the_rest_bit_for_bit(
    video: Tensor, data: st.DataObject
) -> None:
    channels, frames = video.shape[1:3]
    ahead = data.draw(st.integers(0, channels))
    back = data.draw(st.integers(0, channels - ahead))
    out = temporal_shift(video, from_future=ahead, from_past=back)
    for c in range(channels):
        step = 1 if c < ahead else -1 if c < ahead + back else 0
        for t in range(frames):
            seen = video[:, c, t + step] if 0 <= t + step < frames else 0 * video[:, c, t]
            assert torch.equal(out[:, c, t], seen)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda v: pixel_shuffle(v, 2),
            ShapeError,
            r"channels of a video must be a multiple of 8 .* got \(1, 4, 3, 6, 6\)",
        ),
        (
            lambda v: pixel_unshuffle(v, 2),
            ShapeError,
            r"\(T, H, W\) of a video must be multiples of scale \(2, 2, 2\), got \(1, 4, 3, 6, 6\)",
        ),
        (lambda v: pixel_shuffle(v, (1, 2)), TypeError, "scale must be an integer or"),
        (lambda v: pixel_unshuffle(v[0], 1), ShapeError, r"\(N, C, T, H, W\), got \(4, 3, 6, 6\)"),
        (
            lambda v: temporal_shift(v, from_future=3, from_past=2),
            ShapeError,
            r"at least the 5 channels that are shifted, got \(1, 4, 3, 6, 6\)",
        ),
        (
            lambda v: temporal_shift(v, from_future=-1, from_past=2),
            ValueError,
            "must be at least 0, got -1 and 2",
        ),
        (
            lambda v: temporal_shift(v[0], from_future=1, from_past=1),
            ShapeError,
            r"\(N, C, T, H, W\), got",
        ),
    ],
    ids=["channels", "sides", "pair", "unshuffle-axes", "shifted", "negative", "shift-axes"],
)
def test_what_does_not_fit_is_refused(call: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(torch.zeros(1, 4, 3, 6, 6))  # type: ignore[operator]

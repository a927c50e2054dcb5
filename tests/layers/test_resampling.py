"""Resampling modules are thin faces of their functions and keep their promises."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from stgan.errors import ShapeError
from stgan.functional import (
    blur_pool,
    downsample_time,
    kaiser_taps,
    pixel_shuffle,
    pixel_unshuffle,
    temporal_shift,
    upsample_linear,
    upsample_nearest,
    upsample_time,
)
from stgan.layers import (
    BlurPool,
    DownsampleKaiser,
    PixelShuffle3d,
    PixelUnshuffle3d,
    TemporalShift,
    UpsampleKaiser,
    UpsampleLinear,
    UpsampleNearest,
)
from tests.strategies import videos

SCALES = st.tuples(*[st.integers(1, 3)] * 3)
FACTORS = st.integers(1, 4)
WINDOWS = st.integers(1, 7)
WIDTHS = st.sampled_from([0.2, 0.5])


def _check(layer: nn.Module, video: Tensor, expected: Tensor) -> None:
    out = layer(video)
    torch.testing.assert_close(out, expected)
    assert out.dtype is video.dtype
    assert layer.output_shape(tuple(video.shape)) == tuple(out.shape)
    assert not layer.state_dict()


@given(videos(), SCALES)
def test_upsampling_equals_its_function(video: Tensor, scale: tuple[int, int, int]) -> None:
    _check(UpsampleNearest(scale), video, upsample_nearest(video, scale))
    _check(UpsampleLinear(scale), video, upsample_linear(video, scale))


@given(videos(dtype=torch.float32), FACTORS, WINDOWS, st.sampled_from([0.5, 1.0]), WIDTHS)
def test_kaiser_resampling_equals_its_function(
    video: Tensor, factor: int, num_taps: int, cutoff: float, transition: float
) -> None:
    taps = kaiser_taps(factor, num_taps, cutoff=cutoff, transition=transition)
    up = UpsampleKaiser(factor, num_taps, cutoff=cutoff, transition=transition)
    _check(up, video, upsample_time(video, taps, factor))
    down = DownsampleKaiser(factor, num_taps, cutoff=cutoff, transition=transition)
    clip = torch.cat([video] * factor, dim=2)
    _check(down, clip, downsample_time(clip, taps, factor))


@given(videos(min_frames=3, min_side=3), SCALES, st.sampled_from([(1, 3, 3, 1), (1, 2, 1), (2,)]),
       st.sampled_from(["replicate", "reflect"]))  # fmt: skip
def test_blur_pool_equals_its_function(
    video: Tensor, stride: tuple[int, int, int], taps: tuple[int, ...], mode: str
) -> None:
    expected = blur_pool(
        video, torch.tensor(taps, dtype=torch.float64), stride=stride, padding_mode=mode
    )
    _check(BlurPool(stride, taps=taps, padding_mode=mode), video, expected)


@given(videos(max_side=3), SCALES)
def test_shuffling_equals_its_function(video: Tensor, scale: tuple[int, int, int]) -> None:
    large = upsample_nearest(video, scale)
    _check(PixelUnshuffle3d(scale), large, pixel_unshuffle(large, scale))
    deep = pixel_unshuffle(large, scale)
    _check(PixelShuffle3d(scale), deep, pixel_shuffle(deep, scale))


@given(videos(channels=7), st.integers(2, 7), st.booleans())
def test_shift_moves_one_channel_in_so_many(video: Tensor, divisor: int, causal: bool) -> None:
    count = 7 // divisor
    expected = temporal_shift(video, from_future=0 if causal else count, from_past=count)
    layer = TemporalShift(7, divisor=divisor, causal=causal)
    _check(layer, video, expected)


@given(videos(channels=4, min_frames=2), st.data())
def test_a_causal_shift_of_a_prefix_is_a_prefix(video: Tensor, data: st.DataObject) -> None:
    layer = TemporalShift(4, divisor=1, causal=True)
    length = data.draw(st.integers(1, video.shape[2]))
    assert torch.equal(layer(video[:, :, :length]), layer(video)[:, :, :length])


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float64])
def test_filters_follow_the_type_of_the_module_and_of_the_clip(half: torch.dtype) -> None:
    video = torch.rand(1, 2, 4, 4, 4)
    for layer in (UpsampleKaiser(2), DownsampleKaiser(2), BlurPool(2)):
        expected = layer(video)
        for out in (layer(video.to(half)), layer.to(half)(video.to(half))):
            assert out.dtype is half
            torch.testing.assert_close(out.float(), expected, rtol=0.03, atol=0.03)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: UpsampleNearest((1, 2)), TypeError, r"scale must be an integer or \(T, H, W\)"),
        (lambda: UpsampleLinear(0), ValueError, "scale must be .* each at least 1, got 0"),
        (lambda: UpsampleKaiser(0), ValueError, "factor must be at least 1, got 0"),
        (lambda: UpsampleKaiser(2, 0), ValueError, "num_taps must be at least 1, got 0"),
        (lambda: DownsampleKaiser(2, transition=-1), ValueError, "transition must be above 0"),
        (lambda: DownsampleKaiser(2, cutoff=1.5), ValueError, "cutoff .* at most 1, got 1.5"),
        (lambda: UpsampleKaiser(2, cutoff=0), ValueError, "cutoff must be above 0 .* got 0"),
        (lambda: BlurPool(0), ValueError, "stride must be .* each at least 1, got 0"),
        (lambda: BlurPool(2, taps=(1, -1)), ValueError, r"do not sum to 0, got \(1, -1\)"),
        (lambda: BlurPool(2, taps=()), ValueError, r"taps must be numbers .* got \(\)"),
        (
            lambda: BlurPool(2, padding_mode="zeros"),  # type: ignore[arg-type]
            ValueError,
            "padding_mode must be 'replicate' or 'reflect', got 'zeros'",
        ),
        (lambda: PixelShuffle3d(-1), ValueError, "scale must be .* each at least 1, got -1"),
        (lambda: TemporalShift(0), ValueError, "channels must be at least 1, got 0"),
        (lambda: TemporalShift(4), ValueError, "from 2 to the number of channels, 4, got 8"),
        (lambda: TemporalShift(4, divisor=1), ValueError, "divisor must be from 2 .* got 1"),
    ],
)
def test_wrong_settings_fail_in_the_constructor(
    build: Callable[[], nn.Module], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        build()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (UpsampleNearest(2), (2, 3, 4, 4), r"\(N, C, T, H, W\), got \(2, 3, 4, 4\)"),
        (UpsampleLinear(2), (2, 3, 4, 4), r"\(N, C, T, H, W\), got \(2, 3, 4, 4\)"),
        (UpsampleKaiser(2), (2, 3, 4, 4), r"\(N, C, T, H, W\), got \(2, 3, 4, 4\)"),
        (DownsampleKaiser(2), (2, 3, 4, 4), r"\(N, C, T, H, W\), got \(2, 3, 4, 4\)"),
        (DownsampleKaiser(2), (2, 3, 5, 4, 4), "multiple of factor 2, got 5"),
        (BlurPool(2), (2, 3, 4, 4), r"\(N, C, T, H, W\), got \(2, 3, 4, 4\)"),
        (BlurPool(2, padding_mode="reflect"), (2, 3, 2, 4, 4), "at least 3 where it is mirrored"),
        (PixelShuffle3d(2), (2, 12, 4, 4, 4), r"must be a multiple of 8 .* got \(2, 12, 4, 4, 4\)"),
        (PixelUnshuffle3d(2), (2, 3, 4, 5, 4), r"multiples of scale \(2, 2, 2\), got \(2, 3, 4, 5"),
        (TemporalShift(8), (2, 4, 4, 5, 4), r"\(N, C=8, T, H, W\), got \(2, 4, 4, 5, 4\)"),
    ],
)
def test_what_forward_refuses_the_promise_refuses_too(
    layer: nn.Module, shape: tuple[int, ...], message: str
) -> None:
    for call in (lambda: layer(torch.zeros(shape)), lambda: layer.output_shape(shape)):
        with pytest.raises(ShapeError, match=message):
            call()

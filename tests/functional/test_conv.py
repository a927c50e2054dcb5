"""Dense convolutions, separable ones and resizing ones, against the obvious way to write them."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stgan.errors import ShapeError
from stgan.functional import (
    compose_separable_kernel,
    conv_3d,
    conv_separable,
    conv_transpose_3d,
    conv_transpose_separable,
    resize_conv,
)
from stgan.shapes import conv_transpose_size
from tests.strategies import SEEDS, Geometry, conv_geometries, videos

# Large enough for every kernel.
CLIPS = videos(min_frames=4, min_side=4, max_side=6, max_batch=2)


def _random(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


@given(CLIPS, conv_geometries())
def test_a_causal_convolution_is_one_with_zeros_in_front(video: Tensor, geometry: Geometry) -> None:
    (k, *_), (s, *_) = geometry.kernel_size, geometry.stride
    weight, bias = _random(3, video.shape[1], *geometry.kernel_size), _random(3)
    padding = (0, *geometry.padding[1:])
    out = conv_3d(video, weight, bias, stride=geometry.stride, padding=padding, causal=True)
    front = torch.zeros_like(video[:, :, :1]).repeat(1, 1, k - 1, 1, 1)
    longer = torch.cat([front, video], dim=2)
    torch.testing.assert_close(
        out, F.conv3d(longer, weight, bias, stride=geometry.stride, padding=padding)
    )
    assert out.shape[2] == (video.shape[2] - 1) // s + 1


@given(CLIPS, conv_geometries())
def test_a_causal_transposed_convolution_is_the_beginning_of_one(
    video: Tensor, geometry: Geometry
) -> None:
    weight, bias = _random(video.shape[1], 3, *geometry.kernel_size), _random(3)
    options = {"stride": geometry.stride, "padding": (0, *geometry.padding[1:])}
    out = conv_transpose_3d(video, weight, bias, causal=True, **options)
    whole = F.conv_transpose3d(video, weight, bias, **options)
    frames = video.shape[2] * geometry.stride[0]
    assert out.shape[2] == frames
    torch.testing.assert_close(out, whole[:, :, :frames])


@given(CLIPS, conv_geometries())
def test_without_causality_they_are_the_convolutions_of_torch(
    video: Tensor, geometry: Geometry
) -> None:
    options = {"stride": geometry.stride, "padding": geometry.padding}
    channels = video.shape[1]
    weight, bias = _random(channels, channels, *geometry.kernel_size), _random(channels)
    torch.testing.assert_close(
        conv_3d(video, weight, bias, **options), F.conv3d(video, weight, bias, **options)
    )
    torch.testing.assert_close(
        conv_transpose_3d(video, weight, bias, **options),
        F.conv_transpose3d(video, weight, bias, **options),
    )


@given(CLIPS, conv_geometries(), st.booleans())
def test_a_separable_convolution_equals_the_dense_one_with_the_composed_kernel(
    video: Tensor, geometry: Geometry, transposed: bool
) -> None:
    c_in, c_out = video.shape[1], 3
    leaves = (
        video,
        _random(c_out if transposed else c_in, 1, *geometry.kernel_size),
        _random(c_out, c_in, 1, 1, 1),
        _random(c_out),
    )
    for leaf in leaves:
        leaf.requires_grad_()
    x, depthwise, pointwise, bias = leaves
    options = {"stride": geometry.stride, "padding": geometry.padding}
    kernel = compose_separable_kernel(depthwise, pointwise, transposed=transposed)
    if transposed:
        ours = conv_transpose_separable(x, pointwise, depthwise, None, bias, **options)
        dense = F.conv_transpose3d(x, kernel, bias, **options)
    else:
        ours = conv_separable(x, depthwise, pointwise, None, bias, **options)
        dense = F.conv3d(x, kernel, bias, **options)
    torch.testing.assert_close(ours, dense)
    probe = torch.randn_like(ours)
    for a, b in zip(
        torch.autograd.grad(ours, leaves, probe),
        torch.autograd.grad(dense, leaves, probe),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_what_is_between_the_separable_steps_is_applied_between_them() -> None:
    video, pointwise = _random(1, 2, 3, 4, 4), _random(3, 2, 1, 1, 1)
    b1, b2, b3 = _random(2), _random(3), _random(3)
    depthwise = _random(2, 1, 3, 3, 3)
    hidden = torch.tanh(F.conv3d(video, depthwise, b1, groups=2))
    torch.testing.assert_close(
        conv_separable(video, depthwise, pointwise, b1, b2, between=torch.tanh),
        F.conv3d(hidden, pointwise, b2),
    )
    depthwise = _random(3, 1, 3, 3, 3)
    hidden = torch.tanh(F.conv3d(video, pointwise, b2))
    torch.testing.assert_close(
        conv_transpose_separable(video, pointwise, depthwise, b2, b3, between=torch.tanh),
        F.conv_transpose3d(hidden, depthwise, b3, groups=3),
    )


def _nearest(video: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Take for every place of the result the place of the video whose middle is nearest."""
    for axis, size in enumerate(sizes, start=2):
        given = video.shape[axis]
        video = video.index_select(
            axis, torch.tensor([(2 * j + 1) * given // (2 * size) for j in range(size)])
        )
    return video


@given(CLIPS, conv_geometries(), st.sampled_from(["nearest", "linear"]))
def test_a_resize_convolution_resizes_to_the_size_of_the_transposed_one_and_keeps_it(
    video: Tensor, geometry: Geometry, mode: str
) -> None:
    k = geometry.kernel_size
    weight, bias = _random(2, video.shape[1], *k), _random(2)
    sizes = conv_transpose_size(tuple(video.shape[2:]), **vars(geometry))
    if mode == "nearest":
        resized = _nearest(video, sizes)
    else:
        resized = F.interpolate(video, size=sizes, mode="trilinear", align_corners=False)
    ends = [n for side in reversed(k) for n in ((side - 1) // 2, side // 2)]
    out = resize_conv(
        video, weight, bias, stride=geometry.stride, padding=geometry.padding, mode=mode
    )
    torch.testing.assert_close(out, F.conv3d(F.pad(resized, ends), weight, bias))
    assert tuple(out.shape[2:]) == sizes


@given(videos(min_frames=2, min_side=2), conv_geometries())
def test_a_causal_resize_convolution_repeats_frames_and_looks_back(
    video: Tensor, geometry: Geometry
) -> None:
    k, s = geometry.kernel_size, geometry.stride
    padding = (0, *geometry.padding[1:])
    weight = _random(2, video.shape[1], *k)
    sizes = conv_transpose_size(tuple(video.shape[2:]), kernel_size=k, stride=s, padding=padding)
    resized = _nearest(video.repeat_interleave(s[0], dim=2), (video.shape[2] * s[0], *sizes[1:]))
    ends = [n for side in reversed(k[1:]) for n in ((side - 1) // 2, side // 2)]
    out = resize_conv(video, weight, stride=s, padding=padding, causal=True)
    torch.testing.assert_close(out, F.conv3d(F.pad(resized, [*ends, k[0] - 1, 0]), weight))


@given(SEEDS, conv_geometries(), st.sampled_from(["nearest", "linear"]))
def test_a_constant_clip_stays_free_of_checkerboards(
    seed: int, geometry: Geometry, mode: str
) -> None:
    torch.manual_seed(seed)
    color, weight = _random(1, 2), _random(3, 2, *geometry.kernel_size)
    clip = color[..., None, None, None].expand(1, 2, 6, 6, 6)
    out = resize_conv(clip, weight, stride=geometry.stride, padding=geometry.padding, mode=mode)
    # Nearer to the borders, zeros are seen: at most two with a kernel of 4.
    inside = out[:, :, 2:-2, 2:-2, 2:-2]
    assert inside.numel()
    all_taps = torch.einsum("nc,octhw->no", color, weight)[..., None, None, None]
    torch.testing.assert_close(inside, all_taps.expand_as(inside))


def test_a_transposed_convolution_has_the_checkerboard_that_resizing_avoids() -> None:
    clip, weight = torch.ones(1, 1, 6, 6, 6).double(), torch.rand(1, 1, 3, 3, 3).double()
    options = {"stride": 2, "padding": 1}
    inside = (..., slice(3, -3), slice(3, -3), slice(3, -3))
    assert conv_transpose_3d(clip, weight, **options)[inside].std() > 0.1
    assert resize_conv(clip, weight, **options)[inside].std() < 1e-12


VIDEO, WEIGHT = torch.zeros(1, 2, 2, 4, 4), torch.zeros(2, 2, 3, 3, 3)


@pytest.mark.parametrize("function", [conv_3d, conv_transpose_3d, resize_conv])
def test_a_causal_convolution_pads_time_by_itself(function: object) -> None:
    with pytest.raises(ValueError, match=r"set padding\[0\] to 0, got padding \(1, 1, 1\)"):
        function(VIDEO, WEIGHT, padding=1, causal=True)  # type: ignore[operator]


def test_a_causal_transposed_convolution_leaves_no_holes() -> None:
    with pytest.raises(ValueError, match=r"stride \(4, 1, 1\) exceeds .* along time"):
        conv_transpose_3d(VIDEO, WEIGHT, stride=(4, 1, 1), causal=True)


@pytest.mark.parametrize(
    ("mode", "causal", "message"),
    [
        ("cubic", False, "mode must be 'nearest' or 'linear', got 'cubic'"),
        ("linear", True, "linear resizing mixes in the next frame.* use mode='nearest'"),
    ],
)
def test_modes_that_cannot_be_are_refused(mode: str, causal: bool, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resize_conv(VIDEO, WEIGHT, mode=mode, causal=causal)  # type: ignore[arg-type]


@pytest.mark.parametrize("function", [conv_3d, conv_transpose_3d, resize_conv])
def test_other_layouts_and_sizes_without_an_output_are_refused(function: object) -> None:
    with pytest.raises(ShapeError, match=r"\(N, C=2, T, H, W\), got \(1, 3, 2, 4, 4\)"):
        function(torch.zeros(1, 3, 2, 4, 4), WEIGHT)  # type: ignore[operator]
    if function is conv_3d:
        with pytest.raises(ShapeError, match="does not fit"):
            conv_3d(VIDEO, WEIGHT)
    else:
        with pytest.raises(ShapeError, match="trims all of the output"):
            function(VIDEO, WEIGHT, padding=(2, 0, 0))  # type: ignore[operator]

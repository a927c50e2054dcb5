"""The factorized transposed convolution against dense oracles."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stgan.errors import ShapeError
from stgan.functional import (
    compose_1p2d_kernel,
    conv_transpose_1p2d,
    factorized_mid_channels,
)
from tests.strategies import Geometry, conv_geometries, videos


def _weights(
    video: Tensor, geometry: Geometry, mid: int = 3, out: int = 2
) -> tuple[Tensor, Tensor]:
    t, h, w = geometry.kernel_size
    temporal = torch.randn(video.shape[1], mid, t, 1, 1, dtype=video.dtype)
    return temporal, torch.randn(mid, out, 1, h, w, dtype=video.dtype)


@given(videos(), conv_geometries())
def test_it_equals_one_dense_convolution_with_the_composed_kernel(
    video: Tensor, geometry: Geometry
) -> None:
    temporal, spatial = (w.requires_grad_() for w in _weights(video, geometry))
    bias = torch.randn(2, dtype=video.dtype)
    options = {"stride": geometry.stride, "padding": geometry.padding}
    ours = conv_transpose_1p2d(video, temporal, spatial, None, bias, **options)
    dense = F.conv_transpose3d(video, compose_1p2d_kernel(temporal, spatial), bias, **options)
    torch.testing.assert_close(ours, dense)
    probe = torch.randn_like(ours)
    for a, b in zip(
        torch.autograd.grad((ours * probe).sum(), (temporal, spatial)),
        torch.autograd.grad((dense * probe).sum(), (temporal, spatial)),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


@given(videos(min_side=2), conv_geometries())
def test_the_temporal_step_commutes_with_pixel_permutations(
    video: Tensor, geometry: Geometry
) -> None:
    temporal, _ = _weights(video, geometry)
    identity = torch.eye(3, dtype=video.dtype)[:, :, None, None, None]
    step = (geometry.stride[0], 1, 1), (geometry.padding[0], 0, 0)

    def along_time(clip: Tensor) -> Tensor:
        return conv_transpose_1p2d(clip, temporal, identity, stride=step[0], padding=step[1])

    order = torch.randperm(video.shape[3])
    torch.testing.assert_close(along_time(video[:, :, :, order]), along_time(video)[:, :, :, order])


@given(videos(min_frames=2), conv_geometries())
def test_the_spatial_step_commutes_with_frame_permutations(
    video: Tensor, geometry: Geometry
) -> None:
    _, spatial = _weights(video, geometry, mid=video.shape[1])
    identity = torch.eye(video.shape[1], dtype=video.dtype)[:, :, None, None, None]
    stride, padding = (1, *geometry.stride[1:]), (0, *geometry.padding[1:])

    def over_space(clip: Tensor) -> Tensor:
        return conv_transpose_1p2d(clip, identity, spatial, stride=stride, padding=padding)

    order = torch.randperm(video.shape[2])
    torch.testing.assert_close(over_space(video[:, :, order]), over_space(video)[:, :, order])


def test_what_is_between_the_steps_is_applied_between_them() -> None:
    video = torch.randn(1, 2, 3, 4, 4, dtype=torch.float64)
    temporal, spatial = torch.randn(2, 3, 2, 1, 1).double(), torch.randn(3, 2, 1, 3, 3).double()
    ours = conv_transpose_1p2d(video, temporal, spatial, between=torch.relu)
    hidden = torch.relu(F.conv_transpose3d(video, temporal))
    torch.testing.assert_close(ours, F.conv_transpose3d(hidden, spatial))


def test_gradients_are_right_in_both_orders() -> None:
    shapes = [(1, 2, 2, 2, 2), (2, 2, 2, 1, 1), (2, 1, 1, 2, 2), (2,), (1,)]
    args = [torch.randn(s, dtype=torch.float64, requires_grad=True) for s in shapes]

    def call(*tensors: Tensor) -> Tensor:
        return conv_transpose_1p2d(*tensors, stride=2, between=torch.tanh)

    assert torch.autograd.gradcheck(call, args)
    assert torch.autograd.gradgradcheck(call, args)


# Channels in, out and kernel of the five published blocks, and their literal mid widths.
PUBLISHED = [
    (618, 512, (2, 4, 4), 4096, 1073),
    (1030, 256, (4, 4, 4), 3072, 2053),
    (518, 128, (4, 4, 4), 1536, 1029),
    (262, 64, (4, 4, 4), 768, 517),
    (134, 3, (4, 4, 4), 36, 44),
]


@pytest.mark.parametrize(("c_in", "c_out", "kernel", "released", "match"), PUBLISHED)
def test_mid_widths_of_the_published_blocks(
    c_in: int, c_out: int, kernel: tuple[int, int, int], released: int, match: int
) -> None:
    about = {"in_channels": c_in, "out_channels": c_out, "kernel_size": kernel}
    assert factorized_mid_channels("released", **about) == released
    assert factorized_mid_channels("match", **about) == match
    assert factorized_mid_channels("out", **about) == c_out
    assert factorized_mid_channels(7, **about) == 7


@given(st.integers(1, 200), st.integers(1, 200), st.tuples(*[st.integers(1, 5)] * 3))
def test_match_spends_at_most_the_weights_of_the_dense_kernel_and_no_channel_less(
    c_in: int, c_out: int, kernel: tuple[int, int, int]
) -> None:
    t, area = kernel[0], kernel[1] * kernel[2]
    dense, per_channel = t * area * c_in * c_out, t * c_in + area * c_out
    if dense < per_channel:
        return  # refused, see below
    mid = factorized_mid_channels("match", in_channels=c_in, out_channels=c_out, kernel_size=kernel)
    assert mid * per_channel <= dense < (mid + 1) * per_channel


@pytest.mark.parametrize(
    ("rule", "kernel", "message"),
    [
        ("realesed", 4, "must be a positive integer, 'out', 'match' or 'released', got 'realesed'"),
        ("released", (1, 4, 4), "'released' gives 0 channels for kernel_size"),
        (0, 4, "0 gives 0 channels"),
        (True, 4, "got True"),
    ],
)
def test_bad_mid_widths_are_refused(rule: object, kernel: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        factorized_mid_channels(rule, in_channels=4, out_channels=4, kernel_size=kernel)  # type: ignore[arg-type]


def test_a_video_of_another_width_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"video must be laid out as \(N, C=4, T, H, W\), got"):
        conv_transpose_1p2d(
            torch.zeros(1, 3, 2, 4, 4), torch.zeros(4, 3, 1, 1, 1), torch.zeros(3, 2, 1, 1, 1)
        )

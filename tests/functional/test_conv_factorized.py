"""The factorized convolutions, forward and transposed, in both orders, against dense oracles."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stgan.errors import ShapeError
from stgan.functional import (
    compose_kernels,
    conv_1p2d,
    conv_2p1d,
    conv_transpose_1p2d,
    conv_transpose_2p1d,
    factorized_mid_channels,
)
from tests.strategies import Geometry, conv_geometries, videos


class Kind(NamedTuple):
    """One of the four, and what is known of it."""

    function: Callable[..., Tensor]
    time_first: bool
    transposed: bool

    def weight(self, c_in: int, c_out: int, kernel: tuple[int, ...]) -> Tensor:
        channels = (c_in, c_out) if self.transposed else (c_out, c_in)
        return torch.randn(*channels, *kernel, dtype=torch.float64)

    def identity(self, channels: int) -> Tensor:
        return torch.eye(channels, dtype=torch.float64)[:, :, None, None, None]

    def steps(self, kernel: tuple[int, int, int]) -> list[tuple[int, ...]]:
        steps: list[tuple[int, ...]] = [(kernel[0], 1, 1), (1, *kernel[1:])]
        return steps if self.time_first else steps[::-1]

    @property
    def dense(self) -> Callable[..., Tensor]:
        return F.conv_transpose3d if self.transposed else F.conv3d


KINDS = [
    Kind(conv_transpose_1p2d, True, True),
    Kind(conv_transpose_2p1d, False, True),
    Kind(conv_1p2d, True, False),
    Kind(conv_2p1d, False, False),
]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.function.__name__)
# Large enough for every kernel.
CLIPS = videos(min_frames=4, min_side=4, max_side=6, max_batch=2)


@every_kind
@given(video=CLIPS, geometry=conv_geometries(), mid=st.integers(1, 4))
def test_it_equals_one_dense_convolution_with_the_composed_kernel(
    kind: Kind, video: Tensor, geometry: Geometry, mid: int
) -> None:
    first, second = kind.steps(geometry.kernel_size)
    leaves = (
        video,
        kind.weight(video.shape[1], mid, first),
        kind.weight(mid, 2, second),
        torch.randn(2, dtype=video.dtype),
    )
    for leaf in leaves:
        leaf.requires_grad_()
    x, w1, w2, bias = leaves
    options = {"stride": geometry.stride, "padding": geometry.padding}
    ours = kind.function(x, w1, w2, None, bias, **options)
    composed = compose_kernels(w1, w2, transposed=kind.transposed)
    dense = kind.dense(x, composed, bias, **options)
    torch.testing.assert_close(ours, dense)
    probe = torch.randn_like(ours)
    for a, b in zip(
        torch.autograd.grad(ours, leaves, probe),
        torch.autograd.grad(dense, leaves, probe),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


@every_kind
@given(video=CLIPS, geometry=conv_geometries())
def test_each_step_leaves_the_axes_of_the_other_alone(
    kind: Kind, video: Tensor, geometry: Geometry
) -> None:
    channels = video.shape[1]
    (k, *area), (s, *space_s), (p, *space_p) = vars(geometry).values()
    kept = kind.identity(channels)
    temporal = kind.weight(channels, channels, (k, 1, 1))
    spatial = kind.weight(channels, channels, (1, *area))

    def along_time(clip: Tensor) -> Tensor:
        weights = (temporal, kept) if kind.time_first else (kept, temporal)
        return kind.function(clip, *weights, stride=(s, 1, 1), padding=(p, 0, 0))

    def over_space(clip: Tensor) -> Tensor:
        weights = (kept, spatial) if kind.time_first else (spatial, kept)
        return kind.function(clip, *weights, stride=(1, *space_s), padding=(0, *space_p))

    def commutes(step: Callable[[Tensor], Tensor], axis: int) -> None:
        order = torch.randperm(video.shape[axis])
        permuted = step(video.index_select(axis, order))
        torch.testing.assert_close(permuted, step(video).index_select(axis, order))

    commutes(along_time, 3)
    commutes(along_time, 4)
    commutes(over_space, 2)


@every_kind
def test_what_is_between_the_steps_is_applied_between_them(kind: Kind) -> None:
    video = torch.randn(1, 2, 3, 4, 4, dtype=torch.float64)
    first, second = kind.steps((2, 3, 3))
    w1, w2 = kind.weight(2, 3, first), kind.weight(3, 2, second)
    b1 = torch.randn(3, dtype=torch.float64)
    ours = kind.function(video, w1, w2, b1, between=torch.relu)
    torch.testing.assert_close(ours, kind.dense(torch.relu(kind.dense(video, w1, b1)), w2))


@every_kind
def test_gradients_are_right_in_both_orders(kind: Kind) -> None:
    first, second = kind.steps((2, 2, 2))
    args = [
        torch.randn(1, 2, 2, 2, 2, dtype=torch.float64),
        kind.weight(2, 2, first),
        kind.weight(2, 1, second),
        torch.randn(2, dtype=torch.float64),
        torch.randn(1, dtype=torch.float64),
    ]
    for arg in args:
        arg.requires_grad_()

    def call(*tensors: Tensor) -> Tensor:
        return kind.function(*tensors, stride=2, padding=0, between=torch.tanh)

    assert torch.autograd.gradcheck(call, args)
    assert torch.autograd.gradgradcheck(call, args)


def test_kernels_that_meet_on_an_axis_are_not_composed() -> None:
    with pytest.raises(ShapeError, match=r"size 1 along every axis, got .*3, 1, 1.*3, 3, 3"):
        compose_kernels(torch.ones(2, 2, 3, 1, 1), torch.ones(2, 2, 3, 3, 3))


# Channels in, out and kernel of the five published blocks, their literal mid widths, and those
# that match the weights of a dense kernel in both orders.
PUBLISHED = [
    (618, 512, (2, 4, 4), 4096, 1073, 927),
    (1030, 256, (4, 4, 4), 3072, 2053, 964),
    (518, 128, (4, 4, 4), 1536, 1029, 482),
    (262, 64, (4, 4, 4), 768, 517, 241),
    (134, 3, (4, 4, 4), 36, 44, 11),
]


@pytest.mark.parametrize(("c_in", "c_out", "kernel", "released", "match", "swapped"), PUBLISHED)
def test_mid_widths_of_the_published_blocks(
    c_in: int, c_out: int, kernel: tuple[int, int, int], released: int, match: int, swapped: int
) -> None:
    about = {"in_channels": c_in, "out_channels": c_out, "kernel_size": kernel}
    assert factorized_mid_channels("match", **about) == match
    assert factorized_mid_channels("match", **about, order="2p1d") == swapped
    for order in ("1p2d", "2p1d"):
        assert factorized_mid_channels("released", **about, order=order) == released
        assert factorized_mid_channels("out", **about, order=order) == c_out
        assert factorized_mid_channels(7, **about, order=order) == 7


@given(
    st.integers(1, 200),
    st.integers(1, 200),
    st.tuples(*[st.integers(1, 5)] * 3),
    st.sampled_from(["1p2d", "2p1d"]),
)
def test_match_spends_at_most_the_weights_of_the_dense_kernel_and_no_channel_less(
    c_in: int, c_out: int, kernel: tuple[int, int, int], order: str
) -> None:
    time, area = kernel[0], kernel[1] * kernel[2]
    first, second = (time, area) if order == "1p2d" else (area, time)
    dense, per_channel = time * area * c_in * c_out, first * c_in + second * c_out
    about = {"in_channels": c_in, "out_channels": c_out, "kernel_size": kernel, "order": order}
    if dense < per_channel:
        with pytest.raises(ValueError, match="'match' gives 0 channels"):
            factorized_mid_channels("match", **about)
        return
    mid = factorized_mid_channels("match", **about)
    assert mid * per_channel <= dense < (mid + 1) * per_channel


@pytest.mark.parametrize(
    ("rule", "kernel", "order", "message"),
    [
        ("realesed", 4, "1p2d", "a positive integer, 'out', 'match' or 'released', got 'realesed'"),
        ("released", (1, 4, 4), "1p2d", "'released' gives 0 channels for kernel_size"),
        (0, 4, "1p2d", "0 gives 0 channels"),
        (True, 4, "1p2d", "got True"),
        ("out", 4, "3d", "order must be '1p2d' or '2p1d', got '3d'"),
    ],
)
def test_bad_mid_widths_are_refused(rule: object, kernel: object, order: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        factorized_mid_channels(
            rule, in_channels=4, out_channels=4, kernel_size=kernel, order=order
        )  # type: ignore[arg-type]


@every_kind
def test_a_video_of_another_width_is_refused(kind: Kind) -> None:
    w1, w2 = kind.weight(4, 3, (1, 1, 1)), kind.weight(3, 2, (1, 1, 1))
    with pytest.raises(ShapeError, match=r"video must be laid out as \(N, C=4, T, H, W\), got"):
        kind.function(torch.zeros(1, 3, 2, 4, 4), w1, w2)

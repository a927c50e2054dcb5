"""Features that are fused lazily pass a convolution as if they had been repeated before."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stgan.errors import ShapeError
from stgan.functional import (
    FusedFeatures,
    conv_1p2d,
    conv_3d,
    conv_transpose_1p2d,
    conv_transpose_3d,
    temporal_conv_fused,
    temporal_conv_transpose_fused,
)
from tests.strategies import SEEDS


def _random(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


@st.composite
def fused_features(draw: st.DrawFn, *, min_frames: int) -> FusedFeatures:
    """Video features with up to three static parts of either rank, in any order."""
    n, t = draw(st.integers(1, 2)), draw(st.integers(min_frames, 8))
    h, w = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    channels = st.integers(1, 3)
    torch.manual_seed(draw(SEEDS))
    statics = []
    for is_map in draw(st.lists(st.booleans(), max_size=3)):
        statics.append(_random(n, draw(channels), *((h, w) if is_map else ())))
    return FusedFeatures(_random(n, draw(channels), t, h, w), tuple(statics))


# Kernels, strides and paddings along time, of which a causal convolution takes no padding.
KERNELS, STRIDES, PADDINGS = st.integers(1, 6), st.integers(1, 4), st.integers(0, 3)


def _equal_with_gradients(
    lazy: Callable[[FusedFeatures, Tensor, Tensor], Tensor],
    eager: Callable[[Tensor, Tensor, Tensor], Tensor],
    features: FusedFeatures,
    weight: Tensor,
    bias: Tensor,
) -> None:
    leaves = (features.video, *features.statics, weight, bias)
    for leaf in leaves:
        leaf.requires_grad_()
    ours, expected = lazy(features, weight, bias), eager(features.materialize(), weight, bias)
    torch.testing.assert_close(ours, expected)
    probe = torch.randn_like(ours)
    for a, b in zip(
        torch.autograd.grad(ours, leaves, probe),
        torch.autograd.grad(expected, leaves, probe),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


@given(fused_features(min_frames=6), KERNELS, STRIDES, PADDINGS, st.booleans())
def test_the_temporal_convolution(
    features: FusedFeatures, kernel: int, stride: int, padding: int, causal: bool
) -> None:
    padding = 0 if causal else padding
    weight = _random(4, features.shape[1], kernel, 1, 1)
    _equal_with_gradients(
        lambda x, w, b: temporal_conv_fused(x, w, b, stride=stride, padding=padding, causal=causal),
        lambda x, w, b: conv_3d(
            x, w, b, stride=(stride, 1, 1), padding=(padding, 0, 0), causal=causal
        ),
        features,
        weight,
        _random(4),
    )


@given(fused_features(min_frames=1), KERNELS, STRIDES, PADDINGS, st.booleans())
def test_the_temporal_transposed_convolution(
    features: FusedFeatures, kernel: int, stride: int, padding: int, causal: bool
) -> None:
    if causal:
        padding, stride = 0, min(stride, kernel)
    else:
        padding = min(padding, (kernel - 1) // 2)
    weight = _random(features.shape[1], 4, kernel, 1, 1)
    _equal_with_gradients(
        lambda x, w, b: temporal_conv_transpose_fused(
            x, w, b, stride=stride, padding=padding, causal=causal
        ),
        lambda x, w, b: conv_transpose_3d(
            x, w, b, stride=(stride, 1, 1), padding=(padding, 0, 0), causal=causal
        ),
        features,
        weight,
        _random(4),
    )


@given(fused_features(min_frames=4))
def test_both_steps_with_something_in_between(features: FusedFeatures) -> None:
    down = _random(4, features.shape[1], 3, 1, 1), _random(2, 4, 1, 3, 3)
    up = _random(features.shape[1], 4, 4, 1, 1), _random(4, 2, 1, 3, 3)
    options = {"stride": (2, 1, 1), "padding": 1, "between": torch.tanh}
    for function, weights in ((conv_1p2d, down), (conv_transpose_1p2d, up)):
        _equal_with_gradients(
            lambda x, w, b: function(x, w, weights[1], b, **options),  # noqa: B023  # called here
            lambda x, w, b: function(x, w, weights[1], b, **options),  # noqa: B023
            features,
            weights[0],
            _random(4),
        )


@pytest.mark.parametrize("frames", [4, 9, 64])
def test_a_static_part_passes_the_kernel_once_for_each_of_four_phases(
    frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = FusedFeatures(_random(1, 2, frames, 3, 3), (_random(1, 5, 3, 3),))
    weight, widths = _random(7, 6, 4, 1, 1), []
    convolve = torch.nn.functional.conv2d

    def counted(x: Tensor, kernel: Tensor) -> Tensor:
        widths.append(kernel.shape[0])
        return convolve(x, kernel)

    monkeypatch.setattr(torch.nn.functional, "conv2d", counted)
    temporal_conv_transpose_fused(features, weight, stride=2, padding=1)
    assert widths == [4 * 6]


@pytest.mark.parametrize(
    ("static", "message"),
    [
        ((2, 3, 4, 5), r"a static stream must be laid out as \(N=2, C, H=4, W=4\), got \(2, 3, 4"),
        ((1, 3), r"a static stream must be laid out as \(N=2, C\), got \(1, 3\)"),
        ((2, 3, 4), r"a static stream must be laid out as \(N=2, C, H=4, W=4\), got \(2, 3, 4\)"),
        ((2, 4), r"video must be laid out as \(N, C=5, T, H, W\), got \(2, 6, 3, 4, 4\)"),
    ],
)
def test_static_parts_that_do_not_fit_are_refused(static: tuple[int, ...], message: str) -> None:
    features = FusedFeatures(torch.zeros(2, 2, 3, 4, 4), (torch.zeros(static),))
    with pytest.raises(ShapeError, match=message):
        temporal_conv_fused(features, torch.zeros(4, 5, 3, 1, 1))
    with pytest.raises(ShapeError, match=message):
        temporal_conv_transpose_fused(features, torch.zeros(5, 4, 3, 1, 1))

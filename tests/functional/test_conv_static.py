"""Features that are fused lazily pass a convolution as if they had been repeated before."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from stgan.errors import ShapeError
from stgan.functional import (
    FusedFeatures,
    _conv_cores,
    conv_1p2d,
    conv_3d,
    conv_transpose_1p2d,
    conv_transpose_3d,
    temporal_conv_fused,
    temporal_conv_transpose_fused,
)
from tests.strategies import SEEDS, Geometry, conv_geometries


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


@pytest.mark.parametrize("transposed", [False, True])
@given(features=fused_features(min_frames=4))
def test_on_tensor_cores_whole_blocks_of_channels_are_the_same_convolution(
    transposed: bool, features: FusedFeatures
) -> None:
    function = temporal_conv_transpose_fused if transposed else temporal_conv_fused
    dense = conv_transpose_3d if transposed else conv_3d
    channels = (features.shape[1], 4) if transposed else (4, features.shape[1])
    seen: list[tuple[int, ...]] = []

    def spy(name: str) -> Callable[..., Tensor]:
        real = getattr(F, name)

        def call(video: Tensor, *rest: Any, **options: Any) -> Tensor:
            seen.append(tuple(video.shape))
            return real(video, *rest, **options)

        return call

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_conv_cores, "has_tensor_cores", lambda video: bool(features.statics))
        for name in ("conv3d", "conv_transpose3d"):
            patch.setattr(_conv_cores.F, name, spy(name))
        _equal_with_gradients(
            lambda x, w, b: function(x, w, b, padding=1),
            lambda x, w, b: dense(x, w, b, padding=(1, 0, 0)),
            features,
            _random(*channels, 3, 1, 1),
            _random(4),
        )
    if features.statics:
        assert seen[0][1] == -(-features.shape[1] // 8) * 8


@pytest.mark.parametrize("frames", [4, 9, 64])
def test_a_static_part_passes_the_kernel_once_however_long_the_clip(frames: int) -> None:
    maps = torch.randn(1, 5, 3, 3)
    weight = torch.randn(7, 6, 4, 1, 1)

    def work(*statics: Tensor) -> int:
        features = FusedFeatures(torch.randn(1, 7 - 5 * len(statics), frames, 3, 3), statics)
        with FlopCounterMode(display=False) as counter:
            temporal_conv_transpose_fused(features, weight, stride=2, padding=1)
        return counter.get_total_flops() // 2

    # Two channels move: theirs is the work of every frame, with all taps and outputs.
    moving = 2 * 6 * 4 * 9 * frames
    assert work(maps) == moving + 5 * 6 * 4 * 9
    assert work() == 7 * 6 * 4 * 9 * frames


@st.composite
def dense_cases(draw: st.DrawFn) -> tuple[FusedFeatures, Geometry, bool]:
    features = draw(fused_features(min_frames=4))
    # Large enough for every kernel.
    n, c, t, _, _ = features.video.shape
    h, w = draw(st.integers(4, 6)), draw(st.integers(4, 6))
    statics = tuple(
        _random(n, static.shape[1], *((h, w) if static.ndim == 4 else ()))
        for static in features.statics
    )
    geometry, causal = draw(conv_geometries()), draw(st.booleans())
    if causal:
        geometry = replace(geometry, padding=(0, *geometry.padding[1:]))
    return FusedFeatures(_random(n, c, t, h, w), statics), geometry, causal


@given(dense_cases(), st.booleans())
def test_convolutions_over_time_and_space(
    case: tuple[FusedFeatures, Geometry, bool], transposed: bool
) -> None:
    features, geometry, causal = case
    channels = features.shape[1]
    shape = (channels, 4) if transposed else (4, channels)
    function = conv_transpose_3d if transposed else conv_3d
    options = {"stride": geometry.stride, "padding": geometry.padding, "causal": causal}
    _equal_with_gradients(
        lambda x, w, b: function(x, w, b, **options),
        lambda x, w, b: function(x, w, b, **options),
        features,
        _random(*shape, *geometry.kernel_size),
        _random(4),
    )


@pytest.mark.parametrize("function", [temporal_conv_fused, temporal_conv_transpose_fused])
def test_lazy_features_can_be_differentiated_twice(function: Callable[..., Tensor]) -> None:
    features = FusedFeatures(_random(1, 1, 3, 2, 1), (_random(1, 2, 2, 1), _random(1, 1)))
    shape = (2, 4) if function is temporal_conv_fused else (4, 2)
    leaves = (features.video, *features.statics, _random(*shape, 3, 1, 1))
    for leaf in leaves:
        leaf.requires_grad_()

    def call(video: Tensor, *rest: Tensor) -> Tensor:
        return function(FusedFeatures(video, rest[:-1]), rest[-1], stride=2, padding=1).tanh()

    assert torch.autograd.gradcheck(call, leaves)
    assert torch.autograd.gradgradcheck(call, leaves)


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


class _Devices(TorchDispatchMode):
    """Notes on which devices tensors are made and met."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.seen |= {x.device.type for x in tree_leaves((args, out)) if isinstance(x, Tensor)}
        return out


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("function", [conv_3d, conv_transpose_3d])
def test_nothing_is_copied_from_the_host(function: Callable[..., Tensor], causal: bool) -> None:
    video, image, row = (
        torch.zeros(2, 3, *size, device="meta") for size in ((4, 5, 6), (5, 6), ())
    )
    weight = torch.zeros(9, 9, 4, 4, 4, device="meta")
    with _Devices() as devices:
        function(
            FusedFeatures(video, (image, row)), weight,
            stride=2, padding=(0 if causal else 1, 1, 1), causal=causal,
        )  # fmt: skip
    assert devices.seen == {"meta"}

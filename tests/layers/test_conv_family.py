"""What all convolutions have in common: one signature, sizes, wrapping, causality, lazy fusion."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import stgan
from stgan import functional
from stgan.blocks import UpStage
from stgan.errors import ShapeError
from stgan.functional import FusedFeatures, factorized_mid_channels
from stgan.layers import (
    Conv1Plus2d,
    Conv2Plus1d,
    ConvTranspose1Plus2d,
    ConvTranspose2Plus1d,
    DenseConv3d,
    DenseConvTranspose3d,
    ResizeConv3d,
    SeparableConv3d,
    SeparableConvTranspose3d,
)
from stgan.registry import LAYERS
from tests.strategies import Geometry, conv_geometries, videos

UP = [
    ConvTranspose1Plus2d,
    ConvTranspose2Plus1d,
    DenseConvTranspose3d,
    SeparableConvTranspose3d,
    ResizeConv3d,
]
DOWN = [Conv1Plus2d, Conv2Plus1d, DenseConv3d, SeparableConv3d]
# The names of the two steps, in their order.
STEPS = {
    ConvTranspose1Plus2d: ("temporal", "spatial"),
    ConvTranspose2Plus1d: ("spatial", "temporal"),
    SeparableConvTranspose3d: ("pointwise", "depthwise"),
    Conv1Plus2d: ("temporal", "spatial"),
    Conv2Plus1d: ("spatial", "temporal"),
    SeparableConv3d: ("depthwise", "pointwise"),
}
FUNCTIONS: dict[type[nn.Module], Callable[..., Tensor]] = {
    ConvTranspose1Plus2d: functional.conv_transpose_1p2d,
    ConvTranspose2Plus1d: functional.conv_transpose_2p1d,
    DenseConvTranspose3d: functional.conv_transpose_3d,
    SeparableConvTranspose3d: functional.conv_transpose_separable,
    ResizeConv3d: functional.resize_conv,
    Conv1Plus2d: functional.conv_1p2d,
    Conv2Plus1d: functional.conv_2p1d,
    DenseConv3d: functional.conv_3d,
    SeparableConv3d: functional.conv_separable,
}
NORMS = [None, nn.BatchNorm3d]


def _each(classes: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("cls", classes, ids=lambda cls: cls.__name__)


def _for_causality(geometry: Geometry) -> Geometry:
    return replace(geometry, padding=(0, *geometry.padding[1:]))


def _convs(layer: nn.Module) -> list[nn.Module]:
    return [m for m in layer.children() if isinstance(m, nn.Conv3d | nn.ConvTranspose3d)]


@_each([*UP, *DOWN])
@given(
    video=videos(min_side=2, min_frames=2, dtype=torch.float32),
    geometry=conv_geometries(),
    norm=st.sampled_from(NORMS),
    bias=st.booleans(),
    causal=st.booleans(),
)
def test_it_equals_its_function_and_promises_its_shape(
    cls: type[nn.Module], video: Tensor, geometry: Geometry, norm: Any, bias: bool, causal: bool
) -> None:
    geometry = _for_causality(geometry) if causal else geometry
    layer = cls(
        video.shape[1], 5, **vars(geometry), norm=norm, bias=bias, bias_before_norm=bias,
        causal=causal,
    ).eval()  # fmt: skip
    try:
        promised = layer.output_shape(tuple(video.shape))
    except ShapeError:
        with pytest.raises(ShapeError):
            layer(video)
        return
    out = layer(video)
    convs = _convs(layer)
    options: dict[str, Any] = {"stride": geometry.stride, "padding": geometry.padding}
    if cls in STEPS:
        options["between"] = nn.Sequential(layer.norm, layer.act)
    expected = FUNCTIONS[cls](
        video, *(c.weight for c in convs), *(c.bias for c in convs), causal=causal, **options
    )
    assert torch.equal(out, expected)
    assert tuple(out.shape) == promised


@_each([*UP, *DOWN])
@given(
    video=videos(min_side=4, max_side=5, min_frames=2, max_batch=2),
    geometry=conv_geometries(),
    norm=st.sampled_from(NORMS),
    data=st.data(),
)
def test_a_causal_convolution_of_the_first_frames_gives_the_first_frames(
    cls: type[nn.Module], video: Tensor, geometry: Geometry, norm: Any, data: st.DataObject
) -> None:
    geometry = _for_causality(geometry)
    layer = cls(video.shape[1], 3, **vars(geometry), norm=norm, causal=True).double().eval()
    frames = data.draw(st.integers(1, video.shape[2]), label="frames")
    whole, part = layer(video), layer(video[:, :, :frames])
    torch.testing.assert_close(part, whole[:, :, : part.shape[2]])
    (stride, *_) = geometry.stride
    assert part.shape[2] == (frames * stride if cls in UP else (frames - 1) // stride + 1)


@_each([*UP, *DOWN])
@given(
    geometry=conv_geometries(),
    size=st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6)),
    channels=st.sampled_from([1, 3, 64]),
    static=st.booleans(),
    train=st.booleans(),
)
def test_a_batch_without_samples_goes_through_and_back(
    cls: type[nn.Module], geometry: Geometry, size: tuple[int, ...], channels: int, static: bool,
    train: bool,
) -> None:  # fmt: skip
    layer = cls(channels + 2 * static, 5, **vars(geometry), norm=None).train(train)
    video = torch.zeros(0, channels, *size, requires_grad=True)
    given = FusedFeatures(video, (torch.zeros(0, 2),)) if static else video
    try:
        promised = layer.output_shape((0, channels + 2 * static, *size))
    except ShapeError:
        return
    out = layer(given)
    assert tuple(out.shape) == promised
    out.sum().backward()
    assert video.grad is not None
    assert all(weight.grad is None or not weight.grad.any() for weight in layer.parameters())


@_each([*UP, *DOWN])
def test_without_causality_the_future_is_seen(cls: type[nn.Module]) -> None:
    layer = cls(2, 3, 3, padding=1, norm=None).double()
    video = torch.randn(1, 2, 6, 4, 4, dtype=torch.float64)
    part, whole = layer(video[:, :, :3]), layer(video)
    assert not torch.allclose(part, whole[:, :, :3])


@_each([*UP, *DOWN])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_spectral_norm_makes_the_largest_singular_value_of_every_step_one(
    cls: type[nn.Module], dtype: torch.dtype
) -> None:
    layer = cls(4, 3, (2, 3, 3), init_std=0.5, spectral_norm=True).to(dtype)
    for _ in range(300):
        layer(torch.zeros(1, 4, 3, 4, 4, dtype=dtype))
    layer.eval()
    convs = _convs(layer)
    assert len(convs) == len(STEPS.get(cls, ("conv",)))
    for conv in convs:
        # One row for every channel of the output.
        if isinstance(conv, nn.ConvTranspose3d):
            blocks = conv.weight.unflatten(0, (conv.groups, -1)).transpose(1, 2).flatten(0, 1)
        else:
            blocks = conv.weight
        sigma = torch.linalg.matrix_norm(blocks.flatten(1), ord=2)
        torch.testing.assert_close(sigma, torch.ones_like(sigma), atol=1e-4, rtol=0)


@_each([*UP, *DOWN])
def test_a_forward_pass_in_training_is_one_power_iteration_of_every_step(
    cls: type[nn.Module],
) -> None:
    layer = cls(4, 3, 3, padding=1, spectral_norm=True)
    twin = copy.deepcopy(layer)
    layer(torch.zeros(2, 4, 3, 4, 4))
    for ours, other in zip(_convs(layer), _convs(twin), strict=True):
        norm, once = ours.parametrizations.weight[0], other.parametrizations.weight[0]
        once(other.parametrizations.weight.original)
        torch.testing.assert_close(norm._u, once._u)
    before = {k: v.clone() for k, v in layer.eval().state_dict().items()}
    layer(torch.zeros(2, 4, 3, 4, 4))
    assert all(torch.equal(v, before[k]) for k, v in layer.state_dict().items())


@_each([*UP, *DOWN])
@pytest.mark.parametrize("spectral_norm", [True, False])
def test_initialization_takes_effect_before_the_wrapping(
    cls: type[nn.Module], spectral_norm: bool
) -> None:
    layer = cls(64, 64, 4, init_std=0.02, spectral_norm=spectral_norm)
    for conv in _convs(layer):
        weight = conv.parametrizations.weight.original if spectral_norm else conv.weight
        assert weight.std().item() == pytest.approx(0.02, rel=0.1)
        assert weight.mean().abs().item() < 2e-3
        if spectral_norm:
            # Sigma is that of the drawn weight, not of torch's default before it.
            assert not torch.allclose(conv.weight.std(), weight.std(), rtol=0.1)
    if cls in STEPS:
        assert torch.equal(layer.norm.weight, torch.ones_like(layer.norm.weight))
    torch.manual_seed(0)
    first = cls(64, 64, 4)
    torch.manual_seed(0)
    assert torch.equal(_convs(first)[0].weight, _convs(cls(64, 64, 4, init_std=None))[0].weight)
    assert _convs(first)[0].weight.std().item() != pytest.approx(0.02, rel=0.01)


SINGLE = [cls for cls in [*UP, *DOWN] if cls not in STEPS]
SEPARABLE = [SeparableConv3d, SeparableConvTranspose3d]


def _same(one: nn.Module, other: nn.Module, seed: int = 0) -> bool:
    video = torch.randn(2, 4, 4, 4, 4)
    states = one.state_dict(), other.state_dict()
    return (
        list(states[0]) == list(states[1])
        and all(torch.equal(a, b) for a, b in zip(*(s.values() for s in states), strict=True))
        and torch.equal(one(video), other(video))
    )


def _seeded(cls: type[nn.Module], **settings: Any) -> nn.Module:
    torch.manual_seed(0)
    return cls(4, 3, 3, padding=1, **settings)


@_each(SINGLE)
@pytest.mark.parametrize(
    "settings",
    [
        {"mid_channels": 7}, {"mid_channels": "released"}, {"norm": None}, {"act": None},
        {"norm": nn.InstanceNorm3d}, {"act": nn.Tanh}, {"bias_before_norm": True},
    ],
    ids=str,
)  # fmt: skip
def test_what_stands_between_two_steps_has_no_effect_on_one(
    cls: type[nn.Module], settings: dict[str, Any]
) -> None:
    assert _same(_seeded(cls), _seeded(cls, **settings))
    assert not _same(_seeded(cls), _seeded(cls, bias=False))


@_each(SEPARABLE)
def test_the_mid_width_has_no_effect_on_separable_steps(cls: type[nn.Module]) -> None:
    for rule in (7, "match", "released"):
        assert _same(_seeded(cls), _seeded(cls, mid_channels=rule))
    assert not _same(_seeded(cls), _seeded(cls, act=nn.Tanh))
    assert not _same(_seeded(cls), _seeded(cls, norm=None))


@_each(list(STEPS))
def test_norm_and_activation_stand_between_the_steps(cls: type[nn.Module]) -> None:
    layer = cls(4, 3, 3)
    first, second = STEPS[cls]
    assert [name for name, _ in layer.named_children()] == [first, "norm", "act", second]
    assert layer.norm.num_features == layer.mid_channels == getattr(layer, second).in_channels
    assert layer.mid_channels == getattr(layer, first).out_channels


@_each(list(STEPS))
def test_the_first_bias_goes_where_a_norm_takes_it_out(cls: type[nn.Module]) -> None:
    first, second = STEPS[cls]

    def biases(**settings: Any) -> tuple[bool, bool]:
        layer = cls(3, 4, 4, **settings)
        return getattr(layer, first).bias is not None, getattr(layer, second).bias is not None

    assert biases() == (False, True)
    assert biases(bias_before_norm=True) == (True, True)
    assert biases(norm=None) == (True, True)
    assert biases(bias=False) == (False, False)


@_each([cls for cls in STEPS if cls not in SEPARABLE])
@pytest.mark.parametrize("rule", ["out", "match", "released", 5])
def test_the_width_between_the_steps_follows_the_order(cls: type[nn.Module], rule: Any) -> None:
    layer = cls(6, 4, (3, 4, 4), mid_channels=rule)
    about = {"in_channels": 6, "out_channels": 4, "kernel_size": (3, 4, 4)}
    order = "1p2d" if STEPS[cls][0] == "temporal" else "2p1d"
    assert layer.mid_channels == factorized_mid_channels(rule, **about, order=order)
    assert f"mid_channels={layer.mid_channels}" in repr(layer)


@_each([*UP, *DOWN])
@given(video=videos(channels=2, min_side=4, max_side=5, min_frames=4, max_batch=2),
       causal=st.booleans(), with_map=st.booleans(), with_row=st.booleans())  # fmt: skip
def test_features_that_are_fused_lazily_are_taken_as_if_they_were_materialized(
    cls: type[nn.Module], video: Tensor, causal: bool, with_map: bool, with_row: bool
) -> None:
    n, _, _, h, w = video.shape
    statics = [torch.randn(n, 3, h, w).double()] * with_map + [
        torch.randn(n, 4).double()
    ] * with_row
    fused = FusedFeatures(video, tuple(statics))
    padding = 0 if causal else 1
    layer = cls(fused.shape[1], 3, 4, 2, (padding, 1, 1), causal=causal).double().eval()
    torch.testing.assert_close(layer(fused), layer(fused.materialize()))
    assert layer.output_shape(tuple(fused.shape)) == tuple(layer(fused).shape)


@_each([ConvTranspose1Plus2d, Conv1Plus2d])
def test_lazy_fusion_can_be_compiled(cls: type[nn.Module]) -> None:
    layer = cls(9, 3, 4, 2, 1, spectral_norm=True).eval()
    fused = FusedFeatures(torch.randn(2, 2, 4, 6, 5), (torch.randn(2, 3, 6, 5), torch.randn(2, 4)))
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(fused), layer(fused))


@given(
    st.sampled_from(UP), conv_geometries(), st.tuples(*[st.integers(2, 5)] * 3),
    st.sampled_from([nn.BatchNorm3d, None]),
)  # fmt: skip
def test_upsampling_convolutions_replace_each_other_by_one_word(
    cls: type[nn.Module], geometry: Geometry, sizes: tuple[int, int, int], norm: Any
) -> None:
    stage = UpStage(3, 4, **vars(geometry), conv=cls, mid_channels=2, mid_norm=norm)
    default = UpStage(3, 4, **vars(geometry), mid_channels=2, mid_norm=norm)
    shape = (2, 3, *sizes)
    assert stage.output_shape(shape) == default.output_shape(shape)
    assert tuple(stage(torch.randn(shape)).shape) == default.output_shape(shape)


@_each([*UP, *DOWN])
def test_every_convolution_is_registered_and_takes_every_setting(cls: type[nn.Module]) -> None:
    name = LAYERS.name_of(cls)
    layer = stgan.create(
        "layers", name, 4, 3, 3, 1, (0, 1, 1), mid_channels=5, norm=None, act=None, bias=False,
        bias_before_norm=True, spectral_norm=True, init_std=0.1, causal=True,
    )  # fmt: skip
    assert type(layer) is cls
    assert layer(torch.zeros(1, 4, 2, 5, 5)).shape == (1, 3, 2, 5, 5)
    assert "padding=(0, 1, 1), causal=True" in repr(layer)


def test_the_mode_of_resizing_reaches_the_function_and_the_repr() -> None:
    torch.manual_seed(0)
    layer = ResizeConv3d(2, 3, 4, 2, 1, mode="linear")
    video = torch.randn(1, 2, 3, 4, 4)
    expected = functional.resize_conv(
        video, layer.conv.weight, layer.conv.bias, stride=2, padding=1, mode="linear"
    )
    assert torch.equal(layer(video), expected)
    assert "mode='linear'" in repr(layer)


@pytest.mark.parametrize(
    ("cls", "settings", "message"),
    [
        *[(cls, {"causal": True, "padding": 1}, r"set padding\[0\] to 0, got padding \(1, 1, 1\)")
          for cls in [*UP, *DOWN]],
        *[(cls, {"stride": (4, 1, 1)}, r"stride \(4, 1, 1\) exceeds .* along time")
          for cls in UP if cls is not ResizeConv3d],
        (ResizeConv3d, {"mode": "cubic"}, "mode must be 'nearest' or 'linear', got 'cubic'"),
        (ResizeConv3d, {"mode": "linear", "causal": True}, "linear resizing mixes in the next"),
        (Conv2Plus1d, {"init_std": -1.0}, "init_std must be at least 0, got -1.0"),
        (Conv2Plus1d, {"mid_channels": "mach"}, "'match' or 'released', got 'mach'"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused_in_the_constructor(
    cls: type[nn.Module], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        cls(2, 3, 3, **settings)


@_each([*UP, *DOWN])
def test_another_layout_is_refused_before_and_while_running(cls: type[nn.Module]) -> None:
    layer = cls(2, 3, 3, padding=1)
    for shape in ((2, 4, 4, 4), (2, 3, 4, 4, 4)):
        message = rf"\(N, C=2, T, H, W\), got \({', '.join(map(str, shape))}\)"
        with pytest.raises(ShapeError, match=message):
            layer(torch.zeros(shape))
        with pytest.raises(ShapeError, match=message):
            layer.output_shape(shape)

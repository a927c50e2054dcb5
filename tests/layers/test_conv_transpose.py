"""The module is a thin face of its function, keeps its promises and refuses what it cannot do."""

import copy
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from stgan.errors import ShapeError
from stgan.functional import conv_transpose_1p2d
from stgan.layers import ConvTranspose1Plus2d
from tests.strategies import Geometry, conv_geometries, videos

NORMS = [None, nn.BatchNorm3d, nn.InstanceNorm3d]
RULES = st.one_of(st.just("out"), st.integers(1, 6))


@given(videos(min_batch=2, min_side=2, min_frames=2, dtype=torch.float32), conv_geometries(),
       st.sampled_from(NORMS), st.booleans(), RULES)  # fmt: skip
def test_it_equals_its_function_and_promises_its_shape(
    video: torch.Tensor, geometry: Geometry, norm: type[nn.Module] | None, bias: bool, rule: object
) -> None:
    layer = ConvTranspose1Plus2d(
        video.shape[1], 5, **vars(geometry), norm=norm, bias=bias, mid_channels=rule,
        bias_before_norm=bias,
    ).eval()  # fmt: skip
    out = layer(video)
    expected = conv_transpose_1p2d(
        video,
        layer.temporal.weight,
        layer.spatial.weight,
        layer.temporal.bias,
        layer.spatial.bias,
        stride=geometry.stride,
        padding=geometry.padding,
        between=lambda hidden: layer.act(layer.norm(hidden)),
    )
    assert torch.equal(out, expected)
    assert layer.output_shape(tuple(video.shape)) == tuple(out.shape)


@pytest.mark.parametrize("norm", NORMS)
def test_every_parameter_and_the_input_get_a_gradient(norm: type[nn.Module] | None) -> None:
    layer = ConvTranspose1Plus2d(3, 4, 4, 2, 1, norm=norm)
    video = torch.randn(2, 3, 3, 5, 5, requires_grad=True)
    before = video.detach().clone()
    layer(video).square().sum().backward()
    assert torch.equal(video.detach(), before)
    assert video.grad is not None
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in layer.parameters())


def test_the_temporal_bias_goes_where_a_norm_takes_it_out() -> None:
    assert ConvTranspose1Plus2d(3, 4, 4).temporal.bias is None
    assert ConvTranspose1Plus2d(3, 4, 4, bias_before_norm=True).temporal.bias is not None
    assert ConvTranspose1Plus2d(3, 4, 4, norm=None).temporal.bias is not None
    assert ConvTranspose1Plus2d(3, 4, 4, bias=False).spatial.bias is None


def test_it_can_be_copied_pickled_compiled_and_run_in_bf16() -> None:
    layer = ConvTranspose1Plus2d(3, 4, (3, 4, 4), (1, 2, 2), 1).eval()
    video = torch.randn(2, 3, 4, 6, 6)
    out = layer(video)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(twin(video), out)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(video), out)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.isfinite(layer(video)).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0, 4, 4), ValueError, "in_channels must be at least 1, got 0"),
        ((3, 4.0, 4), TypeError, "out_channels must be a positive integer, got 4.0"),
        ((3, 4, (4, 4)), TypeError, r"kernel_size must be an integer or \(T, H, W\), got \(4, 4\)"),
        ((3, 4, 4, 0), ValueError, "stride must be .* each at least 1, got 0"),
        ((3, 4, 4, 2, -1), ValueError, "padding must be .* each at least 0, got -1"),
        (
            (3, 4, (3, 4, 4), (4, 2, 2)),
            ValueError,
            r"stride \(4, 2, 2\) exceeds .* along time.* raise kernel_size\[0\] to at least 4",
        ),
    ],
    ids=["channels", "float", "pair", "stride", "padding", "holes"],
)
def test_wrong_settings_fail_in_the_constructor(
    arguments: tuple[object, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ConvTranspose1Plus2d(*arguments)  # type: ignore[arg-type]


def test_another_layout_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(N, C=3, T, H, W\), got \(2, 3, 8, 8\)"):
        ConvTranspose1Plus2d(3, 4, 4)(torch.zeros(2, 3, 8, 8))

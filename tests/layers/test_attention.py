"""Attention layers: the identity at first, then what a loop over pixels and frames says."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import parametrize

from stgan.errors import ShapeError
from stgan.layers import (
    AxialAttention,
    FactorizedAttention,
    SpatialAttention,
    TemporalAttention,
)
from tests.strategies import videos

LAYERS: dict[str, Callable[..., nn.Module]] = {
    "temporal": TemporalAttention,
    "spatial": SpatialAttention,
    "factorized": FactorizedAttention,
    "axial": AxialAttention,
}
ALL = pytest.mark.parametrize("build", LAYERS.values(), ids=LAYERS)
TIMED = pytest.mark.parametrize(
    "build", [TemporalAttention, FactorizedAttention, AxialAttention], ids=lambda b: b.__name__
)
HEADS = st.sampled_from([1, 2])


def _open(layer: nn.Module) -> nn.Module:
    """Open the gates, in float64."""
    for name, parameter in layer.named_parameters():
        if name.endswith("gamma"):
            nn.init.uniform_(parameter, 0.5, 1)
    return layer.double().eval()


def _attend_row(layer: nn.Module, row: Tensor, causal: bool) -> Tensor:
    """One step of attention for one row of places ``(L, C)``."""

    def apply(conv: nn.Module, x: Tensor) -> Tensor:
        return x @ conv.weight.flatten(1).T + conv.bias

    q, k, v = (apply(conv, row) for conv in (layer.query, layer.key, layer.value))
    heads = []
    for a, b, c in zip(*(x.chunk(layer.num_heads, dim=1) for x in (q, k, v)), strict=True):
        logits = a @ b.T / a.shape[1] ** 0.5
        if causal:
            logits = logits.masked_fill(torch.ones_like(logits).triu(1).bool(), -torch.inf)
        heads.append(logits.softmax(dim=1) @ c)
    return row + layer.gamma * apply(layer.out, torch.cat(heads, dim=1))


def _loop(layer: nn.Module, video: Tensor, axes: str, causal: bool) -> Tensor:
    """One step of attention, clip by clip and row by row."""
    out = torch.empty_like(video)
    n, _, t, h, w = video.shape
    every = slice(None)
    for b in range(n):
        for i in [every] if "T" in axes else range(t):
            for j in [every] if "H" in axes else range(h):
                for k in [every] if "W" in axes else range(w):
                    place = video[b, :, i, j, k]
                    rows = _attend_row(layer, place.flatten(1).T, causal and axes == "T")
                    out[b, :, i, j, k] = rows.T.reshape(place.shape)
    return out


@ALL
@given(video=videos(channels=4), heads=HEADS)
def test_at_first_it_is_the_identity_bit_for_bit(
    build: Callable[..., nn.Module], video: Tensor, heads: int
) -> None:
    assert torch.equal(build(4, num_heads=heads).double()(video), video)


@given(videos(channels=4, max_side=3, max_frames=4), HEADS, st.booleans(), st.booleans())
def test_temporal_attention_is_a_loop_over_pixels(
    video: Tensor, heads: int, causal: bool, fused: bool
) -> None:
    layer = _open(TemporalAttention(4, num_heads=heads, causal=causal, fused=fused))
    torch.testing.assert_close(layer(video), _loop(layer, video, "T", causal))


@given(videos(channels=4, max_side=4), HEADS, st.booleans())
def test_spatial_attention_is_a_loop_over_frames(video: Tensor, heads: int, fused: bool) -> None:
    layer = _open(SpatialAttention(4, num_heads=heads, fused=fused))
    torch.testing.assert_close(layer(video), _loop(layer, video, "HW", causal=False))


@given(videos(channels=4, max_side=3, max_frames=4), HEADS, st.booleans())
def test_factorized_attention_is_time_and_then_space(
    video: Tensor, heads: int, causal: bool
) -> None:
    layer = _open(FactorizedAttention(4, num_heads=heads, causal=causal))
    expected = _loop(layer.steps[0], video, "T", causal)
    torch.testing.assert_close(layer(video), _loop(layer.steps[1], expected, "HW", causal=False))


@given(videos(channels=4, max_side=3, max_frames=4), st.permutations("THW"), st.integers(1, 3),
       st.booleans())  # fmt: skip
def test_axial_attention_takes_the_axes_in_their_order(
    video: Tensor, letters: list[str], count: int, causal: bool
) -> None:
    axes = "".join(letters[:count])
    layer = _open(AxialAttention(4, axes, causal=causal))
    expected = video
    for step, axis in zip(layer.steps, axes, strict=True):
        expected = _loop(step, expected, axis, causal)
    torch.testing.assert_close(layer(video), expected)


@given(videos(channels=4, min_side=2), st.booleans())
def test_temporal_attention_commutes_with_pixel_permutations(video: Tensor, causal: bool) -> None:
    layer = _open(TemporalAttention(4, causal=causal))
    rows, columns = torch.randperm(video.shape[3]), torch.randperm(video.shape[4])
    moved = video[:, :, :, rows][..., columns]
    torch.testing.assert_close(layer(moved), layer(video)[:, :, :, rows][..., columns])


@pytest.mark.parametrize("build", [TemporalAttention, SpatialAttention, FactorizedAttention])
@given(video=videos(channels=4, min_frames=2))
def test_without_an_order_it_is_equivariant_to_frame_permutations(
    build: Callable[..., nn.Module], video: Tensor
) -> None:
    layer = _open(build(4))
    order = torch.randperm(video.shape[2])
    torch.testing.assert_close(layer(video[:, :, order]), layer(video)[:, :, order])


@given(videos(channels=4, min_side=2))
def test_spatial_attention_is_equivariant_to_pixel_permutations(video: Tensor) -> None:
    layer = _open(SpatialAttention(4))
    order = torch.randperm(video.shape[3] * video.shape[4])

    def moved(clip: Tensor) -> Tensor:
        return clip.flatten(3)[..., order].unflatten(3, clip.shape[3:])

    torch.testing.assert_close(layer(moved(video)), moved(layer(video)))


@TIMED
@given(video=videos(channels=4, min_frames=2), data=st.data())
def test_a_causal_layer_gives_a_prefix_for_a_prefix(
    build: Callable[..., nn.Module], video: Tensor, data: st.DataObject
) -> None:
    layer = _open(build(4, causal=True))
    length = data.draw(st.integers(1, video.shape[2] - 1))
    torch.testing.assert_close(layer(video[:, :, :length]), layer(video)[:, :, :length])
    full = _open(build(4))
    assert not torch.allclose(full(video[:, :, :length]), full(video)[:, :, :length])


@ALL
@given(video=videos(channels=4, min_batch=2))
def test_clips_of_a_batch_do_not_meet(build: Callable[..., nn.Module], video: Tensor) -> None:
    layer = _open(build(4))
    torch.testing.assert_close(torch.cat([layer(one[None]) for one in video]), layer(video))


@ALL
def test_query_and_key_have_the_asked_width_or_an_eighth(build: Callable[..., nn.Module]) -> None:
    def widths(layer: nn.Module) -> set[int]:
        names = ("query.weight", "key.weight")
        return {p.shape[0] for name, p in layer.named_parameters() if name.endswith(names)}

    assert widths(build(32)) == {4}
    assert widths(build(32, num_heads=2)) == {4}
    assert widths(build(24, num_heads=2)) == {2}
    assert widths(build(4, num_heads=2)) == {2}
    assert widths(build(4, qk_channels=3)) == {3}


@ALL
def test_spectral_norm_holds_every_convolution(build: Callable[..., nn.Module]) -> None:
    layer = _open(build(4, spectral_norm=True))
    convs = [module for module in layer.modules() if isinstance(module, nn.Conv3d)]
    assert len(convs) in (4, 8, 12)
    for conv in convs:
        norm = torch.linalg.matrix_norm(conv.weight.flatten(1), 2)
        torch.testing.assert_close(norm, torch.ones_like(norm), rtol=0.05, atol=0)
    video = torch.rand(1, 4, 3, 2, 2).double()
    layer.train()(video).sum().backward()
    assert all(p.grad is not None for p in layer.parameters())
    assert not any(parametrize.is_parametrized(m) for m in build(4).modules())


@ALL
def test_written_out_it_takes_a_gradient_penalty(build: Callable[..., nn.Module]) -> None:
    # The widths are those for which torch would pick a kernel that cannot be differentiated twice.
    layer = _open(build(4, qk_channels=4, fused=False))
    video = torch.rand(2, 4, 3, 2, 2).double().requires_grad_()
    (gradient,) = torch.autograd.grad(layer(video).square().sum(), video, create_graph=True)
    gradient.square().sum().backward()
    weights = [p for name, p in layer.named_parameters() if not name.endswith("bias")]
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in weights)


@ALL
@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"channels": 0}, ValueError, "channels must be at least 1, got 0"),
        ({"channels": 4, "num_heads": 0}, ValueError, "num_heads must be at least 1, got 0"),
        ({"channels": 4, "num_heads": 3}, ValueError, "num_heads must divide .* got 3 for 4 and 3"),
        (
            {"channels": 4, "num_heads": 2, "qk_channels": 3},
            ValueError,
            "must divide channels and qk_channels, got 2 for 4 and 3",
        ),
        ({"channels": 4, "qk_channels": 0}, ValueError, "qk_channels must be at least 1, got 0"),
    ],
    ids=["channels", "no-heads", "heads", "qk-heads", "qk"],
)
def test_wrong_settings_fail_in_the_constructor(
    build: Callable[..., nn.Module],
    settings: dict[str, int],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        build(**settings)


@pytest.mark.parametrize("axes", ["", "TT", "THC", "t"])
def test_axial_attention_refuses_axes_that_are_none(axes: str) -> None:
    with pytest.raises(ValueError, match="some of T, H and W, each once"):
        AxialAttention(4, axes)


@ALL
@pytest.mark.parametrize("shape", [(2, 3, 4, 5, 5), (2, 4, 5, 5)])
def test_another_layout_is_refused_by_the_layer_and_by_its_promise(
    build: Callable[..., nn.Module], shape: tuple[int, ...]
) -> None:
    layer = build(4)
    for call in (lambda: layer(torch.zeros(shape)), lambda: layer.output_shape(shape)):
        with pytest.raises(ShapeError, match=rf"\(N, C=4, T, H, W\), got \({shape[0]}, "):
            call()
    assert layer.output_shape((2, 4, 3, 5, 6)) == (2, 4, 3, 5, 6)

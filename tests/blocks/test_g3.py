"""G3AN's block against its equations, and a chain of five against the published sizes."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from stgan.blocks import G3Block, G3Features
from stgan.errors import ShapeError
from stgan.layers import ConvTranspose1Plus2d, ConvTranspose2Plus1d, DenseConvTranspose3d
from tests.strategies import SEEDS, Geometry, conv_geometries

CONVS = [ConvTranspose1Plus2d, ConvTranspose2Plus1d, DenseConvTranspose3d]
SIZES = st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))


def _streams(size: tuple[int, ...], seed: int) -> G3Features:
    n, t, h, w = size
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    return G3Features(normal(n, 3, h, w), normal(n, 2, t), normal(n, 4, t, h, w))


def _block(geometry: Geometry, seed: int, **settings: Any) -> G3Block:
    torch.manual_seed(seed)
    return G3Block(3, 2, 4, 5, **vars(geometry), **settings).double()


@given(SIZES, conv_geometries(max_kernel=3), st.booleans(), SEEDS)
def test_it_equals_its_equations(
    size: tuple[int, ...], geometry: Geometry, spectral_norm: bool, seed: int
) -> None:
    block = _block(geometry, seed, norm=None, mid_channels=6, spectral_norm=spectral_norm).eval()
    spatial, temporal, video = _streams(size, seed)
    (kt, kh, kw), (st_, sh, sw), (pt, ph, pw) = vars(geometry).values()
    s, t, v = block.spatial[0], block.temporal[0], block.video[0]
    assert s.weight.shape == (3, 5, 1, kh, kw)
    assert t.weight.shape == (2, 5, kt, 1, 1)
    still = F.conv_transpose2d(
        spatial, s.weight.squeeze(2), s.bias, stride=(sh, sw), padding=(ph, pw)
    ).relu()
    motion = F.conv_transpose1d(
        temporal, t.weight.flatten(2), t.bias, stride=st_, padding=pt
    ).relu()
    moving = F.conv_transpose3d(
        video, v.temporal.weight, v.temporal.bias, stride=(st_, 1, 1), padding=(pt, 0, 0)
    ).relu()
    moving = F.conv_transpose3d(
        moving, v.spatial.weight, v.spatial.bias, stride=(1, sh, sw), padding=(0, ph, pw)
    ).relu()
    frames = [
        torch.cat([still, moving[:, :, i] + motion[:, :, i, None, None]], dim=1)
        for i in range(moving.shape[2])
    ]
    out = block(spatial, temporal, video)
    torch.testing.assert_close(out.spatial, still)
    torch.testing.assert_close(out.temporal, motion)
    torch.testing.assert_close(out.video, torch.stack(frames, dim=2))


@pytest.mark.parametrize("conv", CONVS)
@pytest.mark.parametrize("norm", [nn.BatchNorm3d, None])
@given(size=SIZES, geometry=conv_geometries(max_kernel=3), seed=SEEDS)
def test_every_order_and_norm_has_the_promised_shapes(
    conv: Any, norm: Any, size: tuple[int, ...], geometry: Geometry, seed: int
) -> None:
    block = _block(geometry, seed, conv=conv, norm=norm).eval()
    streams = _streams(size, seed)
    out = block(*streams)
    assert isinstance(out, G3Features)
    promised = block.output_shape(*(tuple(stream.shape) for stream in streams))
    assert promised == tuple(tuple(stream.shape) for stream in out)
    # Appearance is in the first half of the video, the same in every frame.
    half = block.out_channels
    assert torch.equal(out.video[:, :half], out.spatial.unsqueeze(2).expand_as(out.video[:, :half]))
    assert isinstance(block.video[0], conv)
    assert (block.spatial[0].bias is None) == (norm is not None)


@given(SIZES, SEEDS)
def test_appearance_and_motion_stay_apart_but_both_reach_the_video(
    size: tuple[int, ...], seed: int
) -> None:
    block = _block(Geometry((2, 2, 2), (1, 1, 1), (0, 0, 0)), seed, act=None).eval()
    spatial, temporal, video = _streams(size, seed)
    out = block(spatial, temporal, video)
    other = block(spatial + 1, temporal, video)
    assert torch.equal(other.temporal, out.temporal)
    assert torch.equal(other.video[:, 5:], out.video[:, 5:])
    assert not torch.allclose(other.video[:, :5], out.video[:, :5])
    other = block(spatial, temporal + 1, video)
    assert torch.equal(other.spatial, out.spatial)
    assert torch.equal(other.video[:, :5], out.video[:, :5])
    added = (other.temporal - out.temporal)[..., None, None].expand_as(out.video[:, 5:])
    torch.testing.assert_close(other.video[:, 5:] - out.video[:, 5:], added)


# Kernel, stride and padding of the five blocks of the published generator, (time, space).
PUBLISHED = [
    ((4, 1, 0), (4, 1, 0)),
    ((4, 2, 1), (4, 2, 1)),
    ((4, 2, 1), (4, 2, 1)),
    ((1, 1, 0), (4, 2, 1)),
    ((1, 1, 0), (4, 2, 1)),
]


@pytest.mark.parametrize(("start", "frames"), [(1, 16), (2, 20), (4, 28)])
def test_five_blocks_make_longer_clips_of_longer_motion_codes(start: int, frames: int) -> None:
    widths = [12, 10, 8, 6, 4]
    channels, blocks = (7, 3, 10), []
    for width, (time, space) in zip(widths, PUBLISHED, strict=True):
        geometry = [(t, s, s) for t, s in zip(time, space, strict=True)]
        blocks.append(G3Block(*channels, width, *geometry).eval())
        channels = (width, width, 2 * width)
    appearance, motion = torch.randn(2, 7), torch.randn(2, 3, start)
    both = torch.cat([appearance.unsqueeze(2).expand(-1, -1, start), motion], dim=1)
    features = G3Features(appearance[..., None, None], motion, both[..., None, None])
    for block in blocks:
        features = block(*features)
    assert features.spatial.shape == (2, 4, 64, 64)
    assert features.temporal.shape == (2, 4, frames)
    assert features.video.shape == (2, 8, frames, 64, 64)


def _convs(block: G3Block) -> list[nn.ConvTranspose3d]:
    return [module for module in block.modules() if isinstance(module, nn.ConvTranspose3d)]


@pytest.mark.parametrize("conv", CONVS)
def test_spectral_norm_bounds_every_convolution_or_none(conv: Any) -> None:
    for wrapped in (True, False):
        block = G3Block(3, 2, 4, 5, 3, conv=conv, spectral_norm=wrapped, init_std=0.5)
        for _ in range(30):  # power iterations of the training mode
            block(*(stream.float() for stream in _streams((2, 2, 2, 2), 0)))
        norms = [torch.linalg.matrix_norm(c.weight.detach().transpose(0, 1).flatten(1), ord=2)
                 for c in _convs(block.eval())]  # fmt: skip
        assert len(norms) == (3 if conv is DenseConvTranspose3d else 4)
        close = [abs(norm.item() - 1) < 1e-2 for norm in norms]
        assert all(close) if wrapped else not any(close)


def test_initial_weights_have_the_asked_deviation_before_spectral_norm() -> None:
    for wrapped in (True, False):
        block = G3Block(30, 30, 30, 30, 3, spectral_norm=wrapped, init_std=0.3)
        for conv in _convs(block):
            weight = conv.parametrizations.weight.original if wrapped else conv.weight
            assert abs(weight.std().item() - 0.3) < 0.03


def test_every_parameter_gets_a_gradient() -> None:
    block = _block(Geometry((2, 2, 2), (1, 1, 1), (0, 0, 0)), 0)
    streams = [stream.requires_grad_() for stream in _streams((2, 3, 3, 3), 0)]
    sum(stream.square().sum() for stream in block(*streams)).backward()
    for tensor in (*streams, *block.parameters()):
        assert tensor.grad is not None
        assert tensor.grad.abs().sum() > 0


def test_streams_that_do_not_fit_are_refused_by_call_and_promise() -> None:
    block = G3Block(3, 2, 4, 5, 2)
    good = {"spatial": (2, 3, 6, 5), "temporal": (2, 2, 4), "video": (2, 4, 4, 6, 5)}
    wrong = {
        "spatial": [(2, 4, 6, 5), (2, 3, 6), (2, 3, 5, 6)],
        "temporal": [(2, 3, 4), (2, 2, 3), (2, 2)],
        "video": [(2, 3, 4, 6, 5), (2, 4, 6, 5)],
    }
    for name, shapes in wrong.items():
        for shape in shapes:
            given_shapes = good | {name: shape}
            with pytest.raises(ShapeError, match=rf"must be .*got \({str(shape)[1:-1]}\)"):
                block(**{key: torch.zeros(value) for key, value in given_shapes.items()})
            with pytest.raises(ShapeError, match=r"must (be|have)"):
                block.output_shape(*given_shapes.values())


def test_a_padding_that_leaves_nothing_is_refused_by_call_and_promise() -> None:
    block = G3Block(3, 2, 4, 5, 3, padding=1)
    streams = [torch.zeros(2, 3, 1, 1), torch.zeros(2, 2, 1), torch.zeros(2, 4, 1, 1, 1)]
    assert block.eval()(*streams).video.shape == (2, 10, 1, 1, 1)
    block = G3Block(3, 2, 4, 5, 2, padding=1)
    for call in (
        lambda: block(*streams),
        lambda: block.output_shape(*(tuple(stream.shape) for stream in streams)),
    ):
        with pytest.raises(ShapeError, match=r"padding .* trims all of the output"):
            call()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 2, 4, 5, 3), "spatial_channels must be at least 1, got 0"),
        ((3, 0, 4, 5, 3), "temporal_channels must be at least 1, got 0"),
        ((3, 2, 0, 5, 3), "video_channels must be at least 1, got 0"),
        ((3, 2, 4, 0, 3), "out_channels must be at least 1, got 0"),
        ((3, 2, 4, 5, 2, (3, 1, 1)), r"stride \(3, 1, 1\) exceeds kernel_size .* along time"),
    ],
)
def test_wrong_settings_fail_in_the_constructor(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        G3Block(*arguments)

"""Scale, shift and gate against loops over positions."""

from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from stgan.blocks import FilmFusion, GatedFusion, SpadeFusion
from stgan.errors import ShapeError
from stgan.functional import gate_streams, modulate_video
from tests.blocks.streams import Streams, shaken, streams


def _condition(drawn: Streams, n: int, h: int | None = None, w: int | None = None) -> Tensor:
    """Appearance at one pixel, or on average, and the one-hot label, as one vector."""
    known = []
    if drawn.appearance is not None:
        a = drawn.appearance[n]
        known.append(a.flatten(1).sum(1) / a[0].numel() if h is None else a[:, h, w])
    if drawn.label is not None:
        row = torch.zeros(drawn.num_classes, dtype=torch.float64)
        row[drawn.label[n]] = 1
        known.append(row)
    return torch.cat(known)


@given(streams())
def test_film_equals_a_loop(drawn: Streams) -> None:
    fuse = shaken(FilmFusion(*drawn.settings))
    out, c = fuse(*drawn.inputs), drawn.video.shape[1]
    for n in range(drawn.video.shape[0]):
        both = fuse.scale_and_shift.weight @ _condition(drawn, n) + fuse.scale_and_shift.bias
        for channel in range(c):
            expected = (1 + both[channel]) * drawn.video[n, channel] + both[c + channel]
            torch.testing.assert_close(out[n, channel], expected)


@given(streams(), st.booleans())
def test_film_can_start_as_the_identity(drawn: Streams, zero_init: bool) -> None:
    fuse = FilmFusion(*drawn.settings, zero_init=zero_init).double()
    assert torch.equal(fuse(*drawn.inputs), drawn.video) == zero_init
    assert torch.equal(FilmFusion(*drawn.settings).double()(*drawn.inputs), drawn.video)


@given(streams())
def test_a_gate_equals_a_loop(drawn: Streams) -> None:
    fuse = shaken(GatedFusion(*drawn.settings))
    out, c = fuse(*drawn.inputs), drawn.video.shape[1]
    of_video = fuse.video_map.weight[:, :, 0, 0, 0]
    of_statics = fuse.static_map.weight[:, :, 0, 0]
    for n, _, t, h, w in torch.ones_like(drawn.video[:, :1]).nonzero().tolist():
        x, s = drawn.video[n, :, t, h, w], _condition(drawn, n, h, w)
        moving = torch.tanh(of_video[:c] @ x + fuse.video_map.bias[:c])
        still = torch.tanh(of_statics[:c] @ s)
        gate = torch.cat([of_video[c:], of_statics[c:]], dim=1) @ torch.cat([x, s])
        z = torch.sigmoid(gate + fuse.video_map.bias[c:])
        torch.testing.assert_close(out[n, :, t, h, w], z * moving + (1 - z) * still)


def test_an_open_gate_shows_the_video_and_a_closed_one_what_stands_still() -> None:
    video, still = torch.randn(2, 3, 4, 5, 5), torch.randn(2, 3, 5, 5)
    far = torch.full_like(video, 1e3)
    torch.testing.assert_close(gate_streams(video, still, far), video.tanh())
    closed = gate_streams(video, still, -far)
    torch.testing.assert_close(closed, still.tanh()[:, :, None].expand_as(video))


@given(streams(), st.booleans())
def test_spade_equals_a_loop(drawn: Streams, normalized: bool) -> None:
    norm = {} if normalized else {"norm": None}
    fuse = shaken(SpadeFusion(*drawn.settings, mid_channels=2, **norm))
    out = fuse(*drawn.inputs)
    count, c, _, height, width = drawn.video.shape
    first, _, second = fuse.scale_and_shift

    def convolve(
        layer: nn.Conv2d, at: dict[tuple[int, int], Tensor]
    ) -> dict[tuple[int, int], Tensor]:
        result = {}
        for h, w in at:
            result[h, w] = layer.bias
            for dh in (-1, 0, 1):
                for dw in (-1, 0, 1):
                    if (h + dh, w + dw) in at:
                        kernel = layer.weight[:, :, 1 + dh, 1 + dw]
                        result[h, w] = result[h, w] + kernel @ at[h + dh, w + dw]
        return result

    for n in range(count):
        pixels = [(h, w) for h in range(height) for w in range(width)]
        hidden = convolve(first, {at: _condition(drawn, n, *at) for at in pixels})
        both = convolve(second, {at: value.clamp_min(0) for at, value in hidden.items()})
        x = drawn.video[n]
        if normalized:
            mean = x.flatten(1).mean(1)[:, None, None, None]
            variance = (x - mean).square().flatten(1).mean(1)[:, None, None, None]
            x = (x - mean) / torch.sqrt(variance + 1e-5)
        for h, w in pixels:
            gamma, beta = both[h, w][:c, None], both[h, w][c:, None]
            torch.testing.assert_close(out[n, :, :, h, w], (1 + gamma) * x[:, :, h, w] + beta)


def test_spade_takes_the_statistics_of_the_batch_if_asked() -> None:
    video, label = torch.randn(4, 3, 2, 5, 5) * 3 + 1, torch.tensor([0, 1, 1, 0])
    fuse = SpadeFusion(3, 0, 2, mid_channels=2, norm=partial(nn.BatchNorm3d, affine=False))
    for parameter in fuse.parameters():
        nn.init.zeros_(parameter)
    torch.testing.assert_close(fuse(video, label=label), nn.BatchNorm3d(3)(video))


def test_spade_takes_a_video_of_one_position_only_with_another_norm() -> None:
    video, label = torch.randn(2, 3, 1, 1, 1), torch.tensor([0, 1])
    fuse = SpadeFusion(3, 0, 2, mid_channels=2)
    message = r"a video of one position, \(2, 3, 1, 1, 1\), has no deviation .* or None"
    with pytest.raises(ShapeError, match=message):
        fuse(video, label=label)
    with pytest.raises(ShapeError, match=message):
        fuse.output_shape(video.shape)
    assert SpadeFusion(3, 0, 2, norm=None)(video, label=label).shape == video.shape
    assert torch.equal(SpadeFusion(3)(video), video)


def test_spade_refuses_to_have_no_channels_inside() -> None:
    with pytest.raises(ValueError, match="mid_channels must be at least 1, got 0"):
        SpadeFusion(3, 0, 2, mid_channels=0)


@pytest.mark.parametrize("shape", [(2, 3, 3, 4), (1, 3, 4, 4), (2, 2, 4, 4), (2, 3, 5), (2, 2)])
def test_what_does_not_fit_the_video_is_refused(shape: tuple[int, ...]) -> None:
    video, wrong, fits = torch.zeros(2, 3, 5, 4, 4), torch.zeros(shape), torch.zeros(2, 3)
    message = r"must be \(N=2, C=3, H=4, W=4\) or \(N=2, C=3\), got"
    with pytest.raises(ShapeError, match=message):
        modulate_video(video, wrong, fits)
    with pytest.raises(ShapeError, match=message):
        modulate_video(video, fits, wrong)
    with pytest.raises(ShapeError, match=message):
        gate_streams(video, wrong, video)
    with pytest.raises(ShapeError, match=r"must be \(N=2, C=3, T=5, H=4, W=4\), got"):
        gate_streams(video, fits, wrong)

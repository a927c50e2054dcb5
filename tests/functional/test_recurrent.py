"""Convolutional recurrences against their equations, frame by frame, and against torch's own."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from stgan.errors import ShapeError
from stgan.functional import conv_gru, conv_lstm
from tests.strategies import SEEDS, videos

KERNELS = st.tuples(*[st.sampled_from([1, 3, 5])] * 2)


def _draw(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, requires_grad=True)


def _gru_weights(c_in: int, c: int, kernel: tuple[int, int]) -> list[Tensor]:
    return [
        _draw(3 * c, c_in, *kernel), _draw(2 * c, c, *kernel), _draw(c, c, *kernel), _draw(3 * c)
    ]  # fmt: skip


def _lstm_weights(c_in: int, c: int, kernel: tuple[int, int]) -> list[Tensor]:
    return [_draw(4 * c, c_in, *kernel), _draw(4 * c, c, *kernel), _draw(4 * c)]


def _state(video: Tensor, channels: int) -> Tensor:
    n, _, _, h, w = video.shape
    return _draw(n, channels, h, w)


def _naive_gru(
    video: Tensor, h: Tensor, w: Tensor, u: Tensor, u_c: Tensor, b: Tensor,
    act: Callable[[Tensor], Tensor],
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Each gate by one convolution over frame and state together, as the papers write it."""
    c = u_c.shape[0]
    joint = [torch.cat([w[i * c : (i + 1) * c], k], dim=1)
             for i, k in enumerate((u[:c], u[c:], u_c))]  # fmt: skip
    frames = []
    for t in range(video.shape[2]):
        x = video[:, :, t]

        def conv(state: Tensor, i: int, x: Tensor = x) -> Tensor:
            bias = b[i * c : (i + 1) * c]
            return F.conv2d(torch.cat([x, state], dim=1), joint[i], bias, padding="same")

        r, z = torch.sigmoid(conv(h, 0)), torch.sigmoid(conv(h, 1))
        h = z * h + (1 - z) * act(conv(r * h, 2))
        frames.append(h)
    return torch.stack(frames, dim=2), h


def _naive_lstm(
    video: Tensor, h: Tensor, c: Tensor, w: Tensor, u: Tensor, b: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    frames = []
    for t in range(video.shape[2]):
        joint = F.conv2d(torch.cat([video[:, :, t], h], dim=1), torch.cat([w, u], dim=1), b,
                         padding="same")  # fmt: skip
        i, f, g, o = joint.split(u.shape[1], dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        frames.append(h)
    return torch.stack(frames, dim=2), h, c


def _assert_same(ours: list[Tensor], naive: list[Tensor], sources: list[Tensor]) -> None:
    probes = [torch.randn_like(one) for one in ours]
    for a, b in zip(ours, naive, strict=True):
        torch.testing.assert_close(a, b)
    gradients = [
        torch.autograd.grad(sum((o * p).sum() for o, p in zip(out, probes, strict=True)), sources)
        for out in (ours, naive)
    ]
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b)


@given(videos(), st.integers(1, 3), KERNELS, st.sampled_from([torch.tanh, torch.relu]), SEEDS)
def test_the_gru_equals_its_equations_frame_by_frame(
    video: Tensor, channels: int, kernel: tuple[int, int], act: Callable[[Tensor], Tensor],
    seed: int,
) -> None:  # fmt: skip
    torch.manual_seed(seed)
    video.requires_grad_()
    weights = _gru_weights(video.shape[1], channels, kernel)
    state = _state(video, channels)
    ours = conv_gru(video, state, *weights, act=act)
    naive = _naive_gru(video, state, *weights, act)
    _assert_same([*ours], [*naive], [video, state, *weights])


@given(videos(), st.integers(1, 3), KERNELS, SEEDS)
def test_the_lstm_equals_its_equations_frame_by_frame(
    video: Tensor, channels: int, kernel: tuple[int, int], seed: int
) -> None:
    torch.manual_seed(seed)
    video.requires_grad_()
    weights = _lstm_weights(video.shape[1], channels, kernel)
    state, cell = _state(video, channels), _state(video, channels)
    frames, (last, last_cell) = conv_lstm(video, (state, cell), *weights)
    naive = _naive_lstm(video, state, cell, *weights)
    _assert_same([frames, last, last_cell], [*naive], [video, state, cell, *weights])


@given(videos(max_side=1), st.integers(1, 3), SEEDS)
def test_on_single_pixels_the_lstm_is_that_of_torch(
    video: Tensor, channels: int, seed: int
) -> None:
    torch.manual_seed(seed)
    w, u, b = _lstm_weights(video.shape[1], channels, (1, 1))
    theirs = nn.LSTM(video.shape[1], channels, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(w.flatten(1))
        theirs.weight_hh_l0.copy_(u.flatten(1))
        theirs.bias_ih_l0.copy_(b)
        theirs.bias_hh_l0.zero_()
    frames, (state, cell) = conv_lstm(video, None, w, u, b)
    expected, (h, c) = theirs(video.flatten(2).transpose(1, 2))
    torch.testing.assert_close(frames.flatten(2).transpose(1, 2), expected)
    torch.testing.assert_close(state.flatten(1), h[0])
    torch.testing.assert_close(cell.flatten(1), c[0])


@given(videos(max_side=1), SEEDS)
def test_on_single_pixels_with_one_channel_the_gru_is_that_of_torch(
    video: Tensor, seed: int
) -> None:
    # torch resets after the matrix, which with one channel is the same as before.
    torch.manual_seed(seed)
    w, u, u_c, b = _gru_weights(video.shape[1], 1, (1, 1))
    theirs = nn.GRU(video.shape[1], 1, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(w.flatten(1))
        theirs.weight_hh_l0.copy_(torch.cat([u, u_c]).flatten(1))
        theirs.bias_ih_l0.copy_(b)
        theirs.bias_hh_l0.zero_()
    frames, state = conv_gru(video, None, w, u, u_c, b)
    expected, h = theirs(video.flatten(2).transpose(1, 2))
    torch.testing.assert_close(frames.flatten(2).transpose(1, 2), expected)
    torch.testing.assert_close(state.flatten(1), h[0])


def test_without_a_bias_it_is_zero() -> None:
    video = torch.randn(1, 2, 3, 4, 4, dtype=torch.float64)
    *gru, b = _gru_weights(2, 2, (3, 3))
    assert torch.equal(conv_gru(video, None, *gru)[0], conv_gru(video, None, *gru, b * 0)[0])
    *lstm, b = _lstm_weights(2, 2, (3, 3))
    assert torch.equal(conv_lstm(video, None, *lstm)[0], conv_lstm(video, None, *lstm, b * 0)[0])


def test_states_that_do_not_fit_are_refused() -> None:
    video = torch.zeros(2, 3, 4, 6, 5)
    gru = [torch.zeros(6, 3, 3, 3), torch.zeros(4, 2, 3, 3), torch.zeros(2, 2, 3, 3)]
    lstm = [torch.zeros(8, 3, 3, 3), torch.zeros(8, 2, 3, 3)]
    good, bad = torch.zeros(2, 2, 6, 5), torch.zeros(2, 2, 5, 6)
    with pytest.raises(ShapeError, match=r"video must be laid out as \(N, C=3, T, H, W\), got"):
        conv_gru(video[:, :2], None, *gru)
    with pytest.raises(ShapeError, match=r"state must be .*\(N=2, C=2, H=6, W=5\), got \(2, 2, 5"):
        conv_gru(video, bad, *gru)
    with pytest.raises(ShapeError, match=r"video must be laid out as \(N, C=3, T, H, W\), got"):
        conv_lstm(video[:, :2], None, *lstm)
    with pytest.raises(ShapeError, match=r"state\[1\] must be .* H=6, W=5\), got \(2, 2, 5, 6\)"):
        conv_lstm(video, (good, bad), *lstm)

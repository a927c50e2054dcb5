"""Convolutional recurrences over the frames of a clip, with the state in the open."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from stgan._checks import check_layout
from stgan.functional.frames import fold_time, unfold_time

__all__ = ["conv_gru", "conv_lstm"]


def _convolve_frames(video: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve all frames at once, since only the hidden state must wait for its turn."""
    return unfold_time(_same(fold_time(video), weight, bias), video.shape[2])


def _same(image: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    padding = (weight.shape[2] // 2, weight.shape[3] // 2)
    return F.conv2d(image, weight, bias, padding=padding)


def _start(video: Tensor, state: Tensor | None, channels: int, name: str) -> Tensor:
    n, _, _, h, w = video.shape
    if state is None:
        return video.new_zeros(n, channels, h, w)
    check_layout(state, "N C H W", name=name, N=n, C=channels, H=h, W=w)
    return state


def conv_gru(
    video: Tensor,
    state: Tensor | None,
    input_weight: Tensor,
    gate_weight: Tensor,
    candidate_weight: Tensor,
    bias: Tensor | None = None,
    *,
    act: Callable[[Tensor], Tensor] = torch.tanh,
) -> tuple[Tensor, Tensor]:
    r"""Run a convolutional gated recurrent unit over the frames of a clip.

    With frames :math:`x_t`, states :math:`h_t`, and :math:`\phi` for ``act``,

    .. math::

       r &= \sigma(W_r \ast x_t + b_r + U_r \ast h_{t-1}), \\
       u &= \sigma(W_u \ast x_t + b_u + U_u \ast h_{t-1}), \\
       c &= \phi(W_c \ast x_t + b_c + U_c \ast (r \odot h_{t-1})), \\
       h_t &= u \odot h_{t-1} + (1 - u) \odot c .

    Args:
        video: ``(N, C_in, T, H, W)``, the frames :math:`x_t`.
        state: ``(N, C, H, W)``, the state before the first frame; ``None`` for zeros.
        input_weight: ``(3 C, C_in, k_h, k_w)``, odd sides: :math:`W_r, W_u, W_c` in this order.
        gate_weight: ``(2 C, C, k_h, k_w)``: :math:`U_r, U_u`.
        candidate_weight: ``(C, C, k_h, k_w)``: :math:`U_c`.
        bias: ``(3 C,)``: :math:`b_r, b_u, b_c`.
        act: Of the candidate.

    Returns:
        The states of all frames, ``(N, C, T, H, W)``, and the last one, ``(N, C, H, W)``.

    Raises:
        ShapeError: If the video or the state has another layout.

    Example:
        >>> video, weights = torch.zeros(2, 3, 4, 8, 8), torch.zeros(6, 5, 3, 3)
        >>> gates, candidate = weights[:4, :2], weights[:2, :2]
        >>> frames, state = conv_gru(video, None, weights[:, :3], gates, candidate)
        >>> frames.shape, state.shape
        (torch.Size([2, 2, 4, 8, 8]), torch.Size([2, 2, 8, 8]))

    References:
        Ballas et al., Delving Deeper into Convolutional Networks for Learning Video
        Representations, ICLR 2016, section 3.1, where :math:`1 - u` is called the update gate;
        Clark et al., Adversarial Video Generation on Complex Datasets (DVD-GAN), 2019 (ConvGRU),
        with :math:`\phi` a ReLU.
    """
    check_layout(video, "N C T H W", name="video", C=input_weight.shape[1])
    hidden = _start(video, state, candidate_weight.shape[0], "state")
    frames = []
    for now in _convolve_frames(video, input_weight, bias).unbind(2):
        gates, candidate = now.tensor_split((gate_weight.shape[0],), dim=1)
        reset, update = (gates + _same(hidden, gate_weight)).sigmoid().chunk(2, dim=1)
        candidate = act(candidate + _same(reset * hidden, candidate_weight))
        hidden = update * hidden + (1 - update) * candidate
        frames.append(hidden)
    return torch.stack(frames, dim=2), hidden


def conv_lstm(
    video: Tensor,
    state: tuple[Tensor, Tensor] | None,
    input_weight: Tensor,
    hidden_weight: Tensor,
    bias: Tensor | None = None,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    r"""Run a convolutional LSTM without peepholes over the frames of a clip.

    With frames :math:`x_t`, states :math:`h_t` and cells :math:`c_t`,

    .. math::

       i, f, o &= \sigma(W_{i,f,o} \ast x_t + b_{i,f,o} + U_{i,f,o} \ast h_{t-1}), \\
       g &= \tanh(W_g \ast x_t + b_g + U_g \ast h_{t-1}), \\
       c_t &= f \odot c_{t-1} + i \odot g, \qquad h_t = o \odot \tanh(c_t) .

    Args:
        video: ``(N, C_in, T, H, W)``, the frames :math:`x_t`.
        state: State and cell before the first frame, each ``(N, C, H, W)``; ``None`` for zeros.
        input_weight: ``(4 C, C_in, k_h, k_w)``, odd sides: :math:`W_i, W_f, W_g, W_o`, the order of
            ``torch.nn.LSTM``.
        hidden_weight: ``(4 C, C, k_h, k_w)``, likewise.
        bias: ``(4 C,)``, likewise.

    Returns:
        The states of all frames, ``(N, C, T, H, W)``, and the last state and cell.

    Raises:
        ShapeError: If the video, the state or the cell has another layout.

    Example:
        >>> video, weights = torch.zeros(2, 3, 4, 8, 8), torch.zeros(8, 5, 3, 3)
        >>> frames, (state, cell) = conv_lstm(video, None, weights[:, :3], weights[:, :2])
        >>> frames.shape, cell.shape
        (torch.Size([2, 2, 4, 8, 8]), torch.Size([2, 2, 8, 8]))

    References:
        Shi et al., Convolutional LSTM Network, NeurIPS 2015, equation 3, without its peepholes
        (:math:`W_{c \cdot} \circ C`), as in the released code of Saito et al., TGANv2, IJCV 2020.
    """
    check_layout(video, "N C T H W", name="video", C=input_weight.shape[1])
    given = (None, None) if state is None else state
    channels = hidden_weight.shape[1]
    hidden = _start(video, given[0], channels, "state[0]")
    cell = _start(video, given[1], channels, "state[1]")
    frames = []
    for now in _convolve_frames(video, input_weight, bias).unbind(2):
        gates = now + _same(hidden, hidden_weight)
        keep_in, keep_old, new, keep_out = gates.chunk(4, dim=1)
        cell = keep_old.sigmoid() * cell + keep_in.sigmoid() * new.tanh()
        hidden = keep_out.sigmoid() * cell.tanh()
        frames.append(hidden)
    return torch.stack(frames, dim=2), (hidden, cell)

"""Latent codes that change with time: from noise to one code a frame, for any number of frames."""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from stgan._checks import check_count, check_layout, check_positive
from stgan.errors import ShapeError
from stgan.functional._precision import full_precision, without_autocast
from stgan.functional.resample import kaiser_window

__all__ = [
    "acyclic_latents",
    "blurred_noise",
    "latent_walk",
    "lowpass_filters",
    "recurrent_latents",
    "repeat_latent",
]


def repeat_latent(z: Tensor, num_frames: int) -> Tensor:
    """Give every frame the same code, as a view.

    Args:
        z: ``(N, C)``.
        num_frames: Number of frames, T.

    Returns:
        ``(N, C, T)``, constant over T.

    Example:
        >>> repeat_latent(torch.zeros(2, 50), 16).shape
        torch.Size([2, 50, 16])

    References:
        Tulyakov et al., MoCoGAN, CVPR 2018, section 3 (content code).
    """
    check_layout(z, "N C", name="z")
    return z.unsqueeze(2).expand(-1, -1, check_count(num_frames, "num_frames"))


def recurrent_latents(z: Tensor, noise: Tensor, cell: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    r"""Run a recurrent cell over noise, one step a frame.

    With noise :math:`e_t` and a cell :math:`R`,

    .. math:: h_0 = z, \qquad h_t = R(e_t, h_{t-1}) .

    Args:
        z: ``(N, C)``, the state before the first frame.
        noise: ``(N, C_e, T)``, one step at least.
        cell: Called with a step ``(N, C_e)`` and a state ``(N, C)``; returns the next state.

    Returns:
        The states :math:`h_1, \ldots, h_T`, ``(N, C, T)``.

    Example:
        >>> recurrent_latents(torch.zeros(2, 10), torch.zeros(2, 4, 16), nn.GRUCell(4, 10)).shape
        torch.Size([2, 10, 16])

    References:
        Tulyakov et al., MoCoGAN, CVPR 2018, section 3 (motion codes), with a GRU cell.
    """
    check_layout(z, "N C", name="z")
    check_layout(noise, "N C T", name="noise", N=z.shape[0])
    states = [z]
    for step in noise.unbind(2):
        states.append(cell(step, states[-1]))
    return torch.stack(states[1:], dim=2)


def latent_walk(
    z: Tensor, steps: Sequence[Tensor], basis: Tensor, *, step_size: float = 0.2
) -> Tensor:
    r"""Walk from a code in bounded steps along given directions.

    With steps :math:`a_t` and rows :math:`s_k v_k` of the basis, direction times scale,

    .. math:: z_1 = z, \qquad z_t = z_{t-1} + \lambda \sum_k \tanh(a_{t,k}) s_k v_k .

    Args:
        z: ``(N, C)``, the code of the first frame.
        steps: The :math:`a_t` of all frames but the first, each ``(N, K)``.
        basis: ``(K, C)``.
        step_size: :math:`\lambda`.

    Returns:
        ``(N, C, T)``, one frame more than there are steps.

    Example:
        >>> walk = latent_walk(torch.zeros(1, 2), [torch.full((1, 2), 9.0)] * 3, torch.eye(2))
        >>> walk[0]
        tensor([[0.0000, 0.2000, 0.4000, 0.6000],
                [0.0000, 0.2000, 0.4000, 0.6000]])

    References:
        Tian et al., A Good Image Generator Is What You Need for High-Resolution Video Synthesis
        (MoCoGAN-HD), ICLR 2021, section 3.1; released code, ``models/rnn.py``.
    """
    check_layout(z, "N C", name="z", C=basis.shape[1])
    codes = [z]
    for step in steps:
        codes.append(codes[-1] + step_size * step.tanh() @ basis)
    return torch.stack(codes, dim=2)


def acyclic_latents(
    codes: Tensor,
    times: Tensor,
    *,
    spacing: int,
    frequencies: Tensor,
    phase_scales: Tensor,
    period_weight: Tensor,
    phase_weight: Tensor,
    anchor_weight: Tensor,
) -> Tensor:
    r"""Encode continuous times between anchor codes, so that nothing repeats.

    Codes :math:`u_0, u_1, \ldots` stand at the times :math:`0, d, 2 d, \ldots` for ``spacing``
    :math:`d`. For a time :math:`t` between the anchors :math:`t_l = l d` and :math:`t_r = t_l + d`,
    with :math:`a = (t - t_l) / d`, frequencies :math:`\omega` and phase scales :math:`s`,

    .. math::

       p &= \tanh(W_p u_l) + 1, \qquad f = W_f u_l, \\
       e(\tau) &= [\sin(\omega p \tau + s f), \cos(\omega p \tau + s f)], \\
       v(t) &= e(t) - (1 - a) e(t_l) - a e(t_r) + (1 - a) W_a u_l + a W_a u_r .

    At an anchor the waves cancel and :math:`v = W_a u_l`, so :math:`v` is continuous in time
    although periods and phases change from anchor to anchor.

    Args:
        codes: ``(N, C, L)``, at least two.
        times: ``(N, k)``, in frames, from 0 to ``(L - 1) * spacing``. They need not be integers.
            Values are not checked: outside, the nearest two anchors are used, and a time that is
            NaN or infinite has codes of NaN.
        spacing: Frames between two anchors, :math:`d`.
        frequencies: ``(F,)``, :math:`\omega`, radians a frame.
        phase_scales: ``(F,)``, :math:`s`.
        period_weight: ``(F, C)``, :math:`W_p`.
        phase_weight: ``(F, C)``, :math:`W_f`.
        anchor_weight: ``(2 F, C)``, :math:`W_a`.

    Returns:
        ``(N, 2 F, k)``.

    Raises:
        ShapeError: If the codes are fewer than two, or the times have another layout.

    Example:
        >>> weights = {"period_weight": torch.zeros(3, 5), "phase_weight": torch.zeros(3, 5)}
        >>> acyclic_latents(torch.zeros(2, 5, 4), torch.arange(16.0).expand(2, 16), spacing=8,
        ...                 frequencies=torch.ones(3), phase_scales=torch.ones(3),
        ...                 anchor_weight=torch.zeros(6, 5), **weights).shape
        torch.Size([2, 6, 16])

    References:
        Skorokhodov et al., StyleGAN-V, CVPR 2022, section 3.1 (acyclic positional encoding).
    """
    check_layout(codes, "N C L", name="codes", C=anchor_weight.shape[1])
    if codes.shape[2] < 2:
        raise ShapeError(f"codes must be two at least, to lie between, got {tuple(codes.shape)}")
    check_layout(times, "N k", name="times", N=codes.shape[0])
    kind = codes.dtype
    # Half precision counts no further than 256 frames, and what is rounded grows with time.
    codes, times = full_precision(codes).transpose(1, 2), full_precision(times)
    position = times / spacing
    # NaN as an index lies outside of every tensor.
    number = position.detach().nan_to_num(0).floor().clamp(0, codes.shape[1] - 2)
    left = number.long().unsqueeze(2)

    def at(rows: Tensor, index: Tensor) -> Tensor:
        return rows.gather(1, index.expand(-1, -1, rows.shape[2]))

    with without_autocast(codes):
        of_period, of_phase, of_anchor = (
            F.linear(codes, weight.to(codes.dtype))
            for weight in (period_weight, phase_weight, anchor_weight)
        )
    periods = at(of_period.tanh() + 1, left)
    phases = at(of_phase, left) * phase_scales

    def waves(time: Tensor) -> Tensor:
        angles = frequencies * periods * time.unsqueeze(2) + phases
        return torch.cat([angles.sin(), angles.cos()], dim=2)

    between = (position - number).unsqueeze(2)
    start = at(of_anchor, left) - waves(number * spacing)
    end = at(of_anchor, left + 1) - waves((number + 1) * spacing)
    encoded = waves(times) + start + between * (end - start)
    return rearrange(encoded, "n k c -> n c k").to(kind)


def lowpass_filters(num_filters: int, shortest: int, longest: int) -> Tensor:
    r"""Low-pass filters of log-spaced widths in Kaiser windows, each of unit energy.

    A filter of width :math:`w` has :math:`L = \lceil w \rceil` taps at
    :math:`k = -(L-1)/2, \ldots, (L-1)/2`: a Kaiser window, for a transition of :math:`6 / w` cycles
    a frame, times :math:`\mathrm{sinc}(2 c k)` with the cutoff :math:`c = 1 / w` cycles a frame.
    It is divided so that the squares of its taps sum to one: white noise keeps its variance.

    Args:
        num_filters: Number of filters, F.
        shortest: Taps of the first filter; 1 leaves noise as it is.
        longest: Taps of the last filter.

    Returns:
        ``(F, longest)``, float32; shorter filters stand at the end, behind zeros.

    Raises:
        ValueError: If a number is not positive, or ``longest`` is less than ``shortest``.

    Example:
        >>> filters = lowpass_filters(4, shortest=3, longest=81)
        >>> filters.shape, filters.square().sum(dim=1)
        (torch.Size([4, 81]), tensor([1.0000, 1.0000, 1.0000, 1.0000]))

    References:
        Brooks et al., Generating Long Videos of Dynamic Scenes (LongVideoGAN), NeurIPS 2022,
        section 3 (temporal latents); released code, ``generator_lres.py``, whose filters are
        ``lowpass_filters(128, 125, 5000)``.
    """
    check_positive(num_filters, "num_filters")
    check_positive(shortest, "shortest")
    if check_positive(longest, "longest") < shortest:
        raise ValueError(f"longest must be at least shortest={shortest}, got {longest}")
    # Where the caller asked for tensors to be, which may be the device without data.
    device = torch.empty(()).device
    filters = torch.zeros(num_filters, longest, dtype=torch.float64, device="cpu")
    for row in range(num_filters):
        share = row / max(num_filters - 1, 1)
        # Rounded, so that a width which is a whole number in exact arithmetic stays one.
        width = round(shortest * (longest / shortest) ** share, 9)
        taps = math.ceil(width)
        places = torch.arange(taps, dtype=torch.float64, device="cpu") - (taps - 1) / 2
        window = kaiser_window(taps, 6 / width, device="cpu")
        filter_ = window * torch.sinc(2 * min(1 / width, 0.5) * places)
        filters[row, longest - taps :] = filter_ / filter_.norm()
    return filters.float().to(device)


def blurred_noise(noise: Tensor, filters: Tensor) -> Tensor:
    r"""Filter white noise along time by several filters, without padding.

    .. math:: y_{c f, t} = \sum_k h_{f, k} x_{c, t + k}

    Args:
        noise: ``(N, C, T + L - 1)``.
        filters: ``(F, L)``, as :func:`lowpass_filters` gives them.

    Returns:
        ``(N, C * F, T)``; the filters of one noise channel are neighbors.

    Raises:
        ShapeError: If the noise has another layout or is shorter than the filters.

    Example:
        >>> blurred_noise(torch.zeros(2, 8, 96), lowpass_filters(4, 3, 81)).shape
        torch.Size([2, 32, 16])

    References:
        Brooks et al., LongVideoGAN, NeurIPS 2022, section 3 (temporal latents).
    """
    check_layout(noise, "N C T", name="noise")
    if noise.shape[2] < filters.shape[1]:
        raise ShapeError(
            f"noise must have {filters.shape[1]} steps at least, as the filters have taps, got "
            f"{tuple(noise.shape)}"
        )
    channels = rearrange(noise, "n c t -> (n c) 1 t")
    blurred = F.conv1d(channels, filters.unsqueeze(1).to(noise.dtype))
    return rearrange(blurred, "(n c) f t -> n (c f) t", c=noise.shape[1])

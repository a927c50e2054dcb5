"""Temporal latents at continuous times, by an acyclic positional encoding."""

import math

import torch
from torch import Tensor, nn

from stgan._checks import check_floats, check_positive
from stgan.blocks.latents import TemporalLatent
from stgan.errors import ShapeError
from stgan.example import Example
from stgan.functional.latents import acyclic_latents, repeat_latent
from stgan.layers.act import leaky_relu
from stgan.registry import BLOCKS

__all__ = ["LatentAcyclic"]

Shape = tuple[int, ...]


@BLOCKS.register(
    "latent_acyclic",
    source="Skorokhodov et al., StyleGAN-V, CVPR 2022, section 3.1",
    shape="(N, D), T -> (N, C, T) or (N, C, k), noise (N, E, (T - 1) // d + 2 k_t)",
    example=Example(
        settings={
            "z_dim": 2,
            "noise_dim": 3,
            "out_channels": 4,
            "spacing": 3,
            "kernel_size": 3,
            "shortest_period": 4,
            "longest_period": 16,
        },
        inputs={"z": "N 2", "num_frames": "= T", "noise": "N 3 20", "times": "N T"},
    ),
)
class LatentAcyclic(TemporalLatent):
    r"""Motion codes at any times, integer or not, that are smooth and never repeat.

    Noise codes stand ``spacing`` frames apart. Two convolutions along them, without padding, give
    the anchors of :func:`stgan.functional.acyclic_latents`, which encodes a time between them by
    waves whose periods and phases are those of the anchor before. The codes of a time depend on
    no other time, so a few frames of a long clip can be made alone.

    Args:
        z_dim: Size of the code, which joins every step of noise as a condition; 0 for none, with
            ``z`` of ``(N, 0)``.
        noise_dim: Channels of the noise.
        out_channels: Size of the codes that come out, even: a sine and a cosine a frequency.
        mid_channels: Size of the anchors; ``None`` for ``out_channels``.
        spacing: Frames between two anchors.
        kernel_size: Of both convolutions along the anchors, odd or even.
        shortest_period: Of the waves before they are stretched, in frames.
        longest_period: Likewise; the periods between are log-spaced.

    Attributes:
        out_channels: As given, for the next layer to ask.

    Shape:
        - ``z``: ``(N, z_dim)``
        - ``noise``: ``(N, noise_dim, (T - 1) // spacing + 2 * kernel_size)``, or longer
        - ``times``: ``(N, k)``, in frames, from 0 to ``num_frames - 1``
        - Output: ``(N, out_channels, T)``, with times ``(N, out_channels, k)``

    Raises:
        ValueError: If a size or ``num_frames`` is not positive, ``out_channels`` is odd, or the
            longest period is less than the shortest.
        ShapeError: In ``forward``, if ``z``, the noise or the times have another layout.

    Example:
        >>> motion = LatentAcyclic(0, noise_dim=64, out_channels=128)
        >>> z, noise = torch.zeros(2, 0), torch.randn(motion.noise_shape(2, 64))
        >>> motion(z, num_frames=64, noise=noise).shape
        torch.Size([2, 128, 64])
        >>> motion(z, num_frames=64, noise=noise, times=torch.rand(2, 3) * 63).shape
        torch.Size([2, 128, 3])

    Differs from the source:
        Convolutions and linear maps begin as torch's own, without the equalized learning rates of
        StyleGAN (0.01 for the convolutions).

    References:
        Skorokhodov et al., StyleGAN-V: A Continuous Video Generator with the Price, Image Quality
        and Perks of StyleGAN2, CVPR 2022.
    """

    frequencies: Tensor
    phase_scales: Tensor

    def __init__(
        self,
        z_dim: int,
        noise_dim: int,
        out_channels: int,
        *,
        mid_channels: int | None = None,
        spacing: int = 16,
        kernel_size: int = 11,
        shortest_period: float = 16.0,
        longest_period: float = 1024.0,
    ) -> None:
        super().__init__(z_dim, check_positive(noise_dim, "noise_dim"), out_channels)
        if out_channels % 2:
            raise ValueError(
                f"out_channels must be even, a sine and a cosine a frequency, got {out_channels}"
            )
        if not 0 < shortest_period <= longest_period:
            raise ValueError(
                f"longest_period must be at least shortest_period, and both positive, got "
                f"{longest_period} and {shortest_period}"
            )
        self.spacing = check_positive(spacing, "spacing")
        self.kernel_size = check_positive(kernel_size, "kernel_size")
        mid = out_channels if mid_channels is None else check_positive(mid_channels, "mid_channels")
        half = out_channels // 2
        self.anchors = nn.Sequential(
            nn.Conv1d(z_dim + noise_dim, mid, self.kernel_size),
            leaky_relu(),
            nn.Conv1d(mid, mid, self.kernel_size),
            leaky_relu(),
        )
        self.to_period = nn.Linear(mid, half, bias=False)
        self.to_phase = nn.Linear(mid, half, bias=False)
        self.to_anchor = nn.Linear(mid, out_channels, bias=False)
        bounds = math.log2(shortest_period), math.log2(longest_period)
        periods = torch.logspace(*bounds, half, base=2.0, dtype=torch.float64)
        self.register_buffer("frequencies", (2 * math.pi / periods).float())
        self.register_buffer("phase_scales", (longest_period / periods).float())

    def noise_shape(self, batch: int, num_frames: int) -> tuple[int, int, int]:
        """The anchors around all frames, and the reach of the two convolutions."""
        anchors = (num_frames - 1) // self.spacing + 2
        return (batch, self.noise_dim, anchors + 2 * (self.kernel_size - 1))

    def forward(
        self,
        z: Tensor,
        num_frames: int,
        *,
        noise: Tensor | None = None,
        times: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return codes of all frames, or at the times; ``num_frames`` says how long the clip is."""
        noise = self._noise(z, num_frames, noise, generator)
        if times is None:
            return self.codes(z, noise, num_frames)
        check_floats(times, "times", picture=False)
        self._check_times(tuple(times.shape), z.shape[0])
        return self._encode(z, noise, times)

    def codes(self, z: Tensor, noise: Tensor, num_frames: int) -> Tensor:
        """See :func:`stgan.functional.acyclic_latents`."""
        frames = torch.arange(num_frames, dtype=torch.float32, device=z.device)
        return self._encode(z, noise, frames.expand(z.shape[0], -1))

    def output_shape(
        self,
        input_shape: Shape,
        num_frames: int,
        noise: Shape | None = None,
        times: Shape | None = None,
    ) -> Shape:
        """Shape of the codes for ``z`` of ``(N, z_dim)``."""
        shape = super().output_shape(input_shape, num_frames, noise)
        if times is None:
            return shape
        self._check_times(tuple(times), input_shape[0])
        return (*shape[:2], times[1])

    def _check_times(self, times: Shape, batch: int) -> None:
        if len(times) != 2 or times[0] != batch:
            raise ShapeError(f"times must be laid out as (N={batch}, k), got {times}")

    def _encode(self, z: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        conditioned = torch.cat([repeat_latent(z, noise.shape[2]), noise], dim=1)
        return acyclic_latents(
            self.anchors(conditioned),
            times,
            spacing=self.spacing,
            frequencies=self.frequencies,
            phase_scales=self.phase_scales,
            period_weight=self.to_period.weight,
            phase_weight=self.to_phase.weight,
            anchor_weight=self.to_anchor.weight,
        )

    def extra_repr(self) -> str:
        """Sizes of the codes, and where the anchors are."""
        return f"{super().extra_repr()}, spacing={self.spacing}"

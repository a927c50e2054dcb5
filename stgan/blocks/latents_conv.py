"""Temporal latents by convolution along time: growing from one code, and blurring white noise."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from stgan._checks import check_count, check_positive
from stgan._factories import make_act, make_norm
from stgan.blocks.latents import TemporalLatent
from stgan.example import Example
from stgan.functional.latents import blurred_noise, lowpass_filters, repeat_latent
from stgan.registry import BLOCKS
from stgan.typing import Act, Norm

__all__ = ["LatentBlurredNoise", "LatentDeconv"]


@BLOCKS.register(
    "latent_deconv",
    source="Saito et al., TGAN, ICCV 2017, section 3 (temporal generator)",
    shape="(N, D), T -> (N, C, T), noise (N, D, ceil(T / 2^stages) - 1)",
    example=Example(
        settings={"z_dim": 4, "out_channels": 3, "mid_channels": [2]},
        inputs={"z": "N 4", "num_frames": "= T", "noise": "N 4 T"},
    ),
)
class LatentDeconv(TemporalLatent):
    r"""Grow the codes of all frames from one code by transposed convolutions along time.

    A transposed convolution of kernel 1 takes ``z`` to the first mid width; then every stage
    (kernel 4, stride 2, padding 1) doubles the number of frames, so that one code gives
    :math:`2^s` frames with :math:`s` stages. A longer clip grows from
    :math:`\lceil T / 2^s \rceil` codes in a row, ``z`` and then steps of noise; what is too long is
    cut at the end.

    Args:
        z_dim: Size of the code, and channels of the noise.
        out_channels: Size of the codes that come out.
        mid_channels: Width before every stage; as many stages as widths.
        norm: Called with a width, after every convolution but the last; for ``(N, C, T)``.
        act: Called without arguments, after every norm.
        out_act: Called without arguments, at the end.

    Attributes:
        frames_per_code: :math:`2^s`.

    Shape:
        - ``z``: ``(N, z_dim)``
        - ``noise``: ``(N, z_dim, ceil(T / frames_per_code) - 1)``, or longer
        - Output: ``(N, out_channels, T)``

    Raises:
        ValueError: If a size or ``num_frames`` is not positive, or there is no mid width.
        ShapeError: In ``forward``, if ``z`` or the noise has another layout.

    Example:
        >>> grow = LatentDeconv(100, 100)
        >>> grow.frames_per_code, grow(torch.rand(2, 100) * 2 - 1, num_frames=40).shape
        (16, torch.Size([2, 100, 40]))

    Differs from the source:
        TGAN makes 16 frames, always. Longer clips follow the idea of G3AN, to lengthen the code;
        noise that is not given is normal, where TGAN draws its code from U(-1, 1). Convolutions
        before a norm have no bias.

    References:
        Saito et al., Temporal Generative Adversarial Nets with Singular Value Clipping, ICCV 2017;
        Wang et al., G3AN, CVPR 2020.
    """

    def __init__(
        self,
        z_dim: int,
        out_channels: int,
        *,
        mid_channels: Sequence[int] = (512, 256, 128, 128),
        norm: Norm = nn.BatchNorm1d,
        act: Act = nn.ReLU,
        out_act: Act = nn.Tanh,
    ) -> None:
        super().__init__(check_positive(z_dim, "z_dim"), z_dim, out_channels)
        if not mid_channels:
            raise ValueError("mid_channels must name one width at least, got none")
        widths = [check_positive(width, "mid_channels") for width in mid_channels]
        self.frames_per_code: int = 2 ** len(widths)
        stages: list[nn.Module] = []
        for number, (before, after) in enumerate(
            zip([z_dim, *widths], [*widths, out_channels], strict=True)
        ):
            last = number == len(widths)
            kernel, stride, padding = (4, 2, 1) if number else (1, 1, 0)
            stages.append(
                nn.ConvTranspose1d(
                    before, after, kernel, stride, padding, bias=last or norm is None
                )
            )
            if norm is not None and not last:
                stages.append(make_norm(norm, after, axes=1))
            end = out_act if last else act
            if end is not None:
                stages.append(make_act(end, "out_act" if last else "act"))
        self.stages = nn.Sequential(*stages)

    def noise_shape(self, batch: int, num_frames: int) -> tuple[int, int, int]:
        """One step for every ``frames_per_code`` frames but the first."""
        return (batch, self.z_dim, (num_frames - 1) // self.frames_per_code)

    def codes(self, z: Tensor, noise: Tensor, num_frames: int) -> Tensor:
        """Run the stages over ``z`` and the noise in a row."""
        grown: Tensor = self.stages(torch.cat([z.unsqueeze(2), noise], dim=2))
        return grown[:, :, :num_frames]


@BLOCKS.register(
    "latent_blurred_noise",
    source="Brooks et al., LongVideoGAN, NeurIPS 2022, section 3; released code, generator_lres.py",
    shape="(N, D), T -> (N, D + E F, T), noise (N, E, T + longest - 1)",
    example=Example(
        settings={"z_dim": 2, "noise_dim": 2, "num_filters": 3, "shortest": 1, "longest": 5},
        inputs={"z": "N 2", "num_frames": "= T", "noise": "N 2 40"},
    ),
)
class LatentBlurredNoise(TemporalLatent):
    """White noise blurred along time by low-pass filters of many widths.

    See :func:`stgan.functional.lowpass_filters` and :func:`stgan.functional.blurred_noise`.
    Every channel has unit variance and changes at its own pace, and a clip that starts later in
    the noise has the same codes, only shifted. Nothing is learned.

    Args:
        z_dim: Size of the code, which is repeated over time in front of the noise; 0 for noise
            alone, as in the source, with ``z`` of ``(N, 0)``.
        noise_dim: Channels of white noise.
        num_filters: Filters on every channel of noise.
        shortest: Taps of the shortest filter.
        longest: Taps of the longest filter.

    Attributes:
        out_channels: ``z_dim + noise_dim * num_filters``, for the next layer to ask.
        filters: ``(num_filters, longest)``; a buffer of the state dict.

    Shape:
        - ``z``: ``(N, z_dim)``
        - ``noise``: ``(N, noise_dim, T + longest - 1)``, or longer
        - Output: ``(N, out_channels, T)``

    Raises:
        ValueError: If a size or ``num_frames`` is not positive, or ``longest`` is less than
            ``shortest``.
        ShapeError: In ``forward``, if ``z`` or the noise has another layout.

    Example:
        >>> pace = LatentBlurredNoise(0, noise_dim=8, num_filters=16)
        >>> pace(torch.zeros(2, 0), num_frames=128).shape
        torch.Size([2, 128, 128])

    Differs from the source:
        The source has 128 filters of 125 to 5000 taps and a small network behind them; here the
        filters are few and short unless asked otherwise, and the network is the caller's.

    References:
        Brooks et al., Generating Long Videos of Dynamic Scenes, NeurIPS 2022.
    """

    filters: Tensor

    def __init__(
        self,
        z_dim: int,
        noise_dim: int,
        *,
        num_filters: int = 16,
        shortest: int = 5,
        longest: int = 255,
    ) -> None:
        check_positive(noise_dim, "noise_dim")
        filters = lowpass_filters(num_filters, shortest, longest)
        out_channels = check_count(z_dim, "z_dim") + noise_dim * num_filters
        super().__init__(z_dim, noise_dim, out_channels)
        self.register_buffer("filters", filters)

    def noise_shape(self, batch: int, num_frames: int) -> tuple[int, int, int]:
        """The frames and the reach of the longest filter: ``(N, noise_dim, T + longest - 1)``."""
        return (batch, self.noise_dim, num_frames + self.filters.shape[1] - 1)

    def codes(self, z: Tensor, noise: Tensor, num_frames: int) -> Tensor:
        """See :func:`stgan.functional.blurred_noise`."""
        return torch.cat([repeat_latent(z, num_frames), blurred_noise(noise, self.filters)], dim=1)

"""What all temporal latents share, and the simplest of them."""

import abc

import torch
from torch import Tensor, nn

from stgan._checks import check_count, check_floats, check_layout, check_positive
from stgan.errors import ShapeError
from stgan.example import Example
from stgan.functional._random import random_source
from stgan.functional.latents import repeat_latent
from stgan.registry import BLOCKS

__all__ = ["LatentRepeat", "TemporalLatent"]

Shape = tuple[int, ...]


class TemporalLatent(nn.Module, abc.ABC):
    """From one code a clip to one code a frame, for any number of frames.

    Randomness is an argument: with ``noise`` given, the output depends on nothing else. Without,
    noise is drawn from a normal distribution in every call, in evaluation mode too. Of noise that
    is longer than :meth:`noise_shape` asks for, the beginning is read, so that clips of any length
    can be cut from one noise.

    Args:
        z_dim: Size of the code.
        noise_dim: Channels of the noise.
        out_channels: Size of the codes that come out.

    Attributes:
        z_dim: As given, likewise ``noise_dim``.
        out_channels: As given, for the next layer to ask.
    """

    def __init__(self, z_dim: int, noise_dim: int, out_channels: int) -> None:
        super().__init__()
        self.z_dim = check_count(z_dim, "z_dim")
        self.noise_dim = check_count(noise_dim, "noise_dim")
        self.out_channels = check_positive(out_channels, "out_channels")

    @abc.abstractmethod
    def noise_shape(self, batch: int, num_frames: int) -> tuple[int, int, int]:
        """Shape ``(N, noise_dim, L)`` of the noise that so many clips and frames need."""

    @abc.abstractmethod
    def codes(self, z: Tensor, noise: Tensor, num_frames: int) -> Tensor:
        """Make ``(N, out_channels, T)`` of checked inputs and exactly the noise needed."""

    def forward(
        self,
        z: Tensor,
        num_frames: int,
        *,
        noise: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return codes ``(N, out_channels, T)`` for ``z`` of ``(N, z_dim)``."""
        return self.codes(z, self._noise(z, num_frames, noise, generator), num_frames)

    def output_shape(
        self, input_shape: Shape, num_frames: int, noise: Shape | None = None
    ) -> Shape:
        """Shape of the codes for ``z`` of ``(N, z_dim)``."""
        check_positive(num_frames, "num_frames")
        if len(input_shape) != 2 or input_shape[1] != self.z_dim:
            raise ShapeError(f"z must be laid out as (N, C={self.z_dim}), got {tuple(input_shape)}")
        if noise is not None:
            self._check_noise(tuple(noise), input_shape[0], num_frames)
        return (input_shape[0], self.out_channels, num_frames)

    def extra_repr(self) -> str:
        """Sizes of the codes."""
        return f"{self.z_dim}, noise_dim={self.noise_dim}, out_channels={self.out_channels}"

    def _noise(
        self,
        z: Tensor,
        num_frames: int,
        noise: Tensor | None,
        generator: torch.Generator | None,
    ) -> Tensor:
        """Check the inputs; return exactly the noise needed, drawn if there is none."""
        check_layout(z, "N C", name="z", C=self.z_dim)
        check_positive(num_frames, "num_frames")
        shape = self.noise_shape(z.shape[0], num_frames)
        if noise is None:
            drawn = torch.randn(shape, dtype=z.dtype, **random_source(generator, z.device))
            return drawn.to(z.device)
        check_floats(noise, "noise", picture=False)
        self._check_noise(tuple(noise.shape), z.shape[0], num_frames)
        return noise[:, :, : shape[2]]

    def _check_noise(self, noise: Shape, batch: int, num_frames: int) -> None:
        n, channels, least = self.noise_shape(batch, num_frames)
        if len(noise) != 3 or noise[:2] != (n, channels) or noise[2] < least:
            raise ShapeError(
                f"noise must be laid out as (N={n}, C={channels}, L) with L at least {least} for "
                f"{num_frames} frames, got {noise}"
            )


@BLOCKS.register(
    "latent_repeat",
    source="Tulyakov et al., MoCoGAN, CVPR 2018, section 3 (content code)",
    shape="(N, D), T -> (N, D, T)",
    example=Example(settings={"z_dim": 4}, inputs={"z": "N 4", "num_frames": "= T"}),
)
class LatentRepeat(TemporalLatent):
    """Give every frame the same code: the content of a clip.

    See :func:`stgan.functional.repeat_latent`. Nothing is learned and no noise is read; beside the
    other temporal latents it is the part of the code that does not move.

    Args:
        z_dim: Size of the code.

    Attributes:
        out_channels: ``z_dim``, for the next layer to ask.

    Shape:
        - ``z``: ``(N, z_dim)``
        - Output: ``(N, z_dim, T)``, an expanded view

    Raises:
        ValueError: If ``z_dim`` or ``num_frames`` is not positive.
        ShapeError: In ``forward``, if ``z`` has another layout.

    Example:
        >>> content, motion = LatentRepeat(50), torch.zeros(2, 10, 16)
        >>> torch.cat([content(torch.zeros(2, 50), num_frames=16), motion], dim=1).shape
        torch.Size([2, 60, 16])

    References:
        Tulyakov et al., MoCoGAN: Decomposing Motion and Content for Video Generation, CVPR 2018.
    """

    def __init__(self, z_dim: int) -> None:
        super().__init__(check_positive(z_dim, "z_dim"), 0, z_dim)

    def noise_shape(self, batch: int, num_frames: int) -> tuple[int, int, int]:
        """No noise: ``(N, 0, 0)``."""
        return (batch, 0, 0)

    def codes(self, z: Tensor, noise: Tensor, num_frames: int) -> Tensor:
        """See :func:`stgan.functional.repeat_latent`."""
        return repeat_latent(z, num_frames)

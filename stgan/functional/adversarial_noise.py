"""Noise that lets real and generated samples overlap."""

import torch
from torch import Tensor

from stgan._checks import check_floats
from stgan.functional._random import random_source

__all__ = ["instance_noise"]


def instance_noise(
    video: Tensor, std: float, *, generator: torch.Generator | None = None
) -> Tensor:
    r"""Add Gaussian noise to what a discriminator is shown.

    .. math:: y = x + \sigma \epsilon, \qquad \epsilon \sim \mathcal N(0, I)

    Real and generated samples lie on thin sets that hardly meet, so a discriminator can tell them
    apart perfectly and its gradient says little. With the same noise on both they overlap. Noise
    belongs on the inputs of the discriminator, on real *and* generated ones, in its own step and
    in the generator's; ``std`` is lowered to zero over training. Labels are never flipped.

    Args:
        video: Any float tensor, usually a clip in [-1, 1]; the result is not clipped to it.
        std: :math:`\sigma`, in units of the input; 0 returns the input itself.
        generator: Source of the noise; ``None`` for torch's global one.

    Returns:
        The shape, type and device of the input.

    Raises:
        ValueError: If ``std`` is negative.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> noisy = instance_noise(torch.zeros(2, 3, 4, 8, 8), 0.1, generator=generator)
        >>> noisy.shape, round(noisy.std().item(), 1)
        (torch.Size([2, 3, 4, 8, 8]), 0.1)

    References:
        Sønderby et al., Amortised MAP Inference for Image Super-resolution, ICLR 2017 (instance
        noise); Arjovsky and Bottou, Towards Principled Methods for Training Generative Adversarial
        Networks, ICLR 2017, section 3.
    """
    check_floats(video, "video")
    if std < 0:
        raise ValueError(f"std must not be negative, got {std}")
    if std == 0:
        return video
    source = random_source(generator, video.device)
    noise = torch.randn(video.shape, dtype=video.dtype, **source)
    return video + std * noise.to(video.device)

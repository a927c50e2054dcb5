"""Distances between clips in other spaces than that of pixels: frequencies and features."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from einops import rearrange
from torch import Tensor

from stgan._checks import check_floats, check_layout
from stgan.errors import ShapeError
from stgan.functional._precision import full_precision
from stgan.functional.frames import fold_time
from stgan.functional.reconstruction import check_clips, reduce_clips
from stgan.typing import Reduction

__all__ = ["Features", "focal_frequency_loss", "perceptual_loss"]

#: Called with images ``(M, 3, H, W)``, returns one or several features ``(M, ...)``.
Features: TypeAlias = Callable[[Tensor], Tensor | Sequence[Tensor]]


def focal_frequency_loss(
    fake: Tensor, real: Tensor, *, alpha: float = 1.0, reduction: Reduction = "mean"
) -> Tensor:
    r"""Squared distance of the spectra of frames, with most weight where they differ most.

    With the orthonormal discrete Fourier transform :math:`F` of a channel of a frame, the distance
    of spectra :math:`d = |F_{\hat x} - F_x|` and the weights :math:`w`,

    .. math::

       \operatorname{mean}_{u,v}\; w(u, v)\, d(u, v)^2, \qquad
       w(u, v) = \frac{d(u, v)^\alpha}{\max_{u', v'} d(u', v')^\alpha}

    The weights are constants to the gradient. With :math:`\alpha = 0` they are one, and the loss is
    that of :func:`l2_loss`, since the transform keeps sums of squares.

    Args:
        fake: ``(N, C, T, H, W)``.
        real: The same shape.
        alpha: :math:`\alpha`, not negative; how sharply the weights focus.
        reduction: Of the ``(N,)`` values, each a mean over frames, channels and frequencies.

    Raises:
        ShapeError: If the shapes differ.
        ValueError: If ``alpha`` is negative.

    Example:
        >>> focal_frequency_loss(fake=torch.ones(2, 3, 4, 8, 8), real=torch.zeros(2, 3, 4, 8, 8))
        tensor(1.)

    References:
        Jiang et al., Focal Frequency Loss for Image Reconstruction and Synthesis, ICCV 2021,
        section 3.
    """
    check_clips(fake, real)
    if alpha < 0:
        raise ValueError(f"alpha must not be negative, got {alpha}")
    # The transform is linear: one of the difference in place of two.
    apart = torch.fft.fft2(full_precision(fake) - full_precision(real), norm="ortho")
    squares = torch.view_as_real(apart).square().sum(dim=-1)
    weights = squares.detach() ** (alpha / 2)
    largest = weights.amax(dim=(-2, -1), keepdim=True)
    # Equal frames have no largest distance; their squares are zero whatever the weights.
    weights = weights / largest.clamp(min=torch.finfo(weights.dtype).tiny)
    return reduce_clips(weights * squares, reduction)


def perceptual_loss(
    fake: Tensor,
    real: Tensor,
    *,
    features: Features,
    layer_weights: Sequence[float] | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    r"""Squared distance of the features of frames.

    .. math:: \sum_j \lambda_j \operatorname{mean} \bigl(\phi_j(\hat x_t) - \phi_j(x_t)\bigr)^2

    Args:
        fake: ``(N, 3, T, H, W)``.
        real: The same shape.
        features: :math:`\phi`; called with the frames of all clips as images ``(N * T, 3, H, W)``,
            returns one tensor or a sequence of them, each with the images along its first axis.
        layer_weights: :math:`\lambda`, one for each feature; ``None`` for ones.
        reduction: Of the ``(N,)`` values.

    Raises:
        ShapeError: If the shapes differ, or features are not those of every frame.
        TypeError: If features are neither a tensor nor a sequence of tensors.
        ValueError: If there are not as many weights as features.

    Example:
        >>> pool = nn.AvgPool2d(4)
        >>> video = torch.zeros(2, 3, 4, 8, 8)
        >>> perceptual_loss(fake=video + 1, real=video, features=pool)
        tensor(1.)

    References:
        Johnson et al., Perceptual Losses for Real-Time Style Transfer and Super-Resolution, ECCV
        2016, equation 2 (feature reconstruction).
    """
    check_clips(fake, real)
    check_layout(fake, "N C T H W", name="fake", C=3)
    count = fake.shape[0] * fake.shape[2]
    offered, wanted = (_listed(features(fold_time(video)), count) for video in (fake, real))
    weights = [1.0] * len(offered) if layer_weights is None else list(layer_weights)
    if len(weights) != len(offered):
        raise ValueError(
            f"layer_weights must have one weight for each of {len(offered)} features, got "
            f"{len(weights)}"
        )
    per_frame = torch.stack(
        [
            weight * (full_precision(a) - full_precision(b)).square().flatten(1).mean(dim=1)
            for weight, a, b in zip(weights, offered, wanted, strict=True)
        ]
    ).sum(dim=0)
    return reduce_clips(rearrange(per_frame, "(n t) -> n t", t=fake.shape[2]), reduction)


def _listed(found: Tensor | Sequence[Tensor], count: int) -> list[Tensor]:
    several = [found] if isinstance(found, Tensor) else found
    if not isinstance(several, list | tuple):
        raise TypeError(
            f"features must return one tensor or a sequence of them, got {type(several).__name__}"
        )
    for one in several:
        check_floats(one, "what features returns", picture=False)
        if one.shape[:1] != (count,):
            raise ShapeError(
                f"features must return {count} rows, one for each frame, got {tuple(one.shape)}"
            )
    return [*several]

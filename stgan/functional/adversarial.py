"""Adversarial losses as functions of logits, each in its numerically stable form.

Every family has two halves. The discriminator's half is the sum of its real and fake terms, not
their mean. Logits are what a discriminator returns before any sigmoid; any shape will do, and
``reduction`` is applied to the elementwise values last.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from stgan.typing import Reduction

__all__ = [
    "hinge_discriminator_loss",
    "hinge_generator_loss",
    "least_squares_discriminator_loss",
    "least_squares_generator_loss",
    "non_saturating_discriminator_loss",
    "non_saturating_generator_loss",
    "reduce_loss",
]


def reduce_loss(values: Tensor, reduction: Reduction) -> Tensor:
    """Apply torch's ``"mean"``, ``"sum"`` or ``"none"``.

    Args:
        values: Any shape.
        reduction: What to make of the values.

    Raises:
        ValueError: If the reduction is none of the three.

    Example:
        >>> reduce_loss(torch.tensor([1.0, 3.0]), "mean")
        tensor(2.)
    """
    if reduction == "mean":
        return values.mean()
    if reduction == "sum":
        return values.sum()
    if reduction == "none":
        return values
    raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")


def non_saturating_generator_loss(*, fake: Tensor, reduction: Reduction = "mean") -> Tensor:
    r""":math:`-\log \sigma(D(\text{fake})) = \mathrm{softplus}(-D(\text{fake}))`.

    Args:
        fake: Logits of generated samples.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Example:
        >>> non_saturating_generator_loss(fake=torch.zeros(4))
        tensor(0.6931)

    References:
        Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014, section 3.
    """
    return reduce_loss(F.softplus(-fake), reduction)


def non_saturating_discriminator_loss(
    *, real: Tensor, fake: Tensor, reduction: Reduction = "mean"
) -> Tensor:
    r""":math:`-\log \sigma(D(\text{real})) - \log(1 - \sigma(D(\text{fake})))`.

    Args:
        real: Logits of real samples.
        fake: Logits of generated samples.
        reduction: Applied to each of the two terms, which are then added; with ``"none"`` both
            must have one shape.

    Example:
        >>> non_saturating_discriminator_loss(real=torch.zeros(4), fake=torch.zeros(4))
        tensor(1.3863)

    References:
        Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014, equation 1.
    """
    return reduce_loss(F.softplus(-real), reduction) + reduce_loss(F.softplus(fake), reduction)


def hinge_generator_loss(*, fake: Tensor, reduction: Reduction = "mean") -> Tensor:
    r""":math:`-D(\text{fake})`.

    Args:
        fake: Logits of generated samples.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Example:
        >>> hinge_generator_loss(fake=torch.tensor([1.0, 2.0]))
        tensor(-1.5000)

    References:
        Lim and Ye, Geometric GAN, 2017, arXiv 1705.02894.
    """
    return reduce_loss(-fake, reduction)


def hinge_discriminator_loss(
    *, real: Tensor, fake: Tensor, reduction: Reduction = "mean"
) -> Tensor:
    r""":math:`\max(0, 1 - D(\text{real})) + \max(0, 1 + D(\text{fake}))`.

    Args:
        real: Logits of real samples.
        fake: Logits of generated samples.
        reduction: Applied to each of the two terms, which are then added.

    Example:
        >>> hinge_discriminator_loss(real=torch.tensor([2.0]), fake=torch.tensor([0.5]))
        tensor(1.5000)

    References:
        Lim and Ye, Geometric GAN, 2017, arXiv 1705.02894.
    """
    return reduce_loss(F.relu(1 - real), reduction) + reduce_loss(F.relu(1 + fake), reduction)


def least_squares_generator_loss(*, fake: Tensor, reduction: Reduction = "mean") -> Tensor:
    r""":math:`\frac12 (D(\text{fake}) - 1)^2`.

    Args:
        fake: Outputs for generated samples.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Example:
        >>> least_squares_generator_loss(fake=torch.zeros(4))
        tensor(0.5000)

    References:
        Mao et al., Least Squares GAN, ICCV 2017, equation 9.
    """
    return reduce_loss(0.5 * torch.square(fake - 1), reduction)


def least_squares_discriminator_loss(
    *, real: Tensor, fake: Tensor, reduction: Reduction = "mean"
) -> Tensor:
    r""":math:`\frac12 (D(\text{real}) - 1)^2 + \frac12 D(\text{fake})^2`.

    Args:
        real: Outputs for real samples.
        fake: Outputs for generated samples.
        reduction: Applied to each of the two terms, which are then added.

    Example:
        >>> least_squares_discriminator_loss(real=torch.ones(4), fake=torch.ones(4))
        tensor(0.5000)

    References:
        Mao et al., Least Squares GAN, ICCV 2017, equation 9.
    """
    return reduce_loss(0.5 * torch.square(real - 1), reduction) + reduce_loss(
        0.5 * torch.square(fake), reduction
    )

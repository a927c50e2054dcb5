"""Relativistic adversarial losses: how much more real than the others is a sample?

Both halves need the logits of real and of generated samples. In the generator's half the real
logits carry no gradient to the generator, but they decide how far its samples still have to go.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from stgan._keywords import by_keyword
from stgan.errors import ShapeError
from stgan.functional._precision import full_precision
from stgan.functional.adversarial import add_terms, reduce_loss
from stgan.typing import Reduction

__all__ = [
    "relativistic_average_discriminator_loss",
    "relativistic_average_generator_loss",
    "relativistic_average_hinge_discriminator_loss",
    "relativistic_average_hinge_generator_loss",
    "relativistic_average_least_squares_discriminator_loss",
    "relativistic_average_least_squares_generator_loss",
    "relativistic_pairing_discriminator_loss",
    "relativistic_pairing_generator_loss",
]


def _against_means(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Every logit less the mean of all logits of the other side."""
    real, fake = full_precision(real, "real"), full_precision(fake, "fake")
    return real - fake.mean(), fake - real.mean()


@by_keyword
def relativistic_average_discriminator_loss(
    *, real: Tensor, fake: Tensor, reduction: Reduction = "mean"
) -> Tensor:
    r"""Binary cross-entropy of logits less the mean logit of the other side.

    .. math::

       -\log \sigma\bigl(D(\text{real}) - \overline{D(\text{fake})}\bigr)
       - \log\bigl(1 - \sigma(D(\text{fake}) - \overline{D(\text{real})})\bigr)

    The means are over all logits of the call, so the value of a sample depends on its batch, and
    with several processes on the batch of its process.

    Args:
        real: Logits of real samples.
        fake: Logits of generated samples.
        reduction: Applied to each of the two terms, which are then added.

    Example:
        >>> relativistic_average_discriminator_loss(real=torch.ones(4), fake=torch.ones(4))
        tensor(1.3863)

    References:
        Jolicoeur-Martineau, The relativistic discriminator, ICLR 2019 (RaSGAN).
    """
    real, fake = _against_means(real, fake)
    return add_terms(F.softplus(-real), F.softplus(fake), reduction)


@by_keyword
def relativistic_average_generator_loss(
    *, fake: Tensor, real: Tensor, reduction: Reduction = "mean"
) -> Tensor:
    """:func:`relativistic_average_discriminator_loss` with the sides exchanged.

    Args:
        fake: Logits of generated samples.
        real: Logits of real samples.
        reduction: Applied to each of the two terms, which are then added.

    Example:
        >>> relativistic_average_generator_loss(fake=torch.zeros(4), real=torch.ones(4))
        tensor(2.6265)

    References:
        Jolicoeur-Martineau, The relativistic discriminator, ICLR 2019 (RaSGAN).
    """
    real, fake = full_precision(real, "real"), full_precision(fake, "fake")
    return relativistic_average_discriminator_loss(real=fake, fake=real, reduction=reduction)


@by_keyword
def relativistic_average_least_squares_discriminator_loss(
    *, real: Tensor, fake: Tensor, reduction: Reduction = "mean"
) -> Tensor:
    r"""Least squares to 1 and -1 of logits less the mean logit of the other side.

    .. math::

       \bigl(D(\text{real}) - \overline{D(\text{fake})} - 1\bigr)^2
       + \bigl(D(\text{fake}) - \overline{D(\text{real})} + 1\bigr)^2

    Unlike :func:`least_squares_discriminator_loss` it has no factor of one half, as in its source.

    Args:
        real: Logits of real samples.
        fake: Logits of generated samples.
        reduction: Applied to each of the two terms, which are then added.

    Example:
        >>> relativistic_average_least_squares_discriminator_loss(
        ...     real=torch.ones(4), fake=torch.ones(4)
        ... )
        tensor(2.)

    References:
        Jolicoeur-Martineau, The relativistic discriminator, ICLR 2019 (RaLSGAN). The released code
        of MoCoGAN-HD (Tian et al., ICLR 2021) trains with half of the same terms against the
        targets 1 and 0.
    """
    real, fake = _against_means(real, fake)
    return add_terms(torch.square(real - 1), torch.square(fake + 1), reduction)


@by_keyword
def relativistic_average_least_squares_generator_loss(
    *, fake: Tensor, real: Tensor, reduction: Reduction = "mean"
) -> Tensor:
    """:func:`relativistic_average_least_squares_discriminator_loss` with the sides exchanged.

    Args:
        fake: Logits of generated samples.
        real: Logits of real samples.
        reduction: Applied to each of the two terms, which are then added.

    Example:
        >>> relativistic_average_least_squares_generator_loss(
        ...     fake=torch.zeros(4), real=torch.ones(4)
        ... )
        tensor(8.)

    References:
        Jolicoeur-Martineau, The relativistic discriminator, ICLR 2019 (RaLSGAN).
    """
    real, fake = full_precision(real, "real"), full_precision(fake, "fake")
    return relativistic_average_least_squares_discriminator_loss(
        real=fake, fake=real, reduction=reduction
    )


@by_keyword
def relativistic_average_hinge_discriminator_loss(
    *, real: Tensor, fake: Tensor, reduction: Reduction = "mean"
) -> Tensor:
    r"""Hinge at a margin of one of logits less the mean logit of the other side.

    .. math::

       \max\bigl(0, 1 - D(\text{real}) + \overline{D(\text{fake})}\bigr)
       + \max\bigl(0, 1 + D(\text{fake}) - \overline{D(\text{real})}\bigr)

    Args:
        real: Logits of real samples.
        fake: Logits of generated samples.
        reduction: Applied to each of the two terms, which are then added.

    Example:
        >>> relativistic_average_hinge_discriminator_loss(real=torch.ones(4), fake=torch.ones(4))
        tensor(2.)

    References:
        Jolicoeur-Martineau, The relativistic discriminator, ICLR 2019 (RaHingeGAN).
    """
    real, fake = _against_means(real, fake)
    return add_terms(F.relu(1 - real), F.relu(1 + fake), reduction)


@by_keyword
def relativistic_average_hinge_generator_loss(
    *, fake: Tensor, real: Tensor, reduction: Reduction = "mean"
) -> Tensor:
    """:func:`relativistic_average_hinge_discriminator_loss` with the sides exchanged.

    Args:
        fake: Logits of generated samples.
        real: Logits of real samples.
        reduction: Applied to each of the two terms, which are then added.

    Example:
        >>> relativistic_average_hinge_generator_loss(fake=torch.zeros(4), real=torch.ones(4))
        tensor(4.)

    References:
        Jolicoeur-Martineau, The relativistic discriminator, ICLR 2019 (RaHingeGAN).
    """
    real, fake = full_precision(real, "real"), full_precision(fake, "fake")
    return relativistic_average_hinge_discriminator_loss(real=fake, fake=real, reduction=reduction)


@by_keyword
def relativistic_pairing_discriminator_loss(
    *, real: Tensor, fake: Tensor, reduction: Reduction = "mean"
) -> Tensor:
    r""":math:`\mathrm{softplus}\bigl(D(\text{fake}) - D(\text{real})\bigr)`, for every pair.

    Each real sample is paired with the generated one at the same place of the batch; with
    conditions, both should have the same one. The method adds zero-centered gradient penalties on
    real and on generated samples, without which training need not converge.

    Args:
        real: Logits of real samples.
        fake: Logits of generated samples, of the same shape.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        ShapeError: If there are not as many of both.

    Example:
        >>> relativistic_pairing_discriminator_loss(real=torch.ones(4), fake=torch.ones(4))
        tensor(0.6931)

    References:
        Huang et al., The GAN is dead; long live the GAN! A Modern Baseline GAN, NeurIPS 2024,
        section 2; Jolicoeur-Martineau, The relativistic discriminator, ICLR 2019 (RSGAN).
    """
    real, fake = full_precision(real, "real"), full_precision(fake, "fake")
    if real.shape != fake.shape:
        raise ShapeError(
            f"real and fake must have one shape to be paired, got {tuple(real.shape)} and "
            f"{tuple(fake.shape)}"
        )
    return reduce_loss(F.softplus(fake - real), reduction)


@by_keyword
def relativistic_pairing_generator_loss(
    *, fake: Tensor, real: Tensor, reduction: Reduction = "mean"
) -> Tensor:
    r""":math:`\mathrm{softplus}\bigl(D(\text{real}) - D(\text{fake})\bigr)`, for every pair.

    Args:
        fake: Logits of generated samples.
        real: Logits of real samples, of the same shape.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        ShapeError: If there are not as many of both.

    Example:
        >>> relativistic_pairing_generator_loss(fake=torch.zeros(4), real=torch.ones(4))
        tensor(1.3133)

    References:
        Huang et al., The GAN is dead; long live the GAN! A Modern Baseline GAN, NeurIPS 2024,
        section 2; in the stable form that its released code uses.
    """
    real, fake = full_precision(real, "real"), full_precision(fake, "fake")
    return relativistic_pairing_discriminator_loss(real=fake, fake=real, reduction=reduction)

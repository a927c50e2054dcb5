"""Relativistic loss families, which compare the logits of real and of generated samples."""

from abc import ABC
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from torch import Tensor

from stgan.example import Example
from stgan.functional import adversarial_relativistic as functional
from stgan.losses.adversarial_base import AdversarialLoss
from stgan.registry import LOSSES

__all__ = [
    "RelativisticAverageHingeLoss",
    "RelativisticAverageLeastSquaresLoss",
    "RelativisticAverageLoss",
    "RelativisticPairingLoss",
]

_PAIRS = Example(
    settings={"reduction": "none"}, inputs={"real": "N", "fake": "N"}, call="discriminator"
)
_AVERAGES = replace(
    _PAIRS, claims={"batch_independent": "the mean logit of the other side enters every value"}
)


class _RelativisticLoss(AdversarialLoss, ABC):
    """A family whose halves both compare the two sides."""

    needs_real: ClassVar[bool] = True
    _generator: Callable[..., Tensor]
    _discriminator: Callable[..., Tensor]

    def discriminator_half(self, *, real: Tensor, fake: Tensor) -> Tensor:
        """What the discriminators minimize."""
        return self._discriminator(real=real, fake=fake, reduction=self.reduction)

    def generator_half(self, *, fake: Tensor, real: Tensor | None) -> Tensor:
        """What the generator minimizes: the discriminators' half with the sides exchanged.

        Raises:
            ValueError: If the logits of real samples are missing.
        """
        if real is None:
            raise ValueError(
                f"{type(self).__name__} compares generated samples with real ones in the "
                f"generator's half too, got real=None; pass real=discriminator(real video)"
            )
        return self._generator(fake=fake, real=real, reduction=self.reduction)


@LOSSES.register(
    "relativistic_average",
    source="Jolicoeur-Martineau, The relativistic discriminator, ICLR 2019, RaSGAN",
    shape="real (N,), fake (N,) -> ()",
    aliases=("ragan", "rasgan"),
    example=_AVERAGES,
)
class RelativisticAverageLoss(_RelativisticLoss):
    """Relativistic average logistic loss: each logit against the mean of the other side.

    See :func:`stgan.functional.relativistic_average_generator_loss` and
    :func:`stgan.functional.relativistic_average_discriminator_loss`.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        - ``real``, ``fake``: logits of any shape, usually ``(N,)``
        - Output: a scalar, or the shape of the logits with ``reduction="none"``

    Raises:
        ValueError: If the reduction is none of the three; in ``generator``, if ``real`` is missing.
        ShapeError: If real and fake differ in N, or are empty; with ``reduction="none"``, if they
            differ in shape.

    Example:
        >>> RelativisticAverageLoss().discriminator(real=torch.ones(4), fake=torch.ones(4))
        tensor(1.3863)

    References:
        Jolicoeur-Martineau, The relativistic discriminator, ICLR 2019 (RaSGAN).
    """

    _generator = staticmethod(functional.relativistic_average_generator_loss)
    _discriminator = staticmethod(functional.relativistic_average_discriminator_loss)


@LOSSES.register(
    "relativistic_average_least_squares",
    source="Jolicoeur-Martineau, The relativistic discriminator, ICLR 2019, RaLSGAN",
    shape="real (N,), fake (N,) -> ()",
    aliases=("ralsgan",),
    example=_AVERAGES,
)
class RelativisticAverageLeastSquaresLoss(_RelativisticLoss):
    """Relativistic average least squares, with targets 1 and -1.

    See :func:`stgan.functional.relativistic_average_least_squares_generator_loss` and
    :func:`stgan.functional.relativistic_average_least_squares_discriminator_loss`. It is not quite
    what MoCoGAN-HD trains with, whose targets are 1 and 0 and whose terms are halved.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        - ``real``, ``fake``: logits of any shape, usually ``(N,)``
        - Output: a scalar, or the shape of the logits with ``reduction="none"``

    Raises:
        ValueError: If the reduction is none of the three; in ``generator``, if ``real`` is missing.
        ShapeError: If real and fake differ in N, or are empty; with ``reduction="none"``, if they
            differ in shape.

    Example:
        >>> loss = RelativisticAverageLeastSquaresLoss()
        >>> loss.discriminator(real=torch.ones(4), fake=torch.ones(4))
        tensor(2.)

    References:
        Jolicoeur-Martineau, The relativistic discriminator, ICLR 2019 (RaLSGAN); for the other
        targets the released code of Tian et al., MoCoGAN-HD, ICLR 2021.
    """

    _generator = staticmethod(functional.relativistic_average_least_squares_generator_loss)
    _discriminator = staticmethod(functional.relativistic_average_least_squares_discriminator_loss)


@LOSSES.register(
    "relativistic_average_hinge",
    source="Jolicoeur-Martineau, The relativistic discriminator, ICLR 2019, RaHingeGAN",
    shape="real (N,), fake (N,) -> ()",
    aliases=("rahinge",),
    example=_AVERAGES,
)
class RelativisticAverageHingeLoss(_RelativisticLoss):
    """Relativistic average hinge: a margin of one to the mean of the other side.

    See :func:`stgan.functional.relativistic_average_hinge_generator_loss` and
    :func:`stgan.functional.relativistic_average_hinge_discriminator_loss`.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        - ``real``, ``fake``: logits of any shape, usually ``(N,)``
        - Output: a scalar, or the shape of the logits with ``reduction="none"``

    Raises:
        ValueError: If the reduction is none of the three; in ``generator``, if ``real`` is missing.
        ShapeError: If real and fake differ in N, or are empty; with ``reduction="none"``, if they
            differ in shape.

    Example:
        >>> RelativisticAverageHingeLoss().discriminator(real=torch.ones(4), fake=torch.ones(4))
        tensor(2.)

    References:
        Jolicoeur-Martineau, The relativistic discriminator, ICLR 2019 (RaHingeGAN).
    """

    _generator = staticmethod(functional.relativistic_average_hinge_generator_loss)
    _discriminator = staticmethod(functional.relativistic_average_hinge_discriminator_loss)


@LOSSES.register(
    "relativistic_pairing",
    source="Huang et al., The GAN is dead; long live the GAN!, NeurIPS 2024, section 2",
    shape="real (N,), fake (N,) -> ()",
    aliases=("rpgan", "rsgan"),
    example=_PAIRS,
)
class RelativisticPairingLoss(_RelativisticLoss):
    """Relativistic pairing loss: each generated sample against one real sample.

    See :func:`stgan.functional.relativistic_pairing_generator_loss` and
    :func:`stgan.functional.relativistic_pairing_discriminator_loss`. R3GAN trains with it, and
    with zero-centered gradient penalties on both sides. Both sides must have as many samples.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        - ``real``, ``fake``: logits of any shape, usually ``(N,)``, of one shape
        - Output: a scalar, or the shape of the logits with ``reduction="none"``

    Raises:
        ValueError: If the reduction is none of the three; in ``generator``, if ``real`` is missing.
        ShapeError: If real and fake differ in shape.

    Example:
        >>> RelativisticPairingLoss().discriminator(real=torch.ones(4), fake=torch.ones(4))
        tensor(0.6931)

    References:
        Huang et al., The GAN is dead; long live the GAN! A Modern Baseline GAN, NeurIPS 2024,
        section 2; Jolicoeur-Martineau, The relativistic discriminator, ICLR 2019 (RSGAN).
    """

    _generator = staticmethod(functional.relativistic_pairing_generator_loss)
    _discriminator = staticmethod(functional.relativistic_pairing_discriminator_loss)

"""Loss families: one object with a generator's and a discriminator's half."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from stgan.functional import adversarial as functional
from stgan.registry import LOSSES
from stgan.typing import Reduction

__all__ = ["AdversarialLoss", "HingeLoss", "LeastSquaresLoss", "NonSaturatingLoss"]


class AdversarialLoss(nn.Module, ABC):
    """The interface of a loss family; a loss computes, the training loop steps.

    Real and fake logits travel by keyword, so that they cannot be swapped unseen.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``, applied to each term last.

    Shape:
        - ``real``, ``fake``: logits of any shape, usually ``(N,)``
        - Output: a scalar, or the shape of the logits with ``reduction="none"``
    """

    def __init__(self, reduction: Reduction = "mean") -> None:
        super().__init__()
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
        self.reduction: Reduction = reduction

    @abstractmethod
    def generator(self, *, fake: Tensor) -> Tensor:
        """What the generator minimizes."""

    @abstractmethod
    def discriminator(self, *, real: Tensor, fake: Tensor) -> Tensor:
        """What the discriminator minimizes: the sum of its real and fake terms."""

    def extra_repr(self) -> str:
        """How values are reduced."""
        return f"reduction={self.reduction!r}"


@LOSSES.register(
    "non_saturating",
    source="Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014, section 3",
    shape="real (N,), fake (N,) -> ()",
)
class NonSaturatingLoss(AdversarialLoss):
    """Non-saturating logistic loss: binary cross-entropy with logits, and -log D for G.

    See :func:`stgan.functional.non_saturating_generator_loss` and
    :func:`stgan.functional.non_saturating_discriminator_loss`. ImaGINator trains with it.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Example:
        >>> loss = NonSaturatingLoss()
        >>> loss.generator(fake=torch.zeros(4))
        tensor(0.6931)
        >>> loss.discriminator(real=torch.zeros(4), fake=torch.zeros(4))
        tensor(1.3863)
    """

    def generator(self, *, fake: Tensor) -> Tensor:
        """See :func:`stgan.functional.non_saturating_generator_loss`."""
        return functional.non_saturating_generator_loss(fake=fake, reduction=self.reduction)

    def discriminator(self, *, real: Tensor, fake: Tensor) -> Tensor:
        """See :func:`stgan.functional.non_saturating_discriminator_loss`."""
        return functional.non_saturating_discriminator_loss(
            real=real, fake=fake, reduction=self.reduction
        )


@LOSSES.register(
    "hinge",
    source="Lim and Ye, Geometric GAN, 2017, arXiv 1705.02894",
    shape="real (N,), fake (N,) -> ()",
)
class HingeLoss(AdversarialLoss):
    """Hinge loss: the discriminator is pushed to a margin of one and no further.

    See :func:`stgan.functional.hinge_generator_loss` and
    :func:`stgan.functional.hinge_discriminator_loss`.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Example:
        >>> HingeLoss().discriminator(real=torch.tensor([2.0]), fake=torch.tensor([0.5]))
        tensor(1.5000)
    """

    def generator(self, *, fake: Tensor) -> Tensor:
        """See :func:`stgan.functional.hinge_generator_loss`."""
        return functional.hinge_generator_loss(fake=fake, reduction=self.reduction)

    def discriminator(self, *, real: Tensor, fake: Tensor) -> Tensor:
        """See :func:`stgan.functional.hinge_discriminator_loss`."""
        return functional.hinge_discriminator_loss(real=real, fake=fake, reduction=self.reduction)


@LOSSES.register(
    "least_squares",
    source="Mao et al., Least Squares GAN, ICCV 2017, equation 9",
    shape="real (N,), fake (N,) -> ()",
)
class LeastSquaresLoss(AdversarialLoss):
    """Least-squares loss: real outputs are pulled to one, fake ones to zero.

    See :func:`stgan.functional.least_squares_generator_loss` and
    :func:`stgan.functional.least_squares_discriminator_loss`.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Example:
        >>> LeastSquaresLoss().generator(fake=torch.zeros(4))
        tensor(0.5000)
    """

    def generator(self, *, fake: Tensor) -> Tensor:
        """See :func:`stgan.functional.least_squares_generator_loss`."""
        return functional.least_squares_generator_loss(fake=fake, reduction=self.reduction)

    def discriminator(self, *, real: Tensor, fake: Tensor) -> Tensor:
        """See :func:`stgan.functional.least_squares_discriminator_loss`."""
        return functional.least_squares_discriminator_loss(
            real=real, fake=fake, reduction=self.reduction
        )

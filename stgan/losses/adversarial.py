"""Loss families: one object with a generator's and a discriminator's half."""

from abc import ABC

from torch import Tensor

from stgan.example import Example
from stgan.functional import adversarial as functional
from stgan.losses.adversarial_base import AdversarialLoss
from stgan.registry import LOSSES
from stgan.typing import Reduction

__all__ = [
    "HingeLoss",
    "LeastSquaresLoss",
    "MinimaxLoss",
    "NonSaturatingLoss",
    "WassersteinLoss",
]

# Values kept apart, so that it is seen that no logit depends on another.
_EXAMPLE = Example(
    settings={"reduction": "none"},
    inputs={"real": "N", "fake": "N"},
    call="discriminator",
)


class _SmoothedLoss(AdversarialLoss, ABC):
    """A family in which the discriminator has a target for real samples, which can be lowered."""

    def __init__(self, smoothing: float = 0.0, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)
        self.smoothing = functional.check_smoothing(smoothing)

    def extra_repr(self) -> str:
        """How far the target of real samples is lowered, and how values are reduced."""
        return f"smoothing={self.smoothing}, {super().extra_repr()}"


@LOSSES.register(
    "non_saturating",
    source="Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014, section 3",
    shape="real (N,), fake (N,) -> ()",
    aliases=("ns", "nsgan", "bce", "vanilla", "logistic"),
    example=_EXAMPLE,
)
class NonSaturatingLoss(_SmoothedLoss):
    """Non-saturating logistic loss: binary cross-entropy with logits, and -log D for G.

    See :func:`stgan.functional.non_saturating_generator_loss` and
    :func:`stgan.functional.non_saturating_discriminator_loss`. ImaGINator trains with it.

    Args:
        smoothing: In [0, 1); how far the discriminator's target of real samples is below 1.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        - ``real``, ``fake``: logits of any shape, usually ``(N,)``
        - Output: a scalar, or the shape of the logits with ``reduction="none"``

    Raises:
        ValueError: If the reduction is none of the three, or ``smoothing`` is not in [0, 1).
        ShapeError: If real and fake differ in N, or are empty; with ``reduction="none"``, if they
            differ in shape.

    Example:
        >>> loss = NonSaturatingLoss()
        >>> loss.generator(fake=torch.zeros(4))
        tensor(0.6931)
        >>> loss.discriminator(real=torch.zeros(4), fake=torch.zeros(4))
        tensor(1.3863)

    References:
        Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014, section 3; Salimans et
        al., Improved Techniques for Training GANs, NeurIPS 2016, section 3.4, for the
        smoothing.
    """

    def generator_half(self, *, fake: Tensor, real: Tensor | None) -> Tensor:
        """See :func:`stgan.functional.non_saturating_generator_loss`."""
        return functional.non_saturating_generator_loss(fake=fake, reduction=self.reduction)

    def discriminator_half(self, *, real: Tensor, fake: Tensor) -> Tensor:
        """See :func:`stgan.functional.non_saturating_discriminator_loss`."""
        return functional.non_saturating_discriminator_loss(
            real=real, fake=fake, smoothing=self.smoothing, reduction=self.reduction
        )


@LOSSES.register(
    "minimax",
    source="Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014, equation 1",
    shape="real (N,), fake (N,) -> ()",
    aliases=("saturating",),
    example=_EXAMPLE,
)
class MinimaxLoss(_SmoothedLoss):
    """Saturating logistic loss: binary cross-entropy, and its negative for G.

    See :func:`stgan.functional.minimax_generator_loss` and
    :func:`stgan.functional.minimax_discriminator_loss`.

    Args:
        smoothing: In [0, 1); how far the discriminator's target of real samples is below 1.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        - ``real``, ``fake``: logits of any shape, usually ``(N,)``
        - Output: a scalar, or the shape of the logits with ``reduction="none"``

    Raises:
        ValueError: If the reduction is none of the three, or ``smoothing`` is not in [0, 1).
        ShapeError: If real and fake differ in N, or are empty; with ``reduction="none"``, if they
            differ in shape.

    Example:
        >>> MinimaxLoss().generator(fake=torch.zeros(4))
        tensor(-0.6931)

    References:
        Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014, equation 1; Salimans et
        al., Improved Techniques for Training GANs, NeurIPS 2016, section 3.4, for the
        smoothing.
    """

    def generator_half(self, *, fake: Tensor, real: Tensor | None) -> Tensor:
        """See :func:`stgan.functional.minimax_generator_loss`."""
        return functional.minimax_generator_loss(fake=fake, reduction=self.reduction)

    def discriminator_half(self, *, real: Tensor, fake: Tensor) -> Tensor:
        """See :func:`stgan.functional.minimax_discriminator_loss`."""
        return functional.minimax_discriminator_loss(
            real=real, fake=fake, smoothing=self.smoothing, reduction=self.reduction
        )


@LOSSES.register(
    "hinge",
    source="Lim and Ye, Geometric GAN, 2017, arXiv 1705.02894",
    shape="real (N,), fake (N,) -> ()",
    example=_EXAMPLE,
)
class HingeLoss(AdversarialLoss):
    """Hinge loss: the discriminator is pushed to a margin of one and no further.

    See :func:`stgan.functional.hinge_generator_loss` and
    :func:`stgan.functional.hinge_discriminator_loss`.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        - ``real``, ``fake``: logits of any shape, usually ``(N,)``
        - Output: a scalar, or the shape of the logits with ``reduction="none"``

    Raises:
        ValueError: If the reduction is none of the three.
        ShapeError: If real and fake differ in N, or are empty; with ``reduction="none"``, if they
            differ in shape.

    Example:
        >>> HingeLoss().discriminator(real=torch.tensor([2.0]), fake=torch.tensor([0.5]))
        tensor(1.5000)

    References:
        Lim and Ye, Geometric GAN, 2017, arXiv 1705.02894.
    """

    def generator_half(self, *, fake: Tensor, real: Tensor | None) -> Tensor:
        """See :func:`stgan.functional.hinge_generator_loss`."""
        return functional.hinge_generator_loss(fake=fake, reduction=self.reduction)

    def discriminator_half(self, *, real: Tensor, fake: Tensor) -> Tensor:
        """See :func:`stgan.functional.hinge_discriminator_loss`."""
        return functional.hinge_discriminator_loss(real=real, fake=fake, reduction=self.reduction)


@LOSSES.register(
    "least_squares",
    source="Mao et al., Least Squares GAN, ICCV 2017, equation 9",
    shape="real (N,), fake (N,) -> ()",
    aliases=("lsgan",),
    example=_EXAMPLE,
)
class LeastSquaresLoss(_SmoothedLoss):
    """Least-squares loss: real outputs are pulled to one, fake ones to zero.

    See :func:`stgan.functional.least_squares_generator_loss` and
    :func:`stgan.functional.least_squares_discriminator_loss`.

    Args:
        smoothing: In [0, 1); how far the discriminator's target of real samples is below 1.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        - ``real``, ``fake``: logits of any shape, usually ``(N,)``
        - Output: a scalar, or the shape of the logits with ``reduction="none"``

    Raises:
        ValueError: If the reduction is none of the three, or ``smoothing`` is not in [0, 1).
        ShapeError: If real and fake differ in N, or are empty; with ``reduction="none"``, if they
            differ in shape.

    Example:
        >>> LeastSquaresLoss().generator(fake=torch.zeros(4))
        tensor(0.5000)

    References:
        Mao et al., Least Squares GAN, ICCV 2017, equation 9; Salimans et al., NeurIPS 2016,
        section 3.4, for the smoothing.
    """

    def generator_half(self, *, fake: Tensor, real: Tensor | None) -> Tensor:
        """See :func:`stgan.functional.least_squares_generator_loss`."""
        return functional.least_squares_generator_loss(fake=fake, reduction=self.reduction)

    def discriminator_half(self, *, real: Tensor, fake: Tensor) -> Tensor:
        """See :func:`stgan.functional.least_squares_discriminator_loss`."""
        return functional.least_squares_discriminator_loss(
            real=real, fake=fake, smoothing=self.smoothing, reduction=self.reduction
        )


@LOSSES.register(
    "wasserstein",
    source="Arjovsky et al., Wasserstein GAN, ICML 2017, equation 2",
    shape="real (N,), fake (N,) -> ()",
    aliases=("wgan",),
    example=_EXAMPLE,
)
class WassersteinLoss(AdversarialLoss):
    """Wasserstein loss: differences of logits, whose slope must be bounded elsewhere.

    See :func:`stgan.functional.wasserstein_generator_loss` and
    :func:`stgan.functional.wasserstein_discriminator_loss`.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        - ``real``, ``fake``: logits of any shape, usually ``(N,)``
        - Output: a scalar, or the shape of the logits with ``reduction="none"``

    Raises:
        ValueError: If the reduction is none of the three.
        ShapeError: If real and fake differ in N, or are empty; with ``reduction="none"``, if they
            differ in shape.

    Example:
        >>> WassersteinLoss().discriminator(real=torch.tensor([3.0]), fake=torch.tensor([1.0]))
        tensor(-2.)

    References:
        Arjovsky et al., Wasserstein GAN, ICML 2017, equation 2 and algorithm 1.
    """

    def generator_half(self, *, fake: Tensor, real: Tensor | None) -> Tensor:
        """See :func:`stgan.functional.wasserstein_generator_loss`."""
        return functional.wasserstein_generator_loss(fake=fake, reduction=self.reduction)

    def discriminator_half(self, *, real: Tensor, fake: Tensor) -> Tensor:
        """See :func:`stgan.functional.wasserstein_discriminator_loss`."""
        return functional.wasserstein_discriminator_loss(
            real=real, fake=fake, reduction=self.reduction
        )

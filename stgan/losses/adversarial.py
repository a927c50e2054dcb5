"""Loss families: one object with a generator's and a discriminator's half."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NoReturn, TypeAlias

import torch
from torch import Tensor, nn

from stgan._keywords import by_keyword
from stgan.errors import ShapeError
from stgan.example import Example
from stgan.functional import adversarial as functional
from stgan.registry import LOSSES, unknown_name
from stgan.typing import Reduction

__all__ = [
    "AdversarialLoss",
    "HingeLoss",
    "LeastSquaresLoss",
    "MinimaxLoss",
    "NonSaturatingLoss",
    "WassersteinLoss",
    "create_family",
]

#: Logits of one critic, or of several by their names.
Logits: TypeAlias = Tensor | Mapping[str, Tensor]

# Values kept apart, so that it is seen that no logit depends on another.
_EXAMPLE = Example(
    settings={"reduction": "none"},
    inputs={"real": "N", "fake": "N"},
    call="discriminator",
)


class AdversarialLoss(nn.Module, ABC):
    """The interface of a loss family; a loss computes, the training loop steps.

    Real and fake logits travel by keyword, so that they cannot be swapped unseen. A loop may pass
    both to both halves, whatever the family: where ``needs_real`` is false, the generator's half
    takes real logits and leaves them unused.

    Either half also takes mappings of named logits, such as those of
    :class:`~stgan.discriminators.TwoStreamDiscriminator`: each name is a loss of its own, reduced
    by itself, and their sum is returned, every name with the weight 1. For other weights, take the
    names one by one; ``critic.weighted`` adds their losses up with the weights of the streams.

    A family of your own defines ``generator_half`` and ``discriminator_half``.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``, applied to each term last.

    Attributes:
        needs_real: Whether the generator's half needs the logits of real samples too.

    Shape:
        - ``real``, ``fake``: logits of any shape, usually ``(N,)``, or mappings of them
        - Output: a scalar, or the shape of the logits with ``reduction="none"``

    Raises:
        ValueError: If the reduction is none of the three; in either half, if both sides do not name
            the same logits.
        ShapeError: In either half, if named logits differ in shape with ``reduction="none"``.
        TypeError: In either half, if a side holds something else than logits.

    Example:
        >>> from stgan.losses import HingeLoss
        >>> logits = {"video": torch.tensor([1.0, 3.0]), "image": torch.tensor([0.0, 1.0])}
        >>> HingeLoss().generator(fake=logits)
        tensor(-2.5000)
    """

    needs_real: ClassVar[bool] = False

    def __init__(self, reduction: Reduction = "mean") -> None:
        super().__init__()
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
        self.reduction: Reduction = reduction

    @by_keyword
    def generator(self, *, fake: Logits, real: Logits | None = None) -> Tensor:
        """What the generator minimizes; of named logits, the sum over the names."""
        return _sum_over_names(self.generator_half, fake=fake, real=real)

    @by_keyword
    def discriminator(self, *, real: Logits, fake: Logits) -> Tensor:
        """What the discriminator minimizes: the sum of its real and fake terms, over all names."""
        return _sum_over_names(self.discriminator_half, real=real, fake=fake)

    @abstractmethod
    def generator_half(self, *, fake: Tensor, real: Tensor | None) -> Tensor:
        """What the generator minimizes, for logits of one name."""

    @abstractmethod
    def discriminator_half(self, *, real: Tensor, fake: Tensor) -> Tensor:
        """What the discriminator minimizes, for logits of one name."""

    def forward(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse the call: a family has two halves."""
        raise TypeError(
            f"{type(self).__name__} is called by its halves: loss.generator(fake=logits) in the "
            f"generator's step, loss.discriminator(real=logits, fake=logits) in the discriminator's"
        )

    def output_shape(
        self, real: Sequence[int], fake: Sequence[int] | None = None
    ) -> tuple[int, ...]:
        """Shape of either half for logits of one shape: ``()`` unless values are kept apart."""
        return tuple(real) if self.reduction == "none" else ()

    def extra_repr(self) -> str:
        """How values are reduced."""
        return f"reduction={self.reduction!r}"


def _sum_over_names(half: Callable[..., Tensor], **sides: Any) -> Tensor:
    """Return a half of the loss; for named logits, the sum of those of all names."""
    given = {side: logits for side, logits in sides.items() if logits is not None}
    for side, logits in given.items():
        if not isinstance(logits, Tensor | Mapping):
            got = type(logits).__name__
            raise TypeError(f"{side} must be logits or a mapping of named logits, got {got}")
    if not any(isinstance(logits, Mapping) for logits in given.values()):
        return half(**sides)
    if not all(isinstance(logits, Mapping) for logits in given.values()):
        got = " and ".join(type(logits).__name__ for logits in given.values())
        raise TypeError(
            f"{' and '.join(given)} must both be logits or both mappings of named logits, got {got}"
        )
    names = [*next(iter(given.values()))]
    if not names or any(set(logits) != set(names) for logits in given.values()):
        got = " and ".join(", ".join(map(str, logits)) or "none" for logits in given.values())
        raise ValueError(
            f"{' and '.join(given)} must name the same logits, one at least, got {got}"
        )
    values = []
    for name in names:
        for side, logits in given.items():
            if not isinstance(logits[name], Tensor):
                way_out = "; pass its logits" if hasattr(logits[name], "logits") else ""
                got = type(logits[name]).__name__
                raise TypeError(f"{side}[{name!r}] must be a tensor of logits, got {got}{way_out}")
        values.append(half(**sides | {side: logits[name] for side, logits in given.items()}))
    if len({value.shape for value in values}) > 1:
        shapes = {name: tuple(value.shape) for name, value in zip(names, values, strict=True)}
        raise ShapeError(
            f"named logits must have one shape with reduction='none', got {shapes}; reduce by "
            f"'mean' or 'sum'"
        )
    return torch.stack(values).sum(dim=0)


class _SmoothedLoss(AdversarialLoss, ABC):
    """A family in which the discriminator has a target for real samples, which can be lowered."""

    def __init__(self, smoothing: float = 0.0, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)
        self.smoothing = functional.check_smoothing(smoothing)

    def extra_repr(self) -> str:
        """How far the target of real samples is lowered, and how values are reduced."""
        return f"smoothing={self.smoothing}, {super().extra_repr()}"


def create_family(name: str, **settings: Any) -> AdversarialLoss:
    """Build an adversarial family by its name in ``losses``; other losses are refused.

    Args:
        name: A name in ``stgan.list("losses")`` that is one of an adversarial family.
        **settings: Passed to the constructor.

    Raises:
        UnknownNameError: If there is no such family; suggests the nearest and lists all.

    Example:
        >>> create_family("hinge").needs_real
        False
    """

    def is_family(one: str) -> bool:
        factory = LOSSES[one]
        return isinstance(factory, type) and issubclass(factory, AdversarialLoss)

    if name not in LOSSES or not is_family(name):
        known = [one for one in LOSSES if is_family(one)]
        raise unknown_name("losses", name, known, what="adversarial family")
    family: AdversarialLoss = LOSSES.create(name, **settings)
    return family


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
    """Wasserstein loss: a critic, whose slope must be bounded elsewhere, tells the two apart.

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

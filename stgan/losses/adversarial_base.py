"""The interface of loss families, and a family by its name."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NoReturn, TypeAlias

import torch
from torch import Tensor, nn

from stgan._keywords import by_keyword
from stgan.errors import ShapeError
from stgan.functional.adversarial import check_reduction
from stgan.registry import LOSSES, unknown_name
from stgan.typing import Reduction

__all__ = ["AdversarialLoss", "create_family"]

#: Logits of one discriminator, or of several by their names.
Logits: TypeAlias = Tensor | Mapping[str, Tensor]


class AdversarialLoss(nn.Module, ABC):
    """The interface of a loss family; a loss computes, the training loop steps.

    Real and fake logits travel by keyword, so that they cannot be swapped unseen. A loop may pass
    both to both halves, whatever the family: where ``needs_real`` is false, the generator's half
    takes real logits and leaves them unused.

    Either half also takes mappings of named logits, such as those of
    :class:`~stgan.discriminators.TwoStreamDiscriminator`: each name is a loss of its own, reduced
    by itself, and their sum is returned, every name with the weight 1. For other weights, take the
    names one by one; ``discriminator.weighted`` adds their losses up with the weights of the
    streams.

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
        self.reduction: Reduction = check_reduction(reduction)

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


def create_family(name: str, **settings: Any) -> AdversarialLoss:
    """Deprecated, use ``stgan.create("losses", name)``: build an adversarial family by its name.

    It is removed in stgan 0.2.

    Args:
        name: A name in ``stgan.list("losses")`` that is one of an adversarial family.
        **settings: Passed to the constructor.

    Raises:
        UnknownNameError: If there is no such family; suggests the nearest and lists all.

    Warns:
        DeprecationWarning: Always.

    Example:
        >>> import stgan
        >>> stgan.create("losses", "hinge").needs_real
        False
    """
    warnings.warn(
        f"create_family({name!r}) is stgan.create('losses', {name!r}) now; it is removed in "
        f"stgan 0.2",
        DeprecationWarning,
        stacklevel=2,
    )

    def is_family(one: str) -> bool:
        factory = LOSSES[one]
        return isinstance(factory, type) and issubclass(factory, AdversarialLoss)

    if name not in LOSSES or not is_family(name):
        known = [one for one in LOSSES if is_family(one)]
        raise unknown_name("losses", name, known, what="adversarial family")
    family: AdversarialLoss = LOSSES.create(name, **settings)
    return family

"""The weights of all terms of a loss in one place."""

import math
import numbers
from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from stgan.errors import ShapeError
from stgan.registry import unknown_name

__all__ = ["WeightedSum", "WeightedTerms"]


class WeightedSum(NamedTuple):
    """A weighted sum of terms, and what it is made of.

    Attributes:
        total: The sum, with gradients.
        values: Every given term as it came, detached, by name.
        weighted: The same times its weight: its share in the total.
    """

    total: Tensor
    values: dict[str, Tensor]
    weighted: dict[str, Tensor]


class WeightedTerms:
    """Weigh terms of a loss by name and add them up.

    A term of weight zero is left out of the sum, so that it costs no backward pass and cannot spoil
    the sum by being infinite; it may be missing, or be given to be logged. Every other term must be
    given.

    Args:
        weights: Weight of every term, by name; terms are added in this order. Names are free;
            one slash makes groups in TensorBoard.

    Attributes:
        weights: A copy of them.

    Raises:
        ValueError: If a weight is not finite, or all are zero.

    Example:
        >>> weigh = WeightedTerms({"adversarial/video": 1.0, "reconstruction": 100.0})
        >>> result = weigh({
        ...     "adversarial/video": torch.tensor(0.7), "reconstruction": torch.tensor(0.02)
        ... })
        >>> result.total, result.values["reconstruction"], result.weighted["reconstruction"]
        (tensor(2.7000), tensor(0.0200), tensor(2.))
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        for name, weight in weights.items():
            if not isinstance(weight, numbers.Real):
                raise TypeError(f"the weight of {name!r} must be a number, got {weight!r}")
            if not math.isfinite(weight):
                raise ValueError(f"the weight of {name!r} must be finite, got {weight}")
        if not any(weights.values()):
            raise ValueError(
                f"a weight must differ from zero, or there is nothing to add, got {dict(weights)}"
            )
        self.weights = dict(weights)

    def __call__(self, terms: Mapping[str, Tensor]) -> WeightedSum:
        """Weigh the terms and add them up.

        Args:
            terms: The value of every term, by name: all scalars, or all ``(N,)``.

        Raises:
            UnknownNameError: If a term has no weight; names the nearest that has.
            ValueError: If a term whose weight is not zero is missing.
            ShapeError: If the shapes differ.
        """
        for name in terms:
            if name not in self.weights:
                raise unknown_name("the weighting", name, self.weights, what="term")
        counted = {name: weight for name, weight in self.weights.items() if weight}
        if missing := [name for name in counted if name not in terms]:
            raise ValueError(
                f"terms must hold {missing[0]!r}, whose weight is {counted[missing[0]]}, got "
                f"{', '.join(map(repr, terms)) or 'none'}; give it, or set its weight to 0"
            )
        for name in counted:
            if not isinstance(terms[name], Tensor):
                got = type(terms[name]).__name__
                raise TypeError(f"the term {name!r} must be a tensor, got {got}")
        shapes = {name: tuple(terms[name].shape) for name in counted}
        if len(set(shapes.values())) > 1:
            raise ShapeError(f"terms must have one shape, got {shapes}; reduce them alike")
        weighted = {name: weight * terms[name] for name, weight in counted.items()}
        total, *others = weighted.values()
        for share in others:
            total = total + share
        return WeightedSum(
            total,
            {name: term.detach() for name, term in terms.items()},
            {name: share.detach() for name, share in weighted.items()},
        )

    def __repr__(self) -> str:
        return f"WeightedTerms({self.weights})"

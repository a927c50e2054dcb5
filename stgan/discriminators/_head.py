"""Heads: what all of them share, and how a stream builds its own, or refuses it."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

from torch import Tensor, nn

from stgan._checks import check_axes, check_floats, check_positive, plain_integers
from stgan._factories import check_factory, factory_name, make
from stgan.errors import ShapeError

__all__ = ["Head", "HeadOutput", "build_head"]

_AXES = {1: "T", 2: "H W", 3: "T H W"}


class HeadOutput(NamedTuple):
    """What a head returns that predicts something besides its logits.

    Attributes:
        logits: ``(N,)``, or a map of them.
        predictions: What else it says of each sample, by name, such as ``"label"``: ``(N, K)``.
    """

    logits: Tensor
    predictions: dict[str, Tensor]


class Head(nn.Module):
    """Hold what all heads share: the layout of features, their pooling, their checks.

    A head is called as ``head(features)``, or ``head(features, condition)`` where it was built for
    one, and returns logits, or a :class:`HeadOutput`. For a head of your own, derive from it and
    start ``forward`` with :meth:`check_inputs`; a stream builds it as
    ``head(in_channels, feature_size, spectral_norm=..., init_std=...)``, with ``num_classes`` or
    ``condition_dim`` where the condition is its task.

    Args:
        in_channels: C, channels of the features.
        feature_size: Sizes of their axes after the channels, which the head then covers; ``None``
            for any size, averaged.

    Attributes:
        about_label: Whether it is told the label as its condition, ``"told"``, predicts it,
            ``"predicts"``, or has nothing to do with it, ``"nothing"``.
        predicts: Whether it returns predictions, as a :class:`HeadOutput`.
        num_classes: K of the label that it takes as a condition; 0 for none.
        condition_dim: D of the vector that it takes as a condition; 0 for none.
        width: Length of :meth:`vector`.

    Raises:
        ValueError: If a size is not positive, or there are none or more than three.

    Example:
        >>> from stgan.discriminators import Head
        >>> class Mean(Head):
        ...     def forward(self, features, condition=None):
        ...         self.check_inputs(features, condition)
        ...         return features.flatten(1).mean(dim=1)
        >>> Mean(8, (2, 4, 4))(torch.zeros(5, 8, 2, 4, 4)).shape
        torch.Size([5])
    """

    about_label: ClassVar[Literal["nothing", "told", "predicts"]] = "nothing"
    predicts: ClassVar[bool] = False

    def __init__(self, in_channels: int, feature_size: Sequence[int] | None) -> None:
        super().__init__()
        self.in_channels = check_positive(in_channels, "in_channels")
        self.feature_size = None if feature_size is None else tuple(plain_integers([*feature_size]))
        self.width, self.num_classes, self.condition_dim = self.in_channels, 0, 0
        if self.feature_size is not None:
            if len(self.feature_size) not in _AXES:
                raise ValueError(
                    f"feature_size must be (T,), (H, W) or (T, H, W), got {self.feature_size}"
                )
            for size in self.feature_size:
                self.width *= check_positive(size, "each side of feature_size")

    def check_inputs(self, features: Tensor, condition: Tensor | None) -> None:
        """Check that features have the declared layout, and a condition is given if it is asked.

        Raises:
            ShapeError: If features or condition have another layout than stated.
            ValueError: If a condition is missing or not expected.
        """
        size = self.feature_size
        check_floats(features, "features", picture=size is None or len(size) > 1)
        if condition is not None and self.condition_dim and not self.num_classes:
            check_floats(condition, "condition", picture=False)
        self._check_axes(
            tuple(features.shape), None if condition is None else tuple(condition.shape)
        )

    def _check_axes(self, features: tuple[int, ...], condition: tuple[int, ...] | None) -> None:
        size = self.feature_size
        if size is None and len(features) - 2 not in _AXES:
            raise ShapeError(
                f"features must be laid out as (N, C={self.in_channels}, ...) with one to three "
                f"more axes, got {features}"
            )
        axes = _AXES[len(features) - 2 if size is None else len(size)]
        sizes: dict[str, Any] = {}
        if size is not None:
            sizes = dict(zip(axes.split(), size, strict=True))
        check_axes(features, f"N C {axes}", name="features", C=self.in_channels, **sizes)
        if condition is None:
            if self.num_classes or self.condition_dim:
                wanted = (
                    f"labels of {self.num_classes} classes"
                    if self.num_classes
                    else f"vectors of {self.condition_dim} numbers"
                )
                raise ValueError(f"this head was built for {wanted}; pass them as condition")
            return
        n = features[0]
        if self.num_classes:
            if condition not in ((n,), (n, self.num_classes)):
                raise ShapeError(
                    f"condition must be (N={n},) integers or (N={n}, K={self.num_classes}) rows, "
                    f"got {condition}"
                )
        elif self.condition_dim:
            check_axes(condition, "N D", name="condition", N=n, D=self.condition_dim)
        else:
            raise ValueError("this head takes no condition; do not pass one")

    def vector(self, features: Tensor) -> Tensor:
        """Return features as ``(N, width)``: flattened in a declared size, else averaged."""
        if self.feature_size is None:
            return features.mean(dim=tuple(range(2, features.ndim)))
        return features.flatten(1)

    def prediction_losses(
        self,
        predictions: Mapping[str, Tensor],
        *,
        label: Tensor | None = None,
        z: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """How wrong predictions are about what samples were made from; none for most heads.

        Args:
            predictions: What the head returned, by name.
            label: ``(N,)`` integers, the classes of the samples.
            z: ``(N, D)``, the noise of generated samples; ``None`` for real ones, which have none.

        Returns:
            A scalar for each prediction that can be judged by what is given, by its name.
        """
        return {}

    def output_shape(
        self, features: Sequence[int], condition: Sequence[int] | None = None
    ) -> tuple[int, ...] | HeadOutput:
        """Shape of the output: ``(N,)`` logits.

        Raises:
            ShapeError: If ``forward`` would refuse one of the shapes.
        """
        self.check_shapes(features, condition)
        return (features[0],)

    def check_shapes(self, features: Sequence[int], condition: Sequence[int] | None) -> None:
        """Check shapes as :meth:`check_inputs` does; a condition that is not given may be any."""
        if condition is None and (self.num_classes or self.condition_dim):
            condition = (features[0], self.num_classes or self.condition_dim)
        self._check_axes(tuple(features), None if condition is None else tuple(condition))

    def extra_repr(self) -> str:
        """Channels and size of the features."""
        return f"{self.in_channels}, {self.feature_size}"


def build_head(
    head: Callable[..., nn.Module],
    channels: int,
    size: tuple[int, ...] | None,
    *,
    num_classes: int,
    condition_dim: int,
    spectral_norm: bool,
    init_std: float | None,
) -> nn.Module:
    """Build a head for the label or the vector that a stream will pass to it; 0 for none.

    Raises:
        ValueError: If the head would refuse every call of the stream.
    """
    check_factory(head, "head")
    counts = {"num_classes": num_classes, "condition_dim": condition_dim}
    asked = {name: count for name, count in counts.items() if count}
    told = inspect.signature(head).parameters
    if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in told.values()):
        for name in asked:
            if name not in told:
                raise ValueError(_takes_none(factory_name(head), told, name, asked[name]))
    own = told.get("num_classes")
    if own is not None and own.default is own.empty and not num_classes:
        raise ValueError(
            f"{factory_name(head)} needs a number of classes of its own; pass "
            f"head=partial({factory_name(head)}, num_classes=K)"
        )
    built: nn.Module = make(
        head, "head", channels, size, spectral_norm=spectral_norm, init_std=init_std, **asked
    )
    # Of other modules nobody knows what they take.
    for name, count in counts.items() if isinstance(built, Head) else ():
        wanted = getattr(built, name)
        if count and not wanted:
            raise ValueError(_takes_none(type(built).__name__, told, name, count))
        if wanted != count:
            also = ", label_to='head'" if name == "num_classes" else ""
            raise ValueError(
                f"the head was built for {name}={wanted}, which the stream does not pass to it; "
                f"pass {name}={wanted}{also} to the stream"
            )
    return built


def _takes_none(head: str, told: Mapping[str, object], name: str, count: int) -> str:
    """Say that a head does not take a condition, and what to do instead."""
    if name == "condition_dim":
        return (
            f"{head} takes no vector as its condition; leave condition_dim at 0, or pass "
            f"head=ProjectionHead"
        )
    if name in told:
        return (
            f"{head} takes no label as its condition; pass head=partial({head}, "
            f"num_classes={count}) for the classes that it predicts, and to the stream no "
            f"num_classes, or label_to='stages'"
        )
    return f"{head} takes no label as its condition; pass label_to='stages', or head=ProjectionHead"

"""What the further streams share: checks of inputs and labels, networks inside, stages, weights."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from stgan._checks import check_axes, check_count, check_layout, check_positive
from stgan._factories import make
from stgan.discriminators._about import Discriminator
from stgan.discriminators._label import label_rows
from stgan.errors import ShapeError
from stgan.shapes import Stage, plan

__all__ = [
    "Critic",
    "Network",
    "exactly_one",
    "planned",
    "spatial",
    "stages_of",
]

#: Makes a network: called with ``input_size``, ``in_channels``, ``num_classes`` and settings.
Network = Callable[..., nn.Module]


class Critic(Discriminator):
    """Knows the layout of its input and whether a label belongs to it.

    Args:
        input_size: Sizes of the axes after the channels, or of the last of them; ``None`` for any.
        in_channels: Channels of the input.
        num_classes: K; 0 for no label.
        sizes: Sizes of further axes by their letter.
    """

    #: What the input is called, and its axes after the channels.
    _name: ClassVar[str] = "video"
    _axes: ClassVar[str] = "THW"

    def __init__(
        self,
        input_size: tuple[int, ...] | None,
        *,
        in_channels: int,
        num_classes: int,
        sizes: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.in_channels = check_positive(in_channels, "in_channels")
        self.num_classes = check_count(num_classes, "num_classes")
        self._layout = " ".join(f"NC{self._axes}")
        self._sizes: dict[str, Any] = {"C": self.in_channels, **(sizes or {})}
        if input_size is not None:
            self._sizes |= dict(zip(self._axes[-len(input_size) :], input_size, strict=True))

    def _check(self, x: Tensor) -> None:
        check_layout(x, self._layout, name=self._name, **self._sizes)

    def _check_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Refuse a shape as ``forward`` refuses an input of that shape."""
        check_axes(tuple(shape), self._layout, name=self._name, **self._sizes)
        return tuple(shape)

    def _rows(self, label: Tensor | None, x: Tensor) -> Tensor | None:
        """Return the label as rows, ``None`` where there are no classes; refuse all else."""
        return label_rows(label, self.num_classes, x)

    def _inside(self, network: Network, **settings: Any) -> nn.Module:
        """Make a network that judges for this one; refuse one that could not be called."""
        try:
            made: nn.Module = make(network, "network", **settings)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}(): {error}") from None
        if getattr(made, "condition_dim", 0):
            raise ValueError(
                f"{type(self).__name__} passes no condition to its network; leave condition_dim "
                f"at 0, or use the network without this one around it"
            )
        return made


def planned(size: tuple[int, int, int]) -> tuple[Stage, ...]:
    """Plan the stages for a size, coarse to fine, or say whose stages pass for it.

    Raises:
        ShapeError: If no plan reaches the size.
    """
    try:
        return plan(size).stages
    except ShapeError as error:
        within = _planned_within(size)
        if within is None:
            raise
        raise ShapeError(
            f"{error}; a critic rounds down what its strides leave, so "
            f"stages=stgan.shapes.plan({within}).stages builds one for {size} too"
        ) from None


def _planned_within(size: tuple[int, int, int]) -> tuple[int, int, int] | None:
    """Find the largest size that has a plan and no side above the given ones."""

    def largest(side: int, sized: Callable[[int], tuple[int, int, int]]) -> int | None:
        for smaller in range(side, 0, -1):
            with contextlib.suppress(ShapeError):
                plan(sized(smaller))
                return smaller
        return None

    # Space decides the number of stages, and each side of it may be mended by itself.
    height, width = (largest(side, lambda x: (1, x, x)) for side in size[1:])
    if height is None or width is None:
        return None
    frames = largest(size[0], lambda t: (t, height, width))
    return None if frames is None else (frames, height, width)


def stages_of(
    size: tuple[int, int, int] | None,
    stages: Sequence[Stage] | None,
    usual: tuple[int, int, int],
) -> tuple[Stage, ...]:
    """Return the given stages or those of a plan, from fine to coarse."""
    chosen = planned(size or usual) if stages is None else tuple(stages)
    if not chosen:
        raise ValueError("stages must be one at least, got none")
    return tuple(reversed(chosen))


def spatial(axes: tuple[int, int, int]) -> tuple[int, int]:
    """Return height and width of a triple."""
    return axes[1], axes[2]


def exactly_one(**given: Tensor | None) -> None:
    """Refuse anything but one of two arguments."""
    passed = [name for name, value in given.items() if value is not None]
    if len(passed) != 1:
        found = " and ".join(passed) or "neither"
        raise ValueError(f"pass either {' or '.join(given)}, got {found}")

"""What all discriminators share: what they say of themselves, the layout of inputs, the label."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias

from torch import Tensor, nn

from stgan._checks import check_axes, check_count, check_layout, check_positive, pair, triple
from stgan._factories import make
from stgan._settings import OwnDefaults
from stgan.functional.one_hot import as_label, one_hot_label
from stgan.shapes import Stage
from stgan.typing import Size2, Size3

__all__ = [
    "PICKLE",
    "TINY",
    "BaseDiscriminator",
    "Discriminator",
    "Network",
    "OfFrames",
    "exactly_one",
]

#: Of the examples on which every discriminator is tried.
TINY = {"num_classes": 3, "base_channels": 2, "max_channels": 4}
PICKLE = {"pickle": "torch pickles no parametrized weights; spectral_norm=False has none"}
#: Makes a network: called with ``input_size``, ``in_channels``, ``num_classes`` and settings.
Network: TypeAlias = Callable[..., nn.Module]


class Discriminator(nn.Module):
    """A network that judges clips or frames, and says how it wants to be built and called.

    :class:`StreamSpec` reads ``takes``, ``timed``, ``with_image`` and ``patch``;
    :meth:`clip_settings` gives what its constructor needs for clips of a size. A discriminator of
    your own, derived from it, is built by :func:`build_stream` as those of stgan are.

    Attributes:
        stream: The stream of a :class:`TwoStreamDiscriminator` that it usually is.
        takes: ``"clip"``, or ``"frames"`` for one that judges each frame by itself.
        timed: Whether it is called with ``indices=``, where its frames stand in their clip.
        with_image: Whether it is called with ``image=``, what the clip should go on from.
        patch: Whether it returns maps of logits.
        usual_sampler: Makes the sampler of its paper; ``None`` for whole clips.

    Example:
        >>> from stgan.discriminators import PairDiscriminator
        >>> PairDiscriminator.timed, PairDiscriminator.usual_sampler.__name__
        (True, 'BetaPair')
        >>> PairDiscriminator.clip_settings((16, 32, 32), frames=2)
        {'input_size': (32, 32), 'num_frames': 16}
    """

    stream: ClassVar[Literal["video", "image"]] = "video"
    takes: ClassVar[Literal["clip", "frames"]] = "clip"
    timed: ClassVar[bool] = False
    with_image: ClassVar[bool] = False
    usual_sampler: ClassVar[Callable[..., Any] | None] = None
    # Whether the stages of a plan are passed on, as the other networks of a model have them.
    _staged: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()

    @property
    def patch(self) -> bool:
        """Whether it returns maps of logits, as its head or a network inside does."""
        inside = (module for module in self.modules() if module is not self)
        return any(getattr(module, "patch", False) for module in inside)

    @classmethod
    def takes_head(cls) -> bool:
        """Whether its constructor takes a ``head``."""
        return "head" in inspect.signature(cls).parameters

    @classmethod
    def clip_settings(
        cls,
        size: tuple[int, int, int],
        *,
        frames: int | None = None,
        stages: Sequence[Stage] | None = None,
    ) -> dict[str, Any]:
        """Return what the constructor is told to judge clips of a size.

        Args:
            size: ``(T, H, W)`` of the clips.
            frames: How many frames of a clip it sees; ``None`` for all.
            stages: Geometry of the other networks, coarse to fine, for one that can share it.
        """
        seen = size[0] if frames is None else frames
        settings = cls._clip_settings(size, seen)
        if cls._staged and stages is not None and seen == size[0]:
            settings["stages"] = tuple(stages)
        return settings

    @classmethod
    def _clip_settings(cls, size: tuple[int, int, int], frames: int) -> dict[str, Any]:
        """What it is told of the size, and of the frames that it sees."""
        return {"input_size": size[1:] if cls.stream == "image" else (frames, *size[1:])}


class BaseDiscriminator(OwnDefaults, Discriminator):
    """A discriminator of clips; :class:`OfFrames` makes it one of frames.

    Args:
        input_size: Sizes of the axes after the channels, or of the last of them; ``None`` for any.
        in_channels: Channels of the input.
        num_classes: K; 0 for no label.
        sizes: Sizes of further axes by their letter.
    """

    #: What the input is called, its axes after the channels, and those that ``input_size`` is of.
    _name: ClassVar[str] = "video"
    _axes: ClassVar[str] = "THW"
    _sized: ClassVar[str] = "THW"
    #: The size that stages are planned for where ``input_size`` is ``None``.
    _usual_size: ClassVar[tuple[int, ...]] = (32, 64, 64)

    def __init__(
        self,
        input_size: Size2 | Size3 | None,
        *,
        in_channels: int,
        num_classes: int,
        sizes: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__()
        self.input_size = None if input_size is None else self._each(input_size, "input_size")
        self.in_channels = check_positive(in_channels, "in_channels")
        self.num_classes = check_count(num_classes, "num_classes")
        self._layout = " ".join(f"NC{self._axes}")
        self._sizes: dict[str, Any] = {"C": self.in_channels, **(sizes or {})}
        if self.input_size is not None:
            self._sizes |= dict(zip(self._sized, self.input_size, strict=True))

    def _each(self, value: Any, name: str, **options: int) -> tuple[int, ...]:
        """Return a number for each axis that ``input_size`` is about."""
        return (pair if len(self._sized) == 2 else triple)(value, name, **options)

    def _check(self, x: Tensor) -> None:
        check_layout(x, self._layout, name=self._name, **self._sizes)

    def _check_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Refuse a shape as ``forward`` refuses an input of that shape."""
        check_axes(tuple(shape), self._layout, name=self._name, **self._sizes)
        return tuple(shape)

    def _rows(self, label: Tensor | None, x: Tensor) -> Tensor | None:
        """Return the label as rows, ``None`` where there are no classes; refuse all else."""
        if label is None and self.num_classes:
            raise ValueError(
                f"this discriminator was built for {self.num_classes} classes; pass label"
            )
        if label is None:
            return None
        if not self.num_classes:
            raise ValueError("this discriminator was built without classes; do not pass label")
        rows = one_hot_label(as_label(label, x.device), self.num_classes, dtype=x.dtype)
        check_layout(rows, "N K", name="label, as rows,", N=x.shape[0])
        return rows

    def _inside(
        self, network: Network, input_size: tuple[int, ...] | None, **settings: Any
    ) -> nn.Module:
        """Make a network that judges for this one; refuse one that could not be called."""
        usual = {"in_channels": self.in_channels, "num_classes": self.num_classes}
        try:
            made: nn.Module = make(network, "network", input_size=input_size, **(usual | settings))
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}(): {error}") from None
        if getattr(made, "condition_dim", 0):
            raise ValueError(
                f"{type(self).__name__} passes no condition to its network; leave condition_dim "
                f"at 0, or use the network without this one around it"
            )
        return made


class OfFrames:
    """Makes a discriminator one of single frames; stands before the class of clips."""

    stream: ClassVar[Literal["video", "image"]] = "image"
    takes: ClassVar[Literal["clip", "frames"]] = "frames"
    _name: ClassVar[str] = "image"
    _axes: ClassVar[str] = "HW"
    _sized: ClassVar[str] = "HW"
    _usual_size: ClassVar[tuple[int, ...]] = (64, 64)


def exactly_one(**given: Tensor | None) -> None:
    """Refuse anything but one of two arguments."""
    passed = [name for name, value in given.items() if value is not None]
    if len(passed) != 1:
        found = " and ".join(passed) or "neither"
        raise ValueError(f"pass either {' or '.join(given)}, got {found}")

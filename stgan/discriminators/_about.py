"""What a discriminator says of itself, so that whoever wires it need not know its class."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

from torch import nn

from stgan.shapes import Stage

__all__ = ["Discriminator"]


class Discriminator(nn.Module):
    """A network that judges clips or frames, and says how it wants to be built and called.

    :class:`StreamSpec` reads ``takes``, ``timed``, ``with_image`` and ``patch``;
    :meth:`clip_settings` gives what its constructor is told for clips of a size. A discriminator of
    your own, derived from it, is wired by a recipe as those of stgan are.

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

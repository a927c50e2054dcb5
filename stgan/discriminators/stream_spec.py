"""What a stream of a discriminator looks at, and what it counts."""

import math
from dataclasses import dataclass
from typing import Literal

from torch import nn

from stgan._factories import check_module
from stgan.discriminators.samplers import FrameSampler, check_sampler

__all__ = ["StreamSpec"]


@dataclass(frozen=True)
class StreamSpec:
    """A network and its part in :class:`TwoStreamDiscriminator`.

    What is left out, ``takes``, ``timed``, ``with_image`` and ``patch``, is as the network says of
    itself (:class:`Discriminator`), or else that of one that is called with clips alone.

    Attributes:
        network: Called with what the stream looks at; returns one logit for each.
        takes: ``"clip"`` for the sampled frames as one clip, ``"frames"`` for each by itself.
        sampler: Which frames of a clip; ``None`` for all.
        weight: Of its loss, for :meth:`TwoStreamDiscriminator.weighted`.
        labeled: Whether a label, where one is given, is passed on as the second argument.
        timed: Whether the indices of the sampled frames, ``(N, k)``, are passed on as ``indices=``,
            for networks that judge a clip by the time between its frames.
        with_image: Whether the image from which the clip should go on is passed on as ``image=``,
            where one is given, as :class:`FirstFrameVideoDiscriminator` takes it.
        patch: Whether the network returns maps of logits, ``(N, ...)``, rather than one for each.
        conditioned: Whether a condition, where one is given, is passed on as ``condition=``;
            ``None`` if the network's ``condition_dim`` tells, by being positive.

    Raises:
        ValueError: If ``takes`` is another word, the weight is negative or not finite, or a stream
            of single frames is timed or sees the image.

    Example:
        >>> from stgan.discriminators import StreamSpec, SubClip, VideoDiscriminator
        >>> discriminator = VideoDiscriminator((8, 16, 16), base_channels=8)
        >>> StreamSpec(discriminator, sampler=SubClip(8), weight=0.5, labeled=False).sampler
        SubClip(8, stride=1)
    """

    network: nn.Module
    takes: Literal["clip", "frames"] | None = None
    sampler: FrameSampler | None = None
    weight: float = 1.0
    labeled: bool = True
    timed: bool | None = None
    with_image: bool | None = None
    patch: bool | None = None
    conditioned: bool | None = None

    def __post_init__(self) -> None:
        """Refuse what contradicts itself, where it is written."""
        check_module(self.network, "network")
        usual = {"takes": "clip", "timed": False, "with_image": False, "patch": False}
        for name, value in usual.items():
            if getattr(self, name) is None:
                said = getattr(self.network, name, value)
                # Frames alone have no time, and no image of their own.
                alone = self.takes == "frames" and name in ("timed", "with_image")
                object.__setattr__(self, name, value if alone else said)
        if self.sampler is not None:
            check_sampler(self.sampler)
        if self.takes not in ("clip", "frames"):
            raise ValueError(f"takes must be 'clip' or 'frames', got {self.takes!r}")
        if not 0 <= self.weight < math.inf:
            raise ValueError(f"weight must be a finite number of at least 0, got {self.weight}")
        if self.timed and self.takes == "frames":
            raise ValueError("a stream of single frames has no time between them; drop timed=True")
        if self.with_image and self.takes == "frames":
            raise ValueError(
                "a stream of single frames cannot tell which image belongs to which; let it take "
                "the clip, as FirstFrameImageDiscriminator does, or drop with_image=True"
            )

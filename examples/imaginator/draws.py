"""What one iteration draws at random, and what its discriminators are shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from torch import Tensor

__all__ = ["Draws", "Frames", "Shown"]

#: Indices ``(N, k)`` of frames, for the stream that samples, or by name for several.
Frames: TypeAlias = Tensor | Mapping[str, Tensor]


@dataclass(frozen=True)
class Draws:
    """All that is random in an iteration, drawn before it: done again, it does the same.

    Attributes:
        z: Noise ``(N, z_dim)``.
        real_frames: Frames of the real clips for the streams that sample.
        fake_frames: The same of the generated clips.
        real_augment: A row for each real clip, where clips are augmented.
        fake_augment: The same for generated clips.
        other_z: A second noise, where the objective compares two.
    """

    z: Tensor
    real_frames: Frames
    fake_frames: Frames
    real_augment: Tensor | None = None
    fake_augment: Tensor | None = None
    other_z: Tensor | None = None


class Shown(NamedTuple):
    """A batch as the discriminators see it.

    Attributes:
        video: ``(N, 3, T, H, W)``, real or generated.
        image: ``(N, 3, H, W)``, what it should go on from.
        frames: Frames for the streams that sample.
    """

    video: Tensor
    image: Tensor
    frames: Frames

"""What one iteration draws at random, and what its discriminators are shown."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

__all__ = ["Draws", "Frames", "Shown", "side_by_side"]

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

    def of(self, clips: slice) -> "Draws":
        """Return what belongs to some of the clips."""

        def cut(value: Any) -> Any:
            if isinstance(value, Mapping):
                return {name: cut(item) for name, item in value.items()}
            return None if value is None else value[clips]

        return Draws(**{field.name: cut(getattr(self, field.name)) for field in fields(self)})


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


def side_by_side(one: Shown, other: Shown) -> Shown:
    """Put two batches into one, the first in front."""

    def join(a: Any, b: Any) -> Any:
        if isinstance(a, Mapping):
            return {name: join(item, b[name]) for name, item in a.items()}
        return torch.cat([a, b])

    return Shown(*map(join, one, other))

"""What frame samplers share: the call, its checks, the promised shape."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from stgan._checks import plain_integers
from stgan._settings import recorded_settings
from stgan.functional._random import random_source


class DrawnFrames(ABC):
    """Draw a number of frames from every clip.

    Attributes:
        count: k, frames per clip.
        needed: Fewest frames that a clip must have.
    """

    count: int
    needed: int

    def __call__(
        self,
        num_clips: int,
        num_frames: int,
        *,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
    ) -> Tensor:
        """Return ``(num_clips, k)`` indices, rising along each row."""
        self._check(num_frames)
        indices = self._draw(num_clips, num_frames, **random_source(generator, device))
        return indices.to(device)

    @abstractmethod
    def _draw(self, num_clips: int, num_frames: int, **source: Any) -> Tensor:
        """Draw the indices; ``source`` is for torch to take, and holds the ``device``."""

    def _check(self, num_frames: int) -> None:
        if self.needed > num_frames:
            raise ValueError(
                f"{self!r} needs clips of at least {self.needed} frames, got {num_frames}; lower "
                f"its numbers"
            )

    def output_shape(self, num_clips: int, num_frames: int) -> tuple[int, int]:
        """Shape of the indices; refuses clips that are too short, as a call does."""
        self._check(num_frames)
        return num_clips, self.count

    def __repr__(self) -> str:
        settings = plain_integers({**(recorded_settings(self) or {})})
        given = [f"{name}={value!r}" for name, value in settings.items()]
        first = [repr(value) for value in settings.values()][:1]
        return f"{type(self).__name__}({', '.join(first + given[1:])})"


def draw_places(num_clips: int, num_places: int, count: int, **source: Any) -> Tensor:
    """Draw ``(num_clips, count)`` different places of ``num_places`` uniformly, in order."""
    # The places of the k largest of T uniform numbers are a uniform draw of k of T.
    keys = torch.rand(num_clips, num_places, **source)
    return keys.topk(count, dim=1).indices.sort(dim=1).values

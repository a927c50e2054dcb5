"""Frame samplers: which frames of a clip the image stream looks at.

A sampler is called with the number of clips and of frames and returns indices, so that the same
ones can be used for real and generated clips, logged, or replayed.
"""

from typing import Any, Protocol

import torch
from torch import Tensor

from stgan._checks import check_positive
from stgan._excerpt import excerpt
from stgan.discriminators._sampling import DrawnFrames, draw_places
from stgan.example import Example
from stgan.registry import SAMPLERS

__all__ = ["AllFrames", "FrameSampler", "RandomFrames", "SubClip"]


class FrameSampler(Protocol):
    """What a two-stream discriminator expects of a sampler."""

    def __call__(
        self,
        num_clips: int,
        num_frames: int,
        *,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
    ) -> Tensor:
        """Return ``(num_clips, k)`` frame indices in [0, num_frames)."""
        ...


def check_sampler(sampler: Any) -> None:
    """Refuse what is no frame sampler, such as a class or a name."""
    if isinstance(sampler, type) or not callable(sampler):
        raise TypeError(
            f"sampler must be a frame sampler, such as RandomFrames(2), got {excerpt(sampler)}"
        )


@SAMPLERS.register(
    "all_frames",
    source="every frame, in order",
    shape="N, T -> (N, T) indices",
    example=Example(inputs={"num_clips": "= N", "num_frames": "= T"}, call="__call__"),
)
class AllFrames(DrawnFrames):
    """Every frame of every clip, in order.

    Shape:
        - Output: ``(num_clips, num_frames)`` indices in [0, num_frames), int64, in order

    Example:
        >>> AllFrames()(2, 3)
        tensor([[0, 1, 2],
                [0, 1, 2]])
    """

    needed = 1

    def _draw(self, num_clips: int, num_frames: int, **source: Any) -> Tensor:
        return torch.arange(num_frames, device=source["device"]).expand(num_clips, -1)

    def output_shape(self, num_clips: int, num_frames: int) -> tuple[int, int]:
        """Shape of the indices: all frames of every clip."""
        return num_clips, num_frames


@SAMPLERS.register(
    "random_frames",
    source="Clark et al., DVD-GAN, 2019 (k frames); ImaGINator, WACV 2020 (one)",
    shape="N, T -> (N, k) indices",
    example=Example(
        settings={"count": 2},
        inputs={"num_clips": "= N", "num_frames": "= T"},
        smallest={"T": 2},
        call="__call__",
    ),
)
class RandomFrames(DrawnFrames):
    """Frames drawn uniformly without replacement, in order of time, for each clip by itself.

    Args:
        count: k, frames per clip.
        per_clip: ``False`` draws one set for the whole batch, as the published code of ImaGINator
            does with one frame.

    Shape:
        - Output: ``(num_clips, k)`` indices in [0, num_frames), int64, rising along each row

    Raises:
        ValueError: If ``count`` is not positive; in a call, if clips have fewer frames.

    Example:
        >>> sample = RandomFrames(2)
        >>> sample(3, 8, generator=torch.Generator().manual_seed(0)).shape
        torch.Size([3, 2])
    """

    def __init__(self, count: int = 1, *, per_clip: bool = True) -> None:
        self.count = self.needed = check_positive(count, "count")
        self.per_clip = per_clip

    def _draw(self, num_clips: int, num_frames: int, **source: Any) -> Tensor:
        rows = num_clips if self.per_clip else 1
        return draw_places(rows, num_frames, self.count, **source).expand(num_clips, -1)


@SAMPLERS.register(
    "sub_clip",
    source="Tulyakov et al., MoCoGAN, CVPR 2018 (T' consecutive frames)",
    shape="N, T -> (N, k) indices",
    example=Example(
        settings={"count": 2, "stride": 2},
        inputs={"num_clips": "= N", "num_frames": "= T"},
        smallest={"T": 3},
        call="__call__",
    ),
)
class SubClip(DrawnFrames):
    """Frames at a fixed distance from a random start, drawn for each clip by itself.

    Args:
        count: k, frames per clip.
        stride: Distance between them, in frames.

    Shape:
        - Output: ``(num_clips, k)`` indices in [0, num_frames), int64, rising along each row

    Raises:
        ValueError: If a number is not positive; in a call, if clips are too short.

    Example:
        >>> SubClip(3, stride=2)(1, 5)
        tensor([[0, 2, 4]])
    """

    def __init__(self, count: int, *, stride: int = 1) -> None:
        self.count = check_positive(count, "count")
        self.stride = check_positive(stride, "stride")
        self.needed = (self.count - 1) * self.stride + 1

    def _draw(self, num_clips: int, num_frames: int, **source: Any) -> Tensor:
        starts = torch.randint(num_frames - self.needed + 1, (num_clips, 1), **source)
        return starts + self.stride * torch.arange(self.count, device=starts.device)

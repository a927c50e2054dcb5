"""Frame samplers that spread over the whole clip."""

from typing import Any

import torch
from torch import Tensor

from stgan._checks import check_positive
from stgan.discriminators._sampling import DrawnFrames, draw_places
from stgan.example import Example
from stgan.registry import SAMPLERS

__all__ = ["FirstAndRandomFrames", "StratifiedFrames", "StridedFrames"]


@SAMPLERS.register(
    "strided",
    source="Saito et al., TGANv2, IJCV 2020 (frames subsampled at a random offset)",
    shape="N, T -> (N, floor(T / s)) indices",
    example=Example(
        settings={"stride": 2},
        inputs={"num_clips": "= N", "num_frames": "= T"},
        smallest={"T": 2},
        call="__call__",
    ),
)
class StridedFrames(DrawnFrames):
    """Every s-th frame from a random offset, drawn for each clip by itself.

    There are floor(T / s) of them, the same number for every offset; the offset is uniform over
    all at which they fit, so that no frame at the end is left out for good.

    Args:
        stride: s, distance between frames.

    Shape:
        - Output: ``(num_clips, floor(num_frames / stride))`` indices in [0, num_frames),
          int64, rising along each row

    Raises:
        ValueError: If ``stride`` is not positive; in a call, if clips are shorter than it.

    Example:
        >>> indices = StridedFrames(4)(2, 16)
        >>> indices.shape, (indices.diff(dim=1) == 4).all()
        (torch.Size([2, 4]), tensor(True))
    """

    def __init__(self, stride: int) -> None:
        self.stride = self.needed = check_positive(stride, "stride")

    def _draw(self, num_clips: int, num_frames: int, **source: Any) -> Tensor:
        steps = self.stride * torch.arange(num_frames // self.stride, device=source["device"])
        last = num_frames - self.stride * (num_frames // self.stride - 1)
        return torch.randint(last, (num_clips, 1), **source) + steps

    def output_shape(self, num_clips: int, num_frames: int) -> tuple[int, int]:
        """Shape of the indices; refuses clips that are too short, as a call does."""
        self._check(num_frames)
        return num_clips, num_frames // self.stride


@SAMPLERS.register(
    "stratified",
    source="Wang et al., Temporal Segment Networks, ECCV 2016, section 3.1",
    shape="N, T -> (N, k) indices",
    example=Example(
        settings={"count": 3},
        inputs={"num_clips": "= N", "num_frames": "= T"},
        smallest={"T": 3},
        call="__call__",
    ),
)
class StratifiedFrames(DrawnFrames):
    """One frame, drawn uniformly, from each of k parts of a clip, for each clip by itself.

    Part i holds the frames from floor(i T / k) to before floor((i + 1) T / k).

    Args:
        count: k, parts of a clip.

    Shape:
        - Output: ``(num_clips, k)`` indices in [0, num_frames), int64, rising along each row

    Raises:
        ValueError: If ``count`` is not positive; in a call, if clips have fewer frames.

    Example:
        >>> StratifiedFrames(4)(2, 4)
        tensor([[0, 1, 2, 3],
                [0, 1, 2, 3]])
    """

    def __init__(self, count: int) -> None:
        self.count = self.needed = check_positive(count, "count")

    def _draw(self, num_clips: int, num_frames: int, **source: Any) -> Tensor:
        edges = torch.arange(self.count + 1, device=source["device"]) * num_frames // self.count
        inside = torch.rand(num_clips, self.count, **source) * edges.diff()
        return edges[:-1] + inside.long()


@SAMPLERS.register(
    "first_and_random",
    source="Tian et al., MoCoGAN-HD, ICLR 2021; released code (the first frame beside others)",
    shape="N, T -> (N, 1 + k) indices",
    example=Example(
        settings={"count": 2},
        inputs={"num_clips": "= N", "num_frames": "= T"},
        smallest={"T": 3},
        call="__call__",
    ),
)
class FirstAndRandomFrames(DrawnFrames):
    """The first frame and k others, drawn uniformly without replacement and put in order.

    For a discriminator that judges frames beside the image from which a clip began.

    Args:
        count: k, frames besides the first.

    Shape:
        - Output: ``(num_clips, 1 + k)`` indices in [0, num_frames), int64, rising along each row

    Raises:
        ValueError: If ``count`` is not positive; in a call, if clips have no k frames besides the
            first.

    Example:
        >>> FirstAndRandomFrames(2)(1, 3)
        tensor([[0, 1, 2]])
    """

    def __init__(self, count: int = 1) -> None:
        self.others = check_positive(count, "count")
        self.count = self.needed = self.others + 1

    def _draw(self, num_clips: int, num_frames: int, **source: Any) -> Tensor:
        others = 1 + draw_places(num_clips, num_frames - 1, self.others, **source)
        return torch.cat([torch.zeros_like(others[:, :1]), others], dim=1)

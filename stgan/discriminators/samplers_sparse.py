"""Frame samplers that draw how far frames are apart, for discriminators of few frames."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from stgan._checks import check_positive
from stgan.discriminators._sampling import DrawnFrames
from stgan.example import Example
from stgan.registry import SAMPLERS

__all__ = ["BetaPair", "SparseSpan"]


@SAMPLERS.register(
    "beta_pair",
    source="Yu et al., DIGAN, ICLR 2022; released code (times of the two frames)",
    shape="N, T -> (N, 2) indices",
    example=Example(
        inputs={"num_clips": "= N", "num_frames": "= T"}, smallest={"T": 2}, call="__call__"
    ),
)
class BetaPair(DrawnFrames):
    r"""Two frames that tend to be far apart, drawn for each clip by itself.

    .. math::
        a \sim \mathrm{Beta}(2, 1), \quad b \sim \mathrm{Beta}(1, 2), \quad
        i = \lfloor T \min(a, b) \rfloor, \quad j = \lfloor T \max(a, b) \rfloor

    where :math:`a` is the larger of two uniform numbers and :math:`b` the smaller of two others.
    If both fall into one frame, the later one moves on to the next; at the end of the clip, where
    there is none, the earlier one moves back.

    Shape:
        - Output: ``(num_clips, 2)`` indices in [0, num_frames), int64, rising along each row

    Example:
        >>> BetaPair()(1, 2)
        tensor([[0, 1]])

    Differs from the source:
        The published method renders frames at any time and needs no two to be different.

    References:
        Yu et al., Generating Videos with Dynamics-aware Implicit Generative Adversarial Networks
        (DIGAN), ICLR 2022; released code (times of the two frames).
    """

    def __init__(self) -> None:
        self.count = self.needed = 2

    def _draw(self, num_clips: int, num_frames: int, **source: Any) -> Tensor:
        uniform = torch.rand(num_clips, 2, 2, **source)
        times = torch.stack([uniform[:, 0].amax(dim=1), uniform[:, 1].amin(dim=1)], dim=1)
        first, second = (times * num_frames).long().sort(dim=1).values.unbind(dim=1)
        second = torch.where(first == second, second + 1, second)
        overrun = (second == num_frames).long()
        return torch.stack([first, second], dim=1) - overrun[:, None]


@SAMPLERS.register(
    "sparse_span",
    source="Skorokhodov et al., StyleGAN-V, CVPR 2022; released code, src/training/layers.py",
    shape="N, T -> (N, k) indices",
    example=Example(
        settings={"count": 3, "spans": (2, 4)},
        inputs={"num_clips": "= N", "num_frames": "= T"},
        smallest={"T": 3},
        call="__call__",
    ),
)
class SparseSpan(DrawnFrames):
    """Frames within a span of random length at a random place, drawn for each clip by itself.

    The distance from the first to the last frame is drawn uniformly from those of the list that
    fit into the clip, then the place of the first uniformly, then the frames between without
    replacement.

    Args:
        count: k, frames per clip, at least 2.
        spans: Distances between the first and the last frame; those that a clip has no room for
            are left out.

    Shape:
        - Output: ``(num_clips, k)`` indices in [0, num_frames), int64, rising along each row

    Raises:
        ValueError: If ``count`` is less than 2, or a span has no room for as many frames; in a
            call, if no span fits into the clips.

    Example:
        >>> SparseSpan(3, spans=(2, 4, 8))(1, 3)
        tensor([[0, 1, 2]])
    """

    def __init__(self, count: int = 3, *, spans: Sequence[int] = (2, 4, 8, 16, 32)) -> None:
        self.count = check_positive(count, "count")
        if count < 2:
            raise ValueError(f"count must be at least 2, the ends of the span, got {count}")
        self.spans = tuple(check_positive(span, "a span") for span in spans)
        if not self.spans or min(self.spans) < count - 1:
            raise ValueError(
                f"spans must hold distances of at least {count - 1}, for {count} frames, got "
                f"{self.spans}"
            )
        self.needed = min(self.spans) + 1

    def _draw(self, num_clips: int, num_frames: int, **source: Any) -> Tensor:
        device = source["device"]
        fitting = torch.tensor([s for s in self.spans if s < num_frames], device=device)
        span = fitting[torch.randint(len(fitting), (num_clips,), **source)]
        start = (torch.rand(num_clips, **source) * (num_frames - span)).long()
        ends = torch.stack([start, start + span], dim=1)
        # Frames outside, and the ends themselves, come last among those between.
        frames = torch.arange(num_frames, device=device)
        between = (frames > ends[:, :1]) & (frames < ends[:, 1:])
        keys = torch.rand(num_clips, num_frames, **source).masked_fill(~between, -1.0)
        inner = keys.topk(self.count - 2, dim=1).indices
        return torch.cat([ends, inner], dim=1).sort(dim=1).values

"""Joining features that move with features that do not."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from stgan._checks import check_layout
from stgan.errors import ShapeError

__all__ = ["FusedFeatures", "concat_streams", "expand_over_time"]


class FusedFeatures(NamedTuple):
    """Features that are fused, but not yet repeated and concatenated.

    A layer that knows how to use the static parts as such saves their repetition; any other calls
    :meth:`materialize`. Channels come in the order of the attributes.

    Attributes:
        video: ``(N, C1, T, H, W)``.
        statics: Each ``(N, C_i, H, W)``, constant in time, or ``(N, C_i)``, constant in time and
            space.
    """

    video: Tensor
    statics: tuple[Tensor, ...]

    @property
    def shape(self) -> torch.Size:
        """Shape that :meth:`materialize` would have."""
        n, c, *size = self.video.shape
        return torch.Size((n, c + sum(static.shape[1] for static in self.statics), *size))

    def materialize(self) -> Tensor:
        """Repeat and concatenate; see :func:`concat_streams`."""
        return concat_streams(self.video, self.statics)


def expand_over_time(image: Tensor, num_frames: int) -> Tensor:
    """Show a feature map to every frame, as a view.

    Args:
        image: ``(N, C, H, W)``.
        num_frames: Number of frames, T.

    Returns:
        ``(N, C, T, H, W)``, constant over T.

    Example:
        >>> expand_over_time(torch.zeros(2, 5, 8, 8), 4).shape
        torch.Size([2, 5, 4, 8, 8])
    """
    check_layout(image, "N C H W", name="image")
    return image.unsqueeze(2).expand(-1, -1, num_frames, -1, -1)


def concat_streams(video: Tensor, others: Sequence[Tensor]) -> Tensor:
    """Concatenate appearance maps and label rows to video features, along the channels.

    Args:
        video: ``(N, C, T, H, W)``; stays in front, bit for bit.
        others: Each ``(N, C_i, H, W)``, constant in time, or ``(N, C_i)``, constant in time and
            space.

    Returns:
        ``(N, C + sum of C_i, T, H, W)``.

    Raises:
        ShapeError: If a map has another batch size, height or width than the video.

    Example:
        >>> appearance, label = torch.zeros(2, 5, 8, 8), torch.zeros(2, 6)
        >>> concat_streams(torch.zeros(2, 3, 4, 8, 8), [appearance, label]).shape
        torch.Size([2, 14, 4, 8, 8])

    References:
        Wang et al., ImaGINator, WACV 2020, abstract (spatio-temporal fusion); released code,
        ``model/networks.py``, ``DecBlock``, channels in the order video, appearance, label.
    """
    check_layout(video, "N C T H W", name="video")
    n, _, t, h, w = video.shape
    streams = [video]
    for other in others:
        fits = other.shape[0] == n and (other.ndim == 2 or other.shape[2:] == (h, w))
        if other.ndim not in (2, 4) or not fits:
            raise ShapeError(
                f"a stream to fuse with video features {tuple(video.shape)} must be "
                f"(N={n}, C, H={h}, W={w}) or (N={n}, C), got {tuple(other.shape)}"
            )
        over_space = other if other.ndim == 4 else other[..., None, None].expand(-1, -1, h, w)
        streams.append(expand_over_time(over_space, t))
    return torch.cat(streams, dim=1)

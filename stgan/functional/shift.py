"""Channels that look one frame back or ahead."""

import torch
import torch.nn.functional as F
from torch import Tensor

from stgan._checks import check_layout
from stgan.errors import ShapeError

__all__ = ["temporal_shift"]


def temporal_shift(video: Tensor, *, from_future: int, from_past: int) -> Tensor:
    r"""Let some channels show the next frame and some the previous one.

    .. math:: y_{c, t} = \begin{cases}
        x_{c, t + 1} & c < a \\
        x_{c, t - 1} & a \le c < a + b \\
        x_{c, t} & \text{otherwise}
        \end{cases}

    with :math:`a` channels ``from_future``, :math:`b` channels ``from_past``, and zeros where there
    is no such frame.

    Args:
        video: ``(N, C, T, H, W)``.
        from_future: Channels that show the next frame; 0 for a causal shift.
        from_past: Channels that show the previous frame.

    Returns:
        The shape of the video; channels that are not shifted stay as they are, bit for bit.

    Raises:
        ValueError: If a number of channels is negative.
        ShapeError: If the video has fewer channels than are shifted.

    Example:
        >>> video = torch.tensor([[1.0, 2, 3]] * 3).reshape(1, 3, 3, 1, 1)
        >>> temporal_shift(video, from_future=1, from_past=1).squeeze()
        tensor([[2., 3., 0.],
                [0., 1., 2.],
                [1., 2., 3.]])

    References:
        Lin, Gan and Han, TSM: Temporal Shift Module for Efficient Video Understanding, ICCV 2019
        (bi-directional and uni-directional shift); channels in the order of the released code.
    """
    check_layout(video, "N C T H W", name="video")
    if min(from_future, from_past) < 0:
        raise ValueError(
            f"from_future and from_past must be at least 0, got {from_future} and {from_past}"
        )
    moved = from_future + from_past
    if moved > video.shape[1]:
        raise ShapeError(
            f"video must have at least the {moved} channels that are shifted, got "
            f"{tuple(video.shape)}"
        )
    future = F.pad(video[:, :from_future, 1:], (0, 0, 0, 0, 0, 1))
    past = F.pad(video[:, from_future:moved, :-1], (0, 0, 0, 0, 1, 0))
    return torch.cat([future, past, video[:, moved:]], dim=1)

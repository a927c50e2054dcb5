"""The share of what stands still in a convolution over time and space.

A convolution is linear in the channels of its input, so that channels which are constant in time,
or in time and space, can be convolved for themselves: once, and not once for every frame or place.
Which of the taps of a kernel meet an output then tells its share.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from stgan._checks import check_axes, check_layout
from stgan.functional._conv_geometry import Kind
from stgan.functional._matrix_product import linear
from stgan.functional.fusion import FusedFeatures

__all__ = ["check_features", "split_weight", "static_share", "taps_met"]


def check_features(features: FusedFeatures, channels: int) -> None:
    """Refuse static parts that do not fit the video, and another sum of channels."""
    check_layout(features.video, "N C T H W", name="video")
    n, _, _, h, w = features.video.shape
    for static in features.statics:
        if static.ndim == 2:
            check_layout(static, "N C", name="a static stream", N=n)
        else:
            check_layout(static, "N C H W", name="a static stream", N=n, H=h, W=w)
    check_axes(tuple(features.shape), "N C T H W", name="video", C=channels)


def split_weight(features: FusedFeatures, weight: Tensor, *, axis: int) -> tuple[Tensor, ...]:
    """Give the video and every static part the kernel of its channels, as views."""
    widths = [part.shape[1] for part in (features.video, *features.statics)]
    return torch.split(weight, widths, dim=axis)


def taps_met(
    size: int, out_size: int, taps: int, stride: int, front: int, kind: Kind
) -> list[tuple[int, ...]]:
    """Name, for every output along an axis, the taps that meet an input.

    Args:
        size: Of the input along the axis.
        out_size: Of the output.
        taps: Of the kernel.
        stride: Along the axis.
        front: Zeros in front; of a transposed convolution, what is trimmed there.
        kind: ``"forward"`` or ``"transposed"``.
    """
    if kind == "forward":
        return [
            tuple([k for k in range(taps) if 0 <= j * stride - front + k < size])
            for j in range(out_size)
        ]
    return [
        tuple(
            [
                k
                for k in range(taps)
                if (j + front - k) % stride == 0 and 0 <= (j + front - k) // stride < size
            ]
        )
        for j in range(out_size)
    ]


def static_share(
    static: Tensor,
    weight: Tensor,
    *,
    kind: Kind,
    sizes: Sequence[int],
    out_sizes: Sequence[int],
    stride: Sequence[int],
    front: Sequence[int],
) -> Tensor:
    """Convolve what is constant in time, or in time and space, as if it were repeated.

    Args:
        static: ``(N, C, H, W)`` or ``(N, C)``.
        weight: ``(C_out, C, k_t, k_h, k_w)``; transposed, with the channels swapped.
        kind: ``"forward"`` or ``"transposed"``.
        sizes: (T, H, W) of the video.
        out_sizes: (T', H', W').
        stride: Along each axis.
        front: Zeros in front of each axis, or what is trimmed there; in space also behind.

    Returns:
        ``(N, C_out, T', H', W')``, or 1 in place of T' if all frames have the same share.
    """
    # (C_out, k_t) beside each other: what a tap of time gives is a channel of its own.
    if kind == "forward":
        split = weight.transpose(1, 2)
        outputs, kernel = split.shape[:2], split.flatten(0, 1)
    else:
        outputs, kernel = weight.shape[1:3], weight.flatten(1, 2)
    if static.ndim == 4:
        convolve = F.conv2d if kind == "forward" else F.conv_transpose2d
        share = convolve(static, kernel, stride=tuple(stride[1:]), padding=tuple(front[1:]))
        share = torch.unflatten(share, 1, outputs)
        known = 2
    else:
        taps = kernel.flatten(1) if kind == "transposed" else kernel.transpose(0, 1).flatten(1)
        share = torch.unflatten(linear(static, taps.mT), 1, (*outputs, *weight.shape[3:]))
        known = 0
    kernel_size = weight.shape[2:]
    for axis in range(3 - known):
        k, s, p = kernel_size[axis], stride[axis], front[axis]
        if axis == 0 and k == s == 1 and p == 0:
            continue
        meets = _meets(sizes[axis], out_sizes[axis], k, s, p, kind, share.device)
        share = (share.movedim(axis + 2, -1) @ meets.to(share.dtype).mT).movedim(-1, axis + 2)
    return share


def _meets(
    size: int, out_size: int, taps: int, stride: int, front: int, kind: Kind, device: torch.device
) -> Tensor:
    """What :func:`taps_met` names, as a table of outputs and taps.

    Computed where it is used: a copy from the host would make it wait for the device, and cannot
    be part of a recording.
    """
    output = torch.arange(out_size, device=device)[:, None]
    tap = torch.arange(taps, device=device)
    if kind == "forward":
        place = output * stride - front + tap
        return (place >= 0) & (place < size)
    shift = output + front - tap
    place = shift.div(stride, rounding_mode="floor")
    return (shift % stride == 0) & (place >= 0) & (place < size)

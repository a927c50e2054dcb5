"""How a convolution is computed: one definition, several formulations, chosen in one place.

All give the same values; they differ in time and memory. On a CPU:

- Where a kernel has more numbers than the columns that it meets, as in the first stages of a
  decoder and the last of a critic, a matrix product: kernels of a convolution would be reordered
  at every call, which there costs more than the convolution.
- Else, where a kernel looks at space only, time is folded into the batch, as a view: the kernels
  for images are the faster ones.
- Else, a convolution over all axes. All of them run on memory laid out channels-last, which passes
  from layer to layer without being reordered.

Anywhere else, and in programs that are compiled or exported, torch's own convolution as it is.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["channels_last", "convolve", "convolve_transposed"]


def convolve(
    video: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    stride: Sequence[int],
    padding: Sequence[int],
    groups: int = 1,
) -> Tensor:
    """``torch.nn.functional.conv3d``."""
    if not _choosable(video):
        return F.conv3d(video, weight, bias, stride=stride, padding=padding, groups=groups)
    sizes = [
        (size + 2 * p - k) // s + 1
        for size, k, s, p in zip(video.shape[2:], weight.shape[2:], stride, padding, strict=True)
    ]
    if groups == 1 and _positions(video, sizes) < weight.shape[0]:
        return _product(video, weight, bias, stride=stride, padding=padding)
    if weight.shape[2] == 1 and stride[0] == 1 and padding[0] == 0:
        return _over_space(F.conv2d, video, weight, bias, stride, padding, groups)
    return F.conv3d(
        channels_last(video), weight, bias, stride=stride, padding=padding, groups=groups
    )


def convolve_transposed(
    video: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    stride: Sequence[int],
    padding: Sequence[int],
    groups: int = 1,
) -> Tensor:
    """``torch.nn.functional.conv_transpose3d``."""
    if not _choosable(video):
        return F.conv_transpose3d(
            video, weight, bias, stride=stride, padding=padding, groups=groups
        )
    over_space = weight.shape[2] == 1 and stride[0] == 1 and padding[0] == 0
    over_time = weight.shape[3:] == (1, 1) and stride[1:] == (1, 1) and padding[1:] == (0, 0)
    if groups == 1 and _positions(video, video.shape[2:]) < weight.shape[0]:
        if over_space:
            return _over_space(_product_transposed, video, weight, bias, stride, padding)
        if over_time:
            h, w = video.shape[3:]
            planes = _product_transposed(
                video.flatten(3),
                weight.squeeze(-1),
                bias,
                stride=(stride[0], 1),
                padding=(padding[0], 0),
            )
            return torch.unflatten(planes, 3, (h, w))
    if over_space:
        return _over_space(F.conv_transpose2d, video, weight, bias, stride, padding, groups)
    return F.conv_transpose3d(
        channels_last(video), weight, bias, stride=stride, padding=padding, groups=groups
    )


def channels_last(video: Tensor) -> Tensor:
    """Lay out a video with the channels of a position side by side; a copy only if needed."""
    return video.contiguous(memory_format=torch.channels_last_3d)


def _choosable(video: Tensor) -> bool:
    # A compiled program must fit batches of any size, and fuses what it finds.
    return video.device.type == "cpu" and not torch.compiler.is_compiling()


def _positions(video: Tensor, sizes: Sequence[int]) -> int:
    return video.shape[0] * math.prod(sizes)


def _over_space(
    function: Callable[..., Tensor],
    video: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    groups: int | None = None,
) -> Tensor:
    """Call a function of images, with the frames of all clips as its batch."""
    options: dict[str, Any] = {} if groups is None else {"groups": groups}
    frames = channels_last(video).transpose(1, 2).flatten(0, 1)
    out = function(
        frames, weight.squeeze(2), bias, stride=tuple(stride[1:]), padding=tuple(padding[1:]),
        **options,
    )  # fmt: skip
    return torch.unflatten(out, 0, (video.shape[0], video.shape[2])).transpose(1, 2)


def _product(
    video: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    stride: Sequence[int],
    padding: Sequence[int],
) -> Tensor:
    """Cut out what each position sees, and multiply it with the kernel as a matrix."""
    if any(padding):
        video = F.pad(video, [p for side in reversed(padding) for p in (side, side)])
    windows = video.movedim(1, -1)
    for axis, (k, s) in enumerate(zip(weight.shape[2:], stride, strict=True), start=1):
        windows = windows.unfold(axis, k, s)
    # (N, T', H', W', C, k_t, k_h, k_w)
    return F.linear(windows.flatten(4), weight.flatten(1), bias).movedim(-1, 1)


def _product_transposed(
    image: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    stride: tuple[int, int],
    padding: tuple[int, int],
) -> Tensor:
    """Multiply each position with the kernel as a matrix, and add up where the results overlap."""
    kernel = tuple(weight.shape[2:])
    columns = image.movedim(1, -1).flatten(1, 2) @ weight.flatten(1)
    sizes = tuple(
        (size - 1) * s - 2 * p + k
        for size, k, s, p in zip(image.shape[2:], kernel, stride, padding, strict=True)
    )
    out = F.fold(columns.mT, sizes, kernel, stride=stride, padding=padding)
    return out if bias is None else out + bias[:, None, None]

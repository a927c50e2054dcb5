"""How a convolution is computed: one definition, several formulations, chosen in one place.

All give the same values; they differ in time and memory. On a GPU whose tensor cores may be used,
those of ``_conv_cores``. On a CPU:

- Where a kernel has more numbers than the columns that it meets, as in the first stages of a
  decoder and the last of a discriminator, a matrix product: kernels of a convolution would be
  reordered at every call, which there costs more than the convolution.
- Else, where a kernel looks at space only, time is folded into the batch; where it looks at time
  only, all places become one axis, unless that costs more than it saves. Both are views, and the
  kernels for images are the faster ones.
- Else, a convolution over all axes. The gradient of a picture's few channels, as the first layer of
  a discriminator has to tell it to a generator, is slow there; with as many positions as a stride
  passes over taken for channels it is not.

All of them run on memory laid out channels-last, which passes from layer to layer without being
reordered.

Anywhere else, and in programs that are compiled or exported, torch's own convolution as it is.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from stgan._checks import refuse_mixed
from stgan.functional import _conv_cores
from stgan.functional._conv_layout import channels_last, is_transformed
from stgan.functional._conv_packed import convolve_packed
from stgan.functional._matrix_product import linear

__all__ = ["convolve", "convolve_transposed"]

# Up to which the gradient of a strided convolution's input takes longer than packing it.
_FEW_CHANNELS = 4


def convolve(
    video: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    groups: int = 1,
) -> Tensor:
    """``torch.nn.functional.conv3d``."""
    if video.dtype is not weight.dtype or video.device != weight.device:
        refuse_mixed("video and weight", video, weight)
    if _conv_cores.has_tensor_cores(video):
        return _conv_cores.convolve(
            video, weight, bias, stride=stride, padding=padding, groups=groups
        )
    if not _choosable(video):
        return F.conv3d(video, weight, bias, stride=stride, padding=padding, groups=groups)
    sizes = [
        (size + 2 * p - k) // s + 1
        for size, k, s, p in zip(video.shape[2:], weight.shape[2:], stride, padding, strict=True)
    ]
    few = _positions(video, sizes) < weight.shape[0]
    if groups == 1 and (few or _unsafe_in_half(video, weight)):
        return _product(video, weight, bias, stride=stride, padding=padding)
    if weight.shape[2] == 1 and stride[0] == 1 and padding[0] == 0:
        return _over_space(F.conv2d, video, weight, bias, stride, padding, groups)
    over_time = weight.shape[3:] == (1, 1) and stride[1:] == (1, 1) and padding[1:] == (0, 0)
    if over_time and _planes_pay(video, weight):
        return _over_time(F.conv2d, video, weight, bias, stride, padding, groups)
    if groups == 1 and _packing_pays(video, weight, stride):
        return convolve_packed(video, weight, bias, stride=stride, padding=padding)
    return F.conv3d(
        channels_last(video), weight, bias, stride=stride, padding=padding, groups=groups
    )


def convolve_transposed(
    video: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    groups: int = 1,
) -> Tensor:
    """``torch.nn.functional.conv_transpose3d``."""
    if video.dtype is not weight.dtype or video.device != weight.device:
        refuse_mixed("video and weight", video, weight)
    if _conv_cores.has_tensor_cores(video):
        return _conv_cores.convolve_transposed(
            video, weight, bias, stride=stride, padding=padding, groups=groups
        )
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
            return _over_time(_product_transposed, video, weight, bias, stride, padding)
    if over_space:
        return _over_space(F.conv_transpose2d, video, weight, bias, stride, padding, groups)
    if over_time and _planes_pay(video, weight):
        return _over_time(F.conv_transpose2d, video, weight, bias, stride, padding, groups)
    return F.conv_transpose3d(
        channels_last(video), weight, bias, stride=stride, padding=padding, groups=groups
    )


def _choosable(video: Tensor) -> bool:
    # A compiled program must fit batches of any size, and fuses what it finds.
    on_cpu = video.device.type == "cpu" and not torch.compiler.is_compiling()
    return on_cpu and not is_transformed()


def _unsafe_in_half(video: Tensor, weight: Tensor) -> bool:
    """Whether torch may return what it finds in memory as a part of the weight's gradient.

    Its bf16 kernels of this CPU library do, where a kernel is longer than the clip.
    """
    half = video.dtype is torch.bfloat16 or torch.is_autocast_enabled("cpu")
    return half and any(k > size for k, size in zip(weight.shape[2:], video.shape[2:], strict=True))


def _positions(video: Tensor, sizes: Sequence[int]) -> int:
    return video.shape[0] * math.prod(sizes)


def _planes_pay(video: Tensor, weight: Tensor) -> bool:
    # Time and place as the two axes of an image: the faster kernels, but for the gradient of the
    # weight, where such wide images take twice the time. For a single clip torch would not call
    # the library at all.
    return video.shape[0] == 1 or not (torch.is_grad_enabled() and weight.requires_grad)


def _packing_pays(video: Tensor, weight: Tensor, stride: Sequence[int]) -> bool:
    # Where the gradient of the video is asked for, from windows that overlap. A single clip would
    # be copied, since torch does not see how it is laid out.
    learned = torch.is_grad_enabled() and video.requires_grad
    float32 = video.dtype is torch.float32 and not torch.is_autocast_enabled("cpu")
    if not learned or not float32 or video.shape[0] == 1 or video.shape[1] > _FEW_CHANNELS:
        return False
    for k, s in zip(weight.shape[2:], stride, strict=True):
        if s == 1 or k % s or k == s:
            return False
    return True


def _over_time(
    function: Callable[..., Tensor],
    video: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    groups: int | None = None,
) -> Tensor:
    """Call a function of images, with time as their height and all places as their width."""
    options: dict[str, Any] = {} if groups is None else {"groups": groups}
    # Flattened with the channels behind: torch loses the layout of a single clip otherwise.
    planes = channels_last(video).movedim(1, -1).flatten(2, 3).movedim(-1, 1)
    out = function(
        planes, weight.squeeze(-1), bias, stride=(stride[0], 1), padding=(padding[0], 0), **options
    )
    return torch.unflatten(out, 3, tuple(video.shape[3:]))


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
    frames = channels_last(video).movedim(1, -1).flatten(0, 1).movedim(-1, 1)
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
    return linear(windows.flatten(4), weight.flatten(1), bias).movedim(-1, 1)


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
    rows = image.movedim(1, -1).flatten(0, 2)
    # Both sizes, as one of them cannot be told from a batch without samples.
    places = image.shape[0], image.shape[2:].numel()
    columns = torch.unflatten(linear(rows, weight.flatten(1).mT), 0, places)
    sizes = [
        (size - 1) * s - 2 * p + k
        for size, k, s, p in zip(image.shape[2:], kernel, stride, padding, strict=True)
    ]
    out = F.fold(columns.mT, (sizes[0], sizes[1]), kernel, stride=stride, padding=padding)
    return out if bias is None else out + bias[:, None, None]

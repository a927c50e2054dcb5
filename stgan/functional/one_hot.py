"""Labels as one-hot rows, and as maps over time and space."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from stgan._checks import check_count, check_layout, check_positive, pair
from stgan._excerpt import excerpt
from stgan.errors import ShapeError
from stgan.typing import Size2, Size3

__all__ = ["as_label", "mix_class_maps", "one_hot_label", "one_hot_map", "spread_rows"]


def as_label(label: Any, device: torch.device | None = None) -> Tensor:
    """Return a label as a tensor: as it came, or made of a list or an array.

    Args:
        label: A tensor, or what has ``(N,)`` integers or ``(N, K)`` rows.
        device: Where a new tensor goes; ``None`` for the default.

    Raises:
        TypeError: If it cannot be made a tensor.

    Example:
        >>> as_label([2, 0])
        tensor([2, 0])
    """
    if isinstance(label, Tensor):
        return label
    try:
        return torch.as_tensor(label, device=device)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(
            f"label must be a tensor or a list of (N,) integers or (N, K) rows, got "
            f"{excerpt(label)}"
        ) from None


def one_hot_label(label: Tensor, num_classes: int, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Turn class indices into one-hot rows; rows that come as such pass through.

    Args:
        label: ``(N,)`` integers in [0, num_classes), or ``(N, K)`` rows (one-hot or soft); a list
            will do.
        num_classes: Number of classes, K.
        dtype: Type of the result.

    Returns:
        ``(N, K)``.

    Raises:
        ShapeError: If the label is neither ``(N,)`` integers nor ``(N, K)`` rows.
        ValueError: If a class index is out of range. Values are looked at on the CPU only, since
            a look would halt a GPU; there, torch's own device assertion stops the program.

    Example:
        >>> one_hot_label(torch.tensor([2, 0]), 3)
        tensor([[0., 0., 1.],
                [1., 0., 0.]])
    """
    check_positive(num_classes, "num_classes")
    label = as_label(label)
    if label.ndim == 2 and label.shape[1] == num_classes and not label.is_complex():
        return label.to(dtype)
    if (
        label.ndim != 1
        or label.dtype is torch.bool
        or label.is_floating_point()
        or label.is_complex()
    ):
        raise ShapeError(
            f"label must be (N,) integers or (N, K={num_classes}) rows, got "
            f"{tuple(label.shape)} of {str(label.dtype).removeprefix('torch.')}"
        )
    if label.device.type == "cpu" and not torch.compiler.is_compiling() and label.numel():
        low, high = label.aminmax()
        if low < 0 or high >= num_classes:
            wrong = int(low) if low < 0 else int(high)
            raise ValueError(
                f"label {wrong} is out of range for {num_classes} classes; use 0 to "
                f"{num_classes - 1}"
            )
    return F.one_hot(label.long(), num_classes).to(dtype)


def one_hot_map(
    label: Tensor,
    num_classes: int,
    size: Size3 | tuple[int, ...],
    *,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Spread a label over time and space, so that it can be concatenated to features.

    The map is a view: it is expanded, not copied, whatever the size.

    Args:
        label: ``(N,)`` integers in [0, num_classes), or ``(N, K)`` rows.
        num_classes: Number of classes, K.
        size: Sizes of the axes after the channels: ``(T, H, W)``, or ``(H, W)`` for images.
        dtype: Type of the result.

    Returns:
        ``(N, K, *size)``, constant over the axes of ``size``.

    Raises:
        ShapeError: If the label is neither ``(N,)`` integers nor ``(N, K)`` rows.
        ValueError: If a class index is out of range (checked on the CPU).

    Example:
        >>> one_hot_map(torch.tensor([2, 0]), 3, (4, 8, 8)).shape
        torch.Size([2, 3, 4, 8, 8])

    References:
        Wang et al., ImaGINator, WACV 2020; released code, ``model/networks.py``, ``DecBlock``: what
        reads like a projection is a broadcast without weights.
    """
    return spread_rows(one_hot_label(label, num_classes, dtype=dtype), size)


def spread_rows(rows: Tensor, size: Size3 | tuple[int, ...]) -> Tensor:
    """Show a vector to every position in time and space, as a view.

    Args:
        rows: ``(N, C)``.
        size: Sizes of the axes after the channels: ``(T, H, W)``, or ``(H, W)`` for images.

    Returns:
        ``(N, C, *size)``, constant over the axes of ``size``.

    Raises:
        ShapeError: If ``rows`` are not ``(N, C)``.

    Example:
        >>> spread_rows(torch.zeros(2, 3), (4, 8, 8)).shape
        torch.Size([2, 3, 4, 8, 8])

    References:
        Reed et al., Generative Adversarial Text to Image Synthesis, ICML 2016, section 4.1
        (replicated in space and concatenated).
    """
    check_layout(rows, "N C", name="rows")
    sizes = (
        tuple(size)
        if isinstance(size, tuple | list | torch.Size)
        else (check_count(size, "size"),) * 3
    )
    return rows[(..., *(None for _ in sizes))].expand(-1, -1, *sizes)


def mix_class_maps(rows: Tensor, maps: Tensor, size: Size2) -> Tensor:
    r"""Mix one map per class by the rows of the labels, and resize the mixture bilinearly.

    .. math:: y_n = \mathrm{resize}\Bigl(\sum_k l_{n k} M_k\Bigr)

    Args:
        rows: ``(N, K)``, one-hot or soft.
        maps: ``(K, C, h, w)``.
        size: ``int`` or ``(H, W)``; pixels are seen as areas (``align_corners=False``).

    Returns:
        ``(N, C, H, W)``.

    Raises:
        ShapeError: If the rows do not fit the maps.

    Example:
        >>> maps = torch.arange(8.0).reshape(2, 1, 2, 2)
        >>> mix_class_maps(torch.tensor([[0.5, 0.5]]), maps, (2, 2))
        tensor([[[[2., 3.],
                  [4., 5.]]]])
    """
    check_layout(maps, "K C h w", name="maps")
    check_layout(rows, "N K", name="rows", K=maps.shape[0])
    mixed = torch.einsum("nk,kchw->nchw", rows, maps)
    return F.interpolate(mixed, pair(size, "size"), mode="bilinear", align_corners=False)

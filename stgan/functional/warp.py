"""One affine map of the picture for every clip."""

from typing import Literal

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from stgan._checks import check_layout
from stgan.functional._precision import full_precision

__all__ = ["compose_affine", "read_at", "warp_affine"]


def compose_affine(outer: Tensor, inner: Tensor) -> Tensor:
    """Affine map that applies ``inner`` first, then ``outer``.

    Products are written out: as a matrix product, autocast would round them to 16 bits.

    Args:
        outer: ``(N, 2, 3)``: a linear map and, in the last column, a shift.
        inner: ``(N, 2, 3)``.

    Returns:
        ``(N, 2, 3)``.

    Raises:
        ShapeError: If a map has another layout.

    Example:
        >>> double = torch.tensor([[[2.0, 0, 0], [0, 2, 0]]])
        >>> shift = torch.tensor([[[1.0, 0, 5], [0, 1, 7]]])
        >>> compose_affine(double, shift)
        tensor([[[ 2.,  0., 10.],
                 [ 0.,  2., 14.]]])
    """
    for name, matrix in (("outer", outer), ("inner", inner)):
        check_layout(matrix, "N C D", name=name, C=2, D=3)
    product = (outer[:, :, :2, None] * inner[:, None]).sum(2)
    return product + F.pad(outer[:, :, 2:], (2, 0))


def warp_affine(video: Tensor, matrix: Tensor) -> Tensor:
    r"""Read every pixel of a clip where an affine map points to, the same in all frames.

    .. math:: y_t(p) = x_t(A p + b)

    in pixels :math:`p = (\text{column}, \text{row})` from the center of the frame. Between pixels
    it reads bilinearly; beyond the border, the clip goes on as in a mirror.

    The map goes from the output to the input: to turn the picture to the right, turn to the left.

    Args:
        video: ``(N, C, T, H, W)``, :math:`x`.
        matrix: ``(N, 2, 3)``: :math:`A`, and :math:`b` in the last column.

    Returns:
        The shape of the video; NaN where the map leads to no number, or out of what floats resolve.

    Raises:
        ShapeError: If the video or the matrix has another layout.

    Example:
        >>> video = torch.tensor([1.0, 2, 3]).reshape(1, 1, 1, 1, 3)
        >>> mirror = torch.tensor([[[-1.0, 0, 0], [0, 1, 0]]])
        >>> warp_affine(video, mirror).squeeze()
        tensor([3., 2., 1.])

    References:
        Jaderberg et al., Spatial Transformer Networks, NeurIPS 2015, section 3.2 and 3.3.
    """
    check_layout(video, "N C T H W", name="video")
    check_layout(matrix, "N C D", name="matrix", N=video.shape[0], C=2, D=3)
    h, w = video.shape[3:]
    matrix = full_precision(matrix)
    x = torch.arange(w, dtype=matrix.dtype, device=matrix.device) - (w - 1) / 2
    y = torch.arange(h, dtype=matrix.dtype, device=matrix.device) - (h - 1) / 2
    # In the units of grid_sample, half a side is one; elementwise, for autocast as above.
    (a, b, c), (d, e, f) = ((row[:, :, None, None]).unbind(1) for row in matrix.unbind(1))
    grid = torch.stack(
        (
            (a * x + b * y[:, None] + c) * (2 / w),
            (d * x + e * y[:, None] + f) * (2 / h),
        ),
        dim=-1,
    )
    # Frames beside channels: one grid for a clip, whatever its length.
    warped = read_at(rearrange(video, "n c t h w -> n (c t) h w"), grid, beyond="reflection")
    return rearrange(warped, "n (c t) h w -> n c t h w", t=video.shape[2])


def read_at(image: Tensor, grid: Tensor, *, beyond: Literal["border", "reflection"]) -> Tensor:
    """Read an image between its pixels, in the units of ``grid_sample``, which end at the borders.

    In half precision a place would be off by whole pixels: both are raised to float32, and what was
    read is rounded again.

    Args:
        image: ``(N, C, H, W)``.
        grid: ``(N, H', W', 2)``, computed in float32 or better.
        beyond: What lies behind the border.

    Returns:
        ``(N, C, H', W')``, of the type of the image; NaN where a place is none.
    """
    exact = torch.promote_types(full_precision(image).dtype, grid.dtype)
    grid = grid.to(exact)
    if beyond == "border":
        lost = grid.isnan().any(-1)
    else:  # a mirrored place is lost too where floats are further apart than the borders
        lost = ~(grid.abs() < 1 / torch.finfo(exact).eps).all(-1)
    # On a CPU, grid_sample takes NaN for a pixel, and reads and writes anywhere in memory.
    read = F.grid_sample(
        image.to(exact),
        torch.where(lost[..., None], 0, grid),
        mode="bilinear",
        padding_mode=beyond,
        align_corners=False,
    )
    # Such a place has NaN as its gradient too: guards that look at gradients alone see it.
    poison = grid.sum(-1) * torch.where(lost, torch.nan, 0.0)
    return torch.where(lost[:, None], poison[:, None], read).to(image.dtype)

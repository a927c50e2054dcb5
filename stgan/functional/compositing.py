"""Clips put together from streams: a moving foreground over a still background, a warped image."""

import torch
from einops import rearrange
from torch import Tensor

from stgan._checks import check_floats, check_layout
from stgan.errors import ShapeError
from stgan.functional._precision import full_precision
from stgan.functional.fusion import expand_over_time
from stgan.functional.warp import read_at

__all__ = ["composite_flow", "composite_mask", "warp_image"]


def _check_beside(
    tensor: Tensor, wanted: tuple[int, ...], name: str, other: Tensor, other_name: str
) -> None:
    check_floats(tensor, name)
    if tuple(tensor.shape) != wanted:
        raise ShapeError(
            f"{name} must be {wanted} beside {other_name} {tuple(other.shape)}, got "
            f"{tuple(tensor.shape)}"
        )


def composite_mask(foreground: Tensor, mask: Tensor, background: Tensor) -> Tensor:
    r"""Show a moving foreground over a still background where a mask says so.

    .. math:: y_t = m_t \odot f_t + (1 - m_t) \odot b

    Args:
        foreground: ``(N, C, T, H, W)``, :math:`f`.
        mask: ``(N, 1, T, H, W)`` in [0, 1], :math:`m`; 1 shows the foreground.
        background: ``(N, C, H, W)``, :math:`b`, the same in all frames.

    Returns:
        ``(N, C, T, H, W)``.

    Raises:
        ShapeError: If the mask or the background does not fit the foreground.

    Example:
        >>> foreground, background = torch.ones(1, 3, 2, 4, 4), torch.zeros(1, 3, 4, 4)
        >>> mask = torch.tensor([0.25, 1.0]).reshape(1, 1, 2, 1, 1).expand(1, 1, 2, 4, 4)
        >>> composite_mask(foreground, mask, background)[0, 0, :, 0, 0]
        tensor([0.2500, 1.0000])

    References:
        Vondrick et al., Generating Videos with Scene Dynamics (VGAN), NIPS 2016, equation 2.
    """
    check_layout(foreground, "N C T H W", name="foreground")
    n, c, t, h, w = foreground.shape
    _check_beside(mask, (n, 1, t, h, w), "mask", foreground, "foreground")
    _check_beside(background, (n, c, h, w), "background", foreground, "foreground")
    return mask * foreground + (1 - mask) * expand_over_time(background, t)


def warp_image(image: Tensor, flow: Tensor) -> Tensor:
    r"""Move the pixels of an image by a flow of its own for every frame.

    Every output pixel is read, bilinearly, where the flow points to,

    .. math:: y_t(i, j) = x(i + v_t(i, j), \; j + u_t(i, j)),

    in rows :math:`i` and columns :math:`j`; beyond the border the nearest pixel of the border is
    read. Positive flow thus moves the picture to the left and up.

    Args:
        image: ``(N, C, H, W)``, :math:`x`.
        flow: ``(N, 2, T, H, W)`` in pixels: :math:`u` along the width, then :math:`v` along the
            height.

    Returns:
        ``(N, C, T, H, W)``, of the type of the image; places are computed in float32 or better.
        Where the flow is NaN, so are what was read and the gradient of the flow.

    Raises:
        ShapeError: If the image or the flow has another layout.

    Example:
        >>> image = torch.arange(4.0).reshape(1, 1, 1, 4)
        >>> flow = torch.zeros(1, 2, 2, 1, 4)
        >>> flow[:, 0, 1] = 1  # in the second frame, read one pixel further right
        >>> warp_image(image, flow)[0, 0, :, 0]
        tensor([[0., 1., 2., 3.],
                [1., 2., 3., 3.]])

    References:
        Jaderberg et al., Spatial Transformer Networks, NeurIPS 2015, section 3.3.
    """
    check_layout(image, "N C H W", name="image")
    n, _, h, w = image.shape
    check_layout(flow, "N C T H W", name="flow")
    _check_beside(flow, (n, 2, flow.shape[2], h, w), "flow", image, "image")
    flow = full_precision(flow)
    rows = torch.arange(h, dtype=flow.dtype, device=flow.device)
    columns = torch.arange(w, dtype=flow.dtype, device=flow.device)
    # Pixel centers in the units of grid_sample with align_corners=False, which, unlike those of
    # True, exist for an image of one pixel too. In pixels both mean the same.
    across = (flow[:, 0] + columns) * (2 / w) + (1 / w - 1)
    down = (flow[:, 1] + rows.unsqueeze(1)) * (2 / h) + (1 / h - 1)
    # All frames below one another in one picture, so that the image is not copied for each.
    grid = rearrange([across, down], "xy n t h w -> n (t h) w xy")
    warped = read_at(image, grid, beyond="border")
    return rearrange(warped, "n c (t h) w -> n c t h w", h=h)


def composite_flow(image: Tensor, flow: Tensor, mask: Tensor, video: Tensor) -> Tensor:
    r"""Warp an image by a flow for every frame, and show a video where it cannot be warped.

    With the warped image of :func:`warp_image`,

    .. math:: y_t = m_t \odot \mathrm{warp}(x, u_t, v_t) + (1 - m_t) \odot f_t .

    Args:
        image: ``(N, C, H, W)``, :math:`x`.
        flow: ``(N, 2, T, H, W)`` in pixels: along the width, then along the height.
        mask: ``(N, 1, T, H, W)`` in [0, 1], :math:`m`; 1 shows the warped image.
        video: ``(N, C, T, H, W)``, :math:`f`, what the image does not show.

    Returns:
        ``(N, C, T, H, W)``.

    Raises:
        ShapeError: If two of them do not fit each other.

    Example:
        >>> image, video = torch.ones(1, 3, 4, 4), torch.zeros(1, 3, 2, 4, 4)
        >>> flow, mask = torch.zeros(1, 2, 2, 4, 4), torch.full((1, 1, 2, 4, 4), 0.75)
        >>> composite_flow(image, flow, mask, video).unique()
        tensor([0.7500])

    References:
        Wang et al., Latent Image Animator (LIA), ICLR 2022, section 3; there the flow is in
        units of half the image and bounded by tanh.
    """
    check_layout(image, "N C H W", name="image")
    n, c, h, w = image.shape
    check_layout(flow, "N C T H W", name="flow")
    t = flow.shape[2]
    _check_beside(mask, (n, 1, t, h, w), "mask", flow, "flow")
    _check_beside(video, (n, c, t, h, w), "video", image, "image")
    return mask * warp_image(image, flow) + (1 - mask) * video

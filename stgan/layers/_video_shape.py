"""Shapes of clips, checked without a clip."""

import torch

from stgan._checks import check_layout

Shape5 = tuple[int, int, int, int, int]


def video_shape(input_shape: tuple[int, ...], **sizes: int) -> Shape5:
    """Return the sizes ``(N, C, T, H, W)``, or raise what ``forward`` raises for them."""
    # A tensor without memory, so that the sentence of the error is written in one place.
    check_layout(torch.empty(input_shape, device="meta"), "N C T H W", name="video", **sizes)
    n, c, t, h, w = input_shape
    return n, c, t, h, w

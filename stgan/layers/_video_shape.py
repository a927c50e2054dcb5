"""Shapes of clips, checked without a clip."""

from stgan._checks import check_axes

Shape5 = tuple[int, int, int, int, int]


def video_shape(input_shape: tuple[int, ...], **sizes: int) -> Shape5:
    """Return the sizes ``(N, C, T, H, W)``, or raise what ``forward`` raises for them."""
    check_axes(tuple(input_shape), "N C T H W", name="video", **sizes)
    n, c, t, h, w = input_shape
    return n, c, t, h, w

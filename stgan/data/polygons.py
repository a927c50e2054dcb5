"""Shapes as polygons: corners, exact signed distance, antialiased coverage."""

import math

import torch
from torch import Tensor

__all__ = ["SHAPES", "coverage", "shape_corners", "signed_distance"]


def _regular(count: int, *, inner: float = 1.0) -> list[tuple[float, float]]:
    """Corners on the unit circle, first one up; every second one at ``inner`` for a star."""
    return [
        (radius * math.sin(turn), -radius * math.cos(turn))
        for i in range(count)
        for turn, radius in [(2 * math.pi * i / count, inner if i % 2 else 1.0)]
    ]


def _rectangle(x: float, y: float) -> list[tuple[float, float]]:
    return [(-x, -y), (x, -y), (x, y), (-x, y)]


# The corners of a cross and an arrow, walked clockwise as seen in a picture (y down).
_CROSS = [
    (-1, -3), (1, -3), (1, -1), (3, -1), (3, 1), (1, 1),
    (1, 3), (-1, 3), (-1, 1), (-3, 1), (-3, -1), (-1, -1),
]  # fmt: skip
_ARROW = [(-2, -1), (1, -1), (1, -3), (4, 0), (1, 3), (1, 1), (-2, 1)]
# None of them is round: each shows a swing of 60 degrees, which a disc would hide.
_OUTLINES: dict[str, list[tuple[float, float]]] = {
    "arrow": [(float(x), float(y)) for x, y in _ARROW],
    "bar": _rectangle(3, 1),
    "cross": [(float(x), float(y)) for x, y in _CROSS],
    "half_disc": [
        (math.cos(math.pi * i / 12), -math.sin(math.pi * i / 12)) for i in range(12, -1, -1)
    ],
    "square": _rectangle(1, 1),
    "star": _regular(10, inner=0.45),
    "triangle": _regular(3),
}

#: Names of the shapes.
SHAPES: tuple[str, ...] = tuple(_OUTLINES)


def _moments(corners: list[tuple[float, float]]) -> tuple[float, float, float]:
    """Area and centroid by the shoelace formula."""
    area = x_sum = y_sum = 0.0
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        cross = x0 * y1 - x1 * y0
        area += cross / 2
        x_sum += (x0 + x1) * cross / 6
        y_sum += (y0 + y1) * cross / 6
    return area, x_sum / area, y_sum / area


def shape_corners(name: str) -> tuple[tuple[float, float], ...]:
    """Return the corners ``(x, y)`` of a shape, y down, inside of the unit circle.

    The centroid is the origin and the farthest corner lies on the circle, so a shape of size
    ``r`` turns about its center of mass and never reaches beyond ``r``.

    Args:
        name: One of :data:`SHAPES`.

    Example:
        >>> [round(max(x for x, _ in shape_corners(name)), 2) for name in ("bar", "square")]
        [0.95, 0.71]
    """
    corners = _OUTLINES[name]
    _, x_mean, y_mean = _moments(corners)
    centered = [(x - x_mean, y - y_mean) for x, y in corners]
    reach = max(math.hypot(x, y) for x, y in centered)
    return tuple((x / reach, y / reach) for x, y in centered)


def signed_distance(x: Tensor, y: Tensor, corners: tuple[tuple[float, float], ...]) -> Tensor:
    """Exact distance from points to the outline of a polygon, negative inside.

    The distance is the smallest one to an edge; the sign comes from the parity of the edges that
    a ray to the right crosses.

    Args:
        x: Coordinates of the points, any shape.
        y: Likewise, of the same shape.
        corners: Corners ``(x, y)`` of a simple polygon, in order.

    Returns:
        Distances in the unit of the coordinates, of the shape of ``x``.

    Example:
        >>> square = ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0))
        >>> signed_distance(torch.tensor([0.0, 4.0]), torch.tensor([0.0, 5.0]), square)
        tensor([-1.,  5.])
    """
    nearest = torch.full_like(x, math.inf)
    inside = torch.zeros_like(x, dtype=torch.bool)
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        edge_x, edge_y = x1 - x0, y1 - y0
        from_x, from_y = x - x0, y - y0
        along = (from_x * edge_x + from_y * edge_y) / (edge_x**2 + edge_y**2)
        along = along.clamp_(0, 1)
        square = (from_x - along * edge_x).square_() + (from_y - along * edge_y).square_()
        nearest = torch.minimum(nearest, square)
        if edge_y:  # a ray to the right cannot cross a level edge
            crosses = (y >= y0) != (y >= y1)
            inside ^= crosses & (from_x < from_y * (edge_x / edge_y))
    return torch.where(inside, -nearest.sqrt(), nearest.sqrt())


def coverage(
    name: str,
    *,
    centers: Tensor,
    angles: Tensor,
    sizes: Tensor,
    image_size: tuple[int, int],
) -> Tensor:
    """Draw a shape into frames, with edges one pixel soft.

    Args:
        name: One of :data:`SHAPES`.
        centers: ``(T, 2)``, centroid ``(x, y)`` in pixels; (0, 0) is the upper left corner of the
            picture, (0.5, 0.5) the middle of its first pixel.
        angles: ``(T,)``, radians, clockwise as seen.
        sizes: ``(T,)``, radius of the circle around the shape in pixels.
        image_size: ``(H, W)``.

    Returns:
        ``(T, H, W)`` in [0, 1]: about the part of each pixel that the shape covers.

    Example:
        >>> mask = coverage("square", centers=torch.tensor([[8.0, 8.0]]), angles=torch.zeros(1),
        ...                 sizes=torch.tensor([32**0.5]), image_size=(16, 16))
        >>> float(mask.sum())  # a side of 8 pixels
        64.0
    """
    height, width = image_size
    x = torch.arange(width, dtype=centers.dtype) + 0.5 - centers[:, 0, None]
    y = torch.arange(height, dtype=centers.dtype) + 0.5 - centers[:, 1, None]
    cos = (angles.cos() / sizes)[:, None]
    sin = (angles.sin() / sizes)[:, None]
    # Into the frame of the shape, where its circle has radius 1: turn back, then shrink.
    own_x = (cos * x)[:, None, :] + (sin * y)[:, :, None]
    own_y = (cos * y)[:, :, None] - (sin * x)[:, None, :]
    distance = signed_distance(own_x, own_y, shape_corners(name)) * sizes[:, None, None]
    return (0.5 - distance).clamp_(0, 1)

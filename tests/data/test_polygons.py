import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from stgan.data.polygons import SHAPES, coverage, shape_corners, signed_distance

pytestmark = pytest.mark.parametrize("name", SHAPES)


def shape_area(name: str) -> float:
    """Area of a shape of size 1, by the shoelace formula."""
    corners = shape_corners(name)
    sides = zip(corners, corners[1:] + corners[:1], strict=True)
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in sides)) / 2


def pose(x: float, y: float, angle: float, size: float) -> dict[str, torch.Tensor]:
    return {
        "centers": torch.tensor([[x, y]], dtype=torch.float64),
        "angles": torch.tensor([angle], dtype=torch.float64),
        "sizes": torch.tensor([size], dtype=torch.float64),
    }


@given(angle=st.floats(-7, 7), size=st.floats(8, 24), x=st.floats(28, 36), y=st.floats(28, 36))
def test_area_and_centroid_are_as_told(
    name: str, angle: float, size: float, x: float, y: float
) -> None:
    mask = coverage(name, **pose(x, y, angle, size), image_size=(64, 64))[0]
    assert_close(mask.sum().item(), shape_area(name) * size**2, rtol=0.04, atol=0)
    middle = torch.arange(64) + 0.5
    assert abs((mask.sum(0) @ middle.double()).item() / mask.sum().item() - x) < 0.15
    assert abs((mask.sum(1) @ middle.double()).item() / mask.sum().item() - y) < 0.15


@given(angle=st.floats(-7, 7), size=st.floats(6, 24))
def test_nothing_is_drawn_outside_of_the_circle(name: str, angle: float, size: float) -> None:
    mask = coverage(name, **pose(32, 32, angle, size), image_size=(64, 64))[0]
    from_center = torch.arange(64, dtype=torch.float64) + 0.5 - 32
    radius = torch.hypot(from_center, from_center[:, None])
    assert mask[radius > size + 0.5].sum() == 0
    assert mask.min() >= 0
    assert mask.max() == 1


@given(seed=st.integers(0, 2**32 - 1))
def test_distance_agrees_with_points_walked_along_the_outline(name: str, seed: int) -> None:
    corners = torch.tensor(shape_corners(name), dtype=torch.float64)
    steps = torch.linspace(0, 1, 201, dtype=torch.float64)[:, None, None]
    outline = torch.lerp(corners, corners.roll(-1, 0), steps).transpose(0, 1).reshape(-1, 2)
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(40, 2, generator=generator, dtype=torch.float64) * 3 - 1.5
    distance = signed_distance(points[:, 0], points[:, 1], shape_corners(name))
    nearest = torch.cdist(points, outline).min(dim=1).values
    assert_close(distance.abs(), nearest, atol=5e-3, rtol=0)
    # Inside, the outline goes once around a point: its angles add up to a full turn.
    to_outline = torch.cat([outline, outline[:1]])[None] - points[:, None]
    angle = torch.atan2(to_outline[..., 1], to_outline[..., 0]).diff(dim=1)
    turns = torch.remainder(angle + math.pi, 2 * math.pi).sub(math.pi).sum(1) / (2 * math.pi)
    clear = nearest > 1e-2
    assert torch.equal((distance < 0)[clear], (turns.abs() > 0.5)[clear])


def test_no_shape_hides_a_swing(name: str) -> None:
    still, turned = (
        coverage(name, **pose(16, 16, math.radians(angle), 10), image_size=(32, 32))
        for angle in (0, 60)
    )
    assert (still - turned).abs().sum() > 0.2 * still.sum()


def test_no_shape_is_another(name: str) -> None:
    own = coverage(name, **pose(16, 16, 0, 10), image_size=(32, 32))
    for other in set(SHAPES) - {name}:
        mask = coverage(other, **pose(16, 16, 0, 10), image_size=(32, 32))
        assert (own - mask).abs().sum() > 0.15 * own.sum()

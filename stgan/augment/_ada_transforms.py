"""The transformations of ADA, drawn: affine maps of the picture, numbers of the colors.

A map is written from the output to the input, so that maps of transformations that follow one
another are composed from the left to the right.
"""

import math

import torch
from torch import Tensor

from stgan.augment._draws import below, happens, normal
from stgan.functional.warp import compose_affine

__all__ = ["BLIT_DRAWS", "COLOR_DRAWS", "GEOMETRY_DRAWS", "blit_map", "color_numbers", "warp_map"]

# A draw for each transformation whether it happens, then those of how strong it is.
BLIT_DRAWS = 3 + 4
GEOMETRY_DRAWS = 5 + 6
COLOR_DRAWS = 5 + 5


def _affine(a: Tensor, b: Tensor, c: Tensor, d: Tensor, e: Tensor, f: Tensor) -> Tensor:
    return torch.stack((torch.stack((a, b, c), dim=1), torch.stack((d, e, f), dim=1)), dim=1)


def _scale(x: Tensor, y: Tensor) -> Tensor:
    """Scale the picture; the map does the opposite."""
    zero = torch.zeros_like(x)
    return _affine(1 / x, zero, zero, zero, 1 / y, zero)


def _shift(x: Tensor, y: Tensor) -> Tensor:
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    return _affine(one, zero, -x, zero, one, -y)


def _turn(cos: Tensor, sin: Tensor) -> Tensor:
    zero = torch.zeros_like(cos)
    return _affine(cos, sin, zero, -sin, cos, zero)


def _chain(*maps: Tensor) -> Tensor:
    first, *rest = maps
    for other in rest:
        first = compose_affine(first, other)
    return first


def blit_map(draws: Tensor, probability: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Flip, turn by quarters, move by whole pixels: the map, and in which clips any happens."""
    h, w = size
    flip, quarter, move = happens(draws[:, :3], probability).unbind(1)
    mirror, turns, x, y = draws[:, 3:].unbind(1)
    one = torch.ones_like(x)
    flip = flip & (mirror < 0)
    sign = torch.where(flip, -one, one)
    # Of quarters, sine and cosine are whole.
    angle = torch.where(quarter, below(turns, 4).to(x), 0) * (math.pi / 2)
    turn = _turn(angle.cos().round(), angle.sin().round())
    x, y = (torch.where(move, (draw / 8 * side).round(), 0) for draw, side in ((x, w), (y, h)))
    return _chain(_scale(sign, one), turn, _shift(x, y)), flip | quarter | move


def warp_map(draws: Tensor, probability: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Scale, turn, stretch, turn and move: the map, and in which clips any of it happens."""
    h, w = size
    # Two turns by any angle are one: together they are to happen as often as the others.
    turned = 1 - (1 - probability).sqrt()
    scale, stretch, move = happens(draws[:, [0, 2, 4]], probability).unbind(1)
    before, after = happens(draws[:, [1, 3]], turned).unbind(1)
    size_, first, ratio, second, x, y = draws[:, 5:].unbind(1)
    size_, ratio = (
        torch.where(gate, torch.exp2(0.2 * normal(draw)), 1)
        for gate, draw in ((scale, size_), (stretch, ratio))
    )
    first, second = (
        torch.where(gate, draw * math.pi, 0) for gate, draw in ((before, first), (after, second))
    )
    x, y = (torch.where(move, normal(draw) / 8 * side, 0) for draw, side in ((x, w), (y, h)))
    matrix = _chain(
        _scale(size_, size_),
        _turn(first.cos(), first.sin()),
        _scale(ratio, 1 / ratio),
        _turn(second.cos(), second.sin()),
        _shift(x, y),
    )
    return matrix, scale | before | stretch | after | move


def color_numbers(draws: Tensor, probability: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """Numbers for :func:`stgan.functional.adjust_luma_chroma`, and in which clips any counts."""
    brightness, contrast, flip, hue, saturation = draws[:, 5:].unbind(1)
    shifted, scaled, flipped, turned, saturated = happens(draws[:, :5], probability).unbind(1)
    flipped = flipped & (flip < 0)
    changes = (
        ("brightness", shifted, 0.2 * normal(brightness), 0),
        ("contrast", scaled, torch.exp2(0.5 * normal(contrast)), 1),
        ("luma_sign", flipped, -torch.ones_like(flip), 1),
        ("hue", turned, hue * math.pi, 0),
        ("saturation", saturated, torch.exp2(normal(saturation)), 1),
    )
    numbers = {name: torch.where(gate, number, none) for name, gate, number, none in changes}
    return numbers, shifted | scaled | flipped | turned | saturated

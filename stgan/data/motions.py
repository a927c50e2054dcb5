"""Motions as poses over time: where the shape is, how it is turned, how large it is."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from stgan.registry import unknown_name

__all__ = ["CLIMB", "MOTIONS", "REACH", "Poses", "known_motion", "motion_poses"]

#: Names of the motions, in the order of their labels.
MOTIONS: tuple[str, ...] = ("left_right", "up_down", "circle", "bounce", "rotate", "zoom")

# Parts of the side of the picture (of the shorter one for the circle). Together with the range of
# start positions and sizes in moving_shapes.py they keep every motion inside of the picture.
_SWING = 0.24
_HOP = 0.28
_CIRCLE_RADIUS = 0.14
_TURN = math.radians(60)  # hides on none of the shapes: not a multiple of 90 degrees
_ZOOM = 0.45
#: Farthest that a motion leads to a side or down, and up, in parts of the side.
REACH, CLIMB = _SWING, max(_HOP, 2 * _CIRCLE_RADIUS)
# With fewer frames than this a whole period would be sampled at its zeros (two frames of a sine)
# or too rarely to see; such clips show the beginning of the motion instead.
_SHORTEST_PERIOD = 4


@dataclass(frozen=True)
class Poses:
    """Pose of a shape in every frame, relative to the first.

    Attributes:
        offsets: ``(T, 2)``, ``(x, y)`` in pixels, y down.
        angles: ``(T,)``, radians, clockwise as seen.
        scales: ``(T,)``, factor of the size.
    """

    offsets: Tensor
    angles: Tensor
    scales: Tensor


def known_motion(name: str) -> str:
    """Return the name of a motion, or refuse one that is not known and suggest the nearest.

    Raises:
        UnknownNameError: If no motion has this name.
    """
    if name not in MOTIONS:
        raise unknown_name("motions", name, dict.fromkeys(MOTIONS))
    return name


def motion_poses(
    motion: str,
    num_frames: int,
    image_size: tuple[int, int],
    *,
    amplitude: float = 1.0,
    speed: float = 1.0,
    direction: int = 1,
) -> Poses:
    """Return the poses of a motion; the first one is at rest: no offset, no turn, scale 1.

    A period takes ``T`` frames at speed 1 (four frames if there are fewer), so the frame that
    would follow the last is the first again.

    ===============  ============================================================================
    ``left_right``   a sine along x, 0.24 of the width to each side
    ``up_down``      a sine along y, 0.24 of the height to each side
    ``circle``       once around a circle above, of radius 0.14 of the shorter side
    ``bounce``       two hops, 0.28 of the height high
    ``rotate``       a swing of 60 degrees to each side
    ``zoom``         a sine of the size, from 0.55 to 1.45
    ===============  ============================================================================

    Args:
        motion: One of :data:`MOTIONS`.
        num_frames: Length of the clip.
        image_size: ``(H, W)`` in pixels.
        amplitude: Factor of the extent, at most 1 to stay inside of the picture.
        speed: Periods in the clip.
        direction: 1, or -1 to begin the other way; a bounce goes up either way.

    Raises:
        UnknownNameError: If the motion is not known; suggests the nearest.

    Example:
        >>> motion_poses("left_right", 4, (64, 100)).offsets[:, 0].round()
        tensor([  0.,  24.,   0., -24.], dtype=torch.float64)
    """
    known_motion(motion)
    height, width = image_size
    # In 64 bits, so that the first pose is the same to the last bit and periods close.
    frames = torch.arange(num_frames, dtype=torch.float64)
    phase = 2 * math.pi * speed * frames / max(num_frames, _SHORTEST_PERIOD)
    sine = direction * amplitude * phase.sin()
    x, y, angles = (torch.zeros_like(phase) for _ in range(3))
    scales = torch.ones_like(phase)
    if motion == "left_right":
        x = _SWING * width * sine
    elif motion == "up_down":
        y = _SWING * height * -sine
    elif motion == "circle":
        radius = _CIRCLE_RADIUS * min(height, width)
        x, y = radius * sine, -radius * amplitude * (1 - phase.cos())
    elif motion == "bounce":
        y = -_HOP * height * sine.abs()
    elif motion == "rotate":
        angles = _TURN * sine
    else:  # zoom
        scales = 1 + _ZOOM * sine
    return Poses(torch.stack([x, y], dim=1), angles, scales)

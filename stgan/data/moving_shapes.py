"""Moving shapes: labeled clips drawn on the fly, with nothing to download and known truth."""

import colorsys
import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import Dataset

from stgan._checks import check_positive, pair
from stgan.data.items import Index, Item, numbered_generator, split_index
from stgan.data.motions import CLIMB, MOTIONS, REACH, known_motion, motion_poses
from stgan.data.polygons import SHAPES, coverage
from stgan.typing import Size2

__all__ = ["MIN_SIDE", "MovingShapes", "Scene"]

#: Smallest height and width; a shape of fewer pixels could not be told from another.
MIN_SIDE = 16

Color = tuple[float, float, float]
# Radius of a shape in parts of the shorter side, and its center in parts of width and height.
# REACH and CLIMB of the motions fit around them: 0.55 + 0.24 + 0.20 < 1 and 0.50 - 0.28 > 0.20.
_SIZE = (0.14, 0.20)
_CENTER_X = (0.45, 0.55)
_CENTER_Y = (0.50, 0.55)
assert max(_CENTER_X[1], _CENTER_Y[1]) + REACH + _SIZE[1] < 1
assert _CENTER_Y[0] - CLIMB > _SIZE[1]


@dataclass(frozen=True)
class Scene:
    """Everything that a clip shows; equal scenes are equal clips.

    Attributes:
        num_frames: Length of the clip.
        image_size: ``(H, W)`` in pixels.
        shape: Name of the shape.
        color: RGB of the shape, each in [0, 1].
        background: RGB of the background, at its one end if it is a gradient.
        background_end: RGB at the other end; equal to ``background`` if it is plain.
        gradient_angle: Direction of the gradient in radians; 0 is to the right, a quarter down.
        size: Radius of the circle around the shape in the first frame, in pixels.
        start: Centroid ``(x, y)`` in the first frame, in pixels from the upper left corner.
        start_angle: Turn in the first frame, radians, clockwise as seen.
        motion: Name of the motion.
        amplitude: Factor of the extent of the motion.
        speed: Periods in the clip.
        direction: 1 or -1: which way the motion begins.
    """

    num_frames: int
    image_size: tuple[int, int]
    shape: str
    color: Color
    background: Color
    background_end: Color
    gradient_angle: float
    size: float
    start: tuple[float, float]
    start_angle: float
    motion: str
    amplitude: float = 1.0
    speed: float = 1.0
    direction: int = 1

    def _poses(self) -> tuple[Tensor, Tensor, Tensor]:
        poses = motion_poses(
            self.motion,
            self.num_frames,
            self.image_size,
            amplitude=self.amplitude,
            speed=self.speed,
            direction=self.direction,
        )
        start = torch.tensor(self.start, dtype=torch.float64)
        return start + poses.offsets, self.start_angle + poses.angles, poses.scales

    @property
    def centers(self) -> Tensor:
        """``(T, 2)`` float64: centroid ``(x, y)`` in pixels from the upper left corner."""
        return self._poses()[0]

    @property
    def angles(self) -> Tensor:
        """``(T,)`` float64: turn in radians, clockwise as seen."""
        return self._poses()[1]

    @property
    def scales(self) -> Tensor:
        """``(T,)`` float64: size relative to the first frame."""
        return self._poses()[2]

    def mask(self) -> Tensor:
        """``(T, H, W)`` float32 in [0, 1]: how much of each pixel the shape covers."""
        centers, angles, scales = self._poses()
        return coverage(
            self.shape,
            centers=centers.float(),
            angles=angles.float(),
            sizes=(self.size * scales).float(),
            image_size=self.image_size,
        )

    def render(self) -> Tensor:
        """``(3, T, H, W)`` float32 in [-1, 1]."""
        height, width = self.image_size
        x = (torch.arange(width) + 0.5) / width - 0.5
        y = (torch.arange(height) + 0.5) / height - 0.5
        cos, sin = math.cos(self.gradient_angle), math.sin(self.gradient_angle)
        # From 0 in one corner or side to 1 in the opposite one, whatever the direction.
        ramp = (cos * x + sin * y[:, None]) / (abs(cos) + abs(sin)) + 0.5
        first, last, color = (
            torch.tensor(rgb).mul(2).sub(1)[:, None, None]
            for rgb in (self.background, self.background_end, self.color)
        )
        background = torch.lerp(first, last, ramp)[:, None]
        return torch.lerp(background, color[:, None], self.mask()[None])


def _draw_scene(
    generator: torch.Generator,
    num_frames: int,
    image_size: tuple[int, int],
    motion: str,
    jitter: float,
) -> Scene:
    """Draw an appearance, then the jitter, so that jitter never changes an appearance."""

    def between(low: float, high: float) -> float:
        unit = float(torch.rand((), generator=generator, dtype=torch.float64))
        return low + (high - low) * unit

    shape = SHAPES[int(between(0, len(SHAPES)))]
    # Vivid on dark, or deep on light: one of the three channels differs by at least 0.45 in [0, 1].
    if between(0, 1) < 0.5:
        color = (between(0, 1), between(0.5, 0.9), between(0.85, 1))
        ground = [(between(0, 1), between(0, 1), between(0.05, 0.35)) for _ in range(2)]
    else:
        color = (between(0, 1), between(0.8, 1), between(0.4, 0.8))
        ground = [(between(0, 1), between(0, 0.25), between(0.85, 1)) for _ in range(2)]
    first, last = (colorsys.hsv_to_rgb(*hsv) for hsv in ground)
    plain = between(0, 1) < 0.5
    gradient_angle = between(0, 2 * math.pi)
    height, width = image_size
    size = between(*_SIZE) * min(height, width)
    start = (between(*_CENTER_X) * width, between(*_CENTER_Y) * height)
    return Scene(
        num_frames=num_frames,
        image_size=image_size,
        shape=shape,
        color=colorsys.hsv_to_rgb(*color),
        background=first,
        background_end=first if plain else last,
        gradient_angle=gradient_angle,
        size=size,
        start=start,
        start_angle=math.radians(between(-15, 15)),
        motion=motion,
        amplitude=1 - jitter * between(0, 0.5),
        # Never slower than one period, so that the motion is complete in the clip.
        speed=1 + jitter * between(0, 0.5),
        direction=-1 if between(0, 1) < jitter / 2 else 1,
    )


class MovingShapes(Dataset[Item]):
    """Clips of one shape that moves; the motion is the label, the first frame the condition.

    The appearance (shape, colors, background, size, place) is drawn independently of the label:
    the same appearance with another motion has exactly the same first frame, so a model has to
    take the motion from the label. With ``jitter=0`` the clip follows from first frame and label.
    With more, extent, speed and direction vary too, which is left to the noise of the model.

    Item ``i`` depends on ``seed`` and ``i`` alone, whatever process asks for it in what order.
    Labels take turns, so their counts differ by at most one.

    Args:
        num_clips: Number of items.
        num_frames: Length of a clip.
        image_size: ``(H, W)`` or one number for both, each at least ``MIN_SIDE``.
        motions: Names out of :data:`MOTIONS`; their order numbers the classes.
        seed: Seed of all choices.
        jitter: From 0 to 1. The extent is drawn from 1 down to ``1 - jitter / 2``, the speed from
            1 to ``1 + jitter / 2`` periods a clip, and one clip in ``2 / jitter`` begins the
            other way.

    Raises:
        UnknownNameError: If a motion is not known; suggests the nearest.
        ValueError: If a size is too small, a motion comes twice, or ``jitter`` is out of range.
        TypeError: If a count is not an integer.

    Example:
        >>> data = MovingShapes(12, num_frames=8, image_size=(32, 48))
        >>> data[0]["video"].shape, data.classes[data[1]["label"]]
        (torch.Size([3, 8, 32, 48]), 'up_down')
        >>> torch.equal(data[0]["video"][:, 0], data.render(data.scene(0), "zoom")[:, 0])
        True
    """

    def __init__(
        self,
        num_clips: int,
        *,
        num_frames: int = 16,
        image_size: Size2 = (64, 64),
        motions: Sequence[str] = MOTIONS,
        seed: int = 0,
        jitter: float = 0.0,
    ) -> None:
        self.num_clips = check_positive(num_clips, "num_clips")
        self.num_frames = check_positive(num_frames, "num_frames")
        self.image_size = pair(image_size, "image_size", minimum=MIN_SIDE)
        self.classes = [known_motion(name) for name in motions]
        if not self.classes or len(set(self.classes)) != len(self.classes):
            raise ValueError(f"motions must be different names, at least one, got {motions!r}")
        if not 0 <= jitter <= 1:
            raise ValueError(f"jitter must lie in [0, 1], got {jitter}")
        self.seed = seed
        self.jitter = float(jitter)

    def __len__(self) -> int:
        return self.num_clips

    @property
    def labels(self) -> list[int]:
        """Label of every item."""
        return [index % len(self.classes) for index in range(self.num_clips)]

    def scene(self, index: int) -> Scene:
        """Return what item ``index`` shows.

        Raises:
            IndexError: If there is no such item.
        """
        number, _ = split_index(index, len(self))
        return _draw_scene(
            numbered_generator(self.seed, number),
            self.num_frames,
            self.image_size,
            self.classes[number % len(self.classes)],
            self.jitter,
        )

    def mask(self, index: int) -> Tensor:
        """Return ``(T, H, W)`` in [0, 1]: how much of each pixel the shape of an item covers.

        Raises:
            IndexError: If there is no such item.
        """
        return self.scene(index).mask()

    def render(self, scene: Scene, motion: str | None = None) -> Tensor:
        """Draw a scene, if wanted with another motion; the first frame is the same for all.

        Args:
            scene: What to draw, such as :meth:`scene` returns.
            motion: Name out of :data:`MOTIONS`; ``None`` keeps that of the scene.

        Returns:
            ``(3, T, H, W)``, float in [-1, 1].

        Raises:
            UnknownNameError: If the motion is not known; suggests the nearest.
        """
        if motion is not None:
            scene = dataclasses.replace(scene, motion=known_motion(motion))
        return scene.render()

    def __getitem__(self, index: Index) -> Item:
        """Return an item; a draw beside the number changes nothing, as items are fixed."""
        number, _ = split_index(index, len(self))
        video = self.scene(number).render()
        return Item(video=video, image=video[:, 0].clone(), label=number % len(self.classes))

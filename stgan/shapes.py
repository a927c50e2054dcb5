"""Integer algebra of sizes: what comes out of a convolution, and which stages reach a size.

Nothing here touches a tensor, so a network can be planned, refused or explained before it is
built. Sizes and geometry are ``(time, height, width)``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from stgan._checks import triple
from stgan.errors import ShapeError
from stgan.typing import Size3

__all__ = [
    "Plan",
    "Stage",
    "conv_size",
    "conv_transpose_size",
    "plan",
    "plan_downsampling",
    "plan_upsampling",
]

Size = TypeVar("Size", int, tuple[int, ...])
_AXES = ("time", "height", "width")
# A decoder opens from 1 x 1 x 1 to its base with one kernel of that size; beyond 8 that kernel
# would hold more weights than the rest of the network.
_LARGEST_BASE = 8
# Kernel and padding for each stride.
_GEOMETRY = {1: (3, 1), 2: (4, 1), 3: (3, 0)}


def _by_axis(size: int | Sequence[int], *geometry: int | Sequence[int]) -> list[tuple[int, ...]]:
    """Size and geometry of every axis."""
    count = len(size) if isinstance(size, tuple | list) else 1
    # Whatever is no sequence, such as an integer of NumPy, is one number for all axes.
    spread = [
        value if isinstance(value, tuple | list) else (value,) * count
        for value in (size, *geometry)
    ]
    return list(zip(*spread, strict=True))


def conv_size(
    size: Size,
    *,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
) -> Size:
    r"""Size after a convolution, per axis: :math:`\lfloor (x + 2p - k) / s \rfloor + 1`.

    Args:
        size: One side, or one per axis.
        kernel_size: For all axes, or one per axis; likewise the others.
        stride: Step of the kernel.
        padding: Zeros added at each end.

    Raises:
        ShapeError: If the kernel is larger than the padded input.

    Example:
        >>> conv_size((32, 64, 64), kernel_size=4, stride=2, padding=1)
        (16, 32, 32)
        >>> conv_size(7, kernel_size=3)
        5
    """
    axes = _by_axis(size, kernel_size, stride, padding)
    out = [(x + 2 * p - k) // s + 1 for x, k, s, p in axes]
    if min(out) < 1:
        raise ShapeError(
            f"a kernel of {kernel_size} with padding {padding} does not fit into a size of {size}; "
            f"give a larger input or fewer stages"
        )
    return tuple(out) if isinstance(size, tuple | list) else out[0]


def conv_transpose_size(
    size: Size,
    *,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
) -> Size:
    r"""Size after a transposed convolution, per axis: :math:`(x - 1)s - 2p + k`.

    Args:
        size: One side, or one per axis.
        kernel_size: For all axes, or one per axis; likewise the others.
        stride: Distance between the places where neighboring inputs write.
        padding: Outputs trimmed at each end, as in :class:`torch.nn.ConvTranspose3d`.

    Raises:
        ShapeError: If the padding trims everything away.

    Example:
        >>> conv_transpose_size((2, 4, 4), kernel_size=4, stride=2, padding=1)
        (4, 8, 8)
    """
    axes = _by_axis(size, kernel_size, stride, padding)
    out = [(x - 1) * s - 2 * p + k for x, k, s, p in axes]
    if min(out) < 1:
        raise ShapeError(
            f"padding {padding} trims all of the output that a kernel of {kernel_size} makes from "
            f"a size of {size}; lower the padding"
        )
    return tuple(out) if isinstance(size, tuple | list) else out[0]


@dataclass(frozen=True)
class Stage:
    """Geometry of one stage: forward it divides the size by the stride, transposed it multiplies.

    Attributes:
        kernel_size: ``(t, h, w)``.
        stride: ``(t, h, w)``.
        padding: ``(t, h, w)``.
    """

    kernel_size: tuple[int, int, int]
    stride: tuple[int, int, int]
    padding: tuple[int, int, int]

    @classmethod
    def from_stride(cls, stride: tuple[int, int, int]) -> "Stage":
        """Stage with kernel 3 where it keeps the size, 4 for a stride of two and 3 for three.

        Kernels of strided axes are multiples of the stride, so that each output is reached by as
        many inputs as its neighbors (Odena et al., Distill 2016).
        """
        (t, h, w), (t0, h0, w0) = zip(*(_GEOMETRY[s] for s in stride), strict=True)
        return cls(kernel_size=(t, h, w), stride=stride, padding=(t0, h0, w0))

    def up(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """Size after the transposed convolution of this stage."""
        return conv_transpose_size(
            size, kernel_size=self.kernel_size, stride=self.stride, padding=self.padding
        )

    def down(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """Size after the convolution of this stage."""
        return conv_size(
            size, kernel_size=self.kernel_size, stride=self.stride, padding=self.padding
        )


@dataclass(frozen=True)
class Plan:
    """How a decoder reaches a size, and how a discriminator or encoder leaves it again.

    Attributes:
        base: ``(t, h, w)`` of the first feature map, opened from 1 x 1 x 1 by one kernel.
        stages: Upsampling stages, coarse to fine.
    """

    base: tuple[int, int, int]
    stages: tuple[Stage, ...]

    @property
    def sizes(self) -> tuple[tuple[int, ...], ...]:
        """``(t, h, w)`` of the base and after every stage, coarse to fine."""
        sizes: list[tuple[int, ...]] = [self.base]
        for stage in self.stages:
            sizes.append(stage.up(sizes[-1]))
        return tuple(sizes)


def _factors(start: int, target: int) -> tuple[int, ...] | None:
    """Factors of two and three that lead from one size to the other, threes first."""
    ratio, rest = divmod(target, start)
    if rest or not ratio:
        return None
    factors = []
    for factor in (3, 2):
        while ratio % factor == 0:
            ratio //= factor
            factors.append(factor)
    return tuple(factors) if ratio == 1 else None


def plan_upsampling(start: Size3, target: Size3) -> tuple[Stage, ...]:
    """Stages of transposed convolutions from ``start`` to ``target``, coarse to fine.

    Every stage doubles or triples some axes (kernel 4, stride 2, padding 1, or kernel and stride 3)
    and keeps the others (kernel 3, stride 1, padding 1). An axis with fewer factors than there are
    stages takes them in the first stages, as the code of G3AN (Wang et al., CVPR 2020) does for
    time: motion is laid out early, where it is cheap, and refined later. Threes come first too.

    Args:
        start: ``(t, h, w)`` to begin with.
        target: ``(t, h, w)`` to reach.

    Raises:
        ShapeError: If an axis is not its start times twos and threes; names the nearest that is.

    Example:
        >>> [stage.stride for stage in plan_upsampling((2, 4, 4), (4, 16, 16))]
        [(2, 2, 2), (1, 2, 2)]
        >>> [stage.stride for stage in plan_upsampling((1, 4, 4), (8, 32, 48))]
        [(2, 2, 3), (2, 2, 2), (2, 2, 2)]
    """
    begin, end = triple(start, "start"), triple(target, "target")
    factors: list[tuple[int, ...]] = []
    for axis, s, t in zip(_AXES, begin, end, strict=True):
        found = _factors(s, t)
        if found is None:
            reachable = [x for x in range(s, 3 * max(s, t)) if _factors(s, x) is not None]
            near = {max((x for x in reachable if x < t), default=s),
                    min(x for x in reachable if x > t)} if t >= s else {s}  # fmt: skip
            raise ShapeError(
                f"{axis} {t} cannot be reached from {s} by doubling and tripling; use "
                f"{' or '.join(map(str, sorted(near)))}, or another start"
            )
        factors.append(found)
    count = max(map(len, factors))
    strides = zip(*((*axis, *(1,) * (count - len(axis))) for axis in factors), strict=True)
    return tuple(Stage.from_stride((t, h, w)) for t, h, w in strides)


def plan_downsampling(start: Size3, target: Size3) -> tuple[Stage, ...]:
    """Stages of convolutions from ``start`` down to ``target``: the way up, walked backwards.

    Args:
        start: ``(t, h, w)`` of the input.
        target: ``(t, h, w)`` to reach.

    Raises:
        ShapeError: If an axis of ``start`` is not that of ``target`` times twos and threes.

    Example:
        >>> [stage.stride for stage in plan_downsampling((4, 16, 16), (2, 4, 4))]
        [(1, 2, 2), (2, 2, 2)]
    """
    return plan_upsampling(target, start)[::-1]


def _halvings(side: int, smallest: int) -> int:
    count = 0
    while side % 2 == 0 and side // 2 >= smallest:
        side, count = side // 2, count + 1
    return count


def _plan_or_none(size: tuple[int, int, int]) -> Plan | None:
    frames, height, width = size
    spatial = (_halvings(height, 3), _halvings(width, 3))
    # As many stages as the shorter way down; more only if a long side would stay too long.
    for count in range(max(1, min(spatial)), max(1, *spatial) + 1):
        h, w = (side >> min(d, count) for side, d in zip((height, width), spatial, strict=True))
        t = frames >> min(_halvings(frames, 2), count)
        if max(t, h, w) <= _LARGEST_BASE and min(h, w) < min(height, width):
            return Plan(base=(t, h, w), stages=plan_upsampling((t, h, w), size))
    return None


def plan(size: Size3) -> Plan:
    """Plan the stages that reach a clip of ``size`` from a small base.

    The base is about 4 x 4 in space and 2 in time, as in ImaGINator (2 x 4 x 4 and four doublings
    for 32 x 64 x 64); every side is its base times a power of two.

    Space decides how many stages there are: height and width are halved for as long as they stay
    even and 3 or more is left, and time as often at most as the one of them that is halved more.
    What is left of each side must be 8 or less, so there are at most 8 frames times two for each
    stage.

    Args:
        size: ``(t, h, w)`` of the clip.

    Raises:
        ShapeError: If no plan exists; names the nearest size that has one, and what T must be where
            H and W would do.

    Example:
        >>> plan((32, 64, 64)).base
        (2, 4, 4)
        >>> plan((24, 48, 64)).sizes
        ((3, 3, 4), (6, 6, 8), (12, 12, 16), (24, 24, 32), (24, 48, 64))
    """
    wanted = triple(size, "size")
    found = _plan_or_none(wanted)
    if found is None:
        raise ShapeError(
            f"no stack of doublings reaches (T, H, W) = {wanted} from a base of at most "
            f"{_LARGEST_BASE} a side{_why_not_in_time(wanted)}; the nearest size that can be "
            f"reached is {_nearest(wanted)}"
        )
    return found


def _why_not_in_time(size: tuple[int, int, int]) -> str:
    """What T must be, where H and W can be reached and T alone cannot."""
    _, height, width = size
    if _plan_or_none((1, height, width)) is None:
        return ""
    count = max(_halvings(height, 3), _halvings(width, 3))
    return (
        f": H and W are reached by {count} doubling{'s' if count > 1 else ''}, so T must be 1 to "
        f"{_LARGEST_BASE} times a power of two up to {2**count}"
    )


def _nearest(size: tuple[int, int, int]) -> tuple[int, int, int]:
    """The size with a plan that differs least from another, summed over the sides."""
    frames, height, width = size
    sides = sorted(
        (abs(h - height) + abs(w - width), h, w)
        for h in _good_sides(height)
        for w in _good_sides(width)
    )
    found, least = size, math.inf
    for apart, h, w in sides:
        for t in sorted(range(1, 2 * frames + 2), key=lambda t: abs(t - frames)):
            distance = apart + abs(t - frames)
            if distance >= least:
                break
            if _plan_or_none((t, h, w)) is not None:
                found, least = (t, h, w), distance
                break
    return found


def _good_sides(side: int) -> list[int]:
    """The sides nearest to ``side`` that halve evenly down to a base of at most 8."""
    good = (x for x in range(1, 2 * side + 7) if x >> _halvings(x, 3) <= _LARGEST_BASE)
    return sorted(good, key=lambda x: abs(x - side))[:10]

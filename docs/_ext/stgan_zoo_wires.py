"""How arrows run between rows of boxes, and how far apart the rows must be for that."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

__all__ = ["Box", "Wire", "set_heights"]

BEND = 8  # between horizontal runs of arrows in one gap
LEAD = 9  # from a box to the first of them
SPACE = 26  # between rows
PORT = 18  # between arrows that enter one box
FRAME = 13  # beside a frame


@dataclass
class Box:
    """A box: its size is given, its place is found.

    Attributes:
        width: Wanted width; boxes of one lane get that of the widest.
        height: Height.
        sources: Numbers of the boxes that it reads from.
        row: Found row.
        lane: Found lane, counted from the main one.
        x: Found left edge.
        y: Found upper edge.
    """

    width: float
    height: float
    sources: Sequence[int]
    row: int = 0
    lane: int = 0
    x: float = 0
    y: float = 0

    @property
    def center(self) -> float:
        """Middle from left to right."""
        return self.x + self.width / 2


@dataclass
class Wire:
    """An arrow.

    Attributes:
        source: Number of the box where it begins.
        target: Number of the box where it ends.
        lane: Lane of the rows that it passes.
        points: Found corners.
    """

    source: int
    target: int
    lane: int = 0
    points: list[tuple[float, float]] = field(default_factory=list)


def set_heights(
    boxes: list[Box], wires: list[Wire], centers: dict[int, float], framed: Sequence[int]
) -> float:
    """Set the heights of boxes and the corners of arrows, and return the height of all.

    Args:
        boxes: With their rows and lanes.
        wires: With their lanes.
        centers: Middle of each lane.
        framed: Rows that stand in a frame.
    """
    rows = 1 + max(box.row for box in boxes)
    tall = [max([b.height for b in boxes if b.row == row] + [0]) for row in range(rows)]
    ways = [_way(boxes, wire, centers) for wire in wires]
    ports = _ports(boxes, wires, ways)
    runs: list[list[tuple[float, float, int]]] = [[] for _ in range(rows)]
    for wire, way, port in zip(wires, ways, ports, strict=True):
        way[-1] = port
        for step, (a, b) in enumerate(pairwise(way)):
            if a != b:
                runs[boxes[wire.source].row + step].append((a, b, wire.source))
    tracks = [_tracks(gap) for gap in runs]
    tops, y = [], 0.0
    gaps = []  # where the runs below a row begin
    for row in range(rows):
        tops.append(y)
        y += tall[row]
        gaps.append(y + (LEAD + FRAME if row == max(framed, default=-1) else LEAD))
        y = gaps[-1] + SPACE - LEAD + BEND * max(tracks[row].values(), default=0)
        y += FRAME * (row + 1 == min(framed, default=-1))
    for box in boxes:
        box.y = tops[box.row] + (tall[box.row] - box.height) / 2
    for wire, way in zip(wires, ways, strict=True):
        _set_points(boxes, wire, way, gaps, tracks)
    return tops[-1] + tall[-1]


def _way(boxes: list[Box], wire: Wire, centers: dict[int, float]) -> list[float]:
    """Where an arrow is in each row from its first to its last."""
    source, target = boxes[wire.source], boxes[wire.target]
    passed = [centers[wire.lane]] * (target.row - source.row - 1)
    return [source.center, *passed, target.center]


def _ports(boxes: list[Box], wires: list[Wire], ways: list[list[float]]) -> list[float]:
    """Where each arrow enters its box: straight ones in the middle, others on their side."""
    found = [0.0] * len(wires)
    for target, box in enumerate(boxes):
        entering = [(ways[n][-2], n) for n, wire in enumerate(wires) if wire.target == target]
        straight = [n for x, n in entering if abs(x - box.center) < 1]
        left = sorted(((x, n) for x, n in entering if x < box.center - 1), reverse=True)
        right = sorted((x, n) for x, n in entering if x > box.center + 1)
        for n in straight:
            found[n] = box.center
        base = 0.0
        if not straight:
            # Alone in the middle; several around it.
            base = -PORT if len(left) + len(right) == 1 else -PORT / 2
        for side, sign in ((left, -1), (right, 1)):
            for place, (_, n) in enumerate(side, 1):
                shift = base + PORT * place
                found[n] = box.center + sign * min(shift, box.width / 2 - 8)
    return found


def _tracks(runs: list[tuple[float, float, int]]) -> dict[tuple[float, float, int], int]:
    """Heights of the horizontal runs in one gap, so that none covers another."""
    found: dict[tuple[float, float, int], int] = {}
    waiting = list(dict.fromkeys(runs))
    while waiting:
        # A run that leaves a place lies above one that arrives there.
        ready = [
            run
            for run in waiting
            if not any(
                other[0] == run[1] and other[2] != run[2] for other in waiting if other != run
            )
        ] or waiting[:1]
        for run in ready:
            above = [
                found[o] + 1 for o in found if o[0] == run[1] and o[2] != run[2]
            ]  # fmt: skip
            track = max(above, default=0)
            while any(found[o] == track and o[2] != run[2] and _overlap(o, run) for o in found):
                track += 1
            found[run] = track
        waiting = [run for run in waiting if run not in ready]
    return found


def _overlap(a: tuple[float, float, int], b: tuple[float, float, int]) -> bool:
    return min(max(a[:2]), max(b[:2])) + 6 > max(min(a[:2]), min(b[:2]))


def _set_points(
    boxes: list[Box],
    wire: Wire,
    way: list[float],
    gaps: Sequence[float],
    tracks: list[dict[tuple[float, float, int], int]],
) -> None:
    source, target = boxes[wire.source], boxes[wire.target]
    points = [(way[0], source.y + source.height)]
    for step, (a, b) in enumerate(pairwise(way)):
        if a != b:
            row = source.row + step
            y = gaps[row] + BEND * tracks[row][a, b, wire.source]
            points += [(a, y), (b, y)]
    wire.points = [*points, (way[-1], target.y)]

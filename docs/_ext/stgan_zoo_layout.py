"""Where boxes and arrows of a drawing go: rows from top to bottom, lanes from left to right.

Each box has a row below everything that it reads. The longest way from the first input to the
output keeps one lane; what joins it comes from lanes beside it, as late as it can. An arrow that
passes rows runs in a lane that is free there.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

__all__ = ["Box", "Layout", "Wire", "lay_out"]

GAP = 14  # between lanes
BEND = 8  # between horizontal runs of arrows in one gap
SPACE = 26  # between rows without any run
PORT = 18  # between arrows that enter one box
FRAME = 13  # beside a frame
THIN = 12  # a lane for arrows only


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


@dataclass
class Layout:
    """Boxes and arrows in their places, and the size of the whole."""

    boxes: list[Box]
    wires: list[Wire]
    width: float
    height: float


def lay_out(boxes: list[Box], main: int = 0, framed: Sequence[int] = ()) -> Layout:
    """Find the places of all boxes and arrows.

    Args:
        boxes: In an order in which each stands behind those that it reads from.
        main: The box that begins the main lane in the first row.
        framed: Boxes whose rows get room for a frame around them.
    """
    readers = [[n for n, b in enumerate(boxes) if k in b.sources] for k in range(len(boxes))]
    _set_rows(boxes, readers, main)
    wires = [Wire(s, t) for t, box in enumerate(boxes) for s in box.sources]
    _set_lanes(boxes, readers, wires, main)
    lanes = sorted({b.lane for b in boxes} | {w.lane for w in wires})
    centers, left = {}, 0.0
    for lane in lanes:
        wide = max([b.width for b in boxes if b.lane == lane] + [THIN])
        for box in boxes:
            if box.lane == lane:
                box.x, box.width = left, wide
        centers[lane] = left + wide / 2
        left += wide + GAP
    height = _set_heights(boxes, wires, centers, [boxes[n].row for n in framed])
    return Layout(boxes, wires, left - GAP, height)


def _set_rows(boxes: list[Box], readers: list[list[int]], main: int) -> None:
    """Put every box as late as what reads it allows, outputs last and the main input first."""
    for box in boxes:
        box.row = max([boxes[s].row + 1 for s in box.sources], default=0)
    last = max(box.row for box in boxes)
    for number in reversed(range(len(boxes))):
        rows = [boxes[r].row - 1 for r in readers[number]]
        boxes[number].row = min(rows, default=last if boxes[number].sources else 0)
    boxes[main].row = 0


def _set_lanes(
    boxes: list[Box], readers: list[list[int]], wires: list[Wire], main: int
) -> None:
    taken: set[tuple[int, int]] = set()
    placed: set[int] = set()

    def put(chain: Iterable[int], lane: int) -> None:
        for number in chain:
            boxes[number].lane = lane
            placed.add(number)
            taken.add((lane, boxes[number].row))

    put(_longest(boxes, readers, main), 0)
    taken |= {(0, box.row) for box in boxes}
    # Those nearest to the end first: they join the main lane where it is nearly over.
    for number in sorted(range(len(boxes)), key=lambda n: (-boxes[n].row, n)):
        if number in placed:
            continue
        chain = [number]
        while rest := [s for s in boxes[chain[-1]].sources if s not in placed]:
            chain.append(max(rest, key=lambda s: boxes[s].row))
        top, end = chain[-1], max([boxes[r].row for r in readers[number]], default=0)
        near = [boxes[n].lane for n in [*readers[number], *boxes[top].sources] if n in placed]
        begin = min([boxes[s].row + 1 for s in boxes[top].sources], default=boxes[top].row)
        rows = range(min(begin, boxes[top].row), max(end, boxes[number].row + 1))
        put(chain, _free(taken, rows, near[0] if near else 0))
        taken |= {(boxes[number].lane, row) for row in rows}
    owner: dict[tuple[int, int], int] = {}  # places of arrows, by the box where they begin
    for wire in sorted(wires, key=lambda w: boxes[w.target].row - boxes[w.source].row):
        source, target = boxes[wire.source], boxes[wire.target]
        rows = range(source.row + 1, target.row)
        own = {(b.lane, b.row) for b in boxes}
        wire.lane = source.lane if not rows else _wire_lane(
            source.lane, target.lane, rows, own, owner, wire.source
        )  # fmt: skip
        owner |= {(wire.lane, row): wire.source for row in rows}


def _longest(boxes: list[Box], readers: list[list[int]], main: int) -> list[int]:
    """Boxes of the longest way from the main input to the end."""
    count = [0] * len(boxes)
    follow: dict[int, int] = {}
    for number in reversed(range(len(boxes))):
        if readers[number]:
            follow[number] = max(readers[number], key=lambda r: count[r])
            count[number] = count[follow[number]] + 1
    chain = [main]
    while chain[-1] in follow:
        chain.append(follow[chain[-1]])
    return chain


def _free(taken: set[tuple[int, int]], rows: Iterable[int], near: int) -> int:
    """The lane nearest to another that is free in some rows; on the right, if both sides are."""
    rows = list(rows)
    lanes = sorted(range(-9, 10), key=lambda lane: (abs(lane - near), abs(lane), -lane))
    return next(lane for lane in lanes if not any((lane, row) in taken for row in rows))


def _wire_lane(
    source: int,
    target: int,
    rows: range,
    boxes: set[tuple[int, int]],
    owner: dict[tuple[int, int], int],
    number: int,
) -> int:
    """The nearest lane that is free in all rows that an arrow passes."""
    used = {lane for lane, _ in boxes} | {lane for lane, _ in owner}
    low, high = min(used), max(used)

    def cost(lane: int) -> tuple[int, int, int]:
        return (lane < low or lane > high, abs(lane - source) + abs(lane - target), lane)

    for lane in sorted(range(low - 1, high + 2), key=cost):
        cells = [(lane, row) for row in rows]
        if all(c not in boxes and owner.get(c, number) == number for c in cells):
            return lane
    return low - 1


def _set_heights(
    boxes: list[Box], wires: list[Wire], centers: dict[int, float], framed: Sequence[int]
) -> float:
    rows = 1 + max(box.row for box in boxes)
    tall = [max([b.height for b in boxes if b.row == row] + [0]) for row in range(rows)]
    ways = [_way(boxes, wire, centers) for wire in wires]
    ports = _ports(boxes, wires, ways)
    runs: list[list[tuple[float, float, int]]] = [[] for _ in range(rows)]
    for wire, way, port in zip(wires, ways, ports, strict=True):
        way[-1] = port
        for step, (a, b) in enumerate(zip(way, way[1:], strict=False)):
            if a != b:
                runs[boxes[wire.source].row + step].append((a, b, wire.source))
    tracks = [_tracks(gap) for gap in runs]
    tops, y = [], 0.0
    gaps = []  # where the runs below a row begin
    for row in range(rows):
        tops.append(y)
        y += tall[row]
        gaps.append(y + (FRAME + 9 if row == max(framed, default=-1) else 9))
        y = gaps[-1] + SPACE - 9 + BEND * max(tracks[row].values(), default=0)
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
            while any(
                found[o] == track and o[2] != run[2] and _overlap(o, run) for o in found
            ):
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
    for step, (a, b) in enumerate(zip(way, way[1:], strict=False)):
        if a != b:
            row = source.row + step
            y = gaps[row] + BEND * tracks[row][a, b, wire.source]
            points += [(a, y), (b, y)]
    wire.points = [*points, (way[-1], target.y)]

"""Where boxes and arrows of a drawing go: rows from top to bottom, lanes from left to right.

Each box has a row below everything that it reads. The longest way from the first input to the
output keeps one lane; what joins it comes from lanes beside it, as late as it can. An arrow that
passes rows runs in a lane that is free there.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stgan_zoo_wires import Box, Wire, set_heights

__all__ = ["Layout", "lay_out"]

GAP = 14  # between lanes
THIN = 12  # a lane for arrows only


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
    height = set_heights(boxes, wires, centers, [boxes[n].row for n in framed])
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


def _set_lanes(boxes: list[Box], readers: list[list[int]], wires: list[Wire], main: int) -> None:
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

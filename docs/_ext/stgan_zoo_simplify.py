"""Fewer boxes that tell the same: no dead ends, one for a change of layout, one round of a loop."""

from collections.abc import Iterable, Sequence

from stgan_zoo_graph import Step

__all__ = ["alive", "looped", "merged_views"]


def alive(steps: list[Step]) -> list[Step]:
    """Leave out what no output depends on, such as checks of ranges; inputs stay."""
    wanted: set[int] = set()
    stack = [number for number, step in enumerate(steps) if step.kind == "output"]
    while stack:
        number = stack.pop()
        if number not in wanted:
            wanted.add(number)
            stack += steps[number].sources
    kept = [n for n, step in enumerate(steps) if n in wanted or step.kind == "input"]
    return _renumbered([(n, steps[n]) for n in kept], {n: n for n in kept})


def _renumbered(kept: Iterable[tuple[int, Step]], stands_for: dict[int, int]) -> list[Step]:
    """Number boxes anew; a source that is gone is replaced by the one that stands for it."""
    kept = list(kept)
    place = {number: new for new, (number, _) in enumerate(kept)}
    for own, step in kept:
        found = dict.fromkeys(stands_for[source] for source in step.sources)
        step.sources = [place[n] for n in found if n in place and n != own]
    return [step for _, step in kept]


def merged_views(steps: list[Step]) -> list[Step]:
    """Make one step of changes of layout in a row, and none where nothing changed in the end."""
    readers = [[n for n, s in enumerate(steps) if k in s.sources] for k in range(len(steps))]
    stands_for = {n: n for n in range(len(steps))}
    for number, step in enumerate(steps):
        if step.kind != "view" or len(step.sources) != 1:
            continue
        source = stands_for[step.sources[0]]
        if steps[source].kind == "view" and len(readers[step.sources[0]]) == 1:
            stands_for[number] = source
            steps[source].shapes = step.shapes
    for step in steps:
        if step.kind == "view":
            before = steps[stands_for[step.sources[0]]].shapes[0] if step.sources else ()
            grown = _numel(step.shapes[0]) > _numel(before)
            step.title, step.detail = ("repeat" if grown else "rearrange"), ""
    # Axes of size one come and go without a box.
    for number, step in enumerate(steps):
        if step.kind == "view" and step.sources and stands_for[number] == number:
            source = stands_for[step.sources[0]]
            if any(_bare(shape) == _bare(step.shapes[0]) for shape in steps[source].shapes):
                stands_for |= {n: source for n, s in stands_for.items() if s == number}
    alive = [(n, s) for n, s in enumerate(steps) if stands_for[n] == n]
    return _renumbered(alive, stands_for)


def _bare(shape: Sequence[int]) -> list[int]:
    return [size for size in shape if size != 1]


def _numel(shape: Sequence[int]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


def looped(steps: list[Step]) -> list[Step]:
    """Fold rounds of a loop: the same titles and shapes, several times in a row."""
    signs = [(s.kind, s.title, tuple(s.shapes)) for s in steps]
    for start in range(len(steps)):
        for period in range(1, (len(steps) - start) // 2 + 1):
            count = 1
            while (
                signs[start : start + period]
                == signs[start + count * period : start + (count + 1) * period]
            ):
                count += 1
            if count > (1 if period >= 4 else 2) and all(
                s[0] in ("step", "view") for s in signs[start : start + period]
            ):
                return _fold(steps, start, period, count)
    return steps


def _fold(steps: list[Step], start: int, period: int, count: int) -> list[Step]:
    stop = start + period * count
    stands_for = {n: start + (n - start) % period if start <= n < stop else n
                  for n in range(len(steps))}  # fmt: skip
    kept = [(n, s) for n, s in enumerate(steps) if stands_for[n] == n]
    for number, step in kept:
        if start <= number < start + period:
            step.repeats = count
            step.detail = _in_turn([steps[number + period * n].detail for n in range(count)])
    folded = _renumbered(kept, stands_for)
    # What goes from one round to the next has no arrow of its own.
    for number, step in enumerate(folded):
        step.sources = [source for source in step.sources if source < number]
    return folded


def _in_turn(details: Sequence[str]) -> str:
    """Write what is the same in all rounds once, and what differs one after the other."""
    found = []
    for column in zip(*(detail.split(", ") for detail in details), strict=False):
        told = [text.split() for text in dict.fromkeys(column)]
        count = 0
        while len(told) > 1 and len({tuple(words[: count + 1]) for words in told}) == 1:
            count += 1
        rest = ", then ".join(" ".join(words[count:]) for words in told)
        found.append(" ".join([*told[0][:count], rest]))
    return ", ".join(text for text in found if len(text) < 40)

"""From the trace of a call to the few steps that are drawn, and what flows between them.

A call is opened into its parts, level by level, as long as the drawing stays small. What hands
tensors on unchanged is left out, changes of layout in a row become one step, and rounds of a loop
become one round with a number.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from os.path import commonprefix

from stgan_zoo_trace import Call, Trace
from stgan_zoo_words import ALIASES, CLOSED, VIEWS, describe, short_name
from torch import Tensor

__all__ = ["LIMIT", "Graph", "Step", "steps_of"]

#: Steps that a drawing has room for.
LIMIT = 13
_MORE = 7
_CREATE = {"zeros", "ones", "arange", "linspace", "full", "eye", "tensor", "empty", "new_zeros",
           "zeros_like", "ones_like", "full_like", "new_tensor", "new_ones", "new_full",
           "as_tensor", "hann_window", "kaiser_window", "meshgrid"}  # fmt: skip
_DRAW = {"rand", "randn", "randint", "randperm", "normal", "rand_like", "randn_like", "bernoulli",
         "new_empty", "normal_", "uniform_", "uniform"}  # fmt: skip


@dataclass
class Step:
    """One box of a drawing.

    Attributes:
        kind: ``"input"``, ``"step"``, ``"view"`` or ``"output"``.
        title: What it is called.
        detail: A line about its settings.
        shapes: Shapes of what comes out.
        sources: The boxes from which its inputs come, by number.
        repeats: How often it runs, one round after the other.
    """

    kind: str
    title: str
    detail: str
    shapes: list[tuple[int, ...]]
    sources: list[int] = field(default_factory=list)
    repeats: int = 1


@dataclass
class Graph:
    """The boxes of a drawing in the order in which they run, inputs first and outputs last."""

    steps: list[Step]

    def inputs(self) -> list[Step]:
        """The boxes of the inputs."""
        return [step for step in self.steps if step.kind == "input"]

    def outputs(self) -> list[Step]:
        """The boxes of the outputs."""
        return [step for step in self.steps if step.kind == "output"]


def steps_of(trace: Trace, limit: int = LIMIT) -> Graph:
    """Return the boxes for a trace.

    Args:
        trace: What happened.
        limit: How many boxes there may be beside inputs and outputs, if parts can be kept closed.
    """
    cut = [trace.root] if trace.root.is_torch else list(trace.root.parts)
    best = _graph(trace, cut)
    for _ in range(12):  # levels
        groups = dict.fromkeys(call.name for call in cut if _opens(call))
        changed = False
        for name in groups:
            wider = [
                part
                for call in cut
                for part in (call.parts if call.name == name and _opens(call) else [call])
            ]
            graph = _graph(trace, wider)
            # One box alone tells nothing; it may be opened further than others.
            room = limit + _MORE if _count(best) == 1 else limit
            if _count(graph) <= max(room, _count(best)):
                cut, best, changed = wider, graph, True
        if not changed:
            break
    return best


def _opens(call: Call) -> bool:
    return not call.is_torch and bool(call.parts) and call.name not in CLOSED


def _count(graph: Graph) -> int:
    return sum(step.kind in ("step", "view") for step in graph.steps)


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape)


def _graph(trace: Trace, cut: Sequence[Call]) -> Graph:
    steps = [Step("input", name, "", [_shape(t)]) for name, t in trace.inputs.items()]
    # The box that a tensor comes from; what is missing is a weight or a constant.
    origin = {id(t): number for number, t in enumerate(trace.inputs.values())}
    for call in cut:
        _add(call, steps, origin, trace)
    for name, tensor in trace.outputs.items():
        source = origin.get(id(tensor))
        steps.append(Step("output", _output_name(name), "", [_shape(tensor)], [] if source is None else [source]))
    return Graph(_looped(_merged_views(_alive(steps))))


def _output_name(name: str) -> str:
    """Count from one what has no name but a place."""
    return f"output {int(name) + 1}" if name.isdecimal() else name


def _add(call: Call, steps: list[Step], origin: dict[int, int], trace: Trace) -> None:
    sources, made = _flow(call, origin)
    short = short_name(call)
    draws = call.is_torch and short in _DRAW
    if not sources and not draws:
        return
    if call.is_torch and short in ALIASES and len(sources) == 1:
        origin |= {id(t): sources[0] for t in call.makes}
        return
    # An empty tuple of parts: handed on as they are, such as by an identity.
    made = [t for t in (call.makes if call.is_torch else made) if t.numel() or t.ndim]
    made = made or list(call.makes if call.is_torch else [])
    if not made:
        return
    # Rows stay what they are.
    if call.name == "one_hot_label" and len(steps[sources[0]].shapes[0]) == 2:
        origin |= {id(t): sources[0] for t in made}
        return
    title, detail = describe(call, trace.names)
    kind = "view" if call.is_torch and _is_view(call, short) else "step"
    origin |= {id(t): len(steps) for t in made}
    # A list of equal pieces shows the shape of one.
    shapes = list(dict.fromkeys(_shape(t) for t in made))
    steps.append(Step(kind, title, detail, shapes, sources))


def _is_view(call: Call, short: str) -> bool:
    if short == "getitem":
        return call.reads[0].numel() == call.makes[0].numel()
    return short in VIEWS


def _flow(call: Call, origin: dict[int, int]) -> tuple[list[int], list[Tensor]]:
    """The boxes that a call reads from, and the tensors it makes of them."""
    inside: set[int] = set()
    fresh: set[int] = set()
    sources: dict[int, None] = {}
    for op in call.operations():
        name = short_name(op)
        # The others give no numbers, only a shape or a type.
        data = op.reads[:1] if name in ALIASES | VIEWS else [] if name in _CREATE else op.reads
        reads = [t for t in data if id(t) in origin and id(t) not in fresh]
        if reads or any(id(t) in inside for t in data) or name in _DRAW:
            sources |= dict.fromkeys(origin[id(t)] for t in reads)
            inside |= {id(t) for t in op.makes}
        fresh |= {id(t) for t in op.makes}
    return list(sources), [t for t in call.makes if id(t) in inside]


def _alive(steps: list[Step]) -> list[Step]:
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


def _merged_views(steps: list[Step]) -> list[Step]:
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


def _looped(steps: list[Step]) -> list[Step]:
    """Fold rounds of a loop: the same titles and shapes, several times in a row."""
    signs = [(s.kind, s.title, tuple(s.shapes)) for s in steps]
    for start in range(len(steps)):
        for period in range(1, (len(steps) - start) // 2 + 1):
            count = 1
            while signs[start : start + period] == signs[
                start + count * period : start + (count + 1) * period
            ]:
                count += 1
            if count > (1 if period >= 4 else 2) and all(s[0] in ("step", "view") for s in signs[start : start + period]):
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
    columns = zip(*(detail.split(", ") for detail in details), strict=False)
    found = []
    for column in columns:
        told = list(dict.fromkeys(column))
        same = commonprefix(told).rpartition(" ")[0]
        rest = [text.removeprefix(same).strip() for text in told]
        found.append(f"{same} {', then '.join(rest)}".strip() if len(told) > 1 else told[0])
    return ", ".join(text for text in found if len(text) < 40)


def summary(graph: Graph) -> str:
    """Print a graph, for those who work on it."""
    lines = []
    for number, step in enumerate(graph.steps):
        rounds = f" x{step.repeats}" if step.repeats > 1 else ""
        lines.append(
            f"{number:2} {step.kind:6} {step.title} [{step.detail}]{rounds} "
            f"{step.shapes} <- {step.sources}"
        )
    return "\n".join(lines)


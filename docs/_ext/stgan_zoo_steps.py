"""From the trace of a call to the few steps that are drawn.

A call is opened into its parts, level by level, as long as the drawing stays small. What hands
tensors on unchanged is left out.
"""

from collections.abc import Sequence

from stgan_zoo_graph import Graph, Step
from stgan_zoo_simplify import alive, looped, merged_views
from stgan_zoo_trace import Call, Trace
from stgan_zoo_vocabulary import ALIASES, CLOSED, VIEWS, short_name
from stgan_zoo_words import describe
from torch import Tensor

__all__ = ["LIMIT", "steps_of"]

#: Steps that a drawing has room for.
LIMIT = 13
_MORE = 7
# A drawing with more boxes than this says less than one box with the name.
_TOO_MANY = 34
_CREATE = {"zeros", "ones", "arange", "linspace", "full", "eye", "tensor", "empty", "new_zeros",
           "zeros_like", "ones_like", "full_like", "new_tensor", "new_ones", "new_full",
           "as_tensor", "hann_window", "kaiser_window", "meshgrid"}  # fmt: skip
_DRAW = {"rand", "randn", "randint", "randperm", "normal", "rand_like", "randn_like", "bernoulli",
         "new_empty", "normal_", "uniform_", "uniform"}  # fmt: skip


def steps_of(trace: Trace, title: str, limit: int = LIMIT) -> Graph:
    """Return the boxes for a trace.

    Args:
        trace: What happened.
        title: Of the one box that is drawn where there would be too many.
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
    linked = all(step.sources for step in best.outputs())
    return best if linked and _count(best) <= _TOO_MANY else _closed(trace, title)


def _closed(trace: Trace, title: str) -> Graph:
    """One box for all, where its inside is too much to be drawn or works on weights alone."""
    steps = [Step("input", name, "", [_shape(t)]) for name, t in trace.inputs.items()]
    shapes = [_shape(t) for t in trace.outputs.values()]
    given = list(range(len(steps)))
    steps.append(Step("step", title, "", list(dict.fromkeys(shapes)), given))
    steps += [
        Step("output", _output_name(name), "", [shape], [len(given)])
        for name, shape in zip(trace.outputs, shapes, strict=True)
    ]
    return Graph(steps)


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
        steps.append(
            Step(
                "output",
                _output_name(name),
                "",
                [_shape(tensor)],
                [] if source is None else [source],
            )
        )
    plain = merged_views(alive(steps))
    rounds = looped(plain)
    # What only a later round reads would hang in the air where rounds are drawn as one.
    return Graph(plain if _unread(rounds) else rounds)


def _unread(steps: Sequence[Step]) -> bool:
    """Whether the work of a box goes nowhere."""
    read = {source for step in steps for source in step.sources}
    return any(n not in read and s.kind in ("step", "view") for n, s in enumerate(steps))


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

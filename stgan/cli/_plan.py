"""``stgan plan``: the stages that reach a size."""

from collections.abc import Sequence

from stgan.cli._screen import say, table
from stgan.shapes import Stage, plan, plan_downsampling, plan_upsampling

__all__ = ["show_plan"]

Size = tuple[int, int, int]


def show_plan(size: Size, start: Size | None, *, down: bool) -> int:
    """Print the stages from a base, or from ``start``, to ``size``, or the way back."""
    route = plan(size) if start is None else None
    base = start if route is None else route.base
    assert base is not None
    stages = plan_downsampling(size, base) if down else plan_upsampling(base, size)
    here: tuple[int, ...] = size if down else base
    if route is not None and not down:
        rows = [("base", "1 1 1", _line(base), "0 0 0", _line(base))]
    else:
        rows = [("start", "", "", "", _line(here))]
    for number, stage in enumerate(stages, start=1):
        here = stage.down(here) if down else stage.up(here)
        rows.append((str(number), *_geometry(stage), _line(here)))
    say(table(("stage", "stride", "kernel", "padding", "size after"), rows))
    return 0


def _geometry(stage: Stage) -> tuple[str, str, str]:
    return _line(stage.stride), _line(stage.kernel_size), _line(stage.padding)


def _line(sizes: Sequence[int]) -> str:
    return " ".join(str(size) for size in sizes)

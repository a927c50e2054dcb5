"""Where the time of a training iteration goes, in the twin and in the recipe.

python benchmarks/breakdown.py --markdown docs/results/speed/breakdown.md
"""

import functools
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
import tyro
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile

from benchmarks._measure import Options, finish, how, rounds_told, table, wait_for
from benchmarks._pair import Sizes, draw_batch, published_step
from benchmarks.iteration import VARIANTS

_INTRODUCTION = """# Where the time goes

Milliseconds of one training iteration, batch of {batch_size}, by what is computed, as
`torch.profiler` sees it; the profiler itself slows small operations a little.
"""

# In this order: the first part of a name that fits decides.
_GROUPS: dict[str, tuple[str, ...]] = {
    "convolution, backward": ("convolution_backward", "conv_backward"),
    "convolution, forward": ("convolution", "conv2d", "conv3d", "conv_transpose"),
    "matrix products": ("addmm", "::mm", "::bmm", "::mv", "::dot", "::vdot", "linear", "matmul"),
    "batch norm": ("batch_norm",),
    "copies, concatenation, filling": (
        "copy", "::cat", "repeat", "clone", "contiguous", "fill_", "zero", "gather", "index",
        "ones", "to_",
    ),
    "leaky ReLU": ("leaky_relu",),
}  # fmt: skip
_OPTIMIZERS = "Adam"
_REST = "everything else"
GROUPS = (*_GROUPS, _OPTIMIZERS, _REST)


@dataclass(frozen=True)
class Arguments(Options):
    """Profile training iterations."""

    rounds: int = 3
    """Iterations that are profiled and averaged."""
    warmup: int = 1
    """Iterations before that."""
    batch_size: int = 4
    """Clips in an iteration."""
    variants: tuple[str, ...] = ("released", "imaginator")
    """Which ways to train, beside the twin; those of iteration.py."""
    sizes: Sizes = field(default_factory=Sizes)
    """Of the networks."""


def group_of(event: FunctionEvent) -> str:
    """Name the row that the own time of an event belongs to."""
    ancestor: FunctionEvent | None = event
    while ancestor is not None:
        if ancestor.name.startswith("Optimizer.step"):
            return _OPTIMIZERS
        ancestor = ancestor.cpu_parent
    for group, parts in _GROUPS.items():
        if any(part in event.name for part in parts):
            return group
    return _REST


def breakdown(
    steps: Mapping[str, Callable[[], object]],
    options: Options,
    *,
    device: torch.device | str = "cpu",
) -> dict[str, dict[str, float]]:
    """Return the milliseconds of one iteration by group, of iterations that take turns.

    On a GPU, those of the kernels that were launched, not of launching them.
    """
    on_gpu = torch.device(device).type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    columns: dict[str, dict[str, float]] = {name: defaultdict(float) for name in steps}
    for index in range(options.warmup + options.rounds):
        for name, step in steps.items():
            with profile(activities=activities) as profiler:
                step()
                wait_for(device)
            if index < options.warmup:
                continue
            for event in profiler.events() or ():
                if event.device_type.name != "CPU":
                    continue  # a kernel, whose time its operation is given
                spent = event.self_device_time_total if on_gpu else event.self_cpu_time_total
                columns[name][group_of(event)] += spent / 1e3 / options.rounds
    return columns


def told(columns: Mapping[str, Mapping[str, float]], *, digits: int = 0) -> str:
    """Lay out the milliseconds of every group, and their sums."""
    lines = [
        [group, *(f"{column.get(group, 0):.{digits}f}" for column in columns.values())]
        for group in GROUPS
    ]
    sums = (sum(column.values()) for column in columns.values())
    return table(["ms", *columns], [*lines, ["in all", *(f"{s:.{digits}f}" for s in sums)]])


def page(arguments: Arguments) -> str:
    """Profile all and lay out the page."""
    batch = draw_batch(arguments.batch_size, arguments.sizes.z_dim)
    twin = arguments.sizes.twin()
    twin.start()
    steps: dict[str, Callable[[], object]] = {
        "twin": functools.partial(published_step, twin, batch)
    }
    for name in arguments.variants:
        recipe = VARIANTS[name].open(arguments.sizes)
        steps[name] = functools.partial(recipe.step, batch)
    columns = breakdown(steps, arguments)
    made = how(
        "breakdown.py",
        f"In turn in one process, means of {rounds_told(arguments)}",
        threads=arguments.threads,
    )
    introduction = _INTRODUCTION.format(batch_size=arguments.batch_size)
    return f"{introduction}\n{told(columns)}\n\n{made}"


def main(args: list[str] | None = None) -> None:
    """Measure, print the page, and write it where it was asked for."""
    arguments = tyro.cli(Arguments, args=args)
    torch.set_num_threads(arguments.threads)
    finish(page(arguments), arguments.markdown)


if __name__ == "__main__":
    main()

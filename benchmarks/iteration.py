"""ImaGINator's whole training iteration against its plain twin: time and memory.

    python benchmarks/iteration.py --markdown docs/results/speed/iteration.md
    python benchmarks/iteration.py --compile-break-even --markdown docs/results/speed/compile.md

The recipe takes its own steps, with its own optimizers and precision. With the published schedule
of calls both sides hold equal weights, and all losses and gradients of an iteration are compared
before anything is timed.
"""

import functools
import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import torch
import tyro

from benchmarks._agree import Agreement, check_iteration
from benchmarks._bf16 import bf16_gain, has_bf16
from benchmarks._measure import Options, Ratio, finish, how, ratio, rounds_told, table, take_turns
from benchmarks._memory import Resident, resident
from benchmarks._pair import Precision, Recipe, Sizes, draw_batch, published_step
from benchmarks.twin import Twin

__all__ = ["VARIANTS", "Result", "Variant", "measure", "memory_of"]

# Enough for the optimizers' state and the allocator to have settled.
_ITERATIONS_OF_PEAK = 3

_INTRODUCTION = """# The whole training iteration

The published widths, clips of 3 x 32 x 64 x 64, batch of {batch_size}. Each variant takes turns
with the twin, which computes in float32 as published; "times faster" is the median over the rounds,
and the range. Peak memory is the most that a fresh process held resident during {iterations}
iterations, everything included: interpreter, libraries, weights, optimizers, activations. "Kept" is
what it still holds after them, when what is free has been given back to the system.
"""


_BREAK_EVEN = """# When torch.compile pays

The generator compiled, with nothing cached on disk, within the whole training iteration. "Pays
after" is the number of steps until the time to compile is saved.
"""


@dataclass(frozen=True)
class Variant:
    """One way to train: a preset of the recipe, a precision, settings of the model and the loss.

    With ``recompute`` the decoder keeps no activations inside its stages.
    """

    preset: str = "released"
    precision: Precision = "32-true"
    model: Mapping[str, Any] = field(default_factory=dict)
    loss: Mapping[str, Any] = field(default_factory=dict)
    recompute: bool = False

    @property
    def equals_the_twin(self) -> bool:
        """Whether it computes what the twin computes."""
        return self == Variant()

    def open(self, sizes: Sizes) -> Recipe:
        """Build networks and optimizers."""
        return Recipe(
            self.preset,
            sizes,
            precision=self.precision,
            loss=self.loss,
            recompute=self.recompute,
            **self.model,
        )


_ONE_PASS = {"order": "simultaneous"}
VARIANTS: dict[str, Variant] = {
    "released": Variant(),
    "released, checkpointed": Variant(recompute=True),
    "released, bf16": Variant(precision="bf16-mixed"),
    "imaginator": Variant("imaginator"),
    "imaginator, one pass": Variant("imaginator", loss=_ONE_PASS),
    "imaginator, one pass, bf16": Variant("imaginator", "bf16-mixed", loss=_ONE_PASS),
    "mid_channels=out": Variant("imaginator", model={"mid_channels": "out"}),
    "mid_channels=out, one pass": Variant(
        "imaginator", model={"mid_channels": "out"}, loss=_ONE_PASS
    ),
    "mid_channels=out, one pass, bf16": Variant(
        "imaginator", "bf16-mixed", {"mid_channels": "out"}, _ONE_PASS
    ),
}


@dataclass(frozen=True)
class Arguments(Options):
    """Compare the training iteration with its plain twin."""

    rounds: int = 5
    """Measurements of each variant, in turn; medians are reported."""
    warmup: int = 1
    """Runs of each before that."""
    batch_size: int = 4
    """Clips in an iteration."""
    variants: tuple[str, ...] = tuple(VARIANTS)
    """Which variants."""
    sizes: Sizes = field(default_factory=Sizes)
    """Of the networks."""
    compile_break_even: bool = False
    """Measure nothing but after how many steps torch.compile of the generator has paid off."""


@dataclass(frozen=True)
class Result:
    """What one variant costs beside the twin, and how far they agree where they should."""

    milliseconds: float
    twin_milliseconds: float
    faster: Ratio
    agreement: Agreement | None


def measure(variant: Variant, sizes: Sizes, batch_size: int, options: Options) -> Result:
    """Let a variant and the twin take turns."""
    torch.manual_seed(0)
    twin, recipe = sizes.twin(), variant.open(sizes)
    twin.start()
    batch = draw_batch(batch_size, sizes.z_dim)
    agreement = check_iteration(twin, recipe, batch) if variant.equals_the_twin else None

    runs: dict[str, Callable[[], object]] = {
        "twin": functools.partial(published_step, twin, batch),
        "stgan": functools.partial(recipe.step, batch),
    }
    seconds = take_turns(runs, options)
    published_time, own_time = (1e3 * statistics.median(each) for each in seconds.values())
    return Result(own_time, published_time, ratio(seconds["twin"], seconds["stgan"]), agreement)


def memory_of(variant: Variant | None, sizes: Sizes, batch_size: int, threads: int) -> Resident:
    """Measure the resident memory of some iterations; of the twin where there is no variant."""
    return resident(_iterate, variant, sizes, batch_size, threads=threads)


def _iterate(variant: Variant | None, sizes: Sizes, batch_size: int) -> Recipe | Twin:
    batch = draw_batch(batch_size, sizes.z_dim)
    if variant is not None:
        recipe = variant.open(sizes)
        for _ in range(_ITERATIONS_OF_PEAK):
            recipe.step(batch)
        return recipe
    twin = sizes.twin()
    twin.start()
    for _ in range(_ITERATIONS_OF_PEAK):
        published_step(twin, batch)
    return twin


def page(arguments: Arguments) -> str:
    """Measure all variants and lay out the page."""
    sizes, batch_size = arguments.sizes, arguments.batch_size
    twin_memory = memory_of(None, sizes, batch_size, arguments.threads)
    results, agreed, note, lines = [], "", "", []
    gain = bf16_gain(arguments)
    for name in arguments.variants:
        variant = VARIANTS[name]
        if variant.precision == "bf16-mixed" and not has_bf16(gain):
            lines.append([name, *"------"])
            note = f"; -: not measured, a bf16 convolution is {gain} times as fast as float32 here"
            continue
        memory = memory_of(variant, sizes, batch_size, arguments.threads)
        result = measure(variant, sizes, batch_size, arguments)
        gc.collect()
        results.append(result)
        agreed += "" if result.agreement is None else f"; {result.agreement}"
        lines.append([name, *_cells(result.milliseconds, batch_size, result.faster),
                      *_memory(memory, twin_memory)])  # fmt: skip
    twin_time = statistics.median(result.twin_milliseconds for result in results)
    twin = ["twin", *_cells(twin_time, batch_size, 1), *_memory(twin_memory, twin_memory)]
    header = [
        *("variant", "ms", "clips a second", "times faster"),
        *("peak MiB", "of the twin's", "kept MiB"),
    ]
    introduction = _INTRODUCTION.format(batch_size=batch_size, iterations=_ITERATIONS_OF_PEAK)
    made = how(
        "iteration.py",
        f"In turn in one process, {rounds_told(arguments)}{agreed}{note}",
        threads=arguments.threads,
    )
    return f"{introduction}\n{table(header, [twin, *lines])}\n\n{made}"


def break_even(arguments: Arguments) -> str:
    """Measure after how many steps torch.compile of the generator has paid off."""
    sizes, lines = arguments.sizes, []
    for name in arguments.variants:
        batch = draw_batch(arguments.batch_size, sizes.z_dim)
        eager, compiled = VARIANTS[name].open(sizes), VARIANTS[name].open(sizes)
        compiled.compile()
        # Nothing of an earlier run may be taken from disk.
        with patch.object(torch.compiler.config, "force_disable_caches", True):
            began = time.perf_counter()
            compiled.step(batch)
            first = time.perf_counter() - began
            runs = {
                "eager": functools.partial(eager.step, batch),
                "compiled": functools.partial(compiled.step, batch),
            }
            seconds = take_turns(runs, arguments)
        before, after = (statistics.median(each) for each in seconds.values())
        saved = before - after
        steps = f"{(first - after) / saved:.0f}" if saved > 0 else "never"
        faster = ratio(seconds["eager"], seconds["compiled"])
        lines.append(
            [
                name,
                f"{first - after:.1f}",
                f"{before * 1e3:.0f}",
                f"{after * 1e3:.0f}",
                faster,
                steps,
            ]
        )
        torch.compiler.reset()
    header = ["variant", "s to compile", "ms eager", "ms compiled", "times faster", "pays after"]
    made = how(
        "iteration.py",
        f"In turn in one process, {rounds_told(arguments)}, batch of {arguments.batch_size}",
        threads=arguments.threads,
    )
    return f"{_BREAK_EVEN}\n{table(header, lines)}\n\n{made}"


def _cells(milliseconds: float, batch_size: int, faster: object) -> list[object]:
    return [f"{milliseconds:.0f}", f"{1e3 * batch_size / milliseconds:.2f}", faster]


def _memory(memory: Resident, twin: Resident) -> list[object]:
    kept = "-" if memory.kept is None else f"{memory.kept / 2**20:.0f}"
    return [f"{memory.peak / 2**20:.0f}", f"{memory.peak / twin.peak:.2f}", kept]


def main(args: list[str] | None = None) -> None:
    """Measure, print the page, and write it where it was asked for."""
    arguments = tyro.cli(Arguments, args=args)
    torch.set_num_threads(arguments.threads)
    text = break_even(arguments) if arguments.compile_break_even else page(arguments)
    finish(text, arguments.markdown)


if __name__ == "__main__":
    main()

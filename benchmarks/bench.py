"""The promised ratios on a CPU, measured: prints them beside the targets, and fails on a miss.

    make bench

Everything is measured at the published widths against the plain twin, which stands in for the
published code, in turn in one process. The whole takes several minutes on two cores.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import tyro

from benchmarks import generator, iteration
from benchmarks._bf16 import bf16_gain, has_bf16
from benchmarks._measure import Options, Ratio, finish, how, rounds_told, table
from benchmarks._pair import Sizes

__all__ = ["TARGETS", "Target", "report"]


@dataclass(frozen=True)
class Target:
    """What a ratio has to be: times faster at least, or part of the twin's memory at most.

    Attributes:
        bound: The promised number.
        measure: Returns the ratio.
        at_most: Whether less is better.
        needs_bf16: Whether it is asked only of a CPU that is faster in bf16.
    """

    bound: float
    measure: Callable[["Arguments"], Ratio]
    at_most: bool = False
    needs_bf16: bool = False

    def is_met(self, ratio: Ratio) -> bool:
        """Whether the median is on the right side."""
        return ratio.median <= self.bound if self.at_most else ratio.median >= self.bound

    def __str__(self) -> str:
        return f"{'at most' if self.at_most else 'at least'} {self.bound:g}"


@dataclass(frozen=True)
class Arguments(Options):
    """Measure the promised ratios on a CPU."""

    rounds: int = 5
    """Measurements of each variant, in turn; medians are reported."""
    warmup: int = 1
    """Runs of each before that."""
    batch_size: int = 4
    """Clips in an iteration."""
    only: tuple[str, ...] = ()
    """Measure these only; none: all."""
    sizes: Sizes = field(default_factory=Sizes)
    """Of the networks."""


def _inference(batch_size: int) -> Callable[[Arguments], Ratio]:
    def measure(arguments: Arguments) -> Ratio:
        variants = ("twin", "stgan, folded")
        case = generator.inference(batch_size, arguments.sizes, arguments, variants=variants)
        return case.faster("stgan, folded")

    return measure


def _training(arguments: Arguments) -> Ratio:
    variants = ("twin", "stgan")
    case = generator.training(arguments.batch_size, arguments.sizes, arguments, variants=variants)
    return case.faster("stgan")


def _iteration(variant: str) -> Callable[[Arguments], Ratio]:
    def measure(arguments: Arguments) -> Ratio:
        chosen = iteration.VARIANTS[variant]
        return iteration.measure(chosen, arguments.sizes, arguments.batch_size, arguments).faster

    return measure


def _memory(arguments: Arguments) -> Ratio:
    twin, mine = (
        iteration.memory_of(variant, arguments.sizes, arguments.batch_size, arguments.threads).peak
        for variant in (None, iteration.Variant())
    )
    return Ratio(mine / twin, mine / twin, mine / twin)


# What the library promises against the published networks and loop, with equal results. The numbers
# come from a prototype that was measured against the published code itself, on two cores of a
# server CPU with AVX-512, at 3 x 32 x 64 x 64.
TARGETS: dict[str, Target] = {
    "generator, evaluation, batch 1": Target(2.0, _inference(1)),
    "generator, evaluation, batch 8": Target(2.0, _inference(8)),
    "generator, forward and backward": Target(1.4, _training),
    "iteration, released": Target(1.7, _iteration("released")),
    "iteration, released, peak memory": Target(0.7, _memory, at_most=True),
    "iteration, released, bf16": Target(2.5, _iteration("released, bf16"), needs_bf16=True),
    "iteration, mid_channels=out": Target(4.0, _iteration("mid_channels=out, one pass")),
}


def report(arguments: Arguments) -> tuple[str, bool]:
    """Measure the targets; return the table, and whether all are met."""
    unknown = [name for name in arguments.only if name not in TARGETS]
    if unknown:
        sys.exit(f"error: there is no target {unknown[0]!r}; choose from {', '.join(TARGETS)}")
    began = time.perf_counter()
    lines: list[list[object]] = []
    met = True
    for name, target in TARGETS.items():
        if arguments.only and name not in arguments.only:
            continue
        print(f"measuring: {name}", file=sys.stderr)
        gain = bf16_gain(arguments) if target.needs_bf16 else None
        if gain is not None and not has_bf16(gain):
            why = f"not asked: a bf16 convolution is {gain} times as fast as float32 here"
            lines.append([name, target, "-", why])
            continue
        measured = target.measure(arguments)
        verdict = "met" if target.is_met(measured) else "MISSED"
        lines.append([name, target, measured, verdict])
        met = met and verdict != "MISSED"
    made = how(
        "bench.py",
        f"In turn in one process, {rounds_told(arguments)}, {time.perf_counter() - began:.0f} s",
        threads=arguments.threads,
    )
    return f"{table(['ratio to the plain twin', 'target', 'measured', ''], lines)}\n\n{made}", met


def main(args: list[str] | None = None) -> None:
    """Measure, print the table, and exit with 1 if a target is missed."""
    arguments = tyro.cli(Arguments, args=args)
    torch.set_num_threads(arguments.threads)
    text, met = report(arguments)
    finish(text, arguments.markdown)
    if not met:
        sys.exit(1)


if __name__ == "__main__":
    main()

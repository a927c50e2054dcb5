"""What all measurements share: taking turns, ratios, tables, and where and how they were made.

Speed of a machine drifts by tens of percent within minutes. So variants take turns in one process,
a ratio is formed within each round, and the median and range of the ratios are told.
"""

import platform
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import torch

__all__ = [
    "Options",
    "Ratio",
    "finish",
    "how",
    "machine",
    "ratio",
    "table",
    "take_turns",
    "wait_for",
]


@dataclass(frozen=True)
class Options:
    """What every measurement lets you choose."""

    rounds: int = 7
    """Measurements of each variant, in turn; medians are reported."""
    warmup: int = 2
    """Runs of each before that."""
    threads: int = 2
    """Threads of the CPU."""
    markdown: Path | None = None
    """Write the page of results to this file."""


@dataclass(frozen=True)
class Ratio:
    """How many times faster one variant is than another, over all rounds."""

    median: float
    minimum: float
    maximum: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.minimum:.2f}-{self.maximum:.2f})"


def take_turns(
    runs: Mapping[str, Callable[[], object]],
    options: Options,
    *,
    device: torch.device | str = "cpu",
) -> dict[str, list[float]]:
    """Return the seconds of every round of each variant; A B A B, never A A B B."""
    rounds, warmup = options.rounds, options.warmup
    if rounds < 1 or warmup < 0:
        sys.exit(f"error: rounds must be at least 1 and warmup at least 0, got {rounds}, {warmup}")
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for index in range(warmup + rounds):
        for name, run in runs.items():
            wait_for(device)
            start = time.perf_counter()
            run()
            wait_for(device)
            if index >= warmup:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def wait_for(device: torch.device | str) -> None:
    """Let a GPU finish what it was given."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def ratio(base: Sequence[float], other: Sequence[float]) -> Ratio:
    """Form base / other within every round: above 1, the other is faster."""
    each = [a / b for a, b in zip(base, other, strict=True)]
    return Ratio(statistics.median(each), min(each), max(each))


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Lay out a Markdown table: names to the left, numbers to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def how(script: str, what: str, *, threads: int, device: torch.device | str = "cpu") -> str:
    """List command, conditions, machine, version and date."""
    command = shlex.join(["python", f"benchmarks/{script}", *sys.argv[1:]])
    return "\n".join(
        [
            f"- Command: `{command}`",
            f"- {what}",
            f"- Machine: {machine(threads, device)}; torch {torch.__version__}; {date.today()}",
        ]
    )


def rounds_told(options: Options) -> str:
    """Say how often was measured."""
    return "1 round" if options.rounds == 1 else f"{options.rounds} rounds"


def machine(threads: int, device: torch.device | str = "cpu") -> str:
    """Name what it ran on."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text(encoding="utf-8").splitlines() if cpus.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    threads_told = "1 thread" if threads == 1 else f"{threads} threads"
    return f"{models[0] if models else platform.machine()}, {threads_told}"


def finish(text: str, markdown: Path | None) -> None:
    """Print a page, and write it where it was asked for."""
    print(text)
    if markdown is not None:
        markdown.write_text(text.rstrip() + "\n", encoding="utf-8")

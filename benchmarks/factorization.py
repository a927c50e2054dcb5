"""ImaGINator's decoder layers: factorized in several ways, against the dense convolution.

    python benchmarks/factorization.py --markdown docs/results/factorization.md

Every way is measured in turn within each round, so that a drift of the machine's speed meets all;
what counts are the ratios to the dense layer. Below 1 means fewer weights, less work, or faster.
"""

import json as json_format
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import tyro

from benchmarks._measure import how
from stgan.profiling import Profile, Seconds, compare, factorization_family
from stgan.shapes import conv_transpose_size
from stgan.typing import MidChannels

RULES: tuple[MidChannels, ...] = ("released", "match", "out")
COLUMNS = ("parameters", "multiply_adds", "activation_bytes", "forward_seconds", "backward_seconds")


@dataclass(frozen=True)
class Stage:
    """A layer of the published decoder: channels, size of the input, geometry."""

    in_channels: int
    out_channels: int
    size: tuple[int, int, int]
    kernel_size: tuple[int, int, int] = (4, 4, 4)
    stride: int = 2
    padding: int = 1


STAGES = {
    "block1": Stage(618, 512, (1, 1, 1), kernel_size=(2, 4, 4), stride=1, padding=0),
    "block2": Stage(1030, 256, (2, 4, 4)),
    "block3": Stage(518, 128, (4, 8, 8)),
    "block4": Stage(262, 64, (8, 16, 16)),
    "to_rgb": Stage(134, 3, (16, 32, 32)),
}


_INTRODUCTION = """# Factorized against dense, layer by layer

The five upsampling layers of ImaGINator's decoder at the published widths and geometry, built in
every way that upsamples a clip alike. All numbers of a table are relative to the dense layer: above
1 means more weights, more work, more memory kept for the backward pass, or slower. Multiply-adds
count every tap of a kernel, see {func}`stgan.profiling.multiply_adds`.
"""


@dataclass(frozen=True)
class Arguments:
    """Measure the decoder's layers in every way of the factorization family."""

    batch_size: int = 2
    """Clips at once; at least 2, as block1 begins at 1 x 1 x 1, which one clip cannot normalize."""
    rounds: int = 5
    """Measurements of each, in turn; the median is reported."""
    warmup: int = 1
    """Passes before that."""
    threads: int = 2
    """Threads of the CPU."""
    device: str = "cpu"
    """Where to run, such as cuda."""
    markdown: Path | None = None
    """Write the page of results to this file."""
    json: Path | None = None
    """Write all numbers to this file."""


def measure(stage: Stage, arguments: Arguments) -> tuple[Profile, ...]:
    """Profile every way to build one stage, the dense one first."""
    family = factorization_family(
        stage.in_channels,
        stage.out_channels,
        stage.kernel_size,
        stage.stride,
        stage.padding,
        mid_channels=RULES,
    )
    if family.refused:
        raise ValueError(f"cannot be built: {dict(family.refused)}")
    shape = (arguments.batch_size, stage.in_channels, *stage.size)
    # Built here and moved: profiles are taken where the inputs are.
    modules = {name: module.to(arguments.device) for name, module in family.modules.items()}
    video = torch.randn(shape, device=arguments.device)
    return compare(modules, video, rounds=arguments.rounds, warmup=arguments.warmup)


def summed(profiles: Sequence[Profile]) -> Profile:
    """Add up what the stages of one decoder cost."""

    def seconds(values: Sequence[Seconds | None]) -> Seconds:
        known = [value for value in values if value is not None]
        return Seconds(
            sum(value.median for value in known),
            sum(value.minimum for value in known),
            sum(value.maximum for value in known),
        )

    return replace(
        profiles[0],
        parameters=sum(cost.parameters for cost in profiles),
        multiply_adds=sum(cost.multiply_adds for cost in profiles),
        activation_bytes=sum(cost.activation_bytes or 0 for cost in profiles),
        output_shape=profiles[-1].output_shape,
        forward_seconds=seconds([cost.forward_seconds for cost in profiles]),
        backward_seconds=seconds([cost.backward_seconds for cost in profiles]),
    )


def table(profiles: Sequence[Profile]) -> str:
    """Ratios to the first profile, which is told in numbers above the table."""
    base = profiles[0]
    backward = base.backward_seconds
    assert backward is not None
    lines = [
        f"Dense: {base.parameters / 1e6:.2f} M weights,",
        f"{base.multiply_adds / 1e9:.3f} G multiply-adds,",
        f"{(base.activation_bytes or 0) / 2**20:.3g} MiB of activations,",
        f"{base.forward_seconds.median * 1e3:.1f} ms forward,",
        f"{backward.median * 1e3:.1f} ms backward.\n",
        "| layer | inner width | weights | multiply-adds | activations | forward | backward |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for cost in profiles:
        ratios = cost.ratios(base)
        name, _, rule = cost.name.partition(" ")
        numbers = [ratios[column] or 0 for column in COLUMNS]
        cells = " | ".join(f"{x:.2f}" if x >= 0.1 else f"{x:.3f}" for x in numbers)
        lines.append(f"| `{name}` | {f'`{rule}`' if rule else '-'} | {cells} |")
    return "\n".join(lines)


def page(results: dict[str, tuple[Profile, ...]], arguments: Arguments) -> str:
    """The page of results: the whole decoder first, then stage by stage."""
    whole = [summed(costs) for costs in zip(*results.values(), strict=True)]
    parts = [_INTRODUCTION, f"## All five layers\n\n{table(whole)}\n"]
    for name, costs in results.items():
        stage = STAGES[name]
        after = conv_transpose_size(
            stage.size, kernel_size=stage.kernel_size, stride=stage.stride, padding=stage.padding
        )
        sizes = " to ".join(" x ".join(map(str, size)) for size in (stage.size, after))
        channels = f"{stage.in_channels} to {stage.out_channels} channels"
        parts.append(f"## {name}: {channels}, {sizes}\n\n{table(costs)}\n")
    rounds = "1 round" if arguments.rounds == 1 else f"{arguments.rounds} rounds"
    conditions = f"medians of {rounds}, batch of {arguments.batch_size}, float32"
    made = how(
        "factorization.py",
        f"In turn in one process, {conditions}",
        threads=arguments.threads,
        device=arguments.device,
    )
    return "\n".join([*parts, f"## How\n\n{made}\n"])


def main() -> None:
    """Measure, print the page, and write it where it was asked for."""
    arguments = tyro.cli(Arguments)
    if arguments.batch_size < 2:
        sys.exit(f"error: batch-size must be at least 2, got {arguments.batch_size}")
    torch.set_num_threads(arguments.threads)
    results = {}
    for name, stage in STAGES.items():
        print(f"measuring {name}", file=sys.stderr)
        results[name] = measure(stage, arguments)
    text = page(results, arguments)
    print(text)
    if arguments.markdown is not None:
        arguments.markdown.write_text(text, encoding="utf-8")
    if arguments.json is not None:
        record = {name: [cost.as_dict() for cost in costs] for name, costs in results.items()}
        arguments.json.write_text(json_format.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

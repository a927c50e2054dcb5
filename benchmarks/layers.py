"""Every registered layer: what it costs, against a plain twin, and how that grows with its input.

    python benchmarks/layers.py
    python benchmarks/layers.py --only 'conv_*' --growth --markdown layers.md

A layer and its twin, which says the same in the obvious way, are measured in turn within each
round, so that a drift of the machine's speed meets both; what counts are the ratios.
"""

import math
import re
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from torch import nn

import stgan
from benchmarks._measure import finish, how, table
from stgan.config import make_inputs
from stgan.example import Example
from stgan.functional import _conv_forms
from stgan.profiling import Profile, compare, profile
from stgan.registry import LAYERS

SIZES = (
    {"N": 2, "C": 16, "T": 8, "H": 32, "W": 32},
    {"N": 4, "C": 64, "T": 8, "H": 16, "W": 16},
    {"N": 4, "C": 256, "T": 4, "H": 4, "W": 4},
)
_INTRODUCTION = (
    "What one call costs, forward and backward, and what its plain twin costs relative to that:\n"
    "above 1 the twin costs more, and `-` means that the layer is written the obvious way already."
)
_WIDTHS = ("in_channels", "out_channels", "channels", "hidden_channels")


@dataclass(frozen=True)
class Arguments:
    """Measure every registered layer."""

    only: str = "*"
    """Pattern of the names that are measured."""
    growth: bool = False
    """Also fit how the time grows with N, C, T, H and W, on the second of the sizes."""
    rounds: int = 5
    """Measurements of each, in turn; the median is reported."""
    threads: int = 2
    """Threads of the CPU."""
    device: str = "cpu"
    """Where to run, such as cuda."""
    markdown: Path | None = None
    """Write the tables to this file."""


class WithPlainConvolutions(nn.Module):
    """The same layer, whose convolutions are those of torch, as they are."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, **inputs: Any) -> Any:
        """Run the layer."""
        choosable = _conv_forms._choosable
        _conv_forms._choosable = lambda video: False
        try:
            return self.layer(**inputs)
        finally:
            _conv_forms._choosable = choosable


class Resize(nn.Module):
    """torch's own resizing."""

    def __init__(self, scale: Sequence[int], mode: str) -> None:
        super().__init__()
        self.resize = nn.Upsample(scale_factor=tuple(map(float, scale)), mode=mode)

    def forward(self, video: torch.Tensor) -> Any:
        """Resize."""
        return self.resize(video)


def _without_fused_kernels(name: str) -> Callable[[nn.Module, dict[str, Any]], nn.Module]:
    return lambda _, settings: LAYERS.create(name, **settings | {"fused": False})


#: The obvious way to write a layer, made of it and its settings.
TWINS: dict[str, Callable[[nn.Module, dict[str, Any]], nn.Module]] = {
    **{
        name: lambda layer, _: WithPlainConvolutions(layer)
        for pattern in ("conv_*", "resize_conv")
        for name in stgan.list("layers", pattern)
    },
    **{name: _without_fused_kernels(name) for name in stgan.list("layers", "*_attention")},
    "upsample_nearest": lambda _, settings: Resize(settings["scale"], "nearest"),
    "upsample_linear": lambda _, settings: Resize(settings["scale"], "trilinear"),
}


def example_of(name: str, channels: int) -> tuple[dict[str, Any], Example]:
    """Return settings of a layer at a width, and its inputs with the width as axis C."""
    example = LAYERS.info(name).example
    assert example is not None
    settings = dict(example.settings)
    settings |= {key: channels for key in _WIDTHS if key in settings}

    def widened(layout: Any) -> Any:
        if isinstance(layout, tuple):
            return tuple(widened(one) for one in layout)
        return re.sub(r"\b\d+\b", "C", layout)

    inputs = {key: widened(layout) for key, layout in example.inputs.items()}
    return settings, Example(inputs=inputs)


def measure(name: str, size: Mapping[str, int], arguments: Arguments) -> tuple[Profile, ...]:
    """Profile a layer and, if it has one, its twin."""
    settings, example = example_of(name, size["C"])
    torch.manual_seed(0)
    layer = LAYERS.create(name, **settings)
    modules = {name: layer}
    if name in TWINS:
        modules["twin"] = TWINS[name](layer, settings)
    inputs = make_inputs(example, size, device=arguments.device)
    modules = {key: module.to(arguments.device) for key, module in modules.items()}
    return compare(modules, inputs, rounds=arguments.rounds)


def exponents(name: str, size: Mapping[str, int], arguments: Arguments) -> dict[str, float]:
    """Fit time ~ size ** exponent, forward and backward, for every axis that the layer has."""
    _, example = example_of(name, size["C"])
    found = {}
    for axis in [axis for axis in size if axis in example.axes]:
        points = []
        for factor in (1, 2, 4):
            grown = dict(size) | {axis: size[axis] * factor}
            settings, example = example_of(name, grown["C"])
            layer = LAYERS.create(name, **settings).to(arguments.device)
            inputs = make_inputs(example, grown, device=arguments.device)
            cost = profile(layer, inputs, rounds=arguments.rounds)
            backward = cost.backward_seconds.median if cost.backward_seconds else 0.0
            points.append((math.log(factor), math.log(cost.forward_seconds.median + backward)))
        found[axis] = statistics.linear_regression(*zip(*points, strict=True)).slope
    return found


def costs(size: Mapping[str, int], arguments: Arguments) -> str:
    """Costs of all layers at one size, with those of the twin relative to the layer."""
    twins = ("twin forward", "twin backward", "twin kept")
    header = ("layer", "forward, ms", "backward, ms", "kept, MiB", *twins)
    rows = []
    for name in stgan.list("layers", arguments.only):
        cost, *twin = measure(name, size, arguments)
        backward = cost.backward_seconds
        row = [
            f"`{name}`",
            f"{cost.forward_seconds.median * 1e3:.2f}",
            f"{backward.median * 1e3:.2f}" if backward else "-",
            f"{(cost.activation_bytes or 0) / 2**20:.2f}",
        ]
        ratios = twin[0].ratios(cost) if twin else {}
        for key in ("forward_seconds", "backward_seconds", "activation_bytes"):
            ratio = ratios.get(key)
            row.append("-" if ratio is None else f"{ratio:.2f}")
        rows.append(row)
        print(*row, sep="  ", file=sys.stderr, flush=True)
    sizes = ", ".join(f"{axis} {count}" for axis, count in size.items())
    return f"## {sizes}\n\n{table(header, rows)}"


def growth(size: Mapping[str, int], arguments: Arguments) -> str:
    """Exponents of all layers: 1 where twice as much takes twice as long."""
    rows = []
    for name in stgan.list("layers", arguments.only):
        found = exponents(name, size, arguments)
        rows.append([f"`{name}`", *(f"{found[a]:.2f}" if a in found else "-" for a in size)])
        print(*rows[-1], sep="  ", file=sys.stderr, flush=True)
    title = "## Growth: exponent of the time, forward and backward"
    return f"{title}\n\n{table(('layer', *size), rows)}"


def main() -> None:
    """Measure, print, and write the tables where they were asked for."""
    arguments = tyro.cli(Arguments)
    torch.set_num_threads(arguments.threads)
    start = time.perf_counter()
    parts = ["# Layer by layer", _INTRODUCTION]
    parts += [costs(size, arguments) for size in SIZES]
    if arguments.growth:
        parts.append(growth(SIZES[1], arguments))
    what = (
        f"Medians, rounds: {arguments.rounds}, in float32, layer and twin in turn, "
        f"{time.perf_counter() - start:.0f} s in all"
    )
    parts.append(how("layers.py", what, threads=arguments.threads, device=arguments.device))
    finish("\n\n".join(parts), arguments.markdown)


if __name__ == "__main__":
    main()

"""Time ImaGINator's decoder layers, factorized, against the dense transposed convolution.

    python benchmarks/factorization.py --batch-size 2 --rounds 5

Both are measured in turn in one process, so that a drift of the machine's speed meets both; the
ratio of the medians is what counts. A ratio below 1 means that the factorized layer is faster.
"""

import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import tyro
from torch import Tensor, nn

from stgan.functional import factorized_mid_channels
from stgan.layers import ConvTranspose1Plus2d
from stgan.typing import MidChannels

# Channels in, out and size of the input of the four upsampling stages as published.
STAGES = {
    "block2": (1030, 256, (2, 4, 4)),
    "block3": (518, 128, (4, 8, 8)),
    "block4": (262, 64, (8, 16, 16)),
    "to_rgb": (134, 3, (16, 32, 32)),
}
RULES: tuple[MidChannels, ...] = ("released", "match", "out")


@dataclass(frozen=True)
class Arguments:
    """Time factorized transposed convolutions against dense ones."""

    batch_size: int = 2
    """Clips at once."""
    rounds: int = 5
    """Measurements of each, in turn; the median is reported."""
    threads: int = 2
    """Threads of the CPU."""


def timed(layer: nn.Module, video: Tensor) -> float:
    """Return the seconds of one forward and backward pass."""
    start = time.perf_counter()
    layer(video).sum().backward()
    return time.perf_counter() - start


def median_times(calls: list[Callable[[], float]], rounds: int) -> list[float]:
    """Call each in turn, ``rounds`` times after one warm-up, and return the medians."""
    for call in calls:
        call()
    times = [[call() for call in calls] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*times, strict=True)]


def main() -> None:
    """Print the table."""
    arguments = tyro.cli(Arguments)
    torch.set_num_threads(arguments.threads)
    print(f"torch {torch.__version__}, {arguments.threads} threads, {platform.machine()}, "
          f"batch {arguments.batch_size}, forward and backward\n")  # fmt: skip
    print("| stage  | mid channels    | weights / dense | dense ms | time / dense |")
    print("| ------ | --------------- | --------------: | -------: | -----------: |")
    for name, (c_in, c_out, size) in STAGES.items():
        video = torch.randn(arguments.batch_size, c_in, *size, requires_grad=True)
        dense = nn.ConvTranspose3d(c_in, c_out, 4, 2, 1)
        layers: list[nn.Module] = [dense]
        for rule in RULES:
            layers.append(ConvTranspose1Plus2d(c_in, c_out, 4, 2, 1, mid_channels=rule))
        calls = [lambda layer=layer, video=video: timed(layer, video) for layer in layers]
        base, *times = median_times(calls, arguments.rounds)
        weights = [sum(p.numel() for p in layer.parameters()) for layer in layers]
        for rule, seconds, count in zip(RULES, times, weights[1:], strict=True):
            width = factorized_mid_channels(
                rule, in_channels=c_in, out_channels=c_out, kernel_size=4
            )
            print(f"| {name:<6} | {rule:<9} {width:>5} | {count / weights[0]:>15.2f} "
                  f"| {base * 1e3:>8.0f} | {seconds / base:>12.2f} |")  # fmt: skip


if __name__ == "__main__":
    main()

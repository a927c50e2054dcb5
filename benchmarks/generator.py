"""ImaGINator's generator against its plain twin, for inference and for training.

    python benchmarks/generator.py --markdown docs/results/generator.md

Both sides hold equal weights; outputs and gradients are compared before anything is timed.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
import tyro
from torch import Tensor, nn

from benchmarks._measure import Options, finish, how, rows, table, take_turns
from benchmarks._pair import (
    NUM_CLASSES,
    Batch,
    Sizes,
    build_generators,
    check_equal,
    draw_batch,
    gradients,
)

Network = Callable[[Tensor, Tensor, Tensor], Tensor]

_INTRODUCTION = """# The generator

The published widths, clips of 3 x 32 x 64 x 64. The twin computes in float32 unless it says
otherwise; the last column says how many times faster a variant is than the twin in float32: the
median over the rounds, and the range.
"""


@dataclass(frozen=True)
class Arguments(Options):
    """Compare the generator with its plain twin."""

    inference: tuple[int, ...] = (1, 8)
    """Batches in evaluation mode."""
    training: tuple[int, ...] = (4,)
    """Batches of forward and backward in training mode."""
    sizes: Sizes = field(default_factory=Sizes)
    """Of the networks."""


def infer(network: Network, batch: Batch, label: Tensor, *, bf16: bool = False) -> Tensor:
    """Generate clips without autograd."""
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        return network(batch.video[:, :, 0], batch.z, label)


def learn(
    network: nn.Module, batch: Batch, label: Tensor, slope: Tensor, *, bf16: bool = False
) -> Tensor:
    """Generate clips and send a gradient back to all parameters."""
    network.zero_grad(set_to_none=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        video: Tensor = network(batch.video[:, :, 0], batch.z, label)
    torch.autograd.backward(video.float(), slope)
    return video.detach()


def measure(arguments: Arguments) -> tuple[list[list[object]], float]:
    """Return the rows of the table, and the largest error of any output or gradient."""
    twin, mine = build_generators(arguments.sizes)
    lines, errors = [], []
    for batch_size in arguments.inference:
        twin.eval(), mine.eval()
        batch = draw_batch(batch_size, arguments.sizes.z_dim)
        label = F.one_hot(batch.label, NUM_CLASSES).float()
        runs = {
            "twin": functools.partial(infer, twin, batch, label),
            "twin, bf16": functools.partial(infer, twin, batch, label, bf16=True),
            "stgan": functools.partial(infer, mine, batch, label),
            "stgan, bf16": functools.partial(infer, mine, batch, label, bf16=True),
        }
        errors.append(check_equal("output", {"video": runs["stgan"]()}, {"video": runs["twin"]()}))
        lines += rows(f"evaluation, batch {batch_size}", take_turns(runs, arguments))
    for batch_size in arguments.training:
        twin.train(), mine.train()
        batch = draw_batch(batch_size, arguments.sizes.z_dim)
        label = F.one_hot(batch.label, NUM_CLASSES).float()
        slope = torch.randn_like(batch.video)
        trainings = {
            "twin": functools.partial(learn, twin, batch, label, slope),
            "twin, bf16": functools.partial(learn, twin, batch, label, slope, bf16=True),
            "stgan": functools.partial(learn, mine, batch, label, slope),
            "stgan, bf16": functools.partial(learn, mine, batch, label, slope, bf16=True),
        }
        videos = {"video": trainings["stgan"]()}, {"video": trainings["twin"]()}
        errors.append(check_equal("output", *videos))
        errors.append(check_equal("gradient of", gradients(mine), gradients(twin, "generator")))
        lines += rows(f"forward and backward, batch {batch_size}", take_turns(trainings, arguments))
    return lines, max(errors)


def main(args: list[str] | None = None) -> None:
    """Measure, print the page, and write it where it was asked for."""
    arguments = tyro.cli(Arguments, args=args)
    torch.set_num_threads(arguments.threads)
    lines, error = measure(arguments)
    made = how(
        "generator.py",
        f"In turn in one process, {arguments.rounds} rounds; float32 outputs and gradients agree "
        f"with the twin's within {error:.0e} relative",
        threads=arguments.threads,
    )
    header = ["what", "by", "ms", "times faster"]
    finish(f"{_INTRODUCTION}\n{table(header, lines)}\n\n{made}", arguments.markdown)


if __name__ == "__main__":
    main()

"""ImaGINator's generator against its plain twin, for inference and for training.

    python benchmarks/generator.py --markdown docs/results/speed/generator.md

Both sides hold equal weights; outputs and gradients are compared before anything is timed.
"""

import functools
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
import tyro
from torch import Tensor, nn

from benchmarks._agree import Agreement, check_equal, check_generators
from benchmarks._bf16 import bf16_gain, has_bf16
from benchmarks._measure import Options, Ratio, finish, how, ratio, rounds_told, table, take_turns
from benchmarks._pair import NUM_CLASSES, Batch, Sizes, build_generators, draw_batch
from stgan.layers import fold_batch_norms

Network = Callable[[Tensor, Tensor, Tensor], Tensor]

INFERENCE = ("twin", "twin, bf16", "stgan", "stgan, folded", "stgan, folded, bf16")
VARIANTS = ("twin", "twin, bf16", "stgan", "stgan, bf16")

_INTRODUCTION = """# The generator

The published widths, clips of 3 x 32 x 64 x 64. The twin computes in float32 unless it says
otherwise; the last column says how many times faster a variant is than the twin in float32: the
median over the rounds, and the range. A CPU that is not faster in bf16 is not measured in it.
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
    torch.autograd.backward(video.to(slope.dtype), slope)
    return video.detach()


@dataclass(frozen=True)
class Case:
    """Seconds of every round by variant, the twin first, and how far both sides agree."""

    seconds: dict[str, list[float]]
    agreement: Agreement

    def faster(self, variant: str) -> Ratio:
        """How many times faster than the twin in float32 a variant is."""
        return ratio(self.seconds["twin"], self.seconds[variant])


def inference(
    batch_size: int, sizes: Sizes, options: Options, *, variants: tuple[str, ...] = INFERENCE
) -> Case:
    """Measure generating clips in evaluation mode."""
    twin, mine = (network.eval() for network in build_generators(sizes))
    folded = fold_batch_norms(mine)
    batch = draw_batch(batch_size, sizes.z_dim)
    label = F.one_hot(batch.label, NUM_CLASSES).float()
    runs = {
        "twin": functools.partial(infer, twin, batch, label),
        "twin, bf16": functools.partial(infer, twin, batch, label, bf16=True),
        "stgan": functools.partial(infer, mine, batch, label),
        "stgan, folded": functools.partial(infer, folded, batch, label),
        "stgan, folded, bf16": functools.partial(infer, folded, batch, label, bf16=True),
    }
    expected = {"video": runs["twin"]()}
    error = max(
        check_equal("output", {"video": runs[name]()}, expected)
        for name in ("stgan", "stgan, folded")
    )
    seconds = take_turns({name: runs[name] for name in variants}, options)
    return Case(seconds, Agreement(error, 0.0))


def training(
    batch_size: int, sizes: Sizes, options: Options, *, variants: tuple[str, ...] = VARIANTS
) -> Case:
    """Measure forward and backward in training mode."""
    twin, mine = (network.train() for network in build_generators(sizes))
    batch = draw_batch(batch_size, sizes.z_dim)
    label = F.one_hot(batch.label, NUM_CLASSES).float()
    slope = torch.randn_like(batch.video)
    runs = {
        "twin": functools.partial(learn, twin, batch, label, slope),
        "twin, bf16": functools.partial(learn, twin, batch, label, slope, bf16=True),
        "stgan": functools.partial(learn, mine, batch, label, slope),
        "stgan, bf16": functools.partial(learn, mine, batch, label, slope, bf16=True),
    }

    def learn_as(network: nn.Module, dtype: torch.dtype) -> Tensor:
        given = replace(batch, video=batch.video.to(dtype), z=batch.z.to(dtype))
        return learn(network, given, label.to(dtype), slope.to(dtype))

    agreement = check_generators(twin, mine, learn_as)
    return Case(take_turns({name: runs[name] for name in variants}, options), agreement)


def measure(arguments: Arguments) -> tuple[list[list[object]], Agreement]:
    """Return the rows of the table, and how far both sides agree."""
    asked = has_bf16(bf16_gain(arguments))
    for_inference, for_training = (
        tuple(name for name in names if asked or "bf16" not in name)
        for names in (INFERENCE, VARIANTS)
    )
    cases = {
        f"evaluation, batch {n}": inference(n, arguments.sizes, arguments, variants=for_inference)
        for n in arguments.inference
    } | {
        f"forward and backward, batch {n}": training(
            n, arguments.sizes, arguments, variants=for_training
        )
        for n in arguments.training
    }
    lines = [
        [name, variant, f"{statistics.median(each) * 1e3:.0f}", case.faster(variant)]
        for name, case in cases.items()
        for variant, each in case.seconds.items()
    ]
    agreed = [case.agreement for case in cases.values()]
    worst = Agreement(max(a.values for a in agreed), max(a.gradients for a in agreed))
    return lines, worst


def main(args: list[str] | None = None) -> None:
    """Measure, print the page, and write it where it was asked for."""
    arguments = tyro.cli(Arguments, args=args)
    torch.set_num_threads(arguments.threads)
    lines, agreement = measure(arguments)
    made = how(
        "generator.py",
        f"In turn in one process, {rounds_told(arguments)}; {agreement}",
        threads=arguments.threads,
    )
    header = ["what", "by", "ms", "times faster"]
    finish(f"{_INTRODUCTION}\n{table(header, lines)}\n\n{made}", arguments.markdown)


if __name__ == "__main__":
    main()

"""The ways in which a GPU computes the recipe's iteration, and what they have in common."""

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from benchmarks._pair import Batch, Precision, Recipe, Sizes, published_step
from benchmarks.twin import Twin

__all__ = [
    "BEFORE_REPLAY",
    "WAYS",
    "Way",
    "clear",
    "peak_memory",
    "take_published_step",
    "take_step",
    "tensor_cores",
]

# Steps until one is recorded.
BEFORE_REPLAY = 4


@dataclass(frozen=True)
class Way:
    """One way to compute the recipe's iteration."""

    preset: str = "released"
    precision: Precision = "32-true"
    tf32: bool = False
    # The generator by torch.compile, or the whole step as a recording.
    compiled: bool = False
    replayed: bool = False
    # Whether the decoder keeps no activations inside its stages.
    recompute: bool = False
    # Fields of the settings of the model and of the loss.
    model: Mapping[str, Any] = field(default_factory=dict)
    loss: Mapping[str, Any] = field(default_factory=dict)

    def open(
        self, sizes: Sizes, device: str, *, size: tuple[int, int, int] = (32, 64, 64)
    ) -> Recipe:
        """Build networks and optimizers, not compiled yet."""
        return Recipe(
            self.preset,
            sizes,
            precision=self.precision,
            accelerator=torch.device(device).type,
            size=size,
            loss=self.loss,
            recompute=self.recompute,
            cuda_graph=self.replayed,
            **self.model,
        )


WAYS: dict[str, Way] = {
    "float32": Way(),
    "TF32": Way(tf32=True),
    "TF32, replayed": Way(tf32=True, replayed=True),
    "bf16": Way(precision="bf16-mixed"),
    "bf16, replayed": Way(precision="bf16-mixed", replayed=True),
    "bf16, checkpointed": Way(precision="bf16-mixed", recompute=True),
    "bf16, compiled": Way(precision="bf16-mixed", compiled=True),
    "imaginator, bf16": Way("imaginator", "bf16-mixed"),
    "imaginator, bf16, replayed": Way("imaginator", "bf16-mixed", replayed=True),
    "mid_channels=out, one pass, bf16, replayed": Way(
        "imaginator",
        "bf16-mixed",
        replayed=True,
        model={"mid_channels": "out"},
        loss={"order": "simultaneous"},
    ),
}


@contextmanager
def tensor_cores(matmul: bool, cudnn: bool, *, trying: bool = True) -> Iterator[None]:
    """Allow TF32 in matrix products and in convolutions, or not; cuDNN may try its algorithms."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    benchmark = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = trying
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = matmul, cudnn
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before
        torch.backends.cudnn.benchmark = benchmark


def take_published_step(twin: Twin, batch: Batch) -> None:
    """Let the twin take its iteration in torch's defaults."""
    with tensor_cores(matmul=False, cudnn=True):
        published_step(twin, batch)


def take_step(recipe: Recipe, batch: Batch, way: Way) -> None:
    """Let the recipe take its iteration."""
    with tensor_cores(way.tf32, way.tf32):
        recipe.step(batch)


def peak_memory(run: Callable[[], object], device: str) -> int:
    """Return the most bytes that the allocator held during a run; 0 without an allocator."""
    if device == "cpu":
        run()
        return 0
    torch.cuda.reset_peak_memory_stats(device)
    run()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device)


def clear(device: str) -> None:
    """Give back what nothing holds any more."""
    gc.collect()
    if torch.device(device).type == "cuda":
        torch.cuda.empty_cache()
    torch.compiler.reset()

"""The training iteration on a GPU: against the twin, against the device's limit, and its scaling.

    python benchmarks/gpu.py --markdown docs/results/speed/gpu.md

The twin computes in torch's defaults for float32, with cuDNN choosing its algorithms by trial, as
the published loop does. The limit is the rate of a large bf16 matrix product in the same run.
"""

import functools
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
import tyro
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import breakdown
from benchmarks._agree import check_iteration
from benchmarks._measure import Options, finish, how, ratio, rounds_told, table, take_turns
from benchmarks._pair import Sizes, draw_batch
from benchmarks._ways import (
    BEFORE_REPLAY,
    WAYS,
    Way,
    clear,
    peak_memory,
    take_published_step,
    take_step,
    tensor_cores,
)
from benchmarks.twin import Twin

_INTRODUCTION = """# On a GPU

The published widths. The device multiplies large bf16 matrices at {peak:.0f} TFLOP/s in this run;
"of the limit" is what an iteration computes, as counted by
`torch.utils.flop_counter`, divided by its time and by that rate. Peak
memory is what torch's allocator held at most, less what the twin keeps between iterations.
"""


@dataclass(frozen=True)
class Arguments(Options):
    """Measure the training iteration on a GPU."""

    device: str = "cuda"
    """Where; cpu tries the script out, and says nothing about a GPU."""
    ways: tuple[str, ...] = tuple(WAYS)
    """Which ways to compute the recipe's iteration."""
    batch_size: int = 64
    """Clips in an iteration that is compared with the twin."""
    profiled: tuple[str, ...] = ("TF32", "bf16")
    """Of which ways, beside the twin, to tell where the time goes; those that are not replayed."""
    scaling: tuple[int, ...] = (8, 16, 32, 64, 128, 256)
    """Batches, for how clips a second grow; the last that fits is the largest."""
    shapes: tuple[tuple[int, int, int], ...] = (
        (16, 64, 64),
        (32, 64, 64),
        (32, 128, 128),
        (64, 128, 128),
        (64, 256, 256),
        (128, 256, 256),
    )
    """(T, H, W) of the clips, for how clips a second fall; up to what does not fit."""
    shape_batch_size: int = 8
    """Clips in an iteration of these."""
    matrix: int = 8192
    """Side of the matrices whose product measures the limit."""
    sizes: Sizes = field(default_factory=Sizes)
    """Of the networks."""


def peak_rate(arguments: Arguments) -> float:
    """Return the FLOP/s of a large matrix product in bf16."""
    n = arguments.matrix
    a, b = (torch.randn(n, n, device=arguments.device, dtype=torch.bfloat16) for _ in range(2))
    product = functools.partial(torch.matmul, a, b)
    seconds = take_turns({"product": product}, arguments, device=arguments.device)["product"]
    return 2 * n**3 / min(seconds)


def check_equal_steps(twin: Twin, arguments: Arguments) -> None:
    """End the program where an iteration in float32 and float64 is not the twin's."""
    # Few clips: in float64 they take twice the memory.
    few = draw_batch(min(8, arguments.batch_size), arguments.sizes.z_dim, device=arguments.device)
    with tensor_cores(matmul=False, cudnn=False, trying=False):
        check_iteration(twin, Way().open(arguments.sizes, arguments.device), few)
    clear(arguments.device)


def against_the_twin(arguments: Arguments, peak: float) -> list[list[object]]:
    """Let every way take turns with the twin; memory is measured of each side alone."""
    device, n = arguments.device, arguments.batch_size
    batch = draw_batch(n, arguments.sizes.z_dim, device=device)
    torch.manual_seed(0)
    twin = arguments.sizes.twin().to(device)
    twin.start()
    check_equal_steps(twin, arguments)
    published = functools.partial(take_published_step, twin, batch)
    flops, memory = _count(published), peak_memory(published, device)
    lines: list[list[object]] = []
    for name in arguments.ways:
        way = WAYS[name]
        recipe = way.open(arguments.sizes, device)
        stepped = functools.partial(take_step, recipe, batch, way)
        own_flops = _count(stepped)  # the first steps of a recording run as they are
        if way.compiled:
            recipe.compile()
        for _ in range(BEFORE_REPLAY if way.replayed else 0):
            stepped()
        seconds = take_turns({"twin": published, "stgan": stepped}, arguments, device=device)
        if not lines:
            lines.append(_row("twin", seconds["twin"], n, "1", flops / peak, memory))
        # The twin's weights, gradients and optimizers lie on the device too.
        others = sum(tensor.nbytes for tensor in _held(twin)) + batch.video.nbytes
        # What lies in the memory of a recording, the allocator does not tell.
        own = None if way.replayed else max(0, peak_memory(stepped, device) - others)
        faster = ratio(seconds["twin"], seconds["stgan"])
        lines.append(_row(name, seconds["stgan"], n, faster, own_flops / peak, own))
        _tell(lines[-1])
        del recipe, stepped
        clear(device)
    return lines


def where_the_time_goes(arguments: Arguments) -> str:
    """Profile the twin and some ways, one iteration of each in turn."""
    device = arguments.device
    batch = draw_batch(arguments.batch_size, arguments.sizes.z_dim, device=device)
    twin = arguments.sizes.twin().to(device)
    twin.start()
    steps: dict[str, Callable[[], object]] = {
        "twin": functools.partial(take_published_step, twin, batch)
    }
    for name in arguments.profiled:
        recipe = WAYS[name].open(arguments.sizes, device)
        steps[name] = functools.partial(take_step, recipe, batch, WAYS[name])
    columns = breakdown.breakdown(steps, arguments, device=device)
    clear(device)
    return breakdown.told(columns, digits=1)


def _held(twin: Twin) -> Iterator[torch.Tensor]:
    yield from twin.parameters()
    yield from twin.buffers()
    yield from (p.grad for p in twin.parameters() if p.grad is not None)
    for optimizer in twin.optimizers.values():
        for state in optimizer.state.values():
            yield from (value for value in state.values() if isinstance(value, torch.Tensor))


def _count(run: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def _row(
    name: str, seconds: list[float], n: int, faster: object, ideal: float, memory: int | None
) -> list[object]:
    """Tell one variant, whose arithmetic alone would take ``ideal`` seconds at the limit."""
    time = statistics.median(seconds)
    numbers = f"{time * 1e3:.1f}", f"{n / time:.1f}", faster, f"{ideal / time:.1%}"
    return [name, *numbers, "-" if memory is None else f"{memory / 2**30:.2f}"]


def _speed(arguments: Arguments, n: int, size: tuple[int, int, int]) -> list[object]:
    """Clips a second and peak memory of the preset imaginator in bf16, or that it does not fit."""
    try:
        found = _measured_speed(arguments, n, size)
    except torch.OutOfMemoryError:
        found = ["does not fit", "-"]
    clear(arguments.device)
    _tell([f"{n} x", *size, *found])
    return found


def _tell(line: list[object]) -> None:
    print(*line, sep="  ", file=sys.stderr, flush=True)


def _measured_speed(arguments: Arguments, n: int, size: tuple[int, int, int]) -> list[object]:
    device, way = arguments.device, Way("imaginator", "bf16-mixed")
    recipe = way.open(arguments.sizes, device, size=size)
    batch = draw_batch(n, arguments.sizes.z_dim, size=size, device=device)
    step = functools.partial(take_step, recipe, batch, way)
    seconds = take_turns({"step": step}, arguments, device=device)["step"]
    memory = peak_memory(step, device)
    return [f"{n / statistics.median(seconds):.1f}", f"{memory / 2**30:.2f}"]


def sections(arguments: Arguments) -> Iterator[str]:
    """Measure one thing after the other, and lay out each."""
    peak = peak_rate(arguments)
    yield _INTRODUCTION.format(peak=peak / 1e12)
    header = ["variant", "ms", "clips a second", "times faster", "of the limit", "peak GiB"]
    yield f"## Against the twin, batch of {arguments.batch_size}\n"
    yield f"{table(header, against_the_twin(arguments, peak))}\n"
    yield "## Where the time goes\n"
    yield "Milliseconds that the device computes in one iteration, as torch.profiler sees it.\n"
    yield f"{where_the_time_goes(arguments)}\n"
    by_batch = [[n, *_speed(arguments, n, (32, 64, 64))] for n in arguments.scaling]
    yield "## Over the batch: preset imaginator, bf16, clips of 32 x 64 x 64\n"
    yield f"{table(['batch', 'clips a second', 'peak GiB'], by_batch)}\n"
    n = arguments.shape_batch_size
    by_shape = [[" x ".join(map(str, s)), *_speed(arguments, n, s)] for s in arguments.shapes]
    yield f"## Over the size of the clip, batch of {n}\n"
    yield f"{table(['T x H x W', 'clips a second', 'peak GiB'], by_shape)}\n"


def main(args: list[str] | None = None) -> None:
    """Measure, print the page, and write it where it was asked for."""
    arguments = tyro.cli(Arguments, args=args)
    if torch.device(arguments.device).type == "cuda" and not torch.cuda.is_available():
        sys.exit(
            "error: this measures a GPU, and torch finds no CUDA device here; run it where there "
            "is one, or pass --device cpu to try the script out"
        )
    torch.set_num_threads(arguments.threads)
    made = how(
        "gpu.py",
        f"In turn in one process, {rounds_told(arguments)}",
        threads=arguments.threads,
        device=arguments.device,
    )
    text = ""
    for section in sections(arguments):
        text += f"{section}\n"
        if arguments.markdown is not None:  # cut short, it keeps what there is
            arguments.markdown.write_text(f"{text}{made}\n", encoding="utf-8")
    finish(f"{text}{made}", arguments.markdown)


if __name__ == "__main__":
    main()

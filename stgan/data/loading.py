"""Endless batches that a run can leave and come back to at any step."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch.utils.data import DataLoader, Dataset

from stgan._checks import check_positive
from stgan.data.items import numbered_generator
from stgan.data.sampler import EndlessSampler
from stgan.errors import DataError

__all__ = ["batch_share", "endless_loader", "naming_dead_workers"]

# Sets the stream of seeds that workers get apart from those of the permutations.
_WORKERS = 0x5EED


def endless_loader(
    data: Dataset[Any],
    *,
    batch_size: int,
    seed: int = 0,
    step: int = 0,
    rank: int = 0,
    world_size: int = 1,
    workers: int = 0,
    **settings: Any,
) -> DataLoader[Any]:
    """Return shuffled batches without end, beginning where so many steps would have come to.

    The batches of a run depend on the seed and the step alone. They are the same with any number
    of worker processes; those of several processes, taken together, are the batches of one, item
    ``i`` of the whole batch going to process ``i % world_size``; and a run that is resumed at a
    step goes on as if it had never stopped, as long as the random choices of an item are numbered,
    as those of :class:`~stgan.data.ClipFolder`. For other data sets see
    :class:`~stgan.data.NumberedItems`.

    Nothing is drawn from the global generators of this process. Those of a worker are seeded by
    seed, step, process and worker. Workers ignore SIGINT and, on Linux, SIGTERM from anyone but
    this process: a terminal and a scheduler send them to all processes of a run, and the loop
    decides when it ends.

    Args:
        data: A data set with a length whose items are asked for by ``(index, draw)``.
        batch_size: Items in a batch, of all processes together.
        seed: Of the order of items; the same on all processes.
        step: Batches that the run has consumed already.
        rank: Number of this process.
        world_size: Number of processes.
        workers: Worker processes that read for this one.
        **settings: Others of ``torch.utils.data.DataLoader``, such as ``pin_memory``.

    Raises:
        ValueError: If the batch cannot be shared evenly, or a number is out of range.
        TypeError: If a number is not an integer.

    Example:
        >>> from stgan.data import MovingShapes
        >>> shapes = MovingShapes(5, num_frames=2, image_size=16)
        >>> batches = iter(endless_loader(shapes, batch_size=4, seed=1))
        >>> skipped, expected = next(batches), next(batches)
        >>> resumed = next(iter(endless_loader(shapes, batch_size=4, seed=1, step=1)))
        >>> bool((resumed["video"] == expected["video"]).all())
        True
    """
    share = batch_share(batch_size, world_size=world_size)
    if step < 0:
        raise ValueError(f"step must be a number of consumed batches of at least 0, got {step}")
    sampler = EndlessSampler(
        len(data),  # type: ignore[arg-type]  # the documentation asks for a length
        seed=seed,
        rank=rank,
        world_size=world_size,
        start=step * share,
    )
    return DataLoader(
        data,
        batch_size=share,
        sampler=sampler,
        num_workers=workers,
        persistent_workers=workers > 0,
        worker_init_fn=_obey_only_the_loop if workers else None,
        generator=numbered_generator(seed, _WORKERS, step, rank),
        **settings,
    )


def batch_share(batch_size: int, *, world_size: int = 1, parts: int = 1) -> int:
    """Return how many items of a batch each process takes.

    Args:
        batch_size: Items in a batch, of all processes together.
        world_size: Number of processes.
        parts: Parts of equal size into which each process cuts its share, to gather gradients.

    Raises:
        ValueError: If the batch cannot be shared evenly, or a number is not positive.
        TypeError: If a number is not an integer.

    Example:
        >>> batch_share(64, world_size=4, parts=2)
        16
        >>> batch_share(64, world_size=4, parts=3)
        Traceback (most recent call last):
        ValueError: batch_size 64 cannot be shared by 4 processes in 3 parts each; make it a ...
    """
    check_positive(batch_size, "batch_size")
    check_positive(world_size, "world_size")
    check_positive(parts, "parts")
    if batch_size % (world_size * parts):
        shared = "1 process" if world_size == 1 else f"{world_size} processes"
        shared += f" in {parts} parts each" if parts > 1 else ""
        raise ValueError(
            f"batch_size {batch_size} cannot be shared by {shared}; make it a multiple of "
            f"{world_size * parts}"
        )
    return batch_size // world_size


@contextmanager
def naming_dead_workers() -> Iterator[None]:
    """Say in one sentence that a worker of a loader died.

    torch raises that at any moment of the loop, in the middle of whatever it does, as soon as the
    system tells.

    Raises:
        DataError: In place of torch's ``RuntimeError``.

    Example:
        >>> with naming_dead_workers():
        ...     raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. ")
        Traceback (most recent call last):
        stgan.errors.DataError: a process that reads clips died: DataLoader worker (pid 7) is ...
    """
    try:
        yield
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        told = " ".join(str(error).split()).rstrip(".")
        raise DataError(
            f"a process that reads clips died: {told}; if memory ran out, take fewer workers or a "
            f"smaller cache, and go on from the last checkpoint"
        ) from error


def _obey_only_the_loop(_: int) -> None:
    """Let a worker end when its loop says so, and not when a signal goes to all processes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not hasattr(signal, "sigwaitinfo"):
        return  # outside of Linux there is no telling who sent a SIGTERM
    loop = os.getppid()

    def wait() -> None:
        while True:
            found = signal.sigwaitinfo({signal.SIGTERM})
            # multiprocessing ends what is left of its children in this way, and waits for it.
            if found is None or found.si_pid == loop:
                os._exit(0)

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=wait, daemon=True).start()

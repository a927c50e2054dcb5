"""Peak resident memory of something that runs in a process of its own."""

import resource
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

__all__ = ["peak_bytes"]


def peak_bytes(function: Callable[..., object], *args: Any, threads: int) -> int:
    """Return the most memory that a fresh process held while it ran ``function(*args)``.

    Everything counts: the interpreter, the libraries, weights, gradients, optimizers, activations.

    Args:
        function: Found by its name in a module.
        *args: Picklable.
        threads: Threads of the CPU.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_run, function, args, threads).result()


def _run(function: Callable[..., object], args: tuple[Any, ...], threads: int) -> int:
    torch.set_num_threads(threads)
    function(*args)
    return _own_peak()


def _own_peak() -> int:
    # On Linux the number of getrusage survives exec: a child begins with its parent's peak. That of
    # the address space does not.
    status = Path("/proc/self/status")
    if status.is_file():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024

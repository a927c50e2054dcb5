"""Resident memory of something that runs in a process of its own."""

import ctypes
import gc
import resource
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

__all__ = ["Resident", "resident"]


@dataclass(frozen=True)
class Resident:
    """Bytes of memory that a process held.

    Attributes:
        peak: The most at any time.
        kept: At the end, for what the function returned; ``None`` where the system does not tell.
    """

    peak: int
    kept: int | None


def resident(function: Callable[..., object], *args: Any, threads: int) -> Resident:
    """Measure a fresh process that runs ``function(*args)``.

    Everything counts: the interpreter, the libraries, weights, gradients, optimizers, activations.

    Args:
        function: Found by its name in a module.
        *args: Picklable.
        threads: Threads of the CPU.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_run, function, args, threads).result()


def _run(function: Callable[..., object], args: tuple[Any, ...], threads: int) -> Resident:
    torch.set_num_threads(threads)
    returned = function(*args)
    peak = _status("VmHWM")
    if peak is None:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peak = most if sys.platform == "darwin" else most * 1024
    gc.collect()
    _give_back()
    kept = _status("VmRSS")
    del returned
    return Resident(peak, kept)


def _status(name: str) -> int | None:
    # On Linux the peak of getrusage survives exec: a child begins with its parent's. That of the
    # address space does not.
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(lines[name].split()[0]) * 1024


def _give_back() -> None:
    """Let glibc give free memory back to the system."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)

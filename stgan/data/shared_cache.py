"""Tensors of bytes that are made once for all processes of a loader."""

import mmap
import os
import tempfile
from collections.abc import Callable, Sequence
from math import prod
from multiprocessing import reduction
from multiprocessing.context import get_spawning_popen
from typing import Any, TypeAlias

import torch
from torch import Tensor

__all__ = ["SharedCache"]

Shape: TypeAlias = tuple[int, ...]


class SharedCache:
    """Byte tensors by number, each made by the first process that asks for it.

    All processes look at the same memory, however they were started: a forked worker inherits it,
    a spawned one receives its file descriptor. Memory is taken page by page as entries are made.
    A pickle or copy for any other purpose begins empty; so do workers on Windows, which cannot be
    handed a descriptor: there each has a cache of its own.

    Entries beyond the limit have no place; see :meth:`holds`.

    Args:
        shapes: Shape of every entry.
        limit: Bytes in all; ``None`` means no limit. Places are given in order to all that fit.

    Example:
        >>> cache = SharedCache([(2, 3), (4,)], limit=9)
        >>> cache.holds(0), cache.holds(1)
        (True, False)
        >>> cache.get(0, lambda entry: entry.fill_(1)).sum(), len(cache)
        (tensor(6), 1)
    """

    def __init__(self, shapes: Sequence[Shape], *, limit: int | None = None) -> None:
        self._places: dict[int, tuple[int, Shape]] = {}
        used = 0
        for number, shape in enumerate(shapes):
            size = prod(shape)
            if limit is None or used + size <= limit:
                self._places[number] = (used, shape)
                used += size
        # A mark for each entry, which says that it is made, then the entries.
        self._num_marks = len(shapes)
        self._size = self._num_marks + used
        self._map(_new_file(self._size))

    def _map(self, descriptor: int) -> None:
        self._descriptor = descriptor
        memory = mmap.mmap(descriptor, self._size)
        everything = torch.frombuffer(memory, dtype=torch.uint8)
        self._marks, self._bytes = everything[: self._num_marks], everything[self._num_marks :]

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)

    def __len__(self) -> int:
        """Count the entries that are made."""
        return int(self._marks.sum(dtype=torch.int64))

    def holds(self, number: int) -> bool:
        """Whether an entry has a place."""
        return number in self._places

    def get(self, number: int, fill: Callable[[Tensor], object]) -> Tensor:
        """Return an entry that has a place; let ``fill`` write it first if no process has done so.

        What ``fill`` raises goes to the caller, and the next one tries again.
        """
        start, shape = self._places[number]
        entry = self._bytes[start : start + prod(shape)].view(shape)
        # Two processes may both fill an entry: they write the same bytes. Torch gives up the
        # interpreter's lock and takes it again around each operation, so bytes come before mark.
        if not self._marks[number]:
            fill(entry)
            self._marks[number] = 1
        return entry

    def __getstate__(self) -> dict[str, Any]:
        state = {key: self.__dict__[key] for key in ("_places", "_num_marks", "_size")}
        if get_spawning_popen() is not None and reduction.HAVE_SEND_HANDLE and os.name == "posix":
            state["handle"] = reduction.DupFd(self._descriptor)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        handle = state.pop("handle", None)
        self.__dict__.update(state)
        self._map(_new_file(self._size) if handle is None else handle.detach())


def _new_file(size: int) -> int:
    """Return the descriptor of a file without a name: in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("stgan-clips")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, size)
    return descriptor

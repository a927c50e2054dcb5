"""Ending a run between two steps when the system or the user asks for it."""

import signal
import threading
from types import FrameType
from typing import Any

import torch
import torch.distributed as dist

__all__ = ["StopSignals"]


class StopSignals:
    """Note SIGTERM and SIGINT, so that a loop can finish its step, save and end.

    A scheduler sends SIGTERM before it kills, a user SIGINT with Ctrl-C::

        with StopSignals() as stop:
            while step < steps and not stop.everywhere():
                ...
            save(...)
        if stop.name:
            print(f"stopped by {stop.name} after step {step}")

    After the first signal the handlers that were there before are put back, so that a second one
    ends the program at once. Worker processes of a loader get the same signals from a terminal or
    a scheduler; :func:`stgan.data.endless_loader` makes them wait for the end of the loop instead.

    Args:
        *signals: What to note; by default SIGTERM and SIGINT.

    Attributes:
        name: Name of the signal that came, or ``None``.

    Raises:
        RuntimeError: In ``with``, if this is not the main thread, where alone signals are told.

    Example:
        >>> import os
        >>> with StopSignals() as stop:
        ...     for step in range(5):
        ...         if step == 2:
        ...             os.kill(os.getpid(), signal.SIGTERM)
        ...         if stop.everywhere():
        ...             break
        >>> step, stop.name
        (2, 'SIGTERM')
    """

    def __init__(self, *signals: signal.Signals) -> None:
        self.signals = signals or (signal.SIGTERM, signal.SIGINT)
        self.name: str | None = None
        self._before: dict[signal.Signals, Any] = {}
        self._group: Any = None

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("signals are told to the main thread only; use StopSignals there")
        self.name = None
        for number in self.signals:
            self._before[number] = signal.signal(number, self._note)
        if _several():
            # Of their own and on the CPU: to agree must not wait for what a GPU is doing.
            self._group = dist.new_group(backend="gloo")
        return self

    def __exit__(self, *_: object) -> None:
        self._put_back()
        if self._group is not None and dist.is_initialized():
            dist.destroy_process_group(self._group)
        self._group = None

    def _note(self, number: int, _: FrameType | None) -> None:
        self.name = signal.Signals(number).name
        self._put_back()

    def _put_back(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    @property
    def requested(self) -> bool:
        """Whether a signal came to this process."""
        return self.name is not None

    def everywhere(self, also: bool = False) -> bool:
        """Whether to stop, the same answer on all processes of a distributed run.

        Every process must ask as often, for one asks all others. On one process it costs nothing.

        Args:
            also: Another reason of this process to stop, such as a limit of time.
        """
        stop = self.requested or also
        if self._group is None:
            return stop
        votes = torch.tensor([float(stop)])
        dist.all_reduce(votes, op=dist.ReduceOp.MAX, group=self._group)
        return bool(votes.item())


def _several() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1

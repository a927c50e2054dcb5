"""Loggers of Fabric, whose errors are told where they are called."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

__all__ = ["log_to", "open_loggers", "place_of"]


def place_of(logger: Any) -> str:
    """What to call the file or folder that a logger writes to."""
    folder = getattr(logger, "log_dir", None)
    return type(logger).__name__ if folder is None else Path(folder).name


def log_to(logger: Any, values: Mapping[str, float], step: int) -> None:
    """Give a logger a line, and let it be on the disk when this returns, if the logger can.

    TensorBoard writes in a thread of its own, which alone knows whether it could.
    """
    logger.log_metrics(values, step)
    flush = getattr(logger.experiment, "flush", None)
    if flush is not None:
        flush()


@contextmanager
def open_loggers(loggers: Sequence[Any]) -> Iterator[None]:
    """Open loggers before the first step, and close what they write to at the end.

    An error of TensorBoard's thread is raised again where the logger is called; the traceback of
    the thread would only stand above the sentence.
    """
    before, others = threading.excepthook, set(threading.enumerate())

    def without_writers(args: threading.ExceptHookArgs) -> None:
        if not _writes_events(args.thread):
            before(args)

    threading.excepthook = without_writers
    try:
        for logger in loggers:
            _ = logger.experiment
        yield
    finally:
        for logger in loggers:
            with suppress(OSError):  # which the loop has been told
                # Of TensorBoard not the whole, which stops at an error.
                writer = getattr(logger.experiment, "file_writer", None)
                writer.close() if writer is not None else logger.finalize("success")
        # One that failed while it was opened may just be about to say so.
        for thread in filter(_writes_events, set(threading.enumerate()) - others):
            thread.join(1)
        threading.excepthook = before


def _writes_events(thread: threading.Thread | None) -> bool:
    return type(thread).__module__.startswith("tensorboard.")

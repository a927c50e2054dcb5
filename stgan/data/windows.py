"""Which frames of a longer clip an item shows."""

import torch

__all__ = ["WINDOWS", "window_span", "window_start", "window_starts"]

#: How the frames of an item are chosen.
WINDOWS: tuple[str, ...] = ("random", "first", "center", "all")


def window_span(num_frames: int, stride: int) -> int:
    """Return how many stored frames a window covers, from its first to its last.

    Args:
        num_frames: Frames in the window.
        stride: Step between them, in stored frames.

    Example:
        >>> window_span(16, 2)
        31
    """
    return (num_frames - 1) * stride + 1


def window_starts(count: int, span: int) -> range:
    """Return the starts of all windows that fit end to end, without a shared frame.

    Args:
        count: Frames of the clip.
        span: See :func:`window_span`.

    Example:
        >>> list(window_starts(50, 16))
        [0, 16, 32]
    """
    return range(0, count - span + 1, span)


def window_start(window: str, count: int, span: int, generator: torch.Generator) -> int:
    """Return the start of the one window of an item.

    A number is drawn whatever the window, so that later draws do not depend on it.

    Args:
        window: ``"random"``, ``"first"`` or ``"center"``.
        count: Frames of the clip, at least ``span``.
        span: See :func:`window_span`.
        generator: Source of the random start.

    Example:
        >>> window_start("center", 50, 16, torch.Generator())
        17
    """
    last = count - span
    drawn = int(torch.randint(last + 1, (), generator=generator))
    return {"random": drawn, "first": 0, "center": last // 2}[window]

"""A bar where somebody watches, and nothing in a file of output."""

from typing import Any

from tqdm import tqdm

__all__ = ["progress_bar"]


def progress_bar(total: int, what: str, *, shown: bool = True) -> "tqdm[Any]":
    """Return a bar of clips on stderr that leaves its line when it is done."""
    return tqdm(total=total, desc=what, unit="clip", leave=False, disable=None if shown else True)

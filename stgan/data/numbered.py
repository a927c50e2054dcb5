"""Random choices of any data set, numbered, so that no run can lose its place in them."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from stgan.data.items import Index, split_index, stable_seed

__all__ = ["NumberedItems"]


class NumberedItems(Dataset[Any]):
    """Give every draw of every item of a data set its own random numbers.

    Data sets with random transforms draw from the global generators of Python, NumPy and torch, so
    that an item depends on which worker reads it and on what that worker read before. Here the
    three are seeded by a hash of ``(seed, index, draw)`` while an item is made and put back
    afterwards: the item is the same in any process, worker and order, and a resumed run sees the
    items that it would have seen.

    Args:
        data: A data set of items by number, such as those of torchvision.
        seed: Seed of all random choices.

    Attributes:
        data: As given.

    Example:
        >>> class Noise(Dataset):
        ...     def __len__(self):
        ...         return 3
        ...
        ...     def __getitem__(self, index):
        ...         return index + torch.rand(())
        >>> items = NumberedItems(Noise(), seed=1)
        >>> first, second = items[2, 0], items[2, 1]
        >>> bool(items[2, 0] == first), bool(first == second)
        (True, False)
    """

    def __init__(self, data: Dataset[Any], *, seed: int = 0) -> None:
        self.data = data
        self.seed = seed

    def __len__(self) -> int:
        return len(self.data)  # type: ignore[arg-type]  # the documentation asks for numbers

    def __getitem__(self, index: Index) -> Any:
        """Return an item; ``(index, draw)`` numbers its random choices."""
        number, draw = split_index(index, len(self))
        with _seeded(stable_seed(self.seed, number, draw)):
            return self.data[number]


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    python = random.getstate()
    numpy = np.random.get_state()  # noqa: NPY002 - third parties draw from it
    with torch.random.fork_rng(devices=[]):
        try:
            random.seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002
            torch.default_generator.manual_seed(seed)
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002

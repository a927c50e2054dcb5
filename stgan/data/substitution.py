"""Going on where single files of a data set turn out to be broken."""

from typing import Any

import torch
from torch.utils.data import Dataset

from stgan._checks import check_positive
from stgan.data.items import Index, numbered_generator, split_index
from stgan.errors import DataError

__all__ = ["SubstituteBroken"]


class SubstituteBroken(Dataset[Any]):
    """Put another item in the place of one that cannot be read, and remember which it was.

    Files break in the middle of a run: disks are unmounted, copies are cut, and damage inside of
    compressed pixels only shows when they are decoded. Whatever raises
    :class:`~stgan.errors.DataError` is replaced by another item of the same draw, chosen by a
    hash; where the same files are broken, the choice is the same in every process and after every
    resume. An item that failed once is not opened again.

    Which items failed is known to all worker processes of a loader and to this one. Ask
    :meth:`news` at every line of the log.

    Args:
        data: A data set of items by number, or by ``(number, draw)``.
        seed: Of the choice of others.
        limit: How many items may fail before the run is stopped; ``None`` for half of them.

    Attributes:
        data: As given.
        limit: As given, or half of the items.

    Raises:
        DataError: For an item, when more than ``limit`` have failed.
        ValueError: If ``limit`` is not positive.
        TypeError: If ``limit`` is not an integer.

    Example:
        >>> class Cut(Dataset):
        ...     def __len__(self):
        ...         return 4
        ...
        ...     def __getitem__(self, index):
        ...         if index[0] == 2:
        ...             raise DataError("clip c.mp4 is cut short")
        ...         return index[0]
        >>> data = SubstituteBroken(Cut())
        >>> data[2] in (0, 1, 3), data.count, data.news(), data.news()
        (True, 1, {2: 'clip c.mp4 is cut short'}, {})
    """

    def __init__(self, data: Dataset[Any], *, seed: int = 0, limit: int | None = None) -> None:
        self.data = data
        self.seed = seed
        items = len(data)  # type: ignore[arg-type]  # the documentation asks for numbers
        self.limit = max(1, items // 2) if limit is None else check_positive(limit, "limit")
        # In shared memory, so that a worker's discovery reaches all others.
        self._broken = torch.zeros(items, dtype=torch.uint8).share_memory_()  # type: ignore[no-untyped-call]
        self._told: set[int] = set()

    def __len__(self) -> int:
        return len(self._broken)

    def __getitem__(self, index: Index) -> Any:
        """Return an item, or the one that stands in for it."""
        number, draw = split_index(index, len(self))
        place = number
        generator: torch.Generator | None = None
        while True:
            if not self._broken[place]:
                try:
                    return self.data[place, draw]
                except DataError as error:
                    self._broken[place] = 1
                    if self.count > self.limit:
                        raise DataError(
                            f"{self.count} of {len(self)} items cannot be read, more than the "
                            f"limit of {self.limit}; the last: {error}"
                        ) from error
            elif self.count == len(self):
                raise DataError(f"none of the {len(self)} items can be read any more")
            generator = generator or numbered_generator(self.seed, number, draw)
            place = int(torch.randint(len(self), (), generator=generator))

    @property
    def count(self) -> int:
        """How many items have failed, in this process and in all workers."""
        return int(self._broken.sum())

    def news(self) -> dict[int, str]:
        """Numbers of the items that failed since the last call, each with the reason.

        Each is told once. To know the reason it is opened again here.
        """
        # Of a copy: nonzero counts first and then writes, and workers may add in between.
        found = set(self._broken.clone().nonzero().flatten().tolist()) - self._told
        self._told |= found
        return {number: self._reason(number) for number in sorted(found)}

    def _reason(self, number: int) -> str:
        try:
            self.data[number, 0]
        except DataError as error:
            return str(error)
        return f"item {number} could not be read when it was asked for, and can be read now"

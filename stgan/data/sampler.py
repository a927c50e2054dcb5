"""An endless order of items that can be sharded over processes and resumed at any place."""

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler

from stgan._checks import check_positive
from stgan.data.items import numbered_generator

__all__ = ["EndlessSampler"]


class EndlessSampler(Sampler[tuple[int, int]]):
    """Yield ``(index, epoch)`` forever, a fresh permutation of all items in each epoch.

    The permutations of epochs 0, 1, 2, ... stand one behind the other in one endless sequence, of
    which rank ``r`` takes the places ``r``, ``r + world_size``, ... No item is lost or repeated to
    make the shards even, so an epoch may end in the middle of a batch. The epoch serves as the
    draw of :class:`~stgan.data.ClipFolder`: each visit of a clip makes new random choices.

    Args:
        num_items: Number of items of the data set.
        seed: Seed of the permutations; the same on all ranks.
        rank: Number of this process.
        world_size: Number of processes.
        start: How many items this rank has consumed already.

    Raises:
        ValueError: If a count is not positive, ``rank`` is not below ``world_size``, or ``start``
            is negative.
        TypeError: If a count is not an integer.

    Example:
        >>> from itertools import islice
        >>> first = list(islice(EndlessSampler(3), 5))
        >>> sorted(first[:3])
        [(0, 0), (1, 0), (2, 0)]
        >>> list(islice(EndlessSampler(3, start=2), 3)) == first[2:]
        True
    """

    def __init__(
        self, num_items: int, *, seed: int = 0, rank: int = 0, world_size: int = 1, start: int = 0
    ) -> None:
        self.num_items = check_positive(num_items, "num_items")
        self.world_size = check_positive(world_size, "world_size")
        if not 0 <= rank < world_size:
            raise ValueError(f"rank must lie in 0 to {world_size - 1} (world_size - 1), got {rank}")
        if start < 0:
            raise ValueError(f"start must be a number of consumed items of at least 0, got {start}")
        self.seed = seed
        self.rank = rank
        self.start = start

    def __iter__(self) -> Iterator[tuple[int, int]]:
        place = self.rank + self.start * self.world_size
        current = -1
        order: list[int] = []
        while True:
            epoch, within = divmod(place, self.num_items)
            if epoch != current:
                generator = numbered_generator(self.seed, epoch)
                order = torch.randperm(self.num_items, generator=generator).tolist()
                current = epoch
            yield order[within], epoch
            place += self.world_size

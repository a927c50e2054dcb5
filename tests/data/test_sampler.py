from collections import Counter
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from stgan.data import EndlessSampler, MovingShapes

counts = st.integers(1, 20)
seeds = st.integers(0, 2**32 - 1)


@given(counts, seeds, st.integers(1, 4))
def test_every_epoch_is_a_permutation(n: int, seed: int, epochs: int) -> None:
    drawn = list(islice(EndlessSampler(n, seed=seed), n * epochs))
    for epoch in range(epochs):
        part = drawn[epoch * n : (epoch + 1) * n]
        assert sorted(part) == [(index, epoch) for index in range(n)]


@given(counts, seeds, st.integers(1, 5), st.integers(0, 60))
def test_a_resumed_order_goes_on(n: int, seed: int, world_size: int, start: int) -> None:
    for rank in range(world_size):
        settings = {"seed": seed, "rank": rank, "world_size": world_size}
        whole = list(islice(EndlessSampler(n, **settings), start + 30))
        rest = list(islice(EndlessSampler(n, **settings, start=start), 30))
        assert rest == whole[start:]


@given(counts, seeds, st.integers(1, 5), st.integers(1, 30))
def test_shards_neither_lose_nor_repeat(n: int, seed: int, world_size: int, each: int) -> None:
    shards = [
        list(islice(EndlessSampler(n, seed=seed, rank=rank, world_size=world_size), each))
        for rank in range(world_size)
    ]
    together = [item for turn in zip(*shards, strict=True) for item in turn]
    assert together == list(islice(EndlessSampler(n, seed=seed), each * world_size))
    assert max(Counter(together).values()) == 1


def test_epochs_and_seeds_differ() -> None:
    def order(**settings: int) -> list[int]:
        return [index for index, _ in islice(EndlessSampler(50, **settings), 50)]

    assert order(seed=0) != order(seed=1)
    assert order(seed=0) != order(seed=0, start=50)


def test_it_feeds_a_loader_without_end() -> None:
    data = MovingShapes(5, num_frames=2, image_size=16)
    loader = DataLoader(data, batch_size=2, sampler=EndlessSampler(5, seed=3))
    labels = [label for batch in islice(loader, 6) for label in batch["label"].tolist()]
    assert labels == [data.labels[index] for index, _ in islice(EndlessSampler(5, seed=3), 12)]


@pytest.mark.parametrize(
    ("settings", "error", "match"),
    [
        ({"num_items": 0}, ValueError, r"num_items must be at least 1, got 0"),
        ({"world_size": 0}, ValueError, r"world_size must be at least 1, got 0"),
        ({"rank": 2, "world_size": 2}, ValueError, r"rank must lie in 0 to 1 .* got 2"),
        ({"rank": -1}, ValueError, r"rank must lie in 0 to 0 .* got -1"),
        ({"start": -1}, ValueError, r"start must be a number of consumed items .* got -1"),
    ],
)
def test_bad_settings(settings: dict[str, Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        EndlessSampler(**{"num_items": 5, **settings})

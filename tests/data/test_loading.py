"""Endless batches: the same for any number of workers and processes, and from any step on."""

import random
import subprocess
import sys
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.data import Dataset

from stgan.data import NumberedItems, endless_loader
from stgan.training import rng_state

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


class Drawn(Dataset[Tensor]):
    """Items of the three global generators, as those of most data sets with random transforms."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Tensor:
        draws = [random.random(), np.random.rand(), torch.rand(()).item()]  # noqa: NPY002
        return torch.tensor([index, *draws], dtype=torch.float64)


def _batches(count: int, length: int = 7, **settings: Any) -> list[Tensor]:
    loader = endless_loader(NumberedItems(Drawn(length), seed=3), **settings)
    return list(islice(loader, count))


@given(
    length=st.integers(1, 9),
    share=st.integers(1, 4),
    world_size=st.integers(1, 3),
    step=st.integers(0, 9),
    seed=st.integers(0, 2**32 - 1),
)
def test_processes_together_and_a_resumed_run_see_the_batches_of_one(
    length: int, share: int, world_size: int, step: int, seed: int
) -> None:
    batch = share * world_size
    whole = _batches(step + 3, length, batch_size=batch, seed=seed)[step:]
    shards = [
        _batches(
            3, length, batch_size=batch, seed=seed, step=step, rank=rank, world_size=world_size
        )
        for rank in range(world_size)
    ]
    for place, expected in enumerate(whole):
        for rank, shard in enumerate(shards):
            assert torch.equal(shard[place], expected[rank::world_size])


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing_nor_does_a_stop_between_any_two_batches(workers: int) -> None:
    expected = _batches(9, batch_size=3, seed=5)
    for step in (0, 4):
        found = _batches(9 - step, batch_size=3, seed=5, step=step, workers=workers)
        assert all(torch.equal(a, b) for a, b in zip(found, expected[step:], strict=True))


@pytest.mark.parametrize("workers", [0, 1])
def test_nothing_is_drawn_from_the_generators_of_this_process(workers: int) -> None:
    before = rng_state()
    _batches(2, batch_size=2, workers=workers)
    after = rng_state()
    assert torch.equal(before["torch"], after["torch"])
    assert before["python"] == after["python"]
    assert before["numpy"] == after["numpy"]


def test_items_and_draws_differ() -> None:
    items = NumberedItems(Drawn(2))
    other = NumberedItems(Drawn(2), seed=1)
    values = [tuple(x[1:].tolist()) for x in (items[0], items[0, 1], items[1], other[0])]
    assert len(set(values)) == 4
    assert all(len({v[k] for v in values}) == 4 for k in range(3))


@pytest.mark.parametrize(
    ("settings", "error", "match"),
    [
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ({"world_size": 0}, ValueError, "world_size must be at least 1, got 0"),
        ({"world_size": 3}, ValueError, "batch_size 4 cannot be shared by 3 processes; make it a"),
        ({"step": -1}, ValueError, "step must be a number of consumed batches .* got -1"),
        ({"rank": 1}, ValueError, "rank must lie in 0 to 0"),
        ({"batch_size": 1.5}, TypeError, "batch_size must be a positive integer"),
    ],
)
def test_bad_settings(settings: dict[str, Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        endless_loader(Drawn(4), **{"batch_size": 4, **settings})


_LEFT = """
import torch
from stgan.data import endless_loader

data = [torch.zeros(1)] * 4
data = type("Data", (list,), {"__getitem__": lambda self, index: torch.zeros(1)})(data)
batches = iter(endless_loader(data, batch_size=2, workers=2))
next(batches)
batches.keep = batches  # nobody ends it: the interpreter must
print("read", flush=True)
"""


def test_a_program_ends_with_workers_that_nobody_ended() -> None:
    command = [sys.executable, "-c", _LEFT]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "read\n"), done.stderr

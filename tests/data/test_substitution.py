"""Items that cannot be read are replaced, counted and named once, from whichever worker."""

import threading
from collections import Counter
from itertools import islice

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import Dataset

from stgan.data import SubstituteBroken, endless_loader
from stgan.errors import DataError

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


class Broken(Dataset[int]):
    def __init__(self, length: int, broken: set[int]) -> None:
        self.length, self.broken = length, broken
        self.opened: Counter[int] = Counter()

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: tuple[int, int]) -> int:
        self.opened[index[0]] += 1
        if index[0] in self.broken:
            raise DataError(f"clip {index[0]}.mp4 is cut short")
        return index[0]


lengths = st.integers(2, 12)


@given(lengths, st.data())
def test_sound_items_are_untouched_and_each_broken_one_is_told_once(
    length: int, data: st.DataObject
) -> None:
    broken = data.draw(st.sets(st.integers(0, length - 1), max_size=length - 1))
    inner = Broken(length, broken)
    items = SubstituteBroken(inner, limit=length)
    for draw in range(3):
        for number in range(length):
            found = items[number, draw]
            assert found == number if number not in broken else found not in broken
    assert items.count == len(broken)
    assert all(inner.opened[number] == 1 for number in broken)
    assert items.news() == {n: f"clip {n}.mp4 is cut short" for n in broken}
    assert items.news() == {}


def test_news_are_read_while_workers_add_to_them() -> None:
    """What the flags of workers are read for takes two passes, between which others may fail."""
    items = SubstituteBroken(Broken(200_000, set()))
    flags = torch.randint(2, (2, len(items)), generator=torch.Generator().manual_seed(0)).byte()
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            for row in flags:
                items._broken.copy_(row)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        items._told = set(range(len(items)))
        for _ in range(50):
            assert items.news() == {}
    finally:
        done.set()
        worker.join()


@given(lengths, st.integers(0, 2**31))
def test_the_same_broken_files_are_replaced_alike_in_any_order(length: int, seed: int) -> None:
    broken = set(range(0, length, 2)) - {0} | {1}
    first = SubstituteBroken(Broken(length, broken), seed=seed, limit=length)
    second = SubstituteBroken(Broken(length, broken), seed=seed, limit=length)
    places = [(number, draw) for number in range(length) for draw in range(2)]
    forward = {place: first[place] for place in places}
    assert {place: second[place] for place in reversed(places)} == forward


@pytest.mark.parametrize("workers", [0, 2])
def test_the_workers_of_a_loader_share_what_they_find(workers: int) -> None:
    items = SubstituteBroken(Broken(20, {3, 4, 11}), limit=5)
    batches = islice(endless_loader(items, batch_size=5, workers=workers), 8)
    assert not {3, 4, 11} & set(torch.cat(list(batches)).tolist())
    assert items.count == 3
    assert list(items.news()) == [3, 4, 11]


def test_too_many_broken_items_stop_the_run_and_the_last_is_named() -> None:
    items = SubstituteBroken(Broken(9, set(range(9))), limit=3)
    with pytest.raises(
        DataError, match=r"4 of 9 items cannot be read, more than the limit of 3; the last: clip \d"
    ):
        items[0]
    everything = SubstituteBroken(Broken(2, {0, 1}), limit=2)
    with pytest.raises(DataError, match="none of the 2 items can be read any more"):
        everything[0]
    assert SubstituteBroken(Broken(9, set())).limit == 4
    with pytest.raises(ValueError, match="limit must be at least 1, got 0"):
        SubstituteBroken(Broken(9, set()), limit=0)


def test_a_file_that_came_back_is_told_as_that() -> None:
    inner = Broken(4, {2})
    items = SubstituteBroken(inner, limit=4)
    items[2]
    inner.broken = set()
    assert items.news() == {
        2: "item 2 could not be read when it was asked for, and can be read now"
    }


def test_errors_that_are_not_about_data_are_not_hidden() -> None:
    class Wrong(Broken):
        def __getitem__(self, index: tuple[int, int]) -> int:
            raise KeyError("a mistake in the program")

    with pytest.raises(KeyError, match="a mistake"):
        SubstituteBroken(Wrong(2, set()))[0]

"""Decoded clips that all processes of a loader share, and what they leave as it is."""

import copy
import os
import pickle
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.data import DataLoader

from stgan.data import ClipFolder
from stgan.data.shared_cache import SharedCache
from stgan.errors import DataError
from stgan.io import write_strip

SHAPES = st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple), min_size=1)
SETTINGS: dict[str, Any] = {"num_frames": 4, "image_size": 16}
CLIP_BYTES = [3 * count * 16 * 16 for count in (6, 7, 8)]


def entry(shape: tuple[int, ...], number: int) -> Tensor:
    generator = torch.Generator().manual_seed(number)
    return torch.randint(256, shape, generator=generator, dtype=torch.uint8)


def write_clips(folder: Path) -> Path:
    (folder / "wave").mkdir()
    for clip, count in enumerate((6, 7, 8)):
        write_strip(entry((3, count, 16, 16), clip), folder / "wave" / f"{clip}.png")
    return folder


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Clips that a test may remove."""
    return write_clips(tmp_path)


@given(SHAPES, st.integers(0, 60) | st.none(), st.randoms(use_true_random=False))
def test_entries_are_what_was_made_in_any_order(
    shapes: list[tuple[int, ...]], limit: int | None, random: Any
) -> None:
    cache = SharedCache(shapes, limit=limit)
    held = [number for number in range(len(shapes)) if cache.holds(number)]
    taken = sum(prod(shapes[number]) for number in held)
    assert limit is None or taken <= limit
    for number in set(range(len(shapes))) - set(held):
        assert limit is not None
        before = sum(prod(shapes[n]) for n in held if n < number)
        assert before + prod(shapes[number]) > limit
    random.shuffle(held)
    for count, number in enumerate(held):
        assert len(cache) == count
        cache.get(number, lambda made, n=number: made.copy_(entry(shapes[n], n)))
    for number in held:
        again = cache.get(number, lambda _: pytest.fail("made twice"))
        assert torch.equal(again, entry(shapes[number], number))


def test_what_cannot_be_made_is_tried_again() -> None:
    cache = SharedCache([(3,)])
    with pytest.raises(ZeroDivisionError):
        cache.get(0, lambda made: made.fill_(1 // 0))
    assert len(cache) == 0
    assert cache.get(0, lambda made: made.fill_(1)).tolist() == [1, 1, 1]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
def test_a_copy_begins_empty_and_is_no_larger_for_what_was_cached(duplicate: Any) -> None:
    cache = SharedCache([(1000,)])
    size = len(pickle.dumps(cache))
    cache.get(0, lambda made: made.fill_(1))
    other = duplicate(cache)
    assert (len(cache), len(other)) == (1, 0)
    assert len(pickle.dumps(cache)) == size < 500
    assert other.get(0, lambda made: made.fill_(0)).sum() == 0
    assert cache.get(0, lambda _: pytest.fail("made twice")).sum() == 1000


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no list of descriptors to look at")
def test_descriptors_are_given_back() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(50):
        SharedCache([(10,)]).get(0, lambda made: made.fill_(1))
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


def test_a_system_without_files_in_memory_uses_one_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    cache = SharedCache([(3,), (2,)])
    assert cache.get(1, lambda made: made.copy_(torch.tensor([5, 6]))).tolist() == [5, 6]
    assert cache.get(1, lambda _: pytest.fail("made twice")).tolist() == [5, 6]


@pytest.mark.parametrize("context", ["fork", "spawn", "forkserver"])
def test_workers_fill_the_cache_of_all(root: Path, context: str) -> None:
    data, uncached = ClipFolder(root, **SETTINGS), ClipFolder(root, **SETTINGS, cache=False)
    order = [(index, draw) for draw in range(3) for index in (2, 0, 1)]
    loader = DataLoader(
        data, batch_size=3, sampler=order, num_workers=1, multiprocessing_context=context
    )
    there = torch.cat([batch["video"] for batch in loader])
    assert torch.equal(there, torch.stack([uncached[place]["video"] for place in order]))
    assert data.num_cached == 3
    for path in data.paths:
        path.unlink()
    # This process and workers to come read what a worker decoded.
    again = torch.cat([batch["video"] for batch in loader])
    assert torch.equal(again, there)
    assert torch.equal(data[order[0]]["video"], there[0])


@given(index=st.integers(0, 2), draw=st.integers(0, 9), limit=st.integers(4608, 20_000))
def test_a_limit_changes_no_item(clips: Path, index: int, draw: int, limit: int) -> None:
    settings = {**SETTINGS, "condition": "random", "flip": True}
    limited = ClipFolder(clips, **settings, cache_bytes=limit)
    uncached = ClipFolder(clips, **settings, cache=False)
    for _ in range(2):
        one, other = limited[index, draw], uncached[index, draw]
        assert all(torch.equal(one[key], other[key]) for key in ("video", "image"))
        assert one["label"] == other["label"]


def test_clips_beyond_the_limit_are_read_anew(root: Path) -> None:
    data = ClipFolder(root, **SETTINGS, cache_bytes=CLIP_BYTES[0] + CLIP_BYTES[1])
    for index in range(3):
        data[index]
    assert data.num_cached == 2
    for path in data.paths:
        path.unlink()
    data[0], data[1]
    with pytest.raises(DataError, match=r"2\.png does not exist"):
        data[2]


def test_nothing_is_cached_without_a_cache(clips: Path) -> None:
    data = ClipFolder(clips, **SETTINGS, cache=False)
    data[0]
    assert data.num_cached == 0


@pytest.mark.parametrize(
    ("settings", "error", "match"),
    [
        ({"cache_bytes": 0}, ValueError, r"cache_bytes must be at least 1, got 0"),
        (
            {"cache_bytes": 1e9},
            TypeError,
            r"cache_bytes must be a positive integer, got 1000000000\.0",
        ),
        (
            {"cache_bytes": 100},
            ValueError,
            r"cache_bytes 100 holds none of the 3 clips, the smallest of which takes 4608; raise",
        ),
        (
            {"cache_bytes": 10**6, "cache": False},
            ValueError,
            r"cache_bytes=1000000 limits a cache that cache=False switches off; leave one of them",
        ),
    ],
)
def test_bad_limits(
    clips: Path, settings: dict[str, Any], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        ClipFolder(clips, **SETTINGS, **settings)

"""Readers under load, and files that break while a run reads them."""

import random
from itertools import islice
from pathlib import Path

import pytest
import torch

from stgan.data import ClipFolder, SubstituteBroken, endless_loader
from stgan.errors import DataError
from stgan.io import write_strip, write_video
from tests.faults.soak import soak

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


def test_a_soak_of_mixed_clips_refuses_the_bad_ones_once_and_keeps_its_memory(
    tmp_path: Path,
) -> None:
    report = soak(tmp_path / "clips", 400)
    assert report["bad"] >= 100
    assert report["not_named"] == []
    assert report["named_twice"] == 0
    assert report["sound_refused"] == []
    assert report["skipped_when_opened"] > 0
    assert report["found_when_read"] >= 5
    assert abs(report["growth"]) < 0.05


def _folder(root: Path, count: int) -> ClipFolder:
    for number in range(count):
        clip = torch.rand(3, 6, 16, 16) * 2 - 1
        path = root / f"class_{number % 2}" / f"clip_{number:02d}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if number % 3:
            write_video(clip, path.with_suffix(".avi"))
        else:
            write_strip(clip, path.with_suffix(".png"))
    return ClipFolder(root, num_frames=4, image_size=16, cache=False)


def test_files_that_vanish_or_turn_to_garbage_are_replaced_and_named_once(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "clips", 12)
    data = SubstituteBroken(folder)
    batches = iter(endless_loader(data, batch_size=4, workers=2))
    list(islice(batches, 3))
    assert data.news() == {}
    gone, garbage = folder.paths[1], folder.paths[5]
    gone.unlink()
    garbage.write_bytes(random.Random(0).randbytes(900))
    found: dict[int, str] = {}
    for batch in islice(batches, 12):
        assert batch["video"].isfinite().all()
        news = data.news()
        assert not found.keys() & news.keys()
        found |= news
    assert sorted(found) == [1, 5]
    assert found[1] == f"clip {gone} does not exist; check the path"
    assert f"clip {garbage} " in found[5]


def test_a_disk_that_is_gone_stops_the_run_and_is_told(tmp_path: Path) -> None:
    root = tmp_path / "clips"
    data = SubstituteBroken(_folder(root, 8), limit=3)
    batches = iter(endless_loader(data, batch_size=4, workers=1))
    next(batches)
    root.rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"of 8 items cannot be read, more than the limit of 3; t"):
        list(islice(batches, 8))


def test_without_a_substitute_the_broken_file_is_named(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "clips", 6)
    batches = iter(endless_loader(folder, batch_size=2, workers=1))
    next(batches)
    for path in folder.paths:
        path.write_bytes(b"gone bad")
    with pytest.raises(DataError, match=r"clip \S+/clip_\d\d\.\w+ "):
        list(islice(batches, 8))

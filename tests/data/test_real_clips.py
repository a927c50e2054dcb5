"""The real clips: classes, split by subject, and windows against the pictures themselves."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stgan.data import ClipFolder, split_clips
from stgan.io import from_uint8


@pytest.mark.shared
def test_weizmann_by_subject(shared_folder: Path) -> None:
    root = shared_folder / "data" / "weizmann64"
    training, validation = split_clips(root, pattern="*/subject4_*")
    sets = [
        ClipFolder(root, num_frames=16, image_size=64, files=files, condition="neutral")
        for files in (training, validation)
    ]
    assert [data.classes for data in sets] == [["bend", "jack", "wave1", "wave2"]] * 2
    assert [len(data) for data in sets] == [56, 8]
    assert all(50 <= clip.num_frames <= 146 for data in sets for clip in data.clips)
    assert [data.labels.count(label) for data in sets for label in range(4)] == [14] * 4 + [2] * 4
    for data in sets:
        for index in (0, len(data) - 1):
            item = data[index, 1]
            assert item["video"].shape == (3, 16, 64, 64)
            with Image.open(data.paths[index]) as picture:
                strip = torch.from_numpy(np.array(picture.convert("RGB")))
            frames = from_uint8(strip).unflatten(1, (-1, 64)).permute(3, 1, 0, 2)
            assert frames.shape[1] == data.clips[index].num_frames
            assert torch.equal(item["image"], frames[:, 0])
            matches = [
                start
                for start in range(frames.shape[1] - 15)
                if torch.equal(item["video"], frames[:, start : start + 16])
            ]
            assert len(matches) >= 1

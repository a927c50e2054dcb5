"""An item takes the memory of its own frames, whatever the length of the film."""

import json
import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from stgan.data import ClipFolder, resize_frames
from stgan.io import read_video

MEASURE = """
import json, resource, sys
from stgan.data import ClipFolder

settings = json.loads(sys.argv[2])
data = ClipFolder(sys.argv[1], num_frames=16, image_size=32, window="center", **settings)
data[0]  # decoders and their tables
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for place in range(1, len(data)):
    data[place]
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
FRAMES, CLIPS = 150, 3


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short clip and two of 150 frames of 640 x 360: 99 MiB each, or 450 KiB as items."""
    root = tmp_path_factory.mktemp("root")
    (root / "all").mkdir()
    for number, count in enumerate([16] + [FRAMES] * (CLIPS - 1)):
        with av.open(str(root / "all" / f"{number}.mp4"), "w") as film:
            stream = film.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
            assert isinstance(stream, av.VideoStream)
            stream.height, stream.width, stream.pix_fmt = 360, 640, "yuv420p"
            pixels = np.zeros((360, 640, 3), np.uint8)
            for index in range(count):
                pixels[index] = index
                film.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            film.mux(stream.encode())
    return root


@pytest.mark.skipif(sys.platform == "win32", reason="no getrusage")
@pytest.mark.parametrize(
    "settings", [{}, {"cache": False}, {"cache_bytes": 3 * 32 * 32 * (FRAMES + 16)}], ids=str
)
def test_memory_does_not_grow_with_the_film(settings: dict[str, int], root: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-c", MEASURE, str(root), json.dumps(settings)],
        capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    unit = 1 if sys.platform == "darwin" else 1024
    # A clip is 99 MiB at its own size; what is kept of both is 0.9 MiB.
    assert int(found.stdout) * unit / 2**20 < 25


@pytest.mark.parametrize("resize", ["squash", "crop"])
@pytest.mark.parametrize("cache", [True, False])
def test_frames_resized_one_by_one_are_those_resized_together(
    resize: str, cache: bool, root: Path
) -> None:
    data = ClipFolder(
        root, num_frames=16, image_size=(24, 40), window="first", resize=resize, cache=cache
    )
    whole = read_video(root / "all" / "1.mp4", num_frames=16, dtype=torch.uint8)
    together = resize_frames(whole, (24, 40), resize=resize)
    assert torch.equal(data[1]["video"].add(1).mul(127.5).round().to(torch.uint8), together)

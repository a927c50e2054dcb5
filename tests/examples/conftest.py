from pathlib import Path

import pytest

from stgan.data import MovingShapes
from stgan.io import write_strip, write_video
from tests.examples.runs import train_run


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of clips in three formats."""
    root = tmp_path_factory.mktemp("videos")
    shapes = MovingShapes(12, num_frames=6, image_size=16, motions=["left_right", "zoom"])
    for index in range(12):
        folder = root / ["slide", "swell"][index % 2]
        folder.mkdir(exist_ok=True)
        video = shapes[index]["video"]
        name = folder / f"subject{index // 2}"
        if index < 4:
            write_strip(video, name.with_suffix(".png"))
        else:
            write_video(video, name.with_suffix(".mp4" if index < 8 else ".gif"))
    return root


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, videos: Path) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    train_run(out, "--data.root", str(videos), "--data.validation", "*/subject0*", "*/subject5*",
           "--train.steps", "3")  # fmt: skip
    return out


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sentences of any length stay in one line, as tests look for them."""
    monkeypatch.setenv("COLUMNS", "10000")

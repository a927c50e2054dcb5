"""Videos that were cut without encoding them anew: what is counted is what is read."""

import tempfile
from pathlib import Path
from typing import Any

import av
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from stgan.data import ClipFolder
from stgan.errors import DataError
from stgan.io import count_frames, read_video

FRAMES = 40
# Frames before a key frame that refer to frames behind it and before it; the same within one group
# of frames; and no key frame but the first, each refreshed in columns from left to right.
ENCODINGS = {
    "open": "open-gop=1:bframes=3:keyint=8:min-keyint=8:scenecut=0",
    "closed": "bframes=3:keyint=8:min-keyint=8:scenecut=0",
    "refreshed": "intra-refresh=1:keyint=8:bframes=0",
}
SUFFIXES = [".mkv", ".mp4", ".mov"]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with one film of 40 frames of 48 x 64 in every encoding."""
    folder = tmp_path_factory.mktemp("films")
    generator = torch.Generator().manual_seed(7)
    wide = torch.randint(256, (6, 13, 3), generator=generator, dtype=torch.uint8)
    wide = wide.repeat_interleave(8, dim=0).repeat_interleave(8, dim=1)
    for name, settings in ENCODINGS.items():
        with av.open(str(folder / f"{name}.mp4"), "w") as container:
            stream: Any = container.add_stream(
                "libx264", rate=25, options={"x264-params": settings}
            )
            stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
            for index in range(FRAMES):
                pixels = wide[:, index : index + 64].contiguous().numpy()
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode())
    return folder


def trim(source: Path, target: Path, skip: int) -> None:
    """Copy all packets but the first ones."""
    with av.open(str(source)) as film, av.open(str(target), "w") as trimmed:
        stream = trimmed.add_stream_from_template(film.streams.video[0])
        packets = [packet for packet in film.demux(video=0) if packet.size]
        for packet in packets[skip:]:
            packet.stream = stream
            trimmed.mux(packet)


def key_packets(path: Path) -> list[int]:
    with av.open(str(path)) as film:
        return [number for number, packet in enumerate(film.demux(video=0)) if packet.is_keyframe]


def frames_read(path: Path) -> int | None:
    """Return how many frames are read, or ``None`` if there are none."""
    try:
        return read_video(path).shape[1]
    except DataError as error:
        if "has no frames; write it again or leave it out" not in str(error):
            raise
        return None


@pytest.mark.parametrize("name", ENCODINGS)
@example(suffix=".mkv", skip=0)
@given(suffix=st.sampled_from(SUFFIXES), skip=st.integers(0, FRAMES - 1))
def test_whatever_is_cut_off_the_beginning_what_is_left_is_counted(
    name: str, suffix: str, skip: int, films: Path
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"trimmed{suffix}")
        trim(films / f"{name}.mp4", path, skip)
        expected = frames_read(path)
        assert skip > 0 or expected == FRAMES
        if expected is None:
            with pytest.raises(DataError, match=r"trimmed\.\w+ has no frames; write it again"):
                count_frames(path)
        else:
            assert count_frames(path) == expected


@pytest.mark.parametrize("name", ["open", "refreshed"])
def test_a_key_frame_need_not_be_the_first_that_is_shown(
    name: str, films: Path, tmp_path: Path
) -> None:
    (tmp_path / "walk").mkdir()
    path = tmp_path / "walk" / "a.mkv"
    second = key_packets(films / f"{name}.mp4")[1]
    trim(films / f"{name}.mp4", path, second)
    left = read_video(path).shape[1]
    assert count_frames(path) == left < FRAMES - second
    with pytest.raises(DataError, match=rf"a\.mkv has {left} frames, but {left + 1} frames from 0"):
        read_video(path, num_frames=left + 1)
    with pytest.raises(DataError, match=rf"a\.mkv has {left} frames; start must be below that"):
        read_video(path, start=left)
    assert ClipFolder(tmp_path, num_frames=left, image_size=8)[0]["video"].shape[1] == left
    with pytest.raises(DataError, match=rf"a\.mkv has {left} frames, but num_frames {left + 1}"):
        ClipFolder(tmp_path, num_frames=left + 1, image_size=8)


def test_the_error_counts_frames_that_come_out(
    films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whatever a header, or a decoder that stumbles on the way, makes of the number.
    monkeypatch.setattr("stgan.io.read.count_video", lambda path: FRAMES + 2)
    with pytest.raises(DataError, match=r"has 40 frames, but 42 frames from 0 .* need 42; lower"):
        read_video(films / "open.mp4", num_frames=FRAMES + 2)

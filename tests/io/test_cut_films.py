"""Films that end early are refused; what follows the end of a film does not matter."""

import random
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

from stgan.errors import DataError
from stgan.io import count_frames, read_video

FRAMES = 12
FRAGMENTED = "frag_keyframe+empty_moov+default_base_moof"
# Codec, its options, options of the container, whether there is sound.
FILMS: dict[str, tuple[str, dict[str, str], dict[str, str], bool]] = {
    "moov_last.mp4": ("libx264", {"bf": "3"}, {}, False),
    "moov_first.mp4": ("libx264", {"bf": "3"}, {"movflags": "faststart"}, False),
    "sound.mp4": ("libx264", {"bf": "3"}, {}, True),
    "sidx.mp4": (
        "libx264",
        {"bf": "2", "g": "4"},
        {"movflags": f"{FRAGMENTED}+global_sidx"},
        False,
    ),
    "jpeg.mov": ("mjpeg", {}, {}, False),
    "open_gop.mkv": ("libx264", {"bf": "3"}, {}, False),
    "sound.mkv": ("libx264", {"bf": "3"}, {}, True),
    "cues_first.mkv": ("libx264", {"bf": "3"}, {"cues_to_front": "1"}, False),
    "vp9.webm": ("libvpx-vp9", {"auto-alt-ref": "1", "lag-in-frames": "10"}, {}, False),
    "mpeg4.avi": ("mpeg4", {"bf": "2"}, {}, False),
    "h264.avi": ("libx264", {"bf": "0"}, {}, False),
    "sound.avi": ("mjpeg", {}, {}, True),
}


def write_film(
    path: Path,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    sound: bool = False,
    times: Sequence[int] = range(FRAMES),
) -> Path:
    noise = np.random.default_rng(5)
    with av.open(str(path), "w", options=container) as film:
        stream: Any = film.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = 36, 40
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        audio: Any = film.add_stream("pcm_s16le" if path.suffix == ".avi" else "aac", rate=8000,
                                     layout="mono") if sound else None  # fmt: skip
        for time in times:
            pixels = noise.integers(0, 256, (9, 10, 3), np.uint8).repeat(4, 0).repeat(4, 1)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 25)
            film.mux(stream.encode(frame))
            if audio is not None:
                samples = noise.integers(-9999, 9999, (1, 320), np.int16)
                piece = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
                piece.sample_rate, piece.pts = 8000, 320 * time
                film.mux(audio.encode(piece))
        film.mux(stream.encode())
        if audio is not None:
            film.mux(audio.encode())
    return path


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for name, settings in FILMS.items():
        write_film(folder / name, *settings)
    return folder


def counted_and_read(path: Path) -> tuple[int | None, int | None]:
    """Return both numbers of frames, ``None`` where the film is refused."""
    found: list[int | None] = []
    for count in (count_frames, lambda path: read_video(path).shape[1]):
        try:
            found.append(count(path))
        except DataError:
            found.append(None)
    return found[0], found[1]


def cuts(size: int, number: int = 60) -> list[int]:
    """Some lengths of a file, more of them near its end."""
    draws = random.Random(size)
    return sorted(draws.sample(range(1, size), number)) + list(range(max(1, size - 400), size, 9))


@pytest.mark.parametrize("name", FILMS)
def test_a_cut_film_is_refused_or_has_all_frames(name: str, films: Path, tmp_path: Path) -> None:
    content = (films / name).read_bytes()
    path = tmp_path / f"cut{Path(name).suffix}"
    results = set()
    for size in cuts(len(content)):
        path.write_bytes(content[:size])
        results.add(counted_and_read(path))
    assert (None, None) in results
    assert results <= {(None, None), (FRAMES, FRAMES)}


@pytest.mark.parametrize("sound", [False, True])
def test_fragments_are_whole_or_refused(sound: bool, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    options = {"bf": "0", "g": "4", "sc_threshold": "0"}
    write_film(path, "libx264", options, {"movflags": FRAGMENTED}, sound)
    content = path.read_bytes()
    assert counted_and_read(path) == (FRAMES, FRAMES)
    begins = [at - 4 for at in range(len(content)) if content[at : at + 4] == b"moof"]
    assert len(begins) == 3
    for number, begin in enumerate(begins):
        # Between two fragments the film is one that was not recorded any longer.
        path.write_bytes(content[:begin])
        whole = counted_and_read(path)
        assert whole == ((4 * number, 4 * number) if number else (None, None))
        data = content.index(b"mdat", begin) - 4
        end = begins[number + 1] if number < 2 else len(content)
        for size in (begin + 8, begin + 30, data - 1, data, data + 8, data + 9, (data + end) // 2):
            path.write_bytes(content[:size])
            assert counted_and_read(path) == (None, None), size - begin


def test_a_film_that_states_no_length_ends_where_it_ends(tmp_path: Path) -> None:
    # As documented: nothing tells a cut from the end of a live stream.
    path = write_film(tmp_path / "live.mkv", container={"live": "1"}, options={"bf": "0"})
    assert counted_and_read(path) == (FRAMES, FRAMES)
    path.write_bytes(path.read_bytes()[:-200])
    count, read = counted_and_read(path)
    assert count == read
    assert count is not None
    assert count < FRAMES


TRAILERS = {
    "newline": b"\n",
    "zeros": bytes(264),
    "ones": b"\xff" * 7,
    "noise": random.Random(0).randbytes(5000),
    "text": b"RECORDED WITH A CAMERA " * 20,
    "long box": (10**6).to_bytes(4, "big") + b"wxyz" + bytes(92),
    "tag": b"TAG" + bytes(125),
}


@pytest.mark.parametrize("trailer", TRAILERS)
@pytest.mark.parametrize("name", FILMS)
def test_what_follows_the_end_does_not_matter(
    name: str, trailer: str, films: Path, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes((films / name).read_bytes() + TRAILERS[trailer])
    assert count_frames(path) == FRAMES
    assert torch.equal(read_video(path), read_video(films / name))


@pytest.mark.shared
@pytest.mark.parametrize("name", ["trailer_none.mp4", "trailer_camera.mp4"])
def test_shared_films_with_and_without_a_trailer(
    name: str, shared_folder: Path, tmp_path: Path
) -> None:
    path = shared_folder / "cases" / name
    assert count_frames(path) == read_video(path).shape[1] == 12
    content = path.read_bytes()
    for part in (0.2, 0.5, 0.8):
        (tmp_path / "cut.mp4").write_bytes(content[: int(part * len(content))])
        assert counted_and_read(tmp_path / "cut.mp4") == (None, None)


@pytest.mark.parametrize("times", [[0, 1, 2, 9, 10, 30], [0, 1, 2, 3, 4, 40]])
@pytest.mark.parametrize("suffix", [".avi", ".mkv", ".mp4"])
def test_frames_that_are_left_out_are_no_cut(
    suffix: str, times: Sequence[int], tmp_path: Path
) -> None:
    path = write_film(tmp_path / f"film{suffix}", times=times)
    assert counted_and_read(path) == (6, 6)


def test_an_avi_may_end_with_empty_frames(tmp_path: Path) -> None:
    path = tmp_path / "film.avi"
    with av.open(str(path), "w") as film:
        stream: Any = film.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 36, 40, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for time in (0, 33, 67, 400, 433):
            frame = av.VideoFrame.from_ndarray(np.zeros((36, 40, 3), np.uint8), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
    assert counted_and_read(path) == (5, 5)
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"movi") + 200])
    assert counted_and_read(path) == (None, None)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("moov_first.mp4", r"cut short: frames in its index lie behind its end; copy or download"),
        ("sidx.mp4", r"cut short: frames in its index lie behind its end; copy or download it"),
        ("open_gop.mkv", r"cut short: it ends after 0\.\d+ of 0\.48 seconds; copy or download it"),
        ("mpeg4.avi", r"(cut short: it ends after|has a damaged packet)"),
    ],
)
def test_the_sentence_says_how_it_is_known(
    name: str, match: str, films: Path, tmp_path: Path
) -> None:
    content = (films / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(0.9 * len(content))])
    for read in (read_video, count_frames):
        with pytest.raises(DataError, match=match):
            read(tmp_path / name)

"""Which frames of a film are read, and in which colors: as players show them."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
import torch

from stgan.data import ClipFolder
from stgan.errors import DataError
from stgan.io import count_frames, read_video

Pixels = npt.NDArray[Any]


def shades(count: int, height: int = 32, width: int = 48, first: int = 0) -> list[Pixels]:
    """Gray frames, each 10 brighter than the one before."""
    return [np.full((height, width, 3), first + 10 * i, dtype=np.uint8) for i in range(count)]


def encode(
    path: Path,
    *tracks: Sequence[Pixels],
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    flags: Sequence[int] | None = None,
    source: str = "rgb24",
    **settings: Any,
) -> Path:
    """Write one video track of each list of frames."""
    with av.open(str(path), "w") as film:
        streams: list[Any] = [film.add_stream(codec, rate=25, options=options) for _ in tracks]
        for number, (stream, frames) in enumerate(zip(streams, tracks, strict=True)):
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = pix_fmt
            for name, value in settings.items():
                setattr(stream.codec_context, name, value)
            if flags is not None:
                stream.disposition = flags[number]
        for stream, frames in zip(streams, tracks, strict=True):
            for pixels in frames:
                frame = av.VideoFrame.from_ndarray(pixels, format=source)
                film.mux(stream.encode(frame.reformat(format=pix_fmt)))
            film.mux(stream.encode())
    return path


def brightness(path: Path) -> list[int]:
    """Return the mean of every frame."""
    video = read_video(path, dtype=torch.uint8).float()
    assert count_frames(path) == video.shape[1]
    return video.mean((0, 2, 3)).round().int().tolist()


def near(found: Sequence[int], *expected: int) -> bool:
    return len(found) == len(expected) and all(
        abs(a - b) <= 3 for a, b in zip(found, expected, strict=True)
    )


# --- tracks


@pytest.mark.shared
def test_the_default_track_of_a_shared_film_is_read(shared_folder: Path) -> None:
    path = shared_folder / "cases" / "two_tracks_second_default.mkv"
    assert count_frames(path) == read_video(path).shape[1] == 12


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
@pytest.mark.parametrize("flags", [(0, 1, 0), (0, 0, 1), (0, 1, 1), (1, 0, 1), (0, 0, 0)])
def test_the_first_track_with_the_default_flag_is_read(
    flags: tuple[int, ...], suffix: str, tmp_path: Path
) -> None:
    tracks = [shades(number + 2, first=80 * number) for number in range(3)]
    path = encode(tmp_path / f"film{suffix}", *tracks, flags=flags)
    number = flags.index(1) if 1 in flags else 0
    assert near(brightness(path), *(80 * number + 10 * i for i in range(number + 2)))


def add_cover(film: Any, number: int = 0) -> Any:
    cover = film.add_stream("mjpeg", rate=1)
    cover.height, cover.width, cover.pix_fmt = 32, 32, "yuvj420p"
    cover.disposition = av.stream.Disposition.attached_pic
    frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 250, np.uint8), format="rgb24")
    packets = [*cover.encode(frame.reformat(format="yuvj420p")), *cover.encode()]
    return packets


@pytest.mark.parametrize("first", [True, False])
def test_a_cover_picture_is_no_film(first: bool, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as film:
        covers = add_cover(film) if first else []
        stream: Any = film.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 32, 48, "yuv420p"
        covers = covers or add_cover(film)
        film.mux(covers)
        for pixels in shades(5, first=50):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        film.mux(stream.encode())
    assert near(brightness(path), 50, 60, 70, 80, 90)


def test_music_with_a_cover_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as film:
        sound = film.add_stream("aac", rate=8000, layout="mono")
        covers = add_cover(film)
        film.mux(covers)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        film.mux(sound.encode(frame))
        film.mux(sound.encode())
    for read in (read_video, count_frames):
        with pytest.raises(DataError, match=r"song\.mp4 has no video stream; leave it out"):
            read(path)


# --- colors


def square(step: int) -> Pixels:
    """A red square on hidden white, and below it green that is half transparent."""
    pixels = np.zeros((48, 64, 4), dtype=np.uint8)
    pixels[..., :3] = 255
    pixels[16:32, 4 + 4 * step : 20 + 4 * step] = (255, 0, 0, 255)
    pixels[32:40] = (0, 200, 100, 128)
    return pixels


@pytest.mark.shared
@pytest.mark.parametrize(
    "name", ["a_png.mov", "a_qtrle.mov", "a_ffv1.avi", "a_ffv1.mkv", "a_ut.avi", "a_prores.mov"]
)
def test_transparent_films_are_read_as_transparent_pictures(name: str, shared_folder: Path) -> None:
    video = read_video(shared_folder / "cases" / name, dtype=torch.uint8).int()
    pictures = read_video(shared_folder / "cases" / "alpha_frames", dtype=torch.uint8).int()
    assert (video - pictures).abs().max() <= (2 if name in ("a_ffv1.mkv", "a_prores.mov") else 0)
    assert not video[:, :, 0].any()


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("a.mov", "png", "rgba"),
        ("a.mp4", "png", "rgba64be"),
        ("a.mov", "qtrle", "argb"),
        ("a.mov", "rawvideo", "argb"),
        ("a.mov", "jpeg2000", "rgba"),
        ("a.mov", "prores_ks", "yuva444p10le"),
        ("a.avi", "huffyuv", "bgra"),
        ("a.avi", "ffvhuff", "yuva420p"),
        ("a.avi", "utvideo", "gbrap"),
        ("a.avi", "magicyuv", "gbrap"),
        ("a.mkv", "ffv1", "gbrap16le"),
        ("a.mkv", "ffv1", "yuva420p10le"),
        ("a.webm", "libvpx", "yuva420p"),
        ("a.webm", "libvpx-vp9", "yuva420p"),
        ("a.mkv", "libvpx-vp9", "yuva420p"),
    ],
)
def test_what_is_transparent_lies_over_black(
    name: str, codec: str, pix_fmt: str, tmp_path: Path
) -> None:
    options = {"auto-alt-ref": "0", "crf": "4", "b": "2M"} if codec.startswith("libvpx") else {}
    frames = [square(step) for step in range(8)]
    path = encode(
        tmp_path / name, frames, codec=codec, pix_fmt=pix_fmt, options=options, source="rgba"
    )
    video = read_video(path, dtype=torch.uint8).int()
    assert video.shape == (3, 8, 48, 64)
    assert count_frames(path) == 8
    for step in range(8):
        assert video[:, step, 4, 4].max() <= 3
        assert (video[:, step, 24, 12 + 4 * step] - torch.tensor([255, 0, 0])).abs().max() <= 6
        assert (video[:, step, 36, 4] - torch.tensor([0, 100, 50])).abs().max() <= 4


def test_transparent_colors_of_a_palette_lie_over_black(tmp_path: Path) -> None:
    indices = np.zeros((32, 32), dtype=np.uint8)
    indices[8:16] = 1
    palette = np.zeros((256, 4), dtype=np.uint8)  # alpha, red, green, blue
    palette[0], palette[1] = (0, 255, 255, 255), (255, 10, 200, 30)
    with av.open(str(tmp_path / "a.mov"), "w") as film:
        stream: Any = film.add_stream("png", rate=25)
        stream.height, stream.width, stream.pix_fmt = 32, 32, "pal8"
        frame = av.VideoFrame.from_ndarray((indices, palette), format="pal8")
        film.mux(stream.encode(frame))
        film.mux(stream.encode())
    video = read_video(tmp_path / "a.mov", dtype=torch.uint8)
    assert video[:, 0, 0, 0].tolist() == [0, 0, 0]
    assert video[:, 0, 10, 10].tolist() == [10, 200, 30]


@pytest.mark.shared
def test_a_shared_hdr_film_is_refused(shared_folder: Path) -> None:
    path = shared_folder / "cases" / "hdr_pq_white_and_gray.mp4"
    for read in (read_video, count_frames):
        with pytest.raises(
            DataError, match=r"hdr_pq_\S+ must be SDR, got HDR \(PQ\), whose bright"
        ):
            read(path)


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize(
    ("codec", "pix_fmt"), [("libx264", "yuv420p10le"), ("libvpx-vp9", "yuv420p")]
)
def test_hdr_is_refused(
    codec: str, pix_fmt: str, suffix: str, transfer: int, name: str, tmp_path: Path
) -> None:
    path = encode(
        tmp_path / f"film{suffix}", shades(3), codec=codec, pix_fmt=pix_fmt,
        color_trc=transfer, color_primaries=9, colorspace=9,
    )  # fmt: skip
    for read in (read_video, count_frames):
        with pytest.raises(DataError, match=rf"must be SDR, got HDR \({name}\), whose brightness"):
            read(path)


@pytest.mark.parametrize("transfer", [1, 14])
def test_sdr_of_ten_bits_and_wide_colors_is_read(transfer: int, tmp_path: Path) -> None:
    path = encode(
        tmp_path / "film.mp4", shades(4, first=100), codec="libx264", pix_fmt="yuv420p10le",
        color_trc=transfer, color_primaries=9, colorspace=9,
    )  # fmt: skip
    assert near(brightness(path), 100, 110, 120, 130)


# --- times and sizes


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_frames_at_uneven_times_are_read_once_each(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"film{suffix}"
    with av.open(str(path), "w") as film:
        stream: Any = film.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 32, 48, "yuv420p"
        for time, pixels in zip((0, 1, 2, 9, 10, 40), shades(6), strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 25)
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
    assert near(brightness(path), 0, 10, 20, 30, 40, 50)


@pytest.mark.shared
def test_a_change_of_size_is_refused_and_counted(shared_folder: Path) -> None:
    path = shared_folder / "cases" / "size_change.webm"
    assert count_frames(path) == 16
    assert read_video(path, num_frames=8).shape == (3, 8, 48, 64)
    with pytest.raises(DataError, match=r"from \(48, 64\) to \(64, 48\) at frame 8; re-encode"):
        read_video(path)


def test_nothing_behind_the_last_wanted_frame_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    path = encode(tmp_path / "all" / "film.avi", shades(20), codec="mjpeg", pix_fmt="yuvj420p")
    whole = read_video(path)
    data = ClipFolder(tmp_path, num_frames=5, image_size=(32, 48), window="first", cache=False)
    content = path.read_bytes()
    path.write_bytes(
        content[: content.index(b"movi") + (len(content) - content.index(b"movi")) // 2]
    )
    assert torch.equal(read_video(path, num_frames=5), whole[:, :5])
    assert torch.equal(data[0]["video"], whole[:, :5])
    with pytest.raises(DataError, match=r"film\.avi "):
        read_video(path)

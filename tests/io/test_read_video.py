"""What the reading door accepts, and how it refuses the rest."""

import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import GifImagePlugin, Image
from torch import Tensor

from stgan.errors import DataError
from stgan.io import (
    clip_kind,
    count_frames,
    read_video,
    to_uint8,
    write_frames,
    write_strip,
    write_video,
)

GENERATOR = torch.Generator().manual_seed(5)
CLIP = torch.rand(3, 12, 36, 40, generator=GENERATOR).mul(2).sub(1)

# What other programs write: hidden reference frames (vp8, vp9), frames out of order (h264 with B
# frames), two frames in one packet or none (mpeg4 in avi), headers in front (faststart).
ENCODINGS: dict[str, tuple[str, str, dict[str, str]]] = {
    "vp8.webm": ("libvpx", "yuv420p", {"auto-alt-ref": "1", "lag-in-frames": "10"}),
    "vp9.webm": ("libvpx-vp9", "yuv420p", {"auto-alt-ref": "1", "lag-in-frames": "10"}),
    "h264.mkv": ("libx264", "yuv420p", {"bf": "3"}),
    "fast.mp4": ("libx264", "yuv420p", {"bf": "3"}),
    "mpeg4.avi": ("mpeg4", "yuv420p", {"bf": "2"}),
    "jpeg.mov": ("mjpeg", "yuvj420p", {}),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with one good clip of every kind, 12 frames of 36 x 40."""
    folder = tmp_path_factory.mktemp("clips")
    for name, (codec, pix_fmt, options) in ENCODINGS.items():
        in_front = {"movflags": "faststart"} if name == "fast.mp4" else {}
        with av.open(str(folder / name), "w", options=in_front) as container:
            stream: Any = container.add_stream(codec, rate=25, options=options)
            stream.height, stream.width, stream.pix_fmt = 36, 40, pix_fmt
            for frame in to_uint8(CLIP).permute(1, 2, 3, 0).contiguous().numpy():
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode())
    for suffix in (".mp4", ".avi", ".gif"):
        write_video(CLIP, folder / f"own{suffix}")
    write_strip(CLIP, folder / "strip.png")
    with Image.open(folder / "strip.png") as strip:
        strip.save(folder / "strip.jpg", quality=95)
        strip.save(folder / "strip.webp", lossless=True)
    write_frames(CLIP, folder / "frames")
    return folder


VIDEO_NAMES = [*ENCODINGS, "own.mp4", "own.avi", "own.gif"]
STRIP_NAMES = ["strip.png", "strip.jpg", "strip.webp"]


def width_of_frames(path: Path) -> int | None:
    return 40 if path.suffix in (".png", ".jpg", ".webp") else None


def read_or_named_error(path: Path) -> Tensor | None:
    """Return the clip, or ``None`` if it is refused as it should be; let other errors pass."""
    refused = re.compile(rf"\w+ {re.escape(str(path))} ")
    try:
        return read_video(path, frame_width=width_of_frames(path))
    except DataError as error:
        if not refused.match(str(error)):
            pytest.fail(f"the error does not name the file: {error}")
        return None


@pytest.mark.parametrize("name", [*VIDEO_NAMES, *STRIP_NAMES, "frames"])
def test_counting_is_reading_without_the_pixels(name: str, files: Path) -> None:
    path = files / name
    width = width_of_frames(path)
    assert read_video(path, frame_width=width).shape == (3, 12, 36, 40)
    assert count_frames(path, frame_width=width) == 12


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.uint8])
def test_the_wanted_type_comes_back(dtype: torch.dtype, files: Path) -> None:
    video = read_video(files / "own.avi", dtype=dtype)
    assert video.dtype == dtype
    if dtype == torch.uint8:
        assert torch.equal(video, to_uint8(CLIP))
    else:
        assert torch.equal(to_uint8(video), to_uint8(CLIP))


@pytest.mark.parametrize("name", VIDEO_NAMES)
@example(part=0.0)
@example(part=1.0)
@given(part=st.floats(0, 1))
def test_a_cut_video_is_never_a_shorter_clip(name: str, files: Path, part: float) -> None:
    whole = (files / name).read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"cut{Path(name).suffix}")
        path.write_bytes(whole[: int(part * (len(whole) - 1))])
        video = read_or_named_error(path)
        if video is None:
            with pytest.raises(DataError, match=r"clip .*cut\.[a-z0-9]+ (is|cannot|has)"):
                count_frames(path)
        else:
            # Only what stands behind the last frame is gone, such as an index for seeking.
            assert torch.equal(video, read_video(files / name))
            assert count_frames(path) == 12
            assert len(whole) - path.stat().st_size <= 250


@pytest.mark.parametrize("name", STRIP_NAMES)
@given(part=st.floats(0, 1))
def test_a_cut_picture_is_whole_or_refused(name: str, files: Path, part: float) -> None:
    whole = (files / name).read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"cut{Path(name).suffix}")
        path.write_bytes(whole[: int(part * (len(whole) - 1))])
        video = read_or_named_error(path)
        if video is not None:
            # Only a closing mark is gone, behind the last pixel.
            assert torch.equal(video, read_video(files / name, frame_width=40))
            assert len(whole) - path.stat().st_size <= 12


@pytest.mark.parametrize("name", [*VIDEO_NAMES, *STRIP_NAMES])
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 30))
def test_changed_bytes_end_in_frames_or_a_named_error(
    name: str, files: Path, seed: int, count: int
) -> None:
    rng = np.random.default_rng(seed)
    data = np.frombuffer((files / name).read_bytes(), dtype=np.uint8).copy()
    data[rng.integers(0, len(data), count)] = rng.integers(0, 256, count)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"changed{Path(name).suffix}")
        path.write_bytes(data.tobytes())
        video = read_or_named_error(path)
        if video is not None:
            assert video.shape[0] == 3
            assert video.abs().max() <= 1


SUFFIXES = [".mp4", ".mov", ".avi", ".webm", ".mkv", ".gif", ".png", ".jpg", ".tif"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@example(content=b"#EXTM3U\n#EXTINF:1,\n/etc/hostname\n")
@example(content=b"ffconcat version 1.0\nfile own.avi\n")
@example(content=b"just some text, not a film\n" * 40)
@given(content=st.binary(min_size=1, max_size=300))
def test_anything_else_under_a_known_suffix_is_refused(suffix: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"fake{suffix}")
        path.write_bytes(content)
        for read in (read_video, count_frames):
            with pytest.raises(DataError, match=rf"clip .*fake\{suffix} "):
                read(path)


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".webm", ".gif"])
def test_a_picture_under_the_name_of_a_video_is_refused(
    suffix: str, files: Path, tmp_path: Path
) -> None:
    shutil.copy(files / "strip.png", tmp_path / f"picture{suffix}")
    with pytest.raises(DataError, match=rf"picture\{suffix} cannot be read as a"):
        read_video(tmp_path / f"picture{suffix}")


def test_headers_alone_are_no_clip(files: Path, tmp_path: Path) -> None:
    whole = (files / "fast.mp4").read_bytes()
    # A whole number of boxes: nothing is cut, but the frames are not there.
    (tmp_path / "head.mp4").write_bytes(whole[: whole.index(b"mdat") - 4])
    for read in (read_video, count_frames):
        with pytest.raises(DataError, match=r"head\.mp4"):
            read(tmp_path / "head.mp4")


def test_an_open_end_is_checked(files: Path, tmp_path: Path) -> None:
    data = bytearray((files / "fast.mp4").read_bytes())
    at = data.index(b"mdat")
    data[at - 4 : at] = bytes(4)  # length 0: this box reaches to the end of the file
    (tmp_path / "open.mp4").write_bytes(data)
    assert count_frames(tmp_path / "open.mp4") == 12
    (tmp_path / "open.mp4").write_bytes(data[:-20])
    for read in (read_video, count_frames):
        with pytest.raises(DataError, match=r"open\.mp4 is cut short: frames in its index lie"):
            read(tmp_path / "open.mp4")


def test_holes_are_not_painted_over(files: Path, tmp_path: Path) -> None:
    data = (files / "own.mp4").read_bytes()
    begin, end = data.index(b"mdat") + 8, data.index(b"moov")
    noticed = 0
    # H.264 has no checksums: the decoder notices a part of the changes only.
    for number in range(20):
        place = begin + (end - begin) * number // 20
        (tmp_path / "hole.mp4").write_bytes(data[:place] + bytes(20) + data[place + 20 :])
        try:
            read_video(tmp_path / "hole.mp4")
        except DataError as error:
            noticed += "hole.mp4 has a damaged frame; write it again" in str(error)
    assert noticed >= 1


def test_frames_outside_of_an_edit_list_are_neither_counted_nor_read(
    files: Path, tmp_path: Path
) -> None:
    options = {"avoid_negative_ts": "disabled", "use_editlist": "1"}
    source = av.open(str(files / "own.mp4"))
    with source, av.open(str(tmp_path / "trimmed.mp4"), "w", options=options) as trimmed:
        stream = trimmed.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None and packet.pts is not None and packet.duration is not None:
                packet.pts -= 3 * packet.duration  # the first three frames come before time 0
                packet.dts -= 3 * packet.duration
                packet.stream = stream
                trimmed.mux(packet)
    assert count_frames(tmp_path / "trimmed.mp4") == 9
    assert torch.equal(read_video(tmp_path / "trimmed.mp4"), read_video(files / "own.mp4")[:, 3:])


def test_sound_without_a_picture_is_refused(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        samples = np.zeros((1, 1024), dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(DataError, match=r"sound\.mp4 has no video stream; leave it out"):
        count_frames(tmp_path / "sound.mp4")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_zero_bytes_are_refused(suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"none{suffix}").touch()
    for read in (read_video, count_frames, clip_kind):
        with pytest.raises(DataError, match=rf"none\{suffix} is an empty file of 0 bytes"):
            read(tmp_path / f"none{suffix}")


def test_an_empty_frame_is_named(files: Path, tmp_path: Path) -> None:
    write_frames(CLIP[:, :3], tmp_path / "clip")
    (tmp_path / "clip" / "frame_00001.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"frame_00001\.png is an empty file"):
        read_video(tmp_path / "clip")


def test_frames_come_in_natural_order_and_strangers_are_passed_over(tmp_path: Path) -> None:
    for number in (11, 10, 9, 8):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(tmp_path / f"frame_{number}.png")
    (tmp_path / "notes.txt").write_text("not a frame")
    (tmp_path / ".hidden.png").write_bytes(b"not a frame either")
    video = read_video(tmp_path, dtype=torch.uint8)
    assert video[0, :, 0, 0].tolist() == [8, 9, 10, 11]


def test_frames_of_another_size_are_named(tmp_path: Path) -> None:
    for number, side in enumerate((8, 8, 9, 8)):
        Image.new("RGB", (side, 8)).save(tmp_path / f"{number}.png")
    with pytest.raises(DataError, match=r"2\.png must be as large .* \(8, 8\) .* got \(8, 9\)"):
        read_video(tmp_path)


Draw = Callable[[], Image.Image]


def rgba() -> Image.Image:
    return Image.fromarray(np.array([[[200, 100, 50, 255], [200, 100, 50, 0]]], dtype=np.uint8))


def palette(transparent: bool) -> Image.Image:
    picture = Image.new("P", (2, 1))
    picture.putpalette([200, 100, 50, 9, 8, 7])
    picture.putdata([0, 1])
    if transparent:
        picture.info["transparency"] = 1
    return picture


@pytest.mark.parametrize(
    ("suffix", "draw", "expected"),
    [
        (".png", lambda: Image.new("L", (2, 1), 77), [[77] * 3] * 2),
        (".png", lambda: Image.new("1", (2, 1), 1), [[255] * 3] * 2),
        (".png", lambda: Image.new("LA", (2, 1), (77, 0)), [[0] * 3] * 2),
        (".png", rgba, [[200, 100, 50], [0, 0, 0]]),
        (".png", lambda: palette(False), [[200, 100, 50], [9, 8, 7]]),
        (".png", lambda: palette(True), [[200, 100, 50], [0, 0, 0]]),
        (
            ".png",
            lambda: Image.fromarray(np.array([[65535, 257 * 7 + 100]], dtype=np.uint16)),
            [[255] * 3, [7] * 3],
        ),
        (
            ".tif",
            lambda: Image.fromarray(np.array([[0, 257 * 9 + 200]], dtype=np.int32)),
            [[0] * 3, [10] * 3],
        ),
    ],
    ids=["gray", "bits", "gray_alpha", "rgba", "palette", "palette_alpha", "16_bit", "integers"],
)
def test_every_mode_becomes_rgb(
    suffix: str, draw: Draw, expected: list[list[int]], tmp_path: Path
) -> None:
    draw().save(tmp_path / f"strip{suffix}")
    video = read_video(tmp_path / f"strip{suffix}", dtype=torch.uint8)
    assert video[:, :, 0, 0].T.tolist() == expected


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (np.zeros((1, 2), dtype=np.float32), r"as integers, got floating point, which has no"),
        (np.array([[0, 70000]], dtype=np.int32), r"values of 0 to 65535 .* got 0 to 70000"),
    ],
    ids=["float", "large"],
)
def test_pictures_without_a_known_range_are_refused(
    values: np.ndarray[Any, Any], match: str, tmp_path: Path
) -> None:
    Image.fromarray(values).save(tmp_path / "strip.tif")
    with pytest.raises(DataError, match=match):
        read_video(tmp_path / "strip.tif")


def test_a_transparent_shade_of_sixteen_bits_lies_over_black(tmp_path: Path) -> None:
    picture = Image.fromarray(np.array([[40_000, 65_535]], dtype=np.uint16))
    picture.save(tmp_path / "strip.png", transparency=40_000)
    video = read_video(tmp_path / "strip.png", dtype=torch.uint8)
    assert video[:, :, 0, 0].T.tolist() == [[0] * 3, [255] * 3]


def test_transparent_parts_of_a_gif_lie_over_black(tmp_path: Path) -> None:
    frames = [Image.new("P", (8, 8), 0) for _ in range(3)]
    for step, frame in enumerate(frames):
        frame.putpalette([255, 255, 255, 250, 0, 0])
        frame.paste(1, (step, 0, step + 2, 8))
    frames[0].save(
        tmp_path / "a.gif", save_all=True, append_images=frames[1:], transparency=0, disposal=2
    )
    video = read_video(tmp_path / "a.gif", dtype=torch.uint8)
    red = torch.zeros(3, 8, 8, dtype=torch.bool)
    for step in range(3):
        red[step, :, step : step + 2] = True
    assert torch.equal(video[0], torch.where(red, 250, 0).to(torch.uint8))
    assert not video[1:].any()


@pytest.mark.parametrize("trailer", [b"\n", bytes(264), b"\xff" * 5000])
def test_what_follows_the_end_of_a_gif_does_not_matter(
    trailer: bytes, files: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes((files / "own.gif").read_bytes() + trailer)
    assert count_frames(path) == 12
    assert torch.equal(read_video(path), read_video(files / "own.gif"))


def test_an_animated_picture_is_no_strip(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), (shade, 0, 0)) for shade in (0, 99)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match=r"a\.png must hold one picture, got 2"):
        read_video(tmp_path / "a.png")


def test_a_video_that_changes_its_size_is_refused(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "two.avi"), "w") as container:
        stream: Any = container.add_stream("mjpeg", rate=25)
        stream.height, stream.width, stream.pix_fmt = 32, 32, "yuvj420p"
        for side in (32, 48):
            pixels = np.zeros((side, side, 3), dtype=np.uint8)
            encoder: Any = av.CodecContext.create("mjpeg", "w")
            encoder.height = encoder.width = side
            encoder.pix_fmt, encoder.time_base = "yuvj420p", stream.time_base or 1
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuvj420p")
            for packet in [*encoder.encode(frame), *encoder.encode()]:
                packet.stream = stream
                packet.pts = packet.dts = 0 if side == 32 else 1
                container.mux(packet)
    with pytest.raises(DataError, match=r"changes its size from \(32, 32\) to \(48, 48\) at frame"):
        read_video(tmp_path / "two.avi")


def test_a_gif_that_changes_its_size_is_refused(tmp_path: Path) -> None:
    small, large = (Image.new("P", (side, 8)) for side in (8, 9))
    head, _ = GifImagePlugin.getheader(small.copy(), info={"loop": 0})
    blocks = [*head, *GifImagePlugin.getdata(small), *GifImagePlugin.getdata(large), b";"]
    (tmp_path / "two.gif").write_bytes(b"".join(blocks))
    with pytest.raises(DataError, match=r"changes its size from \(8, 8\) to \(8, 9\) at frame 1"):
        read_video(tmp_path / "two.gif")


@pytest.mark.parametrize(
    ("name", "settings", "error", "match"),
    [
        ("gone.mp4", {}, DataError, r"gone\.mp4 does not exist; check the path"),
        ("notes.txt", {}, DataError, r"notes\.txt must be a folder .* one of \.mp4 .* got '\.txt'"),
        ("empty", {}, DataError, r"empty must hold frames as pictures .* got a folder of none"),
        ("strip.png", {}, DataError, r"strip\.png must be a multiple of the frame width 36 wide"),
        ("strip.png", {"frame_width": 7}, DataError, r"frame width 7 wide, got 480"),
        ("strip.png", {"frame_width": 960}, DataError, r"frame width 960 wide, got 480"),
        ("strip.png", {"frame_width": 0}, ValueError, r"frame_width must be at least 1, got 0"),
        ("own.avi", {"frame_width": 40}, ValueError, r"frame_width is for strips, which .*own"),
        ("frames", {"frame_width": 40}, ValueError, r"frame_width is for strips, which .*frames"),
        ("own.avi", {"start": -1}, ValueError, r"start must be a frame number of at least 0"),
        ("own.avi", {"stride": 0}, ValueError, r"stride must be at least 1, got 0"),
        ("own.avi", {"num_frames": 0}, ValueError, r"num_frames must be at least 1, got 0"),
        ("own.avi", {"dtype": torch.int32}, TypeError, r"dtype must be torch.uint8 or a floating"),
        ("own.avi", {"start": 12}, DataError, r"has 12 frames; start must be below that, got 12"),
        (
            "own.gif",
            {"start": 2, "num_frames": 6, "stride": 2},
            DataError,
            r"own\.gif has 12 frames, but 6 frames from 2 with stride 2 need 13; lower num_frames",
        ),
        ("frames", {"num_frames": 13}, DataError, r"frames has 12 frames, but 13 .* need 13"),
    ],
)
def test_bad_arguments_of_read_video(
    name: str, settings: dict[str, Any], error: type[Exception], match: str, files: Path
) -> None:
    (files / "empty").mkdir(exist_ok=True)
    (files / "notes.txt").write_text("notes")
    with pytest.raises(error, match=match):
        read_video(files / name, **settings)

"""Round trips: what is written comes back, bit by bit or nearly."""

import sys
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from stgan.errors import ShapeError
from stgan.io import (
    count_frames,
    from_uint8,
    read_video,
    to_uint8,
    write_frames,
    write_strip,
    write_video,
)

seeds = st.integers(0, 2**32 - 1)
lengths = st.integers(1, 12)
sides = st.integers(1, 40)


def noise(num_frames: int, height: int, width: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(
        256, (3, num_frames, height, width), generator=generator, dtype=torch.uint8
    )


def smooth(num_frames: int, height: int, width: int, seed: int) -> Tensor:
    coarse = torch.randn(1, 3, 2, 2, 2, generator=torch.Generator().manual_seed(seed))
    size = (num_frames, height, width)
    video = F.interpolate(coarse, size=size, mode="trilinear", align_corners=True)[0]
    return video.clamp(-1, 1)


def psnr(a: Tensor, b: Tensor) -> float:
    return float(10 * torch.log10(4 / (a - b).square().mean()))


@given(lengths, sides, sides, seeds)
def test_lossless_files_return_every_byte(t: int, h: int, w: int, seed: int) -> None:
    video = noise(t, h, w, seed)
    with tempfile.TemporaryDirectory() as folder:
        avi, strip, frames = (Path(folder, name) for name in ("a.avi", "a.png", "frames"))
        write_video(video, avi)
        write_strip(video, strip)
        write_frames(video, frames)
        assert torch.equal(read_video(avi, dtype=torch.uint8), video)
        assert torch.equal(read_video(strip, frame_width=w, dtype=torch.uint8), video)
        assert torch.equal(read_video(frames, dtype=torch.uint8), video)
        assert torch.equal(read_video(avi), from_uint8(video))
        assert count_frames(avi) == count_frames(frames) == t
        assert count_frames(strip, frame_width=w) == t


@pytest.mark.parametrize(("suffix", "least"), [(".mp4", 32.0), (".gif", 31.0)])
@given(t=lengths, h=st.integers(32, 64), w=st.integers(32, 64), seed=seeds)
def test_lossy_files_return_the_size_and_nearly_the_values(
    suffix: str, least: float, t: int, h: int, w: int, seed: int
) -> None:
    video = smooth(t, h, w, seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"clip{suffix}")
        write_video(video, path)
        back = read_video(path)
        assert back.shape == video.shape
        assert psnr(back, video) > least
        assert count_frames(path) == t


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".gif"])
def test_frames_that_stand_still_are_kept(suffix: str, tmp_path: Path) -> None:
    video = smooth(1, 16, 16, seed=0).expand(3, 7, 16, 16)
    write_video(video, tmp_path / f"still{suffix}")
    assert read_video(tmp_path / f"still{suffix}").shape == (3, 7, 16, 16)
    assert count_frames(tmp_path / f"still{suffix}") == 7


def test_floats_and_their_bytes_make_the_same_file(tmp_path: Path) -> None:
    video = smooth(4, 16, 16, seed=1)
    write_video(video, tmp_path / "float.avi")
    write_video(to_uint8(video), tmp_path / "bytes.avi")
    assert (tmp_path / "float.avi").read_bytes() == (tmp_path / "bytes.avi").read_bytes()


@given(st.sampled_from([".mp4", ".avi", ".gif", ".png", ""]), st.data())
def test_reading_some_frames_is_slicing_all_of_them(suffix: str, data: st.DataObject) -> None:
    video = smooth(11, 16, 16, seed=2)
    start = data.draw(st.integers(0, 10), "start")
    stride = data.draw(st.integers(1, 12), "stride")
    most = (10 - start) // stride + 1
    num_frames = data.draw(st.one_of(st.none(), st.integers(1, most)), "num_frames")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"clip{suffix}")
        write = {".png": write_strip, "": write_frames}.get(suffix, write_video)
        write(video, path)
        everything = read_video(path)
        some = read_video(path, start=start, num_frames=num_frames, stride=stride)
    assert torch.equal(some, everything[:, start::stride][:, :num_frames])


@pytest.mark.parametrize("fps", [50, 40, 30, 25, 12.5, 24000 / 1001, Fraction(7, 3)], ids=str)
def test_gif_time_never_drifts(fps: float, tmp_path: Path) -> None:
    write_video(smooth(31, 16, 16, seed=3), tmp_path / "a.gif", fps=fps)
    durations = []
    with Image.open(tmp_path / "a.gif") as gif:
        for index in range(31):
            gif.seek(index)
            durations.append(gif.info["duration"] / 1000)
        assert gif.info["loop"] == 0
    ends = torch.tensor(durations, dtype=torch.float64).cumsum(0)
    wanted = torch.arange(1, 32, dtype=torch.float64) / float(fps)
    assert float((ends - wanted).abs().max()) <= 0.005 + 1e-3
    assert min(durations) >= 0.02


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_video_files_keep_their_rate(suffix: str, tmp_path: Path) -> None:
    import av

    write_video(smooth(4, 16, 16, seed=3), tmp_path / f"a{suffix}", fps=29.97)
    with av.open(str(tmp_path / f"a{suffix}")) as container:
        rate = container.streams.video[0].average_rate
    assert rate is not None
    assert float(rate) == pytest.approx(29.97, rel=1e-4)


def test_even_mp4_is_what_players_need(tmp_path: Path) -> None:
    import av

    for size, pix_fmt in (((16, 18), "yuv420p"), ((16, 17), "yuv444p"), ((15, 16), "yuv444p")):
        write_video(smooth(2, *size, seed=0), tmp_path / "a.mp4")
        with av.open(str(tmp_path / "a.mp4")) as container:
            context = container.streams.video[0].codec_context
            assert (context.name, context.pix_fmt) == ("h264", pix_fmt)


def fail(*_: object, **__: object) -> None:
    raise RuntimeError("the disk is full")


@pytest.mark.parametrize(
    ("name", "write", "breaks"),
    [
        ("a.mp4", write_video, "av.VideoFrame.from_ndarray"),
        ("a.gif", write_video, "GifImagePlugin.getdata"),
        ("a.png", write_strip, "np.concatenate"),
        ("frames", write_frames, "Image.fromarray"),
    ],
)
def test_a_failure_leaves_nothing_behind(
    name: str,
    write: Callable[[Tensor, Path], None],
    breaks: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if name != "frames":
        (tmp_path / name).write_bytes(b"what was there before")
    before = sorted(path.name for path in tmp_path.iterdir())
    module = "" if breaks.startswith("av.") else "stgan.io.write."
    monkeypatch.setattr(module + breaks, fail)
    with pytest.raises(RuntimeError, match="the disk is full"):
        write(smooth(3, 16, 16, seed=0), tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    if name != "frames":
        assert (tmp_path / name).read_bytes() == b"what was there before"


def test_a_new_file_replaces_the_old_one_and_others_may_read_it(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    for t in (2, 3):
        write_video(smooth(t, 16, 16, seed=0), tmp_path / "a.avi")
    assert count_frames(tmp_path / "a.avi") == 3
    assert (tmp_path / "a.avi").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.avi", "plain"]


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".gif", ".png", ""])
@pytest.mark.parametrize("name", ["2024-01-01T12:00:00", "12:30", "file:x", "pipe:1", "a%03d b"])
def test_a_name_is_a_name_and_no_address(
    name: str, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write = {".png": write_strip, "": write_frames}.get(suffix, write_video)
    path = f"{name}{suffix}"
    write(smooth(3, 16, 16, seed=0), path)
    assert [found.name for found in tmp_path.iterdir()] == [path]
    assert count_frames(path) == read_video(path).shape[1] == 3


CLIP = torch.zeros(3, 2, 16, 16)


@pytest.mark.parametrize(
    ("video", "name", "fps", "error", "match"),
    [
        (CLIP, "a.mpg", 25, ValueError, r"end in one of \.mp4 \.avi \.gif, got 'a\.mpg'"),
        (CLIP, "a", 25, ValueError, r"write_frames and write_strip write pictures"),
        (CLIP, "a.mp4", 0, ValueError, r"fps must be a positive number .* got 0"),
        (CLIP, "a.mp4", float("nan"), ValueError, r"fps must be a positive number .* got nan"),
        (CLIP, "a.gif", 60, ValueError, r"fps must be 0.002 to 50 for a GIF, got 60; drop"),
        (CLIP, "b/a.mp4", 25, FileNotFoundError, r"folder .*b does not exist; create it"),
        (CLIP[None], "a.mp4", 25, ShapeError, r"video must be laid out as \(C=3, T, H, W\)"),
        (CLIP[:1], "a.mp4", 25, ShapeError, r"\(C=3, T, H, W\), got \(1, 2, 16, 16\)"),
        (CLIP[:, :0], "a.mp4", 25, ShapeError, r"at least one frame and pixel, got \(3, 0, 16"),
        (CLIP.long(), "a.mp4", 25, TypeError, r"float in \[-1, 1\] or torch.uint8, got torch.int"),
        (CLIP / 0, "a.mp4", 25, ValueError, r"video must be finite to become bytes"),
    ],
    ids=[
        "suffix",
        "bare",
        "zero",
        "nan_fps",
        "fast",
        "folder",
        "batch",
        "gray",
        "none",
        "int",
        "nan",
    ],
)
def test_bad_arguments_of_write_video(
    video: Tensor, name: str, fps: float, error: type[Exception], match: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=match):
        write_video(video, tmp_path / name, fps=fps)
    assert not list(tmp_path.iterdir())


def test_frames_do_not_mix_with_what_is_there(tmp_path: Path) -> None:
    write_frames(CLIP, tmp_path / "clip")
    with pytest.raises(FileExistsError, match=r"clip must be new or empty to take frames"):
        write_frames(CLIP, tmp_path / "clip")
    (tmp_path / "empty").mkdir()
    write_frames(CLIP, tmp_path / "empty")
    assert count_frames(tmp_path / "empty") == 2


def test_a_strip_is_a_png(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"path of a strip must end in \.png, got 'a\.jpg'"):
        write_strip(CLIP, tmp_path / "a.jpg")


def test_a_missing_pyav_is_named_with_the_extra_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ModuleNotFoundError, match=r"needs PyAV; install it with .*stgan\[video\]"):
        write_video(torch.zeros(3, 2, 16, 16), tmp_path / "clip.mp4")
    write_video(torch.zeros(3, 2, 16, 16), tmp_path / "clip.gif")  # Pillow's, not PyAV's

"""Folders of frames are one series, in the order of the numbers in their names."""

import warnings
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from stgan.errors import DataError
from stgan.io import count_frames, read_video
from stgan.io.frame_folders import frame_paths

pytestmark = pytest.mark.filterwarnings("error")


def brightness(folder: Path) -> list[int]:
    return read_video(folder, dtype=torch.uint8)[0, :, 0, 0].tolist()


@pytest.mark.shared
def test_frames_named_by_time_come_in_the_order_of_time(shared_folder: Path) -> None:
    folder = shared_folder / "cases" / "decimal_names"
    assert brightness(folder) == [0, 20, 40, 60, 80, 100, 120]
    assert count_frames(folder) == 7


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("frames_with_masks", r"one series of .* got '00000\.png' and '00000_mask\.png'; keep one"),
        ("frames_png_and_jpg", r"one picture of each frame, got 'f_0\.jpg' and 'f_0\.png'; remove"),
    ],
)
@pytest.mark.shared
def test_two_series_are_refused(name: str, match: str, shared_folder: Path) -> None:
    for read in (read_video, count_frames):
        with pytest.raises(DataError, match=match):
            read(shared_folder / "cases" / name)


@pytest.mark.shared
def test_a_gap_is_told(shared_folder: Path) -> None:
    folder = shared_folder / "cases" / "frames_gap"
    with pytest.warns(UserWarning, match=r"frames_gap has a gap between 'f_003.*' and 'f_007"):
        assert brightness(folder) == [0, 20, 40, 60, 140, 160]
    with pytest.warns(UserWarning, match="frames_gap has a gap between"):
        assert count_frames(folder) == 6


def write(folder: Path, *names: str) -> Path:
    for name in names:
        Image.new("L", (4, 4)).save(folder / name)
    return folder


@pytest.mark.parametrize(
    "names",
    [
        ["f_8.png", "f_9.png", "f_10.png", "f_11.png"],
        ["-10.png", "-5.png", "0.png", "5.png", "10.png"],
        ["-3.png", "-2.png", "-1.png"],
        ["f_-11.png", "f_-10.png", "f_-9.png"],
        ["t-2.png", "t-1.png", "t0.png", "t1.png"],
        ["-1.5.png", "-1.25.png", "-0.5.png", "0.0.png", "0.25.png", "10.0.png"],
        ["frame-1.png", "frame-2.png", "frame-3.png"],
        ["frame - 9.png", "frame - 10.png"],
        ["2021-05-01_23-59-59.png", "2021-05-02_00-00-00.png", "2021-11-01_00-00-00.png"],
        ["1.png", "1.5.png", "2.png"],
        ["shot.0009.png", "shot.0010.png"],
        ["take1.8.png", "take1.9.png", "take1.10.png", "take1.11.png"],
        ["F_8.PNG", "f_9.jpg", "f_10.Jpeg"],
        ["0.033.png", "0.067.png", "0.1.png"],
        ["33.png", "67.png", "100.png", "133.png"],
        ["0.png", "5.png", "10.png"],
        ["00001_0.04.png", "00002_0.08.png", "00003_0.1.png"],
        ["1695312000.123456788.png", "1695312000.123456789.png", "1695312000.2.png"],
        [f"{10**40}.png", f"{10**40 + 1}.png"],
        [f"{2**200}.5.png", f"{2**200 + 1}.5.png"],
        ["only one.png"],
    ],
    ids=lambda names: names[0],
)
def test_numbers_put_frames_in_order(names: list[str], tmp_path: Path) -> None:
    write(tmp_path, *reversed(names), ".hidden.png")
    assert [path.name for path in frame_paths(tmp_path)] == names


@given(st.lists(st.decimals(-99, 99, places=3), min_size=1, max_size=9, unique=True), st.booleans())
def test_decimals_come_in_order_however_they_are_written(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[object], short: bool
) -> None:
    values = sorted(float(str(number)) for number in numbers)
    names = [f"{value}.png" if short else f"{value:.3f}.png" for value in values]
    folder = write(tmp_path_factory.mktemp("frames"), *names)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* has a gap")
        assert [path.name for path in frame_paths(folder)] == names


@pytest.mark.parametrize(
    ("names", "match"),
    [
        (
            ["f_1.png", "f_1_depth.png", "f_2.png"],
            "one series .* got 'f_1.png' and 'f_1_depth.png'",
        ),
        (
            ["rgb_1.png", "flow_1.png"],
            "one series of pictures, .* got 'flow_1.png' and 'rgb_1.png'",
        ),
        (["1.png", "2.png", "cover.jpg"], "one series of pictures, .* got '1.png' and 'cover.jpg'"),
        (["a.png", "b.png"], "one series of pictures, .* got 'a.png' and 'b.png'"),
        (["1.png", "01.png"], "one picture of each frame, got '01.png' and '1.png'; remove one"),
        (["1.png", "1.0.webp"], "one picture of each frame, got '1.0.webp' and '1.png'"),
        (["a.png", "a.jpg"], "one picture of each frame, got 'a.jpg' and 'a.png'"),
        (["1.png", "1 (1).png"], r"one series of pictures, .* got '1 \(1\).png' and '1.png'"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_more_than_one_series_is_refused(names: list[str], match: str, tmp_path: Path) -> None:
    write(tmp_path, *names)
    with pytest.raises(DataError, match=match):
        frame_paths(tmp_path)


@pytest.mark.parametrize(
    ("names", "match"),
    [
        (["1.png", "2.png", "4.png", "9.png"], "gap between '2.png' and '4.png' and 1 more gaps;"),
        (["0.png", "5.png", "15.png"], "gap between '5.png' and '15.png'; its frames are joined"),
        (["-2.png", "-1.png", "1.png"], "gap between '-1.png' and '1.png'"),
        (["c2_f1.png", "c2_f2.png", "c2_f8.png"], "gap between 'c2_f2.png' and 'c2_f8.png'"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_left_out_numbers_are_told(names: list[str], match: str, tmp_path: Path) -> None:
    write(tmp_path, *names)
    with pytest.warns(UserWarning, match=match):
        assert [path.name for path in frame_paths(tmp_path)] == names

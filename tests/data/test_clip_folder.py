import pickle
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close
from torch.utils.data import DataLoader

from stgan.data import ClipFolder, split_clips
from stgan.data.resizing import resize_frames
from stgan.errors import DataError, UnknownNameError
from stgan.io import from_uint8, read_video, write_frames, write_strip, write_video

COUNTS = {"jump/a_1.avi": 20, "jump/a_2.png": 31, "jump/a_10": 24, "wave/b_1.avi": 16}


def numbered(count: int, clip: int, height: int = 24, width: int = 24) -> Tensor:
    """Clip with the frame number in red, its own in green and the column in blue."""
    video = torch.zeros(3, count, height, width, dtype=torch.uint8)
    video[0] = torch.arange(count, dtype=torch.uint8)[:, None, None]
    video[1] = clip
    video[2] = torch.arange(width, dtype=torch.uint8)
    return video


def write_clips(root: Path) -> Path:
    for clip, (name, count) in enumerate(COUNTS.items()):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write = {".png": write_strip, "": write_frames}.get(path.suffix, write_video)
        write(numbered(count, clip), path)
    (root / "README.md").write_text("not a class")
    (root / "jump" / "notes.txt").write_text("not a clip")
    (root / "wave" / ".hidden.avi").write_bytes(b"not a clip either")
    (root / ".cache").mkdir()
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clips(tmp_path_factory.mktemp("root"))


@pytest.fixture
def own_root() -> Iterator[Path]:
    """Clips that a test may damage."""
    with tempfile.TemporaryDirectory() as folder:
        yield write_clips(Path(folder))


SETTINGS: dict[str, Any] = {"num_frames": 8, "image_size": 24}


def frames_of(image: Tensor) -> list[int]:
    """Frame numbers shown by ``(3, ..., H, W)``."""
    return image[0, ..., 0, 0].add(1).mul(127.5).round().int().flatten().tolist()


def test_classes_clips_and_items(root: Path) -> None:
    data = ClipFolder(root, **SETTINGS)
    assert data.classes == ["jump", "wave"]
    assert [path.relative_to(root).as_posix() for path in data.paths] == list(COUNTS)
    assert [clip.num_frames for clip in data.clips] == list(COUNTS.values())
    assert data.labels == [0, 0, 0, 1]
    assert len(data) == 4
    assert not data.skipped
    for index, item in enumerate(data):
        assert set(item) == {"video", "image", "label"}
        assert item["video"].shape == (3, 8, 24, 24)
        assert item["image"].shape == (3, 24, 24)
        assert item["label"] == data.labels[index]
        assert (item["video"][1] == from_uint8(torch.tensor(index, dtype=torch.uint8))).all()


@given(
    st.integers(0, 3), st.integers(0, 9), st.integers(1, 3), st.sampled_from(["random", "center"])
)
def test_windows_are_slices_of_the_file(
    root: Path, index: int, draw: int, stride: int, window: str
) -> None:
    data = ClipFolder(root, num_frames=5, image_size=24, stride=stride, window=window)
    item = data[index, draw]
    frames = frames_of(item["video"])
    assert frames == list(range(frames[0], frames[0] + 5 * stride, stride))
    count = data.clips[index].num_frames
    whole = read_video(data.paths[index])
    assert torch.equal(item["video"], whole[:, frames[0] : frames[-1] + 1 : stride])
    if window == "center":
        assert abs(frames[0] - (count - 1 - frames[-1])) <= 1
    assert torch.equal(item["image"], item["video"][:, 0])


def test_first_window_begins_the_file(root: Path) -> None:
    data = ClipFolder(root, **SETTINGS, window="first")
    assert all(frames_of(item["video"]) == list(range(8)) for item in data)


def test_random_windows_reach_both_ends(root: Path) -> None:
    data = ClipFolder(root, **SETTINGS)
    starts = {frames_of(data[3, draw]["video"])[0] for draw in range(200)}
    assert starts == set(range(16 - 8 + 1))


def test_items_choose_for_themselves(own_root: Path) -> None:
    write_video(numbered(16, 4), own_root / "wave" / "b_2.avi")  # as long as the one before
    data = ClipFolder(own_root, **SETTINGS)
    starts = [[frames_of(data[i, draw]["video"])[0] for draw in range(30)] for i in (3, 4)]
    assert starts[0] != starts[1]


@pytest.mark.parametrize("stride", [1, 2])
def test_all_windows_lie_end_to_end(root: Path, stride: int) -> None:
    data = ClipFolder(root, num_frames=6, image_size=24, stride=stride, window="all")
    span = (6 - 1) * stride + 1
    assert len(data) == sum(count // span for count in COUNTS.values())
    for path in set(data.paths):
        shown = [
            f for i, p in enumerate(data.paths) if p == path for f in frames_of(data[i]["video"])
        ]
        assert len(shown) == len(set(shown))
        assert shown[0] == 0
        assert max(shown) > COUNTS[path.relative_to(root).as_posix()] - 1 - span


def test_conditions(root: Path) -> None:
    settings = {**SETTINGS, "stride": 2}
    for index, draw in ((0, 0), (1, 3), (2, 5)):
        first, neutral, random = (
            ClipFolder(root, **settings, condition=condition)[index, draw]
            for condition in ("first", "neutral", "random")
        )
        assert torch.equal(first["video"], neutral["video"])
        assert torch.equal(first["video"], random["video"])
        assert torch.equal(first["image"], first["video"][:, 0])
        assert frames_of(neutral["image"]) == [0]
        assert frames_of(random["image"])[0] in frames_of(random["video"])
    data = ClipFolder(root, **settings, condition="random")
    drawn = set()
    for draw in range(200):
        item = data[0, draw]
        drawn.add(frames_of(item["video"]).index(frames_of(item["image"])[0]))
    assert drawn == set(range(8))


def test_flip_mirrors_one_in_two_and_image_and_frames_alike(root: Path) -> None:
    plain = ClipFolder(root, **SETTINGS, condition="random")
    flipped = ClipFolder(root, **SETTINGS, condition="random", flip=True)
    mirrored = 0
    for draw in range(200):
        a, b = plain[1, draw], flipped[1, draw]
        if torch.equal(a["video"], b["video"]):
            assert torch.equal(a["image"], b["image"])
        else:
            mirrored += 1
            assert torch.equal(a["video"].flip(-1), b["video"])
            assert torch.equal(a["image"].flip(-1), b["image"])
    assert 70 < mirrored < 130


@given(st.integers(0, 3), st.integers(0, 10**6), st.integers(0, 2**32 - 1))
def test_an_item_is_a_function_of_seed_number_and_draw(
    root: Path, index: int, draw: int, seed: int
) -> None:
    settings = {**SETTINGS, "condition": "random", "flip": True, "seed": seed}
    one, other = ClipFolder(root, **settings), ClipFolder(root, **settings, cache=False)
    for before in range(4):
        one[before, draw + 1]
    a, b = one[index, draw], pickle.loads(pickle.dumps(other))[index, draw]
    assert torch.equal(a["video"], b["video"])
    assert torch.equal(a["image"], b["image"])
    assert torch.equal(one[index]["video"], one[index, 0]["video"])


def test_workers_draw_the_same_items(root: Path) -> None:
    data = ClipFolder(root, **SETTINGS, flip=True)
    order = [(index, draw) for draw in range(2) for index in (2, 0, 3, 1)]
    loader = DataLoader(data, batch_size=4, sampler=order, num_workers=1)
    there = torch.cat([batch["video"] for batch in loader])
    assert torch.equal(there, torch.stack([data[place]["video"] for place in order]))


def test_cached_clips_are_read_once(own_root: Path) -> None:
    cached = ClipFolder(own_root, **SETTINGS)
    uncached = ClipFolder(own_root, **SETTINGS, cache=False)
    before = cached[3]["video"]
    assert torch.equal(before, uncached[3]["video"])
    (own_root / "wave" / "b_1.avi").unlink()
    before.zero_()  # what a caller does to an item must not reach the cache
    assert cached[3]["video"].abs().sum() > 0
    with pytest.raises(DataError, match=r"b_1\.avi does not exist"):
        uncached[3]


@pytest.mark.parametrize("cache", [True, False])
def test_a_file_that_turns_bad_later_is_named(own_root: Path, cache: bool) -> None:
    data = ClipFolder(own_root, **SETTINGS, cache=cache, window="center")
    path = own_root / "jump" / "a_1.avi"
    film = path.read_bytes()
    path.write_bytes(film[: (film.index(b"movi") + len(film)) // 2])
    with pytest.raises(DataError, match=r"a_1\.avi has a damaged packet"):
        data[0]
    write_video(numbered(7, 0), path)
    with pytest.raises(DataError, match=r"a_1\.avi has 7 frames, but"):
        data[0]


@pytest.mark.parametrize("resize", ["squash", "crop"])
@given(h=st.integers(16, 40), w=st.integers(16, 40), size=st.sampled_from([(16, 16), (20, 32)]))
def test_resizing_keeps_layout_and_a_gradient(
    resize: str, h: int, w: int, size: tuple[int, int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "only", "clip.avi")
        path.parent.mkdir()
        write_video(numbered(3, 9, h, w), path)
        data = ClipFolder(folder, num_frames=3, image_size=size, resize=resize)
        video = data[0]["video"]
    assert video.shape == (3, 3, *size)
    assert frames_of(video) == [0, 1, 2]
    ramp = video[2, 0].add(1).mul(127.5)
    columns = torch.arange(size[1]) + 0.5
    factor = max(size[0] / h, size[1] / w) if resize == "crop" else size[1] / w
    # Blue is the column of the source: linear, its middle in the middle.
    expected = (columns - size[1] / 2) / factor + w / 2 - 0.5
    # Rounding the cropped size moves the picture by up to half a pixel.
    assert_close(ramp[:, 2:-2], expected[2:-2].expand(size[0], -1), atol=1.6 / factor + 1, rtol=0)


@pytest.mark.parametrize("resize", ["squash", "crop"])
@given(sizes=st.tuples(*[st.integers(8, 40)] * 4), seed=st.integers(0, 9))
def test_resizing_treats_height_and_width_alike(
    resize: str, sizes: tuple[int, int, int, int], seed: int
) -> None:
    h, w, height, width = sizes
    generator = torch.Generator().manual_seed(seed)
    video = torch.randint(256, (3, 2, h, w), generator=generator, dtype=torch.uint8)
    upright = resize_frames(video, (height, width), resize=resize)
    lying = resize_frames(video.transpose(-1, -2), (width, height), resize=resize)
    # The two passes round in another order, which may move a tie by one.
    assert_close(upright.int(), lying.transpose(-1, -2).int(), atol=1, rtol=0)


def test_the_right_size_is_left_alone(root: Path) -> None:
    for resize in ("squash", "crop"):
        data = ClipFolder(root, **SETTINGS, window="first", resize=resize)
        assert torch.equal(data[0]["video"], read_video(data.paths[0], num_frames=8))


def test_strips_of_wide_frames(tmp_path: Path) -> None:
    (tmp_path / "only").mkdir()
    write_strip(numbered(6, 1, height=16, width=20), tmp_path / "only" / "wide.png")
    write_video(numbered(6, 2, height=16, width=20), tmp_path / "only" / "wide.avi")
    data = ClipFolder(tmp_path, num_frames=6, image_size=(16, 20), frame_width=20)
    assert [frames_of(item["video"]) for item in data] == [list(range(6))] * 2


def test_selection(root: Path, tmp_path: Path) -> None:
    def names(**settings: Any) -> list[str]:
        data = ClipFolder(root, **SETTINGS, **settings)
        assert data.classes == ["jump", "wave"]  # whatever is selected
        return [path.relative_to(root).as_posix() for path in data.paths]

    assert names(include="*/a_*") == ["jump/a_1.avi", "jump/a_2.png", "jump/a_10"]
    assert names(include=["jump/a_10", "wave/*"]) == ["jump/a_10", "wave/b_1.avi"]
    assert names(exclude="*/a_1*") == ["jump/a_2.png", "wave/b_1.avi"]
    assert names(include="jump/*", exclude=["*.png", "*.avi"]) == ["jump/a_10"]
    (tmp_path / "list.txt").write_text("# held out\nwave/b_1.avi\n\n./jump/a_2.png\n")
    assert names(files=tmp_path / "list.txt") == ["jump/a_2.png", "wave/b_1.avi"]
    assert names(files=str(tmp_path / "list.txt"), exclude="wave/*") == ["jump/a_2.png"]
    assert names(files=["jump/a_10"]) == ["jump/a_10"]
    assert ClipFolder(root, **SETTINGS, files=["wave/b_1.avi"])[0]["label"] == 1


def test_a_split_takes_patterns_or_files(root: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("jump/a_2.png\nwave/b_1.avi\n")
    wanted = (["jump/a_1.avi", "jump/a_10"], ["jump/a_2.png", "wave/b_1.avi"])
    assert split_clips(root, files=tmp_path / "list.txt") == wanted
    assert split_clips(root, pattern=["*/a_2*", "wave/*"]) == wanted
    assert split_clips(root, files=wanted[1]) == wanted
    training = ClipFolder(root, **SETTINGS, files=wanted[0])
    assert [path.name for path in training.paths] == ["a_1.avi", "a_10"]


@pytest.mark.parametrize(
    ("settings", "error", "match"),
    [
        ({}, ValueError, r"either patterns or files for the validation clips, got neither"),
        ({"pattern": "*", "files": []}, ValueError, r"either patterns or files .* got both"),
        ({"pattern": "*"}, DataError, r"validation split takes all 4 clips of .*; hold out fewer"),
        ({"pattern": "nobody/*"}, DataError, r"pattern 'nobody/\*' must match some of the 4 clips"),
    ],
)
def test_bad_splits(
    settings: dict[str, Any], error: type[Exception], match: str, root: Path
) -> None:
    with pytest.raises(error, match=match):
        split_clips(root, **settings)


def test_bad_clips_are_raised_or_skipped_with_their_reason(own_root: Path) -> None:
    write_video(numbered(7, 0), own_root / "wave" / "short.avi")
    (own_root / "wave" / "broken.mp4").write_text("not a video")
    (own_root / "wave" / "folder").mkdir()
    (own_root / "wave" / "folder" / "inner.mp4").touch()
    write_strip(numbered(9, 0), own_root / "wave" / "zero.png")
    (own_root / "wave" / "zero.png").write_bytes(b"")
    reasons = {
        "broken.mp4": r"broken\.mp4 cannot be read as a \.mp4 video: ",
        "folder": r"folder must hold frames as pictures .*, got a folder of none",
        "short.avi": r"short\.avi has 7 frames, but num_frames 8 with stride 1 needs 8; lower them",
        "zero.png": r"zero\.png is an empty file of 0 bytes",
    }
    data = ClipFolder(own_root, **SETTINGS, on_error="skip")
    assert len(data) == 4
    assert sorted(path.name for path in data.skipped) == sorted(reasons)
    for path, reason in data.skipped.items():
        with pytest.raises(DataError, match=reasons[path.name]) as raised:
            ClipFolder(own_root, **SETTINGS, include=f"*/{path.name}")
        assert str(raised.value) == reason
    with pytest.raises(
        DataError, match=r"all 1 selected clips of .* too short; the first: .*short"
    ):
        ClipFolder(own_root, **SETTINGS, include="*/short.avi", on_error="skip")


@pytest.mark.parametrize(
    ("settings", "error", "match"),
    [
        ({"window": "randm"}, UnknownNameError, r"'randm'; did you mean 'random'\?"),
        ({"condition": "frist"}, UnknownNameError, r"'frist'; did you mean 'first'\?"),
        ({"resize": "cropp"}, UnknownNameError, r"'cropp'; did you mean 'crop'\?"),
        ({"on_error": "skp"}, UnknownNameError, r"'skp'; did you mean 'skip'\?"),
        ({"image_size": 0}, ValueError, r"image_size must be .* at least 1, got 0"),
        ({"image_size": (8, -1)}, ValueError, r"image_size must be .* at least 1, got \(8, -1\)"),
        ({"num_frames": 0}, ValueError, r"num_frames must be at least 1, got 0"),
        ({"stride": 0}, ValueError, r"stride must be at least 1, got 0"),
        (
            {"stride": 3},
            DataError,
            r"a_1\.avi has 20 frames, but num_frames 8 with stride 3 needs 22",
        ),
        ({"include": "*.mp4"}, DataError, r"nothing of the 4 clips .* look like 'jump/a_1\.avi'"),
        ({"files": []}, DataError, r"nothing of the 4 clips .* files=\[\]"),
        (
            {"files": ["jump/a_3.avi"]},
            DataError,
            r"^files names 'jump/a_3\.avi', which is no clip of",
        ),
        ({"files": ["x", "y"]}, DataError, r"^files names 'x' and 1 more, which is no clip of"),
        ({"files": "gone.txt"}, DataError, r"list gone\.txt must be a text file of relative paths"),
    ],
)
def test_bad_settings(
    settings: dict[str, Any], error: type[Exception], match: str, root: Path
) -> None:
    with pytest.raises(error, match=match):
        ClipFolder(root, **{**SETTINGS, **settings})


def test_bad_roots(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"root .*gone must be a folder with one folder per class"):
        ClipFolder(tmp_path / "gone", **SETTINGS)
    with pytest.raises(DataError, match=r"must hold one folder per class, got no folder in it"):
        ClipFolder(tmp_path, **SETTINGS)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").touch()
    with pytest.raises(DataError, match=r"class folder .*empty must hold clips .* got none"):
        ClipFolder(tmp_path, **SETTINGS)


def test_numbers_out_of_range(root: Path) -> None:
    data = ClipFolder(root, **SETTINGS)
    with pytest.raises(IndexError, match=r"index must be below the 4 items of the data set, got 4"):
        data[4]

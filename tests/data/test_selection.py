"""Which clips a folder holds, and that a split holds out what every one of its patterns says."""

import os
from pathlib import Path

import pytest
import torch

from stgan.data import split_clips
from stgan.data.selection import find_clips, scan_clips
from stgan.errors import DataError
from stgan.io import write_strip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("clips")
    for action in ("jump", "wave"):
        (root / action).mkdir()
        for person in ("anna", "ben", "carl"):
            write_strip(torch.zeros(3, 2, 16, 16), root / action / f"{person}_1.png")
    return root


@pytest.mark.parametrize(
    "patterns",
    [("*/anna*", "*/bne_*"), ("*/bne_*", "*/anna*"), ["*/bne_*"], "*/bne_*"],
    ids=str,
)
def test_a_pattern_that_matches_nothing_is_refused_beside_one_that_does(
    patterns: str | list[str], root: Path
) -> None:
    with pytest.raises(DataError, match=r"validation pattern '\*/bne_\*' must match .* got none"):
        split_clips(root, pattern=patterns)


def test_patterns_may_match_the_same_clips(root: Path) -> None:
    training, validation = split_clips(root, pattern=("*/anna*", "wave/*", "*/anna_1*"))
    assert training == ["jump/ben_1.png", "jump/carl_1.png"]
    assert validation == ["jump/anna_1.png", *(f"wave/{x}_1.png" for x in ("anna", "ben", "carl"))]


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """Two clips at different depths, and links to them, to the root and around it."""
    root = tmp_path / "all" / "root"
    (root / "wave" / "deep").mkdir(parents=True)
    (root / "wave" / "one.mp4").touch()
    (root / "wave" / "deep" / "two.mp4").touch()
    (tmp_path / "all" / "other.mp4").touch()
    (root / "a_loop").symlink_to(root)
    (root / "parent").symlink_to(root.parent)
    (root / "wave" / "a_loop").symlink_to("..")
    (root / "wave" / "deep" / "b_loop").symlink_to("../..")
    (root / "wave" / "a_link.mp4").symlink_to("deep/two.mp4")
    (root / "again").symlink_to("wave")
    (root / "self.mp4").symlink_to("self.mp4")
    return root


def test_a_walk_visits_every_real_path_once(linked: Path) -> None:
    assert scan_clips(linked, is_clip=lambda _: False) == [
        "self.mp4", "wave/deep/two.mp4", "wave/one.mp4"
    ]  # fmt: skip


def test_links_outside_of_the_root_are_followed(linked: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "three.mp4").touch()
    (outside / "back").symlink_to(linked)
    (linked / "wave" / "outside").symlink_to(outside)
    (linked / "wave" / "outside_again").symlink_to(outside)
    assert scan_clips(linked, is_clip=lambda _: False) == [
        "self.mp4", "wave/deep/two.mp4", "wave/one.mp4", "wave/outside/three.mp4"
    ]  # fmt: skip


def test_a_folder_that_is_a_clip_is_not_entered(linked: Path) -> None:
    clips = scan_clips(linked, is_clip=lambda folder: folder.name == "deep")
    assert clips == ["self.mp4", "wave/a_link.mp4", "wave/deep", "wave/one.mp4"]


def test_links_to_the_root_are_no_classes_and_those_within_a_class_no_clips(linked: Path) -> None:
    (linked / "wave" / "b_link.mp4").symlink_to("one.mp4")
    assert find_clips(linked) == {
        "again": ["again/a_link.mp4", "again/deep", "again/one.mp4"],
        "wave": ["wave/a_link.mp4", "wave/deep", "wave/one.mp4"],
    }


@pytest.mark.parametrize(
    "name", ["back\\slash", "two\nlines", "a$b_{c$", "\x1b[31m", os.fsdecode(b"\xff")], ids=ascii
)
def test_clips_of_any_name_are_held_out_by_pattern_and_by_list(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    for number in (1, 2):
        write_strip(torch.zeros(3, 2, 8, 8), tmp_path / name / f"{number}.png")
    wanted = ([f"{name}/1.png"], [f"{name}/2.png"])
    assert split_clips(tmp_path, pattern="*2.png") == wanted
    assert split_clips(tmp_path, files=wanted[1]) == wanted

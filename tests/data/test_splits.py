"""The two splits of a run: from a folder that is searched once, or drawn."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from stgan.augment import RandomFlip
from stgan.data import AugmentedClips, ClipFolder, Splits, batch_share, draw_splits, open_splits
from stgan.errors import DataError
from stgan.io import read_video, write_strip

SIZE: dict[str, Any] = {"num_frames": 4, "image_size": 16}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two classes of three clips, of six frames each."""
    root = tmp_path / "clips"
    for number, name in enumerate(["jump/a", "jump/b", "jump/c", "wave/a", "wave/b", "wave/c"]):
        path = root / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        clip = torch.arange(6, dtype=torch.uint8).view(1, 6, 1, 1) + 10 * number
        write_strip(clip.expand(3, 6, 16, 16), path)
    return root


def _names(clips: Any) -> list[str]:
    return [f"{path.parent.name}/{path.stem}" for path in clips.paths]


def test_without_validation_all_clips_are_trained_on(root: Path) -> None:
    clips = open_splits(root, **SIZE)
    assert isinstance(clips.training, ClipFolder)
    assert len(clips.training) == 6
    assert clips.validation is None
    assert (clips.classes, clips.untrained, clips.skipped) == (("jump", "wave"), (), {})
    assert str(clips) == f"{root}, 6 training and 0 validation clips, 2 classes"
    assert clips.news() == []


@pytest.mark.parametrize("by_list", [False, True])
def test_clips_are_held_out_by_patterns_or_a_list(by_list: bool, root: Path) -> None:
    listed = root / "list.txt"
    listed.write_text("jump/b.png\nwave/b.png\n", encoding="utf-8")
    held = {"validation_list": listed} if by_list else {"validation": ("jump/b*", "wave/b*")}
    clips = open_splits(root, **SIZE, **held)  # type: ignore[arg-type]
    assert _names(clips.training) == ["jump/a", "jump/c", "wave/a", "wave/c"]
    assert _names(clips.validation) == ["jump/b", "wave/b"]
    assert str(clips).endswith("4 training and 2 validation clips, 2 classes")


def test_windows_of_training_are_drawn_and_those_of_validation_are_fixed(root: Path) -> None:
    settings: dict[str, Any] = {"validation": "*/c*", "flip": True, "condition": "random"}
    clips = open_splits(root, **SIZE, **settings)
    drawn: Any = clips.training
    fixed: Any = clips.validation
    assert (drawn.window, drawn.flip, drawn.condition) == ("random", True, "random")
    # A random frame is an augmentation; scores are of clips that begin with their image.
    assert (fixed.window, fixed.flip, fixed.condition) == ("first", False, "first")
    neutral: Any = open_splits(root, **SIZE, validation="*/c*", condition="neutral")
    assert (neutral.training.condition, neutral.validation.condition) == ("neutral", "neutral")
    whole = read_video(root / "jump" / "c.png")
    for draw in range(3):
        assert torch.equal(fixed[0, draw]["video"], whole[:, :4])
        assert torch.equal(fixed[0, draw]["image"], whole[:, 0])


def test_settings_reach_both_splits(root: Path) -> None:
    settings: dict[str, Any] = {"stride": 2, "resize": "crop", "cache_bytes": 10**6, "seed": 7}
    clips = open_splits(root, num_frames=3, image_size=(8, 12), validation="*/a*", **settings)
    for split in (clips.training, clips.validation):
        assert isinstance(split, ClipFolder)
        assert (split.stride, split.resize, split.seed) == (2, "crop", 7)
        assert split[0]["video"].shape == (3, 3, 8, 12)


def test_a_class_without_training_clips_is_named(root: Path) -> None:
    assert open_splits(root, **SIZE, validation="jump/*").untrained == ("jump",)


def test_every_folder_is_listed_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: Counter[Path] = Counter()
    iterdir = Path.iterdir

    def counting(path: Path) -> Any:
        listed[path] += 1
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", counting)
    open_splits(root, **SIZE, validation="*/a*")
    assert listed == {root: 1, root / "jump": 1, root / "wave": 1}


def test_broken_clips_are_raised_or_skipped_with_their_reason(root: Path) -> None:
    broken, short = root / "jump" / "b.png", root / "wave" / "a.png"
    broken.write_bytes(b"no picture")
    write_strip(torch.zeros(3, 2, 16, 16), short)
    with pytest.raises(DataError, match=r"b\.png"):
        open_splits(root, **SIZE)
    clips = open_splits(root, **SIZE, validation="*/a*", skip_broken=True)
    assert set(clips.skipped) == {broken, short}
    assert clips.skipped[short] == (
        f"clip {short} has 2 frames, but num_frames 4 with stride 1 needs 4; lower them, or skip "
        f"clips that cannot be used"
    )


def test_a_clip_that_breaks_later_is_named_once_also_where_clips_are_augmented(root: Path) -> None:
    clips = open_splits(root, **SIZE, skip_broken=True, augment=RandomFlip(), cache_bytes=5000)
    training: Any = clips.training
    assert isinstance(training.data, AugmentedClips)
    (root / "wave" / "b.png").write_bytes(b"gone bad")
    assert clips.news() == []
    assert {training[index]["video"].shape for index in range(6)} == {(3, 4, 16, 16)}
    [reason] = clips.news()
    assert "b.png" in reason
    assert clips.news() == []


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"validation": ("*/a*", "*/d*")}, r"validation pattern '\*/d\*' must match some of the 6"),
        ({"validation": "*/a*", "validation_list": "list.txt"}, "either patterns or files .* both"),
        ({"num_frames": 8}, "has 6 frames, but num_frames 8 with stride 1 needs 8; lower them, or"),
        ({"cache_bytes": 5}, "cache_bytes 5 holds none of the 6 clips, the smallest of which take"),
    ],
)
def test_what_cannot_be_opened_is_refused(
    settings: dict[str, Any], sentence: str, root: Path
) -> None:
    with pytest.raises(ValueError, match=sentence):
        open_splits(root, **{**SIZE, **settings})


def test_a_list_that_names_what_is_not_there_is_named(root: Path) -> None:
    listed = root / "list.txt"
    listed.write_text("wave/z.png\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        open_splits(root, **SIZE, validation_list=listed)
    assert str(caught.value) == (
        f"{listed} names 'wave/z.png', which is no clip of {root}; write paths relative to it, "
        f"such as 'jump/a.png'"
    )


def test_drawn_validation_clips_are_the_same_for_every_seed() -> None:
    one, other = (draw_splits(6, **SIZE, num_validation=5, seed=seed) for seed in (1, 2))
    assert isinstance(one, Splits)
    assert str(one) == "moving shapes, 6 training and 5 validation clips, 6 classes"
    assert torch.equal(one.validation[0]["video"], other.validation[0]["video"])  # type: ignore[index]
    assert not torch.equal(one.training[0]["video"], other.training[0]["video"])
    assert not torch.equal(one.training[0]["video"], one.validation[0]["video"])  # type: ignore[index]
    augmented = draw_splits(6, **SIZE, augment=RandomFlip(), seed=1)
    assert isinstance(augmented.training, AugmentedClips)
    assert augmented.training.seed == 1


def test_a_batch_is_shared_evenly_or_refused() -> None:
    assert [batch_share(12, world_size=n, parts=p) for n, p in ((1, 1), (2, 3), (3, 4))] == [
        12, 6, 4,
    ]  # fmt: skip
    with pytest.raises(ValueError, match="batch_size 4 cannot be shared by 1 process in 3 parts e"):
        batch_share(4, parts=3)
    with pytest.raises(ValueError, match="12 cannot be shared by 8 processes; make it a multiple "):
        batch_share(12, world_size=8)
    with pytest.raises(ValueError, match="parts must be at least 1, got 0"):
        batch_share(12, parts=0)

"""The clips of a run: those to train on, and those that are held out for validation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from torch.utils.data import Dataset

from stgan.data.augmented import AugmentedClips, ClipAugmentation
from stgan.data.clip_folder import ClipFolder
from stgan.data.moving_shapes import MovingShapes
from stgan.data.selection import Patterns, find_clips, split_found
from stgan.data.substitution import SubstituteBroken
from stgan.typing import Size2

__all__ = ["Splits", "draw_splits", "open_splits"]

# Held-out shapes are drawn from a seed that no training run is likely to be given.
_VALIDATION_SEED = 2**31 - 1


@dataclass(frozen=True)
class Splits:
    """The two splits of a data set of labeled clips.

    As text they are a line for a log, such as ``"clips/, 10 training and 2 validation clips, 2
    classes"``.

    Attributes:
        training: Items are dictionaries of ``video``, ``image`` and ``label``; windows are drawn.
        validation: Likewise, with fixed windows; ``None`` if nothing is held out.
        classes: Names of the classes, in the order of the labels.
        untrained: Those without a training clip.
        skipped: Reason by path of every clip that was left out because it cannot be used.
        source: Where the clips come from.
    """

    training: Dataset[Any]
    validation: Dataset[Any] | None
    classes: tuple[str, ...]
    untrained: tuple[str, ...] = ()
    skipped: Mapping[Path, str] = field(default_factory=dict)
    source: str = "clips"

    def news(self) -> list[str]:
        """Name every training clip that broke since the last call; see :class:`SubstituteBroken`.

        Always none where broken clips are not skipped.
        """
        training = self.training
        return list(training.news().values()) if isinstance(training, SubstituteBroken) else []

    def __str__(self) -> str:
        kept = 0 if self.validation is None else len(cast(Any, self.validation))
        return (
            f"{self.source}, {len(cast(Any, self.training))} training and {kept} validation clips, "
            f"{len(self.classes)} classes"
        )


def open_splits(
    root: str | Path,
    *,
    num_frames: int,
    image_size: Size2,
    validation: Patterns = (),
    validation_list: str | Path | None = None,
    stride: int = 1,
    condition: str = "first",
    resize: str = "squash",
    flip: bool = False,
    augment: ClipAugmentation | None = None,
    skip_broken: bool = False,
    cache_bytes: int | None = None,
    seed: int = 0,
) -> Splits:
    """Open a folder of class folders of clips for a run; the folder is searched once.

    Training windows are drawn at random, mirrored and changed where that is asked for; those of
    validation begin at the first frame and stay as they are.

    Args:
        root: Folder of class folders, as for :class:`ClipFolder`.
        num_frames: Frames of an item.
        image_size: ``(H, W)`` of an item or one number for both.
        validation: Shell pattern, or several, of the clips to hold out, such as
            ``"*/subject4_*"``; matched as by :func:`split_clips`.
        validation_list: The same as a list: a text file of paths relative to ``root``.
        stride: Step between the frames of an item, in stored frames.
        condition: The image of an item, as for :class:`ClipFolder`. A ``"random"`` frame is an
            augmentation: items of validation then have their first frame as image.
        resize: ``"squash"`` or ``"crop"``, as for :class:`ClipFolder`.
        flip: Mirror one training item in two.
        augment: Change training items as :class:`AugmentedClips` does.
        skip_broken: Leave out clips that are broken or too short, and substitute those that break
            later (:class:`SubstituteBroken`). Otherwise the first one raises an error.
        cache_bytes: Most bytes of decoded clips to keep in memory, for each split; ``None`` means
            no limit.
        seed: Seed of all random choices.

    Raises:
        DataError: If a folder, class or clip is missing, empty, broken or too short, or a pattern
            or list holds out nothing, everything, or what is not there.
        ValueError: If a size is not positive, ``cache_bytes`` is too small for any clip, or both
            ``validation`` and ``validation_list`` are given.
        UnknownNameError: If ``condition`` or ``resize`` is not known.

    Example:
        >>> import tempfile
        >>> import torch
        >>> from stgan.io import write_strip
        >>> with tempfile.TemporaryDirectory() as root:
        ...     Path(root, "wave").mkdir()
        ...     for subject in (1, 2, 3):
        ...         write_strip(torch.zeros(3, 4, 16, 16), f"{root}/wave/subject{subject}.png")
        ...     clips = open_splits(root, num_frames=4, image_size=16, validation="*/subject2*")
        ...     len(clips.training), len(clips.validation), clips.classes, clips.untrained
        (2, 1, ('wave',), ())
    """
    root = Path(root)
    found = find_clips(root)
    training_files = validation_files = None
    if validation or validation_list is not None:
        training_files, validation_files = split_found(
            found, root, validation or None, validation_list
        )

    def folder(files: list[str] | None, window: str, condition: str, flip: bool) -> ClipFolder:
        return ClipFolder(
            root,
            found=found,
            files=files,
            num_frames=num_frames,
            image_size=image_size,
            stride=stride,
            window=window,
            condition=condition,
            resize=resize,
            flip=flip,
            on_error="skip" if skip_broken else "raise",
            cache_bytes=cache_bytes,
            seed=seed,
        )

    drawn = folder(training_files, "random", condition, flip)
    fixed = None
    if validation_files is not None:
        image = "first" if condition == "random" else condition
        fixed = folder(validation_files, "first", image, False)
    training: Dataset[Any] = _augmented(drawn, augment, seed)
    if skip_broken:
        training = SubstituteBroken(training, seed=seed)
    there = set(drawn.labels)
    return Splits(
        training,
        fixed,
        tuple(drawn.classes),
        untrained=tuple(name for label, name in enumerate(drawn.classes) if label not in there),
        skipped={**drawn.skipped, **({} if fixed is None else fixed.skipped)},
        source=str(root),
    )


def draw_splits(
    num_clips: int,
    *,
    num_frames: int,
    image_size: Size2,
    num_validation: int = 96,
    augment: ClipAugmentation | None = None,
    seed: int = 0,
) -> Splits:
    """Draw :class:`MovingShapes` for a run that needs no files.

    Args:
        num_clips: Clips to train on.
        num_frames: Frames of a clip.
        image_size: ``(H, W)`` of a clip or one number for both.
        num_validation: Clips of validation, which are the same for every ``seed``.
        augment: Change training clips as :class:`AugmentedClips` does.
        seed: Of the training clips.

    Raises:
        ValueError: If a number is not positive.

    Example:
        >>> print(draw_splits(12, num_frames=4, image_size=16))
        moving shapes, 12 training and 96 validation clips, 6 classes
    """
    size: dict[str, Any] = {"num_frames": num_frames, "image_size": image_size}
    shapes = MovingShapes(num_clips, seed=seed, **size)
    fixed = MovingShapes(num_validation, seed=_VALIDATION_SEED, **size)
    return Splits(
        _augmented(shapes, augment, seed), fixed, tuple(shapes.classes), source="moving shapes"
    )


def _augmented(clips: Dataset[Any], augment: ClipAugmentation | None, seed: int) -> Dataset[Any]:
    return clips if augment is None else AugmentedClips(clips, augment, seed=seed)

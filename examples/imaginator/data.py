"""Clips for the recipe: drawn moving shapes, or a folder of videos for each class."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch.utils.data import DataLoader, Dataset

import stgan
from examples.imaginator.config import Settings
from examples.imaginator.parts import read_part
from stgan.data import (
    AugmentedClips,
    ClipFolder,
    MovingShapes,
    SubstituteBroken,
    endless_loader,
    split_clips,
)
from stgan.errors import DataError, printable

__all__ = [
    "Clips",
    "broken_news",
    "check_shares",
    "clips_line",
    "open_clips",
    "training_loader",
]

# Validation shapes are drawn from a seed that no training run is likely to be given.
_VALIDATION_SEED = 2**31 - 1
_VALIDATION_SHAPES = 96


@dataclass(frozen=True)
class Clips:
    """The two splits of a data set.

    Attributes:
        training: Items are dictionaries of ``video``, ``image`` and ``label``; windows are drawn.
        validation: Likewise, with fixed windows; ``None`` if nothing was kept aside.
        classes: Names of the actions, in the order of the labels.
        untrained: Those without a training clip.
    """

    training: Dataset[Any]
    validation: Dataset[Any] | None
    classes: tuple[str, ...]
    untrained: tuple[str, ...] = ()


def open_clips(settings: Settings) -> Clips:
    """Open the clips that the settings name.

    Raises:
        DataError: If a folder, class or file is missing, empty, broken or too short.
    """
    data, model = settings.data, settings.model
    size: dict[str, Any] = {"num_frames": model.num_frames, "image_size": model.image_size}
    if data.root is None:
        shapes = MovingShapes(data.num_shapes, seed=settings.train.seed, **size)
        kept = MovingShapes(_VALIDATION_SHAPES, seed=_VALIDATION_SEED, **size)
        return Clips(_augmented(shapes, settings), kept, tuple(shapes.classes))

    try:
        return _open_folder(data.root, settings, size)
    except ValueError as error:
        raise DataError(_as_options(str(error), settings)) from error


def _open_folder(root: Path, settings: Settings, size: dict[str, Any]) -> Clips:
    data = settings.data
    training_files: list[str] | None = None
    validation_files: list[str] | None = None
    if data.validation or data.validation_list is not None:
        training_files, validation_files = split_clips(
            root, pattern=data.validation or None, files=data.validation_list
        )
    common: dict[str, Any] = {
        "stride": data.stride,
        "resize": data.resize,
        "on_error": "skip" if data.skip_broken else "raise",
        "cache_bytes": data.cache_bytes,
        "seed": settings.train.seed,
        **size,
    }
    training = ClipFolder(
        root,
        files=training_files,
        window="random",
        condition=data.condition,
        flip=data.flip,
        **common,
    )
    validation = None
    if validation_files is not None:
        # A random frame is an augmentation; scores are of clips that begin with their image.
        condition = "first" if data.condition == "random" else data.condition
        validation = ClipFolder(
            root, files=validation_files, window="first", condition=condition, **common
        )
    for folder in filter(None, (training, validation)):
        for path, reason in folder.skipped.items():
            # That it could be skipped is known already.
            why = _as_options(reason.partition("; lower them")[0], settings)
            print(printable(f"skipped {path}: {why}"))
    clips = _augmented(training, settings)
    if data.skip_broken:  # those that break while the run reads them, too
        clips = SubstituteBroken(clips, seed=settings.train.seed)
    there = set(training.labels)
    untrained = [name for label, name in enumerate(training.classes) if label not in there]
    return Clips(clips, validation, tuple(training.classes), tuple(untrained))


def _as_options(sentence: str, settings: Settings) -> str:
    """Let an error speak of options, where the library speaks of its arguments."""
    frames, data = settings.model.num_frames, settings.data
    words = {
        f"num_frames={frames} with stride={data.stride}": (
            f"--model.num-frames {frames} with --data.stride {data.stride}"
        ),
        "pass on_error='skip'": "add --data.skip-broken",
        "files= lists": "--data.validation-list has",
        f"cache_bytes={data.cache_bytes} holds": f"--data.cache-bytes {data.cache_bytes} holds",
        "raise it or pass cache=False": "raise it",
    }
    for argument, option in words.items():
        sentence = sentence.replace(argument, option)
    return sentence


def clips_line(settings: Settings, clips: Clips) -> str:
    """Say in one line which clips a run works on."""
    root = settings.data.root
    kept = 0 if clips.validation is None else len(cast(Any, clips.validation))
    return printable(
        f"data: {'moving shapes, without --data.root' if root is None else root}, "
        f"{len(cast(Any, clips.training))} training and {kept} validation clips, "
        f"{len(clips.classes)} classes"
    )


def broken_news(clips: Dataset[Any]) -> list[str]:
    """Name every training clip that turned out to be broken since the last call."""
    return list(clips.news().values()) if isinstance(clips, SubstituteBroken) else []


def _augmented(clips: Dataset[Any], settings: Settings) -> Dataset[Any]:
    """Change training clips as they are read, where the settings say so."""
    text = settings.data.augment
    if text is None:
        return clips
    augment = stgan.build(read_part(text, "augmentations", "data.augment"), trust=settings.trust)
    return AugmentedClips(clips, augment, seed=settings.train.seed)


def check_shares(settings: Settings, world_size: int) -> None:
    """Refuse a batch that so many processes cannot share evenly.

    Raises:
        ValueError: If it is one.
    """
    total, parts = settings.train.batch_size, settings.train.accumulate
    if total % (world_size * parts):
        shared = f"{world_size} processes" + (f" in {parts} parts each" if parts > 1 else "")
        raise ValueError(
            f"train.batch_size {total} cannot be shared by {shared}; make it a multiple"
        )


def training_loader(
    settings: Settings, training: Dataset[Any], *, step: int, rank: int, world_size: int
) -> DataLoader[Any]:
    """Return endless shuffled batches, beginning where ``step`` iterations would have come to.

    Args:
        settings: Batch size, workers and seed.
        training: The clips.
        step: Iterations done already.
        rank: Number of this process.
        world_size: Number of processes, which share each batch.

    Raises:
        ValueError: If the batch cannot be shared evenly.
    """
    check_shares(settings, world_size)
    return endless_loader(
        training,
        batch_size=settings.train.batch_size,
        seed=settings.train.seed,
        step=step,
        rank=rank,
        world_size=world_size,
        workers=settings.data.workers,
        pin_memory=torch.cuda.is_available(),
    )

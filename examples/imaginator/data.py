"""Clips for the recipe: drawn moving shapes, or a folder of videos for each class."""

from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

import stgan
from examples.imaginator.config import Settings
from examples.imaginator.parts import read_part
from stgan.data import Splits, batch_share, draw_splits, endless_loader, open_splits
from stgan.errors import printable

__all__ = ["Clips", "check_shares", "open_clips", "training_loader"]

Clips = Splits

_VALIDATION_SHAPES = 96


def open_clips(settings: Settings) -> Splits:
    """Open the clips that the settings name, and say which of them are skipped.

    Raises:
        DataError: If a folder, class or file is missing, empty, broken or too short.
    """
    data, model = settings.data, settings.model
    augment = None
    if data.augment is not None:
        part = read_part(data.augment, "augmentations", "data.augment")
        augment = stgan.build(part, trust=settings.trust)
    if data.root is None:
        return draw_splits(
            data.num_shapes,
            num_frames=model.num_frames,
            image_size=model.image_size,
            num_validation=_VALIDATION_SHAPES,
            augment=augment,
            seed=settings.train.seed,
        )
    clips = open_splits(
        data.root,
        num_frames=model.num_frames,
        image_size=model.image_size,
        validation=data.validation,
        validation_list=data.validation_list,
        stride=data.stride,
        condition=data.condition,
        resize=data.resize,
        flip=data.flip,
        augment=augment,
        skip_broken=data.skip_broken,
        cache_bytes=data.cache_bytes,
        seed=settings.train.seed,
    )
    for path, reason in clips.skipped.items():
        # That it could be skipped is known already.
        print(printable(f"skipped {path}: {reason.partition('; ')[0]}"))
    return clips


def check_shares(settings: Settings, world_size: int) -> None:
    """Refuse a batch that so many processes cannot share evenly."""
    options = settings.train
    batch_share(options.batch_size, world_size=world_size, parts=options.accumulate)


def training_loader(
    settings: Settings, training: Dataset[Any], *, step: int, rank: int, world_size: int
) -> DataLoader[Any]:
    """Return endless shuffled batches, beginning where ``step`` iterations would have come to."""
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

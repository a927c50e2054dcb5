"""Augmentations of clips, the same for all frames, differentiable, and repeatable.

For the clips that a discriminator sees, where training clips are few. All have one interface; see
:class:`Augmentation`.
"""

from stgan.augment.ada import ADAugment
from stgan.augment.base import Augmentation
from stgan.augment.controller import AdaptiveAugmentation
from stgan.augment.diff_augment import DiffAugment
from stgan.augment.flips import RandomFlip, RandomTimeFlip
from stgan.augment.kornia_clips import KorniaAugment

__all__ = [
    "ADAugment",
    "AdaptiveAugmentation",
    "Augmentation",
    "DiffAugment",
    "KorniaAugment",
    "RandomFlip",
    "RandomTimeFlip",
]

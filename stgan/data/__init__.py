"""Data sets of labeled clips: shapes drawn on the fly, folders of one's own, an endless sampler.

Items are dictionaries of ``video (3, T, H, W)``, ``image (3, H, W)`` and ``label``; values lie in
[-1, 1]. An item is a function of the seed, its number and the number of the draw, never of the
process, the worker or the order. Video files need the extra ``stgan[video]``.
"""

from stgan.data.augmented import AugmentedClips, ClipAugmentation
from stgan.data.clip_folder import Clip, ClipFolder
from stgan.data.items import Item, numbered_generator
from stgan.data.loading import batch_share, endless_loader, naming_dead_workers
from stgan.data.motions import MOTIONS
from stgan.data.moving_shapes import MovingShapes, Scene
from stgan.data.numbered import NumberedItems
from stgan.data.polygons import SHAPES
from stgan.data.resizing import resize_frames
from stgan.data.sampler import EndlessSampler
from stgan.data.selection import split_clips
from stgan.data.splits import Splits, draw_splits, open_splits
from stgan.data.substitution import SubstituteBroken

__all__ = [
    "MOTIONS",
    "SHAPES",
    "AugmentedClips",
    "Clip",
    "ClipAugmentation",
    "ClipFolder",
    "EndlessSampler",
    "Item",
    "MovingShapes",
    "NumberedItems",
    "Scene",
    "Splits",
    "SubstituteBroken",
    "batch_share",
    "draw_splits",
    "endless_loader",
    "naming_dead_workers",
    "numbered_generator",
    "open_splits",
    "resize_frames",
    "split_clips",
]

"""Clips that are changed at random when they are read: a clip and its image alike."""

from collections.abc import Sized
from typing import Any, Protocol, cast

import torch
from torch import Tensor
from torch.utils.data import Dataset

from stgan.data.items import Index, Item, numbered_generator, split_index

__all__ = ["AugmentedClips", "ClipAugmentation"]

# Apart from the draws that the data set itself makes for the same clip.
_STREAM = 1


class ClipAugmentation(Protocol):
    """What is expected of an augmentation; those of :mod:`stgan.augment` have it."""

    def draw(self, batch: int, *, generator: torch.Generator | None = None) -> Tensor:
        """Return the random numbers for so many clips, a row for each."""
        ...

    def __call__(self, video: Tensor, draws: Tensor) -> Tensor:
        """Change clips ``(N, 3, T, H, W)`` by their rows of draws, all frames of a clip alike."""
        ...


class AugmentedClips(Dataset[Item]):
    """The clips of another data set, each changed at random, all its frames and its image alike.

    For training clips that are few. The discriminators then take the changes for real, so choose
    what could be real: a shift, a mirrored scene, another light. What generated clips must not
    show belongs before the discriminators instead, on both sides of the game.

    A clip is changed by draws that follow from ``seed``, its number and its draw alone: the same
    in every process, and again after a resumed run, yet others at the next visit by
    :class:`EndlessSampler`. Values that leave [-1, 1] are clamped, as no pixel shows them.

    Args:
        clips: A data set of :class:`Item`, such as :class:`ClipFolder`.
        augment: Such as :class:`stgan.augment.DiffAugment`. One that changes the order of frames
            leaves the image as it is, which is then no longer the first frame.
        seed: Of the draws.

    Attributes:
        classes: Those of ``clips``.

    Raises:
        TypeError: If ``augment`` makes no draws that can be repeated.

    Example:
        >>> from stgan.augment import DiffAugment
        >>> from stgan.data import MovingShapes
        >>> shapes = MovingShapes(6, num_frames=4, image_size=32)
        >>> clips = AugmentedClips(shapes, DiffAugment("translation"))
        >>> item = clips[2]
        >>> torch.equal(item["video"][:, 0], item["image"]), torch.equal(*(
        ...     data[2]["video"] for data in (clips, shapes)))
        (True, False)
    """

    def __init__(self, clips: Dataset[Any], augment: ClipAugmentation, *, seed: int = 0) -> None:
        if not callable(getattr(augment, "draw", None)):
            raise TypeError(
                f"augment must have a method draw, so that its changes can be repeated, got "
                f"{type(augment).__name__}; derive it from stgan.augment.Augmentation"
            )
        self.clips = clips
        self.augment = augment
        self.seed = seed

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of their labels."""
        return cast(Any, self.clips).classes

    @property
    def labels(self) -> list[int]:
        """Label of every clip."""
        return cast(Any, self.clips).labels

    def __len__(self) -> int:
        return len(cast(Sized, self.clips))

    def __getitem__(self, index: Index) -> Item:
        """Return a changed clip; another draw beside the number changes it in another way."""
        number, draw = split_index(index, len(self))
        item: Item = self.clips[index]
        draws = self.augment.draw(1, generator=numbered_generator(self.seed, _STREAM, number, draw))
        video = self.augment(item["video"][None], draws)[0].clamp(-1, 1)
        image = self.augment(item["image"][None, :, None], draws)[0, :, 0].clamp(-1, 1)
        return Item(video=video, image=image, label=item["label"])

"""A small network that is trained on the real clips at hand, as an extractor."""

from collections.abc import Sized
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils.data import Dataset

from stgan.example import Example
from stgan.metrics.extractors import FeatureExtractor
from stgan.metrics.motion_classifier import (
    MotionClassifier,
    check_motion_size,
    fit_motion_classifier,
    frame_differences,
)
from stgan.metrics.weights import checked_sha256, load_state, module_sha256
from stgan.registry import FEATURES

__all__ = ["MotionFeatures", "fit_motion_features"]


@FEATURES.register(
    "motion",
    source="a network of this library; without labels trained as in Dosovitskiy et al., NIPS 2014",
    shape="(N, C, T, H, W) -> (N, 64)",
    example=Example(
        settings={},
        inputs={"video": "N 3 T H W"},
        smallest={"T": 4, "H": 16, "W": 16},
    ),
)
class MotionFeatures(FeatureExtractor):
    """What a :class:`stgan.metrics.MotionClassifier` sees before its classes: how things move.

    It sees differences of neighboring frames only, so that a frozen clip is nothing to it, and
    colors and scenery hardly matter. Get one by :func:`fit_motion_features`, and save its state
    dict: two results compare only if they are of the same weights. A distance of these features
    is no FVD, and no result calls it so.

    Args:
        in_channels: Channels of the clips.
        weights: The path of a file with a state dict of this class; ``None`` for random weights.
        sha256: SHA-256 of the file, in hexadecimal, to be checked.

    Attributes:
        body: The convolutions.

    Shape:
        - Input: ``(N, in_channels, T, H, W)``, in [-1, 1], at least 4 x 16 x 16.
        - Output: ``(N, 64)``

    Raises:
        CheckpointError: If the file is missing, has another hash, or holds other weights.
        ShapeError: If the clips are too small or of another layout.
        TypeError: If they are not of a float type.
        ValueError: If a hash is given without a file.

    Example:
        >>> features = MotionFeatures()
        >>> features(torch.zeros(2, 3, 8, 32, 32)).shape
        torch.Size([2, 64])
        >>> features.name
        'a motion network with random weights'

    References:
        None; a network of this library, kept small on purpose.
    """

    num_features: int

    def __init__(
        self,
        in_channels: int = 3,
        *,
        weights: str | Path | None = None,
        sha256: str | None = None,
    ) -> None:
        super().__init__()
        classifier = MotionClassifier(1, in_channels)
        self.in_channels = in_channels
        self.body = classifier.features
        self.num_features = classifier.head.in_features
        self.resize = "pooled to at most 16 x 32 x 32 differences of frames"
        if weights is None:
            if sha256 is not None:
                raise ValueError("sha256 is that of the file of weights; give weights, too")
            self.sha256 = module_sha256(self)
            self.name = "a motion network with random weights"
        else:
            self.sha256 = checked_sha256(weights, sha256)
            load_state(self, weights, "MotionFeatures")
            self.name = "a motion network from a file"
        self.eval()

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return ``(N, 64)`` for the shape of a video.

        Raises:
            ShapeError: If ``forward`` would refuse it.
        """
        check_motion_size(input_shape, self.in_channels)
        return input_shape[0], self.num_features

    def forward(self, video: Tensor) -> Tensor:
        """Features of each clip; see the class for shapes."""
        return self.body(frame_differences(video, self.in_channels)).mean(dim=(2, 3, 4))


class _Numbered(Dataset[dict[str, Any]]):
    """Clips, each the only one of its class."""

    def __init__(self, clips: Dataset[Any]) -> None:
        self._clips = clips

    def __len__(self) -> int:
        return len(cast(Sized, self._clips))

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"video": self._clips[index]["video"], "label": index}


def fit_motion_features(
    clips: tuple[Tensor, Tensor] | Tensor | Dataset[Any],
    num_classes: int | None = None,
    *,
    steps: int = 300,
    seed: int = 0,
) -> MotionFeatures:
    """Train :class:`MotionFeatures` on real clips, in half a minute on two CPU cores.

    With labels the network learns to tell the classes apart; without, to tell every clip from all
    others, so that any folder of clips will do. **Do not compare clips that it was trained on**: it
    knows them, and the distance of generated clips to them would be too large. Hold some back.

    Args:
        clips: Real clips ``(N, C, T, H, W)`` in [-1, 1]; those and their labels ``(N,)``; or a
            map-style dataset of items with ``video`` and, for classes, ``label``.
        num_classes: Classes; ``None`` to tell all clips apart.
        steps: Optimizer steps.
        seed: Of the initialization and of the order of clips.

    Raises:
        ShapeError: If clips and labels do not belong together.
        TypeError: If a clip is not of a float type, or classes are asked for without labels.
        ValueError: If there are fewer than 2 clips or a label is not a class.

    Example:
        >>> features = fit_motion_features(torch.rand(4, 3, 4, 16, 16), steps=2)
        >>> features.name
        'a motion network trained on 4 real clips to tell them apart'

    References:
        Dosovitskiy et al., Discriminative unsupervised feature learning with convolutional neural
        networks, NIPS 2014, for classes of one sample.

    Differs from the source:
        Light and dark are exchanged at random, and nothing else is augmented.
    """
    if isinstance(clips, Tensor):
        if num_classes is not None:
            raise TypeError("num_classes needs labels; give clips as (videos, labels)")
        clips = (clips, torch.arange(len(clips)))
    count = len(clips[0]) if isinstance(clips, tuple) else len(cast(Sized, clips))
    if num_classes is None:
        task = "tell them apart"
        clips = (clips[0], torch.arange(count)) if isinstance(clips, tuple) else _Numbered(clips)
        classes = max(count, 1)
    else:
        task, classes = f"tell {num_classes} classes apart", num_classes
    classifier = fit_motion_classifier(clips, classes, steps=steps, seed=seed)
    features = MotionFeatures(classifier.in_channels)
    features.body = classifier.features
    features.name = f"a motion network trained on {count} real clips to {task}"
    features.sha256 = module_sha256(features)
    return features.eval()

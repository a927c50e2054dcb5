"""An image network of timm, frame by frame."""

from pathlib import Path

import torch
from torch import Tensor

from stgan._checks import pair
from stgan._timm_loading import (
    channels_first,
    create_backbone,
    feature_shapes,
    input_statistics,
)
from stgan.example import Example
from stgan.functional import fold_time
from stgan.metrics.extractors import FeatureExtractor, check_clip_shape
from stgan.metrics.preprocessing import prepare_clips, resize_rule
from stgan.metrics.weights import checked_sha256, module_sha256
from stgan.registry import FEATURES
from stgan.typing import Size2

__all__ = ["TimmFrameFeatures"]


@FEATURES.register(
    "timm_frames",
    source="Wightman, PyTorch Image Models, 2019",
    shape="(N, 3, T, H, W) -> (N, D)",
    example=Example(
        settings={"model": "resnet10t", "image_size": 32},
        inputs={"video": "N 3 T H W"},
    ),
)
class TimmFrameFeatures(FeatureExtractor):
    """The coarsest feature map of an image network of timm, averaged over space and frames.

    It sees how frames look and nothing of how they follow each other: frames in any order have the
    same features. Report a distance of these beside one that sees motion.

    Args:
        model: A name in ``timm.list_models()``.
        weights: ``None`` for random weights; the path of a ``.pth`` or ``.safetensors`` file with
            the state dict of this model; or ``"pretrained"``, which timm downloads.
        sha256: SHA-256 of the file, in hexadecimal, to be checked.
        image_size: ``int`` or ``(height, width)`` that the network sees.
        resize: ``"squash"`` or ``"crop"``; see :class:`stgan.metrics.I3DFeatures`.

    Attributes:
        network: The network of timm, which returns its feature maps.

    Shape:
        - Input: ``(N, 3, T, H, W)``, in [-1, 1]
        - Output: ``(N, D)``

    Raises:
        CheckpointError: If the weights cannot be had, have another hash, or are of another model.
        ShapeError: If the model cannot take images of the size, or clips have another layout.
        UnknownNameError: If timm has no such model, or ``resize`` is not known.
        ValueError: If the model gives no feature maps, or a hash is given without a file.

    Example:
        >>> features = TimmFrameFeatures("resnet10t", image_size=32)
        >>> features(torch.zeros(2, 3, 4, 64, 64)).shape
        torch.Size([2, 512])
        >>> features.name
        'resnet10t (timm) frame by frame, mean over frames, with random weights'

    References:
        R. Wightman, PyTorch Image Models, 2019, https://github.com/huggingface/pytorch-image-models
    """

    num_features: int

    def __init__(
        self,
        model: str = "resnet18",
        *,
        weights: str | Path | None = None,
        sha256: str | None = None,
        image_size: Size2 = 224,
        resize: str = "squash",
    ) -> None:
        super().__init__()
        self.image_size = pair(image_size, "image_size")
        prepare_clips(torch.zeros(1, 3, 1, 1, 1), resize=resize)  # refuses unknown words
        self._rule = resize
        from_file = weights is not None and str(weights) != "pretrained"
        if sha256 is not None and not from_file:
            raise ValueError("sha256 is that of a file of weights; give its path as weights")
        digest = checked_sha256(str(weights), sha256) if from_file else None
        self.network = create_backbone(model, self.image_size, weights)
        self.sha256 = module_sha256(self.network) if digest is None else digest
        self.num_features = feature_shapes(self.network, self.image_size, model)[-1][0]
        self.mean, self.std = input_statistics(model)
        self.resize = resize_rule(self.image_size, resize)
        self.range = "[0, 1], normalized"
        self.name = f"{model} (timm) frame by frame, mean over frames"
        if weights is None:
            self.name += ", with random weights"
        self.eval()

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return ``(N, D)`` for the shape of a video.

        Raises:
            ShapeError: If ``forward`` would refuse it.
        """
        check_clip_shape(input_shape)
        return input_shape[0], self.num_features

    def forward(self, video: Tensor) -> Tensor:
        """Features of each clip; see the class for shapes."""
        check_clip_shape(tuple(video.shape))
        clips = prepare_clips(
            video,
            size=self.image_size,
            resize=self._rule,
            range="[0, 1]",
            mean=self.mean,
            std=self.std,
        )
        coarsest = self.network(fold_time(clips))[-1]
        frames = channels_first(self.network, coarsest).mean(dim=(2, 3))
        return frames.view(video.shape[0], video.shape[2], self.num_features).mean(dim=1)

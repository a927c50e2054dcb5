"""Video networks of torchvision as extractors."""

from pathlib import Path

import torch
from torch import Tensor, nn

from stgan._checks import pair
from stgan._torchvision import ensure_torchvision
from stgan.errors import CheckpointError, ShapeError
from stgan.example import Example
from stgan.metrics.extractors import FeatureExtractor, check_clip_shape
from stgan.metrics.preprocessing import prepare_clips, resize_rule
from stgan.metrics.weights import checked_sha256, load_state, module_sha256
from stgan.registry import FEATURES, unknown_name
from stgan.typing import Size2

__all__ = ["TorchvisionFeatures"]

# Frames that a network takes: it has one position for each, or pools a fixed number at its end.
_FRAMES = {"mvit_v1_b": (16, 16), "mvit_v2_s": (16, 16), "s3d": (14, None)}
_FIXED_SIZE = ("mvit_v1_b", "mvit_v2_s")


@FEATURES.register(
    "torchvision",
    source="torchvision.models.video; Tran et al., CVPR 2018; Li et al., MViTv2, CVPR 2022",
    shape="(N, 3, T, H, W) -> (N, D)",
    example=Example(
        settings={"model": "mc3_18", "image_size": 16},
        inputs={"video": "N 3 T H W"},
    ),
)
class TorchvisionFeatures(FeatureExtractor):
    """What a video network of torchvision sees before its classifier.

    Frames are resized to the size of the network's training and normalized by its mean and
    standard deviation. No distance of these features is an FVD, and none is called so.

    Args:
        model: A name of ``torchvision.models.video``, such as ``"r3d_18"`` or ``"mvit_v2_s"``.
        weights: ``None`` for random weights; the path of a file with the state dict, as
            torchvision publishes it; or ``"pretrained"``, which downloads it.
        sha256: SHA-256 of the file, in hexadecimal, to be checked.
        image_size: ``int`` or ``(height, width)`` that the network sees; ``None`` for what it was
            trained on.
        resize: ``"squash"`` or ``"crop"``; see :class:`stgan.metrics.I3DFeatures`.

    Attributes:
        network: The network without its classifier.

    Shape:
        - Input: ``(N, 3, T, H, W)``, in [-1, 1]; T of 16 for ``mvit_*``, at least 14 for ``s3d``.
        - Output: ``(N, D)``, D being 512 for the residual networks and 768 for ``mvit_*``.

    Raises:
        CheckpointError: If the weights cannot be had, have another hash, or are of another model.
        ModuleNotFoundError: If torchvision is not installed.
        ShapeError: If the clips have another layout or number of frames.
        UnknownNameError: If torchvision has no such model, or ``resize`` is not known.
        ValueError: If a hash is given without a file, or a size that the model cannot take.

    Example:
        >>> features = TorchvisionFeatures("mc3_18", image_size=16)
        >>> features(torch.zeros(2, 3, 4, 32, 32)).shape
        torch.Size([2, 512])
        >>> features.name
        'mc3_18 (torchvision) with random weights'

    References:
        Tran et al., A closer look at spatiotemporal convolutions for action recognition, CVPR
        2018; Li et al., MViTv2, CVPR 2022.

    Differs from the source:
        Frames are squashed to the final size; torchvision resizes to another one and crops.
    """

    num_features: int

    def __init__(
        self,
        model: str = "r3d_18",
        *,
        weights: str | Path | None = None,
        sha256: str | None = None,
        image_size: Size2 | None = None,
        resize: str = "squash",
    ) -> None:
        super().__init__()
        if not ensure_torchvision():
            raise ModuleNotFoundError("this extractor needs torchvision; pip install torchvision")
        from torchvision import models

        known = models.list_models(module=models.video)
        if model not in known:
            raise unknown_name("torchvision.models.video", model, known, what="model")
        published = models.get_model_weights(model).DEFAULT
        preset = published.transforms()
        self.mean, self.std = tuple(preset.mean), tuple(preset.std)
        usual = (preset.crop_size[0], preset.crop_size[-1])
        self.image_size = usual if image_size is None else pair(image_size, "image_size")
        if model in _FIXED_SIZE and self.image_size != usual:
            raise ValueError(f"{model} takes images of {usual} only, got {self.image_size}")
        prepare_clips(torch.zeros(1, 3, 1, 1, 1), resize=resize)  # refuses unknown words
        self.model, self._rule = model, resize
        self.resize = resize_rule(self.image_size, resize)
        self.range = "[0, 1], normalized"
        self.name = f"{model} (torchvision)"
        self.network: nn.Module = models.get_model(model, weights=None)
        if str(weights) == "pretrained":
            try:
                state = published.get_state_dict(check_hash=True, weights_only=True)
            except Exception as error:  # of the network or the cache
                raise CheckpointError(
                    f"cannot get published weights of torchvision's {model} "
                    f"({str(error)[:120]}); download the file elsewhere and give its path"
                ) from error
            self.network.load_state_dict(state)
            self.name += f" {published.name}"
        if weights is None or str(weights) == "pretrained":
            if sha256 is not None:
                raise ValueError("sha256 is that of a file of weights; give its path as weights")
            self.sha256 = module_sha256(self.network)
            self.name += " with random weights" if weights is None else ""
        else:
            self.sha256 = checked_sha256(weights, sha256)
            load_state(self.network, weights, f"torchvision's {model}")
        self.num_features = _without_classifier(self.network)
        self.eval()

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return ``(N, D)`` for the shape of a video.

        Raises:
            ShapeError: If ``forward`` would refuse it.
        """
        check_clip_shape(input_shape)
        least, most = _FRAMES.get(self.model, (1, None))
        frames = input_shape[2]
        if frames < least or (most is not None and frames > most):
            wanted = f"{least}" if least == most else f"at least {least}"
            raise ShapeError(f"{self.model} takes clips of {wanted} frames, got {frames}")
        return input_shape[0], self.num_features

    def forward(self, video: Tensor) -> Tensor:
        """Features of each clip; see the class for shapes."""
        self.output_shape(tuple(video.shape))
        clips = prepare_clips(
            video,
            size=self.image_size,
            resize=self._rule,
            range="[0, 1]",
            mean=self.mean,
            std=self.std,
        )
        return self.network(clips)


def _without_classifier(network: nn.Module) -> int:
    """Replace the classifier, under whatever name, and return how many features it had."""
    for name in ("fc", "head", "classifier"):
        head = getattr(network, name, None)
        if head is None:
            continue
        last = [m for m in head.modules() if isinstance(m, nn.Linear | nn.Conv3d)][-1]
        setattr(network, name, nn.Identity())
        return last.in_features if isinstance(last, nn.Linear) else last.in_channels
    raise AssertionError("a video network of torchvision without a classifier")

"""Networks that turn clips into features, each with what a result must say of it."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from stgan._checks import check_layout, pair
from stgan.errors import ShapeError
from stgan.example import Example
from stgan.metrics.i3d import I3D
from stgan.metrics.preprocessing import prepare_clips, resize_rule
from stgan.metrics.weights import (
    checked_sha256,
    is_torchscript,
    load_script,
    load_state,
    module_sha256,
)
from stgan.registry import FEATURES
from stgan.typing import Size2

__all__ = ["FeatureExtractor", "I3DFeatures", "ModuleFeatures"]


class FeatureExtractor(nn.Module):
    """A network from clips in [-1, 1] to one feature each.

    Those of stgan begin in evaluation mode, and metrics put any network into it while they use it:
    a feature must not depend on the other clips of a batch.

    Attributes:
        name: What the features are of, in words, for results.
        sha256: Hash of the weights.
        resize: How frames are resized, in words.
        range: Values of the pixels that the network sees.
        is_fvd: Whether a distance of these features is what the field calls FVD: logits of I3D on
            224 x 224, with weights from a file whose hash was given and is right.
        num_features: Numbers in a feature; ``None`` where that is known only when it has run.

    Example:
        >>> class MeanColor(FeatureExtractor):
        ...     name = "mean color"
        ...
        ...     def forward(self, video):
        ...         return video.mean(dim=(2, 3, 4))
        >>> MeanColor()(torch.zeros(2, 3, 4, 8, 8)).shape
        torch.Size([2, 3])
    """

    name: str
    sha256: str | None = None
    resize: str = "none"
    range: str = "[-1, 1]"
    is_fvd: bool = False
    num_features: int | None = None

    def __init__(self) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, video: Tensor) -> Tensor:
        """Features ``(N, D)`` of clips ``(N, 3, T, H, W)``."""

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the features of a video of a shape, without computing them.

        Raises:
            ShapeError: If ``forward`` would refuse it.
        """
        raise NotImplementedError


def check_clip_shape(shape: tuple[int, ...], channels: int = 3) -> None:
    """Refuse a shape that is not one of clips."""
    check_layout(torch.empty(shape, device="meta"), "N C T H W", name="video", C=channels)


@FEATURES.register(
    "i3d",
    source="Carreira and Zisserman, CVPR 2017; as features, Unterthiner et al., FVD, 2018",
    shape="(N, 3, T, H, W) -> (N, 400), T >= 9",
    example=Example(
        settings={"image_size": 8},
        inputs={"video": "N 3 T H W"},
        # Norms of so small clips need several of them to make sense in training mode.
        smallest={"N": 8, "T": 9},
    ),
)
class I3DFeatures(FeatureExtractor):
    """Logits of I3D on Kinetics-400: the features of FVD, from a file of yours.

    The field's FVD takes the 400 logits before the softmax, of frames resized bilinearly to
    224 x 224, with weights converted from the TensorFlow Hub release, which differ from those of
    the I3D repository. stgan brings neither of them. Give the file, and its SHA-256 from where you
    got it: results are called FVD only then. The file may be

    - a state dict in the layout of :class:`stgan.metrics.I3D`, as ``i3d_pretrained_400.pt``;
    - TorchScript, as ``i3d_torchscript.pt``, which is called with ``rescale=False, resize=False,
      return_features=True`` on clips that are resized here. **TorchScript is code**: it runs.

    Without a file the weights are random.

    Args:
        weights: The file; ``None`` for random weights.
        sha256: Its SHA-256, in hexadecimal.
        image_size: ``int`` or ``(height, width)`` that the network sees.
        resize: ``"squash"`` to the size, as in most implementations, or ``"crop"``: the short side
            to the size, then the center. They differ for clips that are not square.

    Shape:
        - Input: ``(N, 3, T, H, W)``, in [-1, 1], T at least 9.
        - Output: ``(N, 400)``

    Raises:
        CheckpointError: If the file is missing, has another hash, or does not hold I3D.
        ShapeError: If the clips are shorter than 9 frames or of another layout.
        UnknownNameError: If ``resize`` is not known.
        ValueError: If a hash is given without a file.

    Example:
        >>> features = I3DFeatures(image_size=32)
        >>> features(torch.zeros(2, 3, 9, 64, 64)).shape
        torch.Size([2, 400])
        >>> features.name, features.is_fvd
        ('I3D with random weights', False)

    Differs from the source:
        Published numbers were computed by several implementations; that of TensorFlow resizes
        with the functions of that framework. No number of this class has been compared with a
        published one, as the weights were not at hand.

    References:
        Unterthiner et al., Towards accurate generative models of video, 2018, section 3;
        Carreira and Zisserman, Quo vadis, action recognition?, CVPR 2017.
    """

    def __init__(
        self,
        weights: str | Path | None = None,
        *,
        sha256: str | None = None,
        image_size: Size2 = 224,
        resize: str = "squash",
    ) -> None:
        super().__init__()
        self.image_size = pair(image_size, "image_size")
        self._rule = resize
        prepare_clips(torch.zeros(1, 3, 1, 1, 1), resize=resize)  # refuses unknown words
        self._script: Mapping[str, Any] | None = None
        self.network: nn.Module = I3D()
        if weights is None:
            if sha256 is not None:
                raise ValueError("sha256 is that of the file of weights; give weights, too")
            self.name = "I3D with random weights"
            self.sha256 = module_sha256(self.network)
        else:
            self.sha256 = checked_sha256(weights, sha256)
            if is_torchscript(weights):
                self.network = load_script(weights)
                self._script = {"rescale": False, "resize": False, "return_features": True}
                self.name = "I3D (TorchScript) logits"
            else:
                load_state(self.network, weights, "I3D")
                self.name = "I3D logits"
            if sha256 is None:
                self.name += ", hash not checked"
        self.num_features = 400
        self.is_fvd = weights is not None and sha256 is not None and self.image_size == (224, 224)
        self.resize = resize_rule(self.image_size, resize)
        self.eval()

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return ``(N, 400)`` for the shape of a video.

        Raises:
            ShapeError: If ``forward`` would refuse it.
        """
        check_clip_shape(input_shape)
        if input_shape[2] < 9:
            raise ShapeError(f"video must have at least 9 frames for I3D, got {input_shape[2]}")
        return input_shape[0], 400

    def forward(self, video: Tensor) -> Tensor:
        """Logits of each clip; see the class for shapes."""
        self.output_shape(tuple(video.shape))
        clips = prepare_clips(video, size=self.image_size, resize=self._rule)
        if self._script is None:
            return self.network(clips)
        features = self.network(clips, **self._script)
        if features.shape != (video.shape[0], 400):
            raise ShapeError(
                f"the TorchScript file must return the 400 logits of I3D, got "
                f"{tuple(features.shape)}; give it to ModuleFeatures under its own name"
            )
        return features


@FEATURES.register(
    "module",
    source="any network, such as VideoMAE as in Ge et al., CVPR 2024",
    shape="(N, 3, T, H, W) -> (N, D)",
    example=Example(
        settings={
            "module": {
                "kind": "layers",
                "name": "conv_1p2d",
                "in_channels": 3,
                "out_channels": 4,
                "kernel_size": 3,
                "padding": 1,
            },
            "title": "a layer with random weights",
        },
        inputs={"video": "N 3 T H W"},
    ),
)
class ModuleFeatures(FeatureExtractor):
    """Features of any network, with the range, size and pooling that it wants.

    For VideoMAE, export the network to TorchScript where its code lives and give the file: a
    content-debiased distance takes VideoMAE v2 (ViT-g, fine-tuned on Something-Something v2) on 16
    frames of 224 x 224 in [0, 1], squashed, and the mean over its tokens:
    ``ModuleFeatures("videomae.pt", "VideoMAE v2 ViT-g SSv2", image_size=224, range="[0, 1]",
    tokens=True)``. **TorchScript is code**: it runs.

    Args:
        module: From clips to features ``(N, D)``, to maps ``(N, D, ...)`` whose places are
            averaged, or to tokens; or the path of a TorchScript file with one.
        title: What the features are of, in words: their name in results.
        sha256: SHA-256 of the file, in hexadecimal, to be checked.
        image_size: ``int`` or ``(height, width)`` that the network sees; ``None`` for the clips'.
        resize: ``"squash"`` or ``"crop"``; see :class:`I3DFeatures`.
        range: ``"[-1, 1]"``, ``"[0, 1]"`` or ``"[0, 255]"``.
        tokens: Whether it returns tokens ``(N, L, D)``, to be averaged over L.

    Attributes:
        module: The network.

    Shape:
        - Input: ``(N, C, T, H, W)``, in [-1, 1].
        - Output: ``(N, D)``

    Raises:
        CheckpointError: If the file is missing, has another hash, or is no TorchScript.
        ShapeError: If the network returns something else.
        UnknownNameError: If ``resize`` or ``range`` is not known.
        ValueError: If a hash is given without a file, or the title is empty.

    Example:
        >>> features = ModuleFeatures(nn.Conv3d(3, 8, 3), "a layer", range="[0, 1]")
        >>> features(torch.zeros(2, 3, 4, 8, 8)).shape
        torch.Size([2, 8])

    References:
        Ge et al., On the content bias in Fréchet video distance, CVPR 2024, section 4, for
        VideoMAE.
    """

    def __init__(
        self,
        module: nn.Module | str | Path,
        title: str,
        *,
        sha256: str | None = None,
        image_size: Size2 | None = None,
        resize: str = "squash",
        range: str = "[-1, 1]",  # the word of the results
        tokens: bool = False,
    ) -> None:
        super().__init__()
        if not title.strip():
            raise ValueError("title must say what the features are of, got nothing")
        self.name = title
        self.range = range
        self.image_size = None if image_size is None else pair(image_size, "image_size")
        self._rule = resize
        self.tokens = tokens
        prepare_clips(torch.zeros(1, 3, 1, 1, 1), resize=resize, range=range)
        self.resize = resize_rule(self.image_size, resize)
        if isinstance(module, nn.Module):
            if sha256 is not None:
                raise ValueError("sha256 is that of a file; give the path of one as module")
            self.module, self.sha256 = module, module_sha256(module)
        else:
            self.sha256 = checked_sha256(module, sha256)
            self.module = load_script(module)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the features, if the network can tell its own.

        Raises:
            ShapeError: If the network refuses the shape, or does not make features of it.
            TypeError: If the network has no ``output_shape``.
        """
        check_layout(torch.empty(input_shape, device="meta"), "N C T H W", name="video")
        inner = getattr(self.module, "output_shape", None)
        if inner is None:
            raise TypeError(f"{type(self.module).__name__} has no output_shape to ask")
        size = input_shape[3:] if self.image_size is None else self.image_size
        return self._pooled_shape(inner((*input_shape[:3], *size)), input_shape[0])

    def _pooled_shape(self, shape: tuple[int, ...], count: int) -> tuple[int, ...]:
        if self.tokens and len(shape) != 3:
            raise ShapeError(f"the network must return tokens (N, L, D), got {shape}")
        if len(shape) < 1 or shape[0] != count:
            raise ShapeError(f"the network must return (N, D, ...) with N = {count}, got {shape}")
        if len(shape) == 1:
            return count, 1
        return count, shape[2] if self.tokens else shape[1]

    def forward(self, video: Tensor) -> Tensor:
        """Features of each clip; see the class for shapes."""
        clips = prepare_clips(video, size=self.image_size, resize=self._rule, range=self.range)
        features = self.module(clips)
        wanted = self._pooled_shape(tuple(features.shape), video.shape[0])
        if self.tokens:
            return features.mean(dim=1)
        return features.flatten(2).mean(dim=2) if features.ndim > 2 else features.view(wanted)

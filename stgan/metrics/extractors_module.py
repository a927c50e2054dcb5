"""Features of any network, as a module or in a file."""

from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from stgan._checks import check_axes, pair
from stgan._factories import check_module
from stgan.errors import ShapeError
from stgan.example import Example
from stgan.metrics._inputs import check_returned
from stgan.metrics.extractors import FeatureExtractor
from stgan.metrics.preprocessing import prepare_clips, resize_rule
from stgan.metrics.weights import checked_sha256, load_script, module_sha256
from stgan.registry import FEATURES
from stgan.typing import Size2

__all__ = ["ModuleFeatures"]


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
    tokens=True)``. **TorchScript is code**: it runs, so that a configuration may name a file only
    if it is built with ``trust=True``.

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

    runs_files: ClassVar = {"module": lambda path: True}

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
            if not isinstance(module, str | Path):
                check_module(module, "module")
            self.sha256 = checked_sha256(module, sha256)
            self.module = load_script(module)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the features, if the network can tell its own.

        Raises:
            ShapeError: If the network refuses the shape, or does not make features of it.
            TypeError: If the network has no ``output_shape``.
        """
        check_axes(input_shape, "N C T H W", name="video")
        inner = getattr(self.module, "output_shape", None)
        if inner is None:
            raise TypeError(f"{type(self.module).__name__} has no output_shape to ask")
        size = input_shape[3:] if self.image_size is None else self.image_size
        return self._pooled_shape(inner((*input_shape[:3], *size)), input_shape[0])

    def _pooled_shape(self, shape: tuple[int, ...], count: int) -> tuple[int, ...]:
        if self.tokens and len(shape) != 3:
            raise ShapeError(f"{self.name} must return tokens (N, L, D), got {shape}")
        if len(shape) < 1 or shape[0] != count:
            raise ShapeError(f"{self.name} must return (N={count}, D, ...), got {shape}")
        if len(shape) == 1:
            return count, 1
        return count, shape[2] if self.tokens else shape[1]

    def forward(self, video: Tensor) -> Tensor:
        """Features of each clip; see the class for shapes."""
        clips = prepare_clips(video, size=self.image_size, resize=self._rule, range=self.range)
        features = check_returned(self.module(clips), self.name)
        wanted = self._pooled_shape(tuple(features.shape), video.shape[0])
        if self.tokens:
            return features.mean(dim=1)
        return features.flatten(2).mean(dim=2) if features.ndim > 2 else features.view(wanted)

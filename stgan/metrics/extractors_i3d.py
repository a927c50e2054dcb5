"""Features of I3D, of which the field's Fréchet video distance is computed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from stgan._checks import pair
from stgan.errors import ShapeError
from stgan.example import Example
from stgan.metrics._inputs import check_returned
from stgan.metrics.extractors import FeatureExtractor, check_clip_shape
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

__all__ = ["I3DFeatures"]


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
      return_features=True`` on clips that are resized here. **TorchScript is code**: it runs, so
      that a configuration may name such a file only if it is built with ``trust=True``.

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

    runs_files: ClassVar = {"weights": is_torchscript}

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
        features = check_returned(self.network(clips, **self._script), self.name)
        if features.shape != (video.shape[0], 400):
            raise ShapeError(
                f"the TorchScript file must return the 400 logits of I3D, got "
                f"{tuple(features.shape)}; give it to ModuleFeatures under its own name"
            )
        return features

"""What every network that turns clips into features must say of itself."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from stgan._checks import check_axes
from stgan.metrics._inputs import check_outputs
from stgan.metrics.modes import evaluating

__all__ = ["FeatureExtractor", "extract"]


class FeatureExtractor(nn.Module, ABC):
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
        ...
        ...     def output_shape(self, input_shape):
        ...         return input_shape[:2]
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

    @abstractmethod
    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the features of a video of a shape, without computing them.

        Raises:
            ShapeError: If ``forward`` would refuse it.
        """


@torch.no_grad()
def extract(
    extractor: nn.Module, video: Tensor, length: int | None = None, what: str = "features"
) -> Tensor:
    """Features of clips by a network in evaluation mode, if they are finite rows ``(N, D)``."""
    with evaluating(extractor):
        found = extractor(video)
    name = getattr(extractor, "name", type(extractor).__name__)
    known = length or getattr(extractor, "num_features", None)
    return check_outputs(found, len(video), name, known, what)


def check_clip_shape(shape: tuple[int, ...], channels: int = 3) -> None:
    """Refuse a shape that is not one of clips."""
    check_axes(shape, "N C T H W", name="video", C=channels)

"""Heads: how the last features of a stream become logits."""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from stgan.discriminators._head import Head
from stgan.example import Example
from stgan.layers.init import prepare
from stgan.registry import HEADS

__all__ = ["LinearHead", "PatchHead"]


@HEADS.register(
    "linear",
    source="Wang et al., ImaGINator, WACV 2020; released code, model/networks.py (last layer)",
    shape="(N, C, *size) -> (N,)",
    example=Example(
        settings={"in_channels": 3, "feature_size": (1, 3, 2), "spectral_norm": False},
        inputs={"features": "N 3 1 3 2"},
    ),
)
class LinearHead(Head):
    """One linear map of all features to a logit: a convolution of their own size.

    Args:
        in_channels: C, channels of the features.
        feature_size: Sizes of their axes after the channels; ``None`` for any size, averaged.
        spectral_norm: Whether the map is spectrally normalized.
        init_std: Standard deviation of the initial weights; ``None`` for torch's default.

    Shape:
        - ``features``: ``(N, in_channels, *feature_size)``
        - Output: ``(N,)`` logits

    Raises:
        ShapeError: In ``forward``, if features have another layout.

    Example:
        >>> LinearHead(8, (2, 4, 4))(torch.zeros(5, 8, 2, 4, 4)).shape
        torch.Size([5])
    """

    def __init__(
        self,
        in_channels: int,
        feature_size: Sequence[int] | None = None,
        *,
        spectral_norm: bool = True,
        init_std: float | None = 0.02,
    ) -> None:
        super().__init__(in_channels, feature_size)
        linear = nn.Linear(self.width, 1)
        self.linear = prepare(linear, init_std=init_std, spectral_norm=spectral_norm)

    def forward(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return one logit per sample."""
        self.check_inputs(features, condition)
        logits: Tensor = self.linear(self.vector(features))
        return logits.flatten()


@HEADS.register(
    "patch",
    source="Isola et al., Image-to-Image Translation with Conditional Adversarial Networks, CVPR "
    "2017, section 3.2.2",
    shape="(N, C, *size) -> (N, *size)",
    example=Example(
        settings={"in_channels": 3, "feature_size": (3, 2), "spectral_norm": False},
        inputs={"features": "N 3 3 2"},
    ),
)
class PatchHead(Head):
    """One logit for every place of the features, by the same linear map.

    Each logit judges the patch of the input that its place has seen.

    Args:
        in_channels: C, channels of the features.
        feature_size: Sizes of their axes after the channels; ``None`` for any.
        spectral_norm: Whether the map is spectrally normalized.
        init_std: Standard deviation of the initial weights; ``None`` for torch's default.

    Shape:
        - ``features``: ``(N, in_channels, *size)``
        - Output: ``(N, *size)``, a map of logits

    Raises:
        ShapeError: In ``forward``, if features have another layout.

    Example:
        >>> PatchHead(8)(torch.zeros(5, 8, 2, 4, 4)).shape
        torch.Size([5, 2, 4, 4])

    Differs from the source:
        The published last layer is a 4 x 4 convolution, which lets neighboring patches overlap
        more; here the stages alone decide what a patch is.

    References:
        Isola et al., Image-to-Image Translation with Conditional Adversarial Networks, CVPR 2017,
        section 3.2.2.
    """

    patch: ClassVar[bool] = True

    def __init__(
        self,
        in_channels: int,
        feature_size: Sequence[int] | None = None,
        *,
        spectral_norm: bool = True,
        init_std: float | None = 0.02,
    ) -> None:
        super().__init__(in_channels, feature_size)
        linear = nn.Linear(in_channels, 1)
        self.linear = prepare(linear, init_std=init_std, spectral_norm=spectral_norm)

    def forward(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return one logit per place."""
        self.check_inputs(features, condition)
        logits: Tensor = self.linear(features.movedim(1, -1))
        return logits.squeeze(-1)

    def output_shape(
        self, features: Sequence[int], condition: Sequence[int] | None = None
    ) -> tuple[int, ...]:
        """Shape of the output: ``(N, *size)``.

        Raises:
            ShapeError: If ``forward`` would refuse one of the shapes.
        """
        self.check_shapes(features, condition)
        return (features[0], *features[2:])

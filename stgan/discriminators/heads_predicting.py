"""Heads that predict what a clip was made from, besides judging it."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stgan._checks import check_count, check_positive
from stgan.discriminators._head import Head, HeadOutput
from stgan.example import Example
from stgan.layers.init import prepare
from stgan.registry import HEADS

__all__ = ["AuxiliaryClassifierHead", "InfoGANHead"]


class _PredictingHead(Head):
    """Linear maps of all features: one to a logit, one to each prediction."""

    predicts: ClassVar[bool] = True

    def __init__(
        self,
        in_channels: int,
        feature_size: Sequence[int] | None,
        predictions: dict[str, int],
        *,
        spectral_norm: bool,
        init_std: float | None,
    ) -> None:
        super().__init__(in_channels, feature_size)
        self._lengths = {
            name: check_count(size, name) for name, size in predictions.items() if size
        }
        self.linear, self.predictor = (
            prepare(nn.Linear(self.width, count), init_std=init_std, spectral_norm=spectral_norm)
            for count in (1, sum(self._lengths.values()))
        )

    def forward(self, features: Tensor, condition: Tensor | None = None) -> HeadOutput:
        """Return the logits and the predictions."""
        self.check_inputs(features, condition)
        vector = self.vector(features)
        parts = self.predictor(vector).split(list(self._lengths.values()), dim=1)
        logits: Tensor = self.linear(vector)
        return HeadOutput(logits.flatten(), dict(zip(self._lengths, parts, strict=True)))

    def prediction_losses(
        self,
        predictions: Mapping[str, Tensor],
        *,
        label: Tensor | None = None,
        z: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Cross-entropy of the label, and negative log-likelihood of the code, from z's start."""
        found = {name: value.float() for name, value in predictions.items()}
        losses: dict[str, Tensor] = {}
        if "label" in found and label is not None:
            losses["label"] = F.cross_entropy(found["label"], label)
        if "code" in found and z is not None:
            code = z[:, : found["code"].shape[1]].float()
            spread = found.get("code_log_variance", torch.zeros_like(code)).exp()
            losses["code"] = F.gaussian_nll_loss(found["code"], code, spread)
        return losses

    def output_shape(
        self, features: Sequence[int], condition: Sequence[int] | None = None
    ) -> HeadOutput:
        """Shapes of the logits and of the predictions.

        Raises:
            ShapeError: If ``forward`` would refuse one of the shapes.
        """
        self.check_shapes(features, condition)
        n = features[0]
        predictions = {name: (n, length) for name, length in self._lengths.items()}
        return HeadOutput((n,), predictions)  # type: ignore[arg-type]  # shapes in their places


@HEADS.register(
    "auxiliary_classifier",
    source="Odena et al., Conditional Image Synthesis with Auxiliary Classifier GANs, ICML 2017, "
    "section 3",
    shape="(N, C, *size) -> (logits (N,), {'label': (N, K)})",
    example=Example(
        settings={
            "in_channels": 3,
            "feature_size": (3, 2),
            "num_classes": 3,
            "spectral_norm": False,
        },
        inputs={"features": "N 3 3 2"},
    ),
)
class AuxiliaryClassifierHead(_PredictingHead):
    """A logit, and logits of the classes, which the cross-entropy of both players then uses.

    The discriminator is not told the label, so a stream with this head is built without classes.

    Args:
        in_channels: C, channels of the features.
        feature_size: Sizes of their axes after the channels; ``None`` for any size, averaged.
        num_classes: K.
        spectral_norm: Whether both maps are spectrally normalized.
        init_std: Standard deviation of the initial weights; ``None`` for torch's default.

    Shape:
        - ``features``: ``(N, in_channels, *feature_size)``
        - Output: :class:`HeadOutput` of ``(N,)`` logits and ``{"label": (N, K)}``

    Raises:
        ValueError: If ``num_classes`` is not positive.
        ShapeError: In ``forward``, if features have another layout.

    Example:
        >>> head = AuxiliaryClassifierHead(8, (4, 4), num_classes=6)
        >>> logits, predictions = head(torch.zeros(2, 8, 4, 4))
        >>> label = torch.tensor([0, 5])
        >>> nn.functional.cross_entropy(predictions["label"], label).shape
        torch.Size([])
    """

    about_label: ClassVar[Literal["nothing", "told", "predicts"]] = "predicts"

    def __init__(
        self,
        in_channels: int,
        feature_size: Sequence[int] | None = None,
        *,
        num_classes: int,
        spectral_norm: bool = True,
        init_std: float | None = 0.02,
    ) -> None:
        super().__init__(
            in_channels,
            feature_size,
            {"label": check_positive(num_classes, "num_classes")},
            spectral_norm=spectral_norm,
            init_std=init_std,
        )


@HEADS.register(
    "infogan",
    source="Chen et al., InfoGAN, NeurIPS 2016, section 6",
    shape="(N, C, *size) -> (logits (N,), {'label': (N, K), 'code': (N, D)})",
    example=Example(
        settings={
            "in_channels": 3,
            "feature_size": (1, 3, 2),
            "num_classes": 3,
            "code_dim": 2,
            "learn_variance": True,
            "spectral_norm": False,
        },
        inputs={"features": "N 3 1 3 2"},
    ),
)
class InfoGANHead(_PredictingHead):
    """A logit, and the latent code that a generator started from, as the features tell it.

    Args:
        in_channels: C, channels of the features.
        feature_size: Sizes of their axes after the channels; ``None`` for any size, averaged.
        num_classes: K of a categorical code; 0 for none.
        code_dim: D of a continuous code; 0 for none.
        learn_variance: Whether the logarithm of the variance is predicted beside the mean of the
            continuous code; otherwise the variance is taken for 1, and the squared error is the
            loss.
        spectral_norm: Whether both maps are spectrally normalized.
        init_std: Standard deviation of the initial weights; ``None`` for torch's default.

    Shape:
        - ``features``: ``(N, in_channels, *feature_size)``
        - Output: :class:`HeadOutput` of ``(N,)`` logits, and of ``"label"``, ``(N, K)`` logits of
          the categories, ``"code"``, ``(N, D)``, and ``"code_log_variance"``, ``(N, D)``, those
          that there are

    Raises:
        ValueError: If there is no code, or a number is negative.
        ShapeError: In ``forward``, if features have another layout.

    Example:
        >>> head = InfoGANHead(8, code_dim=2, learn_variance=True)
        >>> logits, predictions = head(torch.zeros(4, 8, 2, 4, 4))
        >>> mean, variance = predictions["code"], predictions["code_log_variance"].exp()
        >>> nn.functional.gaussian_nll_loss(mean, torch.zeros(4, 2), variance).shape
        torch.Size([])

    Differs from the source:
        The published network has a hidden layer before the prediction; here it reads the last
        features of the stream.

    References:
        Chen et al., InfoGAN: Interpretable Representation Learning by Information Maximizing
        Generative Adversarial Nets, NeurIPS 2016, section 6.
    """

    def __init__(
        self,
        in_channels: int,
        feature_size: Sequence[int] | None = None,
        *,
        num_classes: int = 0,
        code_dim: int = 0,
        learn_variance: bool = False,
        spectral_norm: bool = True,
        init_std: float | None = 0.02,
    ) -> None:
        check_count(num_classes, "num_classes")
        check_count(code_dim, "code_dim")
        if num_classes + code_dim == 0:
            raise ValueError(
                f"num_classes or code_dim must be positive, got {num_classes} and {code_dim}"
            )
        if learn_variance and not code_dim:
            raise ValueError(
                "learn_variance is about a continuous code; give code_dim, or leave it"
            )
        super().__init__(
            in_channels,
            feature_size,
            {
                "label": num_classes,
                "code": code_dim,
                "code_log_variance": code_dim if learn_variance else 0,
            },
            spectral_norm=spectral_norm,
            init_std=init_std,
        )

"""A head that judges whether features agree with a condition."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from stgan._checks import check_count
from stgan.discriminators._head import Head
from stgan.example import Example
from stgan.functional.one_hot import as_label, one_hot_label
from stgan.functional.projection import projection_logit
from stgan.layers.init import prepare
from stgan.registry import HEADS

__all__ = ["ProjectionHead"]


@HEADS.register(
    "projection",
    source="Miyato and Koyama, cGANs with Projection Discriminator, ICLR 2018, section 3",
    shape="(N, C, *size), (N,) or (N, D) -> (N,)",
    example=Example(
        settings={
            "in_channels": 3,
            "feature_size": (1, 3, 2),
            "num_classes": 3,
            "scale": True,
            "spectral_norm": False,
        },
        inputs={"features": "N 3 1 3 2", "condition": "N < 3"},
    ),
)
class ProjectionHead(Head):
    r"""A logit of the features alone, plus their agreement with an embedded condition.

    .. math:: l = \psi(x) + \langle E y, \bar{x} \rangle

    with :math:`\psi` the linear map of :class:`LinearHead`, :math:`\bar{x}` the average of the
    features over time and space, and :math:`y` a label as a row, or any vector, such as an
    embedding of the time between frames. See :func:`stgan.functional.projection_logit`.

    Args:
        in_channels: C, channels of the features.
        feature_size: Sizes of their axes after the channels; ``None`` for any size, averaged.
        num_classes: K, if the condition is a label; 0 otherwise.
        condition_dim: D, if the condition is a vector; 0 otherwise.
        scale: Whether the agreement is divided by :math:`\sqrt{C}`.
        unconditional: Whether there is the first term; without it, the agreement is all.
        spectral_norm: Whether both maps are spectrally normalized.
        init_std: Standard deviation of the initial weights; ``None`` for torch's default.

    Shape:
        - ``features``: ``(N, in_channels, *feature_size)``
        - ``condition``: ``(N,)`` integers in [0, K) or ``(N, K)`` rows; or ``(N, D)`` numbers
        - Output: ``(N,)`` logits

    Raises:
        ValueError: Unless exactly one of ``num_classes`` and ``condition_dim`` is positive; in
            ``forward``, if the condition is missing.
        ShapeError: In ``forward``, if an input has another layout.

    Example:
        >>> head = ProjectionHead(8, (2, 4, 4), num_classes=6)
        >>> head(torch.zeros(2, 8, 2, 4, 4), torch.tensor([0, 5])).shape
        torch.Size([2])

    Differs from the source:
        Features are averaged, not summed, over places, so that logits keep their scale when clips
        grow. StyleGAN-V (Skorokhodov et al., CVPR 2022), whose logit is the scaled agreement
        alone, is ``scale=True, unconditional=False``.

    References:
        Miyato and Koyama, cGANs with Projection Discriminator, ICLR 2018, section 3.
    """

    about_label: ClassVar[Literal["nothing", "told", "predicts"]] = "told"

    def __init__(
        self,
        in_channels: int,
        feature_size: Sequence[int] | None = None,
        *,
        num_classes: int = 0,
        condition_dim: int = 0,
        scale: bool = False,
        unconditional: bool = True,
        spectral_norm: bool = True,
        init_std: float | None = 0.02,
    ) -> None:
        super().__init__(in_channels, feature_size)
        num_classes = check_count(num_classes, "num_classes")
        condition_dim = check_count(condition_dim, "condition_dim")
        if min(num_classes, condition_dim) != 0 or max(num_classes, condition_dim) < 1:
            raise ValueError(
                f"one of num_classes and condition_dim must be positive and the other 0, got "
                f"{num_classes} and {condition_dim}"
            )
        self.num_classes, self.condition_dim, self.scale = num_classes, condition_dim, scale
        options: dict[str, Any] = {"spectral_norm": spectral_norm, "init_std": init_std}
        self.linear = prepare(nn.Linear(self.width, 1), **options) if unconditional else None
        rows = num_classes or condition_dim
        self.embedding = prepare(nn.Linear(rows, in_channels, bias=False), **options)

    def forward(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return one logit per sample, of its features and its condition."""
        if self.num_classes and condition is not None:
            condition = as_label(condition, features.device)
        self.check_inputs(features, condition)
        assert condition is not None
        if self.num_classes:
            condition = one_hot_label(condition, self.num_classes, dtype=features.dtype)
        average = features.mean(dim=tuple(range(2, features.ndim)))
        logits = projection_logit(average, self.embedding(condition), scale=self.scale)
        if self.linear is not None:
            logits = logits + self.linear(self.vector(features)).flatten()
        return logits

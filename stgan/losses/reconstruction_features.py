"""Reconstruction losses in the space of frequencies and of features."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stgan._checks import check_axes, check_layout, pair
from stgan._timm_loading import create_backbone, input_statistics
from stgan.example import Example
from stgan.functional import reconstruction_features as functional
from stgan.losses.reconstruction import ReconstructionLoss
from stgan.registry import LOSSES
from stgan.typing import Reduction, Size2

__all__ = ["FocalFrequencyLoss", "PerceptualLoss"]

_INPUTS = {"fake": "N 3 T H W", "real": "N 3 T H W"}


@LOSSES.register(
    "focal_frequency",
    source="Jiang et al., Focal Frequency Loss, ICCV 2021, section 3",
    shape="fake (N, C, T, H, W), real (N, C, T, H, W) -> ()",
    aliases=("ffl",),
    example=Example(
        settings={"reduction": "none"},
        inputs=_INPUTS,
        claims={"gradcheck": "the weights of the frequencies are constants to the gradient"},
    ),
)
class FocalFrequencyLoss(ReconstructionLoss):
    """Squared distance of the spectra of frames, with most weight where they differ most.

    See :func:`stgan.functional.focal_frequency_loss`.

    Args:
        alpha: How sharply the weights focus; 0 for no weights.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        - ``fake``, ``real``: ``(N, C, T, H, W)``
        - Output: a scalar, or ``(N,)`` with ``reduction="none"``

    Raises:
        ValueError: If ``alpha`` is negative, or the reduction is none of the three.
        ShapeError: In ``forward``, if the shapes differ.

    Example:
        >>> loss = FocalFrequencyLoss()
        >>> loss(fake=torch.ones(2, 3, 4, 8, 8), real=torch.zeros(2, 3, 4, 8, 8))
        tensor(1.)

    References:
        Jiang et al., Focal Frequency Loss for Image Reconstruction and Synthesis, ICCV 2021,
        section 3.
    """

    def __init__(self, alpha: float = 1.0, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)
        if alpha < 0:
            raise ValueError(f"alpha must not be negative, got {alpha}")
        self.alpha = alpha

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        """See :func:`stgan.functional.focal_frequency_loss`."""
        return functional.focal_frequency_loss(
            fake=fake, real=real, alpha=self.alpha, reduction=self.reduction
        )

    def extra_repr(self) -> str:
        """The focus, and how values are reduced."""
        return f"alpha={self.alpha}, {super().extra_repr()}"


@LOSSES.register(
    "perceptual",
    source="Johnson et al., Perceptual Losses, ECCV 2016, equation 2",
    shape="fake (N, 3, T, H, W), real (N, 3, T, H, W) -> ()",
    example=Example(settings={"features": "resnet10t", "reduction": "none"}, inputs=_INPUTS),
)
class PerceptualLoss(ReconstructionLoss):
    """Squared distance of the features of frames in a frozen network.

    See :func:`stgan.functional.perceptual_loss`. The network's parameters get no gradients, and it
    stays in eval mode when the loss is put into training mode; gradients pass through it to the
    clips. Frames are resized to ``input_size``, brought from [-1, 1] to [0, 1], and then to what
    mean and standard deviation make of them.

    Args:
        features: The name of a network of timm, whose feature maps are taken; or anything that
            is called with images ``(M, 3, H, W)`` and returns one tensor or several, each with the
            images along its first axis.
        weights: Of a network of timm: the path of a ``.pth`` or ``.safetensors`` file with its
            state dict, ``"pretrained"`` for the published ones, which timm downloads, or ``None``
            for random ones, which compare edges and textures, but nothing learned.
        layer_weights: A weight for each feature, 0 for those that do not matter; ``None`` for ones.
        input_size: ``int`` or ``(height, width)`` to which frames are resized; ``None`` for their
            own size. A network of timm that takes one size only needs it.
        mean: Of the pixels in [0, 1] that the network was made for, three numbers; ``None`` for
            what timm says of its network, and 0 for any other.
        std: Their standard deviation; ``None`` for what timm says of its network, and 1 for any
            other.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Attributes:
        features: What gives the features.

    Shape:
        - ``fake``, ``real``: ``(N, 3, T, H, W)``, in [-1, 1]
        - Output: a scalar, or ``(N,)`` with ``reduction="none"``

    Raises:
        UnknownNameError: If timm has no such model or tag; names the nearest.
        CheckpointError: If the weights cannot be had, or are those of another model.
        ValueError: If the model gives no feature maps, weights are given for something that is not
            of timm, or there are not as many layer weights as features (in ``forward``).
        ShapeError: In ``forward``, if the shapes differ or there are not 3 channels.

    Example:
        >>> loss = PerceptualLoss(nn.AvgPool2d(4), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
        >>> video = torch.zeros(2, 3, 4, 8, 8)
        >>> loss(fake=video + 1, real=video)
        tensor(1.)

    References:
        Johnson et al., Perceptual Losses for Real-Time Style Transfer and Super-Resolution, ECCV
        2016, equation 2; R. Wightman, PyTorch Image Models, 2019,
        https://github.com/huggingface/pytorch-image-models.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        features: str | functional.Features = "resnet18",
        *,
        weights: str | Path | None = None,
        layer_weights: Sequence[float] | None = None,
        input_size: Size2 | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(reduction)
        self.input_size = None if input_size is None else pair(input_size, "input_size")
        self.layer_weights = None if layer_weights is None else tuple(layer_weights)
        usual: tuple[Sequence[float], Sequence[float]] = ((0.0,) * 3, (1.0,) * 3)
        if isinstance(features, str):
            self.features: functional.Features = create_backbone(features, self.input_size, weights)
            usual = input_statistics(features)
        elif callable(features):
            if weights is not None:
                raise ValueError(
                    f"weights are for the name of a network of timm, got weights={weights!r} with "
                    f"{type(features).__name__}; load them into it before"
                )
            self.features = features
        else:
            raise TypeError(f"features must be a name of timm or callable, got {features!r}")
        if isinstance(self.features, nn.Module):
            self.features.requires_grad_(False).eval()
        m = _three(usual[0] if mean is None else mean, "mean")
        s = _three(usual[1] if std is None else std, "std")
        # From [-1, 1] to [0, 1], and from there to the network's own range.
        self.register_buffer("scale", 0.5 / s, persistent=False)
        self.register_buffer("shift", (0.5 - m) / s, persistent=False)

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        """See :func:`stgan.functional.perceptual_loss`."""
        check_layout(fake, "N C T H W", name="fake", C=3)
        return functional.perceptual_loss(
            fake=fake,
            real=real,
            features=self._features_of,
            layer_weights=self.layer_weights,
            reduction=self.reduction,
        )

    def _features_of(self, images: Tensor) -> Tensor | Sequence[Tensor]:
        if self.input_size is not None:
            images = F.interpolate(images, self.input_size, mode="bilinear", antialias=True)
        return self.features(images * self.scale + self.shift)

    def _check_shapes(self, fake: tuple[int, ...], real: tuple[int, ...]) -> None:
        check_axes(fake, "N C T H W", name="fake", C=3)
        super()._check_shapes(fake, real)

    def train(self, mode: bool = True) -> Self:
        """Switch between training and eval mode; the network stays in eval mode."""
        super().train(mode)
        if isinstance(self.features, nn.Module):
            self.features.eval()
        return self

    def extra_repr(self) -> str:
        """What the network does not show."""
        return (
            f"layer_weights={self.layer_weights}, input_size={self.input_size}, "
            f"{super().extra_repr()}"
        )


def _three(values: Sequence[float], name: str) -> Tensor:
    numbers = torch.tensor(tuple(values), dtype=torch.float32)
    if numbers.shape != (3,):
        raise ValueError(f"{name} must be three numbers, got {tuple(values)}")
    return numbers.view(1, 3, 1, 1)

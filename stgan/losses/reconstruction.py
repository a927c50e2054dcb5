"""Reconstruction losses: how far a generated clip is from the real one."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from stgan.example import Example
from stgan.functional import reconstruction as functional
from stgan.functional.adversarial import check_reduction
from stgan.losses.terms import LossTerm, PlayerName, Takes
from stgan.registry import LOSSES
from stgan.typing import Reduction

__all__ = [
    "CharbonnierLoss",
    "FirstFrameLoss",
    "FrameDifferenceLoss",
    "GradientLoss",
    "L1Loss",
    "L2Loss",
    "ReconstructionLoss",
]

# Values kept apart, so that it is seen that no clip depends on another.
_SETTINGS = {"reduction": "none"}
_INPUTS = {"fake": "N 3 T H W", "real": "N 3 T H W"}
_SHAPE = "fake (N, C, T, H, W), real (N, C, T, H, W) -> ()"


class ReconstructionLoss(LossTerm, ABC):
    """The interface of a distance between clips: ``loss(fake=video, real=target)``.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``, applied to the ``(N,)`` values of the clips.

    Shape:
        - ``fake``, ``real``: ``(N, C, T, H, W)``
        - Output: a scalar, or ``(N,)`` with ``reduction="none"``

    Raises:
        ValueError: If the reduction is none of the three.
        ShapeError: In ``forward``, if a layout is wrong, the shapes differ or a side is too small.
    """

    player: ClassVar[PlayerName] = "generator"
    takes: ClassVar[Takes] = "clips"

    def __init__(self, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.reduction: Reduction = check_reduction(reduction)

    @abstractmethod
    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        """How far generated clips are from the real ones."""

    def smallest(self) -> tuple[int, int, int]:
        """Least (T, H, W) of the clips."""
        return (1, 1, 1)

    def output_shape(
        self, fake: Sequence[int], real: Sequence[int] | None = None
    ) -> tuple[int, ...]:
        """Shape of the value for clips of these shapes."""
        self._check_shapes(tuple(fake), tuple(fake if real is None else real))
        return (fake[0],) if self.reduction == "none" else ()

    def _check_shapes(self, fake: tuple[int, ...], real: tuple[int, ...]) -> None:
        functional.check_clip_shapes(fake, real, self.smallest())

    def extra_repr(self) -> str:
        """How values are reduced."""
        return f"reduction={self.reduction!r}"


@LOSSES.register(
    "l1",
    source="Isola et al., Image-to-Image Translation, CVPR 2017, equation 3",
    shape=_SHAPE,
    aliases=("mae",),
    example=Example(settings=_SETTINGS, inputs=_INPUTS),
)
class L1Loss(ReconstructionLoss):
    """Mean absolute difference of pixels.

    See :func:`stgan.functional.l1_loss`. ImaGINator trains with it, at a weight of 100.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        - ``fake``, ``real``: ``(N, C, T, H, W)``
        - Output: a scalar, or ``(N,)`` with ``reduction="none"``

    Raises:
        ValueError: If the reduction is none of the three.
        ShapeError: In ``forward``, if the shapes differ.

    Example:
        >>> L1Loss()(fake=torch.ones(2, 3, 4, 8, 8), real=torch.zeros(2, 3, 4, 8, 8))
        tensor(1.)

    References:
        Isola et al., Image-to-Image Translation with Conditional Adversarial Networks, CVPR
        2017, equation 3.
    """

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        """See :func:`stgan.functional.l1_loss`."""
        return functional.l1_loss(fake=fake, real=real, reduction=self.reduction)


@LOSSES.register(
    "l2",
    source="Mathieu et al., Deep multi-scale video prediction, ICLR 2016, equation 1",
    shape=_SHAPE,
    aliases=("mse",),
    example=Example(settings=_SETTINGS, inputs=_INPUTS),
)
class L2Loss(ReconstructionLoss):
    """Mean squared difference of pixels.

    See :func:`stgan.functional.l2_loss`.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        - ``fake``, ``real``: ``(N, C, T, H, W)``
        - Output: a scalar, or ``(N,)`` with ``reduction="none"``

    Raises:
        ValueError: If the reduction is none of the three.
        ShapeError: In ``forward``, if the shapes differ.

    Example:
        >>> L2Loss()(fake=torch.full((2, 3, 4, 8, 8), 2.0), real=torch.zeros(2, 3, 4, 8, 8))
        tensor(4.)

    References:
        Mathieu et al., Deep multi-scale video prediction beyond mean square error, ICLR 2016,
        equation 1 with p = 2, as a mean.
    """

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        """See :func:`stgan.functional.l2_loss`."""
        return functional.l2_loss(fake=fake, real=real, reduction=self.reduction)


@LOSSES.register(
    "charbonnier",
    source="Charbonnier et al., ICIP 1994; Lai et al., LapSRN, CVPR 2017, section 3.2",
    shape=_SHAPE,
    example=Example(settings={"eps": 0.1} | _SETTINGS, inputs=_INPUTS),
)
class CharbonnierLoss(ReconstructionLoss):
    """Absolute difference of pixels that is round at zero.

    See :func:`stgan.functional.charbonnier_loss`.

    Args:
        eps: Differences below it count as squares, those above as they are.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        - ``fake``, ``real``: ``(N, C, T, H, W)``
        - Output: a scalar, or ``(N,)`` with ``reduction="none"``

    Raises:
        ValueError: If ``eps`` is not positive, or the reduction is none of the three.
        ShapeError: In ``forward``, if the shapes differ.

    Example:
        >>> CharbonnierLoss()(fake=torch.ones(2, 3, 4, 8, 8), real=torch.zeros(2, 3, 4, 8, 8))
        tensor(0.9990)

    References:
        Charbonnier et al., Two deterministic half-quadratic regularization algorithms for
        computed imaging, ICIP 1994; Lai et al., Deep Laplacian Pyramid Networks, CVPR 2017,
        section 3.2.
    """

    def __init__(self, eps: float = 1e-3, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)
        if eps <= 0:
            raise ValueError(f"eps must be positive, got {eps}; for eps=0 use L1Loss")
        self.eps = eps

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        """See :func:`stgan.functional.charbonnier_loss`."""
        return functional.charbonnier_loss(
            fake=fake, real=real, eps=self.eps, reduction=self.reduction
        )

    def extra_repr(self) -> str:
        """Where it is round, and how values are reduced."""
        return f"eps={self.eps}, {super().extra_repr()}"


@LOSSES.register(
    "first_frame",
    source="Vondrick et al., VGAN, NeurIPS 2016; released code, main_conditional.lua",
    shape="fake (N, C, T, H, W), real (N, C, H, W) or (N, C, T, H, W) -> ()",
    example=Example(settings=_SETTINGS, inputs=_INPUTS),
)
class FirstFrameLoss(ReconstructionLoss):
    """Mean absolute difference between the first frame and the image it was made from.

    See :func:`stgan.functional.first_frame_loss`.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        - ``fake``: ``(N, C, T, H, W)``
        - ``real``: a clip of the same shape, or an image ``(N, C, H, W)``
        - Output: a scalar, or ``(N,)`` with ``reduction="none"``

    Raises:
        ValueError: If the reduction is none of the three.
        ShapeError: In ``forward``, if the shapes do not fit.

    Example:
        >>> FirstFrameLoss()(fake=torch.zeros(2, 3, 4, 8, 8), real=torch.ones(2, 3, 8, 8))
        tensor(1.)

    References:
        Vondrick et al., Generating Videos with Scene Dynamics, NeurIPS 2016; released code,
        ``main_conditional.lua``.
    """

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        """See :func:`stgan.functional.first_frame_loss`."""
        return functional.first_frame_loss(fake=fake, real=real, reduction=self.reduction)

    def _check_shapes(self, fake: tuple[int, ...], real: tuple[int, ...]) -> None:
        functional.check_first_frame_shapes(fake, real)


@LOSSES.register(
    "frame_difference",
    source="Mathieu et al., Deep multi-scale video prediction, ICLR 2016, section 3.2, over time",
    shape=_SHAPE,
    example=Example(settings=_SETTINGS, inputs=_INPUTS, smallest={"T": 2}),
)
class FrameDifferenceLoss(ReconstructionLoss):
    """Mean absolute difference between the changes from frame to frame.

    See :func:`stgan.functional.frame_difference_loss`.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        - ``fake``, ``real``: ``(N, C, T, H, W)``, T at least 2
        - Output: a scalar, or ``(N,)`` with ``reduction="none"``

    Raises:
        ValueError: If the reduction is none of the three.
        ShapeError: In ``forward``, if the shapes differ or there is one frame only.

    Example:
        >>> video = torch.rand(2, 3, 4, 8, 8)
        >>> round(FrameDifferenceLoss()(fake=video + 1, real=video).item(), 4)
        0.0

    References:
        Mathieu et al., Deep multi-scale video prediction beyond mean square error, ICLR 2016,
        section 3.2, along time.
    """

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        """See :func:`stgan.functional.frame_difference_loss`."""
        return functional.frame_difference_loss(fake=fake, real=real, reduction=self.reduction)

    def smallest(self) -> tuple[int, int, int]:
        """Least (T, H, W) of the clips."""
        return (2, 1, 1)


@LOSSES.register(
    "gradient",
    source="Mathieu et al., Deep multi-scale video prediction, ICLR 2016, section 3.2",
    shape=_SHAPE,
    aliases=("gdl",),
    example=Example(settings=_SETTINGS, inputs=_INPUTS, smallest={"H": 2, "W": 2}),
)
class GradientLoss(ReconstructionLoss):
    """Image gradient difference: edges of frames must be as steep as the real ones.

    See :func:`stgan.functional.gradient_loss`.

    Args:
        alpha: Power of the differences, at least 1.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        - ``fake``, ``real``: ``(N, C, T, H, W)``, H and W at least 2
        - Output: a scalar, or ``(N,)`` with ``reduction="none"``

    Raises:
        ValueError: If ``alpha`` is below 1, or the reduction is none of the three.
        ShapeError: In ``forward``, if the shapes differ or frames are too small.

    Example:
        >>> video = torch.arange(4.0).expand(2, 3, 4, 4, 4)
        >>> GradientLoss()(fake=torch.zeros(2, 3, 4, 4, 4), real=video)
        tensor(1.)

    References:
        Mathieu et al., Deep multi-scale video prediction beyond mean square error, ICLR 2016,
        section 3.2 (gradient difference loss).
    """

    def __init__(self, alpha: float = 1.0, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)
        if alpha < 1:
            raise ValueError(f"alpha must be at least 1, got {alpha}")
        self.alpha = alpha

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        """See :func:`stgan.functional.gradient_loss`."""
        return functional.gradient_loss(
            fake=fake, real=real, alpha=self.alpha, reduction=self.reduction
        )

    def smallest(self) -> tuple[int, int, int]:
        """Least (T, H, W) of the clips."""
        return (1, 2, 2)

    def extra_repr(self) -> str:
        """The power, and how values are reduced."""
        return f"alpha={self.alpha}, {super().extra_repr()}"

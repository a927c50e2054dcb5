"""Structural similarity as a loss."""

from torch import Tensor

from stgan._checks import check_positive
from stgan.example import Example
from stgan.functional import reconstruction_ssim as functional
from stgan.losses.reconstruction import ReconstructionLoss
from stgan.registry import LOSSES
from stgan.typing import Reduction, Size3

__all__ = ["SSIM2dLoss", "SSIM3dLoss"]

_INPUTS = {"fake": "N 3 T H W", "real": "N 3 T H W"}
_SHAPE = "fake (N, C, T, H, W), real (N, C, T, H, W) -> ()"


@LOSSES.register(
    "ssim_2d",
    source="Wang et al., Image quality assessment, IEEE TIP 2004, equation 13",
    shape=_SHAPE,
    aliases=("ssim",),
    example=Example(
        settings={"window_size": 5, "reduction": "none"},
        inputs=_INPUTS,
        smallest={"H": 3, "W": 3},
    ),
)
class SSIM2dLoss(ReconstructionLoss):
    """One minus the structural similarity of frames.

    See :func:`stgan.functional.ssim_2d_loss`.

    Args:
        window_size: Taps of the Gaussian window, odd.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        - ``fake``, ``real``: ``(N, C, T, H, W)``, in [-1, 1], H and W more than half the window
        - Output: a scalar, or ``(N,)`` with ``reduction="none"``

    Raises:
        ValueError: If the window is even, or the reduction is none of the three.
        ShapeError: In ``forward``, if the shapes differ or frames are too small for the window.

    Example:
        >>> real = torch.zeros(2, 3, 4, 16, 16)
        >>> round(SSIM2dLoss()(fake=real + 0.2, real=real).item(), 3)
        0.016

    References:
        Wang et al., Image quality assessment, IEEE TIP 2004, equation 13.
    """

    def __init__(self, window_size: int = 11, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)
        side = check_positive(window_size, "window_size")
        self.window_size = functional.check_window((1, side, side))[1]

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        """See :func:`stgan.functional.ssim_2d_loss`."""
        return functional.ssim_2d_loss(
            fake=fake, real=real, window_size=self.window_size, reduction=self.reduction
        )

    def smallest(self) -> tuple[int, int, int]:
        """Least (T, H, W) of the clips."""
        return functional.ssim_smallest((1, self.window_size, self.window_size))

    def extra_repr(self) -> str:
        """The window, and how values are reduced."""
        return f"window_size={self.window_size}, {super().extra_repr()}"


@LOSSES.register(
    "ssim_3d",
    source="Wang et al., Image quality assessment, IEEE TIP 2004, equation 13, over (T, H, W)",
    shape=_SHAPE,
    example=Example(
        settings={"window_size": (3, 5, 5), "reduction": "none"},
        inputs=_INPUTS,
        smallest={"T": 2, "H": 3, "W": 3},
    ),
)
class SSIM3dLoss(ReconstructionLoss):
    """One minus the structural similarity of clips as volumes.

    See :func:`stgan.functional.ssim_3d_loss`.

    Args:
        window_size: ``int`` or ``(t, h, w)``, taps of the Gaussian window, odd.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        - ``fake``, ``real``: ``(N, C, T, H, W)``, in [-1, 1], each axis more than half the window
        - Output: a scalar, or ``(N,)`` with ``reduction="none"``

    Raises:
        ValueError: If the window is even, or the reduction is none of the three.
        ShapeError: In ``forward``, if the shapes differ or a side is too small for the window.

    Example:
        >>> real = torch.zeros(2, 3, 4, 16, 16)
        >>> round(SSIM3dLoss()(fake=real + 0.2, real=real).item(), 3)
        0.016

    References:
        Wang et al., Image quality assessment, IEEE TIP 2004, equation 13; Zeng and Wang,
        3D-SSIM for video quality assessment, ICIP 2012, for windows over time.
    """

    def __init__(self, window_size: Size3 = (3, 11, 11), reduction: Reduction = "mean") -> None:
        super().__init__(reduction)
        self.window_size = functional.check_window(window_size)

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        """See :func:`stgan.functional.ssim_3d_loss`."""
        return functional.ssim_3d_loss(
            fake=fake, real=real, window_size=self.window_size, reduction=self.reduction
        )

    def smallest(self) -> tuple[int, int, int]:
        """Least (T, H, W) of the clips."""
        return functional.ssim_smallest(self.window_size)

    def extra_repr(self) -> str:
        """The window, and how values are reduced."""
        return f"window_size={self.window_size}, {super().extra_repr()}"

"""Upsampling without learned weights, for decoders that should not leave checkerboards."""

import math

import torch
from torch import Tensor, nn

from stgan._checks import check_positive, triple
from stgan.example import Example
from stgan.functional.resample import (
    kaiser_taps,
    upsample_linear,
    upsample_nearest,
    upsample_time,
)
from stgan.layers._video_shape import Shape5, video_shape
from stgan.registry import LAYERS
from stgan.typing import Size3

__all__ = ["UpsampleKaiser", "UpsampleLinear", "UpsampleNearest"]

_SHAPE = "(N, C, T, H, W) -> (N, C, T t, H h, W w)"
_EXAMPLE = Example(settings={"scale": (3, 1, 2)}, inputs={"video": "N C T H W"})


class _Upsample(nn.Module):
    def __init__(self, scale: Size3 = 2) -> None:
        super().__init__()
        self.scale = triple(scale, "scale")

    def output_shape(self, input_shape: tuple[int, ...]) -> Shape5:
        """Shape of the output for an input of ``(N, C, T, H, W)``."""
        n, c, t, h, w = video_shape(input_shape)
        return n, c, t * self.scale[0], h * self.scale[1], w * self.scale[2]

    def extra_repr(self) -> str:
        """Factors of the three axes."""
        return f"scale={self.scale}"


@LAYERS.register(
    "upsample_nearest",
    source="Odena et al., Deconvolution and Checkerboard Artifacts, Distill 2016",
    shape=_SHAPE,
    example=_EXAMPLE,
)
class UpsampleNearest(_Upsample):
    """Upsample by showing each frame, row and column several times.

    See :func:`stgan.functional.upsample_nearest`. With a convolution behind it, it takes the place
    of a transposed convolution whose kernels overlap unevenly.

    Args:
        scale: ``int`` or ``(t, h, w)``.

    Shape:
        - Input: ``(N, C, T, H, W)``
        - Output: ``(N, C, T t, H h, W w)``

    Raises:
        ValueError: If a factor is not positive.
        ShapeError: In ``forward``, if the input has another layout.

    Example:
        >>> UpsampleNearest((1, 2, 2))(torch.zeros(2, 3, 4, 8, 8)).shape
        torch.Size([2, 3, 4, 16, 16])

    References:
        Odena et al., Deconvolution and Checkerboard Artifacts, Distill 2016.
    """

    def forward(self, video: Tensor) -> Tensor:
        """Upsample ``(N, C, T, H, W)``."""
        return upsample_nearest(video, self.scale)


@LAYERS.register(
    "upsample_linear",
    source="Brooks et al., LongVideoGAN, NeurIPS 2022; released code, generator_lres.py",
    shape=_SHAPE,
    example=_EXAMPLE,
)
class UpsampleLinear(_Upsample):
    """Upsample by linear interpolation along time, over space, or both.

    See :func:`stgan.functional.upsample_linear`; axes with factor 1 are left alone.

    Args:
        scale: ``int`` or ``(t, h, w)``.

    Shape:
        - Input: ``(N, C, T, H, W)``
        - Output: ``(N, C, T t, H h, W w)``

    Raises:
        ValueError: If a factor is not positive.
        ShapeError: In ``forward``, if the input has another layout.

    Example:
        >>> UpsampleLinear((2, 1, 1))(torch.zeros(2, 3, 4, 8, 8)).shape
        torch.Size([2, 3, 8, 8, 8])

    Differs from the source:
        Borders are continued; the published code lets them fade to zero and crops clips later.

    References:
        Brooks et al., Generating Long Videos of Dynamic Scenes, NeurIPS 2022; released code,
        ``generator_lres.py``.
    """

    def forward(self, video: Tensor) -> Tensor:
        """Upsample ``(N, C, T, H, W)``."""
        return upsample_linear(video, self.scale)


@LAYERS.register(
    "upsample_kaiser",
    source="Karras et al., StyleGAN3, NeurIPS 2021, Kaiser low-pass filters, here along time",
    shape="(N, C, T, H, W) -> (N, C, T factor, H, W)",
    example=Example(settings={"factor": 2, "num_taps": 4}, inputs={"video": "N C T H W"}),
)
class UpsampleKaiser(nn.Module):
    """Upsample along time with a windowed sinc, which adds next to no frequencies of its own.

    See :func:`stgan.functional.upsample_time` and :func:`stgan.functional.kaiser_taps`. Constants
    stay constant; beyond its ends the clip goes on with its first and its last frame.

    Args:
        factor: Frames for a frame.
        num_taps: Input frames that an output frame looks at.
        cutoff: Where the filter cuts, as a share of the highest frequency that the coarse clip
            can hold; at most 1.
        transition: Half the width of the transition band, as a share of the cutoff.

    Shape:
        - Input: ``(N, C, T, H, W)``
        - Output: ``(N, C, T factor, H, W)``

    Raises:
        ValueError: If a number is not positive, or the cutoff is above 1.
        ShapeError: In ``forward``, if the input has another layout.

    Example:
        >>> UpsampleKaiser(2)(torch.zeros(2, 3, 4, 8, 8)).shape
        torch.Size([2, 3, 8, 8, 8])

    Differs from the source:
        The ends are continued instead of padded with zeros, and every phase is scaled to keep
        constants.

    References:
        Karras et al., Alias-Free Generative Adversarial Networks, NeurIPS 2021, appendix C.
    """

    taps: Tensor

    def __init__(
        self,
        factor: int = 2,
        num_taps: int = 6,
        *,
        cutoff: float = 1.0,
        transition: float = math.sqrt(2) - 1,
    ) -> None:
        super().__init__()
        taps = kaiser_taps(factor, num_taps, cutoff=cutoff, transition=transition)
        self.factor = check_positive(factor, "factor")
        self.num_taps = check_positive(num_taps, "num_taps")
        self.cutoff = cutoff
        # Not in the state dict: it follows from the settings.
        self.register_buffer("taps", taps.to(torch.get_default_dtype()), persistent=False)

    def forward(self, video: Tensor) -> Tensor:
        """Upsample ``(N, C, T, H, W)``."""
        return upsample_time(video, self.taps, self.factor)

    def output_shape(self, input_shape: tuple[int, ...]) -> Shape5:
        """Shape of the output for an input of ``(N, C, T, H, W)``."""
        n, c, t, h, w = video_shape(input_shape)
        return n, c, t * self.factor, h, w

    def extra_repr(self) -> str:
        """Factor, window and cutoff."""
        return f"{self.factor}, num_taps={self.num_taps}, cutoff={self.cutoff}"

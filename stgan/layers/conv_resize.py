"""Upsampling by resizing and convolving, as a module."""

from typing import Literal

from torch import Tensor, nn

from stgan._checks import check_layout
from stgan.example import Example
from stgan.functional.conv_resize import (
    check_resize_mode,
    resized_padding,
    resized_to_convolve,
)
from stgan.functional.fusion import FusedFeatures
from stgan.layers._conv import VideoConv
from stgan.layers._kernel import Conv3d, convolved
from stgan.layers.act import leaky_relu
from stgan.registry import LAYERS
from stgan.typing import Act, MidChannels, Norm, Size3

__all__ = ["ResizeConv3d"]


@LAYERS.register(
    "resize_conv",
    source="Odena et al., Deconvolution and Checkerboard Artifacts, Distill 2016",
    shape="(N, C_in, T, H, W) -> (N, C_out, T', H', W'), x' = (x - 1) s - 2 p + k",
    example=Example(
        settings={"in_channels": 4, "out_channels": 3, "kernel_size": 4, "stride": 2, "padding": 1},
        inputs={"video": "N 4 T H W"},
    ),
)
class ResizeConv3d(VideoConv):
    """Upsampling by resizing, then a convolution with stride 1: without checkerboards.

    Resizes to exactly the size that a transposed convolution of the same kernel, stride and padding
    gives, then convolves with the same kernel, keeping the size; see
    :func:`stgan.functional.resize_conv`.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: ``int`` or ``(t, h, w)``.
        stride: ``int`` or ``(t, h, w)``; of the transposed convolution that is replaced.
        padding: ``int`` or ``(t, h, w)``; likewise. 0 along time if causal.
        mid_channels: No effect, as there is only one step; likewise ``norm``, ``act`` and
            ``bias_before_norm``. Taken so that one convolution replaces another by one word.
        norm: No effect.
        act: No effect.
        bias: Whether to add a bias.
        bias_before_norm: No effect.
        spectral_norm: Whether the convolution is spectrally normalized; see
            :func:`stgan.layers.spectral_norm`.
        init_std: Standard deviation of the initial weights, drawn before spectral norm wraps them;
            ``None`` for torch's default.
        mode: ``"nearest"`` or ``"linear"``, in time and space.
        causal: Whether an output frame may only depend on input frames at or before its time; see
            :func:`stgan.functional.resize_conv`. Refuses ``"linear"``, which would look ahead.

    Shape:
        - Input: ``(N, in_channels, T, H, W)``
        - Output: ``(N, out_channels, T', H', W')``, each side by
          :func:`stgan.shapes.conv_transpose_size`; if causal, T' is T times the stride.

    Raises:
        ValueError: If a size is not positive, the mode is not known, or time is padded or resized
            linearly although the convolution is causal.
        ShapeError: In ``forward``, if the input has another layout or is too small.

    Example:
        >>> up = ResizeConv3d(8, 4, kernel_size=4, stride=2, padding=1)
        >>> up(torch.zeros(2, 8, 4, 8, 8)).shape
        torch.Size([2, 4, 8, 16, 16])

    References:
        Odena et al., Deconvolution and Checkerboard Artifacts, Distill 2016, section "Better
        Upsampling".
    """

    _kind = "resized"

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size3,
        stride: Size3 = 1,
        padding: Size3 = 0,
        *,
        mid_channels: MidChannels = "out",
        norm: Norm = nn.BatchNorm3d,
        act: Act = leaky_relu,
        bias: bool = True,
        bias_before_norm: bool = False,
        spectral_norm: bool = False,
        init_std: float | None = None,
        mode: Literal["nearest", "linear"] = "nearest",
        causal: bool = False,
    ) -> None:
        check_resize_mode(mode, causal=causal)
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            mid_channels=mid_channels,
            norm=norm,
            act=act,
            bias=bias,
            bias_before_norm=bias_before_norm,
            spectral_norm=spectral_norm,
            init_std=init_std,
            causal=causal,
        )
        self.mode = mode

    def _build(
        self, mid_channels: MidChannels, norm: Norm, act: Act, bias: bool, first_bias: bool
    ) -> None:
        padding = resized_padding(self.kernel_size, causal=self.causal)
        self.conv = Conv3d(
            self.in_channels, self.out_channels, self.kernel_size, padding=padding, bias=bias
        )
        self.conv.causal = self.causal

    @property
    def last_step(self) -> nn.Module:
        """The convolution."""
        return self.conv

    def forward(self, video: Tensor | FusedFeatures) -> Tensor:
        """Upsample ``(N, in_channels, T, H, W)``."""
        if isinstance(video, FusedFeatures):
            video = video.materialize()
        check_layout(video, "N C T H W", name="video", C=self.in_channels)
        resized = resized_to_convolve(
            video,
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            mode=self.mode,
            causal=self.causal,
        )
        return convolved(self.conv, resized)

    def extra_repr(self) -> str:
        """Geometry and mode, which the convolution does not show."""
        return f"{super().extra_repr()}, mode={self.mode!r}"

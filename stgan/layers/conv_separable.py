"""Depthwise-separable convolutions as modules."""

from torch import nn

from stgan.example import Example
from stgan.layers._conv import TwoStepConv
from stgan.layers._kernel import Conv3d
from stgan.registry import LAYERS
from stgan.typing import MidChannels

__all__ = ["SeparableConv3d", "SeparableConvTranspose3d"]


class _SeparableConv(TwoStepConv):
    """Steps ``depthwise`` and ``pointwise``, in the order of the subclass."""

    def _width(self, mid_channels: MidChannels) -> int:
        # The pointwise step alone changes the number of channels.
        return self.in_channels if self._steps[0] == "depthwise" else self.out_channels

    def _step(self, name: str, *, bias: bool) -> nn.Module:
        if name == "pointwise":
            return Conv3d(self.in_channels, self.out_channels, 1, bias=bias)
        width = self.mid_channels
        conv = self._conv(
            width,
            width,
            self.kernel_size,
            self.stride,
            self.padding,
            groups=width,
            bias=bias,
        )
        conv.causal = self.causal
        return conv


@LAYERS.register(
    "conv_transpose_separable",
    source="Chollet, Xception, CVPR 2017; Howard et al., MobileNets, 2017, section 3.1; transposed",
    shape="(N, C_in, T, H, W) -> (N, C_out, T', H', W'), x' = (x - 1) s - 2 p + k",
    example=Example(
        settings={"in_channels": 4, "out_channels": 3, "kernel_size": 4, "stride": 2, "padding": 1},
        inputs={"video": "N 4 T H W"},
    ),
)
class SeparableConvTranspose3d(_SeparableConv):
    """Transposed depthwise-separable convolution: mix channels, then upsample each by itself.

    A 1 x 1 x 1 convolution, a norm and an activation, then a transposed 3-D convolution within each
    channel; see :func:`stgan.functional.conv_transpose_separable`. This order is the cheap one:
    channels are mixed before the video grows. With ``norm=None``, ``act=None`` and no pointwise
    bias, the two steps equal one dense transposed 3-D convolution.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: ``int`` or ``(t, h, w)``.
        stride: ``int`` or ``(t, h, w)``; must not exceed ``kernel_size`` in any axis.
        padding: ``int`` or ``(t, h, w)``; trims each end of the output, as in
            :class:`torch.nn.ConvTranspose3d`. 0 along time if causal.
        mid_channels: No effect, as the channels between the two steps are those of the output.
            Taken so that one convolution replaces another by one word.
        norm: Called with the mid channels; ``None`` for no normalization.
        act: Called without arguments; ``None`` for no activation.
        bias: Whether the depthwise step adds a bias.
        bias_before_norm: Whether the pointwise step keeps a bias although a norm follows and takes
            it out again.
        spectral_norm: Whether both steps are spectrally normalized; see
            :func:`stgan.layers.spectral_norm`.
        init_std: Standard deviation of the initial weights, drawn before spectral norm wraps them;
            ``None`` for torch's default.
        causal: Whether an output frame may only depend on input frames at or before its time; see
            :func:`stgan.functional.conv_transpose_3d`.

    Attributes:
        mid_channels: The resolved number of channels between the two steps.

    Shape:
        - Input: ``(N, in_channels, T, H, W)``
        - Output: ``(N, out_channels, T', H', W')``, each side by
          :func:`stgan.shapes.conv_transpose_size`; if causal, T' is T times the stride.

    Raises:
        ValueError: If a size is not positive, the stride exceeds the kernel, or time is padded
            although the convolution is causal.
        ShapeError: In ``forward``, if the input has another layout or is too small.

    Example:
        >>> up = SeparableConvTranspose3d(8, 4, kernel_size=4, stride=2, padding=1)
        >>> up(torch.zeros(2, 8, 4, 8, 8)).shape
        torch.Size([2, 4, 8, 16, 16])

    Differs from the source:
        The source has forward convolutions only; this is their transpose, so the pointwise step
        comes first.

    References:
        Howard et al., MobileNets, 2017, section 3.1; Chollet, Xception, CVPR 2017.
    """

    _kind = "transposed"
    _steps = ("pointwise", "depthwise")


@LAYERS.register(
    "conv_separable",
    source="Chollet, Xception, CVPR 2017; Howard et al., MobileNets, 2017, section 3.1",
    shape="(N, C_in, T, H, W) -> (N, C_out, T', H', W'), x' = floor((x + 2 p - k) / s) + 1",
    example=Example(
        settings={"in_channels": 4, "out_channels": 3, "kernel_size": 3, "stride": 2, "padding": 1},
        inputs={"video": "N 4 T H W"},
    ),
)
class SeparableConv3d(_SeparableConv):
    """Depthwise-separable convolution: each channel by itself, then mix channels.

    A 3-D convolution within each channel, a norm and an activation, then a 1 x 1 x 1 convolution;
    see :func:`stgan.functional.conv_separable`. With ``norm=None``, ``act=None`` and no depthwise
    bias, the two steps equal one dense 3-D convolution.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: ``int`` or ``(t, h, w)``.
        stride: ``int`` or ``(t, h, w)``.
        padding: ``int`` or ``(t, h, w)``; zeros at each end. 0 along time if causal.
        mid_channels: No effect, as the channels between the two steps are those of the input.
            Taken so that one convolution replaces another by one word.
        norm: Called with the mid channels; ``None`` for no normalization.
        act: Called without arguments; ``None`` for no activation.
        bias: Whether the pointwise step adds a bias.
        bias_before_norm: Whether the depthwise step keeps a bias although a norm follows and takes
            it out again.
        spectral_norm: Whether both steps are spectrally normalized; see
            :func:`stgan.layers.spectral_norm`.
        init_std: Standard deviation of the initial weights, drawn before spectral norm wraps them;
            ``None`` for torch's default.
        causal: Whether an output frame may only depend on input frames at or before its time; see
            :func:`stgan.functional.conv_3d`.

    Attributes:
        mid_channels: The resolved number of channels between the two steps.

    Shape:
        - Input: ``(N, in_channels, T, H, W)``
        - Output: ``(N, out_channels, T', H', W')``, each side by :func:`stgan.shapes.conv_size`;
          if causal, T' is ``(T - 1) // stride + 1``.

    Raises:
        ValueError: If a size is not positive, or time is padded although the convolution is causal.
        ShapeError: In ``forward``, if the input has another layout or is too small.

    Example:
        >>> down = SeparableConv3d(3, 8, kernel_size=3, stride=2, padding=1)
        >>> down(torch.zeros(2, 3, 8, 16, 16)).shape
        torch.Size([2, 8, 4, 8, 8])

    References:
        Howard et al., MobileNets, 2017, section 3.1; Chollet, Xception, CVPR 2017.
    """

    _steps = ("depthwise", "pointwise")

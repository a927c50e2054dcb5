"""Dense convolutions as modules, with the signature of the factorized ones."""

from torch import Tensor, nn

from stgan.example import Example
from stgan.functional.fusion import FusedFeatures
from stgan.layers._conv import VideoConv
from stgan.layers._kernel import Conv3d, ConvTranspose3d, convolved
from stgan.registry import LAYERS
from stgan.typing import Act, MidChannels, Norm

__all__ = ["DenseConv3d", "DenseConvTranspose3d"]


class _DenseConv(VideoConv):
    """One convolution, ``conv``."""

    conv: Conv3d | ConvTranspose3d

    def _build(
        self, mid_channels: MidChannels, norm: Norm, act: Act, bias: bool, first_bias: bool
    ) -> None:
        self.conv = self._conv(
            self.in_channels,
            self.out_channels,
            self.kernel_size,
            self.stride,
            self.padding,
            bias=bias,
        )
        self.conv.causal = self.causal

    @property
    def last_step(self) -> nn.Module:
        """The convolution."""
        return self.conv


@LAYERS.register(
    "conv_transpose_3d",
    source="Vondrick et al., VGAN, NIPS 2016",
    shape="(N, C_in, T, H, W) -> (N, C_out, T', H', W'), x' = (x - 1) s - 2 p + k",
    example=Example(
        settings={"in_channels": 4, "out_channels": 3, "kernel_size": 4, "stride": 2, "padding": 1},
        inputs={"video": "N 4 T H W"},
    ),
)
class DenseConvTranspose3d(_DenseConv):
    """Transposed convolution with one dense 3-D kernel.

    See :func:`stgan.functional.conv_transpose_3d`. It is :class:`torch.nn.ConvTranspose3d` with the
    signature that all convolutions here have.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: ``int`` or ``(t, h, w)``.
        stride: ``int`` or ``(t, h, w)``; must not exceed ``kernel_size`` in any axis.
        padding: ``int`` or ``(t, h, w)``; trims each end of the output, as in
            :class:`torch.nn.ConvTranspose3d`. 0 along time if causal.
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
        causal: Whether an output frame may only depend on input frames at or before its time; see
            :func:`stgan.functional.conv_transpose_3d`.

    Shape:
        - Input: ``(N, in_channels, T, H, W)``
        - Output: ``(N, out_channels, T', H', W')``, each side by
          :func:`stgan.shapes.conv_transpose_size`; if causal, T' is T times the stride.

    Raises:
        ValueError: If a size is not positive, the stride exceeds the kernel, or time is padded
            although the convolution is causal.
        ShapeError: In ``forward``, if the input has another layout or is too small.

    Example:
        >>> up = DenseConvTranspose3d(8, 4, kernel_size=4, stride=2, padding=1)
        >>> up(torch.zeros(2, 8, 4, 8, 8)).shape
        torch.Size([2, 4, 8, 16, 16])

    References:
        Vondrick et al., Generating Videos with Scene Dynamics, NIPS 2016.
    """

    _kind = "transposed"

    def forward(self, video: Tensor | FusedFeatures) -> Tensor:
        """Upsample ``(N, in_channels, T, H, W)``."""
        return convolved(self.conv, video)


@LAYERS.register(
    "conv_3d",
    source="Tran et al., C3D, ICCV 2015",
    shape="(N, C_in, T, H, W) -> (N, C_out, T', H', W'), x' = floor((x + 2 p - k) / s) + 1",
    example=Example(
        settings={"in_channels": 4, "out_channels": 3, "kernel_size": 3, "stride": 2, "padding": 1},
        inputs={"video": "N 4 T H W"},
    ),
)
class DenseConv3d(_DenseConv):
    """Convolution with one dense 3-D kernel.

    See :func:`stgan.functional.conv_3d`. It is ``torch.nn.Conv3d`` with the signature that all
    convolutions here have.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: ``int`` or ``(t, h, w)``.
        stride: ``int`` or ``(t, h, w)``.
        padding: ``int`` or ``(t, h, w)``; zeros at each end. 0 along time if causal.
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
        causal: Whether an output frame may only depend on input frames at or before its time; see
            :func:`stgan.functional.conv_3d`.

    Shape:
        - Input: ``(N, in_channels, T, H, W)``
        - Output: ``(N, out_channels, T', H', W')``, each side by :func:`stgan.shapes.conv_size`;
          if causal, T' is ``(T - 1) // stride + 1``.

    Raises:
        ValueError: If a size is not positive, or time is padded although the convolution is causal.
        ShapeError: In ``forward``, if the input has another layout or is too small.

    Example:
        >>> down = DenseConv3d(3, 8, kernel_size=3, stride=2, padding=1)
        >>> down(torch.zeros(2, 3, 8, 16, 16)).shape
        torch.Size([2, 8, 4, 8, 8])

    References:
        Tran et al., Learning Spatiotemporal Features with 3D Convolutional Networks, ICCV 2015.
    """

    def forward(self, video: Tensor | FusedFeatures) -> Tensor:
        """Convolve ``(N, in_channels, T, H, W)``."""
        return convolved(self.conv, video)

"""Factorized transposed convolutions as modules."""

from torch import Tensor, nn

from stgan._checks import check_positive, check_stride, triple
from stgan.example import Example
from stgan.functional.conv import conv_transpose_1p2d, factorized_mid_channels
from stgan.layers.act import leaky_relu
from stgan.registry import LAYERS
from stgan.shapes import conv_transpose_size
from stgan.typing import Act, MidChannels, Norm, Size3

__all__ = ["ConvTranspose1Plus2d"]


@LAYERS.register(
    "conv_transpose_1p2d",
    source="Wang et al., ImaGINator, WACV 2020; released code, model/networks.py, DecBlock",
    shape="(N, C_in, T, H, W) -> (N, C_out, T', H', W'), x' = (x - 1) s - 2 p + k",
    example=Example(
        settings={"in_channels": 4, "out_channels": 3, "kernel_size": 4, "stride": 2, "padding": 1},
        inputs={"video": "N 4 T H W"},
    ),
)
class ConvTranspose1Plus2d(nn.Module):
    """Transposed (1+2)D convolution: upsample along time, then over space.

    A 1-D transposed convolution along T, a norm and an activation, then a 2-D transposed
    convolution over (H, W); see :func:`stgan.functional.conv_transpose_1p2d`. With ``norm=None``,
    ``act=None`` and no temporal bias, the two steps equal one dense transposed 3-D convolution.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: ``int`` or ``(t, h, w)``.
        stride: ``int`` or ``(t, h, w)``; must not exceed ``kernel_size`` in any axis.
        padding: ``int`` or ``(t, h, w)``; trims each end of the output, as in
            :class:`torch.nn.ConvTranspose3d`.
        mid_channels: Channels between the two steps, or ``"out"``, ``"match"`` or ``"released"``;
            see :func:`stgan.functional.factorized_mid_channels`, which also tells what they cost.
        norm: Called with the mid channels; ``None`` for no normalization.
        act: Called without arguments; ``None`` for no activation.
        bias: Whether the spatial step adds a bias.
        bias_before_norm: Whether the temporal step keeps a bias although a norm follows and takes
            it out again. The published weights have one.

    Attributes:
        mid_channels: The resolved number of channels between the two steps.

    Shape:
        - Input: ``(N, in_channels, T, H, W)``
        - Output: ``(N, out_channels, T', H', W')``, each side by
          :func:`stgan.shapes.conv_transpose_size`.

    Raises:
        ValueError: If a size is not positive, the stride exceeds the kernel, or the rule for
            ``mid_channels`` gives none.
        ShapeError: In ``forward``, if the input has another layout.

    Example:
        >>> up = ConvTranspose1Plus2d(8, 4, kernel_size=4, stride=2, padding=1)
        >>> up(torch.zeros(2, 8, 4, 8, 8)).shape
        torch.Size([2, 4, 8, 16, 16])

    Differs from the source:
        The temporal bias is dropped before a norm (``bias_before_norm=True`` keeps it), and the
        mid width is ``"out"`` unless asked otherwise; the published decoder uses ``"released"``.

    References:
        Wang et al., ImaGINator: Conditional Spatio-Temporal GAN for Video Generation, WACV 2020.
    """

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
    ) -> None:
        super().__init__()
        self.in_channels = check_positive(in_channels, "in_channels")
        self.out_channels = check_positive(out_channels, "out_channels")
        self.kernel_size = triple(kernel_size, "kernel_size")
        self.stride = triple(stride, "stride")
        self.padding = triple(padding, "padding", minimum=0)
        check_stride(self.kernel_size, self.stride)
        self.mid_channels = factorized_mid_channels(
            mid_channels,
            in_channels=in_channels,
            out_channels=out_channels,
            kernel_size=self.kernel_size,
        )
        k, s, p = self.kernel_size, self.stride, self.padding
        self.temporal = nn.ConvTranspose3d(
            in_channels,
            self.mid_channels,
            (k[0], 1, 1),
            stride=(s[0], 1, 1),
            padding=(p[0], 0, 0),
            bias=norm is None or bias_before_norm,
        )
        self.norm = nn.Identity() if norm is None else norm(self.mid_channels)
        self.act = nn.Identity() if act is None else act()
        self.spatial = nn.ConvTranspose3d(
            self.mid_channels,
            out_channels,
            (1, *k[1:]),
            stride=(1, *s[1:]),
            padding=(0, *p[1:]),
            bias=bias,
        )

    def forward(self, video: Tensor) -> Tensor:
        """Upsample ``(N, in_channels, T, H, W)``."""
        return conv_transpose_1p2d(
            video,
            self.temporal.weight,
            self.spatial.weight,
            self.temporal.bias,
            self.spatial.bias,
            stride=self.stride,
            padding=self.padding,
            between=self._between,
        )

    def _between(self, hidden: Tensor) -> Tensor:
        out: Tensor = self.act(self.norm(hidden))
        return out

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the output for an input of ``(N, in_channels, T, H, W)``."""
        sizes = conv_transpose_size(
            tuple(input_shape[2:]),
            kernel_size=self.kernel_size,
            stride=self.stride,
            padding=self.padding,
        )
        return (input_shape[0], self.out_channels, *sizes)

    def extra_repr(self) -> str:
        """Geometry, which the two steps show only in parts."""
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding}, mid_channels={self.mid_channels}"
        )

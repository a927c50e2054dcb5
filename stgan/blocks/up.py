"""Upsampling stages of video decoders."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from stgan._checks import check_positive
from stgan._factories import check_factories, make, make_act, make_norm
from stgan.example import Example
from stgan.functional.fusion import FusedFeatures
from stgan.layers._absorbed_bias import absorbs, bias_left_out
from stgan.layers._conv import TwoStepConv
from stgan.layers._kernel import leaves_out_bias
from stgan.layers.act import leaky_relu
from stgan.layers.conv import ConvTranspose1Plus2d
from stgan.registry import BLOCKS
from stgan.typing import Act, MidChannels, Norm, Size3

__all__ = ["UpStage"]


@BLOCKS.register(
    "up",
    source="Wang et al., ImaGINator, WACV 2020; released code, model/networks.py, DecBlock",
    shape="(N, C_in, T, H, W) -> (N, C_out, T', H', W'), x' = (x - 1) s - 2 p + k",
    example=Example(
        settings={"in_channels": 4, "out_channels": 3, "kernel_size": 4, "stride": 2, "padding": 1},
        inputs={"video": "N 4 T H W"},
    ),
)
class UpStage(nn.Module):
    """Transposed convolution, by default (1+2)D, then a norm and an activation.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: ``int`` or ``(t, h, w)``.
        stride: ``int`` or ``(t, h, w)``.
        padding: ``int`` or ``(t, h, w)``; trims each end of the output.
        mid_channels: See :class:`stgan.layers.ConvTranspose1Plus2d`.
        norm: Called with the out channels; ``None`` for no normalization at the end.
        act: The activation at the end; ``None`` for none.
        mid_norm: The norm between the two steps.
        mid_act: The activation between the two steps.
        conv: The convolution: a class with the signature of
            :class:`stgan.layers.ConvTranspose1Plus2d`.
        bias_before_norm: Whether convolutions keep a bias that a norm takes out again. In training,
            a batch norm's is not added, and its gradient is zero to the last bit; the running mean
            moves as if it were.

    Shape:
        - Input: ``(N, in_channels, T, H, W)``
        - Output: ``(N, out_channels, T', H', W')``, each side by
          :func:`stgan.shapes.conv_transpose_size`

    Raises:
        ValueError: As :class:`stgan.layers.ConvTranspose1Plus2d`.
        ShapeError: In ``forward``, if the input has another layout.

    Example:
        >>> UpStage(8, 4, kernel_size=4, stride=2, padding=1)(torch.zeros(2, 8, 2, 4, 4)).shape
        torch.Size([2, 4, 4, 8, 8])
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
        mid_norm: Norm = nn.BatchNorm3d,
        mid_act: Act = leaky_relu,
        bias_before_norm: bool = False,
        conv: Callable[..., nn.Module] = ConvTranspose1Plus2d,
    ) -> None:
        super().__init__()
        check_factories(norm=norm, act=act, mid_norm=mid_norm, mid_act=mid_act)
        self.conv = make(
            conv,
            "conv",
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            mid_channels=mid_channels,
            norm=mid_norm,
            act=mid_act,
            bias=norm is None or bias_before_norm,
            bias_before_norm=bias_before_norm,
        )
        self.norm = make_norm(norm, out_channels, axes=3)
        self.act = make_act(act)
        self.out_channels = check_positive(out_channels, "out_channels")

    def forward(self, video: Tensor | FusedFeatures) -> Tensor:
        """Upsample ``(N, in_channels, T, H, W)``."""
        out: Tensor = self.act(self._normalized(video))
        return out

    def _normalized(self, video: Tensor | FusedFeatures) -> Tensor:
        last = self.conv.last_step if isinstance(self.conv, TwoStepConv) else None
        bias: Any = getattr(last, "bias", None)
        if not leaves_out_bias(last) or not absorbs(self.norm, bias):
            return self.norm(self.conv(video))
        with bias_left_out(self.norm, self.conv(video, add_bias=False), bias) as hidden:
            return self.norm(hidden)

    def normalized_convs(self) -> tuple[tuple[nn.Module, str], ...]:
        """Name the last step of the convolution, which the norm at the end follows."""
        last = getattr(self.conv, "last_step", None)
        return () if last is None else ((last, "norm"),)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the output for an input of ``(N, in_channels, T, H, W)``."""
        shape: tuple[int, ...] = self.conv.output_shape(input_shape)
        return shape

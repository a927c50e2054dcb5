"""Factorized convolutions as modules: one step along time and one over space."""

from typing import ClassVar, Literal

from torch import nn

from stgan.example import Example
from stgan.functional._conv_geometry import split_axes
from stgan.functional.conv_width import factorized_mid_channels
from stgan.layers._conv import TwoStepConv
from stgan.registry import LAYERS
from stgan.typing import MidChannels

__all__ = ["Conv1Plus2d", "Conv2Plus1d", "ConvTranspose1Plus2d", "ConvTranspose2Plus1d"]


class _FactorizedConv(TwoStepConv):
    """Steps ``temporal`` and ``spatial``, in the order of the subclass."""

    _order: ClassVar[Literal["1p2d", "2p1d"]]

    def _width(self, mid_channels: MidChannels) -> int:
        return factorized_mid_channels(
            mid_channels,
            in_channels=self.in_channels,
            out_channels=self.out_channels,
            kernel_size=self.kernel_size,
            order=self._order,
        )

    def _step(self, name: str, *, bias: bool) -> nn.Module:
        step = 0 if name == "temporal" else 1
        kernel_size = split_axes(self.kernel_size, 1)[step]
        stride, padding = split_axes(self.stride, 1)[step], split_axes(self.padding, 0)[step]
        first = name == self._steps[0]
        c_in = self.in_channels if first else self.mid_channels
        c_out = self.mid_channels if first else self.out_channels
        conv = self._conv(c_in, c_out, kernel_size, stride, padding, bias=bias)
        conv.causal = self.causal and name == "temporal"
        return conv


@LAYERS.register(
    "conv_transpose_1p2d",
    source="Wang et al., ImaGINator, WACV 2020; released code, model/networks.py, DecBlock",
    shape="(N, C_in, T, H, W) -> (N, C_out, T', H', W'), x' = (x - 1) s - 2 p + k",
    example=Example(
        settings={"in_channels": 4, "out_channels": 3, "kernel_size": 4, "stride": 2, "padding": 1},
        inputs={"video": "N 4 T H W"},
    ),
)
class ConvTranspose1Plus2d(_FactorizedConv):
    """Transposed (1+2)D convolution: upsample along time, then over space.

    A 1-D transposed convolution along T, a norm and an activation, then a 2-D transposed
    convolution over (H, W); see :func:`stgan.functional.conv_transpose_1p2d`. With ``norm=None``,
    ``act=None`` and no temporal bias, the two steps equal one dense transposed 3-D convolution.
    The static part of features that are fused lazily passes the temporal step without being
    repeated.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: ``int`` or ``(t, h, w)``.
        stride: ``int`` or ``(t, h, w)``; must not exceed ``kernel_size`` in any axis.
        padding: ``int`` or ``(t, h, w)``; trims each end of the output, as in
            :class:`torch.nn.ConvTranspose3d`. 0 along time if causal.
        mid_channels: Channels between the two steps, or ``"out"``, ``"match"`` or ``"released"``;
            see :func:`stgan.functional.factorized_mid_channels`, which also tells what they cost.
        norm: Called with the mid channels; ``None`` for no normalization.
        act: Called without arguments; ``None`` for no activation.
        bias: Whether the spatial step adds a bias.
        bias_before_norm: Whether the temporal step keeps a bias although a norm follows and takes
            it out again. The published weights have one.
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
        ValueError: If a size is not positive, the stride exceeds the kernel, time is padded
            although the convolution is causal, or the rule for ``mid_channels`` gives none.
        ShapeError: In ``forward``, if the input has another layout or is too small.

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

    _kind = "transposed"
    _steps = ("temporal", "spatial")
    _order = "1p2d"


@LAYERS.register(
    "conv_transpose_2p1d",
    source="Wang et al., G3AN, CVPR 2020; released code, model/ops.py",
    shape="(N, C_in, T, H, W) -> (N, C_out, T', H', W'), x' = (x - 1) s - 2 p + k",
    example=Example(
        settings={"in_channels": 4, "out_channels": 3, "kernel_size": 4, "stride": 2, "padding": 1},
        inputs={"video": "N 4 T H W"},
    ),
)
class ConvTranspose2Plus1d(_FactorizedConv):
    """Transposed (2+1)D convolution: upsample over space, then along time.

    A 2-D transposed convolution over (H, W), a norm and an activation, then a 1-D transposed
    convolution along T; see :func:`stgan.functional.conv_transpose_2p1d`. With ``norm=None``,
    ``act=None`` and no spatial bias, the two steps equal one dense transposed 3-D convolution.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: ``int`` or ``(t, h, w)``.
        stride: ``int`` or ``(t, h, w)``; must not exceed ``kernel_size`` in any axis.
        padding: ``int`` or ``(t, h, w)``; trims each end of the output, as in
            :class:`torch.nn.ConvTranspose3d`. 0 along time if causal.
        mid_channels: Channels between the two steps, or ``"out"``, ``"match"`` or ``"released"``;
            see :func:`stgan.functional.factorized_mid_channels`, which also tells what they cost.
        norm: Called with the mid channels; ``None`` for no normalization.
        act: Called without arguments; ``None`` for no activation.
        bias: Whether the temporal step adds a bias.
        bias_before_norm: Whether the spatial step keeps a bias although a norm follows and takes
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
        ValueError: If a size is not positive, the stride exceeds the kernel, time is padded
            although the convolution is causal, or the rule for ``mid_channels`` gives none.
        ShapeError: In ``forward``, if the input has another layout or is too small.

    Example:
        >>> up = ConvTranspose2Plus1d(8, 4, kernel_size=4, stride=2, padding=1)
        >>> up(torch.zeros(2, 8, 4, 8, 8)).shape
        torch.Size([2, 4, 8, 16, 16])

    References:
        Wang et al., G3AN: Disentangling Appearance and Motion for Video Generation, CVPR 2020;
        released code, ``model/ops.py``, the order ``2p1d``.
    """

    _kind = "transposed"
    _steps = ("spatial", "temporal")
    _order = "2p1d"


@LAYERS.register(
    "conv_1p2d",
    source="Tran et al., R(2+1)D, CVPR 2018, section 3.5, with the two steps swapped",
    shape="(N, C_in, T, H, W) -> (N, C_out, T', H', W'), x' = floor((x + 2 p - k) / s) + 1",
    example=Example(
        settings={"in_channels": 4, "out_channels": 3, "kernel_size": 3, "stride": 2, "padding": 1},
        inputs={"video": "N 4 T H W"},
    ),
)
class Conv1Plus2d(_FactorizedConv):
    """(1+2)D convolution: along time, then over space.

    A 1-D convolution along T, a norm and an activation, then a 2-D convolution over (H, W); see
    :func:`stgan.functional.conv_1p2d`. With ``norm=None``, ``act=None`` and no temporal bias, the
    two steps equal one dense 3-D convolution. The static part of features that are fused lazily
    passes the temporal step without being repeated.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: ``int`` or ``(t, h, w)``.
        stride: ``int`` or ``(t, h, w)``.
        padding: ``int`` or ``(t, h, w)``; zeros at each end. 0 along time if causal.
        mid_channels: Channels between the two steps, or ``"out"``, ``"match"`` or ``"released"``;
            see :func:`stgan.functional.factorized_mid_channels`, which also tells what they cost.
        norm: Called with the mid channels; ``None`` for no normalization.
        act: Called without arguments; ``None`` for no activation.
        bias: Whether the spatial step adds a bias.
        bias_before_norm: Whether the temporal step keeps a bias although a norm follows and takes
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
        ValueError: If a size is not positive, time is padded although the convolution is causal,
            or the rule for ``mid_channels`` gives none.
        ShapeError: In ``forward``, if the input has another layout or is too small.

    Example:
        >>> down = Conv1Plus2d(3, 8, kernel_size=3, stride=2, padding=1)
        >>> down(torch.zeros(2, 3, 8, 16, 16)).shape
        torch.Size([2, 8, 4, 8, 8])

    Differs from the source:
        R(2+1)D is space, then time, which is :class:`stgan.layers.Conv2Plus1d`; this is the order
        of ImaGINator's transposed convolution.

    References:
        Tran et al., A Closer Look at Spatiotemporal Convolutions, CVPR 2018, section 3.5.
    """

    _steps = ("temporal", "spatial")
    _order = "1p2d"


@LAYERS.register(
    "conv_2p1d",
    source="Tran et al., R(2+1)D, CVPR 2018, section 3.5",
    shape="(N, C_in, T, H, W) -> (N, C_out, T', H', W'), x' = floor((x + 2 p - k) / s) + 1",
    aliases=("r2plus1d",),
    example=Example(
        settings={"in_channels": 4, "out_channels": 3, "kernel_size": 3, "stride": 2, "padding": 1},
        inputs={"video": "N 4 T H W"},
    ),
)
class Conv2Plus1d(_FactorizedConv):
    """(2+1)D convolution: over space, then along time.

    A 2-D convolution over (H, W), a norm and an activation, then a 1-D convolution along T; see
    :func:`stgan.functional.conv_2p1d`. With ``norm=None``, ``act=None`` and no spatial bias, the
    two steps equal one dense 3-D convolution.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: ``int`` or ``(t, h, w)``.
        stride: ``int`` or ``(t, h, w)``.
        padding: ``int`` or ``(t, h, w)``; zeros at each end. 0 along time if causal.
        mid_channels: Channels between the two steps, or ``"out"``, ``"match"`` or ``"released"``;
            see :func:`stgan.functional.factorized_mid_channels`, which also tells what they cost.
        norm: Called with the mid channels; ``None`` for no normalization.
        act: Called without arguments; ``None`` for no activation.
        bias: Whether the temporal step adds a bias.
        bias_before_norm: Whether the spatial step keeps a bias although a norm follows and takes
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
        ValueError: If a size is not positive, time is padded although the convolution is causal,
            or the rule for ``mid_channels`` gives none.
        ShapeError: In ``forward``, if the input has another layout or is too small.

    Example:
        >>> down = Conv2Plus1d(3, 8, kernel_size=3, stride=2, padding=1)
        >>> down(torch.zeros(2, 3, 8, 16, 16)).shape
        torch.Size([2, 8, 4, 8, 8])

    Differs from the source:
        The mid width is ``"out"`` unless asked otherwise; the source uses ``"match"``. The
        activation is a leaky ReLU, as everywhere in this library, instead of a ReLU.

    References:
        Tran et al., A Closer Look at Spatiotemporal Convolutions, CVPR 2018, section 3.5.
    """

    _steps = ("spatial", "temporal")
    _order = "2p1d"

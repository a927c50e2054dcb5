"""Downsampling stages of encoders and discriminators."""

from torch import Tensor, nn

from stgan._checks import check_axes, check_floats, check_positive, pair, triple
from stgan._factories import make_act, make_norm
from stgan.example import Example
from stgan.functional.fusion import FusedFeatures
from stgan.layers._kernel import Conv3d, convolved
from stgan.layers.act import leaky_relu
from stgan.layers.init import prepare
from stgan.registry import BLOCKS
from stgan.shapes import conv_size
from stgan.typing import Act, Norm, Size2, Size3

__all__ = ["DownStage2d", "DownStage3d"]


class _DownStage(nn.Module):
    """Convolution, norm, activation; the number of axes comes from the kernel."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: tuple[int, ...],
        *,
        norm: Norm,
        act: Act,
        spectral_norm: bool,
        init_std: float | None,
        bias_before_norm: bool,
    ) -> None:
        super().__init__()
        in_channels = check_positive(in_channels, "in_channels")
        out_channels = check_positive(out_channels, "out_channels")
        conv = nn.Conv2d if len(kernel_size) == 2 else Conv3d
        bias = norm is None or bias_before_norm
        self.conv = conv(
            in_channels,
            out_channels,
            kernel_size,  # type: ignore[arg-type]  # a pair for one class, a triple for the other
            stride=stride,  # type: ignore[arg-type]
            padding=padding,  # type: ignore[arg-type]
            bias=bias,
        )
        self.norm = make_norm(norm, out_channels, axes=len(kernel_size))
        prepare(self, init_std=init_std, spectral_norm=spectral_norm, wrapped=self.conv)
        self.act = make_act(act)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def forward(self, x: Tensor | FusedFeatures) -> Tensor:
        """Downsample; a video may come as features that are fused lazily."""
        self._check(tuple(x.shape))
        check_floats(x.video if isinstance(x, FusedFeatures) else x, "x")
        out: Tensor = self.act(self.norm(convolved(self.conv, x)))
        return out

    def _check(self, shape: tuple[int, ...]) -> None:
        if len(self.kernel_size) == 2:
            check_axes(shape, "N C H W", name="image", C=self.in_channels)
        else:
            check_axes(shape, "N C T H W", name="video", C=self.in_channels)

    def normalized_convs(self) -> tuple[tuple[nn.Module, str], ...]:
        """Name the convolution, which the norm follows."""
        return ((self.conv, "norm"),)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the output, without running."""
        self._check(tuple(input_shape))
        sizes = conv_size(
            tuple(input_shape[2:]),
            kernel_size=self.kernel_size,
            stride=self.stride,
            padding=self.padding,
        )
        return (input_shape[0], self.out_channels, *sizes)


@BLOCKS.register(
    "down_2d",
    source="Wang et al., ImaGINator, WACV 2020; released code, model/networks.py, Encoder",
    shape="(N, C_in, H, W) -> (N, C_out, H', W'), x' = floor((x + 2 p - k) / s) + 1",
    example=Example(
        settings={"in_channels": 3, "out_channels": 4},
        inputs={"x": "N 3 H W"},
        smallest={"H": 2, "W": 2},
    ),
)
class DownStage2d(_DownStage):
    """Convolution of images, then a norm and an activation.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: ``int`` or ``(h, w)``.
        stride: ``int`` or ``(h, w)``.
        padding: ``int`` or ``(h, w)``.
        norm: Called with the out channels; ``None`` for no normalization.
        act: The activation; ``None`` for none.
        spectral_norm: Whether the convolution is spectrally normalized.
        init_std: Standard deviation of the initial weights, set before spectral norm wraps them;
            ``None`` for torch's default.
        bias_before_norm: Whether the convolution keeps a bias that a norm takes out again.

    Shape:
        - Input: ``(N, in_channels, H, W)``
        - Output: ``(N, out_channels, H', W')``, each side by :func:`stgan.shapes.conv_size`

    Raises:
        ShapeError: In ``forward``, if the input has another layout.

    Example:
        >>> DownStage2d(3, 8)(torch.zeros(2, 3, 16, 16)).shape
        torch.Size([2, 8, 8, 8])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size2 = 4,
        stride: Size2 = 2,
        padding: Size2 = 1,
        *,
        norm: Norm = nn.BatchNorm2d,
        act: Act = leaky_relu,
        spectral_norm: bool = False,
        init_std: float | None = None,
        bias_before_norm: bool = False,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            pair(kernel_size, "kernel_size"),
            pair(stride, "stride"),
            pair(padding, "padding", minimum=0),
            norm=norm,
            act=act,
            spectral_norm=spectral_norm,
            init_std=init_std,
            bias_before_norm=bias_before_norm,
        )


@BLOCKS.register(
    "down_3d",
    source="Wang et al., ImaGINator, WACV 2020; released code, model/networks.py",
    shape="(N, C_in, T, H, W) -> (N, C_out, T', H', W'), x' = floor((x + 2 p - k) / s) + 1",
    example=Example(
        settings={"in_channels": 3, "out_channels": 4},
        inputs={"x": "N 3 T H W"},
        smallest={"T": 2, "H": 2, "W": 2},
    ),
)
class DownStage3d(_DownStage):
    """Convolution of videos, then a norm and an activation.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: ``int`` or ``(t, h, w)``.
        stride: ``int`` or ``(t, h, w)``.
        padding: ``int`` or ``(t, h, w)``.
        norm: Called with the out channels; ``None`` for no normalization.
        act: The activation; ``None`` for none.
        spectral_norm: Whether the convolution is spectrally normalized.
        init_std: Standard deviation of the initial weights, set before spectral norm wraps them;
            ``None`` for torch's default.
        bias_before_norm: Whether the convolution keeps a bias that a norm takes out again.

    Shape:
        - Input: ``(N, in_channels, T, H, W)``
        - Output: ``(N, out_channels, T', H', W')``, each side by :func:`stgan.shapes.conv_size`

    Raises:
        ShapeError: In ``forward``, if the input has another layout.

    Example:
        >>> DownStage3d(3, 8)(torch.zeros(2, 3, 8, 16, 16)).shape
        torch.Size([2, 8, 4, 8, 8])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size3 = 4,
        stride: Size3 = 2,
        padding: Size3 = 1,
        *,
        norm: Norm = nn.BatchNorm3d,
        act: Act = leaky_relu,
        spectral_norm: bool = False,
        init_std: float | None = None,
        bias_before_norm: bool = False,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            triple(kernel_size, "kernel_size"),
            triple(stride, "stride"),
            triple(padding, "padding", minimum=0),
            norm=norm,
            act=act,
            spectral_norm=spectral_norm,
            init_std=init_std,
            bias_before_norm=bias_before_norm,
        )

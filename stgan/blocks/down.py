"""Downsampling stages of encoders and discriminators."""

from typing import Any, ClassVar, Generic

from torch import Tensor, nn

from stgan._checks import check_axes, check_floats, check_positive, pair, triple
from stgan._factories import make_act, make_norm
from stgan._settings import OwnDefaults
from stgan.example import Example
from stgan.functional.fusion import FusedFeatures
from stgan.layers._kernel import Conv3d, convolved
from stgan.layers.act import leaky_relu
from stgan.layers.init import prepare
from stgan.registry import BLOCKS
from stgan.shapes import conv_size
from stgan.typing import Act, Norm, Size, Size2, Size3

__all__ = ["DownStage2d", "DownStage3d"]


class _DownStage(OwnDefaults, nn.Module, Generic[Size]):
    """Convolution, norm, activation, over two axes or three."""

    _layout: ClassVar[str] = "N C T H W"
    _name: ClassVar[str] = "video"

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size = 4,  # type: ignore[assignment]  # an integer is one of both types
        stride: Size = 2,  # type: ignore[assignment]
        padding: Size = 1,  # type: ignore[assignment]
        *,
        norm: Norm = nn.BatchNorm3d,
        act: Act = leaky_relu,
        spectral_norm: bool = False,
        init_std: float | None = None,
        bias_before_norm: bool = False,
    ) -> None:
        super().__init__()
        axes = len(self._layout.split()) - 2
        each: Any = pair if axes == 2 else triple
        conv: Any = nn.Conv2d if axes == 2 else Conv3d
        self.in_channels = check_positive(in_channels, "in_channels")
        self.out_channels = check_positive(out_channels, "out_channels")
        self.kernel_size: tuple[int, ...] = each(kernel_size, "kernel_size")
        self.stride: tuple[int, ...] = each(stride, "stride")
        self.padding: tuple[int, ...] = each(padding, "padding", minimum=0)
        bias = norm is None or bias_before_norm
        geometry = (self.kernel_size, self.stride, self.padding)
        self.conv: nn.Module = conv(self.in_channels, self.out_channels, *geometry, bias=bias)
        self.norm = make_norm(norm, out_channels, axes=axes)
        prepare(self, init_std=init_std, spectral_norm=spectral_norm, wrapped=self.conv)
        self.act = make_act(act)

    def forward(self, x: Tensor | FusedFeatures) -> Tensor:
        """Downsample; a video may come as features that are fused lazily."""
        self._check(tuple(x.shape))
        check_floats(x.video if isinstance(x, FusedFeatures) else x, "x")
        out: Tensor = self.act(self.norm(convolved(self.conv, x)))
        return out

    def _check(self, shape: tuple[int, ...]) -> None:
        check_axes(shape, self._layout, name=self._name, C=self.in_channels)

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
class DownStage2d(_DownStage[Size2], norm=nn.BatchNorm2d):
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

    _layout: ClassVar[str] = "N C H W"
    _name: ClassVar[str] = "image"


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
class DownStage3d(_DownStage[Size3]):
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

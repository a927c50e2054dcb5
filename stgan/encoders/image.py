"""Appearance pyramid of one still image."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn

from stgan._checks import check_axes, check_layout, check_positive, doubled_widths, pair
from stgan.blocks.down import DownStage2d
from stgan.example import Example
from stgan.layers.act import leaky_relu
from stgan.registry import ENCODERS
from stgan.shapes import Stage, conv_size, plan
from stgan.typing import Act, Norm, Size2

__all__ = ["ImageEncoder", "ImageFeatures"]


class ImageFeatures(NamedTuple):
    """What an encoder sees in an image.

    Attributes:
        vector: ``(N, D)``, the appearance as a whole.
        maps: Feature maps ``(N, C_i, H_i, W_i)``, coarsest first, as a decoder needs them.
    """

    vector: Tensor
    maps: tuple[Tensor, ...]


@ENCODERS.register(
    "image_pyramid",
    source="Wang et al., ImaGINator, WACV 2020; released code, model/networks.py, Encoder",
    shape="(N, C, H, W) -> vector (N, D), maps (N, C_i, H_i, W_i) coarsest first",
    example=Example(
        settings={
            "image_size": (12, 16),
            "base_channels": 2,
            "max_channels": 4,
            "out_channels": 3,
        },
        inputs={"image": "N 3 12 16"},
    ),
)
class ImageEncoder(nn.Module):
    """Strided convolutions over an image; every stage's features are kept for fusion.

    Args:
        image_size: ``int`` or ``(height, width)`` of the images.
        stages: Geometry of the stages, coarse to fine, as :func:`stgan.shapes.plan` returns it
            for the decoder; ``None`` for the plan of a single frame of this size. Only its
            spatial half is used.
        in_channels: Channels of the image.
        base_channels: Width of the first stage; each further stage doubles it.
        max_channels: Width that no stage exceeds.
        out_channels: D, length of the appearance vector.
        norm: Called with the channels of each stage; ``None`` for no normalization.
        act: The activation of each stage.
        bias_before_norm: Whether convolutions keep a bias that a norm takes out again.

    Attributes:
        channels: Channels of the maps, coarsest first.

    Shape:
        - Input: ``(N, in_channels, H, W)``, in [-1, 1]
        - Output: :class:`ImageFeatures`

    Raises:
        ShapeError: If no plan reaches ``image_size``; in ``forward``, if an image has another
            size.

    Example:
        >>> encode = ImageEncoder(image_size=(48, 64), base_channels=8, out_channels=10)
        >>> features = encode(torch.zeros(2, 3, 48, 64))
        >>> features.vector.shape, [tuple(m.shape[1:]) for m in features.maps]
        (torch.Size([2, 10]), [(64, 3, 4), (32, 6, 8), (16, 12, 16), (8, 24, 32)])

    References:
        Wang et al., ImaGINator: Conditional Spatio-Temporal GAN for Video Generation, WACV 2020.
    """

    def __init__(
        self,
        image_size: Size2 = 64,
        *,
        stages: Sequence[Stage] | None = None,
        in_channels: int = 3,
        base_channels: int = 64,
        max_channels: int = 512,
        out_channels: int = 100,
        norm: Norm = nn.BatchNorm2d,
        act: Act = leaky_relu,
        bias_before_norm: bool = False,
    ) -> None:
        super().__init__()
        self.image_size = pair(image_size, "image_size")
        self.in_channels = check_positive(in_channels, "in_channels")
        height, width = self.image_size
        self._image_axes: dict[str, Any] = {"C": self.in_channels, "H": height, "W": width}
        self.out_channels = check_positive(out_channels, "out_channels")
        geometry = plan((1, *self.image_size)).stages if stages is None else tuple(stages)
        widths = doubled_widths(base_channels, max_channels, len(geometry))
        self.stages = nn.ModuleList()
        size: tuple[int, ...] = self.image_size
        channels = in_channels
        for stage, width in zip(reversed(geometry), widths, strict=True):
            kernel, stride, padding = stage.kernel_size[1:], stage.stride[1:], stage.padding[1:]
            self.stages.append(
                DownStage2d(
                    channels,
                    width,
                    kernel,
                    stride,
                    padding,
                    norm=norm,
                    act=act,
                    bias_before_norm=bias_before_norm,
                )
            )
            size = conv_size(size, kernel_size=kernel, stride=stride, padding=padding)
            channels = width
        height, width = size
        self.head = nn.Conv2d(channels, out_channels, (height, width))
        self.channels = tuple(widths[::-1])

    @property
    def untrained(self) -> tuple[nn.Module, ...]:
        """All that begins at random, which is the whole."""
        return (self,)

    def forward(self, image: Tensor) -> ImageFeatures:
        """Encode ``(N, in_channels, H, W)``."""
        check_layout(image, "N C H W", name="image", **self._image_axes)
        maps = []
        for stage in self.stages:
            image = stage(image)
            maps.append(image)
        return ImageFeatures(self.head(image).flatten(1), tuple(maps[::-1]))

    def output_shape(
        self, input_shape: Sequence[int]
    ) -> tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]:
        """Shapes of the vector and of the maps for images of ``(N, C, H, W)``."""
        check_axes(tuple(input_shape), "N C H W", name="image", **self._image_axes)
        shapes: list[tuple[int, ...]] = []
        shape = tuple(input_shape)
        for stage in self.stages:
            assert isinstance(stage, DownStage2d)
            shape = stage.output_shape(shape)
            shapes.append(shape)
        return (input_shape[0], self.out_channels), tuple(shapes[::-1])

"""Appearance pyramid made by any network of timm."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stgan._checks import check_axes, check_layout, check_positive, doubled_widths, pair
from stgan._timm_loading import (
    channels_first,
    create_backbone,
    feature_shapes,
    input_statistics,
)
from stgan.blocks.down import DownStage2d
from stgan.encoders.image import ImageFeatures
from stgan.example import Example
from stgan.layers.act import leaky_relu
from stgan.registry import ENCODERS
from stgan.shapes import Stage, conv_size, plan
from stgan.typing import Act, Norm, Size2

__all__ = ["TimmEncoder"]


@ENCODERS.register(
    "timm",
    source="Wightman, PyTorch Image Models, 2019; the pyramid as in ImaGINator, WACV 2020",
    shape="(N, 3, H, W) -> vector (N, D), maps (N, C_i, H_i, W_i) coarsest first",
    example=Example(
        settings={
            "image_size": (32, 32),
            "model": "resnet10t",
            "base_channels": 2,
            "max_channels": 4,
            "out_channels": 3,
        },
        inputs={"image": "N 3 32 32"},
    ),
)
class TimmEncoder(nn.Module):
    """Feature maps of a network of timm, brought to the sizes and widths that a decoder needs.

    The maps have the sizes of those of :class:`stgan.encoders.ImageEncoder` and, unless
    ``base_channels`` is ``None``, its widths, so that one can stand for the other. Of the
    network's maps, the one nearest in scale serves each level; a 1 x 1 convolution, a norm and an
    activation give it the level's width, and where its size is another one it is resized
    bilinearly, without aliasing. Networks differ in what they offer: most have no map at half the
    image's size (ConvNeXt begins at a quarter), and a ViT has maps of one scale only, the deeper of
    which serve the coarser levels.

    The vector is the mean of the deepest map, followed by a linear map.

    Args:
        image_size: ``int`` or ``(height, width)`` of the images.
        model: A name in ``timm.list_models()``, also with the tag of its weights
            (``"resnet18.a1_in1k"``).
        stages: Geometry of the stages, coarse to fine, as :func:`stgan.shapes.plan` returns it
            for the decoder; ``None`` for the plan of a single frame of this size. Only the
            sizes that follow from its spatial half are used.
        base_channels: Width of the finest map; each coarser one doubles it. ``None`` keeps the
            widths of the network and adds no convolution.
        max_channels: Width that no map exceeds, unless ``base_channels`` is ``None``.
        out_channels: D, length of the appearance vector.
        weights: ``None`` for random weights; ``"pretrained"`` for the published ones, which timm
            downloads; or the path of a ``.pth`` or ``.safetensors`` file with the state dict of
            this model, with a classifier of any size or without.
        frozen: Whether the network stays as it is: its parameters get no gradients, and it stays
            in eval mode when the encoder is put into training mode. Gradients still pass through
            it to the image.
        input_size: ``int`` or ``(height, width)`` to which images are resized for the network;
            ``None`` for their own size. A network of patches sees more of a small image this way.
        norm: Called with the channels of each map's convolution; ``None`` for no normalization.
        act: The activation of each map's convolution.
        bias_before_norm: Whether convolutions keep a bias that a norm takes out again.

    Attributes:
        channels: Channels of the maps, coarsest first.
        sizes: Their heights and widths.
        places: Which map of the network serves each of them, counted from its finest.
        backbone: The network of timm.
        projections: The convolutions of the maps, coarsest first.
        head: The linear map to the vector.

    Shape:
        - Input: ``(N, 3, H, W)``, in [-1, 1]; the network gets what its mean and standard
          deviation make of it
        - Output: :class:`ImageFeatures`

    Raises:
        UnknownNameError: If timm has no such model or tag; names the nearest.
        ValueError: If the model gives no feature maps.
        CheckpointError: If the weights cannot be had, or are those of another model.
        ShapeError: If no plan reaches ``image_size``, or the model cannot take images of the
            size; in ``forward``, if an image has another size.

    Example:
        >>> encode = TimmEncoder(image_size=(48, 64), base_channels=8, out_channels=10)
        >>> features = encode(torch.zeros(2, 3, 48, 64))
        >>> features.vector.shape, [tuple(m.shape[1:]) for m in features.maps]
        (torch.Size([2, 10]), [(64, 3, 4), (32, 6, 8), (16, 12, 16), (8, 24, 32)])

    References:
        R. Wightman, PyTorch Image Models, 2019, https://github.com/huggingface/pytorch-image-models;
        Wang et al., ImaGINator: Conditional Spatio-Temporal GAN for Video Generation, WACV 2020,
        for the pyramid.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        image_size: Size2 = 64,
        *,
        model: str = "resnet18",
        stages: Sequence[Stage] | None = None,
        base_channels: int | None = 64,
        max_channels: int = 512,
        out_channels: int = 100,
        weights: str | Path | None = None,
        frozen: bool = False,
        input_size: Size2 | None = None,
        norm: Norm = nn.BatchNorm2d,
        act: Act = leaky_relu,
        bias_before_norm: bool = False,
    ) -> None:
        super().__init__()
        self.image_size = pair(image_size, "image_size")
        height, width = self.image_size
        self._image_axes: dict[str, Any] = {"C": 3, "H": height, "W": width}
        self.input_size = self.image_size if input_size is None else pair(input_size, "input_size")
        self.out_channels = check_positive(out_channels, "out_channels")
        check_positive(max_channels, "max_channels")
        if base_channels is not None:
            check_positive(base_channels, "base_channels")
        self.model = model
        self.frozen = frozen
        geometry = plan((1, *self.image_size)).stages if stages is None else tuple(stages)
        self.sizes = _map_sizes(self.image_size, geometry)
        self.backbone = create_backbone(model, self.input_size, weights)
        offered = feature_shapes(self.backbone, self.input_size, model)
        self.places = _nearest_maps(self.sizes, [(h, w) for _, h, w in offered])
        self._offered_sizes = tuple(offered[place][1:] for place in self.places)
        given = [offered[place][0] for place in self.places]
        if base_channels is None:
            self.channels = tuple(given)
            self.projections = nn.ModuleList(nn.Identity() for _ in given)
        else:
            widths = doubled_widths(base_channels, max_channels, len(given))
            self.channels = tuple(widths[::-1])
            self.projections = nn.ModuleList(
                DownStage2d(
                    before, after, 1, 1, 0, norm=norm, act=act, bias_before_norm=bias_before_norm
                )
                for before, after in zip(given, self.channels, strict=True)
            )
        self.head = nn.Linear(offered[-1][0], out_channels)
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in input_statistics(model))
        # From [-1, 1] to [0, 1], and from there to the network's own range.
        self.register_buffer("scale", 0.5 / std, persistent=False)
        self.register_buffer("shift", (0.5 - mean) / std, persistent=False)
        if frozen:
            self.backbone.requires_grad_(False).eval()

    @property
    def untrained(self) -> tuple[nn.Module, ...]:
        """All that begins at random, and not the network, which may come with weights."""
        return self.projections, self.head

    def forward(self, image: Tensor) -> ImageFeatures:
        """Encode ``(N, 3, H, W)``."""
        check_layout(image, "N C H W", name="image", **self._image_axes)
        pixels = _resize(image, self.image_size, self.input_size) * self.scale + self.shift
        offered = [channels_first(self.backbone, found) for found in self.backbone(pixels)]
        vector: Tensor = self.head(offered[-1].mean(dim=(2, 3)))
        maps = tuple(
            _resize(project(offered[place]), before, after)
            for place, project, before, after in zip(
                self.places, self.projections, self._offered_sizes, self.sizes, strict=True
            )
        )
        return ImageFeatures(vector, maps)

    def train(self, mode: bool = True) -> Self:
        """Switch between training and eval mode; a frozen network stays in eval mode."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def output_shape(
        self, input_shape: Sequence[int]
    ) -> tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]:
        """Shapes of the vector and of the maps for images of ``(N, 3, H, W)``."""
        check_axes(tuple(input_shape), "N C H W", name="image", **self._image_axes)
        n = input_shape[0]
        maps = zip(self.channels, self.sizes, strict=True)
        return (n, self.out_channels), tuple((n, channels, *size) for channels, size in maps)

    def extra_repr(self) -> str:
        """What the parts do not show."""
        return (
            f"image_size={self.image_size}, model={self.model!r}, sizes={self.sizes}, "
            f"frozen={self.frozen}"
        )


def _map_sizes(image_size: tuple[int, int], stages: Sequence[Stage]) -> tuple[tuple[int, ...], ...]:
    """Height and width after every stage on the way down, coarsest first."""
    sizes: list[tuple[int, ...]] = [image_size]
    for stage in reversed(stages):
        kernel, stride, padding = stage.kernel_size[1:], stage.stride[1:], stage.padding[1:]
        sizes.append(conv_size(sizes[-1], kernel_size=kernel, stride=stride, padding=padding))
    return tuple(sizes[:0:-1])


def _nearest_maps(
    wanted: Sequence[tuple[int, ...]], offered: Sequence[tuple[int, ...]]
) -> tuple[int, ...]:
    """For every wanted size, coarsest first, the place of the map nearest in scale.

    Of several equally near ones the coarsest level takes the deepest, the next level the one
    before it, and so on.
    """

    def distance(size: tuple[int, ...], other: tuple[int, ...]) -> float:
        return sum(abs(math.log(a / b)) for a, b in zip(size, other, strict=True))

    places = []
    for level, size in enumerate(wanted):
        distances = [distance(size, other) for other in offered]
        near = [i for i, d in enumerate(distances) if math.isclose(d, min(distances), abs_tol=1e-9)]
        places.append(near[max(len(near) - 1 - level, 0)])
    return tuple(places)


def _resize(x: Tensor, before: tuple[int, ...], after: tuple[int, ...]) -> Tensor:
    """Resize, knowing both sizes beforehand, so that no graph depends on a tensor's shape."""
    if before == after:
        return x
    shrinks = any(a < b for a, b in zip(after, before, strict=True))
    return F.interpolate(x, size=after, mode="bilinear", antialias=shrinks)

"""Discriminator of the patches of a clip at several resolutions."""

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from stgan._checks import check_positive, triple
from stgan.discriminators._base import PICKLE, TINY, BaseDiscriminator
from stgan.discriminators._outputs import StreamOutput, judge
from stgan.discriminators.patch import VideoPatchDiscriminator
from stgan.example import Example
from stgan.registry import DISCRIMINATORS
from stgan.shapes import conv_size
from stgan.typing import Size3

__all__ = ["VideoMultiScalePatchDiscriminator"]


@DISCRIMINATORS.register(
    "video_multi_scale_patch",
    source="Tian et al., MoCoGAN-HD, ICLR 2021; released code, D_3d.py",
    shape="(N, C, T, H, W), (N,) -> {'scale_0': (N, T', H', W'), 'scale_1': ...}",
    example=Example(
        settings={"num_scales": 2, "strides": (2, 1), **TINY},
        inputs={"video": "N 3 T H W", "label": "N < 3"},
        claims=PICKLE,
    ),
)
class VideoMultiScalePatchDiscriminator(BaseDiscriminator):
    """Judge the patches of a clip at several resolutions: one map of logits per scale.

    The first network sees the clip as it is. Before each further one it is averaged over boxes of
    3 x 3 x 3 that overlap, so that patches of the same number of pixels show more of it.

    Args:
        input_size: ``(T, H, W)`` of the clips; others are then refused. ``None`` for any.
        num_scales: Number of networks; each has weights of its own.
        pool_stride: ``int`` or ``(t, h, w)``, by which each scale is coarser than the one before;
            the source takes ``(2, 2, 2)`` for clips of more than 16 frames.
        kernel_size: Of :class:`VideoPatchDiscriminator`, as are the next two.
        strides: One for every convolution.
        padding: Of all convolutions.
        in_channels: Channels of the clips.
        num_classes: K; the label goes to every network; 0 for no label.
        **settings: Further settings of :class:`VideoPatchDiscriminator`, such as
            ``base_channels``.

    Shape:
        - ``video``: ``(N, in_channels, T, H, W)``, in [-1, 1]
        - ``label``: ``(N,)`` integers in [0, K), or ``(N, K)`` rows
        - Output: ``{"scale_0": (N, T', H', W'), "scale_1": ...}``, logits from fine to coarse

    Raises:
        ValueError: If a number is not positive; in ``forward``, if a label is missing or not
            expected.
        ShapeError: If ``input_size``, or in ``forward`` a clip, is too small.

    Example:
        >>> discriminator = VideoMultiScalePatchDiscriminator(base_channels=4)
        >>> maps = discriminator(torch.zeros(2, 3, 8, 64, 64))
        >>> {name: tuple(logits.shape) for name, logits in maps.items()}
        {'scale_0': (2, 4, 11, 11), 'scale_1': (2, 4, 7, 7)}

    Differs from the source:
        Spectral norm instead of instance norm, which ``norm=nn.InstanceNorm3d`` adds.

    References:
        Tian et al., A Good Image Generator Is What You Need for High-Resolution Video Synthesis
        (MoCoGAN-HD), ICLR 2021; released code, ``D_3d.py``. Wang et al., pix2pixHD, CVPR 2018,
        section 3.2 (discriminators at several scales).
    """

    def __init__(
        self,
        input_size: Size3 | None = None,
        *,
        num_scales: int = 2,
        pool_stride: Size3 = (1, 2, 2),
        kernel_size: Size3 = 4,
        strides: Sequence[Size3] = (2, 2, 2, 1, 1),
        padding: Size3 = 2,
        in_channels: int = 3,
        num_classes: int = 0,
        **settings: Any,
    ) -> None:
        super().__init__(input_size, in_channels=in_channels, num_classes=num_classes)
        self.pool_stride = triple(pool_stride, "pool_stride")
        size = self.input_size
        settings |= {"kernel_size": kernel_size, "strides": strides, "padding": padding}
        self.networks = nn.ModuleDict()
        for scale in range(check_positive(num_scales, "num_scales")):
            seen = None if size is None else self._scaled(size, scale)
            self.networks[f"scale_{scale}"] = self._inside(
                VideoPatchDiscriminator, seen, **settings
            )

    def _scaled(self, size: tuple[int, ...], scale: int) -> tuple[int, ...]:
        for _ in range(scale):
            size = conv_size(size, kernel_size=3, stride=self.pool_stride, padding=1)
        return size

    def _coarser(self, video: Tensor) -> Tensor:
        # The average of a box at the border is that of its part inside. torch's pooling does the
        # same, but refuses sides that are shorter than the box.
        inside = video.new_ones(1, 1, *video.shape[2:])
        total, share = (
            F.avg_pool3d(F.pad(x, (1,) * 6), 3, self.pool_stride) for x in (video, inside)
        )
        return total / share

    def forward(
        self, video: Tensor, label: Tensor | None = None, *, detailed: bool = False
    ) -> dict[str, Tensor] | dict[str, StreamOutput]:
        """Return a map of logits for every scale.

        Args:
            video: The clips.
            label: Goes to every network.
            detailed: Whether to return a :class:`StreamOutput` for each scale.
        """
        self._check(video)
        maps: dict[str, Any] = {}
        for index, (name, network) in enumerate(self.networks.items()):
            if index:
                video = self._coarser(video)
            maps[name] = judge(network, video, label, detailed=detailed)
        return maps

    def output_shape(
        self, input_shape: Sequence[int], label: Sequence[int] | None = None
    ) -> dict[str, tuple[int, ...]]:
        """Shapes of the maps; the label does not matter.

        Raises:
            ShapeError: If ``forward`` would refuse the input's shape.
        """
        shape = self._check_shape(input_shape)
        shapes: dict[str, tuple[int, ...]] = {}
        for scale, (name, network) in enumerate(self.networks.items()):
            assert isinstance(network, VideoPatchDiscriminator)
            shapes[name] = network.output_shape((*shape[:2], *self._scaled(shape[2:], scale)))
        return shapes

    def extra_repr(self) -> str:
        """How scales follow each other."""
        return f"pool_stride={self.pool_stride}"

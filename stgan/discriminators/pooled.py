"""Discriminator of clips at a lower resolution, where motion is cheap to judge."""

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from stgan._checks import check_positive
from stgan.discriminators._base import PICKLE, TINY, BaseDiscriminator, Network
from stgan.discriminators._outputs import Opinion, Shapes, judge, promise
from stgan.discriminators.residual import VideoResidualDiscriminator
from stgan.example import Example
from stgan.registry import DISCRIMINATORS
from stgan.shapes import conv_size
from stgan.typing import Size3

__all__ = ["PooledVideoDiscriminator"]


@DISCRIMINATORS.register(
    "video_pooled",
    source="Clark et al., DVD-GAN, 2019, part on dual discriminators (D_T)",
    shape="(N, C, T, H, W), (N,) -> what the network makes of (N, C, T, H / f, W / f)",
    example=Example(
        settings={"input_size": (4, 16, 24), **TINY},
        inputs={"video": "N 3 4 16 24", "label": "N < 3"},
        claims=PICKLE,
    ),
)
class PooledVideoDiscriminator(BaseDiscriminator):
    """Average frames over squares, then judge the clip: all frames at a fraction of the cost.

    Args:
        input_size: ``(T, H, W)`` of the clips; the network is built for what the averaging leaves.
            ``None`` for any size.
        factor: f, side of the squares; sides that are no multiple lose their last pixels.
        network: Makes the network, such as :class:`VideoDiscriminator`; called with
            ``input_size``, ``in_channels``, ``num_classes`` and the settings.
        in_channels: Channels of the clips.
        num_classes: K; the label goes to the network; 0 for no label.
        **settings: Further settings of the network, such as ``base_channels``.

    Shape:
        - ``video``: ``(N, in_channels, T, H, W)``, in [-1, 1]
        - ``label``: ``(N,)`` integers in [0, K), or ``(N, K)`` rows
        - Output: that of the network: ``(N,)`` logits, unless it judges patches or names
          several

    Raises:
        ShapeError: If the network cannot be built for the averaged size; in ``forward``, if a clip
            has another size or is too small.
        ValueError: If ``condition_dim`` is among the settings; in ``forward``, if a label is
            missing or not expected, or the network tells nothing but logits and ``detailed`` is
            asked for.

    Example:
        >>> discriminator = PooledVideoDiscriminator((8, 32, 32), base_channels=4)
        >>> discriminator(torch.zeros(2, 3, 8, 32, 32)).shape
        torch.Size([2])

    References:
        Clark, Donahue and Simonyan, Adversarial Video Generation on Complex Datasets (DVD-GAN),
        2019, part on dual discriminators.
    """

    def __init__(
        self,
        input_size: Size3 | None = (32, 64, 64),
        *,
        factor: int = 2,
        network: Network = VideoResidualDiscriminator,
        in_channels: int = 3,
        num_classes: int = 0,
        **settings: Any,
    ) -> None:
        super().__init__(input_size, in_channels=in_channels, num_classes=num_classes)
        self.factor = check_positive(factor, "factor")
        size = None if self.input_size is None else self._pooled(self.input_size)
        self.network = self._inside(network, size, **settings)

    def _pooled(self, size: tuple[int, ...]) -> tuple[int, ...]:
        squares = (1, self.factor, self.factor)
        return conv_size(size, kernel_size=squares, stride=squares)

    def forward(
        self, video: Tensor, label: Tensor | None = None, *, detailed: bool = False
    ) -> Opinion:
        """Return what the network says of the averaged clips.

        Args:
            video: The clips.
            label: Goes to the network.
            detailed: Whether to return a :class:`StreamOutput`, which the network must then do.
        """
        self._check(video)
        self._pooled(tuple(video.shape[2:]))
        pooled = F.avg_pool3d(video, (1, self.factor, self.factor))
        opinion: Opinion = judge(self.network, pooled, label, detailed=detailed)
        return opinion

    def output_shape(
        self, input_shape: Sequence[int], label: Sequence[int] | None = None
    ) -> Shapes:
        """Shape of the logits, as the network promises it; the label does not matter.

        Raises:
            ShapeError: If ``forward`` would refuse the input's shape.
        """
        shape = self._check_shape(input_shape)
        return promise(self.network, (*shape[:2], *self._pooled(shape[2:])))

    def extra_repr(self) -> str:
        """The factor."""
        return f"factor={self.factor}"

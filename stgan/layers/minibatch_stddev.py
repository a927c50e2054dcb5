"""A channel by which a discriminator sees how much the samples of a batch differ."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from stgan._checks import check_axes, check_layout, check_positive
from stgan.example import Example
from stgan.functional.minibatch_stddev import check_groups, minibatch_stddev
from stgan.functional.one_hot import spread_rows
from stgan.registry import LAYERS

__all__ = ["MinibatchStddev"]

#: By whether there are five axes.
_LAYOUTS = {False: "N C H W", True: "N C T H W"}


@LAYERS.register(
    "minibatch_stddev",
    source="Karras et al., Progressive Growing of GANs, ICLR 2018, section 3",
    shape="(N, C, [T,] H, W) -> (N, C + 1, [T,] H, W)",
    aliases=("mbstd",),
    example=Example(
        settings={"in_channels": 3},
        inputs={"x": "N 3 H W"},
        claims={"batch_independent": "it tells how much the samples of a batch differ"},
    ),
)
class MinibatchStddev(nn.Module):
    """Append the standard deviation over the samples of a group as a constant channel.

    A discriminator that sees it notices a generator whose samples are all alike. See
    :func:`stgan.functional.minibatch_stddev`.

    Args:
        in_channels: Channels of the input.
        group_size: Samples of a group; the batch must be a multiple, or smaller. ``None`` for the
            whole batch.

    Attributes:
        out_channels: One more than ``in_channels``.

    Shape:
        - Input: ``(N, in_channels, H, W)`` or ``(N, in_channels, T, H, W)``
        - Output: the same with one more channel, the last

    Raises:
        ValueError: If a number is not positive.
        ShapeError: In ``forward``, if the input has another layout, or its batch does not split
            into groups.

    Example:
        >>> MinibatchStddev(8)(torch.zeros(4, 8, 2, 4, 4)).shape
        torch.Size([4, 9, 2, 4, 4])

    References:
        Karras et al., Progressive Growing of GANs, ICLR 2018, section 3.
    """

    #: What it makes of a sample depends on those beside it.
    whole_batch: ClassVar[bool] = True

    def __init__(self, in_channels: int, *, group_size: int | None = None) -> None:
        super().__init__()
        self.in_channels = check_positive(in_channels, "in_channels")
        self.out_channels = self.in_channels + 1
        if group_size is not None:
            group_size = check_positive(group_size, "group_size")
        self.group_size = group_size

    def forward(self, x: Tensor) -> Tensor:
        """Append the channel."""
        check_layout(x, _LAYOUTS[x.ndim == 5], name="x", C=self.in_channels)
        number = minibatch_stddev(x, self.group_size)
        return torch.cat([x, spread_rows(number[:, None], tuple(x.shape[2:]))], dim=1)

    def output_shape(self, input_shape: Sequence[int]) -> tuple[int, ...]:
        """Shape of the output: one more channel.

        Raises:
            ShapeError: If ``forward`` would refuse the input.
        """
        shape = tuple(input_shape)
        check_axes(shape, _LAYOUTS[len(shape) == 5], name="x", C=self.in_channels)
        check_groups(shape, self.group_size)
        return (shape[0], self.out_channels, *shape[2:])

    def extra_repr(self) -> str:
        """Channels of the input, and the size of groups."""
        return f"{self.in_channels}, group_size={self.group_size}"

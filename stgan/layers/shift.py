"""Temporal shift: motion for a 2-D network at no cost."""

from torch import Tensor, nn

from stgan._checks import check_layout, check_positive
from stgan.example import Example
from stgan.functional.shift import temporal_shift
from stgan.layers._video_shape import Shape5, video_shape
from stgan.registry import LAYERS

__all__ = ["TemporalShift"]


@LAYERS.register(
    "temporal_shift",
    source="Lin, Gan and Han, TSM, ICCV 2019",
    shape="(N, C, T, H, W) -> (N, C, T, H, W)",
    aliases=("tsm",),
    example=Example(settings={"channels": 4, "divisor": 4}, inputs={"video": "N 4 T H W"}),
)
class TemporalShift(nn.Module):
    """Shift some channels by a frame, so that what follows sees its neighbors in time.

    See :func:`stgan.functional.temporal_shift`. Without weights and without products, it gives a
    frame-wise network a temporal kernel of 3, or of 2 if it is causal.

    Args:
        channels: Channels of the input.
        divisor: One channel in so many shifts in each direction, rounded down.
        causal: Whether channels shift from the past only.

    Attributes:
        num_shifted: Channels that shift in each direction.

    Shape:
        - Input: ``(N, channels, T, H, W)``
        - Output: ``(N, channels, T, H, W)``

    Raises:
        ValueError: If the divisor leaves no channel to shift, or asks for more than there are.
        ShapeError: In ``forward``, if the input has another layout.

    Example:
        >>> TemporalShift(16)
        TemporalShift(16, num_shifted=2, causal=False)

    References:
        Lin, Gan and Han, TSM: Temporal Shift Module for Efficient Video Understanding, ICCV 2019.
    """

    def __init__(self, channels: int, *, divisor: int = 8, causal: bool = False) -> None:
        super().__init__()
        self.channels = check_positive(channels, "channels")
        least = 1 if causal else 2
        if not least <= check_positive(divisor, "divisor") <= channels:
            raise ValueError(
                f"divisor must be from {least} to the number of channels, {channels}, got {divisor}"
            )
        self.num_shifted = self.channels // check_positive(divisor, "divisor")
        self.causal = causal

    def forward(self, video: Tensor) -> Tensor:
        """Shift ``(N, channels, T, H, W)``."""
        check_layout(video, "N C T H W", name="video", C=self.channels)
        from_future = 0 if self.causal else self.num_shifted
        return temporal_shift(video, from_future=from_future, from_past=self.num_shifted)

    def output_shape(self, input_shape: tuple[int, ...]) -> Shape5:
        """Shape of the output, which is that of the input."""
        return video_shape(input_shape, C=self.channels)

    def extra_repr(self) -> str:
        """Channels and direction."""
        return f"{self.channels}, num_shifted={self.num_shifted}, causal={self.causal}"

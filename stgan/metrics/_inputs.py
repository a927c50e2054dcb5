"""What every metric checks at its door."""

from torch import Tensor

from stgan._checks import check_layout
from stgan.errors import ShapeError

__all__ = ["check_same_shape", "check_video"]


def check_video(video: Tensor, name: str, layout: str = "N C T H W") -> None:
    """Refuse anything but float clips; bytes would be taken for values in [-1, 1]."""
    check_layout(video, layout, name=name)


def check_same_shape(fake: Tensor, real: Tensor) -> None:
    """Refuse two batches of clips that cannot be compared pixel by pixel."""
    check_video(fake, "fake")
    check_video(real, "real")
    if fake.shape != real.shape:
        raise ShapeError(
            f"fake and real must have one shape, got {tuple(fake.shape)} and {tuple(real.shape)}"
        )

"""Label projectors: how a class label becomes features in time and space."""

from torch import Tensor, nn

from stgan._checks import check_positive
from stgan.example import Example
from stgan.functional.one_hot import one_hot_map
from stgan.registry import PROJECTORS

__all__ = ["OneHotMapProjector"]


@PROJECTORS.register(
    "one_hot",
    source="Wang et al., ImaGINator, WACV 2020; released code, model/networks.py, DecBlock",
    shape="(N,) or (N, K) -> (N, K, T, H, W)",
    example=Example(
        settings={"num_classes": 3}, inputs={"label": "N < 3", "size": "= T H W"}
    ),
)
class OneHotMapProjector(nn.Module):
    """Broadcast a one-hot label over time and space, without weights and without copies.

    See :func:`stgan.functional.one_hot_map`. This is no projection in the sense of a projection
    discriminator: nothing is learned.

    Args:
        num_classes: Number of classes, K.

    Attributes:
        out_channels: K, for the next layer to ask.

    Shape:
        - Input: ``(N,)`` integers in [0, K), or ``(N, K)`` rows (one-hot or soft)
        - Output: ``(N, K, *size)``, an expanded view

    Raises:
        ValueError: If ``num_classes`` is not positive or a label is out of range.
        ShapeError: In ``forward``, if the label is neither ``(N,)`` integers nor ``(N, K)`` rows.

    Example:
        >>> project = OneHotMapProjector(num_classes=6)
        >>> project(torch.tensor([1, 4]), (8, 16, 16)).shape
        torch.Size([2, 6, 8, 16, 16])
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = check_positive(num_classes, "num_classes")
        self.out_channels = num_classes

    def forward(
        self, label: Tensor, size: tuple[int, ...], *, like: Tensor | None = None
    ) -> Tensor:
        """Spread ``label`` over ``size``; the type is that of ``like``, by default float32."""
        rows = one_hot_map(label, self.num_classes, size)
        return rows if like is None else rows.to(like)

    def output_shape(self, input_shape: tuple[int, ...], size: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the map for a label of ``(N,)`` or ``(N, K)``."""
        return (input_shape[0], self.num_classes, *size)

    def extra_repr(self) -> str:
        """Number of classes."""
        return f"{self.num_classes}"

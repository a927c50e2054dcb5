"""Label projectors: how a class label becomes features in time and space."""

import torch
from torch import Tensor, nn

from stgan._checks import check_positive, pair
from stgan._factories import make_act
from stgan.errors import ShapeError
from stgan.example import Example
from stgan.functional.fusion import expand_over_time
from stgan.functional.one_hot import as_label, mix_class_maps, one_hot_label, spread_rows
from stgan.registry import PROJECTORS
from stgan.typing import Act, Size2

__all__ = [
    "EmbeddingProjector",
    "LearnedSpatialProjector",
    "LinearProjector",
    "OneHotMapProjector",
]


class _Projector(nn.Module):
    """What all projectors share: the counts and the promised shape."""

    def __init__(self, num_classes: int, out_channels: int) -> None:
        super().__init__()
        self.num_classes = check_positive(num_classes, "num_classes")
        self.out_channels = check_positive(out_channels, "channels")

    def _rows(self, label: Tensor, like: Tensor | None) -> Tensor:
        """One-hot rows with type and device of ``like``."""
        label = as_label(label, None if like is None else like.device)
        if like is None:
            return one_hot_label(label, self.num_classes)
        return one_hot_label(label, self.num_classes, dtype=like.dtype).to(like.device)

    def output_shape(self, label: tuple[int, ...], size: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the map for a label of ``(N,)`` or ``(N, K)``.

        Raises:
            ShapeError: If the label has another shape.
        """
        if len(label) not in (1, 2) or tuple(label[1:]) not in ((), (self.num_classes,)):
            raise ShapeError(
                f"label must be (N,) integers or (N, K={self.num_classes}) rows, got {tuple(label)}"
            )
        return (label[0], self.out_channels, *size)

    def extra_repr(self) -> str:
        """Number of classes and of channels."""
        return f"{self.num_classes}, {self.out_channels}"


@PROJECTORS.register(
    "one_hot",
    source="Wang et al., ImaGINator, WACV 2020; released code, model/networks.py, DecBlock",
    shape="(N,) or (N, K) -> (N, K, T, H, W)",
    aliases=("onehot",),
    example=Example(settings={"num_classes": 3}, inputs={"label": "N < 3", "size": "= T H W"}),
)
class OneHotMapProjector(_Projector):
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

    References:
        Wang et al., ImaGINator, WACV 2020; released code, ``model/networks.py``, ``DecBlock``.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes, num_classes)

    def forward(
        self, label: Tensor, size: tuple[int, ...], *, like: Tensor | None = None
    ) -> Tensor:
        """Spread ``label`` over ``size``; type and device are those of ``like``, if given."""
        return spread_rows(self._rows(label, like), size)

    def extra_repr(self) -> str:
        """Number of classes."""
        return f"{self.num_classes}"


@PROJECTORS.register(
    "embedding",
    source="Reed et al., Text to Image Synthesis, ICML 2016, section 4.1 (replicated embedding)",
    shape="(N,) or (N, K) -> (N, C, T, H, W)",
    example=Example(
        settings={"num_classes": 3, "channels": 4}, inputs={"label": "N < 3", "size": "= T H W"}
    ),
)
class EmbeddingProjector(_Projector):
    """Look up a learned vector for the class and broadcast it over time and space.

    A soft label mixes the vectors by its weights; see :func:`stgan.functional.spread_rows`.

    Args:
        num_classes: Number of classes, K.
        channels: Length of the vectors, C.

    Attributes:
        out_channels: C, for the next layer to ask.

    Shape:
        - Input: ``(N,)`` integers in [0, K), or ``(N, K)`` rows (one-hot or soft)
        - Output: ``(N, C, *size)``, an expanded view

    Raises:
        ValueError: If a count is not positive or a label is out of range.
        ShapeError: In ``forward``, if the label is neither ``(N,)`` integers nor ``(N, K)`` rows.

    Example:
        >>> project = EmbeddingProjector(num_classes=6, channels=16)
        >>> project(torch.tensor([1, 4]), (8, 16, 16)).shape
        torch.Size([2, 16, 8, 16, 16])

    Differs from the source:
        There, the vector comes from a text encoder, and is spread over space alone.

    References:
        Reed et al., Generative Adversarial Text to Image Synthesis, ICML 2016, section 4.1.
    """

    def __init__(self, num_classes: int, channels: int) -> None:
        super().__init__(num_classes, channels)
        self.table = nn.Embedding(num_classes, channels)

    def forward(
        self, label: Tensor, size: tuple[int, ...], *, like: Tensor | None = None
    ) -> Tensor:
        """Spread the vector of ``label``; type and device are those of ``like``, if given."""
        vectors = self._rows(label, self.table.weight) @ self.table.weight
        return spread_rows(vectors if like is None else vectors.to(like), size)


@PROJECTORS.register(
    "linear",
    source="Mirza and Osindero, Conditional Generative Adversarial Nets, 2014, section 4.1",
    shape="(N,) or (N, K) -> (N, C, T, H, W)",
    example=Example(
        settings={"num_classes": 3, "channels": 4}, inputs={"label": "N < 3", "size": "= T H W"}
    ),
)
class LinearProjector(_Projector):
    """Map the one-hot label by a linear layer and an activation, and broadcast the result.

    For hard labels this is a table of vectors like :class:`EmbeddingProjector`, written with an
    offset that the classes share. For soft labels it is another function: the activation acts on
    the mixture, so that half of each of two classes is not halfway between their vectors. It also
    starts smaller, at torch's scale for linear layers.

    Args:
        num_classes: Number of classes, K.
        channels: Width of the layer, C.
        act: Called without arguments; ``None`` for no activation.
        bias: Whether the classes share an offset.

    Attributes:
        out_channels: C, for the next layer to ask.

    Shape:
        - Input: ``(N,)`` integers in [0, K), or ``(N, K)`` rows (one-hot or soft)
        - Output: ``(N, C, *size)``, an expanded view

    Raises:
        ValueError: If a count is not positive or a label is out of range.
        ShapeError: In ``forward``, if the label is neither ``(N,)`` integers nor ``(N, K)`` rows.

    Example:
        >>> project = LinearProjector(num_classes=6, channels=16)
        >>> project(torch.tensor([1, 4]), (8, 16, 16)).shape
        torch.Size([2, 16, 8, 16, 16])

    Differs from the source:
        There, the result is a vector that joins the layer of the noise; nothing is spread.

    References:
        Mirza and Osindero, Conditional Generative Adversarial Nets, 2014, section 4.1.
    """

    def __init__(
        self, num_classes: int, channels: int, *, act: Act = nn.ReLU, bias: bool = True
    ) -> None:
        super().__init__(num_classes, channels)
        self.linear = nn.Linear(num_classes, channels, bias=bias)
        self.act = make_act(act)

    def forward(
        self, label: Tensor, size: tuple[int, ...], *, like: Tensor | None = None
    ) -> Tensor:
        """Spread what ``label`` maps to; type and device are those of ``like``, if given."""
        vectors = self.act(self.linear(self._rows(label, self.linear.weight)))
        return spread_rows(vectors if like is None else vectors.to(like), size)


@PROJECTORS.register(
    "learned_spatial",
    source="Karras et al., StyleGAN, CVPR 2019, section 2 (learned constant map; here per class)",
    shape="(N,) or (N, K) -> (N, C, T, H, W)",
    example=Example(
        settings={"num_classes": 3, "channels": 4, "map_size": (2, 3)},
        inputs={"label": "N < 3", "size": "= T H W"},
    ),
)
class LearnedSpatialProjector(_Projector):
    """Look up a learned map for the class, resize it to the frames and show it to all of them.

    A soft label mixes the maps by its weights. One module serves any size, so that a part of the
    picture which a class concerns can be learned; see :func:`stgan.functional.mix_class_maps`.

    Args:
        num_classes: Number of classes, K.
        channels: Channels of the maps, C.
        map_size: ``int`` or ``(h, w)``, the size at which the maps are learned.

    Attributes:
        out_channels: C, for the next layer to ask.

    Shape:
        - Input: ``(N,)`` integers in [0, K), or ``(N, K)`` rows (one-hot or soft)
        - Output: ``(N, C, *size)``, for a size of ``(T, H, W)`` an expanded view

    Raises:
        ValueError: If a count is not positive or a label is out of range.
        ShapeError: In ``forward``, if the label is neither ``(N,)`` integers nor ``(N, K)`` rows.

    Example:
        >>> project = LearnedSpatialProjector(num_classes=6, channels=16)
        >>> project(torch.tensor([1, 4]), (8, 16, 16)).shape
        torch.Size([2, 16, 8, 16, 16])

    Differs from the source:
        There, one map serves all pictures, has their coarsest size and is not resized.

    References:
        Karras et al., A Style-Based Generator Architecture, CVPR 2019, section 2.
    """

    def __init__(self, num_classes: int, channels: int, *, map_size: Size2 = 4) -> None:
        super().__init__(num_classes, channels)
        self.map_size = pair(map_size, "map_size")
        self.maps = nn.Parameter(torch.randn(num_classes, channels, *self.map_size))

    def forward(
        self, label: Tensor, size: tuple[int, ...], *, like: Tensor | None = None
    ) -> Tensor:
        """Stretch the map of ``label``; type and device are those of ``like``, if given."""
        *frames, h, w = self._check_size(size)
        stretched = mix_class_maps(self._rows(label, self.maps), self.maps, (h, w))
        if like is not None:
            stretched = stretched.to(like)
        return expand_over_time(stretched, frames[0]) if frames else stretched

    @staticmethod
    def _check_size(size: tuple[int, ...]) -> tuple[int, ...]:
        if len(size) not in (2, 3):
            raise ValueError(f"size must be (T, H, W) or (H, W), got {tuple(size)}")
        return size

    def output_shape(self, label: tuple[int, ...], size: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the map for a label of ``(N,)`` or ``(N, K)``.

        Raises:
            ShapeError: If the label has another shape.
            ValueError: If the size is neither ``(T, H, W)`` nor ``(H, W)``.
        """
        return super().output_shape(label, self._check_size(size))

    def extra_repr(self) -> str:
        """Number of classes and of channels, and the size of the maps."""
        return f"{super().extra_repr()}, map_size={self.map_size}"

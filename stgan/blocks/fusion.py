"""Spatio-temporal fusion: appearance and label join the features that move."""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from stgan._checks import check_axes, check_count, check_floats, check_positive
from stgan.errors import ShapeError
from stgan.example import Example
from stgan.functional.fusion import FusedFeatures, concat_streams
from stgan.functional.one_hot import as_label, one_hot_label
from stgan.registry import FUSIONS

__all__ = ["Fusion", "SpatioTemporalFusion"]


class Fusion(nn.Module):
    """Hold what all fusions share: widths of the streams, their checks, the promised shape.

    For a fusion of your own, derive from it, set ``out_channels`` if it is not ``video_channels``,
    and start ``forward(video, appearance=None, label=None)`` with :meth:`check_streams`. Without
    any static stream a fusion returns the video as it is.

    Args:
        video_channels: C1.
        appearance_channels: C2; 0 for a fusion without appearance.
        num_classes: K; 0 for a fusion without label.

    Attributes:
        static_channels: C2 + K; 0 where there is nothing to fuse.
        out_channels: Channels of the output, for the next layer to ask.

    Raises:
        ValueError: If a number of channels is negative.

    Example:
        >>> from stgan.blocks import Fusion
        >>> class Ignore(Fusion):
        ...     def forward(self, video, appearance=None, label=None):
        ...         self.check_streams(video, appearance, label)
        ...         return video
        >>> Ignore(64, num_classes=6)(torch.zeros(2, 64, 4, 8, 8), label=torch.tensor([0, 5])).shape
        torch.Size([2, 64, 4, 8, 8])
    """

    # Whether the appearance map must be as high and wide as the frames.
    same_size: ClassVar[bool] = True

    def __init__(
        self, video_channels: int, appearance_channels: int = 0, num_classes: int = 0
    ) -> None:
        super().__init__()
        self.video_channels = check_positive(video_channels, "video_channels")
        self.appearance_channels = check_count(appearance_channels, "appearance_channels")
        self.num_classes = check_count(num_classes, "num_classes")
        self.static_channels = self.appearance_channels + self.num_classes
        self.out_channels = self.video_channels

    def check_streams(
        self, video: Tensor, appearance: Tensor | None, label: Tensor | None
    ) -> Tensor | None:
        """Check that each stream is given exactly if it has channels, and fits the video.

        Returns:
            The label as rows ``(N, K)`` of the video's type; ``None`` without label.

        Raises:
            ValueError: If a stream is missing or not expected, or a label is out of range.
            ShapeError: If a stream has another layout than stated.
        """
        for name, stream, channels in (
            ("appearance", appearance, self.appearance_channels),
            ("label", label, self.num_classes),
        ):
            if stream is None and channels:
                raise ValueError(
                    f"this fusion was built for {channels} channels of {name}; pass it"
                )
        label = None if label is None else as_label(label, getattr(video, "device", None))
        check_floats(video, "video")
        if appearance is not None:
            check_floats(appearance, "appearance")
        self._check_shapes(
            tuple(video.shape),
            None if appearance is None else tuple(appearance.shape),
            None if label is None else tuple(label.shape),
        )
        return None if label is None else one_hot_label(label, self.num_classes, dtype=video.dtype)

    def _check_shapes(
        self,
        video: tuple[int, ...],
        appearance: tuple[int, ...] | None,
        label: tuple[int, ...] | None,
    ) -> None:
        for name, stream, channels in (
            ("appearance", appearance, self.appearance_channels),
            ("label", label, self.num_classes),
        ):
            if stream is not None and not channels:
                raise ValueError(f"this fusion was built without {name}; do not pass one")
        check_axes(video, "N C T H W", name="video", C=self.video_channels)
        n, _, _, h, w = video
        if appearance is not None:
            c = self.appearance_channels
            check_axes(appearance, "N C H W", name="appearance", C=c)
            if appearance[0] != n or (self.same_size and appearance[2:] != (h, w)):
                frame = f", H={h}, W={w}" if self.same_size else ", H, W"
                raise ShapeError(
                    f"appearance must be (N={n}, C={c}{frame}) beside a video of "
                    f"{video}, got {appearance}"
                )
        if label is not None and label not in ((n,), (n, self.num_classes)):
            raise ShapeError(
                f"label must be (N={n},) integers or (N={n}, K={self.num_classes}) rows beside a "
                f"video of {video}, got {label}"
            )

    def output_shape(
        self,
        video: Sequence[int],
        appearance: Sequence[int] | None = None,
        label: Sequence[int] | None = None,
    ) -> tuple[int, ...]:
        """Shape of the output for streams of these shapes; only the video's is needed.

        Raises:
            ShapeError: If ``forward`` would refuse one of the shapes.
        """
        self._check_shapes(
            tuple(video),
            None if appearance is None else tuple(appearance),
            None if label is None else tuple(label),
        )
        return (video[0], self.out_channels, *video[2:])

    def extra_repr(self) -> str:
        """Channels of the three streams."""
        return (
            f"{self.video_channels}, appearance_channels={self.appearance_channels}, "
            f"num_classes={self.num_classes}"
        )


@FUSIONS.register(
    "concat",
    source="Wang et al., ImaGINator, WACV 2020; released code, model/networks.py, DecBlock",
    shape="(N, C1, T, H, W), (N, C2, H, W), (N,) -> (N, C1 + C2 + K, T, H, W)",
    aliases=("cat",),
    example=Example(
        settings={"video_channels": 4, "appearance_channels": 2, "num_classes": 3},
        inputs={"video": "N 4 T H W", "appearance": "N 2 H W", "label": "N < 3"},
    ),
)
class SpatioTemporalFusion(Fusion):
    """Concatenate video features with an appearance map and a one-hot label.

    The appearance map is constant in time, the label in time and space. Both are expanded, not
    repeated; channels come in the order video, appearance, label, and the video channels stay as
    they are, bit for bit. See :func:`stgan.functional.concat_streams`.

    Args:
        video_channels: C1.
        appearance_channels: C2; 0 for a fusion without appearance.
        num_classes: K; 0 for a fusion without label.
        lazy: Whether to return :class:`stgan.functional.FusedFeatures`, which keep the streams
            apart until a layer asks for them together. The next layer must understand them.

    Attributes:
        out_channels: C1 + C2 + K, for the next layer to ask.

    Shape:
        - ``video``: ``(N, C1, T, H, W)``
        - ``appearance``: ``(N, C2, H, W)``
        - ``label``: ``(N,)`` integers in [0, K), or ``(N, K)`` rows
        - Output: ``(N, C1 + C2 + K, T, H, W)``, also that of lazy features

    Raises:
        ValueError: If a number of channels is negative, or a stream is missing or not expected.
        ShapeError: In ``forward``, if a stream has another layout than stated.

    Example:
        >>> fuse = SpatioTemporalFusion(64, appearance_channels=32, num_classes=6)
        >>> video, appearance = torch.zeros(2, 64, 4, 8, 8), torch.zeros(2, 32, 8, 8)
        >>> fuse(video, appearance, torch.tensor([0, 5])).shape
        torch.Size([2, 102, 4, 8, 8])
        >>> lazy = SpatioTemporalFusion(64, appearance_channels=32, lazy=True)
        >>> [static.shape for static in lazy(video, appearance).statics]
        [torch.Size([2, 32, 8, 8])]

    References:
        Wang et al., ImaGINator: Conditional Spatio-Temporal GAN for Video Generation, WACV 2020.
    """

    def __init__(
        self,
        video_channels: int,
        appearance_channels: int = 0,
        num_classes: int = 0,
        *,
        lazy: bool = False,
    ) -> None:
        super().__init__(video_channels, appearance_channels, num_classes)
        self.lazy = lazy
        self.out_channels = self.video_channels + self.static_channels

    def forward(
        self, video: Tensor, appearance: Tensor | None = None, label: Tensor | None = None
    ) -> Tensor | FusedFeatures:
        """Fuse; each stream is needed exactly if the constructor gave it channels."""
        rows = self.check_streams(video, appearance, label)
        statics = tuple(static for static in (appearance, rows) if static is not None)
        if self.lazy:
            return FusedFeatures(video, statics)
        return concat_streams(video, statics) if statics else video

    def extra_repr(self) -> str:
        """Channels of the three streams, and whether they are kept apart."""
        return super().extra_repr() + (", lazy=True" if self.lazy else "")

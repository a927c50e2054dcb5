"""Spatio-temporal fusion: appearance and label join the features that move."""

from torch import Tensor, nn

from stgan._checks import check_layout, check_positive
from stgan.errors import ShapeError
from stgan.example import Example
from stgan.functional.fusion import concat_streams
from stgan.functional.one_hot import one_hot_label
from stgan.registry import FUSIONS

__all__ = ["SpatioTemporalFusion"]


@FUSIONS.register(
    "concat",
    source="Wang et al., ImaGINator, WACV 2020; released code, model/networks.py, DecBlock",
    shape="(N, C1, T, H, W), (N, C2, H, W), (N,) -> (N, C1 + C2 + K, T, H, W)",
    example=Example(
        settings={"video_channels": 4, "appearance_channels": 2, "num_classes": 3},
        inputs={"video": "N 4 T H W", "appearance": "N 2 H W", "label": "N < 3"},
    ),
)
class SpatioTemporalFusion(nn.Module):
    """Concatenate video features with an appearance map and a one-hot label.

    The appearance map is constant in time, the label in time and space. Both are expanded, not
    repeated; channels come in the order video, appearance, label, and the video channels stay as
    they are, bit for bit. See :func:`stgan.functional.concat_streams`.

    Args:
        video_channels: C1.
        appearance_channels: C2; 0 for a fusion without appearance.
        num_classes: K; 0 for a fusion without label.

    Attributes:
        out_channels: C1 + C2 + K, for the next layer to ask.

    Shape:
        - ``video``: ``(N, C1, T, H, W)``
        - ``appearance``: ``(N, C2, H, W)``
        - ``label``: ``(N,)`` integers in [0, K), or ``(N, K)`` rows
        - Output: ``(N, C1 + C2 + K, T, H, W)``

    Raises:
        ValueError: If a number of channels is negative, or a stream is missing or not expected.
        ShapeError: In ``forward``, if a stream has another layout than stated.

    Example:
        >>> fuse = SpatioTemporalFusion(64, appearance_channels=32, num_classes=6)
        >>> video, appearance = torch.zeros(2, 64, 4, 8, 8), torch.zeros(2, 32, 8, 8)
        >>> fuse(video, appearance, torch.tensor([0, 5])).shape
        torch.Size([2, 102, 4, 8, 8])

    References:
        Wang et al., ImaGINator: Conditional Spatio-Temporal GAN for Video Generation, WACV 2020.
    """

    def __init__(
        self, video_channels: int, appearance_channels: int = 0, num_classes: int = 0
    ) -> None:
        super().__init__()
        self.video_channels = check_positive(video_channels, "video_channels")
        for name, count in (
            ("appearance_channels", appearance_channels),
            ("num_classes", num_classes),
        ):
            if count < 0:
                raise ValueError(f"{name} must be at least 0, got {count}")
        self.appearance_channels = appearance_channels
        self.num_classes = num_classes
        self.out_channels = video_channels + appearance_channels + num_classes

    def forward(
        self, video: Tensor, appearance: Tensor | None = None, label: Tensor | None = None
    ) -> Tensor:
        """Fuse; each stream is needed exactly if the constructor gave it channels."""
        self._check_given("appearance", appearance, self.appearance_channels)
        self._check_given("label", label, self.num_classes)
        check_layout(video, "N C T H W", name="video", C=self.video_channels)
        others = []
        if appearance is not None:
            check_layout(appearance, "N C H W", name="appearance", C=self.appearance_channels)
            others.append(appearance)
        if label is not None:
            others.append(one_hot_label(label, self.num_classes, dtype=video.dtype))
        return concat_streams(video, others)

    @staticmethod
    def _check_given(name: str, stream: Tensor | None, channels: int) -> None:
        if stream is None and channels:
            raise ValueError(f"this fusion was built for {channels} channels of {name}; pass it")
        if stream is not None and not channels:
            raise ValueError(f"this fusion was built without {name}; do not pass one")

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the output for video features of ``(N, C1, T, H, W)``."""
        if input_shape[1] != self.video_channels:
            raise ShapeError(
                f"video must have {self.video_channels} channels, got {input_shape[1]}"
            )
        return (input_shape[0], self.out_channels, *input_shape[2:])

    def extra_repr(self) -> str:
        """Channels of the three streams."""
        return (
            f"{self.video_channels}, appearance_channels={self.appearance_channels}, "
            f"num_classes={self.num_classes}"
        )

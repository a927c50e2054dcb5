"""Fusion by addition: appearance, label and motion are added to the features that move."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from stgan._checks import check_axes, check_layout
from stgan.blocks.fusion import Fusion
from stgan.example import Example
from stgan.functional.fusion import add_streams, expand_over_time
from stgan.registry import FUSIONS

__all__ = ["AddFusion", "AddTemporalConcatSpatialFusion"]


@FUSIONS.register(
    "add",
    source="Long et al., Fully Convolutional Networks, CVPR 2015, section 4.2",
    shape="(N, C1, T, H, W), (N, C2, H, W), (N,) -> (N, C1, T, H, W)",
    aliases=("sum",),
    example=Example(
        settings={"video_channels": 4, "appearance_channels": 2, "num_classes": 3},
        inputs={"video": "N 4 T H W", "appearance": "N 2 H W", "label": "N < 3"},
    ),
)
class AddFusion(Fusion):
    """Add appearance and label to every frame, each through a linear map to the video's width.

    The map of the appearance is a 1 x 1 convolution, run once for the clip, that of the label a
    vector per class. See :func:`stgan.functional.add_streams`.

    Args:
        video_channels: C1.
        appearance_channels: C2; 0 for a fusion without appearance.
        num_classes: K; 0 for a fusion without label.
        zero_init: Whether the maps start at zero, so that the fusion starts as the identity.

    Attributes:
        out_channels: C1, for the next layer to ask.

    Shape:
        - ``video``: ``(N, C1, T, H, W)``
        - ``appearance``: ``(N, C2, H, W)``
        - ``label``: ``(N,)`` integers in [0, K), or ``(N, K)`` rows
        - Output: ``(N, C1, T, H, W)``

    Raises:
        ValueError: If a number of channels is negative, or a stream is missing or not expected.
        ShapeError: In ``forward``, if a stream has another layout than stated.

    Example:
        >>> fuse = AddFusion(64, appearance_channels=32, num_classes=6)
        >>> video, appearance = torch.zeros(2, 64, 4, 8, 8), torch.zeros(2, 32, 8, 8)
        >>> fuse(video, appearance, torch.tensor([0, 5])).shape
        torch.Size([2, 64, 4, 8, 8])

    Differs from the source:
        There, the skipped features are mapped to class scores and added to upsampled scores, and
        the maps start at zero (here ``zero_init=True``). The label is an addition.

    References:
        Long et al., Fully Convolutional Networks for Semantic Segmentation, CVPR 2015, section 4.2.
    """

    def __init__(
        self,
        video_channels: int,
        appearance_channels: int = 0,
        num_classes: int = 0,
        *,
        zero_init: bool = False,
    ) -> None:
        super().__init__(video_channels, appearance_channels, num_classes)
        self.appearance_map = (
            nn.Conv2d(appearance_channels, video_channels, 1) if appearance_channels else None
        )
        self.label_map = nn.Linear(num_classes, video_channels, bias=False) if num_classes else None
        if zero_init:
            for parameter in self.parameters():
                nn.init.zeros_(parameter)

    def forward(
        self, video: Tensor, appearance: Tensor | None = None, label: Tensor | None = None
    ) -> Tensor:
        """Fuse; each stream is needed exactly if the constructor gave it channels."""
        rows = self.check_streams(video, appearance, label)
        others = []
        if self.appearance_map is not None:
            others.append(self.appearance_map(appearance))
        if self.label_map is not None:
            others.append(self.label_map(rows))
        return add_streams(video, others)


@FUSIONS.register(
    "add_temporal_concat_spatial",
    source="Wang et al., G3AN, CVPR 2020; released code, model/ops.py",
    shape="(N, C1, T, H, W), (N, C2, H, W), (N,), (N, C1, T) -> (N, C2 + C1, T, H, W)",
    example=Example(
        settings={"video_channels": 4, "appearance_channels": 2, "num_classes": 3},
        inputs={
            "video": "N 4 T H W",
            "appearance": "N 2 H W",
            "label": "N < 3",
            "motion": "N 4 T",
        },
    ),
)
class AddTemporalConcatSpatialFusion(Fusion):
    """Add what is constant in space to the video, and put what is constant in time before it.

    The temporal stream is added to every pixel; the spatial stream is concatenated, in front, as in
    the source. A label is a temporal stream that stands still: a vector per class, added. See
    :func:`stgan.functional.add_streams`.

    Args:
        video_channels: C1.
        appearance_channels: C2; 0 for a fusion without appearance.
        num_classes: K; 0 for a fusion without label.

    Attributes:
        out_channels: C2 + C1, for the next layer to ask.

    Shape:
        - ``video``: ``(N, C1, T, H, W)``
        - ``appearance``: ``(N, C2, H, W)``, the spatial stream
        - ``label``: ``(N,)`` integers in [0, K), or ``(N, K)`` rows
        - ``motion``: ``(N, C1, T)``, the temporal stream
        - Output: ``(N, C2 + C1, T, H, W)``, the appearance first

    Raises:
        ValueError: If a number of channels is negative, or a stream is missing or not expected.
        ShapeError: In ``forward``, if a stream has another layout than stated.

    Example:
        >>> fuse = AddTemporalConcatSpatialFusion(64, appearance_channels=32)
        >>> video, appearance = torch.zeros(2, 64, 4, 8, 8), torch.ones(2, 32, 8, 8)
        >>> fused = fuse(video, appearance, motion=torch.zeros(2, 64, 4))
        >>> fused.shape, fused[:, :32].unique(), fused[:, 32:].unique()
        (torch.Size([2, 96, 4, 8, 8]), tensor([1.]), tensor([0.]))

    Differs from the source:
        There is no label in it, the three streams have one width, and the motion is not optional.

    References:
        Wang et al., G3AN: Disentangling Appearance and Motion for Video Generation, CVPR 2020;
        released code, ``model/ops.py``.
    """

    def __init__(
        self, video_channels: int, appearance_channels: int = 0, num_classes: int = 0
    ) -> None:
        super().__init__(video_channels, appearance_channels, num_classes)
        self.label_map = nn.Linear(num_classes, video_channels, bias=False) if num_classes else None
        self.out_channels = self.appearance_channels + self.video_channels

    def forward(
        self,
        video: Tensor,
        appearance: Tensor | None = None,
        label: Tensor | None = None,
        *,
        motion: Tensor | None = None,
    ) -> Tensor:
        """Fuse; appearance and label are needed exactly if they have channels, motion never."""
        rows = self.check_streams(video, appearance, label)
        others = []
        if motion is not None:
            n, c, t, _, _ = video.shape
            check_layout(motion, "N C T", name="motion", N=n, C=c, T=t)
            others.append(motion)
        if self.label_map is not None:
            others.append(self.label_map(rows))
        moved = add_streams(video, others)
        if appearance is None:
            return moved
        return torch.cat([expand_over_time(appearance, video.shape[2]), moved], dim=1)

    def output_shape(
        self,
        video: Sequence[int],
        appearance: Sequence[int] | None = None,
        label: Sequence[int] | None = None,
        motion: Sequence[int] | None = None,
    ) -> tuple[int, ...]:
        """Shape of the output for streams of these shapes; only the video's is needed.

        Raises:
            ShapeError: If ``forward`` would refuse one of the shapes.
        """
        shape = super().output_shape(video, appearance, label)
        if motion is not None:
            n, c, t, _, _ = video
            check_axes(tuple(motion), "N C T", name="motion", N=n, C=c, T=t)
        return shape

"""Fusion by attention: the features that move look at appearance and label."""

from typing import ClassVar

import torch
from einops import rearrange
from torch import Tensor, nn

from stgan._checks import check_positive
from stgan.blocks.fusion import Fusion
from stgan.example import Example
from stgan.functional.fusion import attend_to_tokens
from stgan.registry import FUSIONS

__all__ = ["CrossAttentionFusion"]


@FUSIONS.register(
    "cross_attention",
    source="Rombach et al., Latent Diffusion, CVPR 2022, section 3.3",
    shape="(N, C1, T, H, W), (N, C2, H', W'), (N,) -> (N, C1, T, H, W)",
    example=Example(
        settings={
            "video_channels": 4,
            "appearance_channels": 2,
            "num_classes": 3,
            "num_heads": 2,
        },
        inputs={"video": "N 4 T H W", "appearance": "N 2 H2 W2", "label": "N < 3"},
    ),
)
class CrossAttentionFusion(Fusion):
    r"""Let every position of the video read from the pixels of the appearance and from the label.

    Pixels and label are tokens :math:`\tau`, each kind with key and value maps of its own, and

    .. math:: y = x + g W_O \, \mathrm{Attention}(W_Q x, W_K \tau, W_V \tau)

    with a learned number :math:`g` that starts at 0, so that the fusion starts as the identity; see
    :func:`stgan.functional.attend_to_tokens`. The appearance may have any height and width. Where a
    token was in the appearance is known only as far as its features tell. Time and memory grow with
    T H W times the number of tokens: meant for coarse levels.

    Args:
        video_channels: C1.
        appearance_channels: C2; 0 for a fusion without appearance.
        num_classes: K; 0 for a fusion without label.
        num_heads: How many places a position reads from at a time.
        head_channels: Channels of one head; ``None`` for C1 divided by the heads, rounded up.
        fused: Whether torch's fused kernels may be used; ``False`` to differentiate twice.

    Attributes:
        out_channels: C1, for the next layer to ask.
        head_channels: The resolved number of channels of one head.

    Shape:
        - ``video``: ``(N, C1, T, H, W)``
        - ``appearance``: ``(N, C2, H', W')``
        - ``label``: ``(N,)`` integers in [0, K), or ``(N, K)`` rows
        - Output: ``(N, C1, T, H, W)``

    Raises:
        ValueError: If a number of channels is negative, or a stream is missing or not expected.
        ShapeError: In ``forward``, if a stream has another layout than stated.

    Example:
        >>> fuse = CrossAttentionFusion(64, appearance_channels=32, num_classes=6)
        >>> video, appearance = torch.zeros(2, 64, 4, 8, 8), torch.zeros(2, 32, 16, 16)
        >>> fuse(video, appearance, torch.tensor([0, 5])).shape
        torch.Size([2, 64, 4, 8, 8])

    Differs from the source:
        There is no normalization and no feed-forward layer around the attention, and the gate is
        that of SAGAN.

    References:
        Vaswani et al., Attention Is All You Need, NeurIPS 2017, section 3.2; Rombach et al.,
        High-Resolution Image Synthesis with Latent Diffusion Models, CVPR 2022, section 3.3; Zhang
        et al., SAGAN, ICML 2019, equation 3 (gate).
    """

    same_size: ClassVar[bool] = False

    def __init__(
        self,
        video_channels: int,
        appearance_channels: int = 0,
        num_classes: int = 0,
        *,
        num_heads: int = 4,
        head_channels: int | None = None,
        fused: bool = True,
    ) -> None:
        super().__init__(video_channels, appearance_channels, num_classes)
        self.num_heads = check_positive(num_heads, "num_heads")
        self.head_channels = -(-self.video_channels // self.num_heads)
        if head_channels is not None:
            self.head_channels = check_positive(head_channels, "head_channels")
        self.fused = fused
        if not self.static_channels:
            return
        width = self.num_heads * self.head_channels
        self.query = nn.Conv3d(video_channels, width, 1, bias=False)
        # Key in the first half, value in the second.
        if appearance_channels:
            self.appearance_map = nn.Conv2d(appearance_channels, 2 * width, 1, bias=False)
        if num_classes:
            self.label_map = nn.Linear(num_classes, 2 * width, bias=False)
        self.out = nn.Conv3d(width, video_channels, 1)
        self.gate = nn.Parameter(torch.zeros(1))

    def forward(
        self, video: Tensor, appearance: Tensor | None = None, label: Tensor | None = None
    ) -> Tensor:
        """Fuse; each stream is needed exactly if the constructor gave it channels."""
        rows = self.check_streams(video, appearance, label)
        if not self.static_channels:
            return video
        tokens = []
        if appearance is not None:
            tokens.append(rearrange(self.appearance_map(appearance), "n d h w -> n (h w) d"))
        if rows is not None:
            tokens.append(self.label_map(rows).unsqueeze(1))
        key, value = torch.cat(tokens, dim=1).chunk(2, dim=2)
        read = attend_to_tokens(
            self.query(video), key, value, num_heads=self.num_heads, fused=self.fused
        )
        return video + self.gate * self.out(read)

    def extra_repr(self) -> str:
        """Channels of the three streams and of the heads."""
        heads = f"num_heads={self.num_heads}, head_channels={self.head_channels}"
        return f"{super().extra_repr()}, {heads}"

"""Self-attention over time, and over space."""

import torch
from torch import Tensor, nn

from stgan._checks import check_layout, check_positive
from stgan.example import Example
from stgan.functional.attention import attend, check_axes
from stgan.layers._video_shape import Shape5, video_shape
from stgan.layers.spectral_norm import spectral_norm as with_spectral_norm
from stgan.registry import LAYERS

__all__ = ["SpatialAttention", "TemporalAttention"]

_SHAPE = "(N, C, T, H, W) -> (N, C, T, H, W)"


class GatedAttention(nn.Module):
    """Self-attention along some axes, added to its input through a gate that begins at zero."""

    def __init__(
        self,
        channels: int,
        axes: str,
        *,
        num_heads: int = 1,
        qk_channels: int | None = None,
        causal: bool = False,
        fused: bool = True,
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        self.channels = check_positive(channels, "channels")
        self.axes = check_axes(axes)
        self.num_heads = check_positive(num_heads, "num_heads")
        if qk_channels is None:
            qk_channels = num_heads * max(1, channels // 8 // num_heads)
        self.qk_channels = check_positive(qk_channels, "qk_channels")
        if channels % num_heads or qk_channels % num_heads:
            raise ValueError(
                f"num_heads must divide channels and qk_channels, got {num_heads} for {channels} "
                f"and {qk_channels}"
            )
        if causal and axes != "T":
            raise ValueError(f"only attention over 'T' can be causal, got axes {axes!r}")
        self.causal = causal
        self.fused = fused
        self.query = nn.Conv3d(channels, qk_channels, 1)
        self.key = nn.Conv3d(channels, qk_channels, 1)
        self.value = nn.Conv3d(channels, channels, 1)
        self.out = nn.Conv3d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))
        if spectral_norm:
            for conv in (self.query, self.key, self.value, self.out):
                with_spectral_norm(conv)

    def forward(self, video: Tensor) -> Tensor:
        """Attend within ``(N, channels, T, H, W)``."""
        check_layout(video, "N C T H W", name="video", C=self.channels)
        seen = attend(
            self.query(video),
            self.key(video),
            self.value(video),
            axes=self.axes,
            num_heads=self.num_heads,
            causal=self.causal,
            fused=self.fused,
        )
        return video + self.gamma * self.out(seen)

    def output_shape(self, input_shape: tuple[int, ...]) -> Shape5:
        """Shape of the output, which is that of the input."""
        return video_shape(input_shape, C=self.channels)

    def extra_repr(self) -> str:
        """Axes, heads and order."""
        return f"axes={self.axes!r}, num_heads={self.num_heads}, causal={self.causal}"


@LAYERS.register(
    "temporal_attention",
    source="Wang et al., G3AN, CVPR 2020, temporal half of the factorized self-attention; gate of "
    "Zhang et al., SAGAN, ICML 2019",
    shape=_SHAPE,
    example=Example(
        settings={"channels": 4, "num_heads": 2, "causal": True}, inputs={"video": "N 4 T H W"}
    ),
)
class TemporalAttention(GatedAttention):
    r"""Let every pixel attend over its own time.

    With 1x1x1 convolutions :math:`q, k, v, o` and :func:`stgan.functional.attend` over T,

    .. math:: y = x + \gamma\, o(\operatorname{attend}(q(x), k(x), v(x))) .

    The gate :math:`\gamma` begins at zero, so that the layer begins as the identity.

    Args:
        channels: Channels of the input.
        num_heads: Heads; must divide ``channels`` and ``qk_channels``.
        qk_channels: Channels of query and key together over all heads; ``None`` for an eighth of
            ``channels``, at least one for each head.
        causal: Whether a frame sees only itself and the frames before.
        fused: Whether torch's fused kernels may be used; ``False`` where the layer must be
            differentiated twice, as a gradient penalty does.
        spectral_norm: Whether the convolutions are wrapped by :func:`stgan.layers.spectral_norm`.
            Initialize them before that, with ``False``, if they are to start from other weights.

    Shape:
        - Input: ``(N, channels, T, H, W)``
        - Output: ``(N, channels, T, H, W)``

    Raises:
        ValueError: If the heads do not divide the channels.
        ShapeError: In ``forward``, if the input has another layout.

    Example:
        >>> layer = TemporalAttention(16, num_heads=2)
        >>> video = torch.randn(2, 16, 4, 8, 8)
        >>> bool((layer(video) == video).all()), layer.qk_channels
        (True, 2)

    Differs from the source:
        Products are divided by the square root of the width of a head, which SAGAN and G3AN leave
        out; the released G3AN scrambles the axes of the result, and has no last convolution.

    References:
        Wang et al., G3AN: Disentangling Appearance and Motion for Video Generation, CVPR 2020;
        Zhang et al., Self-Attention Generative Adversarial Networks, ICML 2019, equations 1 to 3.
    """

    def __init__(
        self,
        channels: int,
        *,
        num_heads: int = 1,
        qk_channels: int | None = None,
        causal: bool = False,
        fused: bool = True,
        spectral_norm: bool = False,
    ) -> None:
        super().__init__(
            channels,
            "T",
            num_heads=num_heads,
            qk_channels=qk_channels,
            causal=causal,
            fused=fused,
            spectral_norm=spectral_norm,
        )


@LAYERS.register(
    "spatial_attention",
    source="Zhang et al., SAGAN, ICML 2019, equations 1 to 3, in every frame",
    shape=_SHAPE,
    example=Example(settings={"channels": 4, "num_heads": 2}, inputs={"video": "N 4 T H W"}),
)
class SpatialAttention(GatedAttention):
    """Let every frame attend over its own pixels.

    As :class:`TemporalAttention`, but over H and W together; the gate begins at zero.

    Args:
        channels: Channels of the input.
        num_heads: Heads; must divide ``channels`` and ``qk_channels``.
        qk_channels: Channels of query and key; ``None`` for an eighth of ``channels``, at least one
            for each head.
        fused: Whether torch's fused kernels may be used; ``False`` to differentiate twice.
        spectral_norm: Whether the convolutions are wrapped by :func:`stgan.layers.spectral_norm`.

    Shape:
        - Input: ``(N, channels, T, H, W)``
        - Output: ``(N, channels, T, H, W)``

    Raises:
        ValueError: If the heads do not divide the channels.
        ShapeError: In ``forward``, if the input has another layout.

    Example:
        >>> SpatialAttention(16)(torch.zeros(2, 16, 4, 8, 8)).shape
        torch.Size([2, 16, 4, 8, 8])

    Differs from the source:
        As :class:`TemporalAttention`.

    References:
        Zhang et al., Self-Attention Generative Adversarial Networks, ICML 2019, equations 1 to 3.
    """

    def __init__(
        self,
        channels: int,
        *,
        num_heads: int = 1,
        qk_channels: int | None = None,
        fused: bool = True,
        spectral_norm: bool = False,
    ) -> None:
        super().__init__(
            channels,
            "HW",
            num_heads=num_heads,
            qk_channels=qk_channels,
            fused=fused,
            spectral_norm=spectral_norm,
        )

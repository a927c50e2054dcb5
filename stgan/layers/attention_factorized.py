"""Self-attention over all of a clip in cheap steps: time, then space, or axis by axis."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from stgan._checks import check_positive
from stgan.example import Example
from stgan.functional.attention import check_axes
from stgan.layers._video_shape import Shape5, video_shape
from stgan.layers.attention import GatedAttention
from stgan.registry import LAYERS

__all__ = ["AxialAttention", "FactorizedAttention"]

_SHAPE = "(N, C, T, H, W) -> (N, C, T, H, W)"


class _InTurn(nn.Module):
    """Several gated attentions, one after another."""

    def __init__(self, channels: int, axes: Sequence[str], causal: bool, **settings: Any) -> None:
        super().__init__()
        self.channels = check_positive(channels, "channels")
        self.steps = nn.ModuleList(
            GatedAttention(channels, each, causal=causal and each == "T", **settings)
            for each in axes
        )

    def forward(self, video: Tensor) -> Tensor:
        """Attend within ``(N, channels, T, H, W)``."""
        for step in self.steps:
            video = step(video)
        return video

    def output_shape(self, input_shape: tuple[int, ...]) -> Shape5:
        """Shape of the output, which is that of the input."""
        return video_shape(input_shape, C=self.channels)


@LAYERS.register(
    "factorized_attention",
    source="Wang et al., G3AN, CVPR 2020, factorized self-attention",
    shape=_SHAPE,
    example=Example(settings={"channels": 4}, inputs={"video": "N 4 T H W"}),
)
class FactorizedAttention(_InTurn):
    """Attend over time, then over space: everything reaches everything in two cheap steps.

    A :class:`TemporalAttention`, then a :class:`SpatialAttention`, each with weights and a gate of
    its own. For S pixels this weighs T + S places per place instead of T S.

    Args:
        channels: Channels of the input.
        num_heads: Heads; must divide ``channels`` and ``qk_channels``.
        qk_channels: Channels of query and key; ``None`` for an eighth of ``channels``, at least one
            for each head.
        causal: Whether a frame sees only itself and the frames before.
        fused: Whether torch's fused kernels may be used; ``False`` to differentiate twice.
        spectral_norm: Whether the convolutions are wrapped by :func:`stgan.layers.spectral_norm`.

    Shape:
        - Input: ``(N, channels, T, H, W)``
        - Output: ``(N, channels, T, H, W)``

    Raises:
        ValueError: If the heads do not divide the channels.
        ShapeError: In ``forward``, if the input has another layout.

    Example:
        >>> FactorizedAttention(16)(torch.zeros(2, 16, 4, 8, 8)).shape
        torch.Size([2, 16, 4, 8, 8])

    Differs from the source:
        As :class:`TemporalAttention`.

    References:
        Wang et al., G3AN: Disentangling Appearance and Motion for Video Generation, CVPR 2020;
        released code, ``model/ops.py``.
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
            ("T", "HW"),
            causal,
            num_heads=num_heads,
            qk_channels=qk_channels,
            fused=fused,
            spectral_norm=spectral_norm,
        )


@LAYERS.register(
    "axial_attention",
    source="Ho et al., Axial Attention in Multidimensional Transformers, 2019; Clark et al., "
    "DVD-GAN, 2019, separable attention",
    shape=_SHAPE,
    example=Example(
        settings={"channels": 4, "axes": "HWT", "causal": True}, inputs={"video": "N 4 T H W"}
    ),
)
class AxialAttention(_InTurn):
    """Attend along single axes, one after another.

    Each step is a :class:`TemporalAttention` along one axis, with weights and a gate of its own.

    Args:
        channels: Channels of the input.
        axes: Which axes, in this order: some of T, H and W, each once.
        num_heads: Heads; must divide ``channels`` and ``qk_channels``.
        qk_channels: Channels of query and key; ``None`` for an eighth of ``channels``, at least one
            for each head.
        causal: Whether, along T, a frame sees only itself and the frames before.
        fused: Whether torch's fused kernels may be used; ``False`` to differentiate twice.
        spectral_norm: Whether the convolutions are wrapped by :func:`stgan.layers.spectral_norm`.

    Shape:
        - Input: ``(N, channels, T, H, W)``
        - Output: ``(N, channels, T, H, W)``

    Raises:
        ValueError: If the axes are none, or the heads do not divide the channels.
        ShapeError: In ``forward``, if the input has another layout.

    Example:
        >>> AxialAttention(16, "HW")(torch.zeros(2, 16, 4, 8, 8)).shape
        torch.Size([2, 16, 4, 8, 8])

    Differs from the source:
        Every step has a gate that begins at zero, as in SAGAN; there are no feed-forward layers.

    References:
        Ho et al., Axial Attention in Multidimensional Transformers, 2019; Clark, Donahue and
        Simonyan, Adversarial Video Generation on Complex Datasets (DVD-GAN), 2019.
    """

    def __init__(
        self,
        channels: int,
        axes: str = "THW",
        *,
        num_heads: int = 1,
        qk_channels: int | None = None,
        causal: bool = False,
        fused: bool = True,
        spectral_norm: bool = False,
    ) -> None:
        super().__init__(
            channels,
            check_axes(axes),
            causal,
            num_heads=num_heads,
            qk_channels=qk_channels,
            fused=fused,
            spectral_norm=spectral_norm,
        )

"""Joining features that move with features that do not."""

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from stgan._checks import check_count, check_floats, check_layout, check_positive, refuse_mixed
from stgan.errors import ShapeError
from stgan.functional._conv_layout import is_transformed

__all__ = [
    "FusedFeatures",
    "add_streams",
    "attend_to_tokens",
    "concat_streams",
    "expand_over_time",
    "gate_streams",
    "modulate_video",
]


class FusedFeatures(NamedTuple):
    """Features that are fused, but not yet repeated and concatenated.

    The convolutions and stages of this library take them in place of a video, and save the
    repetition of the static parts. Give any other layer what :meth:`materialize` returns. Channels
    come in the order of the attributes.

    Attributes:
        video: ``(N, C1, T, H, W)``.
        statics: Each ``(N, C_i, H, W)``, constant in time, or ``(N, C_i)``, constant in time and
            space.
    """

    video: Tensor
    statics: tuple[Tensor, ...]

    @property
    def shape(self) -> torch.Size:
        """Shape that :meth:`materialize` would have."""
        n, c, *size = self.video.shape
        for static in self.statics:
            c += static.shape[1]
        return torch.Size((n, c, *size))

    def materialize(self) -> Tensor:
        """Repeat and concatenate; see :func:`concat_streams`."""
        return concat_streams(self.video, self.statics)

    @classmethod
    def __torch_function__(cls, function: Any, *_: Any, **__: Any) -> NoReturn:
        """Refuse torch's own functions and layers, which take tensors."""
        name = getattr(function, "__name__", "a function")
        raise TypeError(
            f"{name} of torch takes tensors, got FusedFeatures; pass what its materialize() "
            f"returns, or take a layer of stgan, which uses that it is not repeated in time"
        )

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"FusedFeatures has no {name!r}, as it is no tensor; use what its materialize() returns"
        )


def expand_over_time(image: Tensor, num_frames: int) -> Tensor:
    """Show a feature map to every frame, as a view.

    Args:
        image: ``(N, C, H, W)``.
        num_frames: Number of frames, T.

    Returns:
        ``(N, C, T, H, W)``, constant over T.

    Example:
        >>> expand_over_time(torch.zeros(2, 5, 8, 8), 4).shape
        torch.Size([2, 5, 4, 8, 8])
    """
    check_layout(image, "N C H W", name="image")
    return image.unsqueeze(2).expand(-1, -1, check_count(num_frames, "num_frames"), -1, -1)


def concat_streams(video: Tensor, others: Sequence[Tensor]) -> Tensor:
    """Concatenate appearance maps and label rows to video features, along the channels.

    Args:
        video: ``(N, C, T, H, W)``; stays in front, bit for bit.
        others: Each ``(N, C_i, H, W)``, constant in time, or ``(N, C_i)``, constant in time and
            space.

    Returns:
        ``(N, C + sum of C_i, T, H, W)``, in the type of the video.

    Raises:
        ShapeError: If a map has another batch size, height or width than the video.

    Example:
        >>> appearance, label = torch.zeros(2, 5, 8, 8), torch.zeros(2, 6)
        >>> concat_streams(torch.zeros(2, 3, 4, 8, 8), [appearance, label]).shape
        torch.Size([2, 14, 4, 8, 8])

    References:
        Wang et al., ImaGINator, WACV 2020, abstract (spatio-temporal fusion); released code,
        ``model/networks.py``, ``DecBlock``, channels in the order video, appearance, label.
    """
    check_layout(video, "N C T H W", name="video")
    size = video.shape[2:]
    # In one type: a label of float32 would make all of a video in half precision twice as large.
    views = (_beside(video, other, "N C H W", "N C").to(video.dtype) for other in others)
    spread = [view.expand(-1, -1, *size) for view in views]
    if is_transformed() or not video.is_contiguous(memory_format=torch.channels_last_3d):
        return torch.cat([video, *spread], dim=1)
    # Views that stand still have no layout, and torch would not keep that of the video.
    return torch.cat([part.movedim(1, -1) for part in (video, *spread)], dim=-1).movedim(-1, 1)


def add_streams(video: Tensor, others: Sequence[Tensor]) -> Tensor:
    r"""Add to video features what is constant in time, in space or in both.

    .. math:: y_{c t h w} = x_{c t h w} + \sum_i a^{(i)}_{c h w} + \sum_j m^{(j)}_{c t}
        + \sum_k l^{(k)}_{c}

    Nothing is repeated in memory; the streams are summed before they meet the video.

    Args:
        video: ``(N, C, T, H, W)``.
        others: Each ``(N, C, H, W)``, constant in time, ``(N, C, T)``, constant in space, or
            ``(N, C)``, constant in both.

    Returns:
        ``(N, C, T, H, W)``.

    Raises:
        ShapeError: If a stream does not fit the video.

    Example:
        >>> video, motion = torch.zeros(2, 3, 4, 8, 8), torch.ones(2, 3, 4)
        >>> add_streams(video, [motion, torch.ones(2, 3)]).unique()
        tensor([2.])

    References:
        Long et al., Fully Convolutional Networks, CVPR 2015, section 4.2 (skips are added); Wang et
        al., G3AN, CVPR 2020; released code, ``model/ops.py`` (the temporal stream is added).
    """
    check_layout(video, "N C T H W", name="video")
    views = [_beside(video, other, "N C H W", "N C T", "N C", same_width=True) for other in others]
    if not views:
        return video
    # Among themselves first: they are smaller than the video.
    return video + functools.reduce(torch.add, views)


def modulate_video(video: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    r"""Scale and shift video features around the identity.

    .. math:: y = (1 + \gamma) \odot x + \beta

    Args:
        video: ``(N, C, T, H, W)``.
        scale: The difference :math:`\gamma` from one: ``(N, C)``, or ``(N, C, H, W)`` for another
            at every pixel; constant in time.
        shift: :math:`\beta`, laid out as ``scale`` may be.

    Returns:
        ``(N, C, T, H, W)``.

    Raises:
        ShapeError: If scale or shift does not fit the video.

    Example:
        >>> video, scale = torch.ones(1, 2, 4, 8, 8), torch.tensor([[0.0, 1.0]])
        >>> modulate_video(video, scale, torch.zeros(1, 2))[0, :, 0, 0, 0]
        tensor([1., 2.])

    References:
        Perez et al., FiLM, AAAI 2018, section 2.1 (per channel); Park et al., SPADE, CVPR 2019,
        equation 1 (per pixel).
    """
    check_layout(video, "N C T H W", name="video")
    gamma, beta = (
        _beside(video, other, "N C H W", "N C", same_width=True) for other in (scale, shift)
    )
    return (1 + gamma) * video + beta


def gate_streams(video: Tensor, still: Tensor, gate: Tensor) -> Tensor:
    r"""Let a gate choose, position by position, between what moves and what does not.

    .. math:: y = \sigma(g) \odot \tanh(x) + (1 - \sigma(g)) \odot \tanh(s)

    Args:
        video: :math:`x`, ``(N, C, T, H, W)``, before the tanh.
        still: :math:`s`, ``(N, C, H, W)`` or ``(N, C)``, before the tanh.
        gate: :math:`g`, ``(N, C, T, H, W)``, before the sigmoid; large where the video passes.

    Returns:
        ``(N, C, T, H, W)``, in (-1, 1).

    Raises:
        ShapeError: If ``still`` or ``gate`` does not fit the video.

    Example:
        >>> video, still = torch.full((1, 1, 2, 1, 1), 9.0), torch.full((1, 1), -9.0)
        >>> gate_streams(video, still, torch.zeros(1, 1, 2, 1, 1)).flatten()
        tensor([0., 0.])

    References:
        Arevalo et al., Gated Multimodal Units for Information Fusion, ICLR 2017 workshop,
        section 3.1 (the unit for two modalities).
    """
    check_layout(video, "N C T H W", name="video")
    opened = _beside(video, gate, "N C T H W", same_width=True).sigmoid()
    quiet = _beside(video, still, "N C H W", "N C", same_width=True).tanh()
    return quiet + opened * (video.tanh() - quiet)


def attend_to_tokens(
    query: Tensor, key: Tensor, value: Tensor, *, num_heads: int, fused: bool = True
) -> Tensor:
    r"""Let every position of a video read from a set of tokens, several heads at a time.

    For each head, with :math:`d = D / \text{num\_heads}`,

    .. math:: y = \mathrm{softmax}(Q K^\top / \sqrt{d}) V .

    Args:
        query: :math:`Q`, ``(N, D, T, H, W)``.
        key: :math:`K`, ``(N, S, D)``, for S tokens.
        value: :math:`V`, ``(N, S, D)``.
        num_heads: Into how many heads D is cut; head after head along D.
        fused: Whether torch's fused kernels may be used, which can be differentiated once only;
            ``False`` writes the products out and holds all T H W S weights in memory.

    Returns:
        ``(N, D, T, H, W)``.

    Raises:
        ShapeError: If keys or values do not fit the queries.
        ValueError: If ``num_heads`` does not divide D.

    Example:
        >>> query, tokens = torch.zeros(2, 8, 4, 6, 6), torch.ones(2, 10, 8)
        >>> attend_to_tokens(query, tokens, tokens, num_heads=2).shape
        torch.Size([2, 8, 4, 6, 6])

    References:
        Vaswani et al., Attention Is All You Need, NeurIPS 2017, section 3.2.
    """
    check_layout(query, "N D T H W", name="query")
    n, d, t, h, _ = query.shape
    check_layout(key, "N S D", name="key", N=n, D=d)
    check_layout(value, "N S D", name="value", N=n, S=key.shape[1], D=d)
    if not query.dtype is key.dtype is value.dtype:
        refuse_mixed("query, key and value", query, key, value)
    if d % check_positive(num_heads, "num_heads"):
        raise ValueError(f"num_heads {num_heads} does not divide the {d} channels of the query")
    # The fused kernels want the channels of a head side by side.
    q = rearrange(query, "n (heads d) t h w -> n heads (t h w) d", heads=num_heads).contiguous()
    k, v = (rearrange(x, "n s (heads d) -> n heads s d", heads=num_heads) for x in (key, value))
    if fused:
        read = F.scaled_dot_product_attention(q, k, v)
    else:
        read = (q @ k.mT / math.sqrt(q.shape[-1])).softmax(dim=-1) @ v
    return rearrange(read, "n heads (t h w) d -> n (heads d) t h w", t=t, h=h)


def _beside(video: Tensor, other: Tensor, *layouts: str, same_width: bool = False) -> Tensor:
    """View a stream with the five axes of the video, of size 1 where it is constant."""
    check_floats(other, "a stream to fuse")
    known = dict(zip("NCTHW", video.shape, strict=True))
    if not same_width:
        del known["C"]
    for layout in layouts:
        axes = layout.split()
        if len(axes) == other.ndim and all(
            known.get(axis, size) == size for axis, size in zip(axes, other.shape, strict=True)
        ):
            return other[tuple(slice(None) if axis in axes else None for axis in "NCTHW")]
    wanted = [
        f"({', '.join(f'{a}={known[a]}' if a in known else a for a in layout.split())})"
        for layout in layouts
    ]
    raise ShapeError(
        f"a stream to fuse with video features {tuple(video.shape)} must be "
        f"{', '.join(wanted[:-1])}{' or ' if wanted[1:] else ''}{wanted[-1]}, "
        f"got {tuple(other.shape)}"
    )

"""Attention along chosen axes of a clip."""

import math

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from stgan._checks import check_layout, check_positive, refuse_mixed
from stgan.errors import ShapeError

__all__ = ["attend"]


def check_axes(axes: str) -> str:
    """Return ``axes`` if it names some of T, H and W, each once; raise ``ValueError`` otherwise."""
    if not axes or len(set(axes)) < len(axes) or not set(axes) <= set("THW"):
        raise ValueError(f"axes must name some of T, H and W, each once, got {axes!r}")
    return axes


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    axes: str = "T",
    num_heads: int = 1,
    causal: bool = False,
    fused: bool = True,
) -> Tensor:
    r"""Let every place look at the places that share its other axes.

    With ``axes="T"`` every pixel looks along its own time, with ``"HW"`` every frame at itself,
    with ``"THW"`` everything at everything. For places :math:`i` and :math:`j` that differ in
    ``axes`` only, and :math:`d` channels of a head,

    .. math:: y_i = \sum_j \operatorname{softmax}_j
              \left( \frac{q_i^\top k_j}{\sqrt{d}} \right) v_j .

    Heads are groups of neighboring channels.

    Args:
        query: ``(N, D, T, H, W)``.
        key: ``(N, D, T, H, W)``.
        value: ``(N, C, T, H, W)``.
        axes: Letters of T, H and W, each at most once; their order does not matter.
        num_heads: Must divide D and C.
        causal: Whether a frame sees only itself and the frames before; for ``axes="T"``.
        fused: Whether torch's fused kernels may be used. Those can be differentiated once only; a
            gradient penalty goes through attention with ``fused=False``, which writes the products
            out and holds all weights in memory.

    Returns:
        ``(N, C, T, H, W)``.

    Raises:
        ValueError: If the axes are none, or a causal order is asked of others than T.
        ShapeError: If the layouts differ, or the heads do not divide the channels.

    Example:
        >>> value = torch.tensor([1.0, 3.0]).reshape(1, 1, 2, 1, 1)
        >>> even = torch.zeros(1, 1, 2, 1, 1)
        >>> attend(even, even, value).flatten(), attend(even, even, value, causal=True).flatten()
        (tensor([2., 2.]), tensor([1., 2.]))

    References:
        Vaswani et al., Attention Is All You Need, NeurIPS 2017, equation 1; Wang et al., G3AN, CVPR
        2020, factorized self-attention (over T, then over H and W); Ho et al., Axial Attention in
        Multidimensional Transformers, 2019.
    """
    check_axes(axes)
    check_positive(num_heads, "num_heads")
    if causal and axes != "T":
        raise ValueError(f"only attention over 'T' can be causal, got axes {axes!r}")
    check_layout(query, "N D T H W", name="query")
    n, d, t, h, w = query.shape
    check_layout(key, "N D T H W", name="key", N=n, D=d, T=t, H=h, W=w)
    check_layout(value, "N C T H W", name="value", N=n, T=t, H=h, W=w)
    if not query.dtype is key.dtype is value.dtype:
        refuse_mixed("query, key and value", query, key, value)
    if d % num_heads or value.shape[1] % num_heads:
        raise ShapeError(
            f"num_heads {num_heads} must divide the channels, got {d} of query and key and "
            f"{value.shape[1]} of value"
        )
    seen = " ".join(axis for axis in "thw" if axis.upper() in axes)
    apart = " ".join(axis for axis in "thw" if axis.upper() not in axes)
    # Places apart stand beside the heads, not in the batch: fused kernels take at most 65535 in
    # either, which a batch times its pixels soon exceeds.
    there = f"n (m c) t h w -> n (m {apart}) ({seen}) c"
    back = f"n (m {apart}) ({seen}) c -> n (m c) t h w"
    q, k, v = (rearrange(x, there, m=num_heads) for x in (query, key, value))
    if fused:
        out = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    else:
        # Scaled first: the product alone leaves the range of float16.
        logits = (q / math.sqrt(q.shape[-1])) @ k.mT
        if causal:
            logits = logits + logits.new_full((t, t), -math.inf).triu(1)
        out = logits.softmax(dim=-1) @ v
    return rearrange(out, back, m=num_heads, t=t, h=h, w=w)

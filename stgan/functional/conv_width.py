"""Width between the two steps of a factorized convolution."""

from typing import Literal

from stgan._checks import as_integer, triple
from stgan.typing import MidChannels, Size3

__all__ = ["factorized_mid_channels"]


def factorized_mid_channels(
    rule: MidChannels,
    *,
    in_channels: int,
    out_channels: int,
    kernel_size: Size3,
    order: Literal["1p2d", "2p1d"] = "1p2d",
) -> int:
    r"""Channels between the two steps of a factorized convolution, forward or transposed.

    With kernel :math:`(t, h, w)`, :math:`d^2 = h w`, and :math:`c_i`, :math:`c_o` channels:

    - ``int``: that many.
    - ``"out"``: :math:`c_o`, the cheapest, as in the code of G3AN (Wang et al. 2020).
    - ``"match"``: so that both steps together have the weights of one dense 3-D kernel: space,
      then time :math:`\lfloor t d^2 c_i c_o / (d^2 c_i + t c_o) \rfloor`, as in R(2+1)D (Tran et
      al., CVPR 2018, section 3.5); time, then space, with :math:`t` and :math:`d^2` swapped below
      the line, :math:`\lfloor t d^2 c_i c_o / (t c_i + d^2 c_o) \rfloor`.
    - ``"released"``: :math:`c_o d^2 (t - 1) / t`, which gives the literal widths 4096, 3072, 1536,
      768 and 36 in the published code of ImaGINator. It does not match parameters: with these
      widths the factorized decoder has 2.2 times the weights of the dense one. That code has no
      order space, then time; the rule gives it the same width, so that only the order differs
      between the two, and 3.6 times the weights of the dense decoder.

    Args:
        rule: A width, or the name of a rule.
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: ``int`` or ``(t, h, w)``.
        order: ``"1p2d"`` for time, then space; ``"2p1d"`` for space, then time.

    Raises:
        ValueError: If the rule is not known, or gives no channel at all.

    Example:
        >>> factorized_mid_channels("released", in_channels=618, out_channels=512,
        ...                         kernel_size=(2, 4, 4))
        4096
        >>> factorized_mid_channels("match", in_channels=618, out_channels=512,
        ...                         kernel_size=(2, 4, 4))
        1073
    """
    if order not in ("1p2d", "2p1d"):
        raise ValueError(f"order must be '1p2d' or '2p1d', got {order!r}")
    t, h, w = triple(kernel_size, "kernel_size")
    area = h * w
    number = as_integer(rule)
    if number is not None:
        width = number
    elif rule == "out":
        width = out_channels
    elif rule == "match":
        first, second = (t, area) if order == "1p2d" else (area, t)
        dense = t * area * in_channels * out_channels
        width = dense // (first * in_channels + second * out_channels)
    elif rule == "released":
        width = out_channels * area * (t - 1) // t
    else:
        raise ValueError(
            f"mid_channels must be a positive integer, 'out', 'match' or 'released', got {rule!r}"
        )
    if width < 1:
        raise ValueError(
            f"mid_channels {rule!r} gives {width} channels for kernel_size {(t, h, w)}; use a "
            f"positive integer or 'out'"
        )
    return width

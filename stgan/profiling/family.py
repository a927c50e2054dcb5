"""The family of upsampling convolutions, built alike so that they can be set side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

import stgan.layers  # noqa: F401  (registers the family)
from stgan.registry import LAYERS
from stgan.typing import MidChannels, Size3

__all__ = ["BASE", "Family", "factorization_family"]

#: The dense layer, with which the others are compared.
BASE = "conv_transpose_3d"

# Whether the width between two steps is free, so that a rule for it makes a row of its own.
_NAMES = {
    BASE: False,
    "conv_transpose_1p2d": True,
    "conv_transpose_2p1d": True,
    "conv_transpose_separable": False,
    "resize_conv": False,
}


@dataclass(frozen=True)
class Family:
    """Layers that do the same work in different ways.

    Attributes:
        modules: The layers by name, the dense one first; ``"conv_transpose_1p2d match"`` where a
            rule decides the width between two steps.
        refused: Names that cannot be built with these settings, each with the reason.
    """

    modules: Mapping[str, nn.Module]
    refused: Mapping[str, str]


def factorization_family(
    in_channels: int,
    out_channels: int,
    kernel_size: Size3,
    stride: Size3 = 1,
    padding: Size3 = 0,
    *,
    mid_channels: Sequence[MidChannels] = ("out", "match"),
    **settings: Any,
) -> Family:
    """Build every registered way to upsample a clip by a factor, from the same settings.

    With ``mid_channels="out"`` the layers are equal in their settings, with ``"match"`` those that
    factorize have as many parameters as the dense one.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: ``int`` or ``(t, h, w)``.
        stride: ``int`` or ``(t, h, w)``.
        padding: ``int`` or ``(t, h, w)``.
        mid_channels: Widths, or rules for them, each of which makes a row of its own.
        **settings: Further settings that all take, such as ``norm=None``.

    Example:
        >>> family = factorization_family(8, 4, kernel_size=4, stride=2, padding=1)
        >>> list(family.modules)
        ['conv_transpose_3d', 'conv_transpose_1p2d out', 'conv_transpose_1p2d match',
         'conv_transpose_2p1d out', 'conv_transpose_2p1d match', 'conv_transpose_separable',
         'resize_conv']
    """
    modules: dict[str, nn.Module] = {}
    refused: dict[str, str] = {}
    for name, free in _NAMES.items():
        for rule in mid_channels if free else (None,):
            row = name if rule is None else f"{name} {rule}"
            asked = settings if rule is None else settings | {"mid_channels": rule}
            try:
                modules[row] = LAYERS.create(
                    name, in_channels, out_channels, kernel_size, stride, padding, **asked
                )
            except ValueError as error:
                refused[row] = str(error)
    return Family(modules, refused)

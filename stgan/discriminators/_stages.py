"""Stages of discriminators: their geometry, their widths, the label after the first of them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from stgan._factories import check_factories
from stgan.blocks.down import DownStage2d, DownStage3d
from stgan.errors import ShapeError
from stgan.functional.one_hot import spread_rows
from stgan.shapes import Stage, conv_size, plan
from stgan.typing import Act, Norm

__all__ = [
    "Geometry",
    "down_stages",
    "run_stages",
    "size_after",
    "spread_label",
    "stages_of",
    "with_label",
]

#: Kernel, stride and padding of a stage, each with a number for every axis, two or three.
Geometry: TypeAlias = tuple[Any, Any, Any]


def stages_of(
    size: Sequence[int] | None, stages: Sequence[Stage] | None, usual: Sequence[int]
) -> list[Geometry]:
    """Return the given stages, or those of a plan, from fine to coarse.

    Args:
        size: ``(H, W)`` or ``(T, H, W)``; ``None`` for any.
        stages: From coarse to fine; ``None`` for a plan.
        usual: The size to plan for where there is none; as many axes as the stages will have.

    Raises:
        ShapeError: If no plan reaches the size.
    """
    if stages is None:
        t, h, w = (1, *(size or usual))[-3:]
        try:
            stages = plan((t, h, w)).stages
        except ShapeError as error:
            raise ShapeError(
                f"{error}; a discriminator also takes the stages of a smaller size that has a "
                f"plan, stages=stgan.shapes.plan((T, H, W)).stages"
            ) from None
    if not stages:
        raise ValueError("stages must be one at least, got none")
    last = slice(3 - len(usual), None)
    return [(s.kernel_size[last], s.stride[last], s.padding[last]) for s in reversed(stages)]


def size_after(size: Sequence[int], geometry: Iterable[Geometry]) -> tuple[int, ...]:
    """Return the size that stages leave of one.

    Raises:
        ShapeError: If it is too small for them.
    """
    left = tuple(size)
    for kernel_size, stride, padding in geometry:
        left = conv_size(left, kernel_size=kernel_size, stride=stride, padding=padding)
    return left


def with_label(in_channels: int, widths: Sequence[int], num_classes: int) -> list[int]:
    """Channels that each stage takes, and what follows them: the label joins after the first."""
    first, *others = widths
    return [in_channels, first + num_classes, *others]


def down_stages(
    channels: Sequence[int],
    widths: Sequence[int],
    geometry: Iterable[Geometry],
    *,
    norm: Norm,
    act: Act,
    spectral_norm: bool,
    init_std: float | None,
) -> nn.ModuleList:
    """Make a stage of each geometry, from so many channels to such a width."""
    check_factories(norm=norm, act=act)
    stages = nn.ModuleList()
    for c_in, width, (kernel_size, stride, padding) in zip(channels, widths, geometry, strict=True):
        down: Any = DownStage2d if len(kernel_size) == 2 else DownStage3d
        stages.append(
            down(
                c_in,
                width,
                kernel_size,
                stride,
                padding,
                # A norm right on the pixels would hide their contrast.
                norm=norm if stages else None,
                act=act,
                spectral_norm=spectral_norm,
                init_std=init_std,
            )
        )
    return stages


def spread_label(x: Tensor, rows: Tensor) -> Tensor:
    """Concatenate the rows of the label, as maps, to features."""
    return torch.cat([x, spread_rows(rows.to(x.dtype), tuple(x.shape[2:]))], dim=1)


def run_stages(
    stages: Iterable[nn.Module],
    x: Tensor,
    rows: Tensor | None,
    join: Callable[[Tensor, Tensor], Any] = spread_label,
) -> tuple[Any, tuple[Tensor, ...]]:
    """Return what the stages make of an input with its label, and the features of each of them."""
    features: list[Tensor] = []
    for stage in stages:
        x = stage(x)
        features.append(x)
        if len(features) == 1 and rows is not None:
            x = join(x, rows)
    return x, tuple(features)

"""What image and video discriminators share: stages, the label's map, a head of its own size."""

from collections.abc import Sequence
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from stgan._checks import check_layout, check_positive
from stgan.blocks.down import DownStage2d, DownStage3d
from stgan.functional.one_hot import one_hot_map
from stgan.layers.init import init_normal_
from stgan.layers.spectral_norm import spectral_norm as wrap_spectral_norm
from stgan.shapes import Stage, conv_size
from stgan.typing import Act, Norm


class Stream(nn.Module):
    """Stages from fine to coarse, then one logit per sample.

    Args:
        input_size: Sizes of the axes after the channels; ``None`` for any size, averaged before
            the head.
        stages: Geometry, coarse to fine.
    """

    #: What the input is called, and its axes after the channels.
    _name: ClassVar[str]
    _axes: ClassVar[str]

    def __init__(
        self,
        input_size: tuple[int, ...] | None,
        stages: Sequence[Stage],
        *,
        in_channels: int,
        num_classes: int,
        base_channels: int,
        max_channels: int,
        norm: Norm,
        act: Act,
        spectral_norm: bool,
        init_std: float | None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.in_channels = check_positive(in_channels, "in_channels")
        if num_classes < 0:
            raise ValueError(f"num_classes must be at least 0, got {num_classes}")
        self.num_classes = num_classes
        check_positive(base_channels, "base_channels")
        ndim = len(self._axes)
        down = DownStage2d if ndim == 2 else DownStage3d
        self.stages = nn.ModuleList()
        size, channels = input_size, in_channels
        for index, stage in enumerate(reversed(stages)):
            width = min(base_channels << index, max_channels)
            kernel, stride, padding = (
                axes[3 - ndim :] for axes in (stage.kernel_size, stage.stride, stage.padding)
            )
            self.stages.append(
                down(
                    channels,
                    width,
                    kernel,  # type: ignore[arg-type]  # two or three axes, as the class wants
                    stride,  # type: ignore[arg-type]
                    padding,  # type: ignore[arg-type]
                    # A norm right on the pixels would hide their contrast from the critic.
                    norm=None if index == 0 else norm,
                    act=act,
                    spectral_norm=spectral_norm,
                    init_std=init_std,
                )
            )
            if size is not None:
                size = conv_size(size, kernel_size=kernel, stride=stride, padding=padding)
            # The label joins after the first stage.
            channels = width + (num_classes if index == 0 else 0)
        conv = nn.Conv2d if ndim == 2 else nn.Conv3d
        self.head: nn.Module = conv(channels, 1, size or (1,) * ndim)  # type: ignore[arg-type]
        if init_std is not None:
            init_normal_(self.head, init_std)
        if spectral_norm:
            self.head = wrap_spectral_norm(self.head)

    def _check(self, x: Tensor) -> None:
        axes, size = self._axes, self.input_size
        sizes = {} if size is None else dict(zip(axes, size, strict=True))
        check_layout(x, f"N C {' '.join(axes)}", name=self._name, C=self.in_channels, **sizes)

    def _logits(self, x: Tensor, label: Tensor | None) -> Tensor:
        self._check(x)
        if label is None and self.num_classes:
            raise ValueError(
                f"this discriminator was built for {self.num_classes} classes; pass label"
            )
        if label is not None and not self.num_classes:
            raise ValueError("this discriminator was built without classes; do not pass label")
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index == 0 and label is not None:
                spread = one_hot_map(label, self.num_classes, tuple(x.shape[2:]), dtype=x.dtype)
                x = torch.cat([x, spread], dim=1)
        if self.input_size is None:
            x = x.mean(dim=tuple(range(2, x.ndim)), keepdim=True)
        return cast(Tensor, self.head(x)).flatten()

    def output_shape(
        self, input_shape: Sequence[int], label: Sequence[int] | None = None
    ) -> tuple[int, ...]:
        """Shape of the logits: one per sample, whatever the size; the label does not matter.

        Raises:
            ShapeError: If ``forward`` would refuse the input's shape.
        """
        self._check(torch.empty(tuple(input_shape), device="meta"))
        shape = tuple(input_shape)
        for stage in self.stages:  # raises where the input is too small for the stages
            assert isinstance(stage, DownStage2d | DownStage3d)
            shape = stage.output_shape(shape)
        return (input_shape[0],)

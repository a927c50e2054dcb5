"""What discriminators of residual blocks over frames and over clips share."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar, Generic, Literal

from torch import Tensor, nn

from stgan._checks import doubled_widths
from stgan._factories import make_act, make_norm
from stgan.discriminators._base import BaseDiscriminator
from stgan.discriminators._outputs import StreamOutput
from stgan.discriminators._stages import size_after, stages_of
from stgan.layers.init import prepare
from stgan.shapes import Stage
from stgan.typing import Act, Norm, Size

__all__ = ["ResidualDiscriminator"]


def _out_of_place(act: Act) -> nn.Module:
    """Make an activation that leaves its input to the skip connection."""
    module = make_act(act)
    for part in module.modules():
        if getattr(part, "inplace", False):
            part.inplace = False  # type: ignore[assignment]
    return module


class _ResidualBlock(nn.Module):
    """Norm, act, conv, norm, act, conv, average; plus the averaged input, in other channels.

    The first block of a network does not begin with a norm and an activation, as these would hide
    pixels from it.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: tuple[int, ...],
        *,
        first: bool,
        norm: Norm,
        act: Act,
        spectral_norm: bool,
        init_std: float | None,
    ) -> None:
        super().__init__()
        two = len(stride) == 2
        conv: Any = nn.Conv2d if two else nn.Conv3d
        pool: Any = nn.AvgPool2d if two else nn.AvgPool3d

        def prepared(*args: int, **kwargs: Any) -> nn.Module:
            return prepare(conv(*args, **kwargs), init_std=init_std, spectral_norm=spectral_norm)

        self.norm1 = make_norm(None if first else norm, in_channels, axes=len(stride))
        self.act1 = nn.Identity() if first else _out_of_place(act)
        self.conv1 = prepared(in_channels, out_channels, 3, padding=1, bias=norm is None)
        self.norm2 = make_norm(norm, out_channels, axes=len(stride))
        self.act2 = _out_of_place(act)
        self.conv2 = prepared(out_channels, out_channels, 3, padding=1)
        self.pool = pool(stride) if max(stride) > 1 else nn.Identity()
        keeps = in_channels == out_channels and max(stride) == 1
        self.skip = nn.Identity() if keeps else prepared(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.conv1(self.act1(self.norm1(x)))
        hidden = self.conv2(self.act2(self.norm2(hidden)))
        # Averaging commutes with a kernel of 1, and is cheaper before it.
        out: Tensor = self.pool(hidden) + self.skip(self.pool(x))
        return out


class ResidualDiscriminator(BaseDiscriminator, Generic[Size]):
    """Residual blocks from fine to coarse, a pooling, and a head with a projection."""

    _staged: ClassVar[bool] = True

    def __init__(
        self,
        input_size: Size | None = None,
        *,
        stages: Sequence[Stage] | None = None,
        pooling: Literal["sum", "mean"] = "sum",
        in_channels: int = 3,
        num_classes: int = 0,
        base_channels: int = 64,
        max_channels: int = 512,
        norm: Norm = None,
        act: Act = nn.ReLU,
        spectral_norm: bool = True,
        init_std: float | None = 0.02,
    ) -> None:
        super().__init__(input_size, in_channels=in_channels, num_classes=num_classes)
        if pooling not in ("sum", "mean"):
            raise ValueError(f"pooling must be 'sum' or 'mean', got {pooling!r}")
        self.pooling = pooling
        geometry = stages_of(self.input_size, stages, self._usual_size)
        self.strides = tuple(stride for _, stride, _ in geometry)
        self._averages = [(stride, stride, (0,) * len(stride)) for stride in self.strides]
        if self.input_size is not None:
            size_after(self.input_size, self._averages)
        prepared: dict[str, Any] = {"spectral_norm": spectral_norm, "init_std": init_std}
        widths = doubled_widths(base_channels, max_channels, len(self.strides))
        # The last block keeps the size, and the width with it.
        strides = (*self.strides, (1,) * len(self._axes))
        ends = pairwise([self.in_channels, *widths, widths[-1]])
        self.blocks = nn.ModuleList(
            _ResidualBlock(*channels, stride, first=index == 0, norm=norm, act=act, **prepared)
            for index, (stride, channels) in enumerate(zip(strides, ends, strict=True))
        )
        self.act = _out_of_place(act)
        self.head = prepare(nn.Linear(widths[-1], 1), **prepared)
        self.embed = None
        if self.num_classes:
            # A linear map of rows instead of an embedding, so that soft labels have one too.
            rows = nn.Linear(self.num_classes, widths[-1], bias=False)
            self.embed = prepare(rows, **prepared)

    def _judge(self, x: Tensor, label: Tensor | None, detailed: bool) -> Tensor | StreamOutput:
        self._check(x)
        size_after(x.shape[2:], self._averages)  # refuses inputs that are too small
        rows = self._rows(label, x)
        features: list[Tensor] = []
        for block in self.blocks:
            x = block(x)
            features.append(x)
        positions = self.act(x).flatten(2)
        pooled = positions.sum(2) if self.pooling == "sum" else positions.mean(2)
        logits: Tensor = self.head(pooled).squeeze(1)
        if self.embed is not None and rows is not None:
            logits = logits + (self.embed(rows) * pooled).sum(1)
        return StreamOutput(logits, {}, tuple(features)) if detailed else logits

    def output_shape(
        self, input_shape: Sequence[int], label: Sequence[int] | None = None
    ) -> tuple[int, ...]:
        """Shape of the logits: one per sample, whatever the size; the label does not matter.

        Raises:
            ShapeError: If ``forward`` would refuse the input's shape.
        """
        shape = self._check_shape(input_shape)
        size_after(shape[2:], self._averages)
        return (shape[0],)

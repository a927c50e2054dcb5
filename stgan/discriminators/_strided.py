"""What image and video discriminators share: strided stages, where the label joins, a head."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Generic, Literal, TypeAlias

from torch import Tensor, nn

from stgan._checks import check_count, check_layout, doubled_widths
from stgan.discriminators._base import BaseDiscriminator
from stgan.discriminators._head import HeadOutput, build_head
from stgan.discriminators._outputs import StreamOutput
from stgan.discriminators._stages import (
    down_stages,
    run_stages,
    size_after,
    spread_label,
    stages_of,
    with_label,
)
from stgan.functional.fusion import FusedFeatures
from stgan.functional.one_hot import as_label
from stgan.layers.act import leaky_relu
from stgan.layers.init import prepare
from stgan.layers.minibatch_stddev import MinibatchStddev
from stgan.shapes import Stage
from stgan.typing import Act, Norm, Size

__all__ = ["LabelTo", "StridedDiscriminator"]

#: Where the label joins: as a map after the first stage, or in the head.
LabelTo: TypeAlias = Literal["stages", "head"]


class StridedDiscriminator(BaseDiscriminator, Generic[Size]):
    """Stages from fine to coarse, then a head."""

    _staged: ClassVar[bool] = True

    def __init__(
        self,
        input_size: Size | None = None,
        *,
        stages: Sequence[Stage] | None = None,
        in_channels: int = 3,
        num_classes: int = 0,
        base_channels: int = 64,
        max_channels: int = 512,
        norm: Norm = None,
        act: Act = leaky_relu,
        spectral_norm: bool = True,
        init_std: float | None = 0.02,
        head: Callable[..., nn.Module] | None = None,
        label_to: LabelTo = "stages",
        condition_dim: int = 0,
        minibatch_stddev: bool = False,
    ) -> None:
        super().__init__(input_size, in_channels=in_channels, num_classes=num_classes)
        self.condition_dim = check_count(condition_dim, "condition_dim")
        if label_to not in ("stages", "head"):
            raise ValueError(f"label_to must be 'stages' or 'head', got {label_to!r}")
        if self.condition_dim and self.num_classes and label_to == "head":
            raise ValueError(
                "a head takes one condition, a label or a vector; use label_to='stages', or leave "
                "condition_dim at 0"
            )
        self.label_to: LabelTo = label_to
        geometry = stages_of(self.input_size, stages, self._usual_size)
        widths = doubled_widths(base_channels, max_channels, len(geometry))
        joining = self.num_classes if label_to == "stages" else 0
        *channels, last = with_label(self.in_channels, widths, joining)
        prepared: dict[str, Any] = {"spectral_norm": spectral_norm, "init_std": init_std}
        self.stages = down_stages(channels, widths, geometry, norm=norm, act=act, **prepared)
        self._geometry = geometry
        size = None if self.input_size is None else size_after(self.input_size, geometry)
        self.minibatch_stddev = MinibatchStddev(last) if minibatch_stddev else None
        self._width = last = last + int(minibatch_stddev)
        self._own_head = head is None
        if head is None:
            self.head = self._plain_head(last, size, **prepared)
        else:
            told = self.num_classes if label_to == "head" else 0
            self.head = build_head(
                head, last, size, num_classes=told, condition_dim=self.condition_dim, **prepared
            )

    def _plain_head(
        self,
        channels: int,
        size: tuple[int, ...] | None,
        spectral_norm: bool,
        init_std: float | None,
    ) -> nn.Module:
        """Make the convolution of the published code, under the name that its weights have."""
        if self.condition_dim or (self.num_classes and self.label_to == "head"):
            raise ValueError(
                "the usual head takes no condition; pass head=ProjectionHead, or leave "
                "condition_dim at 0 and label_to at 'stages'"
            )
        ndim = len(self._axes)
        conv = nn.Conv2d if ndim == 2 else nn.Conv3d
        head: nn.Module = conv(channels, 1, size or (1,) * ndim)  # type: ignore[arg-type]
        return prepare(head, init_std=init_std, spectral_norm=spectral_norm)

    def _check_condition(self, condition: Tensor | None, num_samples: int) -> None:
        if condition is None and self.condition_dim:
            raise ValueError(
                f"this discriminator was built for conditions of {self.condition_dim} numbers; "
                f"pass condition"
            )
        if condition is not None and not self.condition_dim:
            raise ValueError("this discriminator was built without condition; do not pass one")
        if condition is not None:
            check_layout(condition, "N D", name="condition", N=num_samples, D=self.condition_dim)

    def _judge(
        self, x: Tensor, label: Tensor | None, condition: Tensor | None, detailed: bool
    ) -> Tensor | StreamOutput:
        self._check(x)
        label = None if label is None else as_label(label, x.device)
        rows = self._rows(label, x)
        self._check_condition(condition, x.shape[0])
        to_head = self.label_to == "head"
        x, features = run_stages(self.stages, x, None if to_head else rows, self._join)
        if isinstance(x, FusedFeatures):
            x = x.materialize()
        if self.minibatch_stddev is not None:
            x = self.minibatch_stddev(x)
        given = label if to_head and label is not None else condition
        if self._own_head:
            if self.input_size is None:
                x = x.mean(dim=tuple(range(2, x.ndim)), keepdim=True)
            output = self.head(x).flatten()
        else:
            output = self.head(x) if given is None else self.head(x, given)
        logits, predictions = output if isinstance(output, HeadOutput) else (output, {})
        return StreamOutput(logits, predictions, features) if detailed else logits

    def _join(self, x: Tensor, rows: Tensor) -> Tensor | FusedFeatures:
        """Add the channels of the label; a video leaves it to the next stage to spread them."""
        return FusedFeatures(x, (rows.to(x.dtype),)) if x.ndim == 5 else spread_label(x, rows)

    def output_shape(
        self,
        input_shape: Sequence[int],
        label: Sequence[int] | None = None,
        condition: Sequence[int] | None = None,
    ) -> tuple[int, ...]:
        """Shape of the logits: one per sample, unless the head makes a map of them.

        The shapes of label and condition do not matter.

        Raises:
            ShapeError: If ``forward`` would refuse the input's shape.
        """
        shape = self._check_shape(input_shape)
        size = size_after(shape[2:], self._geometry)
        promise = None if self._own_head else getattr(self.head, "output_shape", None)
        if promise is None:
            return (shape[0],)
        promised = promise((shape[0], self._width, *size))
        return tuple(promised.logits if isinstance(promised, HeadOutput) else promised)

"""What image and video discriminators share: stages, where the label joins, a head."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from stgan._checks import check_axes, check_count, check_layout, check_positive, doubled_widths
from stgan._factories import check_factories
from stgan.blocks.down import DownStage2d, DownStage3d
from stgan.discriminators._about import Discriminator
from stgan.discriminators._head import build_head
from stgan.discriminators._label import label_rows
from stgan.discriminators.heads import HeadOutput
from stgan.functional.fusion import FusedFeatures
from stgan.functional.one_hot import as_label, spread_rows
from stgan.layers.init import prepare
from stgan.layers.minibatch_stddev import MinibatchStddev
from stgan.shapes import Stage, conv_size
from stgan.typing import Act, Norm

#: Where the label joins: as a map after the first stage, or in the head.
LabelTo: TypeAlias = Literal["stages", "head"]


class StreamOutput(NamedTuple):
    """All that a stream has to say of its input.

    Attributes:
        logits: ``(N,)``, or a map of them.
        predictions: What the head predicts besides, by name; empty for most.
        features: Output of every stage, fine to coarse, such as for feature matching.
    """

    logits: Tensor
    predictions: dict[str, Tensor]
    features: tuple[Tensor, ...]


class Stream(Discriminator):
    """Stages from fine to coarse, then a head.

    Args:
        input_size: Sizes of the axes after the channels; ``None`` for any size.
        stages: Geometry, coarse to fine.
    """

    _staged: ClassVar[bool] = True
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
        head: Callable[..., nn.Module] | None,
        label_to: LabelTo,
        condition_dim: int,
        minibatch_stddev: bool,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.in_channels = check_positive(in_channels, "in_channels")
        self.num_classes = num_classes = check_count(num_classes, "num_classes")
        self.condition_dim = condition_dim = check_count(condition_dim, "condition_dim")
        if label_to not in ("stages", "head"):
            raise ValueError(f"label_to must be 'stages' or 'head', got {label_to!r}")
        if condition_dim and num_classes and label_to == "head":
            raise ValueError(
                "a head takes one condition, a label or a vector; use label_to='stages', or leave "
                "condition_dim at 0"
            )
        self.label_to: LabelTo = label_to
        self._layout = " ".join(f"NC{self._axes}")
        self._sizes: dict[str, Any] = {"C": self.in_channels}
        if input_size is not None:
            self._sizes |= dict(zip(self._axes, input_size, strict=True))
        check_factories(norm=norm, act=act)
        ndim = len(self._axes)
        down = DownStage2d if ndim == 2 else DownStage3d
        self.stages = nn.ModuleList()
        size, channels = input_size, in_channels
        widths = doubled_widths(base_channels, max_channels, len(stages))
        for index, (stage, width) in enumerate(zip(reversed(stages), widths, strict=True)):
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
            channels = width + (num_classes if index == 0 and label_to == "stages" else 0)
        self.minibatch_stddev = MinibatchStddev(channels) if minibatch_stddev else None
        channels += int(minibatch_stddev)
        self._own_head = head is None
        if head is None:
            self.head = self._plain_head(channels, size, spectral_norm, init_std)
        else:
            self.head = build_head(
                head,
                channels,
                size,
                num_classes=num_classes if label_to == "head" else 0,
                condition_dim=condition_dim,
                spectral_norm=spectral_norm,
                init_std=init_std,
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
        check_layout(x, self._layout, name=self._name, **self._sizes)
        label = None if label is None else as_label(label, x.device)
        rows = label_rows(label, self.num_classes, x)
        self._check_condition(condition, x.shape[0])
        features: list[Tensor] = []
        joined: Tensor | FusedFeatures = x
        for index, stage in enumerate(self.stages):
            joined = x = stage(joined)
            features.append(x)
            if index == 0 and rows is not None and self.label_to == "stages":
                joined = self._join(x, rows.to(x.dtype))
        x = joined.materialize() if isinstance(joined, FusedFeatures) else joined
        if self.minibatch_stddev is not None:
            x = self.minibatch_stddev(x)
        given = label if self.label_to == "head" and label is not None else condition
        if self._own_head:
            if self.input_size is None:
                x = x.mean(dim=tuple(range(2, x.ndim)), keepdim=True)
            output = self.head(x).flatten()
        else:
            output = self.head(x) if given is None else self.head(x, given)
        logits, predictions = output if isinstance(output, HeadOutput) else (output, {})
        return StreamOutput(logits, predictions, tuple(features)) if detailed else logits

    def _join(self, x: Tensor, rows: Tensor) -> Tensor | FusedFeatures:
        """Add the channels of the label; a video leaves it to the next stage to spread them."""
        if x.ndim == 5:
            return FusedFeatures(x, (rows,))
        return torch.cat([x, spread_rows(rows, tuple(x.shape[2:]))], dim=1)

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
        check_axes(tuple(input_shape), self._layout, name=self._name, **self._sizes)
        shape = tuple(input_shape)
        for index, stage in enumerate(self.stages):  # raises where the input is too small
            assert isinstance(stage, DownStage2d | DownStage3d)
            shape = stage.output_shape(shape)
            if index == 0 and self.label_to == "stages":
                shape = (shape[0], shape[1] + self.num_classes, *shape[2:])
        if self.minibatch_stddev is not None:
            shape = self.minibatch_stddev.output_shape(shape)
        promise = None if self._own_head else getattr(self.head, "output_shape", None)
        if promise is None:
            return (input_shape[0],)
        promised = promise(shape)
        return tuple(promised.logits if isinstance(promised, HeadOutput) else promised)

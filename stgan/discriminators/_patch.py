"""What discriminators of the patches of frames and of clips share."""

from collections.abc import Sequence
from typing import Any, Generic

from torch import Tensor, nn

from stgan._checks import doubled_widths
from stgan.discriminators._base import BaseDiscriminator
from stgan.discriminators._outputs import StreamOutput
from stgan.discriminators._stages import down_stages, run_stages, size_after, with_label
from stgan.layers.act import leaky_relu
from stgan.layers.init import prepare
from stgan.typing import Act, Norm, Size

__all__ = ["PatchDiscriminator"]


class PatchDiscriminator(BaseDiscriminator, Generic[Size]):
    """Convolutions of one geometry but for the stride; the last one gives the logits."""

    @property
    def patch(self) -> bool:
        """It always returns maps of logits."""
        return True

    def __init__(
        self,
        input_size: Size | None = None,
        *,
        kernel_size: Size = 4,  # type: ignore[assignment]  # an integer is one of both types
        strides: Sequence[Size] = (2, 2, 2, 1, 1),  # type: ignore[assignment]
        padding: Size = 1,  # type: ignore[assignment]
        in_channels: int = 3,
        num_classes: int = 0,
        base_channels: int = 64,
        max_channels: int = 512,
        norm: Norm = None,
        act: Act = leaky_relu,
        spectral_norm: bool = True,
        init_std: float | None = 0.02,
    ) -> None:
        super().__init__(input_size, in_channels=in_channels, num_classes=num_classes)
        self.kernel_size = self._each(kernel_size, "kernel_size")
        self.strides = tuple(self._each(stride, "a stride") for stride in strides)
        self.padding = self._each(padding, "padding", minimum=0)
        if len(self.strides) < 2:
            raise ValueError(
                f"strides must be two at least, one for every convolution, got {self.strides}"
            )
        self._geometry = [(self.kernel_size, stride, self.padding) for stride in self.strides]
        *between, last = self._geometry
        widths = doubled_widths(base_channels, max_channels, len(between))
        *channels, to_head = with_label(self.in_channels, widths, self.num_classes)
        prepared: dict[str, Any] = {"spectral_norm": spectral_norm, "init_std": init_std}
        self.stages = down_stages(channels, widths, between, norm=norm, act=act, **prepared)
        conv: Any = nn.Conv2d if len(self.kernel_size) == 2 else nn.Conv3d
        self.head = prepare(conv(to_head, 1, *last), **prepared)
        if self.input_size is not None:
            size_after(self.input_size, self._geometry)

    @property
    def receptive_field(self) -> tuple[int, ...]:
        """Frames, rows and columns that one logit sees; :meth:`region` tells which."""
        return tuple(part.stop - part.start for part in self._spans((0,) * len(self.kernel_size)))

    def region(self, index: Sequence[int]) -> tuple[slice, ...]:
        """Return the part of the input that a logit sees, to be used as an index of its axes.

        Args:
            index: Place of the logit in its map.

        Example:
            >>> from stgan.discriminators import ImagePatchDiscriminator
            >>> discriminator = ImagePatchDiscriminator(base_channels=4)
            >>> discriminator.region((2, 0))
            (slice(0, 63, None), slice(0, 47, None))
        """
        return tuple(slice(max(part.start, 0), part.stop) for part in self._spans(index))

    def _spans(self, index: Sequence[int]) -> list[slice]:
        spans = []
        for axis, place in enumerate(index):
            kernel, padding = self.kernel_size[axis], self.padding[axis]
            start, stop = place, place + 1
            for stride in reversed(self.strides):
                start = start * stride[axis] - padding
                stop = (stop - 1) * stride[axis] - padding + kernel
            spans.append(slice(start, stop))
        return spans

    def _judge(self, x: Tensor, label: Tensor | None, detailed: bool) -> Tensor | StreamOutput:
        self._check(x)
        size_after(x.shape[2:], self._geometry)  # refuses inputs that are too small
        x, features = run_stages(self.stages, x, self._rows(label, x))
        logits: Tensor = self.head(x).squeeze(1)
        return StreamOutput(logits, {}, features) if detailed else logits

    def output_shape(
        self, input_shape: Sequence[int], label: Sequence[int] | None = None
    ) -> tuple[int, ...]:
        """Shape of the map of logits; the label does not matter.

        Raises:
            ShapeError: If ``forward`` would refuse the input's shape.
        """
        shape = self._check_shape(input_shape)
        return (shape[0], *size_after(shape[2:], self._geometry))

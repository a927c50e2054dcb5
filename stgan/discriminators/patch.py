"""Discriminators that judge patches: a map of logits, each of which sees a part of the input."""

from collections.abc import Sequence
from typing import Any, Generic

from torch import Tensor, nn

from stgan._checks import doubled_widths
from stgan.discriminators._base import BaseDiscriminator, OfFrames
from stgan.discriminators._outputs import StreamOutput
from stgan.discriminators._stages import down_stages, run_stages, with_label
from stgan.example import Example
from stgan.layers.act import leaky_relu
from stgan.layers.init import prepare
from stgan.registry import DISCRIMINATORS
from stgan.shapes import conv_size
from stgan.typing import Act, Norm, Size, Size2, Size3

__all__ = ["ImagePatchDiscriminator", "VideoPatchDiscriminator"]

_PICKLE = {"pickle": "torch pickles no parametrized weights; spectral_norm=False has none"}


class _PatchDiscriminator(BaseDiscriminator, Generic[Size]):
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
        *between, last = [(self.kernel_size, stride, self.padding) for stride in self.strides]
        widths = doubled_widths(base_channels, max_channels, len(between))
        *channels, to_head = with_label(self.in_channels, widths, self.num_classes)
        prepared: dict[str, Any] = {"spectral_norm": spectral_norm, "init_std": init_std}
        self.stages = down_stages(channels, widths, between, norm=norm, act=act, **prepared)
        conv: Any = nn.Conv2d if len(self.kernel_size) == 2 else nn.Conv3d
        self.head = prepare(conv(to_head, 1, *last), **prepared)
        if self.input_size is not None:
            self._map_size(self.input_size)

    @property
    def receptive_field(self) -> tuple[int, ...]:
        """Frames, rows and columns that one logit sees; :meth:`region` tells which."""
        return tuple(part.stop - part.start for part in self._spans((0,) * len(self.kernel_size)))

    def region(self, index: Sequence[int]) -> tuple[slice, ...]:
        """Return the part of the input that a logit sees, to be used as an index of its axes.

        Args:
            index: Place of the logit in its map.

        Example:
            >>> critic = ImagePatchDiscriminator(base_channels=4)
            >>> critic.region((2, 0))
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

    def _map_size(self, size: tuple[int, ...]) -> tuple[int, ...]:
        for stride in self.strides:
            size = conv_size(
                size, kernel_size=self.kernel_size, stride=stride, padding=self.padding
            )
        return size

    def _judge(self, x: Tensor, label: Tensor | None, detailed: bool) -> Tensor | StreamOutput:
        self._check(x)
        self._map_size(tuple(x.shape[2:]))
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
        return (shape[0], *self._map_size(shape[2:]))


@DISCRIMINATORS.register(
    "image_patch",
    source="Isola et al., pix2pix, CVPR 2017, section 3.2.2 and appendix 6.1.2",
    shape="(N, C, H, W), (N,) -> (N, H', W'), x' by one conv_size for every stride",
    aliases=("patchgan",),
    example=Example(
        settings={
            "strides": (2, 1, 1), "num_classes": 3, "base_channels": 2, "max_channels": 4,
        },
        inputs={"image": "N 3 H W", "label": "N < 3"},
        smallest={"H": 6, "W": 6},
        claims=_PICKLE,
    ),
)  # fmt: skip
class ImagePatchDiscriminator(OfFrames, _PatchDiscriminator[Size2]):
    """Judge the patches of a frame: a map of logits, each of which sees a square.

    As many convolutions as there are strides; the last gives the logits. The five of the default
    see 70 x 70 pixels each.

    Args:
        input_size: ``int`` or ``(H, W)`` of the frames; others are then refused. ``None`` for any.
        kernel_size: ``int`` or ``(h, w)``, of all convolutions.
        strides: ``int`` or ``(h, w)`` for every convolution.
        padding: ``int`` or ``(h, w)``, of all convolutions.
        in_channels: Channels of the frames.
        num_classes: K; the label joins as a map after the first convolution; 0 for no label.
        base_channels: Width of the first convolution; each further one doubles it.
        max_channels: Width that no convolution exceeds.
        norm: Called with the channels of every convolution but the first and the last; ``None``
            for none.
        act: The activation of every convolution but the last.
        spectral_norm: Whether every convolution is spectrally normalized.
        init_std: Standard deviation of the initial weights; ``None`` for torch's default.

    Attributes:
        receptive_field: ``(h, w)``, the pixels that one logit sees; see also :meth:`region`.

    Shape:
        - ``image``: ``(N, in_channels, H, W)``, in [-1, 1]
        - ``label``: ``(N,)`` integers in [0, K), or ``(N, K)`` rows
        - Output: ``(N, H', W')`` logits, each side by :func:`stgan.shapes.conv_size` once for
          every stride

    Raises:
        ValueError: If there are fewer than two strides; in ``forward``, if a label is missing or
            not expected.
        ShapeError: If ``input_size``, or in ``forward`` a frame, is too small.

    Example:
        >>> critic = ImagePatchDiscriminator(base_channels=4)
        >>> critic(torch.zeros(2, 3, 64, 96)).shape, critic.receptive_field
        (torch.Size([2, 6, 10]), (70, 70))

    Differs from the source:
        Spectral norm instead of batch norm, which ``norm=nn.BatchNorm2d`` adds. The source
        concatenates the image that the generator was given; see
        :class:`FirstFrameImageDiscriminator`, whose ``network`` this class can be. MoCoGAN's
        ``PatchImageDiscriminator`` is ``strides=(2, 2, 2, 2)``.

    References:
        Isola et al., Image-to-Image Translation with Conditional Adversarial Networks, CVPR 2017,
        section 3.2.2; Tulyakov et al., MoCoGAN, CVPR 2018, released code, ``models.py``.
    """

    def forward(
        self, image: Tensor, label: Tensor | None = None, *, detailed: bool = False
    ) -> Tensor | StreamOutput:
        """Return a map of logits for every frame.

        Args:
            image: The frames.
            label: Their classes, exactly if there are classes.
            detailed: Whether to return a :class:`StreamOutput`, with the features of every stage.
        """
        return self._judge(image, label, detailed)


@DISCRIMINATORS.register(
    "video_patch",
    source="Tulyakov et al., MoCoGAN, CVPR 2018; released code, models.py, PatchVideoDiscriminator",
    shape="(N, C, T, H, W), (N,) -> (N, T', H', W'), x' by one conv_size for every stride",
    example=Example(
        settings={
            "kernel_size": (2, 4, 4), "strides": ((1, 2, 2), 1, 1), "num_classes": 3,
            "base_channels": 2, "max_channels": 4,
        },
        inputs={"video": "N 3 T H W", "label": "N < 3"},
        smallest={"T": 4, "H": 6, "W": 6},
        claims=_PICKLE,
    ),
)  # fmt: skip
class VideoPatchDiscriminator(
    _PatchDiscriminator[Size3], strides=((1, 2, 2),) * 4, padding=(0, 1, 1)
):
    """Judge the patches of a clip: a map of logits, each of which sees a box.

    As many convolutions as there are strides; the last gives the logits. The four of the default
    see 13 frames of 46 x 46 pixels each, and shorten a clip by 12 frames, since nothing is padded
    along time.

    Args:
        input_size: ``(T, H, W)`` of the clips; others are then refused. ``None`` for any.
        kernel_size: ``int`` or ``(t, h, w)``, of all convolutions.
        strides: ``int`` or ``(t, h, w)`` for every convolution.
        padding: ``int`` or ``(t, h, w)``, of all convolutions.
        in_channels: Channels of the clips.
        num_classes: K; the label joins as a map after the first convolution; 0 for no label.
        base_channels: Width of the first convolution; each further one doubles it.
        max_channels: Width that no convolution exceeds.
        norm: Called with the channels of every convolution but the first and the last; ``None``
            for none.
        act: The activation of every convolution but the last.
        spectral_norm: Whether every convolution is spectrally normalized.
        init_std: Standard deviation of the initial weights; ``None`` for torch's default.

    Attributes:
        receptive_field: ``(t, h, w)``, what one logit sees; see also :meth:`region`.

    Shape:
        - ``video``: ``(N, in_channels, T, H, W)``, in [-1, 1]
        - ``label``: ``(N,)`` integers in [0, K), or ``(N, K)`` rows
        - Output: ``(N, T', H', W')`` logits, each side by :func:`stgan.shapes.conv_size` once for
          every stride

    Raises:
        ValueError: If there are fewer than two strides; in ``forward``, if a label is missing or
            not expected.
        ShapeError: If ``input_size``, or in ``forward`` a clip, is too small.

    Example:
        >>> critic = VideoPatchDiscriminator(base_channels=4)
        >>> critic(torch.zeros(2, 3, 16, 64, 64)).shape, critic.receptive_field
        (torch.Size([2, 4, 4, 4]), (13, 46, 46))

    Differs from the source:
        Spectral norm instead of batch norm, which ``norm=nn.BatchNorm3d`` adds.

    References:
        Tulyakov et al., MoCoGAN, CVPR 2018; released code, ``models.py``,
        ``PatchVideoDiscriminator``. Isola et al., pix2pix, CVPR 2017, section 3.2.2.
    """

    def forward(
        self, video: Tensor, label: Tensor | None = None, *, detailed: bool = False
    ) -> Tensor | StreamOutput:
        """Return a map of logits for every clip.

        Args:
            video: The clips.
            label: Their classes, exactly if there are classes.
            detailed: Whether to return a :class:`StreamOutput`, with the features of every stage.
        """
        return self._judge(video, label, detailed)

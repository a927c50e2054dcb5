"""Discriminators of residual blocks, with the label as a projection."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar, Generic, Literal

from torch import Tensor, nn

from stgan._checks import doubled_widths
from stgan._factories import make_act, make_norm
from stgan.discriminators._base import BaseDiscriminator, OfFrames
from stgan.discriminators._outputs import StreamOutput
from stgan.discriminators._stages import stages_of
from stgan.example import Example
from stgan.layers.init import prepare
from stgan.registry import DISCRIMINATORS
from stgan.shapes import Stage, conv_size
from stgan.typing import Act, Norm, Size, Size2, Size3

__all__ = ["ImageResidualDiscriminator", "VideoResidualDiscriminator"]

_PICKLE = {"pickle": "torch pickles no parametrized weights; spectral_norm=False has none"}


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


class _ResidualDiscriminator(BaseDiscriminator, Generic[Size]):
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
        if self.input_size is not None:
            self._left(self.input_size)
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

    def _left(self, size: tuple[int, ...]) -> tuple[int, ...]:
        for stride in self.strides:
            size = conv_size(size, kernel_size=stride, stride=stride)
        return size

    def _judge(self, x: Tensor, label: Tensor | None, detailed: bool) -> Tensor | StreamOutput:
        self._check(x)
        self._left(tuple(x.shape[2:]))
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
        self._left(shape[2:])
        return (shape[0],)


@DISCRIMINATORS.register(
    "image_residual",
    source="Miyato et al., Spectral Normalization for GANs, ICLR 2018, appendix B.4; Miyato and "
    "Koyama, cGANs with Projection Discriminator, ICLR 2018, section 3",
    shape="(N, C, H, W), (N,) -> (N,)",
    example=Example(
        settings={"input_size": (8, 12), "num_classes": 3, "base_channels": 2, "max_channels": 4},
        inputs={"image": "N 3 8 12", "label": "N < 3"},
        claims=_PICKLE,
    ),
)
class ImageResidualDiscriminator(OfFrames, _ResidualDiscriminator[Size2], input_size=64):
    r"""Residual blocks over a frame, with the label as a projection: one logit per frame.

    A block adds its averaged input, in other channels by a kernel of 1, to act, conv, act, conv,
    average; the first block begins with conv. One block that keeps the size follows, and an
    activation; :math:`\phi` is the sum over positions, and the logit of a label with the row
    :math:`y`

    .. math:: w^\top \phi + b + (V y)^\top \phi .

    Args:
        input_size: ``int`` or ``(H, W)`` of the frames; others are then refused. ``None`` for any.
        stages: As :func:`stgan.shapes.plan` returns them, coarse to fine; ``None`` for the plan of
            ``input_size``, or of 64 x 64 where that is ``None``. A stage is a block, and its
            spatial stride what the block averages.
        pooling: ``"sum"`` or ``"mean"`` over positions; the sum grows with the frames.
        in_channels: Channels of the frames.
        num_classes: K; the label enters by the projection :math:`V`; 0 for no label.
        base_channels: Width of the first block; each further block doubles it.
        max_channels: Width that no block exceeds.
        norm: Called with the channels before an activation inside a block; ``None`` for none.
        act: The activation; one that works in place is told not to.
        spectral_norm: Whether every convolution and linear map is spectrally normalized.
        init_std: Standard deviation of the initial weights; ``None`` for torch's default.

    Shape:
        - ``image``: ``(N, in_channels, H, W)``, in [-1, 1]
        - ``label``: ``(N,)`` integers in [0, K), or ``(N, K)`` rows
        - Output: ``(N,)`` logits

    Raises:
        ShapeError: If no plan reaches ``input_size``; in ``forward``, if a frame has another size
            or is too small.
        ValueError: If ``pooling`` is not known; in ``forward``, if a label is missing or not
            expected.

    Example:
        >>> critic = ImageResidualDiscriminator(32, num_classes=6, base_channels=4)
        >>> critic(torch.zeros(2, 3, 32, 32), torch.tensor([0, 5])).shape
        torch.Size([2])

    Differs from the source:
        The middle of a block is as wide as its end, as in BigGAN; the source has the width of its
        beginning there. Blocks and widths follow from the size.

    References:
        Miyato et al., Spectral Normalization for Generative Adversarial Networks, ICLR 2018,
        appendix B.4; Miyato and Koyama, cGANs with Projection Discriminator, ICLR 2018, section 3.
    """

    def forward(
        self, image: Tensor, label: Tensor | None = None, *, detailed: bool = False
    ) -> Tensor | StreamOutput:
        """Return one logit per frame.

        Args:
            image: The frames.
            label: Their classes, exactly if there are classes.
            detailed: Whether to return a :class:`StreamOutput`, with the features of every block.
        """
        return self._judge(image, label, detailed)


@DISCRIMINATORS.register(
    "video_residual",
    source="Clark et al., DVD-GAN, 2019, part on dual discriminators (blocks of D_T)",
    shape="(N, C, T, H, W), (N,) -> (N,)",
    example=Example(
        settings={
            "input_size": (4, 8, 12),
            "num_classes": 3,
            "base_channels": 2,
            "max_channels": 4,
        },
        inputs={"video": "N 3 4 8 12", "label": "N < 3"},
        claims=_PICKLE,
    ),
)
class VideoResidualDiscriminator(_ResidualDiscriminator[Size3], input_size=(32, 64, 64)):
    """Residual 3-D blocks over a clip, with the label as a projection: one logit per clip.

    The clip's twin of :class:`ImageResidualDiscriminator`, which gives the order of a block and
    the equation of the logit.

    Args:
        input_size: ``(T, H, W)`` of the clips; others are then refused. ``None`` for any.
        stages: As :func:`stgan.shapes.plan` returns them, coarse to fine; ``None`` for the plan of
            ``input_size``, or of 32 x 64 x 64 where that is ``None``. A stage is a block, and its
            stride what the block averages.
        pooling: ``"sum"`` or ``"mean"`` over positions; the sum grows with the clips.
        in_channels: Channels of the clips.
        num_classes: K; the label enters by a projection; 0 for no label.
        base_channels: Width of the first block; each further block doubles it.
        max_channels: Width that no block exceeds.
        norm: Called with the channels before an activation inside a block; ``None`` for none.
        act: The activation; one that works in place is told not to.
        spectral_norm: Whether every convolution and linear map is spectrally normalized.
        init_std: Standard deviation of the initial weights; ``None`` for torch's default.

    Shape:
        - ``video``: ``(N, in_channels, T, H, W)``, in [-1, 1]
        - ``label``: ``(N,)`` integers in [0, K), or ``(N, K)`` rows
        - Output: ``(N,)`` logits

    Raises:
        ShapeError: If no plan reaches ``input_size``; in ``forward``, if a clip has another size
            or is too small.
        ValueError: If ``pooling`` is not known; in ``forward``, if a label is missing or not
            expected.

    Example:
        >>> critic = VideoResidualDiscriminator((8, 16, 16), num_classes=6, base_channels=4)
        >>> critic(torch.zeros(2, 3, 8, 16, 16), torch.tensor([0, 5])).shape
        torch.Size([2])

    Differs from the source:
        All blocks are 3-D, and there is no attention; DVD-GAN goes over to 2-D blocks after the
        first two.

    References:
        Clark, Donahue and Simonyan, Adversarial Video Generation on Complex Datasets (DVD-GAN),
        2019, part on dual discriminators; the blocks as in Miyato et al., ICLR 2018, appendix B.4.
    """

    def forward(
        self, video: Tensor, label: Tensor | None = None, *, detailed: bool = False
    ) -> Tensor | StreamOutput:
        """Return one logit per clip.

        Args:
            video: The clips.
            label: Their classes, exactly if there are classes.
            detailed: Whether to return a :class:`StreamOutput`, with the features of every block.
        """
        return self._judge(video, label, detailed)

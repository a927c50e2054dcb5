"""Video decoder: a latent vector grows into a clip, with appearance and label at every level."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from torch import Tensor, nn

from stgan._checks import check_axes, check_count, check_layout, check_positive, doubled_widths
from stgan._factories import check_factories, make
from stgan.blocks.fusion import SpatioTemporalFusion
from stgan.blocks.up import UpStage
from stgan.example import Example
from stgan.layers.act import leaky_relu
from stgan.layers.conv import ConvTranspose1Plus2d
from stgan.registry import DECODERS
from stgan.shapes import Plan
from stgan.typing import Act, MidChannels, Norm, Size3

__all__ = ["DecoderStage", "VideoDecoder", "decoder_stages"]


@dataclass(frozen=True)
class DecoderStage:
    """One stage of a decoder: how it upsamples and what joins its output.

    Attributes:
        out_channels: Channels that the stage makes.
        kernel_size: ``int`` or ``(t, h, w)``.
        stride: ``int`` or ``(t, h, w)``.
        padding: ``int`` or ``(t, h, w)``.
        appearance_channels: Channels of the appearance map fused after the stage; 0 for none.
        mid_channels: Width inside the stage's (1+2)D convolution; ``None`` for the decoder's.
    """

    out_channels: int
    kernel_size: Size3
    stride: Size3 = 1
    padding: Size3 = 0
    appearance_channels: int = 0
    mid_channels: MidChannels | None = None


def decoder_stages(
    plan: Plan,
    *,
    base_channels: int = 64,
    max_channels: int = 512,
    out_channels: int = 3,
    appearance_channels: Sequence[int] = (),
    frame_mid_channels: MidChannels | None = None,
) -> tuple[DecoderStage, ...]:
    """Turn a plan into the stages of a decoder.

    The first stage opens 1 x 1 x 1 to the base of the plan, each further one is a stage of the
    plan, the last makes the frames.

    Args:
        plan: From :func:`stgan.shapes.plan`.
        base_channels: Width before the last stage; each stage towards the base doubles it.
        max_channels: Width that no stage exceeds.
        out_channels: Channels of the frames.
        appearance_channels: Channels of the appearance maps, coarsest first, one for every stage
            but the last; empty for none.
        frame_mid_channels: Width inside the last stage; ``None`` for the decoder's. Where that is
            ``"out"``, all that the frames show would pass through as many channels as they have,
            normalized and rectified: give the last stage more, such as ``"match"``.

    Raises:
        ValueError: If there are maps, but not one for every stage but the last.

    Example:
        >>> from stgan.shapes import plan
        >>> [stage.out_channels for stage in decoder_stages(plan((32, 64, 64)))]
        [512, 256, 128, 64, 3]
    """
    count = len(plan.stages)
    appearance = tuple(appearance_channels) or (0,) * count
    if len(appearance) != count:
        raise ValueError(
            f"appearance_channels must hold {count} numbers, one for every stage but the last, "
            f"got {len(appearance)}"
        )
    widths = doubled_widths(base_channels, max_channels, count)[::-1]
    first = DecoderStage(widths[0], plan.base, appearance_channels=appearance[0])
    rest = [
        DecoderStage(width, stage.kernel_size, stage.stride, stage.padding, fused)
        for width, fused, stage in zip(
            [*widths[1:], out_channels], [*appearance[1:], 0], plan.stages, strict=True
        )
    ]
    rest[-1] = replace(rest[-1], mid_channels=frame_mid_channels)
    return (first, *rest)


@DECODERS.register(
    "video",
    source="Wang et al., ImaGINator, WACV 2020; released code, model/networks.py, Decoder",
    shape="(N, D), maps (N, C_i, H_i, W_i), (N,) -> (N, C, T, H, W)",
    example=Example(
        settings={
            "latent_channels": 5,
            "stages": [
                {
                    "type": "stgan.decoders.DecoderStage",
                    "out_channels": 4,
                    "kernel_size": [1, 2, 3],
                    "appearance_channels": 2,
                },
                {
                    "type": "stgan.decoders.DecoderStage",
                    "out_channels": 3,
                    "kernel_size": 4,
                    "stride": 2,
                    "padding": 1,
                },
            ],
            "num_classes": 3,
        },
        inputs={"latent": "N 5", "maps": ("N 2 2 3",), "label": "N < 3"},
    ),
)
class VideoDecoder(nn.Module):
    """Stages of transposed convolutions with fusion in between, and Tanh at the end.

    Args:
        latent_channels: D, length of the latent vector.
        stages: From :func:`decoder_stages`, or your own; the first starts at 1 x 1 x 1. After
            every stage but the last, its appearance map and the label are fused.
        num_classes: K; 0 for no label.
        mid_channels: See :class:`stgan.layers.ConvTranspose1Plus2d`.
        norm: Called with the channels of each norm; ``None`` for no normalization.
        act: The activation of every stage but the last.
        bias_before_norm: Whether convolutions keep a bias that a norm takes out again.
        conv: The convolution of every stage: a class with the signature of
            :class:`stgan.layers.ConvTranspose1Plus2d`; ``stgan.list("layers")`` shows others.
        fusion: What joins appearance and label to the video: a class with the signature of
            :class:`stgan.blocks.SpatioTemporalFusion`; ``stgan.list("fusions")`` shows others.

    Shape:
        - ``latent``: ``(N, D)``
        - ``maps``: ``(N, C_i, H_i, W_i)`` for every stage but the last, coarsest first
        - ``label``: ``(N,)`` integers in [0, K), or ``(N, K)`` rows
        - Output: ``(N, C, T, H, W)``, in (-1, 1)

    Raises:
        ValueError: If there are fewer than two stages, or the last has appearance channels.
        ShapeError: In ``forward``, if a tensor has another layout than stated.

    Example:
        >>> from stgan.shapes import plan
        >>> stages = decoder_stages(plan((8, 16, 16)), base_channels=8)
        >>> decode = VideoDecoder(20, stages, num_classes=6)
        >>> decode(torch.zeros(2, 20), label=torch.tensor([1, 4])).shape
        torch.Size([2, 3, 8, 16, 16])

    References:
        Wang et al., ImaGINator: Conditional Spatio-Temporal GAN for Video Generation, WACV 2020.
    """

    def __init__(
        self,
        latent_channels: int,
        stages: Sequence[DecoderStage],
        *,
        num_classes: int = 0,
        mid_channels: MidChannels = "out",
        norm: Norm = nn.BatchNorm3d,
        act: Act = leaky_relu,
        bias_before_norm: bool = False,
        conv: Callable[..., nn.Module] = ConvTranspose1Plus2d,
        fusion: Callable[..., nn.Module] = SpatioTemporalFusion,
    ) -> None:
        super().__init__()
        self.latent_channels = check_positive(latent_channels, "latent_channels")
        self.num_classes = check_count(num_classes, "num_classes")
        if len(stages) < 2:
            raise ValueError(f"a decoder needs at least two stages, got {len(stages)}")
        if stages[-1].appearance_channels:
            raise ValueError(
                "nothing is fused after the last stage; set its appearance_channels to 0"
            )
        check_factories(norm=norm, act=act)
        self.specs = tuple(stages)
        self.stages = nn.ModuleList()
        self.fusions = nn.ModuleList()
        channels = latent_channels
        for index, spec in enumerate(stages):
            last = index == len(stages) - 1
            self.stages.append(
                UpStage(
                    channels,
                    spec.out_channels,
                    spec.kernel_size,
                    spec.stride,
                    spec.padding,
                    mid_channels=spec.mid_channels or mid_channels,
                    norm=None if last else norm,
                    act=nn.Tanh if last else act,
                    mid_norm=norm,
                    mid_act=act,
                    bias_before_norm=bias_before_norm,
                    conv=conv,
                )
            )
            if not last:
                fuse = make(
                    fusion, "fusion", spec.out_channels, spec.appearance_channels, num_classes
                )
                self.fusions.append(fuse)
                channels = fuse.out_channels

    def forward(
        self, latent: Tensor, maps: Sequence[Tensor] = (), label: Tensor | None = None
    ) -> Tensor:
        """Decode ``(N, D)`` into a clip."""
        check_layout(latent, "N D", name="latent", D=self.latent_channels)
        video = latent[:, :, None, None, None]
        remaining = iter(maps)
        for stage, fusion, spec in zip(
            self.stages[:-1], self.fusions, self.specs[:-1], strict=True
        ):
            appearance = next(remaining, None) if spec.appearance_channels else None
            video = fusion(stage(video), appearance, label)
        self._check_all_fused(remaining, maps)
        out: Tensor = self.stages[-1](video)
        return out

    def output_shape(
        self,
        latent: Sequence[int],
        maps: Sequence[Sequence[int]] = (),
        label: Sequence[int] | None = None,
    ) -> tuple[int, ...]:
        """Shape of the clip for a latent of ``(N, D)``; maps and label need not be given.

        Raises:
            ShapeError: If ``forward`` would refuse one of the shapes.
        """
        check_axes(tuple(latent), "N D", name="latent", D=self.latent_channels)
        shape: tuple[int, ...] = (*latent, 1, 1, 1)
        remaining = iter(maps)
        for index, (stage, spec) in enumerate(zip(self.stages, self.specs, strict=True)):
            assert isinstance(stage, UpStage)
            shape = stage.output_shape(shape)
            if index < len(self.fusions):
                appearance = next(remaining, None) if spec.appearance_channels else None
                shape = self.fusions[index].output_shape(  # type: ignore[operator]
                    shape, appearance, label
                )
        self._check_all_fused(remaining, maps)
        return shape

    @staticmethod
    def _check_all_fused(remaining: Iterator[object], maps: Sequence[object]) -> None:
        if next(remaining, None) is not None:
            raise ValueError(f"this decoder fuses fewer than the {len(maps)} maps that it got")

"""Discriminator of clips by factorized convolutions: over space, then along time."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from stgan._checks import check_positive, doubled_widths
from stgan._factories import check_factories, make_act, make_norm
from stgan.discriminators._base import PICKLE, TINY, BaseDiscriminator
from stgan.discriminators._outputs import StreamOutput
from stgan.discriminators._stages import Geometry, run_stages, size_after, stages_of, with_label
from stgan.errors import ShapeError
from stgan.example import Example
from stgan.layers.act import leaky_relu
from stgan.layers.conv import Conv2Plus1d
from stgan.registry import DISCRIMINATORS
from stgan.shapes import Stage
from stgan.typing import Act, Norm, Size3

__all__ = ["VideoDiscriminator2Plus1d"]


@DISCRIMINATORS.register(
    "video_2p1d",
    source="Wang et al., G3AN, CVPR 2020; released code, networks.py",
    shape="(N, C, T, H, W), (N,) -> (N,)",
    example=Example(
        settings={"input_size": (5, 12, 16), "temporal_kernel_size": 3, **TINY},
        inputs={"video": "N 3 5 12 16", "label": "N < 3"},
        claims=PICKLE,
    ),
)
class VideoDiscriminator2Plus1d(BaseDiscriminator):
    """Convolutions in pairs, strided over space and valid along time: one logit per clip.

    Every stage halves the frames by a spatial convolution and shortens the clip by a temporal one
    without padding, each with an activation. A last pair covers what the stages leave. With the
    defaults, these are the five pairs of the source: T goes 16, 13, 10, 7, 4, 1.

    Args:
        input_size: ``(T, H, W)`` of the clips, for a last pair that covers what the stages leave;
            ``None`` for any size, averaged before the last pair.
        stages: Geometry of the stages, coarse to fine, as :func:`stgan.shapes.plan` returns it;
            ``None`` for the plan of ``input_size``, or of 64 x 64 frames where that is ``None``.
            Only its spatial half is used.
        temporal_kernel_size: Frames that the temporal convolution of a stage sees; it shortens
            the clip by one frame less.
        in_channels: Channels of the clips.
        num_classes: K; the label joins as a map after the first stage; 0 for no label.
        base_channels: Width of the first stage; each further stage doubles it.
        max_channels: Width that no stage exceeds.
        norm: Called with the channels of both convolutions of every stage but the first; ``None``
            for none.
        act: The activation after every convolution but the very last.
        spectral_norm: Whether every convolution is spectrally normalized.
        init_std: Standard deviation of the initial weights; ``None`` for torch's default.

    Shape:
        - ``video``: ``(N, in_channels, T, H, W)``, in [-1, 1]
        - ``label``: ``(N,)`` integers in [0, K), or ``(N, K)`` rows
        - Output: ``(N,)`` logits

    Raises:
        ShapeError: If no plan reaches ``input_size`` or its clips are too short for the stages;
            in ``forward``, if a clip has another size or is too small.
        ValueError: In ``forward``, if a label is missing or not expected.

    Example:
        >>> discriminator = VideoDiscriminator2Plus1d((16, 64, 64), base_channels=4)
        >>> discriminator(torch.zeros(2, 3, 16, 64, 64)).shape
        torch.Size([2])

    Differs from the source:
        The published network takes 16 frames of 64 x 64 and no label.

    References:
        Wang et al., G3AN: Disentangling Appearance and Motion for Video Generation, CVPR 2020;
        the released code factorizes what the paper describes as 3-D.
    """

    def __init__(
        self,
        input_size: Size3 | None = (16, 64, 64),
        *,
        stages: Sequence[Stage] | None = None,
        temporal_kernel_size: int = 4,
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
        size = self.input_size
        check_factories(norm=norm, act=act)
        frames = check_positive(temporal_kernel_size, "temporal_kernel_size")
        self._geometry: list[Geometry] = [
            ((frames, *kernel), (1, *stride), (0, *padding))
            for kernel, stride, padding in stages_of(size and size[1:], stages, (64, 64))
        ]
        widths = doubled_widths(base_channels, max_channels, len(self._geometry))
        *channels, last = with_label(self.in_channels, widths, self.num_classes)
        usual: dict[str, Any] = {"act": act, "spectral_norm": spectral_norm, "init_std": init_std}
        self.stages = nn.ModuleList()
        for c_in, width, geometry in zip(channels, widths, self._geometry, strict=True):
            # A norm right on the pixels would hide their contrast.
            stage_norm = norm if self.stages else None
            bias = stage_norm is None
            conv = Conv2Plus1d(c_in, width, *geometry, norm=stage_norm, bias=bias, **usual)
            after = make_norm(stage_norm, width, axes=3)
            self.stages.append(nn.Sequential(conv, after, make_act(act)))
        covered = (1, 1, 1) if size is None else self._left(size)
        self.head = Conv2Plus1d(last, 1, covered, mid_channels=widths[-1], norm=None, **usual)

    def _left(self, size: tuple[int, ...]) -> tuple[int, int, int]:
        """Size that the stages leave of a clip."""
        count, kernel = len(self._geometry), self._geometry[0][0][0]
        needed = count * (kernel - 1) + 1
        if size[0] < needed:
            fitting = (size[0] - 1) // count + 1
            raise ShapeError(
                f"clips must have at least {needed} frames for {count} stages with a "
                f"temporal_kernel_size of {kernel}, got {size[0]}; give longer clips, or a "
                f"temporal_kernel_size of at most {fitting}"
            )
        t, h, w = size_after(size, self._geometry)
        return t, h, w

    def forward(
        self, video: Tensor, label: Tensor | None = None, *, detailed: bool = False
    ) -> Tensor | StreamOutput:
        """Return one logit per clip.

        Args:
            video: The clips.
            label: Their classes, exactly if there are classes.
            detailed: Whether to return a :class:`StreamOutput`, with the features of every stage.
        """
        self._check(video)
        self._left(tuple(video.shape[2:]))
        x, features = run_stages(self.stages, video, self._rows(label, video))
        if self.input_size is None:
            x = x.mean(dim=(2, 3, 4), keepdim=True)
        logits: Tensor = self.head(x).flatten()
        return StreamOutput(logits, {}, features) if detailed else logits

    def output_shape(
        self, input_shape: Sequence[int], label: Sequence[int] | None = None
    ) -> tuple[int, ...]:
        """Shape of the logits: one per clip, whatever the size; the label does not matter.

        Raises:
            ShapeError: If ``forward`` would refuse the input's shape.
        """
        shape = self._check_shape(input_shape)
        self._left(shape[2:])
        return (shape[0],)

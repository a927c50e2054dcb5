"""Discriminator of clips by factorized convolutions: over space, then along time."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from stgan._checks import check_positive, doubled_widths, triple
from stgan._factories import check_factories, make_act, make_norm
from stgan.discriminators._critic import Critic, spatial, stages_of
from stgan.discriminators._stream import StreamOutput
from stgan.errors import ShapeError
from stgan.example import Example
from stgan.functional.one_hot import spread_rows
from stgan.layers.act import leaky_relu
from stgan.layers.conv import Conv2Plus1d
from stgan.registry import DISCRIMINATORS
from stgan.shapes import Stage, conv_size
from stgan.typing import Act, Norm, Size3

__all__ = ["VideoDiscriminator2Plus1d"]


@DISCRIMINATORS.register(
    "video_2p1d",
    source="Wang et al., G3AN, CVPR 2020; released code, networks.py",
    shape="(N, C, T, H, W), (N,) -> (N,)",
    example=Example(
        settings={
            "input_size": (5, 12, 16),
            "temporal_kernel_size": 3,
            "num_classes": 3,
            "base_channels": 2,
            "max_channels": 4,
        },
        inputs={"video": "N 3 5 12 16", "label": "N < 3"},
        claims={"pickle": "torch pickles no parametrized weights; spectral_norm=False has none"},
    ),
)
class VideoDiscriminator2Plus1d(Critic):
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
        >>> critic = VideoDiscriminator2Plus1d((16, 64, 64), base_channels=4)
        >>> critic(torch.zeros(2, 3, 16, 64, 64)).shape
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
        size = None if input_size is None else triple(input_size, "input_size")
        super().__init__(size, in_channels=in_channels, num_classes=num_classes)
        check_factories(norm=norm, act=act)
        frames = check_positive(temporal_kernel_size, "temporal_kernel_size")
        plane = None if size is None else (1, *spatial(size))
        geometry = stages_of(plane, stages, (1, 64, 64))
        self.geometry = tuple(
            Stage(
                (frames, *spatial(stage.kernel_size)),
                (1, *spatial(stage.stride)),
                (0, *spatial(stage.padding)),
            )
            for stage in geometry
        )
        widths = doubled_widths(base_channels, max_channels, len(geometry))
        self.stages = nn.ModuleList()
        for index, (stage, (c_in, width)) in enumerate(
            zip(self.geometry, pairwise([in_channels, *widths]), strict=True)
        ):
            # A norm right on the pixels would hide their contrast from the critic.
            stage_norm = None if index == 0 else norm
            conv = Conv2Plus1d(
                # The label joins after the first stage.
                c_in + (num_classes if index == 1 else 0),
                width,
                stage.kernel_size,
                stage.stride,
                stage.padding,
                norm=stage_norm,
                act=act,
                bias=stage_norm is None,
                spectral_norm=spectral_norm,
                init_std=init_std,
            )
            after = make_norm(stage_norm, width, axes=3)
            self.stages.append(nn.Sequential(conv, after, make_act(act)))
        self.head = Conv2Plus1d(
            widths[-1] + (num_classes if len(widths) == 1 else 0),
            1,
            (1, 1, 1) if size is None else self._left(size),
            mid_channels=widths[-1],
            norm=None,
            act=act,
            spectral_norm=spectral_norm,
            init_std=init_std,
        )

    def _left(self, size: tuple[int, int, int]) -> tuple[int, int, int]:
        """Size that the stages leave of a clip."""
        count, kernel = len(self.geometry), self.geometry[0].kernel_size[0]
        needed = count * (kernel - 1) + 1
        if size[0] < needed:
            fitting = (size[0] - 1) // count + 1
            raise ShapeError(
                f"clips must have at least {needed} frames for {count} stages with a "
                f"temporal_kernel_size of {kernel}, got {size[0]}; give longer clips, or a "
                f"temporal_kernel_size of at most {fitting}"
            )
        left: tuple[int, ...] = size
        for stage in self.geometry:
            left = conv_size(
                left, kernel_size=stage.kernel_size, stride=stage.stride, padding=stage.padding
            )
        t, h, w = left
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
        t, h, w = video.shape[2:]
        self._left((t, h, w))
        rows = self._rows(label, video)
        x, features = video, []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            features.append(x)
            if index == 0 and rows is not None:
                x = torch.cat([x, spread_rows(rows.to(x.dtype), tuple(x.shape[2:]))], dim=1)
        if self.input_size is None:
            x = x.mean(dim=(2, 3, 4), keepdim=True)
        logits: Tensor = self.head(x).flatten()
        return StreamOutput(logits, {}, tuple(features)) if detailed else logits

    def output_shape(
        self, input_shape: Sequence[int], label: Sequence[int] | None = None
    ) -> tuple[int, ...]:
        """Shape of the logits: one per clip, whatever the size; the label does not matter.

        Raises:
            ShapeError: If ``forward`` would refuse the input's shape.
        """
        n, _, t, h, w = self._check_shape(input_shape)
        self._left((t, h, w))
        return (n,)

"""Discriminators that see beside the frames the image from which a clip should go on."""

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar, Generic, Literal

import torch
from torch import Tensor

from stgan._checks import check_axes, check_layout
from stgan.discriminators._base import PICKLE, TINY, BaseDiscriminator, Network
from stgan.discriminators._outputs import (
    Opinion,
    Shapes,
    each_part,
    judge,
    mean_over_frames,
    promise,
)
from stgan.discriminators.image import ImageDiscriminator
from stgan.discriminators.video import VideoDiscriminator
from stgan.example import Example
from stgan.functional.frames import fold_time
from stgan.functional.fusion import expand_over_time
from stgan.registry import DISCRIMINATORS
from stgan.typing import Size, Size2, Size3

__all__ = ["FirstFrameImageDiscriminator", "FirstFrameVideoDiscriminator"]


class _FirstFrameDiscriminator(BaseDiscriminator, Generic[Size]):
    """A network of clips, or of frames, that sees the image before each frame."""

    with_image: ClassVar[bool] = True
    _staged: ClassVar[bool] = True

    @classmethod
    def takes_head(cls) -> bool:
        """Whether its constructor takes a ``head``: it passes it on."""
        return True

    def __init__(
        self,
        input_size: Size | None = None,
        *,
        network: Network = VideoDiscriminator,
        in_channels: int = 3,
        num_classes: int = 0,
        **settings: Any,
    ) -> None:
        super().__init__(input_size, in_channels=in_channels, num_classes=num_classes)
        self.network = self._inside(
            network, self.input_size, in_channels=2 * in_channels, **settings
        )

    def forward(
        self,
        video: Tensor,
        label: Tensor | None = None,
        *,
        image: Tensor | None = None,
        detailed: bool = False,
    ) -> Opinion:
        """Return one logit per clip.

        Args:
            video: ``(N, C, T, H, W)``, a clip or some frames of it.
            label: Goes to the network, with every frame where it is one of frames.
            image: ``(N, C, H, W)``, what the clip should go on from; by default its first frame.
            detailed: Whether to return a :class:`StreamOutput`, which the network must then do.
                Predictions of frames are averaged as logits are; features stay those of the
                frames, ``(N * T, ...)``.
        """
        self._check(video)
        image = video[:, :, 0] if image is None else image
        n, c, t, h, w = video.shape
        check_layout(image, "N C H W", name="image", N=n, C=c, H=h, W=w)
        seen = torch.cat([expand_over_time(image, t), video], dim=1)
        if self.stream == "video":
            opinion: Opinion = judge(self.network, seen, label, detailed=detailed)
            return opinion
        rows = self._rows(label, video)
        rows = None if rows is None else rows.repeat_interleave(t, dim=0)
        answer = judge(self.network, fold_time(seen), rows, detailed=detailed)
        opinion = each_part(answer, partial(mean_over_frames, num_clips=n, num_frames=t))
        return opinion

    def output_shape(
        self,
        input_shape: Sequence[int],
        label: Sequence[int] | None = None,
        image: Sequence[int] | None = None,
    ) -> Shapes:
        """Shape of the logits, as the network promises it; the label does not matter.

        Raises:
            ShapeError: If ``forward`` would refuse the shapes.
        """
        n, c, t, h, w = self._check_shape(input_shape)
        if image is not None:
            check_axes(tuple(image), "N C H W", name="image", N=n, C=c, H=h, W=w)
        if self.stream == "video":
            return promise(self.network, (n, 2 * c, t, h, w))
        promised = promise(self.network, (n * t, 2 * c, h, w))
        shapes: Shapes = each_part(promised, lambda shape: (n, *shape[1:]))
        return shapes


@DISCRIMINATORS.register(
    "first_frame_video",
    source="Tian et al., MoCoGAN-HD, ICLR 2021, in-domain; released code, train_func_*.py",
    shape="(N, C, T, H, W), (N,), (N, C, H, W) -> (N,)",
    example=Example(
        settings={"input_size": (4, 8, 12), **TINY},
        inputs={"video": "N 3 4 8 12", "label": "N < 3", "image": "N 3 8 12"},
        claims=PICKLE,
    ),
)
class FirstFrameVideoDiscriminator(_FirstFrameDiscriminator[Size3], input_size=(32, 64, 64)):
    """Judge a clip beside the image from which it should go on: one logit per clip.

    The image is repeated over time and concatenated to the frames, image first. A generator that
    forgets the image it was given can then be told from the real clips.

    Args:
        input_size: ``(T, H, W)`` of the clips; ``None`` for any.
        network: Makes the network of clips, such as :class:`VideoPatchDiscriminator`; called with
            ``input_size``, ``in_channels``, ``num_classes`` and the settings.
        in_channels: C, channels of a frame; the network gets twice as many.
        num_classes: K; the label goes to the network; 0 for no label.
        **settings: Further settings of the network, such as ``base_channels``.

    Shape:
        - ``video``: ``(N, in_channels, T, H, W)``, in [-1, 1]
        - ``label``: ``(N,)`` integers in [0, K), or ``(N, K)`` rows
        - ``image``: ``(N, in_channels, H, W)``, in [-1, 1]; by default the first frame
        - Output: that of the network: ``(N,)`` logits, unless it judges patches or names
          several

    Raises:
        ShapeError: In ``forward``, if an input has another layout, or the image is not as large
            as the frames.
        ValueError: If ``condition_dim`` is among the settings; in ``forward``, if a label is
            missing or not expected, or the network tells nothing but logits and ``detailed`` is
            asked for.

    Example:
        >>> discriminator = FirstFrameVideoDiscriminator((8, 16, 16), base_channels=4)
        >>> video, image = torch.zeros(2, 3, 8, 16, 16), torch.zeros(2, 3, 16, 16)
        >>> discriminator(video).shape, discriminator(video, image=image).shape
        (torch.Size([2]), torch.Size([2]))

    Differs from the source:
        The first frame also stands beside itself instead of being left out, so that a clip is as
        long with an image of its own as without. The source's network judges patches at two
        scales; see :class:`VideoMultiScalePatchDiscriminator`.

    References:
        Tian et al., A Good Image Generator Is What You Need for High-Resolution Video Synthesis
        (MoCoGAN-HD), ICLR 2021, in-domain; released code, ``train_func_*.py``.
    """


@DISCRIMINATORS.register(
    "first_frame_image",
    source="Tian et al., MoCoGAN-HD, ICLR 2021, in-domain; released code, train_func_*.py",
    shape="(N, C, k, H, W), (N,), (N, C, H, W) -> (N,)",
    example=Example(
        settings={"input_size": (8, 12), **TINY},
        inputs={"video": "N 3 T 8 12", "label": "N < 3", "image": "N 3 8 12"},
        claims=PICKLE,
    ),
)
class FirstFrameImageDiscriminator(
    _FirstFrameDiscriminator[Size2], input_size=64, network=ImageDiscriminator
):
    """Judge single frames beside the image from which a clip should go on: one logit per clip.

    Every frame goes through one network of images, with the image concatenated before it; the
    logit of a clip is the mean over its frames.

    Args:
        input_size: ``int`` or ``(H, W)`` of the frames; ``None`` for any.
        network: Makes the network of images, such as :class:`ImagePatchDiscriminator`; called with
            ``input_size``, ``in_channels``, ``num_classes`` and the settings.
        in_channels: C, channels of a frame; the network gets twice as many.
        num_classes: K; the label goes to the network, with every frame; 0 for no label.
        **settings: Further settings of the network, such as ``base_channels``.

    Shape:
        - ``video``: ``(N, in_channels, k, H, W)``, in [-1, 1]: any number of frames, such as
          those of :func:`stgan.functional.take_frames`
        - ``label``: ``(N,)`` integers in [0, K), or ``(N, K)`` rows
        - ``image``: ``(N, in_channels, H, W)``, in [-1, 1]; by default the first of the frames
        - Output: the mean over frames of what the network returns: ``(N,)`` logits, unless it
          judges patches or names several

    Raises:
        ShapeError: In ``forward``, if an input has another layout, or the image is not as large
            as the frames.
        ValueError: If ``condition_dim`` is among the settings; in ``forward``, if a label is
            missing or not expected, or the network tells nothing but logits and ``detailed`` is
            asked for.

    Example:
        >>> discriminator = FirstFrameImageDiscriminator(16, base_channels=4)
        >>> frames, image = torch.zeros(2, 3, 5, 16, 16), torch.zeros(2, 3, 16, 16)
        >>> discriminator(frames, image=image).shape
        torch.Size([2])

    References:
        Tian et al., A Good Image Generator Is What You Need for High-Resolution Video Synthesis
        (MoCoGAN-HD), ICLR 2021, in-domain; released code, ``train_func_*.py``.
    """

    stream: ClassVar[Literal["video", "image"]] = "image"
    _sized: ClassVar[str] = "HW"

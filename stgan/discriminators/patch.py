"""Discriminators that judge patches: a map of logits, each of which sees a part of the input."""

from torch import Tensor

from stgan.discriminators._base import PICKLE, TINY, OfFrames
from stgan.discriminators._outputs import StreamOutput
from stgan.discriminators._patch import PatchDiscriminator
from stgan.example import Example
from stgan.registry import DISCRIMINATORS
from stgan.typing import Size2, Size3

__all__ = ["ImagePatchDiscriminator", "VideoPatchDiscriminator"]


@DISCRIMINATORS.register(
    "image_patch",
    source="Isola et al., pix2pix, CVPR 2017, section 3.2.2 and appendix 6.1.2",
    shape="(N, C, H, W), (N,) -> (N, H', W'), x' by one conv_size for every stride",
    aliases=("patchgan",),
    example=Example(
        settings={"strides": (2, 1, 1), **TINY},
        inputs={"image": "N 3 H W", "label": "N < 3"},
        smallest={"H": 6, "W": 6},
        claims=PICKLE,
    ),
)
class ImagePatchDiscriminator(OfFrames, PatchDiscriminator[Size2]):
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
        >>> discriminator = ImagePatchDiscriminator(base_channels=4)
        >>> discriminator(torch.zeros(2, 3, 64, 96)).shape, discriminator.receptive_field
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
        settings={"kernel_size": (2, 4, 4), "strides": ((1, 2, 2), 1, 1), **TINY},
        inputs={"video": "N 3 T H W", "label": "N < 3"},
        smallest={"T": 4, "H": 6, "W": 6},
        claims=PICKLE,
    ),
)
class VideoPatchDiscriminator(
    PatchDiscriminator[Size3], strides=((1, 2, 2),) * 4, padding=(0, 1, 1)
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
        >>> discriminator = VideoPatchDiscriminator(base_channels=4)
        >>> discriminator(torch.zeros(2, 3, 16, 64, 64)).shape, discriminator.receptive_field
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

"""Discriminators of residual blocks, with the label as a projection."""

from torch import Tensor

from stgan.discriminators._base import PICKLE, TINY, OfFrames
from stgan.discriminators._outputs import StreamOutput
from stgan.discriminators._residual import ResidualDiscriminator
from stgan.example import Example
from stgan.registry import DISCRIMINATORS
from stgan.typing import Size2, Size3

__all__ = ["ImageResidualDiscriminator", "VideoResidualDiscriminator"]


@DISCRIMINATORS.register(
    "image_residual",
    source="Miyato et al., Spectral Normalization for GANs, ICLR 2018, appendix B.4; Miyato and "
    "Koyama, cGANs with Projection Discriminator, ICLR 2018, section 3",
    shape="(N, C, H, W), (N,) -> (N,)",
    example=Example(
        settings={"input_size": (8, 12), **TINY},
        inputs={"image": "N 3 8 12", "label": "N < 3"},
        claims=PICKLE,
    ),
)
class ImageResidualDiscriminator(OfFrames, ResidualDiscriminator[Size2], input_size=64):
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
        >>> discriminator = ImageResidualDiscriminator(32, num_classes=6, base_channels=4)
        >>> discriminator(torch.zeros(2, 3, 32, 32), torch.tensor([0, 5])).shape
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
        settings={"input_size": (4, 8, 12), **TINY},
        inputs={"video": "N 3 4 8 12", "label": "N < 3"},
        claims=PICKLE,
    ),
)
class VideoResidualDiscriminator(ResidualDiscriminator[Size3], input_size=(32, 64, 64)):
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
        >>> discriminator = VideoResidualDiscriminator((8, 16, 16), num_classes=6, base_channels=4)
        >>> discriminator(torch.zeros(2, 3, 8, 16, 16), torch.tensor([0, 5])).shape
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

"""Discriminator of single frames."""

from torch import Tensor

from stgan.discriminators._base import PICKLE, TINY, OfFrames
from stgan.discriminators._outputs import StreamOutput
from stgan.discriminators._strided import StridedDiscriminator
from stgan.example import Example
from stgan.registry import DISCRIMINATORS
from stgan.typing import Size2

__all__ = ["ImageDiscriminator"]


@DISCRIMINATORS.register(
    "image",
    source="Wang et al., ImaGINator, WACV 2020; released code, model/networks.py",
    shape="(N, C, H, W), (N,) -> (N,)",
    example=Example(
        settings={"input_size": (8, 12), **TINY},
        inputs={"image": "N 3 8 12", "label": "N < 3"},
        claims=PICKLE,
    ),
)
class ImageDiscriminator(OfFrames, StridedDiscriminator[Size2], input_size=64):
    """Strided 2-D convolutions over a frame: one logit per frame.

    Args:
        input_size: ``int`` or ``(H, W)`` of the frames, for a head that covers what the stages
            leave; ``None`` for any size, with features averaged before the head.
        stages: Geometry of the stages, coarse to fine, as :func:`stgan.shapes.plan` returns it;
            ``None`` for the plan of ``input_size``, or of 64 x 64 where that is ``None``. Only
            its spatial half is used.
        in_channels: Channels of the frames.
        num_classes: K; the label joins where ``label_to`` says; 0 for no label.
        base_channels: Width of the first stage; each further stage doubles it.
        max_channels: Width that no stage exceeds.
        norm: Called with the channels of every stage but the first; ``None`` for none.
        act: The activation of every stage.
        spectral_norm: Whether every convolution is spectrally normalized.
        init_std: Standard deviation of the initial weights; ``None`` for torch's default.
        head: Builds the head, as :class:`Head` says; ``None`` for a convolution of the size that
            the stages leave.
        label_to: Where the label joins: as a one-hot map after the first of the ``"stages"``, or in
            the ``"head"``, which must then take it, as :class:`ProjectionHead` does.
        condition_dim: D of another condition, a vector, that the head takes; 0 for none.
        minibatch_stddev: Whether the head sees :class:`stgan.layers.MinibatchStddev`, of the whole
            batch.

    Shape:
        - ``image``: ``(N, in_channels, H, W)``, in [-1, 1]
        - ``label``: ``(N,)`` integers in [0, K), or ``(N, K)`` rows
        - ``condition``: ``(N, condition_dim)``
        - Output: ``(N,)`` logits; ``(N, *size)`` with :class:`PatchHead`

    Raises:
        ShapeError: If no plan reaches ``input_size``; in ``forward``, if a frame has another size.
        ValueError: If a setting contradicts another, or the head would not take what it is given;
            in ``forward``, if a label or condition is missing or not expected.

    Example:
        >>> discriminator = ImageDiscriminator(32, base_channels=8)
        >>> discriminator(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2])

    References:
        Wang et al., ImaGINator: Conditional Spatio-Temporal GAN for Video Generation, WACV 2020.
    """

    def forward(
        self,
        image: Tensor,
        label: Tensor | None = None,
        condition: Tensor | None = None,
        *,
        detailed: bool = False,
    ) -> Tensor | StreamOutput:
        """Return one logit per frame.

        Args:
            image: The frames.
            label: Their classes, exactly if there are classes.
            condition: Vectors for the head, exactly if ``condition_dim`` is positive.
            detailed: Whether to return a :class:`StreamOutput`, with what the head predicts and
                the features of every stage.
        """
        return self._judge(image, label, condition, detailed)

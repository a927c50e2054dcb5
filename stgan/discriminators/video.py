"""Discriminator of whole clips."""

from torch import Tensor

from stgan.discriminators._base import PICKLE, TINY
from stgan.discriminators._outputs import StreamOutput
from stgan.discriminators._strided import StridedDiscriminator
from stgan.example import Example
from stgan.registry import DISCRIMINATORS
from stgan.typing import Size3

__all__ = ["VideoDiscriminator"]


@DISCRIMINATORS.register(
    "video",
    source="Wang et al., ImaGINator, WACV 2020; released code, model/networks.py",
    shape="(N, C, T, H, W), (N,) -> (N,)",
    example=Example(
        settings={"input_size": (4, 8, 12), **TINY},
        inputs={"video": "N 3 4 8 12", "label": "N < 3"},
        claims=PICKLE,
    ),
)
class VideoDiscriminator(StridedDiscriminator[Size3], input_size=(32, 64, 64)):
    """Strided 3-D convolutions over a clip, with the label as a one-hot map: one logit per clip.

    Args:
        input_size: ``(T, H, W)`` of the clips, for a head that covers what the stages leave;
            ``None`` for any size, with features averaged before the head.
        stages: Geometry of the stages, coarse to fine, as :func:`stgan.shapes.plan` returns it;
            ``None`` for the plan of ``input_size``, or of 32 x 64 x 64 where that is ``None``.
        in_channels: Channels of the clips.
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
        - ``video``: ``(N, in_channels, T, H, W)``, in [-1, 1]
        - ``label``: ``(N,)`` integers in [0, K), or ``(N, K)`` rows
        - ``condition``: ``(N, condition_dim)``
        - Output: ``(N,)`` logits; ``(N, *size)`` with :class:`PatchHead`

    Raises:
        ShapeError: If no plan reaches ``input_size``; in ``forward``, if a clip has another size.
        ValueError: If a setting contradicts another, or the head would not take what it is given;
            in ``forward``, if a label or condition is missing or not expected.

    Example:
        >>> discriminator = VideoDiscriminator((16, 32, 32), num_classes=6, base_channels=8)
        >>> discriminator(torch.zeros(2, 3, 16, 32, 32), torch.tensor([0, 5])).shape
        torch.Size([2])

    Differs from the source:
        The published kernels fit 32 x 64 x 64 only; a longer clip gave several logits in silence.
        Here the head has the size that the stages leave, and other sizes are refused.

    References:
        Wang et al., ImaGINator: Conditional Spatio-Temporal GAN for Video Generation, WACV 2020.
    """

    def forward(
        self,
        video: Tensor,
        label: Tensor | None = None,
        condition: Tensor | None = None,
        *,
        detailed: bool = False,
    ) -> Tensor | StreamOutput:
        """Return one logit per clip.

        Args:
            video: The clips.
            label: Their classes, exactly if there are classes.
            condition: Vectors for the head, exactly if ``condition_dim`` is positive.
            detailed: Whether to return a :class:`StreamOutput`, with what the head predicts and
                the features of every stage.
        """
        return self._judge(video, label, condition, detailed)

"""Discriminator of clips at several frame rates."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from stgan._checks import check_positive
from stgan.discriminators._base import PICKLE, TINY, BaseDiscriminator, Network
from stgan.discriminators._outputs import StreamOutput, judge, parts, promise
from stgan.discriminators.video import VideoDiscriminator
from stgan.example import Example
from stgan.registry import DISCRIMINATORS
from stgan.typing import Size3

__all__ = ["TemporalPyramidDiscriminator"]


@DISCRIMINATORS.register(
    "temporal_pyramid",
    source="Wang et al., InMoDeGAN, 2021, temporal pyramid discriminator",
    shape="(N, C, T, H, W), (N,) -> {'stride_1': (N,), 'stride_2': (N,), ...}",
    example=Example(
        settings={"input_size": (4, 8, 12), "strides": (1, 2), **TINY},
        inputs={"video": "N 3 4 8 12", "label": "N < 3"},
        claims=PICKLE,
    ),
)
class TemporalPyramidDiscriminator(BaseDiscriminator):
    """Judge a clip at several frame rates, each by a network of its own: one logit per rate.

    The network of stride s sees the frames 0, s, 2 s, ...: a large stride shows slow motion, a
    small one fast motion.

    Args:
        input_size: ``(T, H, W)`` of the clips; each network is built for the frames it sees.
            ``None`` for any size.
        strides: One network for each, in frames.
        network: Makes a network, such as :class:`VideoDiscriminator2Plus1d`; called with
            ``input_size``, ``in_channels``, ``num_classes`` and the settings.
        in_channels: Channels of the clips.
        num_classes: K; the label goes to every network; 0 for no label.
        **settings: Further settings of the networks, such as ``base_channels``.

    Shape:
        - ``video``: ``(N, in_channels, T, H, W)``, in [-1, 1]
        - ``label``: ``(N,)`` integers in [0, K), or ``(N, K)`` rows
        - Output: ``{"stride_1": (N,), "stride_2": (N,), ...}``, in the order of ``strides``; what a
          network names itself comes under both names, such as ``"stride_1.scale_0"``

    Raises:
        ValueError: If the strides are none, twice the same, or not positive, or ``condition_dim``
            is among the settings; in ``forward``, if a label is missing or not expected, or a
            network tells nothing but logits and ``detailed`` is asked for.
        ShapeError: If no network can be built for ``input_size``; in ``forward``, if a clip has
            another size.

    Example:
        >>> size, strides = (8, 16, 16), (1, 2, 4)
        >>> discriminator = TemporalPyramidDiscriminator(size, strides=strides, base_channels=4)
        >>> logits = discriminator(torch.zeros(2, 3, 8, 16, 16))
        >>> {rate: tuple(values.shape) for rate, values in logits.items()}
        {'stride_1': (2,), 'stride_2': (2,), 'stride_4': (2,)}

    Differs from the source:
        Frames are counted from the first one of the clip.

    References:
        Wang, Bremond and Dantcheva, InMoDeGAN: Interpretable Motion Decomposition Generative
        Adversarial Network for Video Generation, 2021, temporal pyramid discriminator.
    """

    def __init__(
        self,
        input_size: Size3 | None = (32, 64, 64),
        *,
        strides: Sequence[int] = (1, 2),
        network: Network = VideoDiscriminator,
        in_channels: int = 3,
        num_classes: int = 0,
        **settings: Any,
    ) -> None:
        super().__init__(input_size, in_channels=in_channels, num_classes=num_classes)
        self.strides = tuple(check_positive(stride, "a stride") for stride in strides)
        if not self.strides or len({*self.strides}) < len(self.strides):
            raise ValueError(f"strides must be different and one at least, got {self.strides}")
        size = self.input_size
        self.networks = nn.ModuleDict()
        for stride in self.strides:
            seen = None if size is None else (-(-size[0] // stride), *size[1:])
            self.networks[f"stride_{stride}"] = self._inside(network, seen, **settings)

    def forward(
        self, video: Tensor, label: Tensor | None = None, *, detailed: bool = False
    ) -> dict[str, Tensor] | dict[str, StreamOutput]:
        """Return one logit per clip and stride.

        Args:
            video: The clips.
            label: Goes to every network.
            detailed: Whether to return a :class:`StreamOutput` for each, which the networks must
                then do.
        """
        self._check(video)
        named: dict[str, Any] = {}
        for stride, (name, network) in zip(self.strides, self.networks.items(), strict=True):
            named |= parts(name, judge(network, video[:, :, ::stride], label, detailed=detailed))
        return named

    def output_shape(
        self, input_shape: Sequence[int], label: Sequence[int] | None = None
    ) -> dict[str, tuple[int, ...]]:
        """Shapes of the logits, as the networks promise them; the label does not matter.

        Raises:
            ShapeError: If ``forward`` would refuse the input's shape.
        """
        n, c, t, h, w = self._check_shape(input_shape)
        named: dict[str, tuple[int, ...]] = {}
        for stride, (name, network) in zip(self.strides, self.networks.items(), strict=True):
            named |= parts(name, promise(network, (n, c, -(-t // stride), h, w)))
        return named

    def extra_repr(self) -> str:
        """The strides."""
        return f"strides={self.strides}"

"""Discriminator of two frames and the time between them, the cheapest one of motion."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from stgan._checks import check_count, check_layout
from stgan.discriminators._base import PICKLE, TINY, BaseDiscriminator, Network, exactly_one
from stgan.discriminators._outputs import Opinion, Shapes, judge, promise
from stgan.discriminators.image import ImageDiscriminator
from stgan.discriminators.samplers_sparse import BetaPair
from stgan.example import Example
from stgan.functional.one_hot import spread_rows
from stgan.registry import DISCRIMINATORS
from stgan.typing import Size2

__all__ = ["PairDiscriminator"]


@DISCRIMINATORS.register(
    "pair",
    source="Yu et al., DIGAN, ICLR 2022, motion discriminator (figure 2b)",
    shape="(N, C, 2, H, W), (N,), (N, 2) -> (N,)",
    example=Example(
        settings={"input_size": (8, 12), "num_frames": 5, **TINY},
        inputs={"video": "N 3 2 8 12", "label": "N < 3", "indices": "N 2 < 5"},
        claims=PICKLE,
    ),
)
class PairDiscriminator(BaseDiscriminator):
    r"""Judge two frames of a clip as one image of :math:`2 C + 1` channels.

    The channels are :math:`[x(t_1), x(t_2), (t_2 - t_1) \mathbf{1}]`, where a whole clip lasts
    from 0 to 1, so that the network can tell whether the frames differ as much as their distance
    asks for.

    Args:
        input_size: ``int`` or ``(H, W)`` of the frames; ``None`` for any.
        num_frames: Frames of a whole clip, by which indices become times; no effect on a
            ``difference``.
        network: Makes the network of images, such as :class:`ImageResidualDiscriminator`; called
            with ``input_size``, ``in_channels``, ``num_classes`` and the settings.
        in_channels: C, channels of a frame.
        num_classes: K; the label goes to the network; 0 for no label.
        **settings: Further settings of the network, such as ``base_channels``.

    Shape:
        - ``video``: ``(N, in_channels, 2, H, W)``, in [-1, 1]; see
          :func:`stgan.functional.take_frames`
        - ``label``: ``(N,)`` integers in [0, K), or ``(N, K)`` rows
        - ``indices``: ``(N, 2)``, frames in [0, num_frames)
        - ``difference``: ``(N,)``, :math:`t_2 - t_1` where a clip lasts from 0 to 1
        - Output: that of the network: ``(N,)`` logits, unless it judges patches or names
          several

    Raises:
        ValueError: If ``num_frames`` is less than 2, or ``condition_dim`` is among the settings;
            in ``forward``, if neither or both of ``indices`` and ``difference`` are given, a label
            is missing or not expected, or the network tells nothing but logits and ``detailed`` is
            asked for.
        ShapeError: In ``forward``, if an input has another layout.

    Example:
        >>> discriminator = PairDiscriminator(32, num_frames=16, base_channels=4)
        >>> frames, indices = torch.zeros(2, 3, 2, 32, 32), torch.tensor([[0, 15], [3, 4]])
        >>> discriminator(frames, indices=indices).shape
        torch.Size([2])

    Differs from the source:
        The network is that of this library instead of StyleGAN2's.

    References:
        Yu et al., Generating Videos with Dynamics-aware Implicit Generative Adversarial Networks
        (DIGAN), ICLR 2022, motion discriminator (figure 2b).
    """

    timed: ClassVar[bool] = True
    usual_sampler: ClassVar[Callable[..., Any] | None] = BetaPair
    _sized: ClassVar[str] = "HW"

    def __init__(
        self,
        input_size: Size2 | None = 64,
        *,
        num_frames: int = 16,
        network: Network = ImageDiscriminator,
        in_channels: int = 3,
        num_classes: int = 0,
        **settings: Any,
    ) -> None:
        super().__init__(
            input_size, in_channels=in_channels, num_classes=num_classes, sizes={"T": 2}
        )
        self.num_frames = check_count(num_frames, "num_frames", minimum=2)
        self.network = self._inside(
            network, self.input_size, in_channels=2 * in_channels + 1, **settings
        )

    @classmethod
    def _clip_settings(cls, size: tuple[int, int, int], frames: int) -> dict[str, Any]:
        return {"input_size": size[1:], "num_frames": size[0]}

    def forward(
        self,
        video: Tensor,
        label: Tensor | None = None,
        *,
        indices: Tensor | None = None,
        difference: Tensor | None = None,
        detailed: bool = False,
    ) -> Opinion:
        """Return one logit per pair of frames.

        Args:
            video: ``(N, C, 2, H, W)``, the two frames.
            label: Goes to the network.
            indices: ``(N, 2)``, where the frames stand in their clips.
            difference: ``(N,)``, in place of indices.
            detailed: Whether to return a :class:`StreamOutput`, which the network must then do.
        """
        self._check(video)
        exactly_one(indices=indices, difference=difference)
        if indices is not None:
            check_layout(indices, "N k", name="indices", kind="integer", N=video.shape[0], k=2)
            passed = (indices[:, 1] - indices[:, 0]).to(video.dtype) / (self.num_frames - 1)
        else:
            assert difference is not None
            check_layout(difference, "N", name="difference", kind="real", N=video.shape[0])
            passed = difference.to(video.dtype)
        time = spread_rows(passed.unsqueeze(1), tuple(video.shape[3:]))
        seen = torch.cat([video[:, :, 0], video[:, :, 1], time], dim=1)
        opinion: Opinion = judge(self.network, seen, label, detailed=detailed)
        return opinion

    def output_shape(
        self,
        input_shape: Sequence[int],
        label: Sequence[int] | None = None,
        indices: Sequence[int] | None = None,
        difference: Sequence[int] | None = None,
    ) -> Shapes:
        """Shape of the logits, as the network promises it; only that of the frames matters.

        Raises:
            ShapeError: If ``forward`` would refuse the shape of the frames.
        """
        n, c, _, h, w = self._check_shape(input_shape)
        return promise(self.network, (n, 2 * c + 1, h, w))

"""DiffAugment for clips."""

from collections.abc import Sequence

import torch
from torch import Tensor

from stgan.augment._draws import below, check_probability
from stgan.augment.base import Augmentation
from stgan.example import Example
from stgan.functional.augment import cut_out, jitter_color, translate_clips
from stgan.registry import AUGMENTATIONS

__all__ = ["DiffAugment"]

_DRAWS = {"color": 3, "translation": 2, "cutout": 2}


@AUGMENTATIONS.register(
    "diff_augment",
    source="Zhao et al., DiffAugment, NeurIPS 2020, section 3.2 and released code",
    shape="(N, C, T, H, W), (N, D) -> (N, C, T, H, W)",
    aliases=("diffaug", "diffaugment"),
    example=Example(inputs={"video": "N C T H W", "draws": "N 7"}),
)
class DiffAugment(Augmentation):
    """Change color, place and a hole of every clip, all frames of a clip alike (DiffAugment).

    For few training clips: real and generated clips both go through it before every discriminator,
    in the steps of the discriminators and of the generator. The policies, in the order given, are

    - ``"color"``: brightness shifted by up to 0.5, saturation scaled by 0 to 2, contrast by 0.5 to
      1.5; see :func:`stgan.functional.jitter_color`;
    - ``"translation"``: moved by whole pixels, zeros come in; see
      :func:`stgan.functional.translate_clips`;
    - ``"cutout"``: a rectangle is zero; see :func:`stgan.functional.cut_out`.

    Zero is the middle of [-1, 1]: gray. Colors are not clamped and may leave that range, for real
    and generated clips alike.

    Args:
        policies: Any of the three.
        translation: The longest way to move, as a part of height and width.
        cutout: Height and width of the hole, as a part of those of the frame.

    Attributes:
        num_draws: 3 for color, 2 for translation, 2 for cutout, in the order of the policies.

    Shape:
        - ``video``: ``(N, C, T, H, W)``
        - ``draws``: ``(N, num_draws)``, see :class:`Augmentation`
        - Output: that of the video

    Raises:
        ValueError: If a policy is unknown or given twice, none is given, or a part not in [0, 1].
        ShapeError: In ``forward``, if an input has another layout.

    Example:
        >>> augment = DiffAugment(("translation", "cutout"))
        >>> augment.num_draws
        4
        >>> augment(torch.zeros(2, 3, 4, 8, 8)).shape
        torch.Size([2, 3, 4, 8, 8])

    Differs from the source:
        That is for images; here one draw serves all frames, and the contrast is about the mean of
        each frame, so that a clip is augmented as its frames are.

    References:
        Zhao et al., Differentiable Augmentation for Data-Efficient GAN Training, NeurIPS 2020;
        consistent over time as in Yu et al., DIGAN, ICLR 2022, and Brooks et al., LongVideoGAN,
        NeurIPS 2022.
    """

    def __init__(
        self,
        policies: Sequence[str] = ("color", "translation", "cutout"),
        *,
        translation: float = 0.125,
        cutout: float = 0.5,
    ) -> None:
        names = (policies,) if isinstance(policies, str) else tuple(policies)
        if not names or len({*names}) < len(names) or {*names} - {*_DRAWS}:
            raise ValueError(
                f"policies must be some of {', '.join(_DRAWS)}, each once, got {policies!r}"
            )
        super().__init__(sum(_DRAWS[name] for name in names))
        self.policies = names
        self.translation = check_probability(translation, "translation")
        self.cutout = check_probability(cutout, "cutout")

    def transform(self, video: Tensor, draws: Tensor) -> Tensor:
        """Apply the policies one after the other."""
        groups = torch.split(draws, [_DRAWS[name] for name in self.policies], dim=1)
        for name, group in zip(self.policies, groups, strict=True):
            if name == "color":
                b, s, c = group.unbind(1)
                video = jitter_color(video, brightness=b / 2, saturation=1 + s, contrast=1 + c / 2)
            elif name == "translation":
                video = translate_clips(video, self._shift(group, video.shape[3:]))
            else:
                video = self._cut(video, group)
        return video

    def _shift(self, draws: Tensor, size: Sequence[int]) -> Tensor:
        """Whole pixels from minus to plus the longest way, each as likely."""
        ways = [_part(self.translation, side) for side in size]
        return torch.stack(
            [below(draw, 2 * way + 1) - way for draw, way in zip(draws.T, ways, strict=True)], dim=1
        )

    def _cut(self, video: Tensor, draws: Tensor) -> Tensor:
        h, w = video.shape[3:]
        hole = (_part(self.cutout, h), _part(self.cutout, w))
        # The center of an even hole may lie one beyond the frame: as many places on either side.
        centers = [
            below(draw, side + (long + 1) % 2)
            for draw, side, long in zip(draws.T, (h, w), hole, strict=True)
        ]
        return cut_out(video, torch.stack(centers, dim=1), hole)

    def extra_repr(self) -> str:
        """Policies and how far they go."""
        return f"{self.policies}, translation={self.translation}, cutout={self.cutout}"


def _part(share: float, side: int) -> int:
    """A share of a side in whole pixels, rounded to the nearest."""
    return int(side * share + 0.5)

"""The augmentation pipeline of ADA for clips."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from stgan.augment._ada_transforms import (
    BLIT_DRAWS,
    COLOR_DRAWS,
    GEOMETRY_DRAWS,
    blit_map,
    color_numbers,
    warp_map,
)
from stgan.augment._draws import check_probability
from stgan.augment.base import Augmentation
from stgan.errors import ShapeError
from stgan.example import Example
from stgan.functional.augment import adjust_luma_chroma
from stgan.functional.warp import compose_affine, warp_affine
from stgan.registry import AUGMENTATIONS

__all__ = ["ADAugment"]

_DRAWS = {"blit": BLIT_DRAWS, "geometry": GEOMETRY_DRAWS, "color": COLOR_DRAWS}


@AUGMENTATIONS.register(
    "ada",
    source="Karras et al., ADA, NeurIPS 2020, appendix B",
    shape="(N, C, T, H, W), (N, D) -> (N, C, T, H, W)",
    example=Example(settings={"probability": 0.8}, inputs={"video": "N 3 T H W", "draws": "N 28"}),
)
class ADAugment(Augmentation):
    """Apply each of thirteen transformations with a probability, all frames alike (ADA).

    For few training clips: real and generated clips both go through it before every discriminator,
    in the steps of the discriminators and of the generator. As long as the probability is below
    about 0.8, the generator does not learn to show augmented clips. :class:`AdaptiveAugmentation`
    finds it during training. The transformations, in groups:

    - ``"blit"``: flip left and right, turn by quarters, move by whole pixels, up to an eighth;
    - ``"geometry"``: scale, turn, stretch, turn again and move, by any amount;
    - ``"color"``: brightness, contrast, light against dark, hue, saturation; see
      :func:`stgan.functional.adjust_luma_chroma`.

    What moves the picture is one map, read once by :func:`stgan.functional.warp_affine`; beyond the
    border the picture goes on as in a mirror. A clip to which nothing happens stays as it is, bit
    for bit. Colors are not clamped and may leave [-1, 1].

    Args:
        probability: Of each transformation, at the beginning.
        groups: Any of the three; they act in the order above.

    Attributes:
        probability: A buffer of one number, to be adapted in training and saved with the state.
        num_draws: 7 for blit, 11 for geometry, 10 for color.

    Shape:
        - ``video``: ``(N, C, T, H, W)``; with colors, C is 3, or 1 for gray
        - ``draws``: ``(N, num_draws)``, see :class:`Augmentation`
        - Output: that of the video

    Raises:
        ValueError: If a group is unknown or given twice, none is given, or the probability is not
            in [0, 1].
        ShapeError: In ``forward``, if an input has another layout.

    Example:
        >>> augment, video = ADAugment(probability=0.5), torch.zeros(2, 3, 4, 8, 8)
        >>> augment.num_draws, augment(video).shape
        (28, torch.Size([2, 3, 4, 8, 8]))
        >>> torch.equal(ADAugment(probability=0.0)(video), video)
        True

    Differs from the source:
        That is for images; here one draw serves all frames. Pixels are read bilinearly, without
        the wavelet filters around the warp. The mirror beyond the border repeats the last pixel,
        which the published code does not. Filtering and corruption of images, which that paper
        found not to help, are left out.

    References:
        Karras et al., Training Generative Adversarial Networks with Limited Data, NeurIPS 2020,
        appendix B; the same for all frames as in Skorokhodov et al., StyleGAN-V, CVPR 2022.
    """

    adaptive: ClassVar[bool] = True

    def __init__(
        self,
        probability: float = 0.0,
        groups: Sequence[str] = ("blit", "geometry", "color"),
    ) -> None:
        names = (groups,) if isinstance(groups, str) else tuple(groups)
        if not names or len({*names}) < len(names) or {*names} - {*_DRAWS}:
            raise ValueError(
                f"groups must be some of {', '.join(_DRAWS)}, each once, got {groups!r}"
            )
        super().__init__(sum(_DRAWS[name] for name in names))
        self.groups = tuple(name for name in _DRAWS if name in names)
        self.register_buffer("probability", torch.tensor(float(check_probability(probability))))
        self.probability: Tensor

    def _check_shapes(self, video: tuple[int, ...], draws: tuple[int, ...] | None) -> None:
        super()._check_shapes(video, draws)
        # Colors need channels that are colors.
        if "color" in self.groups and video[1] not in (1, 3):
            raise ShapeError(
                f"video must have 3 channels, or 1 if it is gray, for the group color, got "
                f"{video}; leave color out of groups"
            )

    def transform(self, video: Tensor, draws: Tensor) -> Tensor:
        """Move the picture once, then change its colors once."""
        size = (video.shape[3], video.shape[4])
        parts = torch.split(draws, [_DRAWS[name] for name in self.groups], dim=1)
        drawn = dict(zip(self.groups, parts, strict=True))
        moves = [
            make(drawn[name], self.probability, size)
            for name, make in (("blit", blit_map), ("geometry", warp_map))
            if name in drawn
        ]
        if moves:
            (matrix, moved), *rest = moves
            for other, also in rest:
                matrix, moved = compose_affine(matrix, other), moved | also
            video = _where(moved, warp_affine(video, matrix), video)
        if "color" in drawn:
            numbers, changed = color_numbers(drawn["color"], self.probability)
            video = _where(changed, adjust_luma_chroma(video, **numbers), video)
        return video

    def extra_repr(self) -> str:
        """Groups; the probability changes and is not shown."""
        return f"groups={self.groups}"


def _where(clips: Tensor, changed: Tensor, video: Tensor) -> Tensor:
    return torch.where(clips[:, None, None, None, None], changed, video)

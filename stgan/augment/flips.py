"""Clips in the mirror, and backwards."""

from torch import Tensor

from stgan.augment._draws import check_probability, happens
from stgan.augment.base import Augmentation
from stgan.example import Example
from stgan.functional.augment import flip_clips
from stgan.registry import AUGMENTATIONS

__all__ = ["RandomFlip", "RandomTimeFlip"]

_EXAMPLE = Example(
    inputs={"video": "N C T H W", "draws": "N 1"},
    claims={"gradients": "draws are compared with the probability; nothing leads back to them"},
)


class _Flip(Augmentation):
    _axis: int

    def __init__(self, probability: float = 0.5) -> None:
        super().__init__(num_draws=1)
        self.probability = check_probability(probability)

    def transform(self, video: Tensor, draws: Tensor) -> Tensor:
        """See :func:`stgan.functional.flip_clips`."""
        return flip_clips(video, happens(draws[:, 0], self.probability), axis=self._axis)

    def extra_repr(self) -> str:
        """How often a clip is flipped."""
        return f"probability={self.probability}"


@AUGMENTATIONS.register(
    "flip",
    source="Simonyan and Zisserman, Two-Stream Networks, NIPS 2014, section 5",
    shape="(N, C, T, H, W), (N, 1) -> (N, C, T, H, W)",
    example=_EXAMPLE,
)
class RandomFlip(_Flip):
    """Swap left and right in some clips, in all frames of each.

    See :func:`stgan.functional.flip_clips`. Not for motions that know left from right.

    Args:
        probability: How often a clip is flipped.

    Shape:
        - ``video``: ``(N, C, T, H, W)``
        - ``draws``: ``(N, 1)``, see :class:`Augmentation`
        - Output: that of the video

    Raises:
        ValueError: If the probability is not in [0, 1].
        ShapeError: In ``forward``, if an input has another layout.

    Example:
        >>> flip = RandomFlip()
        >>> video = torch.tensor([1.0, 2, 3]).expand(2, 1, 1, 1, 3)
        >>> flip(video, torch.tensor([[-0.5], [0.5]])).squeeze()
        tensor([[3., 2., 1.],
                [1., 2., 3.]])

    References:
        Simonyan and Zisserman, Two-Stream Convolutional Networks for Action Recognition in Videos,
        NIPS 2014, section 5 (training).
    """

    _axis = 4


@AUGMENTATIONS.register(
    "time_flip",
    source="Tian et al., MoCoGAN-HD, ICLR 2021; released code, training of the discriminator",
    shape="(N, C, T, H, W), (N, 1) -> (N, C, T, H, W)",
    example=_EXAMPLE,
)
class RandomTimeFlip(_Flip):
    """Play some clips backwards.

    See :func:`stgan.functional.flip_clips`. Real and generated clips are both to be flipped, with
    draws of their own; a discriminator that is conditioned on the first frame must take it before.

    Args:
        probability: How often a clip is flipped.

    Shape:
        - ``video``: ``(N, C, T, H, W)``
        - ``draws``: ``(N, 1)``, see :class:`Augmentation`
        - Output: that of the video

    Raises:
        ValueError: If the probability is not in [0, 1].
        ShapeError: In ``forward``, if an input has another layout.

    Example:
        >>> flip = RandomTimeFlip()
        >>> video = torch.tensor([1.0, 2, 3]).reshape(1, 1, 3, 1, 1).expand(2, 1, 3, 1, 1)
        >>> flip(video, torch.tensor([[-0.5], [0.5]])).squeeze()
        tensor([[3., 2., 1.],
                [1., 2., 3.]])

    Differs from the source:
        Every clip is flipped or not by itself; the published code flips all of a batch or none.

    References:
        Tian et al., A Good Image Generator Is What You Need for High-Resolution Video Synthesis
        (MoCoGAN-HD), ICLR 2021.
    """

    _axis = 2

"""Whether the noise changes what is generated."""

from itertools import combinations

import torch
from torch import Tensor

from stgan.errors import ShapeError
from stgan.metrics._inputs import check_clips

__all__ = ["diversity"]


def diversity(videos: Tensor) -> Tensor:
    r"""Mean distance between the clips that one image and label give under different noise.

    .. math:: \frac{2}{S(S-1)} \sum_{i<j} \mathrm{mean}\,|x_i - x_j|

    0 for a generator that ignores its noise. It does not tell good variety from bad: judge it
    beside a score of quality.

    Args:
        videos: In [-1, 1]; S samples of ``z`` for each of N pairs of image and label.

    Shape:
        - Input: ``(N, S, C, T, H, W)``, S at least 2.
        - Output: ``(N,)``, in [-1, 1] units, from 0 to 2.

    Raises:
        ShapeError: If the layout is another or there is a single sample.
        TypeError: If the videos are not of a float type.

    Example:
        >>> dark, light = torch.full((1, 3, 4, 8, 8), -1.0), torch.full((1, 3, 4, 8, 8), 1.0)
        >>> diversity(torch.stack([dark, dark, light], dim=1))
        tensor([1.3333])

    References:
        The pairwise form of Zhu et al., Toward Multimodal Image-to-Image Translation, NeurIPS
        2017, section 5, with L1 in place of a perceptual distance.
    """
    check_clips(videos, "videos", "N S C T H W")
    samples = videos.shape[1]
    if samples < 2:
        raise ShapeError(
            f"videos must hold at least 2 samples of each image and label, got {samples}"
        )
    distances = [
        (videos[:, i] - videos[:, j]).abs().mean(dim=(1, 2, 3, 4))
        for i, j in combinations(range(samples), 2)
    ]
    return torch.stack(distances).mean(dim=0)

"""How sure a classifier is of each clip, and how many classes it finds."""

import torch
from torch import Tensor

from stgan._checks import check_layout, check_positive
from stgan.errors import ShapeError
from stgan.metrics._inputs import check_correction, check_finite

__all__ = ["inception_score"]


def inception_score(
    logits: Tensor, *, splits: int = 10, correction: int = 1
) -> tuple[Tensor, Tensor]:
    r"""Inception score of the class probabilities of generated clips.

    .. math:: \exp\left(\mathrm{mean}_i\, \mathrm{KL}(p(y|x_i) \,\|\, p(y))\right)

    The mean and the standard deviation over parts of the set, in order: shuffle a set that is
    sorted by class. From 1, where all clips are alike to the classifier, to the number of
    classes. It sees no real clip, so that one sharp clip of each class is perfect to it.

    Args:
        logits: What a classifier says of the generated clips, before any softmax.
        splits: Parts; the standard deviation of one part is 0.
        correction: 1 for the standard deviation of a sample; 0 for that of a population, which
            most papers report: 5 % less for 10 parts.

    Shape:
        - Input: ``(N, K)``
        - Output: two float64 numbers, mean and standard deviation.

    Raises:
        ShapeError: If the layout is another, or there are fewer than two clips a part or two
            classes.
        TypeError: If the logits are not of a float type.
        ValueError: If ``splits`` is not positive, ``correction`` is neither 0 nor 1, or logits are
            not finite.

    Example:
        >>> sure = 100 * torch.eye(4)  # four clips of four classes
        >>> mean, deviation = inception_score(sure, splits=1)
        >>> round(mean.item(), 3), deviation.item()
        (4.0, 0.0)

    References:
        Salimans et al., Improved techniques for training GANs, NIPS 2016, section 4; for clips,
        with a C3D network trained on UCF-101, Saito et al., TGAN, ICCV 2017, section 5.
    """
    check_layout(logits, "N K", name="logits")
    check_positive(splits, "splits")
    check_correction(correction)
    if logits.shape[1] < 2:
        raise ShapeError(f"logits must be of at least 2 classes, got {tuple(logits.shape)}")
    if len(logits) < 2 * splits:  # a split of one clip has the score 1, whatever the clip
        raise ShapeError(
            f"logits must be those of at least {2 * splits} clips, two a split, got "
            f"{len(logits)}; lower splits"
        )
    check_finite(logits, "logits")
    scores = []
    for part in torch.tensor_split(logits.double().log_softmax(dim=1), splits):
        marginal = part.logsumexp(dim=0) - torch.log(part.new_tensor(float(len(part))))
        scores.append((part.exp() * (part - marginal)).sum(dim=1).mean().exp())
    values = torch.stack(scores)
    deviation = values.std(correction=correction) if splits > 1 else values.new_zeros(())
    return values.mean(), deviation

"""Which motion is taken for which, and what generated clips can teach."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from stgan._checks import check_positive
from stgan._deprecated import renamed
from stgan.metrics._inputs import check_clips, check_outputs
from stgan.metrics.modes import evaluating
from stgan.metrics.motion_classifier import (
    check_labels,
    condition_accuracy,
    fit_motion_classifier,
)

__all__ = ["count_classes", "motion_confusion", "reverse_condition_accuracy"]


def count_classes(label: Tensor, guess: Tensor, num_classes: int) -> Tensor:
    """Count the clips of each class, a row, that were taken for each, a column: ``(K, K)``."""
    places = label.cpu() * num_classes + guess.cpu()
    return torch.bincount(places, minlength=num_classes**2).view(num_classes, num_classes)


@torch.no_grad()
def motion_confusion(
    classifier: nn.Module, videos: Tensor, labels: Tensor, num_classes: int, *, batch_size: int = 64
) -> Tensor:
    """Share of the clips of each class that the classifier takes for each class.

    Args:
        classifier: From videos to logits, such as :func:`stgan.metrics.fit_motion_classifier`
            returns; used in eval mode and left in its own.
        videos: In [-1, 1].
        labels: The class asked for.
        num_classes: K.
        batch_size: Clips classified at once.

    Shape:
        - Input: ``(N, C, T, H, W)`` and ``(N,)`` int64.
        - Output: ``(K, K)``, a row for each class asked for, which adds up to 1; NaN for a class
          that was not asked for.

    Raises:
        ShapeError: If videos and labels do not belong together.
        TypeError: If the videos are not of a float type.
        ValueError: If a label is not a class.

    Example:
        >>> from stgan.metrics import MotionClassifier
        >>> clips, labels = torch.rand(4, 3, 4, 16, 16), torch.tensor([0, 0, 1, 1])
        >>> motion_confusion(MotionClassifier(2), clips, labels, 2).sum(dim=1)
        tensor([1., 1.])
    """
    check_clips(videos, "videos")
    check_positive(num_classes, "num_classes")
    check_labels(labels, len(videos), num_classes)
    counts = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    parts = torch.split(videos, batch_size), torch.split(labels.cpu(), batch_size)
    with evaluating(classifier):
        for clips, asked in zip(*parts, strict=True):
            name = type(classifier).__name__
            logits = check_outputs(classifier(clips), len(clips), name, num_classes, "logits")
            counts += count_classes(asked, logits.argmax(dim=1), num_classes)
    # 0 / 0 is the NaN that the docstring promises.
    return counts / counts.sum(dim=1, keepdim=True)


@renamed("0.2", generated="fake")
def reverse_condition_accuracy(
    fake: tuple[Tensor, Tensor] | Dataset[Any],
    videos: Tensor,
    labels: Tensor,
    num_classes: int,
    *,
    steps: int = 300,
    seed: int = 0,
) -> float:
    """Share of real clips that a classifier recognizes which was trained on generated ones.

    A generator may be right about every label and yet show one way to move for each: then
    :func:`stgan.metrics.condition_accuracy` is high and this is low. Report it beside the accuracy
    of a classifier trained on as many real clips.

    Args:
        fake: Generated clips ``(N, C, T, H, W)`` in [-1, 1] and the labels that they were
            asked to show, or a dataset; see :func:`stgan.metrics.fit_motion_classifier`.
        videos: Real clips ``(M, C, T, H, W)`` in [-1, 1].
        labels: Their classes, ``(M,)`` int64.
        num_classes: K.
        steps: Optimizer steps of the classifier.
        seed: Of the classifier.

    Returns:
        From 0 to 1.

    Raises:
        ShapeError: If clips and labels do not belong together.
        TypeError: If clips are not of a float type.
        ValueError: If there are too few clips or a label is not a class.

    Example:
        >>> clips, labels = torch.rand(4, 3, 4, 16, 16), torch.tensor([0, 1, 0, 1])
        >>> 0 <= reverse_condition_accuracy((clips, labels), clips, labels, 2, steps=2) <= 1
        True

    References:
        Ravuri and Vinyals, Classification accuracy score for conditional generative models,
        NeurIPS 2019, on images.
    """
    classifier = fit_motion_classifier(fake, num_classes, steps=steps, seed=seed)
    return condition_accuracy(classifier, videos, labels)

"""Whether a generated clip shows the motion that its label asks for.

A small classifier is trained on real clips and asked about generated ones. It is trained anew for
every set of data and knows nothing else: its accuracy is no Fréchet or Inception score, and two
accuracies compare only where data, settings and seed are the same.
"""

from collections.abc import Sized
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from stgan._checks import check_axes, check_positive
from stgan.errors import ShapeError
from stgan.metrics._inputs import check_clips, check_outputs, check_video
from stgan.metrics.modes import evaluating

__all__ = [
    "MotionClassifier",
    "check_motion_size",
    "condition_accuracy",
    "fit_motion_classifier",
    "frame_differences",
]

# Larger clips are pooled to this: the way things move survives it, and a minute becomes seconds.
_LARGEST = (16, 32, 32)
_SMALLEST = (4, 16, 16)
_WIDTH = 16


class MotionClassifier(nn.Module):
    """Small 3-D convolutional network that tells classes of motion apart.

    It sees only differences of neighboring frames, so that appearance does not help it: whatever
    stands still is zero, and a frozen clip looks like every other frozen clip. Clips larger than
    16 differences of 32 x 32 are pooled down to that first, so any size costs about the same.

    Args:
        num_classes: Classes to tell apart.
        in_channels: Channels of the video.

    Shape:
        - Input: ``(N, in_channels, T, H, W)``, in [-1, 1], at least 4 x 16 x 16.
        - Output: ``(N, num_classes)`` logits.

    Raises:
        ShapeError: If the video is too small or of another layout.
        TypeError: If it is not of a float type.

    Example:
        >>> MotionClassifier(6)(torch.rand(2, 3, 8, 24, 24)).shape
        torch.Size([2, 6])

    References:
        None; a network of this library, kept small on purpose.
    """

    def __init__(self, num_classes: int, in_channels: int = 3) -> None:
        super().__init__()
        self.num_classes = check_positive(num_classes, "num_classes")
        self.in_channels = check_positive(in_channels, "in_channels")
        # Time is kept in the first step, where fast motion is still visible, then halved.
        widths = (in_channels, _WIDTH, 2 * _WIDTH, 4 * _WIDTH)
        strides = ((1, 2, 2), (2, 2, 2), (2, 2, 2))
        layers: list[nn.Module] = []
        for inside, outside, stride in zip(widths[:-1], widths[1:], strides, strict=True):
            layers += [
                nn.Conv3d(inside, outside, 3, stride, padding=1, bias=False),
                nn.BatchNorm3d(outside),
                nn.ReLU(),
            ]
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(widths[-1], num_classes)
        # What a result says of it.
        self.name = "a motion classifier"
        self.resize = "pooled to at most 16 x 32 x 32 differences of frames"

    def forward(self, video: Tensor) -> Tensor:
        """Logits of each class; see the class for shapes."""
        return self.classify(self.differences(video))

    def differences(self, video: Tensor) -> Tensor:
        """Differences of neighboring frames, pooled to at most 16 x 32 x 32."""
        return frame_differences(video, self.in_channels)

    def classify(self, differences: Tensor) -> Tensor:
        """Logits from what :meth:`differences` returned."""
        return self.head(self.features(differences).mean(dim=(2, 3, 4)))


def frame_differences(video: Tensor, in_channels: int) -> Tensor:
    """Differences of neighboring frames, pooled to at most 16 x 32 x 32."""
    check_video(video, "video")
    check_motion_size(tuple(video.shape), in_channels)
    moved = torch.diff(video, dim=2)
    t, h, w = (min(side, most) for side, most in zip(moved.shape[2:], _LARGEST, strict=True))
    target = (t, h, w)
    return moved if target == moved.shape[2:] else F.adaptive_avg_pool3d(moved, target)


def check_motion_size(shape: tuple[int, ...], in_channels: int) -> None:
    """Refuse clips that are too small to see motion in."""
    check_axes(shape, "N C T H W", name="video", C=in_channels)
    size = shape[2:]
    if any(side < least for side, least in zip(size, _SMALLEST, strict=True)):
        raise ShapeError(f"video must be at least {_SMALLEST} in (T, H, W), got {size}")


def fit_motion_classifier(
    clips: tuple[Tensor, Tensor] | Dataset[Any],
    num_classes: int,
    *,
    steps: int = 300,
    batch_size: int = 32,
    lr: float = 3e-3,
    seed: int = 0,
) -> MotionClassifier:
    """Train a :class:`MotionClassifier` on real clips, in half a minute on two CPU cores.

    Frame differences of all clips are computed once and kept in memory, at most 200 KB a clip of
    three channels. Global random generators are left as they are, and equal seeds give equal
    classifiers on a CPU.

    Args:
        clips: Real clips ``(N, C, T, H, W)`` in [-1, 1] and their labels ``(N,)``, or a map-style
            dataset whose items hold one clip ``(C, T, H, W)`` under ``video`` and its ``label``,
            as those of :mod:`stgan.data` do.
        num_classes: Classes to tell apart.
        steps: Optimizer steps.
        batch_size: Clips in each.
        lr: Highest learning rate of the one-cycle schedule.
        seed: Of the initialization and of the order of clips.

    Returns:
        The classifier in eval mode, on the device of the clips.

    Raises:
        ShapeError: If clips and labels do not belong together.
        TypeError: If a clip is not of a float type.
        ValueError: If there are fewer than 2 clips or a label is not a class.

    Example:
        >>> videos, labels = torch.rand(4, 3, 4, 16, 16), torch.tensor([0, 1, 0, 1])
        >>> classifier = fit_motion_classifier((videos, labels), 2, steps=2)
        >>> 0 <= condition_accuracy(classifier, videos, labels) <= 1
        True
    """
    check_positive(steps, "steps")
    check_positive(batch_size, "batch_size")
    if isinstance(clips, tuple):
        videos, labels = clips
        check_clips(videos, "clips")
        channels = videos.shape[1]
        moved = [frame_differences(piece, channels) for piece in torch.split(videos, batch_size)]
    else:
        # Item by item: the clips themselves need not fit into memory.
        moved, channels = [], 3
        numbers: list[int] = []
        for index in range(len(cast(Sized, clips))):
            item = clips[index]
            check_clips(item["video"], f"clip {index}", "C T H W")
            channels = len(item["video"])
            moved.append(frame_differences(item["video"].unsqueeze(0), channels))
            numbers.append(int(item["label"]))
        labels = torch.tensor(numbers, dtype=torch.int64)
    count = sum(len(piece) for piece in moved)
    check_labels(labels, count, num_classes)
    if count < 2:
        raise ValueError(f"clips must hold at least 2 clips to learn from, got {count}")

    # Layers draw their first weights from the global generator; it must not notice.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        classifier = MotionClassifier(num_classes, channels)
    differences = torch.cat(moved).float()
    del moved
    device = differences.device
    classifier.to(device)
    labels = labels.to(device)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=lr, total_steps=steps)
    for _ in range(steps):
        picked = torch.randint(count, (batch_size,), generator=generator)
        # Light on dark moves as dark on light does: without the sign the network would have to
        # learn every motion twice.
        sign = torch.randint(2, (batch_size, 1, 1, 1, 1), generator=generator) * 2 - 1
        batch = differences[picked.to(device)] * sign.to(device)
        loss = F.cross_entropy(classifier.classify(batch), labels[picked.to(device)])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
    classifier.name = f"a motion classifier trained on {count} real clips"
    return classifier.eval()


@torch.no_grad()
def condition_accuracy(
    classifier: nn.Module, videos: Tensor, labels: Tensor, *, batch_size: int = 64
) -> float:
    """Share of clips that the classifier takes for the class of their label.

    Report it beside the accuracy on real clips that the classifier was not trained on, which
    bounds it, and beside chance.

    Args:
        classifier: From videos ``(N, C, T, H, W)`` to logits ``(N, K)``, such as
            :func:`fit_motion_classifier` returns; used in eval mode and left in its own.
        videos: In [-1, 1].
        labels: The class asked for, ``(N,)`` int64.
        batch_size: Clips classified at once.

    Returns:
        From 0 to 1.

    Raises:
        ShapeError: If videos and labels do not belong together.
        TypeError: If the videos are not of a float type.
        ValueError: If clips or logits are not finite, or clips lie far outside of [-1, 1].

    Example:
        >>> classifier = MotionClassifier(1)
        >>> condition_accuracy(classifier, torch.rand(2, 3, 4, 16, 16), torch.zeros(2).long())
        1.0
    """
    check_clips(videos, "videos")
    check_labels(labels, len(videos))
    with evaluating(classifier):
        name, parts = type(classifier).__name__, torch.split(videos, batch_size)
        logits = [
            check_outputs(classifier(clips), len(clips), name, what="logits") for clips in parts
        ]
    guesses = torch.cat(logits).argmax(dim=1)
    return int((guesses == labels.to(guesses.device)).sum()) / len(videos)


def check_labels(labels: Tensor, count: int, num_classes: int | None = None) -> None:
    """Refuse labels that do not belong to the clips."""
    if labels.shape != (count,) or labels.dtype != torch.int64:
        raise ShapeError(
            f"labels must be int64 of shape ({count},), one for each clip, "
            f"got {labels.dtype} of shape {tuple(labels.shape)}"
        )
    if (
        num_classes is not None
        and count
        and not 0 <= int(labels.min()) <= int(labels.max()) < (num_classes)
    ):
        raise ValueError(
            f"labels must lie between 0 and {num_classes - 1}, "
            f"got {int(labels.min())} to {int(labels.max())}; raise num_classes"
        )

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import Dataset

from stgan.errors import ShapeError
from stgan.metrics import (
    MotionClassifier,
    condition_accuracy,
    first_frame_control,
    fit_motion_classifier,
    motion_confusion,
)

_STEPS = ((0, 1), (1, 0), (0, -1))  # right, down, left


def _movers(count: int, seed: int, frames: int = 6, side: int = 16) -> tuple[Any, torch.Tensor]:
    """Squares of any color on any ground that move by a pixel a frame; labels in turn."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % len(_STEPS)
    videos = torch.empty(count, 3, frames, side, side)
    for video, label in zip(videos, labels.tolist(), strict=True):
        video[:] = torch.rand(3, 1, 1, 1, generator=generator) * 2 - 1
        color = torch.rand(3, 1, 1, generator=generator) * 2 - 1
        size = int(torch.randint(3, 6, (), generator=generator))
        top, left = torch.randint(side, (2,), generator=generator).tolist()
        still = video[:, 0].clone()
        still[:, :size, :size] = color
        for t in range(frames):
            down, right = (step * t for step in _STEPS[label])
            video[:, t] = still.roll((top + down, left + right), dims=(1, 2))
    return videos, labels


class _Items(Dataset[dict[str, Any]]):
    def __init__(self, videos: torch.Tensor, labels: torch.Tensor) -> None:
        self.videos, self.labels = videos, labels

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"video": self.videos[index], "label": int(self.labels[index])}


@pytest.fixture(scope="module")
def classifier() -> MotionClassifier:
    return fit_motion_classifier(_movers(90, seed=0), 3, steps=120, batch_size=24)


def test_motion_of_clips_never_seen_is_recognized(classifier: MotionClassifier) -> None:
    videos, labels = _movers(60, seed=1)
    assert condition_accuracy(classifier, videos, labels) > 0.9
    # Asked for the wrong motion, the same clips fail.
    assert condition_accuracy(classifier, videos, (labels + 1) % 3) < 0.1


def test_frozen_clips_are_at_chance(classifier: MotionClassifier) -> None:
    videos, labels = _movers(60, seed=1)
    assert condition_accuracy(classifier, first_frame_control(videos, 6), labels) == 1 / 3


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_what_stands_still_is_not_seen(classifier: MotionClassifier, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    video = torch.rand(2, 3, 6, 16, 16, generator=generator)
    scenery = torch.rand(2, 3, 1, 16, 16, generator=generator)
    torch.testing.assert_close(classifier(video + scenery), classifier(video), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [(4, 16, 16), (5, 17, 40), (16, 64, 64), (33, 48, 20)])
def test_any_size_is_classified(classifier: MotionClassifier, size: tuple[int, ...]) -> None:
    assert classifier(torch.randn(2, 3, *size)).shape == (2, 3)


def test_gradients_reach_the_video() -> None:
    video = torch.randn(2, 3, 20, 40, 40, requires_grad=True)
    MotionClassifier(3)(video).square().sum().backward()
    assert video.grad is not None
    assert video.grad.abs().sum() > 0


def test_equal_seeds_give_equal_classifiers_and_leave_global_generators_alone() -> None:
    clips = _movers(12, seed=0)
    state = torch.get_rng_state()
    first, again, other = (
        fit_motion_classifier(clips, 3, steps=3, batch_size=4, seed=seed) for seed in (0, 0, 1)
    )
    assert torch.equal(torch.get_rng_state(), state)
    assert not first.training
    for a, b in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(first.head.weight, other.head.weight)


def test_a_dataset_trains_as_its_clips_do() -> None:
    clips = _movers(9, seed=0)
    videos, _ = _movers(4, seed=1)
    from_clips = fit_motion_classifier(clips, 3, steps=3, batch_size=4)
    from_items = fit_motion_classifier(_Items(*clips), 3, steps=3, batch_size=4)
    torch.testing.assert_close(from_items(videos), from_clips(videos))


def test_accuracy_does_not_depend_on_the_batch_size_nor_change_the_mode() -> None:
    videos, labels = _movers(7, seed=1)
    classifier = MotionClassifier(3).train()
    before = {key: value.clone() for key, value in classifier.state_dict().items()}
    scores = {
        condition_accuracy(classifier, videos, labels, batch_size=size) for size in (1, 3, 64)
    }
    assert len(scores) == 1
    assert classifier.training
    assert all(torch.equal(value, before[key]) for key, value in classifier.state_dict().items())


_VIDEOS, _LABELS = torch.zeros(3, 3, 4, 16, 16), torch.zeros(3, dtype=torch.int64)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        pytest.param(
            lambda: MotionClassifier(2)(torch.zeros(1, 3, 3, 16, 16)),
            ShapeError,
            r"video must be at least \(4, 16, 16\) in \(T, H, W\), got \(3, 16, 16\)",
            id="short",
        ),
        pytest.param(
            lambda: MotionClassifier(2)(torch.zeros(1, 1, 4, 16, 16)),
            ShapeError,
            r"video must be laid out as \(N, C=3, T, H, W\), got \(1, 1, 4, 16, 16\)",
            id="channels",
        ),
        pytest.param(
            lambda: MotionClassifier(0),
            ValueError,
            "num_classes must be at least 1, got 0",
            id="no classes",
        ),
        pytest.param(
            lambda: fit_motion_classifier((_VIDEOS, _LABELS[:2]), 2),
            ShapeError,
            r"labels must be int64 of shape \(3,\), one for each clip, got torch.int64 of",
            id="labels",
        ),
        pytest.param(
            lambda: fit_motion_classifier((_VIDEOS, _LABELS + 2), 2),
            ValueError,
            "labels must lie between 0 and 1, got 2 to 2; raise num_classes",
            id="unknown class",
        ),
        pytest.param(
            lambda: fit_motion_classifier((_VIDEOS[:1], _LABELS[:1]), 2),
            ValueError,
            "clips must hold at least 2 clips to learn from, got 1",
            id="one clip",
        ),
        pytest.param(
            lambda: fit_motion_classifier(_Items(_VIDEOS[:0], _LABELS[:0]), 2),
            ValueError,
            "clips must hold at least 2 clips to learn from, got 0",
            id="empty dataset",
        ),
        pytest.param(
            lambda: condition_accuracy(MotionClassifier(2), _VIDEOS, _LABELS.float()),
            ShapeError,
            "labels must be int64 of shape",
            id="float labels",
        ),
        pytest.param(
            lambda: condition_accuracy(MotionClassifier(2), _VIDEOS[:0], _LABELS[:0]),
            ValueError,
            "videos must not be empty, got",
            id="no clips",
        ),
    ],
)
def test_bad_arguments_are_refused(call: object, error: type, message: str) -> None:
    assert callable(call)
    with pytest.raises(error, match=message):
        call()


def test_every_part_of_a_classifier_is_left_in_its_own_mode() -> None:
    classifier = MotionClassifier(2).train()
    frozen = classifier.features[1].eval()
    videos, labels = torch.rand(2, 3, 4, 16, 16), torch.tensor([0, 1])
    condition_accuracy(classifier, videos, labels)
    motion_confusion(classifier, videos, labels, 2)
    with pytest.raises(ShapeError):
        condition_accuracy(classifier, videos[:, :2], labels)
    assert classifier.training
    assert not frozen.training

"""Content of frames, stillness, energy, slices and confusion."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from stgan.errors import ShapeError, UnknownNameError
from stgan.metrics import (
    average_content_distance,
    condition_accuracy,
    first_frame_fidelity,
    is_static,
    motion_confusion,
    motion_energy,
    motion_energy_gap,
    reverse_condition_accuracy,
    time_slice,
)
from tests.metrics.test_motion_classifier import _movers
from tests.strategies import SEEDS


def _clips(seed: int, *shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@given(SEEDS, st.integers(2, 6))
def test_the_content_distance_is_its_double_sum(seed: int, frames: int) -> None:
    video = _clips(seed, 2, 3, frames, 4, 5)

    def content(images: Tensor) -> Tensor:
        return images[:, :, ::2].flatten(1)

    image = _clips(seed + 1, 2, 3, 4, 5)
    got = average_content_distance(video, features=content)
    beside = average_content_distance(video, image, features=content)
    for n in range(2):
        f = [content(video[n : n + 1, :, t]) for t in range(frames)]
        pairs = [float((a - b).norm()) for a in f for b in f if a is not b]
        assert got[n].item() == pytest.approx(sum(pairs) / len(pairs), rel=1e-4)
        own = content(image[n : n + 1])
        expected = sum(float((a - own).norm()) for a in f) / frames
        assert beside[n].item() == pytest.approx(expected, rel=1e-4)
    order = torch.randperm(frames, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(
        average_content_distance(video[:, :, order], features=content), got, rtol=1e-4, atol=1e-5
    )


@given(SEEDS)
def test_a_frozen_clip_has_no_content_distance_no_energy_and_is_static(seed: int) -> None:
    image = _clips(seed, 3, 3, 8, 8)
    frozen = image.unsqueeze(2).repeat(1, 1, 5, 1, 1)
    assert torch.equal(average_content_distance(frozen), torch.zeros(3))
    assert torch.equal(average_content_distance(frozen, image), torch.zeros(3))
    assert torch.equal(first_frame_fidelity(frozen, image), torch.zeros(3))
    assert is_static(frozen).all()
    moving = _clips(seed + 1, 4, 3, 5, 8, 8)
    assert motion_energy_gap(frozen, moving) == -1
    assert not is_static(moving).any()
    energies = motion_energy(moving[:2]).mean() / motion_energy(moving[2:]).mean() - 1
    torch.testing.assert_close(motion_energy_gap(moving[:2], moving[2:]), energies)


def test_one_pixel_that_changes_beyond_the_threshold_moves_a_clip() -> None:
    clip = torch.zeros(1, 3, 4, 8, 8)
    clip[0, :, 3, 7, 7] = 0.02
    assert is_static(clip, threshold=0.03).item()
    assert not is_static(clip, threshold=0.01).item()


def test_fidelity_looks_at_the_first_frame_alone() -> None:
    video, image = _clips(0, 2, 3, 4, 6, 6), _clips(1, 2, 3, 6, 6)
    expected = (video[:, :, 0] - image).abs().mean(dim=(1, 2, 3))
    video[:, :, 1:] = 0
    torch.testing.assert_close(first_frame_fidelity(video, image), expected)


@given(SEEDS, st.integers(0, 5), st.integers(0, 6))
def test_a_slice_is_one_line_of_every_frame(seed: int, row: int, column: int) -> None:
    video = _clips(seed, 2, 3, 4, 6, 7)
    assert torch.equal(time_slice(video, row), video[:, :, :, row])
    assert torch.equal(time_slice(video, column, "y"), video[..., column])
    assert torch.equal(time_slice(video), video[:, :, :, 3])


class _Says(nn.Module):
    """Takes every clip for the class that stands in its first pixel."""

    def forward(self, video: Tensor) -> Tensor:
        return torch.eye(3)[video[:, 0, 0, 0, 0].long()]


def test_a_row_of_the_confusion_is_how_the_clips_of_a_class_are_taken() -> None:
    guesses, asked = torch.tensor([0.0, 1, 1, 0, 0]), torch.tensor([0, 0, 1, 1, 1])
    videos = guesses.view(5, 1, 1, 1, 1).expand(5, 3, 4, 8, 8)
    expected = torch.tensor([[1 / 2, 1 / 2, 0], [2 / 3, 1 / 3, 0], [float("nan")] * 3])
    for size in (1, 2, 64):
        got = motion_confusion(_Says(), videos, asked, 3, batch_size=size)
        torch.testing.assert_close(got, expected, equal_nan=True)
    right = (got.diagonal()[:2] * torch.tensor([2, 3])).sum() / 5
    assert condition_accuracy(_Says(), videos, asked) == pytest.approx(float(right))


def test_generated_clips_that_all_move_one_way_teach_nothing_about_the_rest() -> None:
    videos, labels = _movers(60, seed=1)
    good, asked = _movers(90, seed=0)
    only, _ = good[asked == 0], asked
    poor = only.repeat(3, 1, 1, 1, 1)[: len(asked)]
    assert reverse_condition_accuracy((good, asked), videos, labels, 3, steps=120) > 0.85
    assert reverse_condition_accuracy((poor, asked), videos, labels, 3, steps=20) < 0.6


_VIDEO = torch.zeros(2, 3, 4, 8, 8)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        pytest.param(
            lambda: average_content_distance(_VIDEO[:, :, :1]), ShapeError,
            "video must have at least 2 frames to compare, got 1; give an image", id="one frame",
        ),
        pytest.param(
            lambda: average_content_distance(_VIDEO, features=lambda images: images), ShapeError,
            r"features of frames must be laid out as \(N=8, D\), got \(8, 3, 8, 8\)", id="features",
        ),
        pytest.param(
            lambda: first_frame_fidelity(_VIDEO, torch.zeros(2, 3, 8, 9)), ShapeError,
            r"image must be laid out as \(N=2, C=3, H=8, W=8\), got", id="image",
        ),
        pytest.param(
            lambda: is_static(_VIDEO, threshold=-1), ValueError,
            "threshold must be at least 0, got -1", id="threshold",
        ),
        pytest.param(
            lambda: is_static(_VIDEO[:, :, :1]), ShapeError,
            "video must have at least 2 frames to move, got 1", id="still",
        ),
        pytest.param(
            lambda: motion_energy_gap(_VIDEO, _VIDEO), ValueError,
            "real must hold a clip that moves, got none", id="no motion",
        ),
        pytest.param(
            lambda: time_slice(_VIDEO, 8), ShapeError,
            "position must lie between 0 and 7, got 8", id="outside",
        ),
        pytest.param(
            lambda: time_slice(_VIDEO, 0, "t"), UnknownNameError,
            "a slice has no axis named 't'", id="axis",
        ),
        pytest.param(
            lambda: motion_confusion(_Says(), _VIDEO, torch.tensor([0, 3]), 3), ValueError,
            "labels must lie between 0 and 2, got 0 to 3", id="label",
        ),
        pytest.param(
            lambda: average_content_distance(_VIDEO.byte()), TypeError,
            "video must be of a float type", id="bytes",
        ),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(call: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        call()

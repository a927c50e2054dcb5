"""Intervals that hold what they promise, and floors."""

import pytest
import torch
from torch import Tensor

from stgan.errors import ShapeError
from stgan.metrics import bootstrap_interval, frechet_distance, split_half_floor


def _gap(real: Tensor, fake: Tensor) -> Tensor:
    return fake.mean() - real.mean()


def test_the_interval_of_an_average_covers_the_truth_as_often_as_it_says() -> None:
    generator = torch.Generator().manual_seed(0)
    hits = 0
    for seed in range(300):
        real = torch.randn(30, 1, generator=generator)
        fake = torch.randn(50, 1, generator=generator) + 0.7
        low, high = bootstrap_interval(_gap, real, fake, resamples=60, seed=seed)
        hits += low < 0.7 < high
    # 95% of 300 are 285, give or take 4; small samples and 60 halves cost a little.
    assert 273 <= hits <= 297


def test_the_interval_is_about_the_value_and_repeats_with_its_seed() -> None:
    generator = torch.Generator().manual_seed(0)
    real, fake = torch.randn(2, 40, 3, generator=generator)
    value = frechet_distance(real, fake).item()
    low, high = bootstrap_interval(frechet_distance, real, fake, seed=3)
    assert (low + high) / 2 == pytest.approx(value)
    assert bootstrap_interval(frechet_distance, real, fake, seed=3) == (low, high)
    assert bootstrap_interval(frechet_distance, real, fake, seed=4) != (low, high)


def test_the_floor_compares_halves_without_a_shared_clip() -> None:
    real = torch.arange(9.0).unsqueeze(1)
    seen = []

    def note(first: Tensor, second: Tensor) -> float:
        seen.append((set(first.flatten().tolist()), set(second.flatten().tolist())))
        return 2.5

    assert split_half_floor(note, real, splits=7) == 2.5
    assert len(seen) == 7
    assert all(len(a) == len(b) == 4 and not a & b for a, b in seen)
    assert len({frozenset(a) for a, _ in seen}) > 1


def test_what_is_too_small_to_halve_is_refused() -> None:
    with pytest.raises(ShapeError, match="at least 4 clips of each kind, got 9 real and 3 fake"):
        bootstrap_interval(_gap, torch.zeros(9, 1), torch.zeros(3, 1))
    with pytest.raises(ShapeError, match="floor needs at least 4 real clips, got 3"):
        split_half_floor(_gap, torch.zeros(3, 1))
    with pytest.raises(ValueError, match="resamples must be at least 1, got 0"):
        bootstrap_interval(_gap, torch.zeros(9, 1), torch.zeros(9, 1), resamples=0)
    with pytest.raises(ValueError, match="splits must be at least 1, got 0"):
        split_half_floor(_gap, torch.zeros(9, 1), splits=0)

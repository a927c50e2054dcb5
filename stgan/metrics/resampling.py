"""How far to trust a distance: an interval, and what it is between two halves of the real clips."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from stgan._checks import check_positive
from stgan.errors import ShapeError

__all__ = [
    "around",
    "bootstrap_interval",
    "half_samples",
    "interval_of_mean",
    "interval_of_share",
    "split_half_floor",
    "subsamples",
]

Statistic = Callable[[Tensor, Tensor], Tensor | float]

_NORMAL_95 = 1.959963984540054


def _number(statistic: Statistic, real: Tensor, fake: Tensor) -> float:
    """Value of a statistic, which no interval or floor can be made of unless it is finite."""
    value = float(statistic(real, fake))
    if not math.isfinite(value):
        raise ValueError(
            f"statistic must be a finite number, got {value} for {len(real)} real and {len(fake)} "
            f"fake clips"
        )
    return value


def subsamples(
    statistic: Statistic,
    real: Tensor,
    fake: Tensor,
    counts: tuple[int, int],
    *,
    draws: int,
    seed: int,
) -> Tensor:
    """Values of a statistic on random parts of both sets, drawn without replacement."""
    generator = torch.Generator().manual_seed(seed)
    values = []
    for _ in range(draws):
        picked = [
            features[torch.randperm(len(features), generator=generator)[:count]]
            for features, count in zip((real, fake), counts, strict=True)
        ]
        values.append(_number(statistic, *picked))
    return torch.tensor(values, dtype=torch.float64)


def half_samples(
    statistic: Statistic, real: Tensor, fake: Tensor, *, resamples: int, seed: int
) -> Tensor:
    """Values of a statistic on random halves of both sets, drawn without replacement."""
    check_positive(resamples, "resamples")
    if min(len(real), len(fake)) < 4:
        raise ShapeError(
            f"an interval needs at least 4 clips of each kind, got {len(real)} real and "
            f"{len(fake)} fake"
        )
    counts = (len(real) // 2, len(fake) // 2)
    return subsamples(statistic, real, fake, counts, draws=resamples, seed=seed)


def bootstrap_interval(
    statistic: Statistic, real: Tensor, fake: Tensor, *, resamples: int = 100, seed: int = 0
) -> tuple[float, float]:
    r"""Interval in which 95 of 100 repetitions with other clips would find the value.

    Both sets are halved at random many times, without replacement, and the spread of the value
    over the halves becomes that of the value itself:

    .. math:: \hat\theta \pm 1.96\, \sqrt{\mathrm{mean}_b\,(\theta_b - \bar\theta)^2}

    The bootstrap proper draws with replacement. That puts the same clip into a sample twice, and a
    clip that is its own nearest neighbor spoils neighbor-based scores, while equal pairs bias the
    kernel distance. Halves without replacement need no correction: their variance is that of the
    whole set for whatever is an average (the delete-d jackknife with d = n / 2). Of an odd
    number n of clips the smaller half is taken, whose variance is (n + 1) / (n - 1) times as large.
    Where real and fake have one distribution, the kernel distance is no such average and the
    interval is up to twice too wide.

    It says how far the value at *this* number of clips can be trusted. It knows nothing of the bias
    that the number brings: :func:`split_half_floor` shows that.

    Args:
        statistic: From real and fake features to a number.
        real: Features of real clips.
        fake: Features of generated clips.
        resamples: How often the sets are halved.
        seed: Of the halves.

    Shape:
        - Input: ``(N, ...)`` and ``(M, ...)``, at least 4 clips each.

    Raises:
        ShapeError: If there are fewer than 4 clips.
        ValueError: If ``resamples`` is not positive, or a value is not finite.

    Example:
        >>> real, fake = torch.zeros(100, 1), torch.arange(100.0).unsqueeze(1) / 99
        >>> low, high = bootstrap_interval(lambda r, f: f.mean() - r.mean(), real, fake)
        >>> round(low, 1), round(high, 1)  # 0.5, give or take 1.96 * 0.29 / 10
        (0.4, 0.6)

    References:
        Shao and Wu, A general theory for jackknife variance estimation, Annals of Statistics 1989,
        section 2; Politis, Romano and Wolf, Subsampling, 1999, chapter 2.
    """
    spread = half_samples(statistic, real, fake, resamples=resamples, seed=seed).std(correction=0)
    return around(_number(statistic, real, fake), float(spread))


def around(value: float, spread: float) -> tuple[float, float]:
    """Return the 95% interval of a value with a standard deviation."""
    return value - _NORMAL_95 * spread, value + _NORMAL_95 * spread


def interval_of_mean(values: Tensor) -> tuple[float, float] | None:
    """Return the 95% interval of a mean over clips; one clip has none."""
    if len(values) < 2:
        return None
    return around(float(values.mean()), float(values.std()) / len(values) ** 0.5)


def interval_of_share(values: Tensor) -> tuple[float, float] | None:
    """Return the interval of Wilson for a mean of zeros and ones, right at 0 and 1, too."""
    n, share, z = len(values), float(values.mean()), _NORMAL_95
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5
    # Exact at the ends, where rounding would leave a trace.
    return middle - half if share > 0 else 0.0, middle + half if share < 1 else 1.0


def split_half_floor(
    statistic: Statistic, real: Tensor, *, splits: int = 10, seed: int = 0
) -> float:
    """What a score says of real clips against real clips: its mean between random halves.

    A distance that is not clearly above this floor says nothing. The halves have half as many
    clips as the set, so that a biased distance between them is larger than it would be between two
    full sets: compare the floor with the value at the same numbers, which
    :class:`stgan.metrics.MetricResult` gives beside it.

    Args:
        statistic: From real and fake features to a number.
        real: Features of real clips.
        splits: How often the set is split.
        seed: Of the splits.

    Shape:
        - Input: ``(N, ...)``, at least 4 clips.

    Raises:
        ShapeError: If there are fewer than 4 clips.
        ValueError: If ``splits`` is not positive, or a value is not finite.

    Example:
        >>> real = torch.randn(64, 8, generator=torch.Generator().manual_seed(0))
        >>> from stgan.metrics import frechet_distance
        >>> split_half_floor(frechet_distance, real) > 0.5  # yet both halves have one distribution
        True
    """
    check_positive(splits, "splits")
    if len(real) < 4:
        raise ShapeError(f"a split-half floor needs at least 4 real clips, got {len(real)}")
    generator = torch.Generator().manual_seed(seed)
    half = len(real) // 2
    values = []
    for _ in range(splits):
        order = torch.randperm(len(real), generator=generator)
        values.append(_number(statistic, real[order[:half]], real[order[half : 2 * half]]))
    return sum(values) / splits

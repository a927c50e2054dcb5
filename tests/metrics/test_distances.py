"""Distances of features against SciPy, closed forms and plain loops."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stgan.errors import ShapeError
from stgan.metrics import distances, frechet_distance, kernel_distance
from stgan.metrics.distances import frechet_distance_of_moments
from tests.strategies import SEEDS

counts = st.integers(2, 12)


def _sets(seed: int, n: int, m: int, d: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(d, d, generator=generator, dtype=torch.float64)
    real = torch.randn(n, d, generator=generator, dtype=torch.float64) @ mix
    fake = torch.randn(m, d, generator=generator, dtype=torch.float64) * 1.5 + 0.3
    return real, fake


# By SciPy 1.17.1: |mean|^2 + trace(a) + trace(b) - 2 trace(sqrtm(a @ b)) of the covariances a, b.
# Where there are fewer clips than dimensions, the root of a singular matrix costs it half of its
# digits; both of its routes (and sqrtm(sqrtm(a) @ b @ sqrtm(a))) agree to about 1e-8.
SCIPY = [
    (200, 150, 10, 0, 3.583076261845317),
    (64, 64, 64, 1, 75.13801594061928),
    (20, 30, 50, 2, 94.31427121041498),
    (500, 80, 100, 3, 104.3815709608179),
    (2, 3, 4, 4, 7.42436870080161),
]


@pytest.mark.parametrize(("n", "m", "d", "seed", "expected"), SCIPY)
def test_the_frechet_distance_is_that_of_scipy(
    n: int, m: int, d: int, seed: int, expected: float
) -> None:
    drawn = np.random.RandomState(seed)  # its stream is frozen
    real = torch.from_numpy(drawn.standard_normal((n, d)))
    fake = torch.from_numpy(drawn.standard_normal((m, d))) * 1.5 + 0.3
    assert frechet_distance(real, fake).item() == pytest.approx(expected, rel=1e-6)
    moments = (real.mean(0), torch.cov(real.T), fake.mean(0), torch.cov(fake.T))
    assert frechet_distance_of_moments(*moments).item() == pytest.approx(expected, rel=1e-6)


@given(SEEDS, counts, counts, st.integers(1, 9))
def test_covariances_may_be_divided_by_the_number_of_clips(
    seed: int, n: int, m: int, d: int
) -> None:
    real, fake = _sets(seed, n, m, d)
    moments = [
        part
        for features in (real, fake)
        for part in (features.mean(0), torch.atleast_2d(torch.cov(features.T, correction=0)))
    ]
    torch.testing.assert_close(
        frechet_distance(real, fake, correction=0),
        frechet_distance_of_moments(*moments),
        rtol=1e-6,
        atol=1e-6,
    )
    with pytest.raises(ValueError, match="correction must be 0 or 1, got 2"):
        frechet_distance(real, fake, correction=2)


@given(SEEDS, counts, counts, st.integers(1, 9))
def test_features_and_their_moments_are_equally_far_apart(
    seed: int, n: int, m: int, d: int
) -> None:
    real, fake = _sets(seed, n, m, d)
    moments = [
        part
        for features in (real, fake)
        for part in (features.mean(0), torch.atleast_2d(torch.cov(features.T)))
    ]
    scale = float(moments[1].trace() + moments[3].trace()) + 1
    assert abs(frechet_distance_of_moments(*moments) - frechet_distance(real, fake)) < 1e-6 * scale


@given(SEEDS, st.integers(4, 12), st.integers(1, 9), st.floats(0.1, 10))
def test_of_scaled_and_moved_features_the_frechet_distance_is_known(
    seed: int, n: int, d: int, scale: float
) -> None:
    real, _ = _sets(seed, n, n, d)
    fake = real * scale + 2
    expected = (real.mean(0) - fake.mean(0)).square().sum() + (scale - 1) ** 2 * real.var(0).sum()
    torch.testing.assert_close(frechet_distance(real, fake), expected, rtol=1e-9, atol=1e-9)


@given(SEEDS, counts, counts, st.integers(1, 9))
def test_the_frechet_distance_is_symmetric_and_keeps_under_rotation(
    seed: int, n: int, m: int, d: int
) -> None:
    real, fake = _sets(seed, n, m, d)
    turn = torch.linalg.qr(_sets(seed, d + 1, d, d)[1]).Q
    value = frechet_distance(real, fake)
    for other in (frechet_distance(fake, real), frechet_distance(real @ turn, fake @ turn)):
        torch.testing.assert_close(other, value, rtol=1e-9, atol=1e-9)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(frechet_distance(real[order], fake), value, rtol=1e-9, atol=1e-9)
    assert frechet_distance(real, real).abs() < 1e-9 * (1 + real.square().sum())


def test_small_differences_of_large_features_survive() -> None:
    real, _ = _sets(0, 40, 2, 5)
    far = frechet_distance(real.float() + 1e4, real.float() + 1e4 + 1)
    assert far.item() == pytest.approx(5, rel=1e-3)
    assert far.dtype == torch.float64


def test_few_white_samples_are_as_far_apart_as_the_literature_warns() -> None:
    generator = torch.Generator().manual_seed(0)
    sets = torch.randn(2, 165, 400, generator=generator, dtype=torch.float64)
    assert 380 < frechet_distance(*sets) < 400
    assert abs(kernel_distance(*sets)) < 0.01


@given(SEEDS, counts, counts, st.integers(1, 5), st.integers(1, 4))
def test_the_kernel_distance_is_its_double_sum(
    seed: int, n: int, m: int, d: int, degree: int
) -> None:
    real, fake = _sets(seed, n, m, d)

    def kernel(x: Tensor, y: Tensor) -> float:
        return (float(x @ y) / d + 1) ** degree

    def within(features: Tensor) -> float:
        pairs = [(i, j) for i in range(len(features)) for j in range(len(features)) if i != j]
        return sum(kernel(features[i], features[j]) for i, j in pairs) / len(pairs)

    between = sum(kernel(x, y) for x in real for y in fake) / (n * m)
    expected = within(real) + within(fake) - 2 * between
    size = abs(within(real)) + abs(within(fake)) + abs(between)
    got = kernel_distance(real, fake, degree=degree).item()
    assert math.isclose(got, expected, rel_tol=1e-9, abs_tol=1e-9 * size)


def test_the_kernel_distance_is_right_on_average_for_any_number_of_clips() -> None:
    # Under a linear kernel the population has |mean - mean|^2 = 0.25 a dimension.
    generator = torch.Generator().manual_seed(0)
    for n in (2, 20):
        values = [
            kernel_distance(
                torch.randn(n, 3, generator=generator),
                torch.randn(n, 3, generator=generator) + 0.5,
                degree=1,
                gamma=1.0,
                offset=0.0,
            )
            for _ in range(2000)
        ]
        mean, error = torch.stack(values).mean(), torch.stack(values).std() / 2000**0.5
        assert abs(mean - 0.75) < 4 * error


def test_many_rows_are_summed_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = _sets(0, 11, 9, 4)
    whole = kernel_distance(real, fake)
    monkeypatch.setattr(distances, "_ROWS_AT_ONCE", 3)
    torch.testing.assert_close(kernel_distance(real, fake), whole)


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
@pytest.mark.parametrize(
    ("real", "fake", "error", "message"),
    [
        pytest.param(
            torch.zeros(1, 3), torch.zeros(5, 3), ShapeError,
            "real features must be those of at least 2 clips, got 1", id="one clip",
        ),
        pytest.param(
            torch.zeros(5, 3), torch.zeros(5, 4), ShapeError,
            "real and fake features must come from one network, got 3 and 4 numbers", id="length",
        ),
        pytest.param(
            torch.zeros(5, 3), torch.zeros(5), ShapeError,
            r"fake features must be laid out as \(N, D\), got \(5,\)", id="layout",
        ),
        pytest.param(
            torch.zeros(5, 3), torch.zeros(5, 3).long(), TypeError,
            "fake features must be of a float type, got torch.int64", id="integers",
        ),
    ],
)  # fmt: skip
def test_features_that_cannot_be_compared_are_refused(
    distance: object, real: Tensor, fake: Tensor, error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        distance(real, fake)  # type: ignore[operator]


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="degree must be at least 1, got 0"):
        kernel_distance(torch.zeros(2, 1), torch.zeros(2, 1), degree=0)
    with pytest.raises(ShapeError, match=r"with one D, got fake_cov of \(3, 3\)"):
        frechet_distance_of_moments(torch.zeros(2), torch.eye(2), torch.zeros(2), torch.eye(3))

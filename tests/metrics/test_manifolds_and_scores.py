"""Precision, recall, density, coverage and the inception score against plain loops."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stgan.errors import ShapeError
from stgan.metrics import inception_score, manifolds, precision_recall_density_coverage
from tests.strategies import SEEDS


def _features(seed: int, count: int, shift: float = 0.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, generator=generator, dtype=torch.float64) + shift


@given(SEEDS, st.integers(5, 12), st.integers(5, 12), st.integers(1, 4))
def test_scores_of_neighbors_are_their_definitions(seed: int, n: int, m: int, k: int) -> None:
    real, fake = _features(seed, n), _features(seed + 1, m, 0.5)

    def radius(points: Tensor, i: int) -> float:
        others = [float((points[i] - points[j]).norm()) for j in range(len(points)) if j != i]
        return sorted(others)[k - 1]

    balls = [radius(real, i) for i in range(n)]
    inside = [[float((real[i] - y).norm()) <= balls[i] for i in range(n)] for y in fake]
    fake_balls = [radius(fake, j) for j in range(m)]
    found = [any(float((x - fake[j]).norm()) <= fake_balls[j] for j in range(m)) for x in real]
    expected = {
        "precision": sum(map(any, inside)) / m,
        "recall": sum(found) / n,
        "density": sum(map(sum, inside)) / (k * m),
        "coverage": sum(any(row[i] for row in inside) for i in range(n)) / n,
    }
    scores = precision_recall_density_coverage(real, fake, neighbors=k)
    assert {name: score.item() for name, score in scores.items()} == pytest.approx(expected)


def test_few_modes_cost_variety_and_noise_costs_quality() -> None:
    real = _features(0, 200)
    few = real[:4].repeat(50, 1) + _features(1, 200) * 1e-3
    scores = precision_recall_density_coverage(real, few)
    assert scores["precision"] == 1
    assert scores["recall"] < 0.1
    assert scores["coverage"] < 0.3
    wide = precision_recall_density_coverage(real, _features(2, 200) * 10)
    assert wide["precision"] < 0.2
    assert wide["recall"] > 0.9


def test_many_clips_are_scored_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = _features(0, 17), _features(1, 13)
    whole = precision_recall_density_coverage(real, fake)
    monkeypatch.setattr(manifolds, "_ROWS_AT_ONCE", 4)
    assert precision_recall_density_coverage(real, fake) == whole


@given(SEEDS, st.integers(1, 4), st.integers(2, 6))
def test_the_inception_score_is_its_definition(seed: int, splits: int, classes: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(11, classes, generator=generator) * 3
    scores = []
    for part in torch.tensor_split(logits.double().softmax(1), splits):
        marginal = part.mean(0)
        divergence = [float((p * (p / marginal).log()).sum()) for p in part]
        scores.append(torch.tensor(sum(divergence) / len(part)).exp())
    values = torch.stack(scores).double()
    mean, deviation = inception_score(logits, splits=splits)
    torch.testing.assert_close(mean, values.mean(), rtol=1e-6, atol=1e-6)
    if splits > 1:
        torch.testing.assert_close(deviation, values.std(), rtol=1e-4, atol=1e-6)
    assert 1 - 1e-9 <= mean <= classes + 1e-9


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_sure_and_varied_is_the_number_of_classes_and_alike_is_one(scale: float) -> None:
    sure = torch.eye(5).repeat(4, 1) * 50 * scale
    assert inception_score(sure, splits=4)[0].item() == pytest.approx(5)
    assert inception_score(sure[:1].repeat(20, 1), splits=4)[0].item() == pytest.approx(1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        pytest.param(
            lambda: precision_recall_density_coverage(_features(0, 5), _features(0, 9)),
            ShapeError,
            "must hold more clips than the 5 neighbors, got 5 and 9; lower neighbors",
            id="few clips",
        ),
        pytest.param(
            lambda: precision_recall_density_coverage(
                _features(0, 9), _features(0, 9), neighbors=0
            ),
            ValueError,
            "neighbors must be at least 1, got 0",
            id="no neighbor",
        ),
        pytest.param(
            lambda: inception_score(torch.zeros(9, 3)),
            ShapeError,
            "logits must be those of at least 20 clips, two a split, got 9; lower splits",
            id="splits",
        ),
        pytest.param(
            lambda: inception_score(torch.zeros(9, 3).int()),
            TypeError,
            "logits must be of a float type, got torch.int32",
            id="integers",
        ),
        pytest.param(
            lambda: inception_score(torch.zeros(9)),
            ShapeError,
            r"logits must be laid out as \(N, K\), got \(9,\)",
            id="layout",
        ),
    ],
)
def test_bad_arguments_are_refused(call: object, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        call()  # type: ignore[operator]

"""Penalties on logits, features and samples against loops in plain Python."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from stgan.errors import ShapeError
from stgan.functional import (
    feature_matching_penalty,
    lecam_penalty,
    mean_feature_matching_penalty,
    mode_seeking_penalty,
)
from tests.strategies import SEEDS

NUMBERS = st.floats(-1e3, 1e3)
SIDES = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=5)


def _tensor(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def _drawn(seed: int, *shapes: tuple[int, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]


@given(sides=SIDES, real_mean=NUMBERS, fake_mean=NUMBERS)
def test_lecam_equals_a_scalar_reference(
    sides: list[tuple[float, float]], real_mean: float, fake_mean: float
) -> None:
    real, fake = map(list, zip(*sides, strict=True))
    expected = sum((r - fake_mean) ** 2 for r in real) / len(real)
    expected += sum((f - real_mean) ** 2 for f in fake) / len(fake)
    value = lecam_penalty(
        real=_tensor(real),
        fake=_tensor(fake),
        real_mean=_tensor(real_mean),
        fake_mean=_tensor(fake_mean),
    )
    assert value.item() == pytest.approx(expected)


def test_lecam_is_least_where_each_side_is_at_the_mean_of_the_other() -> None:
    real, fake = (torch.zeros(3, requires_grad=True) for _ in range(2))
    means = {"real_mean": torch.tensor(2.0, requires_grad=True), "fake_mean": torch.tensor(-1.0)}
    value = lecam_penalty(real=real, fake=fake, **means, reduction="none")
    assert value.tolist() == [5.0] * 3
    value.sum().backward()
    assert real.grad is not None
    assert fake.grad is not None
    assert real.grad.tolist() == [2.0] * 3
    assert fake.grad.tolist() == [-4.0] * 3
    assert means["real_mean"].grad is None


@given(batch=st.integers(1, 4), seed=SEEDS)
def test_mode_seeking_equals_a_ratio_sample_by_sample(batch: int, seed: int) -> None:
    first, second = _drawn(seed, *[(batch, 3, 2, 4, 4)] * 2)
    z = _drawn(seed + 1, *[(batch, 5)] * 2)
    expected = []
    for n in range(batch):
        apart = (first[n] - second[n]).abs().sum() / first[n].numel()
        expected.append((z[0][n] - z[1][n]).abs().sum() / 5 / (apart + 1e-5))
    got = mode_seeking_penalty(fake=(first, second), z=(z[0], z[1]))
    assert_close(got, torch.stack(expected))


@given(seed=SEEDS, factor=st.floats(1.01, 100))
def test_mode_seeking_falls_as_samples_grow_apart(seed: int, factor: float) -> None:
    center, step = _drawn(seed, *[(2, 3, 2, 4, 4)] * 2)
    a, b = _drawn(seed + 1, *[(2, 5)] * 2)
    near, far = (
        mode_seeking_penalty(fake=(center, center + share * step), z=(a, b))
        for share in (1.0, factor)
    )
    assert (far < near).all()
    # Twice the noise for the same samples is twice as bad.
    twice = mode_seeking_penalty(fake=(center, center + step), z=(2 * a, 2 * b))
    assert_close(twice, 2 * near)


def test_mode_seeking_is_finite_where_nothing_differs() -> None:
    sample, z = torch.zeros(2, 3, 2, 4, 4, requires_grad=True), torch.zeros(2, 5)
    assert mode_seeking_penalty(fake=(sample, sample), z=(z, z)).tolist() == [0.0, 0.0]
    value = mode_seeking_penalty(fake=(sample, sample), z=(z, z + 1), eps=0.5)
    assert value.tolist() == [2.0, 2.0]
    value.sum().backward()
    assert sample.grad is not None
    assert torch.isfinite(sample.grad).all()


LAYERS = st.lists(
    st.one_of(st.tuples(*[st.integers(1, 3)] * 4), st.tuples(st.integers(1, 5))),
    min_size=1,
    max_size=3,
)


@given(layers=LAYERS, batch=st.integers(1, 3), seed=SEEDS)
def test_feature_matching_equals_mean_distances_layer_by_layer(
    layers: list[tuple[int, ...]], batch: int, seed: int
) -> None:
    shapes = [(batch, *layer) for layer in layers]
    real, fake = _drawn(seed, *shapes), _drawn(seed + 1, *shapes)
    expected = [
        sum((r[n] - f[n]).abs().sum() / r[n].numel() for r, f in zip(real, fake, strict=True))
        for n in range(batch)
    ]
    got = feature_matching_penalty(real=real, fake=fake)
    assert_close(got, torch.stack([torch.as_tensor(x) for x in expected]))


@given(layers=LAYERS, sizes=st.tuples(*[st.integers(1, 4)] * 2), seed=SEEDS)
def test_mean_features_are_compared_whatever_the_order_and_the_numbers(
    layers: list[tuple[int, ...]], sizes: tuple[int, int], seed: int
) -> None:
    real = _drawn(seed, *[(sizes[0], *layer) for layer in layers])
    fake = _drawn(seed + 1, *[(sizes[1], *layer) for layer in layers])
    value = mean_feature_matching_penalty(real=real, fake=fake)
    expected = sum(
        ((sum(r) / len(r) - sum(f) / len(f)) ** 2).sum() for r, f in zip(real, fake, strict=True)
    )
    assert_close(value, torch.as_tensor(expected))
    turned = mean_feature_matching_penalty(
        real=[r.flip(0) for r in real], fake=[torch.cat([f, f]) for f in fake]
    )
    assert_close(turned, value)


def test_real_features_are_targets() -> None:
    for penalty in (feature_matching_penalty, mean_feature_matching_penalty):
        real = torch.randn(2, 3, requires_grad=True)
        fake = torch.randn(2, 3, requires_grad=True)
        penalty(real=[real], fake=[fake]).sum().backward()
        assert real.grad is None
        assert fake.grad is not None
        assert fake.grad.abs().max() > 0


def test_half_precision_is_raised_before_anything_is_squared() -> None:
    logits, mean = torch.full((2,), 300.0, dtype=torch.float16), torch.tensor(-100.0)
    value = lecam_penalty(real=logits, fake=logits, real_mean=mean, fake_mean=mean)
    assert value.item() == 2 * 400.0**2
    features = [torch.ones(2, 1000, dtype=torch.bfloat16)]
    for penalty in (feature_matching_penalty, mean_feature_matching_penalty):
        assert penalty(real=features, fake=features).dtype is torch.float32
    pair = features[0], 2 * features[0]
    assert mode_seeking_penalty(fake=pair, z=pair).dtype is torch.float32


REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    (feature_matching_penalty, {"real": [], "fake": []}, "the same layers, got 0 and 0"),
    (
        feature_matching_penalty,
        {"real": [torch.zeros(2, 3)], "fake": [torch.zeros(2, 3)] * 2},
        "the same layers, got 1 and 2",
    ),
    (
        feature_matching_penalty,
        {"real": [torch.zeros(2, 3)], "fake": [torch.zeros(1, 3)]},
        r"layer 0 must be \(N, ...\) of one shape, got \(2, 3\) of real and \(1, 3\) of fake",
    ),
    (
        mean_feature_matching_penalty,
        {"real": [torch.zeros(2, 3)], "fake": [torch.zeros(2, 4)]},
        r"got \(2, 3\) of real and \(2, 4\) of fake",
    ),
    (
        mean_feature_matching_penalty,
        {"real": [torch.zeros(2)], "fake": [torch.zeros(2)]},
        r"got \(2,\) of real and \(2,\) of fake",
    ),
    (
        mode_seeking_penalty,
        {"fake": (torch.zeros(2, 3), torch.zeros(2, 4)), "z": (torch.zeros(2, 1),) * 2},
        r"two batches of fake must have one shape, got \(2, 3\) and \(2, 4\)",
    ),
    (
        mode_seeking_penalty,
        {"fake": (torch.zeros(2, 3),) * 2, "z": (torch.zeros(1, 3),) * 2},
        r"every sample needs its noise, got \(2, 3\) of fake and \(1, 3\) of z",
    ),
]


@pytest.mark.parametrize(("penalty", "given", "sentence"), REFUSED)
def test_shapes_that_do_not_fit_are_refused(
    penalty: Any, given: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ShapeError, match=sentence):
        penalty(**given)


def test_lecam_keeps_values_apart_only_of_as_many_on_both_sides() -> None:
    mean = torch.zeros(())
    with pytest.raises(ShapeError, match="real and fake must have one shape with reduction='none'"):
        lecam_penalty(real=torch.ones(4), fake=torch.ones(1), real_mean=mean, fake_mean=mean,
                      reduction="none")  # fmt: skip

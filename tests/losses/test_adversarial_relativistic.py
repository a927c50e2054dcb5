"""Relativistic families against scalar references, and what only they do."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import stgan
from stgan.errors import ShapeError
from tests.strategies import SEEDS

PAIRS = st.lists(st.tuples(*[st.floats(-1e4, 1e4, allow_nan=False)] * 2), min_size=1, max_size=6)
NAMES = stgan.list("losses", "relativistic_*")


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


# The discriminator's value of a real logit less a mean, and of a fake one.
AVERAGES: dict[str, tuple[Callable[[float], float], ...]] = {
    "relativistic_average": (lambda r: _softplus(-r), _softplus),
    "relativistic_average_least_squares": (lambda r: (r - 1) ** 2, lambda f: (f + 1) ** 2),
    "relativistic_average_hinge": (lambda r: max(0.0, 1 - r), lambda f: max(0.0, 1 + f)),
}


@pytest.mark.parametrize("name", NAMES)
@given(pairs=PAIRS)
def test_both_halves_equal_a_scalar_reference(name: str, pairs: list[tuple[float, float]]) -> None:
    reals, fakes = [r for r, _ in pairs], [f for _, f in pairs]
    n = len(pairs)

    def discriminator(reals: list[float], fakes: list[float]) -> float:
        if name == "relativistic_pairing":
            return sum(_softplus(f - r) for r, f in zip(reals, fakes, strict=True)) / n
        on_real, on_fake = AVERAGES[name]
        mean_real, mean_fake = sum(reals) / n, sum(fakes) / n
        return (
            sum(on_real(r - mean_fake) for r in reals) + sum(on_fake(f - mean_real) for f in fakes)
        ) / n

    loss = stgan.create("losses", name)
    real, fake = (torch.tensor(side, dtype=torch.float64) for side in (reals, fakes))
    value = loss.discriminator(real=real, fake=fake).item()
    assert value == pytest.approx(discriminator(reals, fakes), rel=1e-8, abs=1e-6)
    value = loss.generator(real=real, fake=fake).item()
    assert value == pytest.approx(discriminator(fakes, reals), rel=1e-8, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
@given(seed=SEEDS, offset=st.floats(-100, 100))
def test_only_differences_of_logits_count(name: str, seed: int, offset: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    real, fake = torch.randn(2, 5, generator=generator, dtype=torch.float64)
    loss = stgan.create("losses", name)
    torch.testing.assert_close(
        loss.discriminator(real=real + offset, fake=fake + offset),
        loss.discriminator(real=real, fake=fake),
    )


@pytest.mark.parametrize("name", AVERAGES)
@given(seed=SEEDS)
def test_the_batch_mean_carries_gradients_to_both_sides(name: str, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    real, fake = (torch.randn(4, generator=generator, requires_grad=True) for _ in range(2))
    values = stgan.create("losses", name, reduction="none").discriminator(real=real, fake=fake)
    for side in (real, fake):
        (slope,) = torch.autograd.grad(values[0], side, retain_graph=True)
        assert slope[1:].ne(0).all() or "hinge" in name
        assert slope[1:].eq(slope[1]).all()  # of the others only the mean counts


@given(seed=SEEDS)
def test_pairs_are_by_place_and_averages_are_not(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    real, fake = torch.randn(2, 6, generator=generator, dtype=torch.float64)
    for name in NAMES:
        loss = stgan.create("losses", name)
        straight = loss.discriminator(real=real, fake=fake)
        turned = loss.discriminator(real=real.flip(0), fake=fake)
        assert torch.allclose(straight, turned) == (name != "relativistic_pairing")


@pytest.mark.parametrize("name", NAMES)
def test_the_generator_needs_the_real_logits(name: str) -> None:
    loss = stgan.create("losses", name)
    assert loss.needs_real
    with pytest.raises(ValueError, match=r"generator's half too, got real=None; pass real=discr"):
        loss.generator(fake=torch.zeros(2))


def test_pairs_need_as_many_of_both() -> None:
    loss = stgan.create("losses", "relativistic_pairing")
    with pytest.raises(ShapeError, match=r"to be paired, got \(3,\) and \(1,\)"):
        loss.discriminator(real=torch.zeros(3), fake=torch.zeros(1))
    with pytest.raises(ShapeError, match="to be paired"):
        loss.generator(real=torch.zeros(3), fake=torch.zeros(1))

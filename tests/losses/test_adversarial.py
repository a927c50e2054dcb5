"""Losses against scalar references, at extremes, and by keyword."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import stgan
from stgan import functional
from stgan.losses import AdversarialLoss

LOGITS = st.lists(st.floats(-1e4, 1e4, allow_nan=False), min_size=1, max_size=6)


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


# Generator's value of a fake logit; discriminator's of a real and of a fake one.
REFERENCE: dict[str, tuple[Callable[[float], float], ...]] = {
    "non_saturating": (lambda f: _softplus(-f), lambda r: _softplus(-r), _softplus),
    "hinge": (lambda f: -f, lambda r: max(0.0, 1 - r), lambda f: max(0.0, 1 + f)),
    "least_squares": (
        lambda f: 0.5 * (f - 1) ** 2,
        lambda r: 0.5 * (r - 1) ** 2,
        lambda f: 0.5 * f**2,
    ),
}


def _tensor(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("name", REFERENCE)
@given(real=LOGITS, fake=LOGITS)
def test_both_halves_equal_a_scalar_reference(
    name: str, real: list[float], fake: list[float]
) -> None:
    generator, on_real, on_fake = REFERENCE[name]
    loss = stgan.create("losses", name)
    expected = sum(map(generator, fake)) / len(fake)
    assert loss.generator(fake=_tensor(fake)).item() == pytest.approx(expected, rel=1e-9, abs=1e-12)
    expected = sum(map(on_real, real)) / len(real) + sum(map(on_fake, fake)) / len(fake)
    value = loss.discriminator(real=_tensor(real), fake=_tensor(fake)).item()
    assert value == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", REFERENCE)
@given(value=st.floats(-1e4, 1e4, allow_nan=False))
def test_values_and_gradients_stay_finite_and_point_the_right_way(name: str, value: float) -> None:
    loss = stgan.create("losses", name)
    logit = torch.tensor([value], requires_grad=True)
    generator = loss.generator(fake=logit)
    (slope,) = torch.autograd.grad(generator, logit)
    assert torch.isfinite(generator)
    assert torch.isfinite(slope).all()
    if name != "least_squares":  # which pulls to one from both sides
        assert slope.item() <= 0
    if name == "non_saturating" and value < -20:
        # The whole gradient where the generator needs it most.
        assert slope.item() == pytest.approx(-1)
    discriminator = loss.discriminator(real=logit, fake=torch.tensor([0.0]))
    assert torch.isfinite(torch.autograd.grad(discriminator, logit)[0]).all()


@pytest.mark.parametrize("name", REFERENCE)
@given(fake=LOGITS)
def test_a_doubled_batch_has_the_same_mean(name: str, fake: list[float]) -> None:
    loss = stgan.create("losses", name)
    once, twice = loss.generator(fake=_tensor(fake)), loss.generator(fake=_tensor(fake * 2))
    torch.testing.assert_close(once, twice)


@pytest.mark.parametrize("name", ["non_saturating", "hinge"])
@given(real=LOGITS, fake=LOGITS)
def test_swapping_sides_and_signs_changes_nothing(
    name: str, real: list[float], fake: list[float]
) -> None:
    loss = stgan.create("losses", name)
    torch.testing.assert_close(
        loss.discriminator(real=_tensor(real), fake=_tensor(fake)),
        loss.discriminator(real=-_tensor(fake), fake=-_tensor(real)),
    )


@pytest.mark.parametrize("name", REFERENCE)
def test_modules_and_functions_agree_in_every_reduction(name: str) -> None:
    real, fake = torch.randn(5), torch.randn(5)
    g = getattr(functional, f"{name}_generator_loss")
    d = getattr(functional, f"{name}_discriminator_loss")
    for reduction in ("mean", "sum", "none"):
        loss: AdversarialLoss = stgan.create("losses", name, reduction=reduction)
        assert torch.equal(loss.generator(fake=fake), g(fake=fake, reduction=reduction))
        assert torch.equal(
            loss.discriminator(real=real, fake=fake),
            d(real=real, fake=fake, reduction=reduction),
        )
    assert torch.equal(g(fake=fake, reduction="none").sum(), g(fake=fake, reduction="sum"))


@pytest.mark.parametrize("name", REFERENCE)
def test_logits_travel_by_keyword(name: str) -> None:
    loss = stgan.create("losses", name)
    with pytest.raises(TypeError, match="positional"):
        loss.discriminator(torch.zeros(1), torch.zeros(1))
    with pytest.raises(TypeError, match="positional"):
        getattr(functional, f"{name}_discriminator_loss")(torch.zeros(1), torch.zeros(1))


def test_an_unknown_reduction_is_refused() -> None:
    with pytest.raises(ValueError, match="must be 'mean', 'sum' or 'none', got 'avg'"):
        stgan.create("losses", "hinge", reduction="avg")
    with pytest.raises(ValueError, match="must be 'mean', 'sum' or 'none', got 'avg'"):
        functional.hinge_generator_loss(fake=torch.zeros(1), reduction="avg")  # type: ignore[arg-type]

"""Weights of terms: the sum, what is left out, and what is refused."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stgan.errors import ShapeError, UnknownNameError
from stgan.losses import WeightedTerms
from tests.strategies import SEEDS

WEIGHTS = st.dictionaries(
    st.text("abc/", min_size=1, max_size=4), st.floats(-10, 10), min_size=1, max_size=5
).filter(lambda weights: any(weights.values()))


@given(weights=WEIGHTS, seed=SEEDS, batch=st.integers(0, 3))
def test_the_total_is_the_weighted_sum_and_so_are_its_gradients(
    weights: dict[str, float], seed: int, batch: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    shape = (batch,) if batch else ()
    terms = {
        name: torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()
        for name in weights
    }
    result = WeightedTerms(weights)(dict(reversed(terms.items())))
    expected = sum(weights[name] * term.detach() for name, term in terms.items())
    torch.testing.assert_close(result.total.detach(), expected)
    result.total.sum().backward()  # type: ignore[no-untyped-call]
    for name, term in terms.items():
        assert torch.equal(result.values[name], term.detach())
        assert not result.values[name].requires_grad
        if weights[name]:
            assert torch.equal(term.grad, torch.full_like(term, weights[name]))  # type: ignore[arg-type]
            assert torch.equal(result.weighted[name], weights[name] * term.detach())
            assert not result.weighted[name].requires_grad
        else:
            assert term.grad is None
            assert name not in result.weighted


def test_it_adds_in_the_order_of_its_weights() -> None:
    weigh = WeightedTerms({"a": 1.0, "b": 1.0, "c": 1.0})
    terms = {"c": torch.tensor(1.0), "b": torch.tensor(-1e8), "a": torch.tensor(1e8)}
    assert weigh(terms).total == 1.0


def test_a_term_of_weight_zero_may_be_missing_or_spoiled() -> None:
    weigh = WeightedTerms({"a": 2.0, "b": 0.0})
    assert weigh({"a": torch.tensor(3.0)}).total == 6.0
    result = weigh({"a": torch.tensor(3.0), "b": torch.tensor(math.inf)})
    assert result.total == 6.0
    assert result.values["b"] == math.inf


def test_the_weights_are_a_copy_and_shown() -> None:
    weights = {"a": 1.0}
    weigh = WeightedTerms(weights)
    weights["a"] = 5.0
    assert weigh.weights == {"a": 1.0}
    assert repr(weigh) == "WeightedTerms({'a': 1.0})"


def test_names_must_be_those_of_the_weights() -> None:
    weigh = WeightedTerms({"adversarial/video": 1.0, "reconstruction": 100.0})
    terms = {"adversarial/video": torch.tensor(1.0), "reconstuction": torch.tensor(1.0)}
    with pytest.raises(UnknownNameError, match="no term named 'reconstuction'; did you mean 'reco"):
        weigh(terms)
    del terms["reconstuction"]
    with pytest.raises(ValueError, match=r"hold 'reconstruction', whose weight is 100.0, got 'adv"):
        weigh(terms)


def test_terms_must_have_one_shape() -> None:
    weigh = WeightedTerms({"a": 1.0, "b": 1.0})
    with pytest.raises(ShapeError, match="terms must have one shape, got"):
        weigh({"a": torch.zeros(3), "b": torch.zeros(())})


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"a": math.nan}, "the weight of 'a' must be finite, got nan"),
        ({"a": 1.0, "b": math.inf}, "the weight of 'b' must be finite, got inf"),
        ({"a": 0.0}, "a weight must differ from zero"),
        ({}, "a weight must differ from zero"),
    ],
    ids=["nan", "inf", "all zero", "none"],
)
def test_weights_that_add_up_to_nothing_are_refused(
    weights: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        WeightedTerms(weights)

import io
import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stgan.training import rng_state, seed_everything, set_rng_state

seeds = st.integers(0, 2**32 - 1)


def _draws() -> tuple[list[float], list[float], list[float]]:
    # An odd number of normal draws leaves a cached one in NumPy and in Python.
    return (
        [random.gauss(0, 1) for _ in range(3)],
        np.random.randn(3).tolist(),  # noqa: NPY002 - the global generator is what is tested
        torch.randn(3).tolist(),
    )


@given(seeds)
def test_equal_seeds_give_equal_draws_and_the_next_seed_others(seed: int) -> None:
    seed_everything(seed)
    first = _draws()
    seed_everything(seed)
    assert _draws() == first
    seed_everything((seed + 1) % 2**32)
    assert all(a != b for a, b in zip(_draws(), first, strict=True))


@given(seeds)
def test_a_restored_state_continues_where_it_was_taken(seed: int) -> None:
    seed_everything(seed)
    _draws()
    state = rng_state()
    expected = _draws(), _draws()
    seed_everything(0)
    set_rng_state(state)
    assert (_draws(), _draws()) == expected


def test_a_state_survives_a_file_that_may_hold_no_code() -> None:
    file = io.BytesIO()
    torch.save(rng_state(), file)
    expected = _draws()
    file.seek(0)
    set_rng_state(torch.load(file, weights_only=True))
    assert _draws() == expected


def test_taking_a_state_draws_nothing() -> None:
    seed_everything(3)
    expected = _draws()
    seed_everything(3)
    rng_state()
    assert _draws() == expected


@pytest.mark.parametrize(
    ("seed", "error", "message"),
    [
        pytest.param(-1, ValueError, "seed must lie between 0 and 4294967295, got -1", id="low"),
        pytest.param(2**32, ValueError, "got 4294967296", id="high"),
        pytest.param(1.5, TypeError, "seed must be an integer, got 1.5", id="float"),
        pytest.param(True, TypeError, "seed must be an integer, got True", id="bool"),
    ],
)
def test_seeds_that_are_none_are_refused(seed: int, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        seed_everything(seed)


def test_a_state_with_a_missing_entry_is_refused() -> None:
    state = rng_state()
    del state["numpy"]
    with pytest.raises(ValueError, match=r"lacks numpy; pass what rng_state\(\) gave"):
        set_rng_state(state)

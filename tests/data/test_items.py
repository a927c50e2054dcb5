import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stgan.data.items import numbered_generator, split_index, stable_seed


def test_the_hash_is_written_in_stone() -> None:
    # Blake2b, not Python's hash, which differs from process to process.
    assert stable_seed(0, 1, 2) == 4727102316523150270


@given(st.lists(st.integers(), max_size=4), st.lists(st.integers(), max_size=4))
def test_other_numbers_other_seeds(one: list[int], other: list[int]) -> None:
    assert (stable_seed(*one) == stable_seed(*other)) == (one == other)
    assert 0 <= stable_seed(*one) < 2**63


def test_generators_leave_the_global_one_alone() -> None:
    before = torch.get_rng_state()
    torch.rand(3, generator=numbered_generator(1, 2))
    assert torch.equal(torch.get_rng_state(), before)


@given(st.integers(1, 50), st.data())
def test_numbers_and_draws_are_told_apart(length: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(-length, length - 1))
    draw = data.draw(st.integers(0, 10**6))
    assert split_index(number, length) == (range(length)[number], 0)
    assert split_index((number, draw), length) == (range(length)[number], draw)
    for wrong in (length, -length - 1):
        with pytest.raises(IndexError, match=rf"index must be below the {length} items"):
            split_index(wrong, length)

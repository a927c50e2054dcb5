"""Penalties on weights and their projection: orthogonal, clipped, transposed."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from stgan.errors import ShapeError
from stgan.functional import clip_singular_values, orthogonal_penalty
from stgan.layers import SpectralNorm
from tests.strategies import SEEDS

SHAPES = st.one_of(
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    st.tuples(*[st.integers(1, 4)] * 2, *[st.integers(1, 3)] * 3),
)


def _weight(shape: tuple[int, ...], seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


@given(shape=SHAPES, seed=SEEDS)
def test_the_orthogonal_penalty_equals_products_of_pairs(shape: tuple[int, ...], seed: int) -> None:
    weight = _weight(shape, seed)
    filters = [row.flatten() for row in weight]
    expected = sum(
        (filters[i] @ filters[j]) ** 2
        for i in range(len(filters))
        for j in range(len(filters))
        if i != j
    )
    assert_close(orthogonal_penalty(weight), torch.as_tensor(expected, dtype=torch.float64))


@given(rows=st.integers(1, 5), more=st.integers(0, 4), seed=SEEDS)
def test_orthogonal_filters_are_free_whatever_their_norms(rows: int, more: int, seed: int) -> None:
    square = torch.linalg.qr(_weight((rows + more,) * 2, seed)).Q
    norms = _weight((rows, 1), seed + 1)
    weight = norms * square[:rows]
    zero = torch.zeros((), dtype=torch.float64)
    assert_close(orthogonal_penalty(weight), zero)
    # Turning the inputs and changing the order or the signs of filters changes nothing.
    any_weight = _weight((rows, rows + more), seed + 2)
    value = orthogonal_penalty(any_weight)
    assert_close(orthogonal_penalty(any_weight @ square), value)
    assert_close(orthogonal_penalty(-any_weight.flip(0)), value)


@given(groups=st.integers(1, 3), inside=st.integers(1, 2), out=st.integers(1, 3), seed=SEEDS)
def test_filters_of_transposed_convolutions_are_those_of_their_outputs(
    groups: int, inside: int, out: int, seed: int
) -> None:
    weight = _weight((groups * inside, out, 2, 1, 2), seed)
    rows = [
        weight[g * inside : (g + 1) * inside, o].flatten()
        for g in range(groups)
        for o in range(out)
    ]
    matrix = torch.stack(rows)
    assert_close(orthogonal_penalty(weight, axis=1, groups=groups), orthogonal_penalty(matrix))
    clipped = clip_singular_values(weight, max_value=0.7, axis=1, groups=groups)
    assert clipped.shape == weight.shape
    expected = clip_singular_values(matrix, max_value=0.7)
    for row, (g, o) in enumerate((g, o) for g in range(groups) for o in range(out)):
        assert_close(clipped[g * inside : (g + 1) * inside, o].flatten(), expected[row])
    # The same matrix as that of spectral normalization.
    largest = torch.linalg.matrix_norm(expected, ord=2)
    norm = SpectralNorm(clipped, num_iterations=200, axis=1, groups=groups).train()
    assert_close(norm(clipped) * largest, clipped, rtol=1e-3, atol=1e-3)


@given(shape=SHAPES, seed=SEEDS, bound=st.floats(0.1, 5))
def test_clipping_bounds_the_singular_values_and_leaves_the_rest(
    shape: tuple[int, ...], seed: int, bound: float
) -> None:
    weight = _weight(shape, seed)
    clipped = clip_singular_values(weight, max_value=bound)
    before, after = (torch.linalg.svdvals(w.flatten(1)) for w in (weight, clipped))
    assert_close(after, before.clamp(max=bound))
    # The closest such weight: what was cut off, and nothing else, is missing.
    assert_close((weight - clipped).norm(), (before - before.clamp(max=bound)).norm())
    assert_close(clip_singular_values(clipped, max_value=bound), clipped)


@given(shape=SHAPES, seed=SEEDS)
def test_a_weight_within_the_bound_stays_as_it_is(shape: tuple[int, ...], seed: int) -> None:
    weight = _weight(shape, seed).float().requires_grad_()
    bound = 2 * float(weight.detach().norm())
    clipped = clip_singular_values(weight, max_value=bound)
    assert torch.equal(clipped, weight)
    assert not clipped.requires_grad
    halved = clip_singular_values(weight.to(torch.bfloat16), max_value=bound)
    assert halved.dtype is torch.bfloat16


def test_derivatives_are_those_of_finite_differences_and_autocast_does_not_round() -> None:
    weight = _weight((3, 2, 2), 0).requires_grad_()
    assert torch.autograd.gradcheck(orthogonal_penalty, weight)
    assert torch.autograd.gradgradcheck(orthogonal_penalty, weight)
    single = weight.detach().float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = orthogonal_penalty(single)
    assert value.dtype is torch.float32
    assert_close(value, orthogonal_penalty(single), rtol=0, atol=0)


def test_settings_that_make_no_sense_are_refused() -> None:
    weight = torch.zeros(2, 2)
    for function in (orthogonal_penalty, clip_singular_values):
        with pytest.raises(ValueError, match="axis must be 0 or 1, got 2"):
            function(weight, axis=2)
        with pytest.raises(ValueError, match=r"groups matter only for axis 1.*got 2"):
            function(weight, groups=2)
        with pytest.raises(ShapeError, match=r"must have two axes or more, got \(2,\)"):
            function(torch.zeros(2))
    with pytest.raises(ValueError, match="max_value must be positive, got 0"):
        clip_singular_values(weight, max_value=0)


@pytest.mark.parametrize("axis", [0, 1])
def test_autocast_does_not_round_what_is_clipped(axis: int) -> None:
    weight = torch.randn(16, 16, 3, 3, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        clipped = clip_singular_values(weight, axis=axis)
    assert torch.equal(clipped, clip_singular_values(weight, axis=axis))

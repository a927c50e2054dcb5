"""A product by oneDNN is torch's product: its values, its gradients and theirs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from stgan.functional import _matrix_product
from stgan.functional._matrix_product import linear
from tests.strategies import SEEDS

pytestmark = pytest.mark.skipif(
    _matrix_product._ONEDNN is None, reason="this torch was built without oneDNN"
)
SIZES = st.integers(1, 9)
#: A weight laid out by rows, or by columns as the transpose of a matrix.
TRANSPOSED = st.booleans()


@pytest.fixture(autouse=True)
def small_sizes() -> Iterator[None]:
    """Let small products take the way of large ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_matrix_product, "_WORTHWHILE", 1)
        yield


@contextmanager
def counted() -> Iterator[list[Tensor]]:
    """Collect what oneDNN's product returns."""
    made: list[Tensor] = []

    def call(*arguments: Any) -> Tensor:
        made.append(product(*arguments))
        return made[-1]

    product = _matrix_product._ONEDNN
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_matrix_product, "_ONEDNN", call)
        yield made


def _draw(seed: int, *shape: int, transposed: bool = False) -> Tensor:
    draws = torch.Generator().manual_seed(seed % 2**31 + len(shape) + shape[-1])
    if transposed:
        return torch.randn(*shape[:-2], shape[-1], shape[-2], generator=draws).mT.requires_grad_()
    return torch.randn(shape, generator=draws).requires_grad_()


@given(seed=SEEDS, n=st.integers(2, 9), c_in=SIZES, c_out=SIZES, more=st.lists(SIZES, max_size=2),
       transposed=TRANSPOSED, biased=st.booleans())  # fmt: skip
def test_values_and_gradients_are_those_of_torch(
    seed: int, n: int, c_in: int, c_out: int, more: list[int], transposed: bool, biased: bool
) -> None:
    leaves = [_draw(seed, *more, n, c_in), _draw(seed, c_out, c_in, transposed=transposed)]
    leaves += [_draw(seed, c_out)] if biased else []
    with counted() as made:
        mine = linear(*leaves)
    assert len(made) == 1
    plain = F.linear(*leaves)
    torch.testing.assert_close(mine, plain, rtol=1e-4, atol=1e-5)
    probe = torch.linspace(-1, 1, plain.numel()).view(plain.shape)
    gradients = torch.autograd.grad(mine, leaves, probe)
    expected = torch.autograd.grad(plain, leaves, probe)
    torch.testing.assert_close(gradients, expected, rtol=1e-4, atol=1e-4)
    # Laid out as its weight, or accumulating would copy it.
    if min(c_in, c_out) > 1:
        assert gradients[1].stride() == leaves[1].stride()


@given(seed=SEEDS, n=st.integers(2, 16), dtype=st.sampled_from([torch.bfloat16, torch.float32]))
def test_under_autocast_few_rows_are_rounded_once(seed: int, n: int, dtype: torch.dtype) -> None:
    leaves = [_draw(seed, n, 5), _draw(seed, 7, 5), _draw(seed, 7)]
    rows = leaves[0].to(dtype)
    with torch.autocast("cpu", torch.bfloat16), counted() as made:
        out = linear(rows, *leaves[1:])
        assert len(made) == 1
    full = F.linear(rows.float(), *leaves[1:])
    torch.testing.assert_close(out, full.bfloat16(), rtol=2**-7, atol=1e-5)
    probe = torch.linspace(-1, 1, full.numel()).view(full.shape).bfloat16()
    torch.testing.assert_close(
        torch.autograd.grad(out, leaves, probe),
        torch.autograd.grad(full, leaves, probe.float()),
        rtol=2**-7,
        atol=1e-2,
    )


# Within torch, where it finds forward derivatives.
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@given(seed=SEEDS, transposed=TRANSPOSED)
def test_first_and_second_derivatives_are_those_of_differences(seed: int, transposed: bool) -> None:
    leaves = (_draw(seed, 3, 4), _draw(seed, 5, 4, transposed=transposed))
    # Differences of a product are exact but for rounding, however far apart they are.
    numbers = {"eps": 0.5, "atol": 1e-3, "rtol": 1e-3, "nondet_tol": 0.0}
    with pytest.warns(UserWarning, match="double precision"):
        assert torch.autograd.gradcheck(linear, leaves, check_forward_ad=True, **numbers)
    with pytest.warns(UserWarning, match="double precision"):
        assert torch.autograd.gradgradcheck(linear, leaves, **numbers)


@pytest.mark.parametrize("of_leaves", [True, False])
def test_what_nobody_asks_for_is_not_computed(of_leaves: bool) -> None:
    leaves = _draw(0, 3, 4), _draw(1, 5, 4)
    inputs = leaves if of_leaves else tuple(1 * leaf for leaf in leaves)
    expected = torch.autograd.grad(F.linear(*leaves).square().sum(), leaves)
    loss = linear(*inputs).square().sum()
    for asked in ([0], [1], [0, 1]):
        with counted() as made:
            found = torch.autograd.grad(loss, [inputs[i] for i in asked], retain_graph=True)
        assert len(made) == len(asked)
        for index, gradient in zip(asked, found, strict=True):
            torch.testing.assert_close(gradient, expected[index])
    with counted() as made:
        loss.backward()
    assert len(made) == 2
    torch.testing.assert_close(tuple(leaf.grad for leaf in leaves), expected)


def test_function_transforms_give_the_same() -> None:
    rows, weight = _draw(0, 6, 3, 4).detach(), _draw(1, 5, 4).detach()
    torch.testing.assert_close(
        torch.func.vmap(linear, in_dims=(0, None))(rows, weight), F.linear(rows, weight)
    )
    weights = torch.stack([weight, 2 * weight], dim=1)
    torch.testing.assert_close(
        torch.func.vmap(linear, in_dims=(None, 1), out_dims=1)(rows[0], weights),
        torch.stack([F.linear(rows[0], weight), F.linear(rows[0], 2 * weight)], dim=1),
    )

    def energy(function, weight, rows):  # type: ignore[no-untyped-def]
        return function(rows, weight).square().sum()

    for_each = [
        torch.func.vmap(torch.func.grad(lambda w, r, f=f: energy(f, w, r)), in_dims=(None, 0))(
            weight, rows
        )
        for f in (linear, F.linear)
    ]
    torch.testing.assert_close(*for_each)


@pytest.mark.parametrize(
    ("rows", "weight"),
    [
        (torch.ones(2, 3, dtype=torch.float64), torch.ones(4, 3, dtype=torch.float64)),
        (torch.ones(1, 3), torch.ones(4, 3)),
        (torch.ones(3), torch.ones(4, 3)),
        (torch.ones(2, 3, device="meta"), torch.ones(4, 3, device="meta")),
        (torch.ones(0, 3), torch.ones(4, 3)),
    ],
    ids=["float64", "one row", "a vector", "no data", "no rows"],
)
def test_others_stay_with_torch(rows: Tensor, weight: Tensor) -> None:
    with counted() as made:
        out = linear(rows, weight)
    assert made == []
    assert out.shape == F.linear(rows, weight).shape
    assert out.dtype == rows.dtype


@pytest.mark.filterwarnings("ignore:`torch.jit.trace` is deprecated:DeprecationWarning")
def test_autocast_and_compiled_programs_and_small_products_stay_with_torch() -> None:
    rows, weight, bias = torch.ones(2, 3), nn.Parameter(torch.ones(4, 3)), torch.ones(4)
    with counted() as made, pytest.MonkeyPatch.context() as patch:
        with torch.autocast("cpu", torch.bfloat16):
            assert linear(rows.expand(17, 2, 3), weight, bias).dtype is torch.bfloat16
        torch.jit.trace(linear, (rows, weight.detach()), check_trace=False)(rows, weight)
        torch.compile(linear, backend="eager", fullgraph=True)(rows, weight)
        patch.setattr(torch.backends.mkldnn, "enabled", False)
        linear(rows, weight)
        patch.undo()
        patch.setattr(_matrix_product, "_WORTHWHILE", 25)
        linear(rows, weight)
        assert made == []
        patch.setattr(_matrix_product, "_WORTHWHILE", 24)
        linear(rows, weight)
        assert len(made) == 1


def test_its_operations_are_counted_forward_and_backward() -> None:
    rows, weight = _draw(0, 2, 5, 3), _draw(0, 4, 3)
    with FlopCounterMode(display=False) as counter:
        linear(rows, weight).sum().backward()
    assert counter.get_total_flops() == 3 * 2 * (2 * 5 * 3 * 4)

"""The appended channel is the mean deviation within a group, and nothing else changes."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stgan.errors import ShapeError
from stgan.functional import minibatch_stddev
from stgan.layers import MinibatchStddev
from stgan.testing import images, videos

FEATURES = st.one_of(images(max_batch=6), videos(max_batch=6, max_frames=3))


def by_hand(x: Tensor, members: list[int]) -> float:
    group = [x[i].flatten().tolist() for i in members]
    total = 0.0
    for values in zip(*group, strict=True):
        mean = sum(values) / len(values)
        total += (sum((v - mean) ** 2 for v in values) / len(values) + 1e-8) ** 0.5
    return total / len(group[0])


@given(FEATURES, st.sampled_from([None, 1, 2, 3, 8]))
def test_it_equals_the_definition_in_loops(x: Tensor, size: int | None) -> None:
    n = len(x)
    group = n if size is None else min(size, n)
    if n % group:
        with pytest.raises(ShapeError, match=f"split into groups of {group}, got {n} samples"):
            minibatch_stddev(x, size)
        return
    expected = [by_hand(x, [j for j in range(n) if (i - j) % (n // group) == 0]) for i in range(n)]
    torch.testing.assert_close(minibatch_stddev(x, size), torch.tensor(expected, dtype=x.dtype))


@given(FEATURES, st.sampled_from([None, 1]))
def test_the_layer_appends_a_constant_channel_and_keeps_the_others(
    x: Tensor, size: int | None
) -> None:
    layer = MinibatchStddev(x.shape[1], group_size=size)
    out = layer(x)
    assert tuple(out.shape) == layer.output_shape(tuple(x.shape))
    assert out.shape[1] == layer.out_channels == x.shape[1] + 1
    assert torch.equal(out[:, :-1], x)
    number = minibatch_stddev(x, size).reshape(-1, *[1] * (x.ndim - 2))
    assert torch.equal(out[:, -1], number.expand_as(out[:, -1]))


@given(images(min_batch=2), st.floats(-3, 3), st.floats(0.5, 4))
def test_a_shift_changes_nothing_and_a_scale_scales(x: Tensor, shift: float, scale: float) -> None:
    number = minibatch_stddev(x)
    torch.testing.assert_close(minibatch_stddev(x + shift), number, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(minibatch_stddev(x * scale), number * scale, rtol=0, atol=4e-4)


def test_samples_that_are_all_alike_give_almost_nothing_and_a_finite_gradient() -> None:
    x = torch.ones(4, 2, 3, 3, requires_grad=True)
    number = minibatch_stddev(x)
    torch.testing.assert_close(number, torch.full((4,), 1e-4))
    number.sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


def test_half_precision_keeps_its_type_and_does_not_overflow() -> None:
    x = torch.tensor([-3e4, 3e4], dtype=torch.float16).reshape(2, 1, 1, 1)
    number = minibatch_stddev(x)
    assert number.dtype is torch.float16
    torch.testing.assert_close(number, torch.full((2,), 3e4, dtype=torch.float16))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MinibatchStddev(0), "in_channels must be at least 1, got 0"),
        (lambda: MinibatchStddev(3, group_size=0), "group_size must be at least 1, got 0"),
        (lambda: minibatch_stddev(torch.zeros(2, 3, 4)), r"\(N, C, T, H, W\), got \(2, 3, 4\)"),
        (lambda: MinibatchStddev(3)(torch.zeros(2, 4, 5, 5)), r"C=3, H, W\), got \(2, 4, 5, 5\)"),
        (lambda: MinibatchStddev(3, group_size=4).output_shape((6, 3, 2, 2)),
         r"groups of 4, got 6 samples in \(6, 3, 2, 2\); use a multiple"),
    ],
)  # fmt: skip
def test_refusals_teach(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]

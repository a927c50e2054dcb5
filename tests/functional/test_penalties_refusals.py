"""What a penalty on slopes refuses: shapes that do not fit, and critics without logits."""

from typing import Any

import pytest
import torch
from hypothesis import given

from stgan.errors import ShapeError
from stgan.functional import dragan_penalty, gradient_penalty, r1_penalty, zero_centered_penalty
from tests.functional.slopes import CASES, EVERY, SHAPES, Bowl, Penalty, samples_of, taken
from tests.strategies import SEEDS

REFUSED: list[tuple[Penalty, dict[str, Any], str]] = [
    (gradient_penalty, {"fake": torch.zeros(3, 6)}, r"got \(2, 6\) and \(3, 6\)"),
    (zero_centered_penalty, {"fake": torch.zeros(2, 5)}, r"got \(2, 6\) and \(2, 5\)"),
    (
        gradient_penalty,
        {"fake": torch.zeros(2, 6), "mix": torch.zeros(3)},
        r"mix must be laid out as \(N=2\), got \(3,\)",
    ),
    (dragan_penalty, {"noise": torch.zeros(2, 1)}, r"shape of real, \(2, 6\), got \(2, 1\)"),
]


@pytest.mark.parametrize(("penalty", "given", "sentence"), REFUSED)
def test_shapes_that_do_not_fit_are_refused(
    penalty: Penalty, given: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ShapeError, match=sentence):
        penalty(Bowl(6), real=torch.zeros(2, 6), **given)


@pytest.mark.parametrize("output", [None, {}, ["logits"]])
def test_a_critic_that_returns_no_logits_is_refused(output: Any) -> None:
    with pytest.raises(TypeError, match=f"mapping of named logits, got {type(output).__name__}"):
        r1_penalty(lambda sample: output, real=torch.zeros(2, 6))


@pytest.mark.parametrize(
    ("output", "got"),
    [
        ({}, "dict of nothing"),
        ({"one": {"two": torch.zeros(2)}}, "dict of dict"),
        ({"one": torch.zeros(2), "two": None}, "dict of Tensor and NoneType"),
    ],
)
def test_a_mapping_of_something_else_is_told_from_one_of_logits(output: Any, got: str) -> None:
    with pytest.raises(TypeError, match=f"mapping of named logits, got {got}; pass a function"):
        r1_penalty(lambda sample: output, real=torch.zeros(2, 6))


@EVERY
@given(shape=SHAPES, seed=SEEDS)
def test_one_number_for_a_batch_is_refused(name: str, shape: tuple[int, ...], seed: int) -> None:
    critic = Bowl(torch.Size(shape[1:]).numel(), seed)
    given = taken(name, samples_of(shape, seed))
    n = shape[0]
    for answer, got in (
        (lambda x: critic(x).mean(), r"\(\)"),
        (lambda x: {"video": critic(x), "image": critic(x).mean()}, r"\(\)"),
        (lambda x: torch.cat([critic(x), critic(x)]), rf"\({2 * n},\)"),
        (lambda x: critic(x)[None], rf"\(1, {n}\)"),
    ):
        if got == r"\(1, 1\)":  # which is laid out rightly
            continue
        wanted = rf"must be laid out as \(N={n}, ...\) for {n} samples, got {got}"
        with pytest.raises(ShapeError, match=wanted):
            CASES[name][0](answer, **given)


@EVERY
def test_logits_that_do_not_depend_on_samples_are_refused(name: str) -> None:
    given = taken(name, samples_of((2, 6), 0))
    critic = Bowl(6)
    bias = torch.zeros(2, requires_grad=True)
    for answer in (
        lambda x: critic(x).detach(),
        torch.no_grad()(critic),
        lambda x: {"video": bias * 2},
    ):
        with pytest.raises(
            ValueError, match=r"must depend on the samples .* got logits without a g"
        ):
            CASES[name][0](answer, **given)


@EVERY
def test_no_samples_are_refused(name: str) -> None:
    with pytest.raises(
        ShapeError, match=r"must hold one sample at least for a penalty, got \(0, 6\)"
    ):
        CASES[name][0](Bowl(6), **taken(name, samples_of((0, 6), 0)))


@EVERY
def test_samples_travel_by_keyword(name: str) -> None:
    with pytest.raises(TypeError, match="positional"):
        CASES[name][0](Bowl(6), *taken(name, samples_of((2, 6), 0)).values())

"""States that are loaded, each with one entry that is missing or cannot be."""

import copy
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from stgan.errors import CheckpointError
from stgan.training import (
    ExponentialMovingAverage,
    FiniteGuard,
    HealthMonitor,
    LazySchedule,
    load_optimizer_state,
    optimizer_state,
    rng_state,
    seed_everything,
    set_rng_state,
)

NOT_COUNTS = {"text": "1", "negative": -5, "true": True, "float": 1.5, "none": None,
              "list": [1], "large": 10**30, "digits": 10**5000,
              "tensor": torch.ones(2)}  # fmt: skip
WRONG = {"text": "x", "list": [], "none": None, "number": 1, "nested": {"a": {"b": []}}}


def _health() -> HealthMonitor:
    health = HealthMonitor(patience=1)
    logits = {"video": torch.zeros(4)}
    health.saw_logits(real=logits, fake=logits)
    health.read()
    health.saw_logits(real=logits, fake=logits)
    health.saw_samples(real=torch.rand(2, 3), fake=torch.rand(2, 3))
    return health


@pytest.mark.parametrize("value", NOT_COUNTS.values(), ids=NOT_COUNTS)
@pytest.mark.parametrize(
    ("make", "place"),
    [
        (lambda: LazySchedule(4), ("phase",)),
        (lambda: LazySchedule(4), ("every",)),
        (lambda: FiniteGuard({"net": nn.Linear(1, 1)}, skip=1), ("skipped",)),
        (_health, ("bad", "dead/video")),
        (_health, ("counts", "video/ranking")),
    ],
    ids=["phase", "every", "skipped", "alarms", "readings"],
)
def test_what_counts_must_be_a_whole_number(
    make: Callable[[], Any], place: tuple[str, ...], value: Any
) -> None:
    state = copy.deepcopy(make().state_dict())
    owner = state
    for key in place[:-1]:
        owner = owner[key]
    assert place[-1] in owner
    owner[place[-1]] = value
    with pytest.raises(CheckpointError, match=r"^state of .*; use a checkpoint that the same") as e:
        make().load_state_dict(state)
    assert len(str(e.value)) < 300


@pytest.mark.parametrize("state", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize(
    "load",
    [
        lambda state: LazySchedule(4).load_state_dict(state),
        lambda state: FiniteGuard({"net": nn.Linear(1, 1)}).load_state_dict(state),
        lambda state: HealthMonitor().load_state_dict(state),
        lambda state: ExponentialMovingAverage(nn.Linear(1, 1)).load_state_dict(state),
        lambda state: load_optimizer_state(_adam()[1], state),
        set_rng_state,
    ],
    ids=["lazy", "guard", "health", "average", "optimizer", "random"],
)
def test_something_else_than_a_state_is_told(load: Callable[[Any], None], state: Any) -> None:
    with pytest.raises(CheckpointError):
        load(state)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"sums": {}}, id="no sums"),
        pytest.param({"counts": {}}, id="no counts"),
        pytest.param({"sums": {"a/spread": torch.ones(())}, "counts": {"a/spread": 1}}, id="alone"),
        pytest.param({"sums": {"a/b": torch.ones(2)}, "counts": {"a/b": 1}}, id="vector"),
        pytest.param({"sums": {"a/b": "1"}, "counts": {"a/b": 1}}, id="text"),
        pytest.param({"sums": {"a\x1b[1m": torch.ones(())}, "counts": {"a\x1b[1m": 1}}, id="name"),
        pytest.param({"bad": {"\udcff": 1}}, id="alarm of no text"),
        pytest.param({"bad": {3: 1}}, id="alarm of a number"),
        pytest.param({"bad": [1]}, id="list"),
    ],
)
def test_measures_of_health_must_go_together(change: dict[str, Any]) -> None:
    health = _health()
    again = HealthMonitor(patience=1)
    again.load_state_dict(health.state_dict())
    with pytest.raises(CheckpointError, match="state of HealthMonitor "):
        again.load_state_dict(health.state_dict() | change)
    assert again.read() == health.read()


def _adam() -> tuple[nn.Module, torch.optim.Adam]:
    torch.manual_seed(0)
    network = nn.Linear(2, 3)
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    network(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    return network, optimizer


def _set(*place: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(state: Any) -> None:
        for key in place[:-1]:
            state = state[key]
        if to is None:
            del state[place[-1]]
        else:
            state[place[-1]] = to

    return change


ADAM = {
    "no groups": _set("param_groups", to=None),
    "groups of text": _set("param_groups", to="x"),
    "two groups": _set("param_groups", to=[{"params": [0]}, {"params": [1]}]),
    "group of text": _set("param_groups", to=["x"]),
    "no parameters": _set("param_groups", 0, "params", to=None),
    "fewer parameters": _set("param_groups", 0, "params", to=[0]),
    "parameters of text": _set("param_groups", 0, "params", to=["a", "b"]),
    "lr of text": _set("param_groups", 0, "lr", to="x"),
    "lr NaN": _set("param_groups", 0, "lr", to=float("nan")),
    "one beta": _set("param_groups", 0, "betas", to=(0.5,)),
    "eps of a list": _set("param_groups", 0, "eps", to=[1]),
    "amsgrad": _set("param_groups", 0, "amsgrad", to=True),
    "differentiable": _set("param_groups", 0, "differentiable", to=True),
    "no state": _set("state", to=None),
    "state of a list": _set("state", to=[1]),
    "another parameter": _set("state", 7, to={}),
    "entry of text": _set("state", 0, to="x"),
    "no moments": _set("state", 0, to=None),
    "empty moments": _set("state", 0, to={}),
    "no moment": _set("state", 0, "exp_avg", to=None),
    "no step": _set("state", 0, "step", to=None),
    "one more": _set("state", 0, "more", to=1.0),
    "moment of text": _set("state", 0, "exp_avg", to="x"),
    "moment of a number": _set("state", 0, "exp_avg", to=1.0),
    "small moment": _set("state", 0, "exp_avg", to=torch.zeros(1)),
    "large moment": _set("state", 0, "exp_avg_sq", to=torch.zeros(300, 200)),
    "integer moment": _set("state", 0, "exp_avg", to=torch.zeros(3, 2, dtype=torch.int64)),
    "complex moment": _set("state", 0, "exp_avg", to=torch.zeros(3, 2, dtype=torch.complex64)),
    "NaN moment": _set("state", 0, "exp_avg", to=torch.full((3, 2), float("nan"))),
    "negative square": _set("state", 0, "exp_avg_sq", to=-torch.ones(3, 2)),
    "step of text": _set("state", 0, "step", to="x"),
    "step below 0": _set("state", 0, "step", to=-5.0),
    "steps": _set("state", 0, "step", to=torch.zeros(3)),
    "step that is true": _set("state", 0, "step", to=True),
}


@pytest.mark.parametrize("kind", ADAM)
def test_the_state_of_an_optimizer_must_be_that_of_its_parameters(kind: str) -> None:
    network, optimizer = _adam()
    state = copy.deepcopy(optimizer.state_dict())
    load_optimizer_state(optimizer, state)
    ADAM[kind](state)
    with pytest.raises(CheckpointError, match=r"^state of Adam .*; use a checkpoint that the same"):
        load_optimizer_state(optimizer, state)
    before = [p.detach().clone() for p in network.parameters()]
    optimizer.step()
    assert all(p.isfinite().all() for p in network.parameters())
    assert not torch.equal(before[0], network.weight)


def _half_used(kind: Any = torch.optim.Adam) -> tuple[nn.Module, torch.optim.Optimizer]:
    """An optimizer of four parameters, of which the first two have had a gradient."""
    layers = nn.Sequential(nn.Linear(2, 3), nn.Linear(2, 3))
    optimizer = kind(layers.parameters(), lr=0.1)
    layers[0](torch.ones(1, 2)).sum().backward()
    optimizer.step()
    return layers, optimizer


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.Adafactor, torch.optim.SGD])
def test_a_parameter_without_a_gradient_has_no_entry_and_says_so(kind: Any) -> None:
    state = optimizer_state(_half_used(kind)[1])
    assert state["without"] == ([0, 1, 2, 3] if kind is torch.optim.SGD else [2, 3])
    _, again = _half_used(kind)
    load_optimizer_state(again, state)
    assert optimizer_state(again)["without"] == state["without"]
    load_optimizer_state(again, optimizer_state(kind(_half_used()[0].parameters(), lr=0.1)))
    assert optimizer_state(again)["without"] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "change",
    [
        _set("state", 0, to=None),
        _set("state", 0, to={}),
        _set("state", to={}),
        _set("without", to=[2]),
        _set("without", to=[]),
        _set("without", to="x"),
        _set("without", to=["2", torch.ones(2), 3]),
    ],
)
@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.Adafactor])
def test_what_an_optimizer_kept_of_a_parameter_must_be_there(
    kind: Any, change: Callable[[Any], None]
) -> None:
    _, optimizer = _half_used(kind)
    state = copy.deepcopy(optimizer_state(optimizer))
    change(state)
    with pytest.raises(CheckpointError, match=r"no entry for a parameter of shape \(3,|list as"):
        load_optimizer_state(optimizer, state)
    assert optimizer_state(optimizer)["without"] == [2, 3]


def test_a_plain_state_of_adam_may_lack_frozen_parameters_only() -> None:
    """It does not say whether moments are missing, so what does not learn may have none."""
    layers, optimizer = _half_used()
    state = optimizer.state_dict()
    with pytest.raises(CheckpointError, match=r"no entry .* \(3, 2\), .*as optimizer_state does"):
        load_optimizer_state(optimizer, state)
    layers[1].requires_grad_(False)
    load_optimizer_state(optimizer, state)


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adafactor, torch.optim.RMSprop])
def test_other_optimizers_take_their_own_states(kind: Any) -> None:
    settings = {"lr": 0.1} | ({"momentum": 0.9} if kind is torch.optim.SGD else {})
    layers = [nn.Linear(2, 3), nn.Linear(2, 3)]
    first, second = (kind(layer.parameters(), **settings) for layer in layers)
    layers[0](torch.ones(1, 2)).sum().backward()
    first.step()
    load_optimizer_state(second, first.state_dict())
    assert second.state_dict()["state"].keys() == first.state_dict()["state"].keys()
    with pytest.raises(CheckpointError, match=f"state of {kind.__name__} "):
        load_optimizer_state(second, {"state": [], "param_groups": []})


def _changed(*place: Any, to: Any) -> dict[str, Any]:
    state = copy.deepcopy(rng_state())
    state["python"] = list(state["python"])
    _set(*place, to=to)(state)
    return state


@pytest.mark.parametrize(
    ("place", "to"),
    [
        (("python",), "x"),
        (("python",), (3,)),
        (("python", 0), 9),
        (("python", 1), (1, 2)),
        (("python", 1), ("a",) * 625),
        (("python", 1), (2**70,) * 625),
        (("python", 2), "x"),
        (("python", 2), float("nan")),
        (("numpy",), []),
        (("numpy", "bit_generator"), "PCG64"),
        (("numpy", "state"), {}),
        (("numpy", "state", "key"), [1, 2]),
        (("numpy", "state", "key"), ["a"] * 624),
        (("numpy", "state", "key"), [2**40] * 624),
        (("numpy", "state", "pos"), 10**6),
        (("numpy", "state", "pos"), -1),
        (("numpy", "state", "pos"), "x"),
        (("numpy", "has_gauss"), "x"),
        (("numpy", "gauss"), float("inf")),
        (("torch",), "x"),
        (("torch",), torch.zeros(3, dtype=torch.uint8)),
        (("torch",), torch.zeros(5056)),
        (("torch",), torch.zeros(5056, dtype=torch.uint8)),
        (("cuda",), 3),
        (("cuda",), ["x"]),
    ],
    ids=str,
)
def test_a_state_that_no_generator_has_is_refused_and_all_are_as_before(
    place: tuple[Any, ...], to: Any
) -> None:
    seed_everything(3)
    wanted = random.random(), np.random.rand(), torch.rand(())  # noqa: NPY002 - the global one
    state = _changed(*place, to=to)
    seed_everything(3)
    with pytest.raises(CheckpointError, match="is not one that they take; pass what rng_state"):
        set_rng_state(state)
    assert (random.random(), np.random.rand(), torch.rand(())) == wanted  # noqa: NPY002


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ({}, "needs weight, which the state does not have"),
        ({"weight": torch.zeros(1, 1), "bias": torch.zeros(1), "a": 1}, "has no a, which the st"),
        ({"weight": "x", "bias": torch.zeros(1)}, "has a tensor weight, the state has a str"),
        ({"weight": torch.zeros(2, 2), "bias": torch.zeros(1)}, r"\(1, 1\), the state has \(2, 2"),
        ({"weight": torch.zeros(1, 1), "bias": torch.ones(1) / 0}, "not finite in bias"),
        ({"weight": torch.zeros(1, 1), "bias": torch.ones(1).int()}, "has torch.int32"),
    ],
    ids=["none", "one more", "text", "shape", "infinite", "integer"],
)
def test_an_average_is_that_of_its_network(state: dict[str, Any], sentence: str) -> None:
    average = ExponentialMovingAverage(nn.Linear(1, 1))
    before = copy.deepcopy(average.state_dict())
    with pytest.raises(CheckpointError, match=sentence):
        average.load_state_dict(state)
    assert all(torch.equal(before[key], value) for key, value in average.state_dict().items())

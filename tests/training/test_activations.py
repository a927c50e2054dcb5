"""Forgotten activations change no value, no gradient and no buffer, and cost less memory."""

import copy
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from stgan.layers import spectral_norm
from stgan.losses import R1Penalty
from stgan.training import ExponentialMovingAverage, checkpoint_activations


def _stage(width: int, seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        spectral_norm(nn.Conv3d(width, width, 3, padding=1)),
        nn.BatchNorm3d(width),
        nn.Tanh(),
        nn.Dropout(0.3),
        nn.Conv3d(width, width, 1),
        nn.Softplus(),
    )


def _twins(seed: int, stages: int = 3) -> tuple[nn.Sequential, nn.Sequential]:
    whole = nn.Sequential(*[_stage(4, seed + k) for k in range(stages)]).double()
    forgetful = copy.deepcopy(whole)
    checkpoint_activations(*forgetful)
    return whole, forgetful


def _assert_equal(found: nn.Module, expected: nn.Module) -> None:
    torch.testing.assert_close(found.state_dict(), expected.state_dict(), rtol=0, atol=0)
    for (name, a), b in zip(found.named_parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=0, atol=0, msg=name)


@given(st.integers(0, 1000), st.integers(1, 3))
def test_values_gradients_and_buffers_are_those_of_the_plain_network(seed: int, steps: int) -> None:
    results = []
    for network in _twins(seed):
        torch.manual_seed(seed)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        for _ in range(steps):
            x = torch.randn(2, 4, 2, 3, 3, dtype=torch.float64, requires_grad=True)
            optimizer.zero_grad()
            # Two passes before one backward, as in the step of a discriminator.
            loss = network(x).square().mean() - network(x.detach() + 1).mean()
            loss.backward()
            optimizer.step()
        results.append((loss.detach(), x.grad, torch.rand(()), network))
    (loss_a, grad_a, draw_a, whole), (loss_b, grad_b, draw_b, forgetful) = results
    torch.testing.assert_close((loss_b, grad_b, draw_b), (loss_a, grad_a, draw_a), rtol=0, atol=0)
    _assert_equal(forgetful, whole)


def test_a_penalty_on_the_slope_goes_through() -> None:
    penalty = R1Penalty()
    values = []
    for network in _twins(1):
        torch.manual_seed(1)
        x = torch.randn(2, 4, 2, 3, 3, dtype=torch.float64)
        value = penalty(lambda video, net=network: net(video).mean((1, 2, 3, 4)), real=x)
        value.backward()
        values.append((value.detach(), network))
    torch.testing.assert_close(values[1][0], values[0][0], rtol=0, atol=0)
    for a, b in zip(values[1][1].parameters(), values[0][1].parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


def test_evaluation_copies_names_and_averages_stay_what_they_were() -> None:
    whole, forgetful = _twins(2)
    x = torch.randn(2, 4, 2, 3, 3, dtype=torch.float64)
    assert type(forgetful[0]).__name__ == "Sequential"
    assert isinstance(forgetful[0], nn.Sequential)
    assert list(forgetful.state_dict()) == list(whole.state_dict())
    average = ExponentialMovingAverage(forgetful, decay=0.5)
    average.update(forgetful, step=1)
    assert torch.equal(forgetful.eval()(x), whole.eval()(x))
    assert torch.equal(average.module(x), whole(x))
    # Twice is once.
    kind = type(forgetful[0])
    checkpoint_activations(*forgetful)
    assert type(forgetful[0]) is kind


def test_a_copy_uses_its_own_weights() -> None:
    _, forgetful = _twins(3)
    other = copy.deepcopy(forgetful)
    for parameter in other.parameters():
        nn.init.zeros_(parameter)
    forgetful(torch.randn(2, 4, 2, 3, 3, dtype=torch.float64)).sum().backward()
    assert all(parameter.grad is None for parameter in other.parameters())


def _kept(network: nn.Module, x: Tensor) -> int:
    """Bytes that a forward pass keeps for the backward pass, weights aside."""
    storages: dict[int, int] = {}
    weights = {p.untyped_storage().data_ptr() for p in network.parameters()}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    def unpack(tensor: Any) -> Tensor:
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        out = network(x)
    kept = sum(storages.values())
    del out
    return kept


def test_far_less_is_kept_for_the_backward_pass() -> None:
    whole, forgetful = _twins(4, stages=4)
    x = torch.randn(2, 4, 8, 16, 16, dtype=torch.float64)
    # The inputs of the stages are left, out of five tensors of that size in each.
    assert _kept(forgetful, x) < 0.3 * _kept(whole, x)


@pytest.mark.parametrize("keyword", [False, True])
def test_parts_with_several_inputs_and_outputs(keyword: bool) -> None:
    class Fuse(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
            return {"sum": self.layer(x) + (0 if label is None else label), "same": x}

    torch.manual_seed(0)
    part = Fuse()
    twin = copy.deepcopy(part)
    checkpoint_activations(part)
    x, label = torch.randn(2, 3), torch.randn(2, 3)
    for module in (part, twin):
        out = module(x, label=label) if keyword else module(x, label)
        out["sum"].square().sum().backward()
    assert torch.equal(part.layer.weight.grad, twin.layer.weight.grad)  # type: ignore[arg-type]

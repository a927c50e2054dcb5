import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations

from stgan.training import ExponentialMovingAverage

seeds = st.integers(0, 2**32 - 1)


def _network() -> nn.Sequential:
    return nn.Sequential(
        parametrizations.spectral_norm(nn.Conv3d(3, 4, 3)), nn.BatchNorm3d(4), nn.Conv3d(4, 1, 1)
    )


def _train_a_little(network: nn.Module) -> None:
    """Move every parameter and every buffer, as an optimizer step does."""
    network.train()
    network(torch.randn(2, 3, 4, 6, 6)).square().sum().backward()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter))


@given(seeds, st.floats(0, 0.9999))
def test_an_update_is_the_weighted_mean_of_parameters(seed: int, decay: float) -> None:
    torch.manual_seed(seed)
    network = _network()
    average = ExponentialMovingAverage(network, decay=decay, warmup=False)
    before = [p.clone() for p in average.module.parameters()]
    _train_a_little(network)
    average.update(network, step=1)
    for old, new, mean in zip(
        before, network.parameters(), average.module.parameters(), strict=True
    ):
        torch.testing.assert_close(mean, decay * old + (1 - decay) * new)


@given(seeds)
def test_buffers_are_copied_not_averaged(seed: int) -> None:
    torch.manual_seed(seed)
    network = _network()
    average = ExponentialMovingAverage(network, decay=0.9)
    for step in range(1, 4):
        _train_a_little(network)
        average.update(network, step)
        names = dict(network.named_buffers())
        assert any(name.endswith("_u") for name in names)
        assert any(name.endswith("running_mean") for name in names)
        for name, buffer in average.module.named_buffers():
            assert torch.equal(buffer, names[name]), name


def test_warmup_copies_first_and_then_slows_down_to_the_decay() -> None:
    network = nn.Linear(1, 1, bias=False)
    average = ExponentialMovingAverage(network, decay=0.999, warmup=True)
    shares = []
    for step in (1, 2, 10, 1_000, 10_000, 1_000_000):
        nn.init.zeros_(average.module.weight)
        nn.init.ones_(network.weight)
        average.update(network, step)
        shares.append(average.module.weight.item())
    assert shares[0] == 1
    assert shares[1:4] == pytest.approx([s ** (-2 / 3) for s in (2, 10, 1_000)], rel=1e-4)
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] == pytest.approx(0.001, rel=1e-3)


def test_the_average_of_a_network_that_stands_still_is_the_network() -> None:
    network = _network().eval()
    average = ExponentialMovingAverage(network, decay=0.5)
    for step in range(1, 5):
        average.update(network, step)
    video = torch.randn(1, 3, 4, 6, 6)
    torch.testing.assert_close(average.module(video), network(video))


def test_the_average_is_in_eval_mode_without_gradients_and_apart_from_the_network() -> None:
    network = _network()
    _train_a_little(network)  # deepcopy after a backward is where old spectral norm fails
    before = copy.deepcopy(network.state_dict())
    average = ExponentialMovingAverage(network)
    assert not any(module.training for module in average.module.modules())
    assert not any(p.requires_grad for p in average.module.parameters())
    assert network.training
    assert all(p.requires_grad for p in network.parameters())
    nn.init.zeros_(average.module[2].weight)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_state_has_the_names_of_the_network_and_survives_a_round_trip() -> None:
    network = _network()
    average = ExponentialMovingAverage(network, decay=0.5)
    for step in (1, 2):
        _train_a_little(network)
        average.update(network, step)
    other = ExponentialMovingAverage(_network(), decay=0.5)
    other.load_state_dict(average.state_dict())
    assert list(other.state_dict()) == list(network.state_dict())
    for key, value in average.state_dict().items():
        assert torch.equal(value, other.state_dict()[key]), key


@pytest.mark.parametrize("decay", [1.0, -0.1, 2.0, float("nan")])
def test_a_decay_outside_of_its_range_is_refused(decay: float) -> None:
    with pytest.raises(ValueError, match=rf"decay must lie in \[0, 1\), got {decay}"):
        ExponentialMovingAverage(nn.Linear(1, 1), decay=decay)


def test_a_module_without_parameters_is_refused() -> None:
    with pytest.raises(ValueError, match="ReLU has no parameters to average"):
        ExponentialMovingAverage(nn.ReLU())


def test_another_network_is_refused() -> None:
    average = ExponentialMovingAverage(nn.Linear(2, 1))
    with pytest.raises(ValueError, match="Linear does not have the parameters and buffers of"):
        average.update(nn.Linear(3, 1), step=1)


def test_steps_are_counted_from_one() -> None:
    network = nn.Linear(2, 1)
    with pytest.raises(ValueError, match="step counts updates from 1, got 0"):
        ExponentialMovingAverage(network).update(network, step=0)


def test_repr_says_what_is_averaged_and_how() -> None:
    average = ExponentialMovingAverage(nn.Linear(1, 1), decay=0.9)
    assert repr(average) == "ExponentialMovingAverage(Linear, decay=0.9, warmup=True)"

"""Fabric for GANs: what it is opened with, and one sentence where the machine has not that."""

import sys
from typing import Any

import pytest
import torch
from lightning_fabric.strategies.ddp import DDPStrategy
from lightning_fabric.strategies.model_parallel import ModelParallelStrategy

from stgan.errors import ConfigError
from stgan.training import ddp_settings, open_fabric


def test_one_process_needs_no_strategy() -> None:
    fabric = open_fabric(accelerator="cpu")
    assert not isinstance(fabric.strategy, DDPStrategy | ModelParallelStrategy)
    assert (fabric.device, fabric.world_size) == (torch.device("cpu"), 1)


@pytest.mark.parametrize(("devices", "nodes"), [(2, 1), (1, 2)])
def test_several_processes_share_gradients_as_two_calls_of_a_discriminator_allow(
    devices: int, nodes: int
) -> None:
    strategy = open_fabric(accelerator="cpu", devices=devices, nodes=nodes).strategy
    assert isinstance(strategy, DDPStrategy)
    assert strategy.num_processes * strategy._num_nodes == devices * nodes
    assert ddp_settings().items() <= strategy._ddp_kwargs.items()


def test_sharding_is_left_to_the_loop() -> None:
    strategy = open_fabric(accelerator="cpu", devices=2, shard=True).strategy
    assert isinstance(strategy, ModelParallelStrategy)
    network: Any = torch.nn.Linear(2, 1)
    mesh: Any = None
    assert strategy._parallelize_fn(network, mesh) is network
    assert (strategy._data_parallel_size, strategy._tensor_parallel_size) == (2, 1)


def test_penalties_may_ask_for_gradients_in_bfloat16() -> None:
    fabric = open_fabric(accelerator="cpu", precision="bf16-mixed")
    network, x = fabric.setup(torch.nn.Linear(2, 1)), torch.ones(1, 2, requires_grad=True)
    y = network(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    assert slope.shape == (1, 2)


@pytest.mark.parametrize("loggers", [[object()], object()], ids=["several", "one"])
def test_loggers_are_handed_on(loggers: Any) -> None:
    one = loggers[0] if isinstance(loggers, list) else loggers
    assert open_fabric(accelerator="cpu", loggers=loggers).logger is one


def test_what_the_machine_has_not_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for accelerator in ("cuda", "bogus"):
        with pytest.raises(ConfigError) as caught:
            open_fabric(accelerator=accelerator)
        assert str(caught.value).startswith(
            f"accelerator {accelerator} with devices 1 is not to be had here; choose auto, cpu or "
            f"fewer devices (Fabric says: "
        )
    with pytest.raises(ValueError, match="devices must be at least 1, got 0"):
        open_fabric(devices=0)
    with pytest.raises(ValueError, match="nodes must be at least 1, got -1"):
        open_fabric(nodes=-1)


def test_without_its_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    with pytest.raises(ModuleNotFoundError, match=r"^open_fabric needs lightning-fabric; pip inst"):
        open_fabric()

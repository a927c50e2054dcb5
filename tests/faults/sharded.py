"""Networks that two processes share, against the same networks whole: run by ``torchrun``.

Prints a line for every order of the steps and one for what is not finite, and ends with an error
where something differs.
"""

import copy
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh

from examples.imaginator.config import LossSettings
from stgan.training import (
    ExponentialMovingAverage,
    FiniteGuard,
    HealthMonitor,
    cut_tree,
    load_optimizer_state,
    shard_stages,
    spectral_sigmas,
    synchronize_batch_norm,
    weight_norm,
    whole_state,
)
from tests.examples.games import Game, game, game_step

STEPS = 3


class Side:
    """Networks, their optimizers and what watches them."""

    def __init__(self, played: Game, *, rank: int | None) -> None:
        self.played, self.rank = played, rank
        self.networks = {
            "generator": played.gan.generator,
            "discriminator": played.gan.discriminator,
        }
        self.average = ExponentialMovingAverage(played.gan.generator)
        if rank is not None:
            synchronize_batch_norm(played.gan)
            mesh = init_device_mesh("cpu", (2,))
            for network in (*self.networks.values(), self.average.module):
                shard_stages(network, mesh)
        self.optimizers = {name: _adam(network) for name, network in self.networks.items()}
        self.guard = FiniteGuard(self.networks, skip=1)
        self.health = HealthMonitor()

    def step(self, number: int) -> None:
        own = slice(self.rank, None, 1 if self.rank is None else 2)
        batch = {name: value[own] for name, value in self.played.batch.items()}
        take = game_step(
            self.played, *self.optimizers.values(), guard=self.guard, health=self.health
        )
        take(batch, cut_tree(self.played.draws, own), due=True)
        self.average.update(self.played.gan.generator, number)
        self.guard.check(number)

    def state(self) -> dict[str, Any]:
        networks = self.networks | {"average": self.average.module}
        return {
            "networks": {name: whole_state(n.state_dict()) for name, n in networks.items()},
            "optimizers": {n: whole_state(o.state_dict()) for n, o in self.optimizers.items()},
            "norms": [f(n) for f in (weight_norm, spectral_sigmas) for n in self.networks.values()],
        }


def _adam(network: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(network.parameters(), 1e-2, fused=True)


def near(a: Any, b: Any, path: str) -> None:
    """Compare two nested structures."""
    if isinstance(a, Tensor):
        assert type(a) is Tensor, path
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9, msg=lambda text: f"{path}: {text}")
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), path
        for key in a:
            near(a[key], b[key], f"{path}.{key}")
    elif isinstance(a, list):
        for index, pair in enumerate(zip(a, b, strict=True)):
            near(*pair, f"{path}.{index}")
    else:
        assert a == b, path


def main() -> None:
    torch.set_default_dtype(torch.float64)
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    for order in ("discriminator_first", "generator_first", "simultaneous"):
        played = game(LossSettings(order=order))
        played.gan.discriminator.train()  # spectral norm iterates
        whole = copy.deepcopy(played)
        shared = Side(played, rank=rank)
        assert all(_share(p) < 1 for p in played.gan.generator.parameters() if len(p) > 1)
        for number in range(1, STEPS + 1):
            shared.step(number)
        found = shared.state()
        expected = Side(whole, rank=None)
        for number in range(1, STEPS + 1):
            expected.step(number)
        near(found, expected.state(), order)
        near(_of_steps(shared.health.read()), _of_steps(expected.health.read()), order)
        # An optimizer goes on from the whole state.
        for name, network in shared.networks.items():
            again = _adam(network)
            load_optimizer_state(again, found["optimizers"][name])
            near(whole_state(again.state_dict()), found["optimizers"][name], name)
            for mine, other in zip(
                shared.optimizers[name].state.values(), again.state.values(), strict=True
            ):
                assert torch.equal(mine["exp_avg"].to_local(), other["exp_avg"].to_local())
        if rank == 0:
            print(f"{order}: equal", flush=True)
    _what_one_meets_stops_both(shared, rank)
    dist.destroy_process_group()


def _what_one_meets_stops_both(shared: Side, rank: int) -> None:
    """A number that is none, in the share of one process, is skipped by both, then named."""
    weight = next(p for p in shared.networks["generator"].parameters() if _share(p) < 1)
    weight.grad = torch.zeros_like(weight)
    if rank == 1:
        weight.grad.to_local().view(-1)[0] = torch.nan
    losses = {"generator/total": torch.zeros(())}
    assert not shared.guard.allows("generator", losses)
    assert shared.guard.skipped == 1
    try:
        shared.guard.allows("generator", losses)
    except FloatingPointError as error:
        told = str(error)
    told_by = ("numbers of another process are not finite", "the gradients of generator.")[rank]
    assert told.startswith(told_by), told
    if rank == 0:
        print("not finite: both stop", flush=True)


def _of_steps(health: dict[str, float]) -> dict[str, Tensor]:
    """What is seen of gradients, updates and weights; the rest is a mean of means."""
    names = ("gradient", "update", "sigma")
    found = {key: value for key, value in health.items() if key.split("/")[1] in names}
    assert len(found) == 5  # no spectral norm in the generator
    return {key: torch.tensor(value) for key, value in found.items()}


def _share(parameter: Tensor) -> float:
    local: Tensor = parameter.to_local()  # type: ignore[attr-defined]
    return local.numel() / parameter.numel()


if __name__ == "__main__":
    main()

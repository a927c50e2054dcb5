"""How the gradients of a step are computed, and what looks at them before an optimizer moves."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from stgan.training import FiniteGuard, HealthMonitor

__all__ = ["Engine"]


def _no_hold(network: Any) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass
class Engine:
    """What a loop adds to a step; by default nothing that torch does not do.

    Attributes:
        parts: In how many parts the gradients of a batch are gathered.
        backward: Such as ``fabric.backward``.
        hold: Called with a network, gives the context for all parts but the last: processes need
            not exchange gradients that more will be added to.
        guard: Stops a run, or skips a step, where numbers are not finite.
        health: Watches the game.
        due: Whether this step is one that is logged.
    """

    parts: int = 1
    backward: Callable[[Tensor], None] = Tensor.backward
    hold: Callable[[Any], AbstractContextManager[None]] = _no_hold
    guard: FiniteGuard | None = None
    health: HealthMonitor | None = None
    due: bool = False

    def gathering(self, network: Any, part: int) -> AbstractContextManager[None]:
        """The context in which a part of a batch goes through a network."""
        return self.hold(network) if part + 1 < self.parts else nullcontext()

    def step(
        self, name: str, network: nn.Module, optimizer: Optimizer, losses: Mapping[str, Tensor]
    ) -> None:
        """Let an optimizer step on the gradients that are there, if they may be stepped on."""
        if self.guard is None or self.guard.allows(name, losses):
            watched: AbstractContextManager[None] = nullcontext()
            if self.health is not None:
                watched = self.health.step_of(name, network, due=self.due)
            with watched:
                optimizer.step()
        # Used up: kept, they would lie beside the activations of the other player's step.
        optimizer.zero_grad(set_to_none=True)

"""What happens when a loss or a gradient is not a number any more."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn

from stgan._checks import as_integer
from stgan.training._entries import count_of
from stgan.training.sharding import own_part

__all__ = ["FiniteGuard"]


class _Seen(NamedTuple):
    """Whether each loss, and then each gradient, is finite."""

    losses: list[str]
    gradients: list[str]
    finite: Tensor


class FiniteGuard:
    """Stop a run whose losses or gradients are NaN or infinite, or skip a bounded number of steps.

    Ask it between the backward pass and the optimizer, and let it speak up where the loop looks at
    numbers anyway, and before it saves::

        guard = FiniteGuard({"generator": generator, "discriminator": discriminator}, skip=10)
        ...
        backward(losses["discriminator/total"])
        if guard.allows("discriminator", losses):
            discriminator_optimizer.step()
        ...
        if step % log_every == 0 or step % save_every == 0:
            guard.check(step)

    With ``skip=0`` it halts no GPU: what is not finite is noted on the device, all steps are
    allowed, and :meth:`check` raises. With ``skip`` it waits for the device in every step; a step
    that is not allowed leaves the network as it was, its buffers too (running statistics and
    spectral norms that have seen NaN would never forget it), and so those of all other networks.

    On several processes all must call it alike, and all get one answer.

    Args:
        networks: Name to network: those that are stepped, and whatever else has buffers that a
            step moves, such as :class:`stgan.losses.LecamPenalty`.
        skip: How many steps of networks may be skipped in the whole run before it is stopped.

    Attributes:
        skip: As given.
        skipped: How many were skipped. Goes into the state of a checkpoint.

    Raises:
        ValueError: If ``skip`` is negative.

    Example:
        >>> network = nn.Linear(1, 1)
        >>> guard = FiniteGuard({"discriminator": network}, skip=1)
        >>> loss = network(torch.tensor([[float("nan")]])).sum(); loss.backward()
        >>> guard.allows("discriminator", {"discriminator/total": loss}), guard.skipped
        (False, 1)
        >>> guard.allows("discriminator", {"discriminator/total": loss})
        Traceback (most recent call last):
        FloatingPointError: discriminator/total and the gradients of discriminator.weight ...
    """

    def __init__(self, networks: Mapping[str, nn.Module], *, skip: int = 0) -> None:
        number = as_integer(skip)
        if number is None or number < 0:
            raise ValueError(f"skip must be a number of steps of at least 0, got {skip!r}")
        self.networks = dict(networks)
        self.skip = number
        self.skipped = 0
        # What was seen of a network since the last check; what was not finite stays so.
        self._seen: dict[tuple[str, ...], _Seen] = {}
        self._kept = [b.detach().clone() for b in self._buffers()] if skip else []

    def _buffers(self) -> list[Tensor]:
        return [buffer for network in self.networks.values() for buffer in network.buffers()]

    def allows(self, network: str, losses: Mapping[str, Tensor]) -> bool:
        """Whether the optimizer of a network may step on the gradients that it has now.

        Args:
            network: Its name.
            losses: The losses that the gradients came from, scalars by name.

        Raises:
            FloatingPointError: If no more steps may be skipped; names what is not finite.
            KeyError: If there is no network of that name.
        """
        seen = self._look(network, losses)
        if not self.skip:
            key = (network, *seen.losses, *seen.gradients)
            if key in self._seen:
                seen = seen._replace(finite=seen.finite & self._seen[key].finite)
            self._seen[key] = seen
            return True
        if self._all(seen.finite):
            for kept, buffer in zip(self._kept, self._buffers(), strict=True):
                kept.copy_(buffer)
            return True
        if self.skipped >= self.skip:
            raise FloatingPointError(_sentence(seen, f" after {self.skipped} skipped steps"))
        self.skipped += 1
        for kept, buffer in zip(self._kept, self._buffers(), strict=True):
            buffer.copy_(kept)
        return False

    def check(self, step: int) -> None:
        """Raise if anything was not finite since the last check.

        Args:
            step: Number of the step, for the report.

        Raises:
            FloatingPointError: If so; names the losses and the parameters.
        """
        found, self._seen = self._seen, {}
        for seen in found.values():
            if not self._all(seen.finite):
                raise FloatingPointError(_sentence(seen, f" at step {step}"))

    @torch.no_grad()
    def _look(self, network: str, losses: Mapping[str, Tensor]) -> _Seen:
        if network not in self.networks:
            raise KeyError(f"there is no network {network!r}, only {', '.join(self.networks)}")
        given = {
            f"{network}.{name}": own
            for name, parameter in self.networks[network].named_parameters()
            if parameter.grad is not None and (own := own_part(parameter.grad)).numel()
        }
        values = [loss.detach() for loss in losses.values()]
        # The largest entries, one of which is not finite if any is; squares would overflow first.
        values += torch._foreach_norm(list(given.values()), float("inf")) if given else []
        finite = [value.isfinite() for value in values]
        if not finite:
            return _Seen([], [], torch.ones((), dtype=torch.bool))
        together = torch.stack([value.to(finite[-1].device) for value in finite])
        return _Seen(list(losses), list(given), together)

    @staticmethod
    def _all(finite: Tensor) -> bool:
        every = finite.all().float()
        if dist.is_available() and dist.is_initialized():
            dist.all_reduce(every, op=dist.ReduceOp.MIN)
        return bool(every.item())

    def state_dict(self) -> dict[str, int]:
        """How many steps were skipped."""
        return {"skipped": self.skipped}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go on counting at what :meth:`state_dict` returned; load the networks first.

        Raises:
            CheckpointError: If it is no such state.
        """
        self.skipped = count_of(state, "skipped", "FiniteGuard")
        for kept, buffer in zip(self._kept, self._buffers() if self.skip else [], strict=True):
            kept.copy_(buffer)


def _sentence(seen: _Seen, when: str) -> str:
    fine = dict(zip([*seen.losses, *seen.gradients], seen.finite.flatten().tolist(), strict=False))
    losses = [name for name in seen.losses if not fine[name]]
    gradients = [name for name in seen.gradients if not fine[name]]
    parts = [", ".join(losses)] if losses else []
    if gradients:
        more = f" and {len(gradients) - 2} more" if len(gradients) > 2 else ""
        parts.append(f"the gradients of {', '.join(gradients[:2])}{more}")
    what = " and ".join(parts) or "numbers of another process"
    verb = "is" if len(losses) == 1 and not gradients else "are"
    return (
        f"{what} {verb} not finite{when}; nothing was saved after that: resume from the last "
        f"checkpoint with a lower learning rate"
    )

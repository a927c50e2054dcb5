"""The proof that the recipe and the plain twin compute the same, before anything is timed.

Values are compared in the type that is timed. Gradients are compared in float64: a leaky ReLU has a
kink, and where rounding moves a number across it a gradient jumps. In the worst element the twin's
own float32 gradients are percents away from its float64 ones; so in float32 they can be compared as
a whole only.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from benchmarks._pair import Batch, Recipe, published_networks, published_step, share
from benchmarks.twin import Twin
from examples.imaginator.convert import convert_state_dict

__all__ = [
    "Agreement",
    "check_equal",
    "check_generators",
    "check_iteration",
    "check_whole",
    "stepped_gradients",
]

TOLERANCE = 1e-4
WHOLE_TOLERANCE = 2e-2


@dataclass(frozen=True)
class Agreement:
    """Largest relative errors: of float32 values, and of float64 gradients."""

    values: float
    gradients: float

    def __str__(self) -> str:
        return (
            f"float32 values agree with the twin's within {self.values:.0e} relative, and float64 "
            f"gradients within {self.gradients:.0e}"
        )


def check_equal(what: str, mine: Mapping[str, Tensor], twin: Mapping[str, Tensor]) -> float:
    """Return the largest relative error of any tensor; end the program where one is too large.

    The error is the largest difference, relative to the largest value of the tensor. The gradient
    of a bias that a norm takes out again is nothing but rounding: a tensor below 1e-5 of the
    largest value of all is measured by that value, and so has to be small on both sides.
    """
    if set(mine) != set(twin):
        sys.exit(f"error: {what}: the two sides name different tensors: {set(mine) ^ set(twin)}")
    largest = max(float(value.abs().max()) for value in twin.values())
    errors = {}
    for name, value in twin.items():
        own = float(value.abs().max())
        scale = own if own > 1e-5 * largest else largest
        errors[name] = float((mine[name].detach() - value).abs().max()) / scale
    # Not "greater than": what is not a number is too far off as well.
    wrong = {name: error for name, error in errors.items() if not error <= TOLERANCE}
    if wrong:
        name, error = max(wrong.items(), key=lambda item: item[1])
        sys.exit(
            f"error: {what} {name} differs from the plain twin by {error:.1e} of its largest "
            f"value, at most {TOLERANCE:.0e} is allowed; nothing was timed"
        )
    return max(errors.values())


def check_whole(what: str, mine: Mapping[str, Tensor], twin: Mapping[str, Tensor]) -> None:
    """End the program where all tensors together are further apart than kinks explain."""
    apart = sum(float((mine[name] - value).square().sum()) for name, value in twin.items())
    length = sum(float(value.square().sum()) for value in twin.values())
    error = (apart / length) ** 0.5
    if not error <= WHOLE_TOLERANCE:
        sys.exit(
            f"error: {what} as a whole differs from the plain twin by {error:.1e} of its length, "
            f"at most {WHOLE_TOLERANCE:.0e} is allowed; nothing was timed"
        )


@contextmanager
def stepped_gradients(*optimizers: Optimizer) -> Iterator[dict[Tensor, Tensor]]:
    """Yield, by parameter, the gradients that optimizers step on, which a step lets go."""
    found: dict[Tensor, Tensor] = {}

    def keep(optimizer: Optimizer, *_: Any) -> None:
        parameters = (p for group in optimizer.param_groups for p in group["params"])
        found.update({p: p.grad.clone() for p in parameters if p.grad is not None})

    hooks = [optimizer.register_step_pre_hook(keep) for optimizer in optimizers]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def gradients(
    network: nn.Module, published: str | None = None, kept: Mapping[Tensor, Tensor] | None = None
) -> dict[str, Tensor]:
    """Return the gradients of a network by the recipe's names, from published ones if need be."""
    found = {}
    for name, parameter in network.named_parameters():
        slope = parameter.grad if kept is None else kept.get(parameter)
        found[name] = torch.zeros_like(parameter) if slope is None else slope
    return found if published is None else convert_state_dict(found, published)


def check_generators(
    twin: nn.Module, mine: nn.Module, learn: Callable[[nn.Module, torch.dtype], Tensor]
) -> Agreement:
    """Compare outputs and gradients of two generators.

    Args:
        twin: The plain one.
        mine: The recipe's, with equal weights.
        learn: Runs a network of the given type forward and backward, and returns its output.
    """
    errors = {}
    for dtype in (torch.float64, torch.float32):
        twin.to(dtype), mine.to(dtype)
        theirs, own = learn(twin, dtype), learn(mine, dtype)
        errors[dtype] = [check_equal("output", {"video": own}, {"video": theirs})]
        slopes = gradients(mine), gradients(twin, "generator")
        if dtype == torch.float64:
            errors[dtype] += [check_equal("gradient of", *slopes)]
        else:
            check_whole("the gradient", *slopes)
    return Agreement(errors[torch.float32][0], errors[torch.float64][1])


def check_iteration(twin: Twin, recipe: Recipe, batch: Batch) -> Agreement:
    """Give both sides the twin's weights, and compare an iteration of each; weights change."""
    start = {name: value.clone() for name, value in twin.state_dict().items()}
    share(twin, recipe.gan)
    _restart(twin, recipe)
    twin.double(), recipe.gan.double()
    exact = replace(batch, video=batch.video.double(), z=batch.z.double())
    slopes = _compare_iteration(twin, recipe, exact, exactly=True)
    twin.float(), recipe.gan.float()
    twin.load_state_dict(start)
    share(twin, recipe.gan)
    _restart(twin, recipe)
    return Agreement(_compare_iteration(twin, recipe, batch, exactly=False), slopes)


def _restart(twin: Twin, recipe: Recipe) -> None:
    """Forget moments and gradients, which are of another type."""
    own = recipe.training.optimizers
    for optimizer in (*twin.optimizers.values(), *own):
        optimizer.state.clear()
        optimizer.zero_grad()


def _compare_iteration(twin: Twin, recipe: Recipe, batch: Batch, *, exactly: bool) -> float:
    losses = published_step(twin, batch)
    with stepped_gradients(*recipe.training.optimizers) as kept:
        mine = recipe.step(batch)
    errors = [
        check_equal(
            "loss",
            {name: mine[name].cpu().double() for name in losses},
            {name: torch.tensor(value, dtype=torch.double) for name, value in losses.items()},
        )
    ]
    for name, network in published_networks(recipe.gan).items():
        slopes = gradients(network, kept=kept), gradients(twin.get_submodule(name), name)
        if exactly:
            errors.append(check_equal(f"gradient ({name})", *slopes))
        else:
            check_whole(f"the gradient ({name})", *slopes)
    return max(errors)

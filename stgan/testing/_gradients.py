"""Checks of derivatives: they arrive everywhere, are right, and stay finite in half precision."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.gradcheck import GradcheckError
from torch.func import functional_call

from stgan._trees import floats, mapped
from stgan.testing._inputs import split
from stgan.testing._subject import InapplicableError, Subject, require

__all__ = ["check_bf16", "check_gradcheck", "check_gradients"]

_MOST_SLOPES = 24


def check_gradients(subject: Subject) -> None:
    """Gradients reach every parameter and every input of floats, and are finite."""
    for train in (False, True):
        _, gradients = subject.descend(subject.copy(train=train))
        mode = "training" if train else "evaluation"
        for name, gradient in gradients.items():
            require(
                gradient is not None,
                f"{name} must receive a gradient in {mode} mode, got none",
            )
            _require_finite(gradient, f"the gradient of {name} in {mode} mode")


def check_bf16(subject: Subject) -> None:
    """Under autocast to bfloat16, in training mode, outputs and gradients are finite."""
    module = subject.copy(train=True)
    with torch.autocast(subject.device.type, dtype=torch.bfloat16):
        try:
            output, gradients = subject.descend(module)
        except InapplicableError:
            output, gradients = subject.output(module), {}
    for path, tensor in floats(output).items():
        _require_finite(tensor, f"output{path} under autocast")
    for name, gradient in gradients.items():
        _require_finite(gradient, f"the gradient of {name} under autocast")


def check_gradcheck(subject: Subject) -> None:
    """In float64 and evaluation mode, derivatives are those of finite differences."""
    module = subject.as_module(subject.copy()).double()
    # Only what is differentiated is handed over; the rest is fixed.
    fixed = subject.moved(torch.float64)
    varied = {f"input {path!r}": tensor for path, tensor in subject.floats(fixed).items()}
    weights = {name: p.detach().clone() for name, p in module.named_parameters() if p.requires_grad}
    if not varied and not weights:
        raise InapplicableError("there is no float input and no parameter to differentiate")

    def call(*values: Tensor) -> tuple[Tensor, ...]:
        given, changed = values[: len(varied)], values[len(varied) :]
        by_name = dict(zip(varied, given, strict=True))

        def one(path: str, item: Any) -> Any:
            return (
                by_name.get(f"input {path!r}", item).clone() if isinstance(item, Tensor) else item
            )

        inputs = {key: mapped(one, value, str(key)) for key, value in fixed.items()}
        torch.manual_seed(subject.seed)
        output = functional_call(module, dict(zip(weights, changed, strict=True)), *split(inputs))
        return tuple(t for t in floats(output).values() if t.requires_grad)

    values = [t.detach().clone().requires_grad_() for t in (*varied.values(), *weights.values())]
    require(len(call(*values)) > 0, "an output must be differentiable, got none")
    _check_slopes(call, values, [*varied, *(f"parameter {name!r}" for name in weights)])

    def along(distance: Tensor) -> tuple[Tensor, ...]:
        return call(*(value + distance * value.detach().cos() for value in values))

    # What it asks besides slopes: the same twice, and sense where an output has no gradient.
    start = torch.zeros((), dtype=torch.float64, device=values[0].device, requires_grad=True)
    try:
        torch.autograd.gradcheck(along, start, fast_mode=True)
    except GradcheckError as error:
        raise AssertionError(f"torch.autograd.gradcheck must pass, got: {error}") from error


def _check_slopes(
    call: Callable[..., tuple[Tensor, ...]], values: Sequence[Tensor], names: Sequence[str]
) -> None:
    """Compare slopes in random directions with finite differences.

    Where slopes are wrong, torch's own check would compute whole Jacobians for its message, which
    takes minutes and tells no names.
    """
    generator = torch.Generator().manual_seed(0)

    def normal(like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=generator, dtype=like.dtype).to(like.device)

    probes = [normal(tensor) for tensor in call(*values)]
    directions = [normal(value) for value in values]

    def total(given: Sequence[Tensor]) -> Tensor:
        products = zip(call(*given), probes, strict=True)
        return torch.stack([(tensor * probe).sum() for tensor, probe in products]).sum()

    step = 1e-6
    gradients = torch.autograd.grad(total(values), values, allow_unused=True)
    # One by one, or several at once where there are many.
    size = -(-len(values) // _MOST_SLOPES)
    for first in range(0, len(values), size):
        group = range(first, min(first + size, len(values)))
        # Of length one, so that few units of a large module cross the kink of an activation.
        length = sum(directions[i].square().sum() for i in group) ** 0.5
        moves = {i: directions[i] / length for i in group}

        def at(distance: float, moves: dict[int, Tensor] = moves) -> float:
            moved = [
                (value + distance * moves[i]).detach().requires_grad_() if i in moves else value
                for i, value in enumerate(values)
            ]
            return total(moved).item()

        expected = (at(step) - at(-step)) / (2 * step)
        reached = ((gradients[i], move) for i, move in moves.items())
        got = sum((g * move).sum().item() for g, move in reached if g is not None)
        require(
            abs(got - expected) <= 1e-6 + 1e-3 * abs(expected),
            f"a slope by {', '.join(names[i] for i in group)} must be {expected:.4g}, as finite "
            f"differences say, got {got:.4g}",
        )


def _require_finite(tensor: Tensor | None, what: str) -> None:
    if tensor is not None:
        wrong = int((~torch.isfinite(tensor)).sum())
        require(wrong == 0, f"{what} must be finite, got {wrong} of {tensor.numel()} that are not")

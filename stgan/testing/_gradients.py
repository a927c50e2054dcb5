"""Checks of derivatives: they arrive everywhere, are right, and stay finite in half precision."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.gradcheck import GradcheckError
from torch.func import functional_call

from stgan.testing._inputs import split
from stgan.testing._subject import InapplicableError, Subject, require
from stgan.testing._trees import floats, mapped

__all__ = ["check_bf16", "check_gradcheck", "check_gradients"]


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
    """Compare the slope in a random direction of each value with a finite difference.

    Where slopes are wrong, torch's own check would compute whole Jacobians for its message, which
    takes minutes and tells no names.
    """
    generator = torch.Generator().manual_seed(0)

    def normal(like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=generator, dtype=like.dtype).to(like.device)

    probes = [normal(tensor) for tensor in call(*values)]

    def total(given: Sequence[Tensor]) -> Tensor:
        products = zip(call(*given), probes, strict=True)
        return torch.stack([(tensor * probe).sum() for tensor, probe in products]).sum()

    step = 1e-6
    gradients = torch.autograd.grad(total(values), values, allow_unused=True)
    for index, (name, value, gradient) in enumerate(zip(names, values, gradients, strict=True)):
        # Of length one, so that few units of a large module cross the kink of an activation.
        direction = normal(value)
        direction /= direction.norm().clamp(min=1e-6)
        there, back = (
            total([*values[:index], moved.detach().requires_grad_(), *values[index + 1 :]]).item()
            for moved in (value + step * direction, value - step * direction)
        )
        expected = (there - back) / (2 * step)
        got = 0.0 if gradient is None else (gradient * direction).sum().item()
        require(
            abs(got - expected) <= 1e-6 + 1e-3 * abs(expected),
            f"a slope by {name} must be {expected:.4g}, as finite differences say, got {got:.4g}",
        )


def _require_finite(tensor: Tensor | None, what: str) -> None:
    if tensor is not None:
        wrong = int((~torch.isfinite(tensor)).sum())
        require(wrong == 0, f"{what} must be finite, got {wrong} of {tensor.numel()} that are not")

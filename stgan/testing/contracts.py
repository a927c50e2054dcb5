"""Contract checks: run everything that a registered module must satisfy, on any module."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from hypothesis import HealthCheck, given, settings
from torch import Tensor, nn

from stgan._trees import shapes
from stgan.config import build, make_inputs
from stgan.example import Example
from stgan.registry import info, unknown_name
from stgan.testing._backends import check_channels_last, check_compile, check_export
from stgan.testing._copies import check_config, check_deepcopy, check_pickle, check_state_dict
from stgan.testing._gradients import check_bf16, check_gradcheck, check_gradients
from stgan.testing._inputs import Inputs, step_and_least
from stgan.testing._samplers import SAMPLER_CHECKS, SamplerSubject
from stgan.testing._subject import InapplicableError, Subject, require
from stgan.testing._values import (
    check_batch_independent,
    check_deterministic,
    check_dtype,
    check_empty_batch,
    check_input_untouched,
    check_output_shape,
    check_refusal,
)
from stgan.testing.strategies import example_inputs

__all__ = ["CHECKS", "ContractError", "check_entry", "check_module"]

_MODULE_CHECKS: dict[str, Callable[[Subject], None]] = {
    "output_shape": check_output_shape,
    "dtype": check_dtype,
    "input_untouched": check_input_untouched,
    "gradients": check_gradients,
    "deterministic": check_deterministic,
    "batch_independent": check_batch_independent,
    "empty_batch": check_empty_batch,
    "pickle": check_pickle,
    "deepcopy": check_deepcopy,
    "state_dict": check_state_dict,
    "config": check_config,
    "bf16": check_bf16,
    "channels_last": check_channels_last,
    "compile": check_compile,
    "export": check_export,
    "gradcheck": check_gradcheck,
    "refusal": check_refusal,
}

#: What every check asks for, by the name of the check.
CHECKS: dict[str, str] = {
    name: (check.__doc__ or "").partition("\n")[0] for name, check in _MODULE_CHECKS.items()
}


class ContractError(AssertionError):
    """A module breaks its contract.

    Attributes:
        failures: A sentence by the name of each failed check.
    """

    def __init__(self, subject: str, failures: Mapping[str, str]) -> None:
        self.failures = dict(failures)
        lines = [f"{subject} breaks its contract:"]
        super().__init__("\n  ".join([*lines, *(f"{n}: {s}" for n, s in failures.items())]))


def check_module(
    module: nn.Module,
    inputs: Tensor | tuple[Any, ...] | Mapping[str, Any],
    *,
    call: str = "forward",
    seed: int = 0,
    **claims: str,
) -> dict[str, str]:
    """Check a module against everything that parts of stgan promise.

    All checks are run, on copies: the module itself stays as it is. What it cannot do is claimed,
    under the name of the check and with the reason; a claim that is not true is an error too.

    Args:
        module: Any module; ``output_shape`` needs a method of that name.
        inputs: A tensor, a tuple of positional inputs, or a mapping of named ones. The first axis
            of the first tensor is the batch; give it two samples or more, and small sizes, since
            derivatives are compared with finite differences.
        call: The method that is called with the inputs.
        seed: Of all that is random.
        **claims: What the module cannot do: a reason by the name of the check.

    Returns:
        For every check ``"yes"``, the reason that was claimed, or ``"does not apply: ..."``.

    Raises:
        ContractError: If a check fails without a claim, or a claim is not true; it lists all.
        TypeError: If a claim names no check, or the inputs hold no tensor.
        ValueError: If a claim gives no reason.

    Example:
        >>> from stgan.testing import check_module
        >>> module = nn.Linear(3, 2)
        >>> results = check_module(
        ...     module,
        ...     torch.randn(4, 3),
        ...     output_shape="torch's modules have no such method",
        ...     refusal="torch's modules take any number of axes",
        ... )
        >>> results["compile"], results["config"]
        ('yes', 'does not apply: Linear is not registered')
    """
    reasons = _checked_claims(claims)
    subject = Subject(module, inputs, call=call, seed=seed)
    return _results(subject, _MODULE_CHECKS, reasons, subject.name)


def check_entry(kind: str, name: str) -> dict[str, str]:
    """Check a registered entry on its example.

    The entry is built from the settings of its :class:`stgan.Example`, called with its inputs, and
    allowed its claims. The promise of its shape is checked for drawn sizes too.

    Args:
        kind: A key of :data:`stgan.registry.REGISTRIES`.
        name: A name that :func:`stgan.list` shows.

    Returns:
        As :func:`check_module`.

    Raises:
        ContractError: If the entry has no example, a check fails without a claim, or a claim is
            not true.

    Example:
        >>> from stgan.testing import check_entry
        >>> check_entry("fusions", "concat")["export"]
        'yes'
    """
    entry, example = f"{kind}/{name}", info(kind, name).example
    if example is None:
        raise ContractError(
            entry,
            {"example": "an entry must have an example, got none; register it with "
             "example=stgan.Example(settings={...}, inputs={...})"},
        )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        part = build({"kind": kind, "name": name, **example.settings})
    reasons = _checked_claims(example.claims)
    inputs = make_inputs(example)
    if isinstance(part, nn.Module):
        subject = Subject(part, inputs, call=example.call, layouts=example.inputs)
        shape = partial(_check_drawn_shapes, example)
        return _results(subject, _MODULE_CHECKS | {"output_shape": shape}, reasons, entry)
    if kind != "samplers":
        raise ContractError(
            entry, {"example": f"an entry must be a module, got {type(part).__name__}"}
        )
    sampler = SamplerSubject(part, inputs)
    drawn = {
        check: partial(_check_drawn_numbers, example, SAMPLER_CHECKS[check])
        for check in ("output_shape", "dtype")
    }
    checks = dict.fromkeys(_MODULE_CHECKS, _no_module) | SAMPLER_CHECKS | drawn
    return _results(sampler, checks, reasons, entry)


def _results(
    subject: Any, checks: Mapping[str, Callable[[Any], None]], claims: Mapping[str, str], name: str
) -> dict[str, str]:
    results, failures = {}, {}
    for check, run in checks.items():
        claim = claims.get(check)
        try:
            with torch.random.fork_rng(devices=[]):
                run(subject)
            results[check] = "yes"
        except InapplicableError as missing:
            results[check] = f"does not apply: {missing}"
        except AssertionError as error:
            failures[check] = _sentence(str(error))
        except Exception as error:
            failures[check] = _sentence(f"must run, got {type(error).__name__}: {error}")
        if claim is None:
            continue
        if check in failures:
            del failures[check]
            results[check] = claim
        else:
            failures[check] = f"claimed as {claim!r}, got {results[check]!r}; remove the claim"
    if failures:
        raise ContractError(name, failures)
    return results


def _sentence(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 400 else f"{line[:400]} ..."


def _checked_claims(claims: Mapping[str, str]) -> dict[str, str]:
    for check, reason in claims.items():
        if check not in CHECKS:
            raise TypeError(str(unknown_name("the contract", check, CHECKS, what="check")))
        if not isinstance(reason, str) or not reason.strip():
            raise ValueError(f"the claim {check} must give a reason, got {reason!r}")
    return dict(claims)


def _no_module(subject: SamplerSubject) -> None:
    raise InapplicableError("samplers return indices and are no modules")


_drawn = settings(
    max_examples=10,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def _check_drawn_shapes(example: Example, subject: Subject) -> None:
    """The promise holds for drawn sizes, and refuses sizes which the call refuses."""
    check_output_shape(subject)
    module = subject.copy()

    @_drawn
    @given(example_inputs(example))
    def holds(drawn: dict[str, Any]) -> None:
        inputs = subject.drawn(drawn)
        promised, got = subject.promise(inputs), shapes(subject.output(module, inputs))
        require(
            promised == got,
            f"output_shape promises {promised} for inputs of {_told(inputs)}, got {got}",
        )

    holds()
    if any(isinstance(layout, Mapping) for layout in example.inputs.values()):
        return  # which sizes a part among the inputs refuses is not promised here
    for axis in example.axes:
        step, least = step_and_least(example, axis)
        for size in (least - step, *([least + 1] if step > 1 else [])):
            if size > 0:
                _check_refused(subject, make_inputs(example, {axis: size}))


def _told(inputs: Inputs) -> Any:
    return shapes({key: value for key, value in inputs.items() if not isinstance(value, nn.Module)})


def _check_refused(subject: Subject, drawn: dict[str, Any]) -> None:
    """If a call fails for a size, the promise does not give a shape for it."""
    module = subject.copy()
    inputs = subject.drawn(drawn)
    try:
        subject.output(module, inputs)
    except Exception as error:
        try:
            promised = subject.promise(inputs)
        except ValueError:
            return
        raise AssertionError(
            f"output_shape must refuse inputs of {_told(inputs)} as {subject.call} does, got "
            f"{promised}"
        ) from error


def _check_drawn_numbers(
    example: Example, check: Callable[[SamplerSubject], None], subject: SamplerSubject
) -> None:
    """A check of a sampler holds for drawn numbers of clips and frames."""
    check(subject)

    @_drawn
    @given(example_inputs(example))
    def holds(drawn: dict[str, Any]) -> None:
        check(SamplerSubject(subject.sampler, drawn, seed=subject.seed))

    holds()

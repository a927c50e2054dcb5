"""Checks of ways to keep a module: copied, pickled, as a state dict, as a configuration."""

import copy
import json
import pickle
from collections.abc import Callable

import torch
from torch import nn

from stgan._trees import tensors
from stgan.config import build, to_config
from stgan.registry import REGISTRIES
from stgan.testing._subject import InapplicableError, Subject, require
from stgan.testing._values import close

__all__ = ["check_config", "check_deepcopy", "check_pickle", "check_state_dict", "is_registered"]


def _through_pickle(module: nn.Module) -> nn.Module:
    return pickle.loads(pickle.dumps(module))


def check_pickle(subject: Subject) -> None:
    """Out of a pickle comes a module with the same outputs, also after a call."""
    _check_copies(subject, _through_pickle, "what comes out of a pickle")


def check_deepcopy(subject: Subject) -> None:
    """A deep copy has the same outputs, also after a call, and shares nothing."""
    module, twin = _check_copies(subject, copy.deepcopy, "a deep copy")
    mine = {tensor.data_ptr() for tensor in module.state_dict().values() if tensor.numel()}
    for name, tensor in twin.state_dict().items():
        require(
            tensor.data_ptr() not in mine,
            f"{name!r} of a deep copy must be its own, got one shared with the original",
        )


def check_state_dict(subject: Subject) -> None:
    """Loaded into a module with other weights, the state dict gives the same outputs."""
    module, other = subject.copy(train=True), subject.copy()
    # Called once in training mode, so that what moves there must be in the state dict.
    subject.run(subject.target(module))
    with torch.no_grad():
        kept = other.state_dict()
        buffers = [buffer for name, buffer in other.named_buffers() if name in kept]
        for tensor in (*other.parameters(), *buffers):
            if tensor.is_floating_point():
                tensor.add_(torch.rand_like(tensor), alpha=0.5)
    other.load_state_dict(module.state_dict(), strict=True)
    _require_same(subject, module, other, "a module that loaded the state dict")


def check_config(subject: Subject) -> None:
    """Written down as plain data and built again, it takes the weights and gives the same."""
    module = subject.copy()
    if not is_registered(module):
        raise InapplicableError(f"{subject.name} is not registered")
    config = to_config(module)
    again = json.loads(json.dumps(config))
    twin = build(again).eval()
    twin.load_state_dict(module.state_dict(), strict=True)
    require(
        to_config(twin) == config,
        f"the configuration must stay {config}, got {to_config(twin)} after building",
    )
    _require_same(subject, module, twin, "what is built from the configuration")


def is_registered(thing: object) -> bool:
    """Tell whether the class of an object stands in a registry."""
    return any(registry.name_of(type(thing)) is not None for registry in REGISTRIES.values())


def _check_copies(
    subject: Subject, copied: Callable[[nn.Module], nn.Module], what: str
) -> tuple[nn.Module, nn.Module]:
    """Compare copies of the module as it came, and of one that was trained, with what they are."""
    fresh = copied(subject.original).eval()
    close(tensors(subject.output(fresh)), tensors(subject.expected_of_original), what)
    used = subject.copy(train=True)
    subject.run(subject.target(used))
    twin = copied(used)
    require(twin.training, f"{what} must stay in training mode, got one in evaluation mode")
    _require_same(subject, used, twin, f"{what} after a call")
    return used, twin


def _require_same(subject: Subject, module: nn.Module, twin: nn.Module, what: str) -> None:
    expected, got = (tensors(subject.output(one.eval())) for one in (module, twin))
    close(got, expected, what)

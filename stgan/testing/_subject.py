"""What is checked: a module with inputs, ready to be run in the ways that checks need."""

import copy
import inspect
import pickle
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from stgan._trees import floats, mapped, shapes, tensors
from stgan.testing._inputs import Inputs, layout_words, named, split

__all__ = ["InapplicableError", "Subject", "require"]


class InapplicableError(Exception):
    """A check has nothing to look at in this subject; the message says what is missing."""


def require(holds: bool, sentence: str) -> None:
    """Raise ``AssertionError`` with a sentence unless something holds."""
    if not holds:
        raise AssertionError(sentence)


class Subject:
    """A module and its inputs.

    Weights and running statistics are moved a little from where the constructor left them, so
    that a gate which begins at zero, or a batch norm which begins as the identity, hides nothing.

    Args:
        module: The module; checks work on copies of it, and it stays as it is.
        inputs: A tensor, a tuple of positional inputs or a mapping of named ones.
        call: The method that is called.
        seed: Of the weights' moves, of the probes and of everything random in the module.
        layouts: How the inputs are laid out, as in an :class:`stgan.Example`; ``None`` if that is
            not known.
    """

    def __init__(
        self,
        module: nn.Module,
        inputs: Tensor | tuple[Any, ...] | Mapping[str, Any],
        *,
        call: str = "forward",
        seed: int = 0,
        layouts: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = type(module).__name__
        self.call, self.seed = call, seed
        method = getattr(module, call, None)
        if not callable(method):
            raise TypeError(f"{self.name} has no method {call!r} to call with the inputs")
        self.inputs = named(inputs, method)
        self.original, self.module = module, _moved(module, seed)
        found = self.tensors()
        if not found:
            raise TypeError(f"the inputs of {self.name} must hold a tensor, got {inputs!r}")
        first, tensor = next(iter(found.items()))
        self.device = tensor.device
        if layouts is None:
            batched = [path for path, t in found.items() if t.shape[:1] == tensor.shape[:1]]
            fixed, self.refusable = [], [first]
        else:
            words = layout_words(layouts)
            batched = [path for path in found if words[path][:1] == ["N"]]
            fixed = [path for path in found if "".join(words[path][1:2]).isdecimal()]
            self.refusable = list(found)
        #: Inputs whose first axis is the batch, and its size.
        self.batched = {path for path in batched if found[path].ndim}
        self.size = found[batched[0]].shape[0] if self.batched else 1
        #: Inputs whose number of channels must be refused if it is another; those whose number of
        #: axes must be are ``refusable``.
        self.channeled = fixed

    def tensors(self, inputs: Inputs | None = None) -> dict[str, Tensor]:
        """Return the tensors of the inputs, by default the usual ones, by name."""
        given = self.inputs if inputs is None else inputs
        return {
            path: tensor
            for key, value in given.items()
            for path, tensor in tensors(value, str(key)).items()
        }

    def floats(self, inputs: Inputs | None = None) -> dict[str, Tensor]:
        """Return the tensors of floats among the inputs, by default the usual ones, by name."""
        return {p: t for p, t in self.tensors(inputs).items() if t.is_floating_point()}

    def changed(self, change: Callable[[str, Tensor], Tensor]) -> Inputs:
        """Return the inputs with every tensor changed, given its name and a copy of it.

        A part that is an input, such as a discriminator, is copied too, and stays in evaluation
        mode.
        """

        def one(path: str, item: Tensor | nn.Module) -> Any:
            if isinstance(item, nn.Module):
                return _copied(item).eval()
            return change(path, item.detach().clone())

        return {key: mapped(one, value, str(key)) for key, value in self.inputs.items()}

    def moved(self, to: torch.dtype | torch.device) -> Inputs:
        """Return copies of the inputs with all floats in a type, or everything on a device."""

        def one(_: str, item: Any) -> Any:
            whole = isinstance(item, nn.Module) or isinstance(to, torch.device)
            return item.to(to) if whole or item.is_floating_point() else item

        return {key: mapped(one, value) for key, value in self.copied_inputs().items()}

    def drawn(self, inputs: Mapping[str, Any]) -> Inputs:
        """Return other inputs in the order in which they are asked for, parts as above."""

        def one(_: str, item: Any) -> Any:
            return item.eval() if isinstance(item, nn.Module) else item

        ordered = named(inputs, self.target(self.module))
        return {key: mapped(one, value) for key, value in ordered.items()}

    def copied_inputs(self) -> Inputs:
        """Return copies of the inputs."""
        return self.changed(lambda _, tensor: tensor)

    def samples(self, *index: int) -> Inputs:
        """Return the inputs with these samples of the batch, in this order."""
        return self.changed(lambda path, t: t[list(index)] if path in self.batched else t)

    def copy(self, *, train: bool = False) -> nn.Module:
        """Return a copy that a check may do anything to, in evaluation mode unless asked."""
        return _copied(self.module).train(train)

    def target(self, module: nn.Module) -> Callable[..., Any]:
        """Return what is called with the inputs: a module, or one of its methods."""
        return module if self.call == "forward" else getattr(module, self.call)

    def as_module(self, module: nn.Module) -> nn.Module:
        """Return a module whose forward is what is called, for tools that take modules only."""
        return module if self.call == "forward" else _Caller(module, self.call)

    def run(self, target: Callable[..., Any], inputs: Inputs | None = None, draw: int = 0) -> Any:
        """Call something with inputs, by default copies of the usual ones.

        What is random draws the same numbers every time, unless ``draw`` is another.
        """
        torch.manual_seed(self.seed + draw)
        given = self.copied_inputs() if inputs is None else inputs
        args, kwargs = split(given)
        return target(*args, **kwargs)

    def output(self, module: nn.Module, inputs: Inputs | None = None, draw: int = 0) -> Any:
        """Call a copy; what a penalty differentiates inside, it may."""
        return self.run(self.target(module), inputs, draw)

    @cached_property
    def expected_of_original(self) -> Any:
        """The output of the module as it came, with which its copies are compared."""
        return self.output(_duplicated(self.original).eval())

    @cached_property
    def expected(self) -> Any:
        """The output in evaluation mode, with which others are compared."""
        return self.output(self.copy())

    def descend(
        self, module: nn.Module, target: Callable[..., Any] | None = None
    ) -> tuple[Any, dict[str, Tensor | None]]:
        """Call a copy, go back from a random direction, and return the output and the gradients.

        Args:
            module: The copy, which owns the parameters.
            target: What is called in its place, such as its compiled version.
        """
        inputs = self.changed(lambda _, t: t.detach().clone().requires_grad_(t.is_floating_point()))
        output = self.run(self.target(module) if target is None else target, inputs)
        total = self.probe(output)
        sources = {f"input {path!r}": tensor for path, tensor in self.floats(inputs).items()}
        sources |= {
            f"parameter {name!r}": parameter
            for name, parameter in module.named_parameters()
            if parameter.requires_grad
        }
        if not sources:
            raise InapplicableError("there is no float input and no parameter to go back to")
        require(
            total is not None and total.requires_grad,
            f"the output must be differentiable, got none that leads back to {_some(sources)}",
        )
        assert total is not None
        total.backward()  # type: ignore[no-untyped-call]
        return output, {name: source.grad for name, source in sources.items()}

    def probe(self, output: Any) -> Tensor | None:
        """Sum up the floats of an output with random weights."""
        generator = torch.Generator().manual_seed(self.seed)
        total: Tensor | None = None
        for tensor in floats(output).values():
            weights = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
            part = (tensor * weights.to(tensor)).sum()
            total = part if total is None else total + part
        return total

    def promise(self, inputs: Inputs | None = None) -> Any:
        """Return what ``output_shape`` says about inputs, in plain tuples and dicts."""
        answer = getattr(_at_rest(self.module, self.call), "output_shape", None)
        if not callable(answer):
            raise AssertionError(f"{self.name} must have a method output_shape, got none")
        given = [
            mapped(lambda _, item: _at_rest(item) if isinstance(item, nn.Module) else item, value)
            for value in (self.inputs if inputs is None else inputs).values()
        ]
        # Inputs that it does not ask for do not matter to it.
        kinds = [parameter.kind for parameter in inspect.signature(answer).parameters.values()]
        if inspect.Parameter.VAR_POSITIONAL not in kinds:
            given = given[: sum(k is not inspect.Parameter.KEYWORD_ONLY for k in kinds)]
        return shapes(answer(*map(shapes, given)))


class _Caller(nn.Module):
    """Makes another method, with its signature, the forward of a module."""

    def __init__(self, module: nn.Module, call: str) -> None:
        super().__init__()
        self.module = module
        object.__setattr__(self, "forward", getattr(module, call))


def _some(names: Mapping[str, Any]) -> str:
    return ", ".join(list(names)[:3]) + (", ..." if len(names) > 3 else "")


def _copied(module: nn.Module) -> nn.Module:
    """Copy in one of two ways, so that a module which knows one of them can be checked.

    What comes out of a pickle shares nothing, even if deep copies were broken.
    """
    try:
        return pickle.loads(pickle.dumps(module))
    except Exception:
        return copy.deepcopy(module)


def _duplicated(module: nn.Module) -> nn.Module:
    """Copy part by part, past the methods by which a module says how it is copied.

    Those are what is checked; this copy stands for the module itself, which a call may change.
    """
    parts = list(module.modules())
    try:
        memo: dict[int, Any] = {id(part): object.__new__(type(part)) for part in parts}
        for part in parts:
            memo[id(part)].__dict__.update(copy.deepcopy(part.__dict__, memo))
    except Exception:  # such as for a tensor that is the result of a computation
        return _copied(module)
    return memo[id(module)]


def _at_rest(module: nn.Module, call: str = "forward") -> nn.Module:
    """Copy a module whose parts then refuse to be called."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("output_shape must answer without running, got a call of a module")

    module = _copied(module)
    for name, part in module.named_modules():
        # What makes a weight out of others runs when its shape is asked for, too.
        if "parametrizations" not in name.split("."):
            object.__setattr__(part, "forward", refuse)
    object.__setattr__(module, call, refuse)
    return module


def _moved(module: nn.Module, seed: int) -> nn.Module:
    try:
        module = _copied(module)
    except Exception as error:
        raise TypeError(
            f"{type(module).__name__} can be neither deep-copied nor pickled, so it cannot be "
            f"checked: {error}"
        ) from error
    generator = torch.Generator().manual_seed(seed)

    def noise(tensor: Tensor) -> Tensor:
        drawn = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
        return drawn.to(tensor.device, tensor.dtype)

    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.is_floating_point():
                parameter.add_(noise(parameter), alpha=0.05)
        for name, buffer in module.named_buffers():
            if name.endswith("running_mean"):
                buffer.add_(noise(buffer), alpha=0.1)
            elif name.endswith("running_var"):
                buffer.mul_(noise(buffer).abs() + 0.5)
    return module

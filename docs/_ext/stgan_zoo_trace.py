"""What happens to the tensors of one real call: a tree of modules, functions and operations.

Torch's functions are seen by a function mode, forward methods and the public functions of
stgan.functional by Python's profiling hook. Every tensor is kept, so that its identity names it.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, resolve_name

import stgan.functional
from stgan._trees import tensors

__all__ = ["Call", "Trace", "trace"]


@dataclass
class Call:
    """One call: of a torch function, or of a module or function that holds further calls.

    Attributes:
        name: Such as ``"torch.nn.functional.conv3d"``, or the name of the class or function.
        module: The module, if it is a forward method.
        args: Arguments of a torch function by position.
        kwargs: Arguments of a function by name.
        reads: Tensors that go in.
        makes: Tensors that come out.
        parts: The calls inside.
    """

    name: str
    module: nn.Module | None = None
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    reads: list[Tensor] = field(default_factory=list)
    makes: list[Tensor] = field(default_factory=list)
    parts: list["Call"] = field(default_factory=list)

    @property
    def is_torch(self) -> bool:
        """Whether it is one function of torch, with nothing inside."""
        # No class and no public function of stgan has a dot in its name.
        return self.name.startswith("torch.")

    def operations(self) -> list["Call"]:
        """The torch functions inside, in their order."""
        return [self] if self.is_torch else [op for part in self.parts for op in part.operations()]


@dataclass
class Trace:
    """A call with what went in and came out.

    Attributes:
        root: The call itself.
        inputs: The tensors that were given, by name.
        outputs: The tensors that came out, by name; a single one has no name.
        names: Names of parameters and buffers by the identity of the tensor.
        kept: What must live as long as the trace, since tensors are told apart by identity.
    """

    root: Call
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    names: dict[int, str]
    kept: list[Any] = field(repr=False)


class _Recorder(TorchFunctionMode):
    """Writes calls into the innermost call that is open."""

    def __init__(self, functions: Mapping[CodeType, str]) -> None:
        super().__init__()
        self.functions = functions
        self.kept: list[Any] = []
        self.stack: list[tuple[FrameType | None, Call]] = [(None, Call("root"))]

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        made = [*tensors(result).values()]
        if made:
            name = resolve_name(func) or f"torch.{getattr(func, '__name__', 'function')}"
            call = Call(name, None, args, kwargs, [*tensors((args, kwargs)).values()], made)
            self.stack[-1][1].parts.append(call)
            self.kept.append((args, kwargs, result))
        return result

    def profile(self, frame: FrameType, event: str, value: Any) -> None:
        """Open a call where a forward method or a known function begins, and close it."""
        if event == "call":
            name = self.functions.get(frame.f_code)
            module = frame.f_locals.get("self") if frame.f_code.co_name == "forward" else None
            if name is None and isinstance(module, nn.Module):
                name = type(module).__name__
            if name is not None:
                held = module if isinstance(module, nn.Module) else None
                call = Call(name, held, (), {} if held else dict(frame.f_locals))
                self.stack[-1][1].parts.append(call)
                self.stack.append((frame, call))
        elif event == "return" and self.stack[-1][0] is frame:
            _, call = self.stack.pop()
            call.makes = [*tensors(value).values()]
            self.kept.append(value)


def trace(target: Callable[..., Any], owner: object, inputs: Mapping[str, Any]) -> Trace:
    """Call something with inputs and write down what happens.

    Args:
        target: What is called.
        owner: The object whose parameters are weights, not data.
        inputs: Arguments by name.
    """
    recorder = _Recorder(_functions())
    before = sys.getprofile()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        with recorder:
            sys.setprofile(recorder.profile)
            try:
                result = target(**inputs)
            finally:
                sys.setprofile(before)
    root = recorder.stack[0][1]
    if len(root.parts) == 1 and not root.parts[0].is_torch:
        root = root.parts[0]
    names: dict[int, str] = {}
    if isinstance(owner, nn.Module):
        for name, tensor in [*owner.named_parameters(), *owner.named_buffers()]:
            names[id(tensor)] = name.rpartition(".")[2]
    found = {
        path: tensor
        for key, value in inputs.items()
        if not isinstance(value, nn.Module)
        for path, tensor in _named(value, key).items()
    }
    root.makes = [*tensors(result).values()]
    return Trace(root, found, _named(result, ""), names, [recorder.kept, result])


def _functions() -> dict[CodeType, str]:
    public = {name: getattr(stgan.functional, name) for name in stgan.functional.__all__}
    return {
        thing.__code__: name for name, thing in public.items() if isinstance(thing, type(trace))
    }


def _named(value: Any, path: str) -> dict[str, Tensor]:
    """Tensors by where they stand in a structure."""
    if isinstance(value, Tensor):
        return {path: value}
    if isinstance(value, Mapping):
        items = [(str(key), item) for key, item in value.items()]
    elif hasattr(value, "_fields"):
        items = list(zip(value._fields, value, strict=True))
    elif isinstance(value, tuple | list):
        items = [(str(number), item) for number, item in enumerate(value)]
    elif hasattr(value, "__dataclass_fields__"):
        items = [(name, getattr(value, name)) for name in value.__dataclass_fields__]
    else:
        return {}
    found: dict[str, Tensor] = {}
    for key, item in items:
        found |= _named(item, f"{path} {key}".strip())
    return found

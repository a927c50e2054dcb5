"""Checks of other ways to run: another memory format, compiled, exported."""

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from stgan._trees import tensors
from stgan.testing._inputs import split
from stgan.testing._subject import InapplicableError, Subject
from stgan.testing._values import close

__all__ = ["check_channels_last", "check_compile", "check_export"]

_FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}


def check_channels_last(subject: Subject) -> None:
    """With weights and inputs in the channels-last formats, the outputs are the same."""
    if not any(tensor.ndim in _FORMATS for tensor in subject.tensors().values()):
        raise InapplicableError("no input is an image or a video")
    module = subject.copy()
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.ndim in _FORMATS:
            tensor.data = tensor.data.contiguous(memory_format=_FORMATS[tensor.ndim])
    inputs = subject.changed(
        lambda _, t: t.contiguous(memory_format=_FORMATS[t.ndim]) if t.ndim in _FORMATS else t
    )
    close(
        tensors(subject.output(module, inputs)), tensors(subject.expected), "channels-last formats"
    )


def check_compile(subject: Subject) -> None:
    """Compiled without a graph break, outputs and gradients are the same, in both modes.

    In evaluation mode the same program then takes another batch, whose size is free by then.
    """
    for train in (False, True):
        what = f"the compiled module in {'training' if train else 'evaluation'} mode"
        module, twin = subject.copy(train=train), subject.copy(train=train)
        torch.compiler.reset()
        try:
            compiled = torch.compile(subject.target(twin), fullgraph=True, backend="aot_eager")
            try:
                output, gradients = subject.descend(module)
                got, got_gradients = subject.descend(twin, compiled)
            except InapplicableError:
                output, gradients = subject.output(module), {}
                with torch.no_grad():
                    got, got_gradients = subject.run(compiled), {}
            close(tensors(got), tensors(output), what)
            close(got_gradients, gradients, what)
            if subject.batched and not train:
                more = [i % subject.size for i in range(subject.size + 3)]
                close(
                    tensors(subject.run(compiled, subject.samples(*more))),
                    tensors(subject.output(module, subject.samples(*more))),
                    f"{what} with a batch of {len(more)}",
                )
        finally:
            torch.compiler.reset()


def check_export(subject: Subject) -> None:
    """Exported with a free size of the batch, outputs for another size are the same."""
    if not subject.batched:
        raise InapplicableError("no input has an axis for the batch")
    module = subject.as_module(subject.copy())
    # A batch of one would be taken for a constant.
    usual, other, same = (subject.samples(*(i % subject.size for i in range(n))) for n in (2, 5, 5))
    args, kwargs = split(usual)
    found = subject.tensors(usual)
    batched = {id(found[path]) for path in subject.batched}
    batch = torch.export.Dim("batch")

    def free(value: Any) -> Any:
        """Mark the axes whose size is free, in containers as those of the inputs."""
        if isinstance(value, Tensor):
            return {0: batch} if id(value) in batched else {}
        if isinstance(value, Mapping):
            return {key: free(item) for key, item in value.items()}
        return type(value)(map(free, value)) if isinstance(value, tuple | list) else None

    arguments = inspect.signature(module.forward).bind(*args, **kwargs).arguments
    program = torch.export.export(
        module, args, kwargs, dynamic_shapes=free(arguments), strict=False
    ).module()
    close(
        tensors(subject.run(program, other)),
        tensors(subject.output(subject.copy(), same)),
        "the exported program with a batch of 5",
    )

"""Checks of what a call returns: its shape, its type, and that it depends on the input alone."""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor

from stgan._trees import floats, shapes, tensors
from stgan.testing._subject import InapplicableError, Subject, require

__all__ = [
    "check_batch_independent",
    "check_deterministic",
    "check_dtype",
    "check_empty_batch",
    "check_input_untouched",
    "check_output_shape",
    "check_refusal",
    "close",
]


def close(
    got: Mapping[str, Tensor | None], expected: Mapping[str, Tensor | None], what: str
) -> None:
    """Require that tensors are equal up to the rounding of float32.

    Errors are measured against the largest value, since small ones may be differences of large.
    What is ``None`` in ``expected`` is not compared.
    """
    require(list(got) == list(expected), f"{what} must give {list(expected)}, got {list(got)}")
    for path, tensor in expected.items():
        other, name = got[path], path if path.startswith(("input", "param")) else f"output{path}"
        if tensor is None:
            continue
        if other is None or other.shape != tensor.shape:
            found = None if other is None else tuple(other.shape)
            raise AssertionError(f"{what} must give {name} of {tuple(tensor.shape)}, got {found}")
        if not tensor.is_floating_point():
            require(torch.equal(other, tensor), f"{what} must give the same {name}, got another")
        elif tensor.numel():
            bound = 1e-4 * tensor.double().abs().max().clamp(min=1)
            error = (other.double() - tensor.double()).abs().max()
            require(
                bool(error <= bound),
                f"{what} must give the same {name}, got a difference of {error:.2g}",
            )


def check_output_shape(subject: Subject) -> None:
    """``output_shape`` answers without running what a call then returns, nested outputs too."""
    promised, got = subject.promise(), shapes(subject.expected)
    require(
        promised == got,
        f"output_shape promises {promised}, got {got} from {subject.call}",
    )


def check_dtype(subject: Subject) -> None:
    """Outputs have the type of the inputs, float32 or float64, and stay on their device."""
    _check_device(subject)
    module = subject.copy()
    if not subject.floats() and not any(p.is_floating_point() for p in module.parameters()):
        raise InapplicableError("neither an input nor a parameter is of floats")
    for dtype in (torch.float32, torch.float64):
        output = subject.output(module.to(dtype), subject.moved(dtype))
        for path, tensor in floats(output).items():
            require(
                tensor.dtype is dtype,
                f"output{path} must be {dtype} as the module and its inputs are, got "
                f"{tensor.dtype}",
            )


def _check_device(subject: Subject) -> None:
    """Run without data on the device that has none; a tensor made elsewhere is found there."""
    nowhere = torch.device("meta")
    output = subject.output(subject.copy().to(nowhere), subject.moved(nowhere))
    for path, tensor in tensors(output).items():
        require(
            tensor.device.type == "meta",
            f"output{path} must be on the device of the inputs, got {tensor.device} for meta",
        )


def check_input_untouched(subject: Subject) -> None:
    """A call leaves the inputs as they were, in both modes."""
    for train in (False, True):
        inputs = subject.copied_inputs()
        before = {path: tensor.clone() for path, tensor in subject.tensors(inputs).items()}
        subject.run(subject.target(subject.copy(train=train)), inputs)
        after = subject.tensors(inputs)
        require(list(after) == list(before), f"inputs must stay {list(before)}, got {list(after)}")
        for path, tensor in after.items():
            require(
                tensor.shape == before[path].shape and torch.equal(tensor, before[path]),
                f"input {path!r} must keep its values, got others after the call",
            )
            require(
                not tensor.requires_grad,
                f"input {path!r} must not start to require a gradient, got one that does",
            )


def check_deterministic(subject: Subject) -> None:
    """In evaluation mode two calls return the same, bit for bit."""
    module = subject.copy()
    first, second = (tensors(subject.output(module, draw=draw)) for draw in (0, 1))
    require(list(first) == list(second), f"outputs must stay {list(first)}, got {list(second)}")
    for path, tensor in first.items():
        require(
            torch.equal(tensor, second[path]),
            f"output{path} of a second call must be that of the first, got another",
        )


def check_batch_independent(subject: Subject) -> None:
    """In evaluation mode no sample of a batch depends on the others or on its place."""
    if not subject.batched:
        raise InapplicableError("no input has an axis for the batch")
    count = subject.size
    require(count > 1, f"inputs must hold two samples or more, got {count}")
    module = subject.copy()
    together = tensors(subject.expected)
    alone = [tensors(subject.output(module, subject.samples(i))) for i in range(count)]
    turned = tensors(subject.output(module, subject.samples(*reversed(range(count)))))
    # Axes of frames may be folded into that of the batch.
    batched = [
        path
        for path, tensor in together.items()
        if tensor.ndim and alone[0][path].shape[:1] == (tensor.shape[0] / count,)
    ]
    if not batched:
        raise InapplicableError("no output has an axis for the batch")
    for path in batched:
        parts = [one[path] for one in alone]
        close({path: torch.cat(parts)}, {path: together[path]}, "samples one by one")
        close({path: torch.cat(parts[::-1])}, {path: turned[path]}, "samples in another order")


def check_empty_batch(subject: Subject) -> None:
    """A batch without samples gives none, forward and backward, or is refused by its shape."""
    if not subject.batched:
        raise InapplicableError("no input has an axis for the batch")

    def none(path: str, tensor: Tensor) -> Tensor:
        kept = tensor[:0] if path in subject.batched else tensor
        return kept.requires_grad_(tensor.is_floating_point())

    inputs = subject.changed(none)
    try:
        output = subject.output(subject.copy(), inputs)
    except ValueError as error:  # such as of a loss, which is a mean over the samples
        given = {str(tuple(tensor.shape)) for tensor in subject.tensors(inputs).values()}
        require(
            any(shape in str(error) for shape in given),
            f"an empty batch must be refused with its shape in the message, got {error!s}",
        )
        return
    usual = tensors(subject.expected)
    for path, tensor in tensors(output).items():
        counted = path in usual and usual[path].shape[:1] == (subject.size,)
        require(
            not counted or tensor.shape[0] == 0,
            f"output{path} of an empty batch must be empty, got {tuple(tensor.shape)}",
        )
    total = subject.probe(output)
    if total is not None and total.requires_grad:
        total.backward()  # type: ignore[no-untyped-call]


def _exchanged(path: str, wrong: Tensor, here: str, tensor: Tensor) -> Tensor:
    return wrong if here == path else tensor


#: In the place of floats, bytes and labels would count as values in [-1, 1].
_NO_FLOATS = (torch.uint8, torch.int64, torch.bool, torch.complex64)


def check_refusal(subject: Subject) -> None:
    """Missing axes, wrong channels and what is not of floats are errors that name what was given.

    A shape is refused by a ``ValueError``, a type by a ``TypeError``.
    """
    found = subject.tensors()
    fewer = [(path, found[path][..., 0]) for path in subject.refusable if found[path].ndim]
    wider = [(path, torch.cat((found[path], found[path][:, :1]), 1)) for path in subject.channeled]
    if not fewer:
        raise InapplicableError("no input has an axis that could be missing")
    for path, wrong in [*fewer, *wider]:
        before, now = str(tuple(found[path].shape)), str(tuple(wrong.shape))
        _require_refusal(subject, path, wrong, ValueError, (before, now, "shape"))
    for path, tensor in subject.floats().items():
        for dtype in _NO_FLOATS:
            told = (str(tensor.dtype), str(dtype), "type")
            _require_refusal(subject, path, tensor.to(dtype), TypeError, told)


def _require_refusal(
    subject: Subject,
    path: str,
    wrong: Tensor,
    kind: type[Exception],
    told: tuple[str, str, str],
) -> None:
    """Call with one input exchanged; the error must be of a kind, and name what is wrong."""
    before, now, which = told
    what = f"input {path!r} of {before} must be refused as {now}"
    try:
        subject.output(subject.copy(), subject.changed(partial(_exchanged, path, wrong)))
    except kind as error:
        require(now in str(error), f"{what} with that {which} in the message, got {error!s}")
    except Exception as error:
        raise AssertionError(
            f"{what} with a {kind.__name__}, got {type(error).__name__}"
        ) from error
    else:
        raise AssertionError(f"{what} with a {kind.__name__}, got an output")

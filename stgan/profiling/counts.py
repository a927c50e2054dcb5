"""Counts that need no clock: multiply-adds, and what autograd keeps for the way back."""

import weakref
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from math import prod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from stgan.profiling._calls import Call, Inputs, forked_rng

__all__ = ["activation_bytes", "multiply_adds"]

Shape = Sequence[int]


def multiply_adds(module: nn.Module, inputs: Inputs, *, call: str = "forward") -> int:
    r"""Multiply-adds of the products in one forward pass: convolutions, linear maps, attention.

    Counted by ``torch.utils.flop_counter.FlopCounterMode``, two operations each. With
    :math:`|W|` entries of a kernel, a convolution takes :math:`N \cdot T'H'W' \cdot |W|` and a
    transposed one :math:`N \cdot THW \cdot |W|`: **every** tap counts, also those that meet the
    padding of a convolution or that the padding of a transposed one trims away. So do the masked
    pairs of attention. Biases, norms and activations do not.

    Args:
        module: The module; a copy is run, so it stays as it is.
        inputs: One tensor, arguments by position in a tuple, or by name in a mapping.
        call: The method that is called.

    Example:
        >>> multiply_adds(nn.ConvTranspose3d(8, 4, 4, 2, 1), torch.zeros(1, 8, 2, 4, 4))
        65536
    """
    run = Call(module, inputs, method=call, differentiable=False)
    counter = FlopCounterMode(display=False, custom_mapping=_MISSING)
    counter.mod_tracker = _NoModules()  # type: ignore[assignment]
    with forked_rng(run.device), torch.no_grad(), _decomposed_attention(), counter:
        run(run.arguments())
    return int(counter.get_total_flops()) // 2


class _NoModules(AbstractContextManager[None]):
    """Stands for the tracker that tells modules apart, which only their sum does not need.

    Its hooks are refused in a module that runs a backward pass of its own, as penalties do.
    """

    parents: ClassVar[set[str]] = {"Global"}

    def __exit__(self, *_: object) -> None:
        pass


@contextmanager
def _decomposed_attention() -> Iterator[None]:
    # Fused kernels of the CPU, and the fused path of nn.MultiheadAttention, are unknown to torch's
    # counter and would count as nothing; as two matrix products they are seen.
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


# Further products that torch's counter does not know; operations, so two for each multiply-add.
def _product_with_vector(matrix: Shape, vector: Shape, *_: Any, **__: Any) -> int:
    return 2 * prod(matrix)


def _added_product_with_vector(_bias: Shape, matrix: Shape, *_: Any, **__: Any) -> int:
    return 2 * prod(matrix)


def _added_products(_sum: Shape, first: Shape, second: Shape, *_: Any, **__: Any) -> int:
    return 2 * prod(first) * second[-1]


def _product_of_three(
    first: Shape, second: Shape, third: Shape, axes_1: Shape, axes_2: Shape, axes_3: Shape,
    summed: Shape, *_: Any, **__: Any,
) -> int:  # fmt: skip
    # As torch runs it: the first two are multiplied and summed over the axes that the third lacks,
    # then what is left is multiplied with the third.
    pair = _broadcast(_with_axes(first, axes_1), _with_axes(second, axes_2))
    left = [1 if axis in {*summed} & {*axes_3} else size for axis, size in enumerate(pair)]
    return 2 * (prod(pair) + prod(_broadcast(left, _with_axes(third, axes_3))))


def _broadcast(first: Shape, second: Shape) -> list[int]:
    return [b if a == 1 else a for a, b in zip(first, second, strict=True)]


def _with_axes(shape: Shape, axes: Shape) -> list[int]:
    sizes = [*shape]
    for axis in sorted(axes):
        sizes.insert(axis, 1)
    return sizes


def _recurrent_layer(video: Shape, w_input: Shape, w_hidden: Shape, *_: Any, **__: Any) -> int:
    return 2 * prod(video[:2]) * (prod(w_input) + prod(w_hidden))


def _recurrent_stack(video: Shape, weights: Sequence[Shape], *_: Any, **__: Any) -> int:
    return 2 * prod(video[:2]) * sum(prod(shape) for shape in weights if len(shape) == 2)


_ATEN = torch.ops.aten
_MISSING = {
    _ATEN.mv: _product_with_vector,
    _ATEN.dot: _product_with_vector,
    _ATEN.vdot: _product_with_vector,
    _ATEN.addbmm: _added_products,
    _ATEN._trilinear: _product_of_three,
    _ATEN.addmv: _added_product_with_vector,
    _ATEN.mkldnn_rnn_layer: _recurrent_layer,
    _ATEN._cudnn_rnn: _recurrent_stack,
}


def activation_bytes(module: nn.Module, inputs: Inputs, *, call: str = "forward") -> int:
    """Bytes of the tensors that autograd keeps after a forward pass for the backward pass.

    Each storage counts once, with all of its bytes, however many operations or views share it.
    Parameters and buffers are left out, as they are there anyway; an input that is kept counts.
    What lives only during the forward pass, and workspace of the kernels, is not seen.

    Args:
        module: The module; a copy is run, in its mode of training, so it stays as it is.
        inputs: One tensor, arguments by position in a tuple, or by name in a mapping. Floating
            ones are given a gradient, as they have inside a network.
        call: The method that is called.

    Example:
        >>> chain = nn.Sequential(nn.Linear(10, 5), nn.Linear(5, 1))
        >>> activation_bytes(chain, torch.zeros(3, 10))  # The inputs of both, in float32.
        180
    """
    run = Call(module, inputs, method=call, differentiable=True)
    own = {_address(tensor) for tensor in [*run.module.parameters(), *run.module.buffers()]}
    # Autograd holds what the hook returns exactly as long as the graph needs it. Detached, since a
    # saved output would hold its own graph in turn, which then never dies.
    alive: weakref.WeakSet[_Kept] = weakref.WeakSet()

    def pack(tensor: Tensor) -> _Kept:
        kept = _Kept(tensor.detach())
        alive.add(kept)
        return kept

    with forked_rng(run.device), torch.enable_grad():
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda kept: kept.tensor):
            output = run(run.arguments())
        storages = {_address(kept.tensor): kept.tensor.untyped_storage().nbytes() for kept in alive}
        del output  # Only now: the graph hangs on it.
    return sum(size for address, size in storages.items() if address not in own)


class _Kept:
    """A saved tensor, in a box that can be referred to weakly and is equal only to itself."""

    __slots__ = ("__weakref__", "tensor")

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()

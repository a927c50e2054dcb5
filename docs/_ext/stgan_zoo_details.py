"""The line below the name of an operation: settings, from the arguments of the real call."""

from collections.abc import Callable
from typing import Any

from stgan_zoo_trace import Call
from stgan_zoo_vocabulary import short_name, times

__all__ = ["DETAILS", "argument", "sizes"]


def argument(call: Call, name: str, place: int, default: Any = None) -> Any:
    """Return an argument of a torch function, given by name or by place."""
    return call.kwargs.get(name, call.args[place] if len(call.args) > place else default)


def sizes(value: Any, count: int) -> str:
    """Write a setting of several axes; as one number where they agree."""
    sides = (value,) * count if isinstance(value, int) else tuple(value)
    return str(sides[0]) if len(set(sides)) == 1 else times(sides)


def _convolution(call: Call) -> str:
    weight = argument(call, "weight", 1)
    transposed = "transpose" in call.name
    groups = argument(call, "groups", 6, 1)
    c_in, c_out = (weight.shape[0], weight.shape[1]) if transposed else weight.shape[1::-1]
    c_in, c_out = (c_in, c_out * groups) if transposed else (c_in * groups, c_out)
    kernel = weight.shape[2:]
    parts = [f"{c_in} → {c_out}", f"kernel {sizes(kernel, len(kernel))}"]
    stride = sizes(argument(call, "stride", 3, 1), len(kernel))
    if stride != "1":
        parts.append(f"stride {stride}")
    if groups != 1:
        parts.append(f"{groups} groups")
    return ", ".join(parts)


def _linear(call: Call) -> str:
    weight = argument(call, "weight", 1)
    return f"{weight.shape[1]} → {weight.shape[0]}"


def _slope(call: Call) -> str:
    return f"slope {argument(call, 'negative_slope', 1, 0.01)}"


def _along(place: int) -> Callable[[Call], str]:
    def about(call: Call) -> str:
        axis = argument(call, "dim", place)
        axis = argument(call, "axis", place) if axis is None else axis
        if not isinstance(axis, int | tuple | list):
            return ""
        first = next(iter(call.reads), None)
        axes = [axis] if isinstance(axis, int) else list(axis)
        count = (first.ndim if first is not None else 5) + (short_name(call) == "stack")
        moves = short_name(call) not in ("cat", "stack", "unbind")
        if count < 4 and axes[-1] % count == count - 1 and moves:
            return "along the last axis"
        return f"along {''.join(_letter(a % count, count) for a in axes)}"

    return about


def _letter(axis: int, count: int) -> str:
    letters = {5: "NCTHW", 4: "NCHW", 3: "NCT", 2: "NC"}.get(count)
    return letters[axis] if letters else str(axis)


def _attend(call: Call) -> str:
    heads = call.kwargs.get("num_heads", 1)
    axes = "".join(call.kwargs.get("axes", ""))
    causal = ", causal" if call.kwargs.get("causal") else ""
    return f"over {axes}, {heads} head{'s' * (heads > 1)}{causal}"


def _attention(call: Call) -> str:
    q = call.reads[0]
    return f"{q.shape[-2]} positions, {q.shape[1]} at once" if q.ndim == 4 else ""


def _resize(call: Call) -> str:
    return str(argument(call, "mode", 3, "nearest"))


def _pad(call: Call) -> str:
    mode = argument(call, "mode", 2, "constant")
    return "with zeros" if mode == "constant" else str(mode)


def _labels(call: Call) -> str:
    return f"K = {call.makes[0].shape[-1]}"


def _changed(call: Call) -> str:
    """The axes whose sizes change, or the one place of an axis that is taken."""
    before, after = call.reads[0].shape, call.makes[0].shape
    if len(before) != len(after):
        index = call.args[1] if short_name(call) == "getitem" else ()
        index = index if isinstance(index, tuple) else (index,)
        places = [(_letter(n, len(before)), i) for n, i in enumerate(index) if type(i) is int]
        wide = len(before) > 3
        return ", ".join(f"{name} = {i}" if wide else f"number {i}" for name, i in places)
    changed = [(_letter(n, len(after)), b, a)
               for n, (b, a) in enumerate(zip(before, after, strict=True)) if a != b]  # fmt: skip
    if short_name(call) == "getitem":
        return ", ".join(f"{a} of {b} along {letter}" for letter, b, a in changed)
    return f"along {''.join(letter for letter, *_ in changed)}" if changed else ""


def _pool(call: Call) -> str:
    kernel = argument(call, "kernel_size", 1)
    return "" if kernel is None else f"kernel {sizes(kernel, 1)}"


DETAILS: dict[str, Callable[[Call], str]] = {
    **dict.fromkeys(
        ("conv1d", "conv2d", "conv3d", "conv_3d", "conv_transpose1d", "conv_transpose2d",
         "conv_transpose3d", "conv_transpose_3d"),
        _convolution,
    ),
    **dict.fromkeys(("cat", "stack"), _along(1)),
    **dict.fromkeys(("sum", "mean", "softmax", "std", "var", "amax", "unbind"), _along(1)),
    "linear": _linear, "leaky_relu": _slope, "attend": _attend, "interpolate": _resize,
    "scaled_dot_product_attention": _attention, "pad": _pad, "one_hot_label": _labels,
    "getitem": _changed, "einsum": _changed, "avg_pool2d": _pool, "avg_pool3d": _pool,
}  # fmt: skip

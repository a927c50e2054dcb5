"""Words for operations: a title and a line of details, from the arguments of the real call."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stgan_zoo_trace import Call
from torch import Tensor

__all__ = ["ALIASES", "CLOSED", "HELPERS", "VIEWS", "WORDS", "describe", "short_name", "times"]

#: What hands on the same numbers in the same shape, or almost: not worth a box of its own.
ALIASES = {
    "clone", "contiguous", "detach", "dropout", "float", "identity", "long", "to", "type_as",
    "requires_grad_", "double", "alias",
}  # fmt: skip
#: What lays out the same numbers differently.
VIEWS = {
    "reshape", "view", "permute", "transpose", "flatten", "unflatten", "unsqueeze", "squeeze",
    "movedim", "swapaxes", "expand", "expand_as", "broadcast_to", "view_as", "reshape_as", "mT",
    "T", "moveaxis", "tile", "repeat",
}  # fmt: skip
#: Functions that say what they do; how is for their own page.
CLOSED = {
    "conv_3d", "conv_transpose_3d", "one_hot_label", "fold_time", "unfold_time", "spread_rows",
    "expand_over_time", "take_frames", "attend", "resize_video", "warp_image",
}  # fmt: skip
#: Those among them that prepare what others then work on.
HELPERS = {
    "one_hot_label", "fold_time", "unfold_time", "spread_rows", "expand_over_time", "take_frames",
}  # fmt: skip
WORDS = {
    "adaptive_avg_pool2d": "average pool", "adaptive_avg_pool3d": "average pool", "add": "add",
    "addcmul": "add product", "amax": "maximum", "argmax": "index of the largest",
    "avg_pool2d": "average pool", "avg_pool3d": "average pool", "baddbmm": "matrix product",
    "batch_norm": "batch norm", "bmm": "matrix product", "cat": "concatenate", "chunk": "split",
    "clamp": "clamp", "conv1d": "conv 1d", "conv2d": "conv 2d", "conv3d": "conv 3d",
    "conv_1p2d": "conv (1+2)d", "conv_2p1d": "conv (2+1)d", "conv_3d": "conv 3d",
    "conv_transpose1d": "transposed conv 1d", "conv_transpose2d": "transposed conv 2d",
    "conv_transpose3d": "transposed conv 3d", "conv_transpose_1p2d": "transposed conv (1+2)d",
    "conv_transpose_2p1d": "transposed conv (2+1)d", "conv_transpose_3d": "transposed conv 3d",
    "diff": "difference", "div": "divide", "einsum": "weighted sums", "embedding": "look up", "expand_over_time":
    "repeat over time", "fold_time": "fold time into batch", "gather": "take", "grid_sample":
    "sample at positions", "group_norm": "group norm", "gru": "GRU", "index_select": "take",
    "instance_norm": "instance norm", "interpolate": "resize", "layer_norm": "layer norm",
    "leaky_relu": "leaky ReLU", "lerp": "mix", "linear": "linear", "lstm": "LSTM", "lstm_cell":
    "LSTM cell", "gru_cell": "GRU cell", "matmul": "matrix product", "mean": "mean", "mul":
    "multiply", "mv": "matrix product", "neg": "negate", "normal": "draw noise", "one_hot":
    "one-hot", "one_hot_label": "one-hot", "pad": "pad", "pixel_shuffle": "pixel shuffle",
    "pixel_unshuffle": "pixel unshuffle", "pow": "power", "prelu": "PReLU", "rand": "draw noise",
    "randn": "draw noise", "relu": "ReLU", "repeat_interleave": "repeat", "roll": "shift", "rsub":
    "subtract from", "rsqrt": "1 / root", "scaled_dot_product_attention": "attention", "sigmoid":
    "sigmoid", "silu": "SiLU", "sin": "sine", "cos": "cosine", "softmax": "softmax", "split":
    "split", "spread_rows": "repeat over the map", "sqrt": "root", "stack": "stack", "std":
    "standard deviation", "sub": "subtract", "sum": "sum", "take_frames": "take frames", "tanh":
    "tanh", "tensor_split": "split", "unbind": "take apart", "unfold_time": "unfold time", "var":
    "variance", "where": "choose", "getitem": "slice", "square": "square", "max_pool2d":
    "max pool", "attend": "attention",
}  # fmt: skip


def short_name(call: Call) -> str:
    """Name of a torch function without path, underscores of its kind and in-place mark."""
    name = call.name.removesuffix(".__get__").rpartition(".")[2].strip("_")
    return {"iadd": "add", "imul": "mul", "truediv": "div", "radd": "add", "rmul": "mul",
            "rtruediv": "div", "multiply": "mul", "concat": "cat", "divide": "div",
            "conv_transpose3d": "conv_transpose3d"}.get(name, name)  # fmt: skip


def times(sizes: Sequence[int]) -> str:
    """Write sizes as one word; equal ones stay apart, as axes are told by their place."""
    return "×".join(str(size) for size in sizes) or "1"


def describe(call: Call, names: Mapping[int, str]) -> tuple[str, str]:
    """Return the title and the details of a call, either of which may be shortened when drawn.

    Args:
        call: The call.
        names: Names of parameters by identity.
    """
    short = short_name(call)
    if call.module is not None:
        content = _content(call)
        # A chain has no name of its own.
        return (content, "") if call.name == "Sequential" else (_spaced(call.name), content)
    title = WORDS.get(short, short.replace("_", " "))
    if short in ("rsub", "sub") and (number := _partner(call, {})):
        return (f"{number} − x" if short == "rsub" else f"x − {number}"), ""
    about = _DETAILS.get(short)
    if about is not None:
        return title, about(call)
    if not call.is_torch:
        return title, _settings(call)
    return title, _partner(call, names)


def _spaced(name: str) -> str:
    return name.removeprefix("Parametrized").removeprefix("_")


def _content(call: Call) -> str:
    """What a closed module is made of, each kind of operation once."""
    found: list[str] = []

    def walk(part: Call) -> None:
        short = short_name(part)
        if part.is_torch or (part.module is None and short in CLOSED):
            reads_data = short not in ALIASES | VIEWS | {"getitem"}
            word = WORDS.get(short)
            if reads_data and word and word not in found:
                found.append(word)
        elif part.name not in ("ParametrizationList", "SpectralNorm"):
            for inner in part.parts:
                walk(inner)

    for part in call.parts:
        walk(part)
    return ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")


def _argument(call: Call, name: str, place: int, default: Any = None) -> Any:
    return call.kwargs.get(name, call.args[place] if len(call.args) > place else default)


def _sizes(value: Any, count: int) -> str:
    sizes = (value,) * count if isinstance(value, int) else tuple(value)
    sizes = sizes * count if len(sizes) == 1 else sizes
    return str(sizes[0]) if len(set(sizes)) == 1 else times(sizes)


def _convolution(call: Call) -> str:
    weight = _argument(call, "weight", 1)
    transposed = "transpose" in call.name
    groups = _argument(call, "groups", 6, 1)
    c_in, c_out = (weight.shape[0], weight.shape[1]) if transposed else weight.shape[1::-1]
    c_in, c_out = (c_in, c_out * groups) if transposed else (c_in * groups, c_out)
    kernel = weight.shape[2:]
    parts = [f"{c_in} → {c_out}", f"kernel {_sizes(kernel, len(kernel))}"]
    stride = _sizes(_argument(call, "stride", 3, 1), len(kernel))
    if stride != "1":
        parts.append(f"stride {stride}")
    if groups != 1:
        parts.append(f"{groups} groups")
    return ", ".join(parts)


def _linear(call: Call) -> str:
    weight = _argument(call, "weight", 1)
    return f"{weight.shape[1]} → {weight.shape[0]}"


def _slope(call: Call) -> str:
    return f"slope {_argument(call, 'negative_slope', 1, 0.01)}"


def _along(place: int) -> Callable[[Call], str]:
    def about(call: Call) -> str:
        axis = _argument(call, "dim", place)
        axis = _argument(call, "axis", place) if axis is None else axis
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
    return str(_argument(call, "mode", 3, "nearest"))


def _pad(call: Call) -> str:
    mode = _argument(call, "mode", 2, "constant")
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
    kernel = _argument(call, "kernel_size", 1)
    return "" if kernel is None else f"kernel {_sizes(kernel, 1)}"


_DETAILS: dict[str, Callable[[Call], str]] = {
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


def _partner(call: Call, names: Mapping[int, str]) -> str:
    """With which number or parameter a tensor is added, multiplied and so on."""
    if short_name(call) not in {"add", "sub", "mul", "div", "rsub", "pow", "clamp"}:
        return ""
    for value in call.args:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return f"{value:.4g}"
        if isinstance(value, Tensor) and id(value) in names:
            return names[id(value)]
    return ""


def _settings(call: Call) -> str:
    """Plain settings of a function, as far as they are short."""
    shown = []
    for name, value in call.kwargs.items():
        if isinstance(value, bool) and value:
            shown.append(name.replace("_", " "))
        elif isinstance(value, int | str | float) and not isinstance(value, bool):
            shown.append(f"{name.replace('_', ' ')} {value}")
        elif isinstance(value, tuple) and value and all(isinstance(v, int) for v in value):
            shown.append(f"{name.replace('_', ' ')} {_sizes(value, len(value))}")
    kept = [text for text in shown if len(text) <= 24 and not re.search(r"eps|dtype", text)]
    return ", ".join(kept[:2])

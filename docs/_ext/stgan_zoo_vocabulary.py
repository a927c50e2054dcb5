"""Which operations are worth a box, and how they are called in it."""

from collections.abc import Sequence

from stgan_zoo_trace import Call

__all__ = ["ALIASES", "CLOSED", "HELPERS", "TIMES", "VIEWS", "WORDS", "short_name", "times"]

TIMES = "\N{MULTIPLICATION SIGN}"
#: What hands on the same numbers in the same shape, or almost: not worth a box of its own.
ALIASES = {
    "clone", "contiguous", "detach", "dropout", "float", "identity", "long", "to", "type_as",
    "requires_grad", "double", "alias",
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
#: How operations are called in a drawing, where not by their own name.
WORDS = {
    "abs": "absolute value", "adaptive_avg_pool2d": "average pool",
    "adaptive_avg_pool3d": "average pool", "add": "add", "addcmul": "add product",
    "amax": "maximum", "amin": "minimum", "and": "both", "argmax": "index of the largest",
    "attend": "attention", "avg_pool2d": "average pool", "avg_pool3d": "average pool",
    "baddbmm": "matrix product", "batch_norm": "batch norm", "bmm": "matrix product",
    "cat": "concatenate", "chunk": "split", "clamp": "clamp", "conv1d": "conv 1d",
    "conv2d": "conv 2d", "conv3d": "conv 3d", "conv_1p2d": "conv (1+2)d",
    "conv_2p1d": "conv (2+1)d", "conv_3d": "conv 3d", "conv_transpose1d": "transposed conv 1d",
    "conv_transpose2d": "transposed conv 2d", "conv_transpose3d": "transposed conv 3d",
    "conv_transpose_1p2d": "transposed conv (1+2)d",
    "conv_transpose_2p1d": "transposed conv (2+1)d", "conv_transpose_3d": "transposed conv 3d",
    "cos": "cosine", "diff": "difference", "div": "divide", "einsum": "weighted sums",
    "embedding": "look up", "eq": "equal to", "expand_over_time": "repeat over time",
    "fft2": "Fourier transform", "floor": "round down", "fold_time": "fold time into batch",
    "gather": "take", "getitem": "slice", "grad": "gradient", "grid_sample": "sample at positions",
    "group_norm": "group norm", "gru": "GRU", "gru_cell": "GRU cell", "gt": "greater than",
    "index_select": "take", "instance_norm": "instance norm", "interpolate": "resize",
    "invert": "not", "layer_norm": "layer norm", "leaky_relu": "leaky ReLU", "lerp": "mix",
    "linear": "linear", "lstm": "LSTM", "lstm_cell": "LSTM cell", "lt": "less than",
    "masked_fill": "fill where true", "matmul": "matrix product", "max_pool2d": "max pool",
    "mean": "mean", "mul": "multiply", "mv": "matrix product", "neg": "negate",
    "normal": "draw noise", "one_hot": "one-hot", "one_hot_label": "one-hot", "pad": "pad",
    "pixel_shuffle": "pixel shuffle", "pixel_unshuffle": "pixel unshuffle", "pow": "power",
    "prelu": "PReLU", "rand": "draw numbers", "randint": "draw integers", "randn": "draw noise",
    "relu": "ReLU", "repeat_interleave": "repeat", "roll": "shift", "rsqrt": "1 / root",
    "rsub": "subtract from", "scaled_dot_product_attention": "attention", "sigmoid": "sigmoid",
    "silu": "SiLU", "sin": "sine", "softmax": "softmax", "split": "split",
    "spread_rows": "repeat over the map", "sqrt": "root", "square": "square", "stack": "stack",
    "std": "standard deviation", "sub": "subtract", "sum": "sum", "take_frames": "take frames",
    "tanh": "tanh", "tensor_split": "split", "topk": "largest ones", "unbind": "take apart",
    "unfold_time": "unfold time", "var": "variance", "vector_norm": "norm",
    "view_as_real": "real, imaginary part", "where": "choose",
}  # fmt: skip


def short_name(call: Call) -> str:
    """Name of a torch function without path, underscores of its kind and in-place mark."""
    name = call.name.removesuffix(".__get__").rpartition(".")[2].strip("_")
    return {"iadd": "add", "imul": "mul", "truediv": "div", "radd": "add", "rmul": "mul",
            "rtruediv": "div", "multiply": "mul", "concat": "cat", "divide": "div",
            "conv_transpose3d": "conv_transpose3d"}.get(name, name)  # fmt: skip


def times(sizes: Sequence[int]) -> str:
    """Write sizes as one word; equal ones stay apart, as axes are told by their place."""
    return TIMES.join(str(size) for size in sizes) or "1"

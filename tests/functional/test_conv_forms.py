"""However a convolution is computed, it is the convolution of torch, in values and gradients."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from stgan.functional import _conv_forms, conv_3d, conv_transpose_3d
from stgan.functional._conv_forms import convolve, convolve_transposed
from tests.strategies import SEEDS, Geometry, conv_geometries

OURS: dict[Callable[..., Tensor], Callable[..., Tensor]] = {
    F.conv3d: convolve,
    F.conv_transpose3d: convolve_transposed,
}
FORMATS = [torch.contiguous_format, torch.channels_last_3d]
# The channels decide, together with the positions, whether a kernel outweighs its columns.
CHANNELS = st.sampled_from([1, 3, 16, 64])
#: Which axes a kernel looks along: all, time, space.
AXES = st.sampled_from([(1, 1, 1), (1, 0, 0), (0, 1, 1)])


def _masked(geometry: Geometry, axes: tuple[int, int, int]) -> dict[str, tuple[int, ...]]:
    def only(values: tuple[int, ...], neutral: int) -> tuple[int, ...]:
        return tuple(v if axis else neutral for v, axis in zip(values, axes, strict=True))

    return {
        "kernel": only(geometry.kernel_size, 1),
        "stride": only(geometry.stride, 1),
        "padding": only(geometry.padding, 0),
    }


def _leaves(seed: int, shape: tuple[int, ...], weight: tuple[int, ...], bias: int,
            dtype: torch.dtype) -> list[Tensor]:  # fmt: skip
    torch.manual_seed(seed)
    leaves = [torch.randn(size, dtype=dtype) for size in (shape, weight, (bias,))]
    return [leaf.requires_grad_() for leaf in leaves]


def _with_gradients(function: Callable[..., Tensor], leaves: list[Tensor], **options: Any) -> Any:
    out = function(*leaves, **options)
    probe = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view(out.shape)
    return out, torch.autograd.grad(out, leaves, probe)


@pytest.mark.parametrize("reference", list(OURS), ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@given(
    seed=SEEDS, geometry=conv_geometries(), axes=AXES, channels=st.tuples(CHANNELS, CHANNELS),
    size=st.tuples(st.integers(1, 2), *[st.integers(4, 6)] * 3),
    layout=st.sampled_from(FORMATS), grouped=st.booleans(),
)  # fmt: skip
def test_every_formulation_gives_the_values_and_gradients_of_torch(
    reference: Callable[..., Tensor], dtype: torch.dtype, seed: int, geometry: Geometry,
    axes: tuple[int, int, int], channels: tuple[int, int], size: tuple[int, ...],
    layout: torch.memory_format, grouped: bool,
) -> None:  # fmt: skip
    c_in, c_out = channels
    groups = min(channels) if grouped and max(channels) % min(channels) == 0 else 1
    masked = _masked(geometry, axes)
    kernel = masked.pop("kernel")
    transposed = reference is F.conv_transpose3d
    weight = (c_in, c_out // groups) if transposed else (c_out, c_in // groups)
    leaves = _leaves(seed, (size[0], c_in, *size[1:]), (*weight, *kernel), c_out, dtype)
    options = masked | {"groups": groups}
    expected, slopes = _with_gradients(reference, leaves, **options)
    laid_out = [leaves[0].detach().contiguous(memory_format=layout).requires_grad_(), *leaves[1:]]
    out, ours = _with_gradients(OURS[reference], laid_out, **options)
    close: dict[str, float] = {}
    if dtype is torch.float32:
        close = {"rtol": 1e-4, "atol": 1e-4 * max(x.abs().max().item() for x in slopes)}
    torch.testing.assert_close(out, expected, **close)
    for a, b in zip(ours, slopes, strict=True):
        torch.testing.assert_close(a, b, **close)


class _Operators(TorchDispatchMode):
    """Write down what runs."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.sizes: list[int] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in ("convolution", "mm", "addmm", "bmm", "_linear_pointwise"):
            self.names.append(f"{name} {args[0].ndim}" if name == "convolution" else "product")
        return func(*args, **(kwargs or {}))


def _run(function: Callable[..., Tensor], *args: Tensor, **options: Any) -> list[str]:
    with _Operators() as seen:
        function(*args, **options)
    return seen.names


ROOMY, TIGHT = torch.randn(2, 8, 4, 6, 6), torch.randn(1, 256, 4, 4, 4)


@pytest.mark.parametrize("function", [conv_3d, conv_transpose_3d])
def test_a_kernel_larger_than_what_it_meets_is_a_matrix(function: Callable[..., Tensor]) -> None:
    def ran(video: Tensor, *kernel: int, learns: bool = True, **options: Any) -> list[str]:
        weight = torch.randn(video.shape[1], video.shape[1], *kernel, requires_grad=learns)
        return _run(function, video, weight, **options)

    time = {"stride": (2, 1, 1), "padding": (1, 0, 0)}
    space = {"stride": (1, 2, 2), "padding": (0, 1, 1)}
    assert ran(TIGHT, 4, 1, 1, **time) == ["product"]
    assert ran(TIGHT, 1, 4, 4, **space) == ["product"]
    assert ran(ROOMY, 1, 4, 4, **space) == ["convolution 4"]
    assert ran(ROOMY, 4, 1, 1, **time) == ["convolution 5"]
    assert ran(ROOMY, 4, 1, 1, **time, learns=False) == ["convolution 4"]
    assert ran(ROOMY[:1], 4, 1, 1, **time) == ["convolution 4"]
    assert ran(ROOMY, 3, 3, 3, padding=1) == ["convolution 5"]


def test_a_picture_is_packed_where_its_gradient_is_asked_for() -> None:
    weight = torch.randn(8, 3, 4, 4, 4)

    def packed(video: Tensor, weight: Tensor = weight, **options: Any) -> bool:
        with pytest.MonkeyPatch.context() as patch:
            taken: list[Tensor] = []
            real = _conv_forms.convolve_packed

            def packing(video: Tensor, *rest: Any, **sizes: Any) -> Tensor:
                taken.append(real(video, *rest, **sizes))
                return taken[-1]

            patch.setattr(_conv_forms, "convolve_packed", packing)
            convolve(video, weight, None, **({"stride": (2, 2, 2), "padding": (1, 1, 1)} | options))
        return bool(taken)

    learned = torch.randn(2, 3, 8, 8, 8, requires_grad=True)
    assert packed(learned)
    leaves = [learned, weight.clone().requires_grad_(), torch.randn(8, requires_grad=True)]
    options = {"stride": (2, 2, 2), "padding": (1, 1, 1)}
    found, expected = (_with_gradients(f, leaves, **options) for f in (convolve, F.conv3d))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert not packed(learned.detach())
    with torch.no_grad():
        assert not packed(learned)
    assert not packed(learned[:1])
    assert not packed(learned.double(), weight.double())
    with torch.autocast("cpu", torch.bfloat16):
        assert not packed(learned)
    assert not packed(learned, stride=(2, 1, 2))
    assert not packed(learned, weight[..., :3], stride=(2, 2, 2))
    assert not packed(learned, weight[..., :2, :2, :2])
    assert not packed(torch.randn(2, 5, 8, 8, 8, requires_grad=True), torch.randn(8, 5, 4, 4, 4))


@pytest.mark.parametrize("function", [conv_3d, conv_transpose_3d])
@pytest.mark.parametrize("kernel", [(3, 1, 1), (1, 3, 3), (3, 3, 3)], ids=str)
def test_channels_last_stays_channels_last(
    function: Callable[..., Tensor], kernel: tuple[int, ...]
) -> None:
    layout = torch.channels_last_3d
    # Of a size for which torch takes a library; its own kernels for small ones know no layout.
    video = torch.randn(2, 8, 4, 32, 32).contiguous(memory_format=layout)
    weight = torch.randn(8, 8, *kernel)
    options = {
        "stride": tuple(1 + k // 2 for k in kernel),
        "padding": tuple(k // 2 for k in kernel),
    }
    # What is in this layout is not copied on its way.
    with _Copies() as copies:
        out = function(video, weight, **options)
    assert max(copies.sizes, default=0) < video.numel()
    assert out.is_contiguous(memory_format=layout)
    torch.testing.assert_close(function(video.contiguous(), weight, **options), out)


class _Copies(_Operators):
    """Write down the sizes of what is copied."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket.__name__ in ("clone", "copy_", "_to_copy"):
            self.sizes.append(args[0].numel())
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("reference", list(OURS), ids=lambda f: f.__name__)
@pytest.mark.parametrize("kernel", [(3, 1, 1), (1, 3, 3), (2, 2, 2)], ids=str)
@pytest.mark.parametrize("channels", [1, 9])
def test_every_formulation_can_be_differentiated_twice(
    reference: Callable[..., Tensor], kernel: tuple[int, ...], channels: int
) -> None:
    leaves = _leaves(0, (1, channels, 2, 2, 2), (channels, 1, *kernel), 1, torch.float64)
    if reference is F.conv3d:
        leaves[1] = leaves[1].detach().transpose(0, 1).contiguous().requires_grad_()
    padding = tuple((k - 1) // 2 for k in kernel)

    def call(*args: Tensor) -> Tensor:
        return OURS[reference](*args, stride=(1, 1, 1), padding=padding).tanh()

    assert torch.autograd.gradcheck(call, leaves)
    assert torch.autograd.gradgradcheck(call, leaves, atol=1e-4)


@pytest.mark.parametrize("function", [conv_3d, conv_transpose_3d])
@pytest.mark.parametrize("video", [ROOMY, TIGHT], ids=["roomy", "tight"])
def test_it_runs_under_autocast_compiled_and_without_data(
    function: Callable[..., Tensor], video: Tensor
) -> None:
    channels = video.shape[1]
    weight = torch.randn(channels, channels, 1, 3, 3) / (3 * channels**0.5)
    expected = function(video, weight, padding=(0, 1, 1))
    with torch.autocast("cpu", torch.bfloat16):
        half = function(video, weight, padding=(0, 1, 1))
    assert half.dtype is torch.bfloat16
    torch.testing.assert_close(half.float(), expected, rtol=0.05, atol=0.05)
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(video, weight, padding=(0, 1, 1)), expected)
    like = function(video.to("meta"), weight.to("meta"), padding=(0, 1, 1))
    assert like.shape == expected.shape


@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize(
    ("size", "kernel", "stride"),
    [((2, 8, 12), (3, 4, 4), (1, 2, 2)), ((6, 2, 12), (4, 4, 4), (2, 2, 2))],
)
def test_half_precision_takes_nothing_from_memory_that_was_never_written(
    size: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...],
    layout: torch.memory_format,
) -> None:  # fmt: skip
    for seed in range(20):
        torch.manual_seed(seed)
        video = torch.randn(2, 3, *size).contiguous(memory_format=layout)
        weight = torch.randn(2, 3, *kernel, requires_grad=True)
        found = []
        for half in (False, True):
            # What is freed here is where the next gradient may come to lie.
            rest = [torch.full((n,), float("nan")) for n in (33, 144, 288, 576, 1152, 2304)]
            del rest
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                out = convolve(video, weight, None, stride=stride, padding=(1, 1, 1))
            found += torch.autograd.grad(out.float().sum(), weight)
        torch.testing.assert_close(*found, rtol=0.05, atol=0.5)


def test_a_compiled_program_fits_batches_of_any_size() -> None:
    weight = torch.randn(256, 256, 1, 3, 3)

    class Upsample(torch.nn.Module):
        def forward(self, video: Tensor) -> Tensor:
            return conv_transpose_3d(video, weight, padding=(0, 1, 1))

    batch = {"video": {0: torch.export.Dim("batch", min=1, max=1000)}}
    video = TIGHT.expand(2, -1, -1, -1, -1)
    program = torch.export.export(Upsample(), (video,), dynamic_shapes=batch).module()
    long = TIGHT.expand(20, -1, -1, -1, -1)
    torch.testing.assert_close(program(long), Upsample()(long), rtol=1e-4, atol=1e-3)

"""The formulations for the tensor cores of a GPU, held to torch's convolutions on the CPU."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stgan.functional import _conv_cores
from stgan.functional._conv_cores import convolve, convolve_transposed
from tests.strategies import SEEDS

#: (kernel, stride, padding) of an axis: those of a stage, of a step along another axis, and odd.
AXES = st.sampled_from(
    [(4, 2, 1), (1, 1, 0), (2, 2, 0), (4, 2, 0), (3, 1, 1), (6, 3, 2), (8, 4, 2), (3, 2, 1),
     (5, 1, 2), (4, 4, 0), (6, 2, 2)]
)  # fmt: skip


def _compare(
    ours: Callable[..., Tensor], reference: Callable[..., Tensor], leaves: list[Tensor], **axes: Any
) -> None:
    expected = reference(*leaves, **axes)
    probe = torch.linspace(-1, 1, expected.numel(), dtype=torch.float64).view(expected.shape)
    out = ours(*leaves, **axes)
    torch.testing.assert_close(out, expected)
    for a, b in zip(*(torch.autograd.grad(y, leaves, probe) for y in (out, expected)), strict=True):
        torch.testing.assert_close(a, b)


@given(
    seed=SEEDS, axes=st.tuples(AXES, AXES, AXES), extra=st.tuples(*[st.integers(0, 5)] * 3),
    channels=st.tuples(st.integers(1, 9), st.integers(1, 4)), groups=st.integers(1, 2),
)  # fmt: skip
def test_a_convolution(
    seed: int, axes: tuple[tuple[int, ...], ...], extra: tuple[int, ...],
    channels: tuple[int, int], groups: int,
) -> None:  # fmt: skip
    kernel, stride, padding = zip(*axes, strict=True)
    sizes = [max(1, k - 2 * p) + e for k, p, e in zip(kernel, padding, extra, strict=True)]
    c_in, c_out = (groups * c for c in channels)
    torch.manual_seed(seed)
    shapes = (2, c_in, *sizes), (c_out, c_in // groups, *kernel), (c_out,)
    leaves = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    _compare(convolve, F.conv3d, leaves, stride=stride, padding=padding, groups=groups)


@given(seed=SEEDS, size=st.tuples(*[st.integers(1, 4)] * 3), channels=st.integers(1, 9))
def test_a_kernel_as_large_as_the_clip(seed: int, size: tuple[int, ...], channels: int) -> None:
    torch.manual_seed(seed)
    shapes = (2, channels, *size), (3, channels, *size), (3,)
    leaves = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    _compare(convolve, F.conv3d, leaves, stride=(1, 1, 1), padding=(0, 0, 0), groups=1)


@given(
    seed=SEEDS, axes=st.tuples(AXES, AXES, AXES), sizes=st.tuples(*[st.integers(2, 5)] * 3),
    channels=st.tuples(st.integers(1, 4), st.sampled_from([1, 3, 9])), groups=st.integers(1, 2),
)  # fmt: skip
def test_a_transposed_convolution(
    seed: int, axes: tuple[tuple[int, ...], ...], sizes: tuple[int, ...],
    channels: tuple[int, int], groups: int,
) -> None:  # fmt: skip
    kernel, stride, padding = zip(*axes, strict=True)
    c_in, c_out = (groups * c for c in channels)
    torch.manual_seed(seed)
    shapes = (2, c_in, *sizes), (c_in, c_out // groups, *kernel), (c_out,)
    leaves = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    _compare(
        convolve_transposed, F.conv_transpose3d, leaves,
        stride=stride, padding=padding, groups=groups,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("function", "narrow", "wide", "seen"),
    [
        (convolve, (3, 64), (64, 3), "conv3d"),
        (convolve_transposed, (64, 3), (3, 64), "conv_transpose3d"),
    ],
)
def test_where_few_channels_are_read_or_written_there_is_no_stride(
    function: Callable[..., Tensor], narrow: tuple[int, int], wide: tuple[int, int], seen: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    strides: list[Any] = []

    def spy(name: str) -> Callable[..., Tensor]:
        real = getattr(F, name)

        def call(*given: Any, **options: Any) -> Tensor:
            strides.append((name, options.get("stride")))
            return real(*given, **options)

        return call

    for name in ("conv3d", "conv_transpose3d"):
        monkeypatch.setattr(_conv_cores.F, name, spy(name))
    for c_in, c_out in (narrow, wide):
        weight = (c_out, c_in) if function is convolve else (c_in, c_out)
        function(
            torch.zeros(1, c_in, 4, 4, 4), torch.zeros(*weight, 4, 4, 4), None,
            stride=(2, 2, 2), padding=(1, 1, 1), groups=1,
        )  # fmt: skip
    assert strides == [("conv3d", None), (seen, (2, 2, 2))]


def test_phases_come_with_the_channels_side_by_side() -> None:
    out = convolve_transposed(
        torch.zeros(2, 64, 4, 4, 4), torch.zeros(64, 6, 4, 1, 1), torch.zeros(6),
        stride=(2, 1, 1), padding=(1, 0, 0), groups=1,
    )  # fmt: skip
    assert out.shape == (2, 6, 8, 4, 4)
    assert out.is_contiguous(memory_format=torch.channels_last_3d)

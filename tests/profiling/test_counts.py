"""Counts equal closed forms: multiply-adds by hand, and the bytes of what autograd keeps."""

from itertools import product
from math import prod

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from stgan.layers import ConvTranspose1Plus2d
from stgan.profiling import activation_bytes, multiply_adds
from stgan.shapes import conv_size, conv_transpose_size
from tests.strategies import Geometry, conv_geometries, videos

FLOAT = 4


@st.composite
def fitting_videos(draw: st.DrawFn, geometry: Geometry) -> Tensor:
    """Videos that no kernel of the geometry exceeds."""
    side = max(geometry.kernel_size)
    return draw(videos(min_frames=side, min_side=side, dtype=torch.float32))


@given(geometry=conv_geometries(), groups=st.integers(1, 2), data=st.data())
def test_a_convolution_takes_every_tap_at_every_output(
    geometry: Geometry, groups: int, data: st.DataObject
) -> None:
    video = torch.cat([data.draw(fitting_videos(geometry))] * groups, dim=1)
    n, channels, *size = video.shape
    settings = {"stride": geometry.stride, "padding": geometry.padding}
    conv = nn.Conv3d(channels, 2 * groups, geometry.kernel_size, groups=groups, **settings)
    out = conv_size(tuple(size), kernel_size=geometry.kernel_size, **settings)
    kernel = 2 * groups * (channels // groups) * prod(geometry.kernel_size)
    assert multiply_adds(conv, video) == n * prod(out) * kernel


@given(geometry=conv_geometries(), groups=st.integers(1, 2), video=videos(dtype=torch.float32))
def test_a_transposed_convolution_takes_every_tap_at_every_input(
    geometry: Geometry, groups: int, video: Tensor
) -> None:
    video = torch.cat([video] * groups, dim=1)
    n, channels, *size = video.shape
    conv = nn.ConvTranspose3d(
        channels, 2 * groups, geometry.kernel_size, geometry.stride, geometry.padding, groups=groups
    )
    kernel = channels * 2 * prod(geometry.kernel_size)
    assert multiply_adds(conv, video) == n * prod(size) * kernel


@given(
    size=st.integers(4, 7),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    padding=st.integers(0, 1),
)
def test_taps_beyond_the_border_are_counted_too(
    size: int, kernel: int, stride: int, padding: int
) -> None:
    out = conv_size(size, kernel_size=kernel, stride=stride, padding=padding)
    inside = sum(
        0 <= position * stride + tap - padding < size
        for position, tap in product(range(out), range(kernel))
    )
    counted = multiply_adds(nn.Conv1d(1, 1, kernel, stride, padding), torch.zeros(1, 1, size))
    assert counted == out * kernel
    assert counted >= inside
    assert padding or counted == inside


@given(batch=st.lists(st.integers(1, 3), max_size=2), c_in=st.integers(1, 5))
def test_a_linear_map_takes_its_weights_once_for_every_row(batch: list[int], c_in: int) -> None:
    rows = torch.zeros(*batch, c_in)
    assert multiply_adds(nn.Linear(c_in, 7), rows) == prod(batch) * c_in * 7


class Attention(nn.Module):
    """Scaled dot-product attention over given queries, keys and values."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(query, key, value)


@given(
    n=st.integers(1, 2), heads=st.integers(1, 3), queries=st.integers(1, 5), keys=st.integers(1, 5),
    width=st.integers(1, 4), depth=st.integers(1, 4),
)  # fmt: skip
def test_attention_takes_two_products(
    n: int, heads: int, queries: int, keys: int, width: int, depth: int
) -> None:
    inputs = {
        "query": torch.zeros(n, heads, queries, width),
        "key": torch.zeros(n, heads, keys, width),
        "value": torch.zeros(n, heads, keys, depth),
    }
    assert multiply_adds(Attention(), inputs) == n * heads * queries * keys * (width + depth)


@pytest.mark.parametrize("training", [True, False])
def test_multi_head_attention_is_seen_on_its_fast_path_too(training: bool) -> None:
    attention = nn.MultiheadAttention(8, 2, batch_first=True).train(training).requires_grad_(False)
    tokens = torch.zeros(3, 5, 8)
    expected = 3 * 5 * (8 * 24 + 8 * 8) + 2 * 3 * 5 * 5 * 8
    inputs = {"query": tokens, "key": tokens, "value": tokens, "need_weights": False}
    assert multiply_adds(attention, inputs) == expected
    assert torch.backends.mha.get_fastpath_enabled()


@pytest.mark.parametrize(("cell", "gates"), [(nn.LSTM, 4), (nn.GRU, 3), (nn.RNN, 1)])
def test_recurrent_layers_are_seen(cell: type[nn.RNNBase], gates: int) -> None:
    steps = torch.zeros(7, 2, 5)
    layer = cell(5, 6, num_layers=2, bidirectional=True)
    weights = 2 * gates * 6 * ((5 + 6) + (12 + 6))
    assert multiply_adds(layer, steps) == 7 * 2 * weights


class Products(nn.Module):
    """Products that are neither convolutions nor matrices with matrices."""

    def forward(self, matrix: Tensor, vector: Tensor) -> Tensor:
        return (
            torch.dot(vector, vector) + torch.addmv(matrix[:, 0], matrix, vector) + matrix @ vector
        )


def test_products_with_vectors_are_seen() -> None:
    assert multiply_adds(Products(), (torch.ones(3, 4), torch.ones(4))) == 4 + 12 + 12


@given(batch=st.lists(st.integers(1, 3), max_size=2), sides=st.tuples(*[st.integers(1, 4)] * 3))
def test_a_bilinear_map_takes_two_products(batch: list[int], sides: tuple[int, int, int]) -> None:
    left, right, out = sides
    # Every kernel meets the first input, and then each of its rows the second one.
    rows = (torch.zeros(*batch, left), torch.zeros(*batch, right))
    expected = prod(batch) * out * right * (left + 1)
    assert multiply_adds(nn.Bilinear(left, right, out), rows) == expected


class SummedProducts(nn.Module):
    """Products of several matrices, added up, and of complex vectors."""

    def forward(self, first: Tensor, second: Tensor, vector: Tensor) -> Tensor:
        bias = torch.zeros(first.shape[1], second.shape[2])
        return torch.addbmm(bias, first, second) + torch.vdot(vector, vector).real


@given(n=st.integers(1, 3), sides=st.tuples(*[st.integers(1, 4)] * 3))
def test_products_that_are_added_up_are_seen(n: int, sides: tuple[int, int, int]) -> None:
    rows, inner, columns = sides
    vector = torch.ones(5, dtype=torch.complex64)
    inputs = (torch.ones(n, rows, inner), torch.ones(n, inner, columns), vector)
    assert multiply_adds(SummedProducts(), inputs) == n * rows * inner * columns + 5


@given(geometry=conv_geometries())
def test_the_steps_of_a_factorized_convolution_add_up(geometry: Geometry) -> None:
    video = torch.zeros(2, 3, 2, 3, 4)
    layer = ConvTranspose1Plus2d(3, 2, **vars(geometry), mid_channels=5)
    frames = conv_transpose_size((2, 3, 4), **vars(geometry))[0]
    k_t, k_h, k_w = geometry.kernel_size
    expected = 2 * 12 * (2 * 3 * 5 * k_t + frames * 5 * 2 * k_h * k_w)
    assert multiply_adds(layer, video) == expected


class Exp(nn.Module):
    """``exp``, which keeps its output."""

    def forward(self, x: Tensor) -> Tensor:
        return x.exp()


@given(length=st.integers(1, 5), video=videos())
def test_a_chain_of_exp_keeps_every_output(length: int, video: Tensor) -> None:
    chain = nn.Sequential(*(Exp() for _ in range(length)))
    assert activation_bytes(chain, video) == length * video.numel() * video.element_size()


def test_a_convolution_keeps_its_input_and_no_weight() -> None:
    video = torch.zeros(2, 3, 4, 5, 6)
    assert activation_bytes(nn.Conv3d(3, 9, 3), video) == video.numel() * FLOAT


class Shared(nn.Module):
    """Two uses of one tensor and of a part of it."""

    def forward(self, x: Tensor) -> Tensor:
        y = x.exp()
        return y.sin() + y[:1].cos()


def test_a_storage_counts_once_however_often_it_is_kept() -> None:
    assert activation_bytes(Shared(), torch.zeros(3, 4)) == 12 * FLOAT


class Slice(nn.Module):
    """Keeps a view, and with it all that it is a view of."""

    def forward(self, x: Tensor) -> Tensor:
        return (x + 1)[:1].sin()


def test_a_view_keeps_its_whole_storage() -> None:
    assert activation_bytes(Slice(), torch.zeros(3, 4)) == 12 * FLOAT


class Abandoned(nn.Module):
    """Computes something on the side that no output needs."""

    def forward(self, x: Tensor) -> Tensor:
        float((x + 1).exp().exp().sum().detach())
        return x.exp()


def test_what_no_output_needs_is_not_kept() -> None:
    assert activation_bytes(Abandoned(), torch.zeros(3, 4)) == 12 * FLOAT


class Recomputed(nn.Module):
    """Forgets what is inside and computes it once more on the way back."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = checkpoint(self.inner, x, use_reentrant=False)
        return out


def test_checkpointing_keeps_only_the_input() -> None:
    chain = nn.Sequential(*(Exp() for _ in range(4)))
    assert activation_bytes(Recomputed(chain), torch.zeros(3, 4)) == 12 * FLOAT


def test_nothing_is_kept_for_labels() -> None:
    assert activation_bytes(nn.Embedding(4, 3).requires_grad_(False), torch.tensor([1, 2])) == 0


def test_a_module_that_works_in_place_can_stand_first() -> None:
    act = nn.LeakyReLU(0.2, inplace=True)
    assert activation_bytes(act, torch.zeros(3, 4)) == 12 * FLOAT

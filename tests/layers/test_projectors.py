"""Label projectors: constant where they promise it, linear in soft labels, views where possible."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import stgan
from stgan.errors import ShapeError
from stgan.functional import mix_class_maps, one_hot_label, spread_rows
from stgan.layers import (
    EmbeddingProjector,
    LearnedSpatialProjector,
    LinearProjector,
    OneHotMapProjector,
)
from tests.strategies import SEEDS, label_batches

NAMES = stgan.list("projectors")
ALL = pytest.mark.parametrize("name", NAMES)
SIZES = st.one_of(st.tuples(*[st.integers(1, 5)] * 3), st.tuples(*[st.integers(1, 5)] * 2))


@st.composite
def labels(draw: st.DrawFn) -> tuple[Tensor, int]:
    torch.manual_seed(draw(SEEDS))
    classes = draw(st.integers(1, 4))
    return draw(label_batches(batch=draw(st.integers(1, 3)), num_classes=classes)), classes


def _build(name: str, classes: int) -> Any:
    return stgan.create("projectors", name, classes, *([] if name == "one_hot" else [3])).double()


@ALL
@given(drawn=labels(), size=SIZES)
def test_the_shape_is_as_promised_and_nothing_moves(
    name: str, drawn: tuple[Tensor, int], size: tuple[int, ...]
) -> None:
    label, classes = drawn
    project = _build(name, classes)
    out = project(label, size)
    assert tuple(out.shape) == project.output_shape(tuple(label.shape), size)
    assert out.shape[1] == project.out_channels
    if len(size) == 3:
        assert torch.equal(out, out[:, :, :1].expand_as(out))
        assert out.stride(2) == 0 or size[0] == 1
        assert torch.equal(out[:, :, 0], project(label, size[1:]))


@ALL
@given(drawn=labels(), size=SIZES)
def test_a_class_index_and_its_one_hot_row_are_the_same(
    name: str, drawn: tuple[Tensor, int], size: tuple[int, ...]
) -> None:
    label, classes = drawn
    project = _build(name, classes)
    assert torch.equal(project(label, size), project(one_hot_label(label, classes), size))


@pytest.mark.parametrize("name", [n for n in NAMES if n != "learned_spatial"])
@given(drawn=labels(), size=SIZES)
def test_vectors_are_shown_to_every_position_without_copies(
    name: str, drawn: tuple[Tensor, int], size: tuple[int, ...]
) -> None:
    label, classes = drawn
    out = _build(name, classes)(label, size)
    at_one = out[(..., *(0 for _ in size))]
    assert torch.equal(out, spread_rows(at_one, size))
    assert out.untyped_storage().nbytes() == at_one.numel() * out.element_size()


@ALL
@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_the_type_is_that_of_a_like_and_still_a_view(name: str, dtype: torch.dtype) -> None:
    project = _build(name, 2).float()
    out = project(torch.tensor([1]), (50, 4, 4), like=torch.zeros(1, dtype=dtype))
    assert out.dtype == dtype
    assert out.stride(2) == 0
    assert out.untyped_storage().nbytes() <= 3 * 4 * 4 * out.element_size()
    assert project(torch.tensor([1]), (1, 1, 1)).dtype == torch.float32


@pytest.mark.parametrize("build", [
    lambda k: EmbeddingProjector(k, 3),
    lambda k: LearnedSpatialProjector(k, 3, map_size=(2, 3)),
    lambda k: LinearProjector(k, 3, act=None),
    OneHotMapProjector,
], ids=["embedding", "learned_spatial", "linear", "one_hot"])  # fmt: skip
@given(drawn=labels(), size=SIZES, share=st.floats(0, 1))
def test_a_soft_label_mixes_the_classes(
    build: Callable[[int], nn.Module], drawn: tuple[Tensor, int], size: Any, share: float
) -> None:
    label, classes = drawn
    project = build(classes).double()
    rows = one_hot_label(label, classes, dtype=torch.float64)
    other = rows.roll(1, dims=1)
    like = torch.zeros((), dtype=torch.float64)
    mixed = project(share * rows + (1 - share) * other, size, like=like)
    expected = share * project(rows, size, like=like) + (1 - share) * project(
        other, size, like=like
    )
    torch.testing.assert_close(mixed, expected)


def test_an_activation_acts_on_the_mixture() -> None:
    project = LinearProjector(2, 1, bias=False)
    nn.init.constant_(project.linear.weight, 1)
    with torch.no_grad():
        project.linear.weight[0, 1] = -1
    rows = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    assert project(rows, (1, 1)).flatten().tolist() == [1, 0, 0]
    assert project.linear.bias is None
    with_tanh = LinearProjector(2, 1, act=nn.Tanh)
    torch.testing.assert_close(
        with_tanh(rows, (1, 1))[..., 0, 0], torch.tanh(with_tanh.linear(rows))
    )


@given(labels(), SIZES)
def test_an_embedding_is_a_row_of_its_table(
    drawn: tuple[Tensor, int], size: tuple[int, ...]
) -> None:
    label, classes = drawn
    project = _build("embedding", classes)
    expected = torch.stack([project.table.weight[k] for k in label])
    assert torch.equal(project(label, size), spread_rows(expected, size))


@given(labels(), st.tuples(*[st.integers(1, 4)] * 2), st.tuples(*[st.integers(1, 5)] * 2))
def test_a_learned_map_is_resized_bilinearly(
    drawn: tuple[Tensor, int], map_size: tuple[int, int], size: tuple[int, int]
) -> None:
    label, classes = drawn
    project = LearnedSpatialProjector(classes, 2, map_size=map_size).double()
    assert project.maps.shape == (classes, 2, *map_size)
    out = project(label, size)

    def source(place: int, there: int, here: int) -> tuple[int, int, float]:
        at = min(max((place + 0.5) * here / there - 0.5, 0.0), here - 1.0)
        return int(at), min(int(at) + 1, here - 1), at - int(at)

    for n, k in enumerate(label.tolist()):
        for i in range(size[0]):
            for j in range(size[1]):
                top, bottom, y = source(i, size[0], map_size[0])
                left, right, x = source(j, size[1], map_size[1])
                m = project.maps[k]
                upper = (1 - x) * m[:, top, left] + x * m[:, top, right]
                lower = (1 - x) * m[:, bottom, left] + x * m[:, bottom, right]
                torch.testing.assert_close(out[n, :, i, j], (1 - y) * upper + y * lower)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "one_hot"])
def test_only_the_classes_that_are_shown_learn(name: str) -> None:
    project = _build(name, 3)
    project(torch.tensor([0, 2]), (2, 3, 3)).square().sum().backward()
    weight = project.linear.weight.T if name == "linear" else next(project.parameters())
    grad = project.linear.weight.grad.T if name == "linear" else weight.grad
    assert grad[1].abs().sum() == 0
    assert name == "linear" or grad[[0, 2]].flatten(1).abs().sum(1).min() > 0


@ALL
@pytest.mark.parametrize(
    ("label", "error", "message"),
    [
        (torch.tensor([0, 6]), ValueError, "label 6 is out of range for 6 classes"),
        (torch.zeros(2, 5), ShapeError, r"\(N, K=6\) rows, got \(2, 5\)"),
        (torch.zeros(2, 6, 1), ShapeError, r"\(N, K=6\) rows, got \(2, 6, 1\)"),
    ],
    ids=["range", "rows", "axes"],
)
def test_wrong_labels_are_refused(
    name: str, label: Tensor, error: type[Exception], message: str
) -> None:
    project = _build(name, 6)
    with pytest.raises(error, match=message):
        project(label, (2, 3, 3))
    if error is ShapeError:
        with pytest.raises(error, match=message):
            project.output_shape(tuple(label.shape), (2, 3, 3))


def test_a_learned_map_refuses_sizes_that_are_not_of_frames() -> None:
    project = LearnedSpatialProjector(2, 3)
    with pytest.raises(ValueError, match=r"size must be \(T, H, W\) or \(H, W\), got \(4,\)"):
        project(torch.tensor([1]), (4,))
    with pytest.raises(ValueError, match=r"size must be \(T, H, W\) or \(H, W\), got \(4,\)"):
        project.output_shape((1,), (4,))
    with pytest.raises(TypeError, match=r"map_size must be an integer or \(H, W\)"):
        LearnedSpatialProjector(2, 3, map_size=(1, 2, 3))  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match=r"rows must be laid out as \(N, K=2\), got \(1, 3\)"):
        mix_class_maps(torch.zeros(1, 3), project.maps, (4, 4))


@ALL
def test_counts_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="num_classes must be at least 1, got 0"):
        _build(name, 0)
    if name != "one_hot":
        with pytest.raises(ValueError, match="channels must be at least 1, got 0"):
            stgan.create("projectors", name, 2, 0)


def test_rows_of_another_layout_are_not_spread() -> None:
    with pytest.raises(ShapeError, match=r"rows must be laid out as \(N, C\), got \(2,\)"):
        spread_rows(torch.zeros(2), (1, 1))

"""Heads are the linear maps that they say, take the conditions that they say, and no others."""

from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from stgan.discriminators import (
    AuxiliaryClassifierHead,
    HeadOutput,
    InfoGANHead,
    LinearHead,
    PatchHead,
    ProjectionHead,
)
from stgan.errors import ShapeError
from stgan.functional import one_hot_label, projection_logit
from stgan.testing import check_module
from tests.strategies import SEEDS

CONVS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
SIZES = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)
PLAIN: dict[str, Any] = {"spectral_norm": False}


def features_of(size: tuple[int, ...], seed: int, *, n: int = 3, channels: int = 4) -> Tensor:
    torch.manual_seed(seed)
    return torch.randn(n, channels, *size, dtype=torch.float64)


@given(SIZES, SEEDS, st.booleans())
def test_a_linear_head_is_a_convolution_of_the_size_of_the_features(
    size: tuple[int, ...], seed: int, spectral_norm: bool
) -> None:
    features = features_of(size, seed)
    head = LinearHead(4, size, spectral_norm=spectral_norm).double().eval()
    weight = head.linear.weight.reshape(1, 4, *size)
    expected = CONVS[len(size)](features, weight, head.linear.bias).flatten()
    torch.testing.assert_close(head(features), expected)
    assert head.output_shape(features.shape) == (3,)


@given(SIZES, SEEDS)
def test_without_a_size_features_are_averaged(size: tuple[int, ...], seed: int) -> None:
    features = features_of(size, seed)
    average = features.mean(dim=tuple(range(2, features.ndim)))
    head = LinearHead(4).double().eval()
    torch.testing.assert_close(head(features), head.linear(average).flatten())


@given(SIZES, SEEDS)
def test_a_patch_head_says_of_every_place_what_it_says_of_the_place_alone(
    size: tuple[int, ...], seed: int
) -> None:
    features = features_of(size, seed)
    head = PatchHead(4).double().eval()
    logits = head(features)
    assert tuple(logits.shape) == head.output_shape(features.shape) == (3, *size)
    alone = torch.stack(
        [head(place[..., None]).flatten() for place in features.flatten(2).mT.unbind(1)]
    )
    torch.testing.assert_close(logits.flatten(1), alone.T)
    # The mean of what it says is what is said of the mean.
    linear = LinearHead(4).double().eval()
    linear.load_state_dict(head.state_dict())
    torch.testing.assert_close(logits.flatten(1).mean(dim=1), linear(features))


@given(SIZES, SEEDS, st.booleans(), st.booleans(), st.booleans())
def test_a_projection_is_the_inner_product_with_the_row_of_the_label(
    size: tuple[int, ...], seed: int, scale: bool, unconditional: bool, declared: bool
) -> None:
    features, label = features_of(size, seed), torch.tensor([2, 0, 2])
    head = ProjectionHead(
        4, size if declared else None, num_classes=3, scale=scale, unconditional=unconditional
    )
    head.double().eval()
    logits = head(features, label)
    rows, average = head.embedding.weight.T[label], features.flatten(2).mean(dim=2)
    for n in range(3):
        expected = sum(rows[n, c] * average[n, c] for c in range(4)) / (2 if scale else 1)
        if unconditional:
            assert head.linear is not None
            vector = features[n].flatten() if declared else average[n]
            expected = expected + head.linear(vector)[0]
        torch.testing.assert_close(logits[n], torch.as_tensor(expected))
    assert head.output_shape(features.shape, label.shape) == (3,)
    torch.testing.assert_close(head(features, one_hot_label(label, 3)), logits)


@given(SEEDS, st.integers(1, 5))
def test_a_projection_is_linear_in_a_continuous_condition(seed: int, dim: int) -> None:
    features = features_of((2, 3), seed)
    one, two = torch.randn(2, 3, dim, dtype=torch.float64)
    head = ProjectionHead(4, (2, 3), condition_dim=dim).double().eval()
    assert head.linear is not None
    alone = head.linear(features.flatten(1)).flatten()
    torch.testing.assert_close(head(features, torch.zeros_like(one)), alone)
    mixed = head(features, 2 * one - 3 * two) - alone
    torch.testing.assert_close(
        mixed, 2 * (head(features, one) - alone) - 3 * (head(features, two) - alone)
    )


def test_a_scaled_projection_divides_by_the_root_of_the_length() -> None:
    vector, embedding = torch.randn(2, 5, 9)
    torch.testing.assert_close(
        projection_logit(vector, embedding, scale=True) * 3, projection_logit(vector, embedding)
    )


@pytest.mark.parametrize(
    ("head", "lengths"),
    [
        (partial(AuxiliaryClassifierHead, num_classes=3), {"label": 3}),
        (partial(InfoGANHead, num_classes=3), {"label": 3}),
        (partial(InfoGANHead, code_dim=2), {"code": 2}),
        (partial(InfoGANHead, num_classes=3, code_dim=2), {"label": 3, "code": 2}),
        (partial(InfoGANHead, code_dim=2, learn_variance=True),
         {"code": 2, "code_log_variance": 2}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [None, (2, 3)])
def test_predictions_are_linear_maps_beside_an_untouched_logit(
    head: Any, lengths: dict[str, int], size: tuple[int, ...] | None
) -> None:
    features = features_of((2, 3), 0)
    network = head(4, size).double().eval()
    output = network(features)
    assert isinstance(output, HeadOutput)
    assert {name: value.shape[1] for name, value in output.predictions.items()} == lengths
    assert network.output_shape(features.shape) == (
        (3,), {name: (3, length) for name, length in lengths.items()},
    )  # fmt: skip
    vector = features.flatten(1) if size else features.mean(dim=(2, 3))
    torch.testing.assert_close(
        torch.cat(list(output.predictions.values()), dim=1), network.predictor(vector)
    )
    linear = LinearHead(4, size).double().eval()
    linear.linear.load_state_dict(network.linear.state_dict())
    torch.testing.assert_close(output.logits, linear(features))


HEADS: dict[str, Any] = {
    "linear": LinearHead,
    "patch": PatchHead,
    "projection": partial(ProjectionHead, condition_dim=2),
    "auxiliary_classifier": partial(AuxiliaryClassifierHead, num_classes=3),
    "infogan": partial(InfoGANHead, code_dim=2),
}


@pytest.mark.parametrize("name", HEADS)
def test_weights_begin_as_said_and_are_normalized_unless_told_otherwise(name: str) -> None:
    torch.manual_seed(0)
    maps = [m for m in HEADS[name](64, (1, 4, 4)).eval().modules() if isinstance(m, nn.Linear)]
    assert maps
    for linear in maps:
        # The estimate of power iteration falls a little short where rows are many.
        norm = torch.linalg.matrix_norm(linear.weight, ord=2).item()
        assert norm == pytest.approx(1, abs=0.05)
        raw = linear.parametrizations.weight.original
        assert raw.std().item() == pytest.approx(0.02, rel=0.25)
    plain = HEADS[name](64, (1, 4, 4), init_std=0.5, **PLAIN)
    for linear in (m for m in plain.modules() if isinstance(m, nn.Linear)):
        assert linear.weight.std().item() == pytest.approx(0.5, rel=0.25)
    usual = HEADS[name](64, (1, 4, 4), init_std=None, **PLAIN)
    assert all(
        m.weight.abs().max() <= m.in_features**-0.5 + 1e-6
        for m in usual.modules()
        if isinstance(m, nn.Linear)
    )


@pytest.mark.parametrize("name", HEADS)
def test_the_contract_holds_for_any_size_and_for_continuous_conditions(name: str) -> None:
    inputs: dict[str, Any] = {"features": torch.randn(2, 3, 2, 2, 3)}
    if name == "projection":
        inputs["condition"] = torch.randn(2, 2)
    results = check_module(
        HEADS[name](3, None, **PLAIN), inputs, refusal="features of another number of axes are fine"
    )
    assert results["export"] == results["compile"] == results["gradcheck"] == "yes"


FEATURES = torch.zeros(2, 3, 4, 4)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: LinearHead(0), ValueError, "in_channels must be at least 1, got 0"),
        (lambda: LinearHead(3, (2, 2, 2, 2)), ValueError, r"feature_size must be \(T,\), \(H, W\)"),
        (lambda: LinearHead(3, ()), ValueError, r"feature_size must be .*, got \(\)"),
        (lambda: PatchHead(3, (2, 0)), ValueError, "each side of feature_size must be at least 1"),
        (lambda: ProjectionHead(3), ValueError, "be positive and the other 0, got 0 and 0"),
        (lambda: ProjectionHead(3, num_classes=2, condition_dim=2), ValueError, "got 2 and 2"),
        (lambda: ProjectionHead(3, num_classes=-1), ValueError, "at least 0, got -1"),
        (lambda: AuxiliaryClassifierHead(3, num_classes=0), ValueError, "num_classes must be at "),
        (lambda: InfoGANHead(3), ValueError, "must be positive, got 0 and 0"),
        (lambda: InfoGANHead(3, num_classes=2, code_dim=-1), ValueError, "code_dim must be at "),
        (lambda: InfoGANHead(3, num_classes=2, learn_variance=True), ValueError, "give code_dim"),
        (lambda: LinearHead(3, (4, 5))(FEATURES), ShapeError, r"H=4, W=5\), got \(2, 3, 4, 4\)"),
        (lambda: LinearHead(5)(FEATURES), ShapeError, r"\(N, C=5, H, W\), got \(2, 3, 4, 4\)"),
        (lambda: LinearHead(3)(FEATURES[..., 0, 0]), ShapeError, r"one to three more .* \(2, 3\)"),
        (lambda: LinearHead(3)(FEATURES, torch.tensor([0, 1])), ValueError, "takes no condition"),
        (lambda: AuxiliaryClassifierHead(3, num_classes=2)(FEATURES, torch.tensor([0, 1])),
         ValueError, "takes no condition; do not pass one"),
        (lambda: ProjectionHead(3, num_classes=2)(FEATURES), ValueError,
         "built for labels of 2 classes; pass them as condition"),
        (lambda: ProjectionHead(3, condition_dim=5)(FEATURES), ValueError,
         "built for vectors of 5 numbers; pass them as condition"),
        (lambda: ProjectionHead(3, num_classes=2)(FEATURES, torch.tensor([0, 1, 1])), ShapeError,
         r"\(N=2,\) integers or \(N=2, K=2\) rows, got \(3,\)"),
        (lambda: ProjectionHead(3, num_classes=2)(FEATURES, torch.tensor([0, 2])), ValueError,
         "label 2 is out of range for 2 classes"),
        (lambda: ProjectionHead(3, condition_dim=5)(FEATURES, torch.zeros(2, 4)), ShapeError,
         r"condition must be laid out as \(N=2, D=5\), got \(2, 4\)"),
        (lambda: ProjectionHead(3, condition_dim=5).output_shape((2, 3, 4, 4), (2, 4)), ShapeError,
         r"condition must be laid out as \(N=2, D=5\), got \(2, 4\)"),
        (lambda: projection_logit(torch.zeros(2, 3), torch.zeros(2, 4)), ShapeError,
         r"embedding must be laid out as \(N=2, D=3\), got \(2, 4\)"),
    ],
)  # fmt: skip
def test_refusals_teach(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()

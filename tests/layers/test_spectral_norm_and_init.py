"""Spectral norm against the singular values, initialization against its statistics."""

import copy
import shutil
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrize

from stgan.layers import SpectralNorm, init_normal_, leaky_relu, spectral_norm
from stgan.layers.init import prepare
from stgan.layers.projectors import OneHotMapProjector
from tests.strategies import SEEDS


@given(SEEDS, st.integers(1, 6), st.integers(1, 4), st.integers(1, 3))
def test_many_iterations_find_the_largest_singular_value(
    seed: int, c_out: int, c_in: int, kernel: int
) -> None:
    torch.manual_seed(seed)
    # Known singular values, the first well apart: power iteration converges by their ratio.
    matrix = torch.randn(c_out, c_in * kernel**3, dtype=torch.float64)
    u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
    s = torch.cat([s.new_tensor([3.0]), torch.full_like(s[1:], 1.0)])
    weight = ((u * s) @ vh).reshape(c_out, c_in, kernel, kernel, kernel)
    normalized = SpectralNorm(weight).eval()(weight)
    largest = torch.linalg.matrix_norm(normalized.flatten(1), ord=2)
    torch.testing.assert_close(largest, torch.ones_like(largest), atol=1e-9, rtol=0)


@pytest.mark.parametrize("iterations", [1, 3])
def test_each_use_in_training_mode_iterates_in_the_order_of_the_paper(iterations: int) -> None:
    weight = torch.randn(4, 3, 2, dtype=torch.float64)
    norm = SpectralNorm(weight, iterations)
    u = norm._u.clone()
    out = norm(weight)
    matrix = weight.flatten(1)
    for _ in range(iterations):
        v = nn.functional.normalize(matrix.T @ u, dim=0)
        u = nn.functional.normalize(matrix @ v, dim=0)
    torch.testing.assert_close(norm._u, u)
    torch.testing.assert_close(norm._v, v)
    torch.testing.assert_close(out, weight / (u @ matrix @ v))


def test_evaluation_iterates_not_and_two_uses_before_one_backward_work() -> None:
    layer = spectral_norm(nn.Conv3d(2, 3, 2)).eval()
    x = torch.randn(1, 2, 3, 3, 3)
    assert torch.equal(layer(x), layer(x))
    layer.train()
    (layer(x) - layer(2 * x)).square().sum().backward()
    assert layer.parametrizations.weight.original.grad is not None
    copy.deepcopy(layer)  # which torch's older spectral norm refuses after a backward pass


# Within torch, as it loads its compiler.
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a compiler of C++")
def test_two_uses_before_one_backward_work_in_a_compiled_program() -> None:
    torch.manual_seed(0)
    plain = spectral_norm(nn.Linear(3, 4))
    compiled = copy.deepcopy(plain)
    program = torch.compile(compiled, backend="inductor")
    x = torch.randn(2, 3)
    for call in (plain, program):
        (call(x) - call(2 * x)).square().sum().backward()
    for found, expected in zip(compiled.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad)
    torch.testing.assert_close(compiled.state_dict(), plain.state_dict())


def test_autocast_does_not_round_sigma() -> None:
    weight = torch.randn(8, 6)
    plain, cast = SpectralNorm(weight), SpectralNorm(weight)
    cast.load_state_dict(plain.state_dict())
    with torch.autocast("cpu", torch.bfloat16):
        normalized = cast(weight)
    assert torch.equal(normalized, plain(weight))
    assert torch.equal(cast._u, plain._u)


# Within torch, where it finds forward derivatives.
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("options", [{}, {"axis": 1}, {"axis": 1, "groups": 2}], ids=str)
def test_the_gradient_and_its_gradient_pass_through_sigma(options: dict[str, int]) -> None:
    weight = torch.randn(4, 3, 2, dtype=torch.float64, requires_grad=True)
    norm = SpectralNorm(weight, **options).eval()
    assert torch.autograd.gradcheck(norm, (weight,), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(norm, (weight,))


@given(SEEDS, st.integers(1, 5), st.integers(1, 5))
def test_gradients_are_those_of_the_quotient_that_autograd_takes(
    seed: int, rows: int, columns: int
) -> None:
    torch.manual_seed(seed)
    weight = torch.randn(rows, columns, dtype=torch.float64, requires_grad=True)
    norm = SpectralNorm(weight).eval()
    quotient = weight / (norm._u @ weight @ norm._v)
    weighted = torch.randn_like(weight)
    found, expected = (
        torch.autograd.grad((out.sin() * weighted).sum(), weight, create_graph=True)[0]
        for out in (norm(weight), quotient)
    )
    torch.testing.assert_close(found, expected)
    penalties = [gradient.square().sum() for gradient in (found, expected)]
    torch.testing.assert_close(*(torch.autograd.grad(penalty, weight)[0] for penalty in penalties))


def test_functional_transforms_take_derivatives_in_training_mode() -> None:
    weight = torch.randn(4, 3, 2, dtype=torch.float64)
    norm = SpectralNorm(weight)
    plain = copy.deepcopy(norm)
    found = torch.func.grad(lambda weight: norm(weight).sin().sum())(weight)
    leaf = weight.clone().requires_grad_()
    plain(leaf).sin().sum().backward()
    torch.testing.assert_close(found, leaf.grad)
    torch.testing.assert_close(norm.state_dict(), plain.state_dict())


def test_functional_transforms_see_through() -> None:
    weights = torch.randn(3, 4, 2, dtype=torch.float64)
    norm = SpectralNorm(weights[0]).eval()

    def loss(weight: torch.Tensor) -> torch.Tensor:
        return norm(weight).sin().sum()

    by_hand = torch.stack([torch.func.grad(loss)(weight) for weight in weights])
    torch.testing.assert_close(torch.func.vmap(torch.func.grad(loss))(weights), by_hand)


@given(SEEDS, st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
def test_a_transposed_weight_is_normalized_as_the_forward_weight_of_the_same_matrix(
    seed: int, groups: int, c_in: int, c_out: int
) -> None:
    torch.manual_seed(seed)
    # Both layers have the same matrix: its rows are channels of the output.
    forward = nn.Conv3d(groups * c_in, groups * c_out, 2, groups=groups).double()
    transposed = nn.ConvTranspose3d(groups * c_in, groups * c_out, 2, groups=groups).double()
    blocks = forward.weight.detach().unflatten(0, (groups, c_out)).transpose(1, 2)
    transposed.weight.data = blocks.flatten(0, 1).contiguous()
    for layer in (forward, transposed):
        torch.manual_seed(seed)
        spectral_norm(layer)
    torch.testing.assert_close(
        transposed.weight.unflatten(0, (groups, c_in)).transpose(1, 2).flatten(0, 1),
        forward.weight,
    )
    assert transposed.parametrizations.weight[0]._u.shape == (groups * c_out,)


def test_a_depthwise_kernel_is_a_matrix_of_one_row_for_every_channel() -> None:
    layer = spectral_norm(nn.ConvTranspose2d(5, 5, 3, groups=5).double())
    for _ in range(500):
        matrix = layer.weight.flatten(1)
    assert torch.linalg.matrix_norm(matrix, ord=2).item() == pytest.approx(1, abs=1e-6)


def test_an_axis_or_groups_that_make_no_matrix_are_refused() -> None:
    with pytest.raises(ValueError, match="axis must be 0 or 1, got 2"):
        SpectralNorm(torch.ones(2, 2, 2), axis=2)
    with pytest.raises(ValueError, match=r"groups matter only for axis 1.* leave groups at 1"):
        SpectralNorm(torch.ones(2, 2, 2), groups=2)


@pytest.mark.parametrize(
    "layer", [nn.Conv2d(64, 64, 4), nn.Conv3d(32, 32, 4), nn.ConvTranspose2d(64, 64, 4),
              nn.ConvTranspose3d(32, 32, 4), nn.Linear(256, 256)], ids=lambda x: type(x).__name__
)  # fmt: skip
def test_all_kinds_of_layers_are_initialized(layer: nn.Module) -> None:
    bias = layer.bias.clone()
    init_normal_(layer, std=0.02)
    assert layer.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert torch.equal(layer.bias, bias)


def test_norms_are_initialized_around_one_and_parts_can_be_left_alone() -> None:
    network = nn.Sequential(nn.ConvTranspose3d(8, 8, 4), nn.BatchNorm3d(2000))
    conv = network[0].weight.clone()
    init_normal_(network, convs=False)
    assert torch.equal(network[0].weight, conv)
    assert network[1].weight.mean().item() == pytest.approx(1, abs=0.005)
    assert network[1].weight.std().item() == pytest.approx(0.02, rel=0.1)
    norm = network[1].weight.clone()
    init_normal_(network, norms=False)
    assert torch.equal(network[1].weight, norm)
    assert not torch.equal(network[0].weight, conv)


def test_a_wrapped_weight_is_refused_instead_of_left_as_it_is() -> None:
    with pytest.raises(ValueError, match="0 is wrapped in a parametrization; initialize it before"):
        init_normal_(nn.Sequential(spectral_norm(nn.Conv2d(3, 3, 3))))


def test_the_activation_has_the_slope_of_the_paper() -> None:
    assert leaky_relu()(torch.tensor([-1.0, 2.0])).tolist() == pytest.approx([-0.2, 2.0])


def test_the_projector_has_no_weights_and_takes_the_type_it_is_asked_for() -> None:
    project = OneHotMapProjector(3)
    assert not list(project.parameters())
    like = torch.zeros(1, dtype=torch.bfloat16)
    spread = project(torch.tensor([2, 0]), (2, 4, 4), like=like)
    assert spread.dtype is torch.bfloat16
    assert tuple(spread.shape) == project.output_shape((2,), (2, 4, 4)) == (2, 3, 2, 4, 4)
    with pytest.raises(ValueError, match="num_classes must be at least 1, got 0"):
        OneHotMapProjector(0)


@pytest.mark.parametrize("layer", [nn.Linear(64, 64), nn.Conv2d(64, 64, 3)])
def test_a_prepared_layer_is_initialized_before_it_is_normalized(layer: nn.Module) -> None:
    assert prepare(layer, init_std=0.5, spectral_norm=True) is layer
    raw: Any = layer.get_parameter("parametrizations.weight.original")
    assert raw.std().item() == pytest.approx(0.5, rel=0.1)
    weight: Any = layer.eval().weight
    assert torch.linalg.matrix_norm(weight.flatten(1), ord=2).item() == pytest.approx(1, rel=0.1)


def test_a_prepared_module_has_the_layer_inside_it_normalized() -> None:
    stage = nn.Sequential(nn.Conv3d(4, 8, 3), nn.BatchNorm3d(8))
    before = {name: value.clone() for name, value in stage.state_dict().items()}
    prepare(stage, init_std=None, spectral_norm=False)
    assert all(torch.equal(value, before[name]) for name, value in stage.state_dict().items())
    prepare(stage, init_std=0.5, spectral_norm=True, wrapped=stage[0])
    assert parametrize.is_parametrized(stage[0], "weight")
    assert stage[1].weight.std().item() > 0.1

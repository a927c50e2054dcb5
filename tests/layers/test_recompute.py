"""Recomputed activations change what is kept, and nothing else."""

import copy
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef

from stgan.layers import (
    Conv1Plus2d,
    ConvTranspose1Plus2d,
    ConvTranspose2Plus1d,
    SeparableConv3d,
    recompute_activations,
)
from stgan.layers.recompute import can_recompute
from tests.strategies import SEEDS

LAYERS = [Conv1Plus2d, ConvTranspose1Plus2d, ConvTranspose2Plus1d, SeparableConv3d]
NORMS: dict[str, Any] = {
    "batch": nn.BatchNorm3d,
    "without statistics": lambda c: nn.BatchNorm3d(c, track_running_stats=False),
    "group": lambda c: nn.GroupNorm(2, c),
    "instance": nn.InstanceNorm3d,
}


def _pair(cls: type[nn.Module], seed: int = 0, **settings: Any) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(seed)
    plain = cls(4, 6, 4, 2, 1, **settings).double()
    again = copy.deepcopy(plain)
    assert recompute_activations(nn.Sequential(again)) == 1
    return plain, again


def _results(layer: nn.Module, video: Tensor) -> list[Tensor]:
    out = layer(video)
    leaves = [video, *layer.parameters()]
    probe = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view(out.shape)
    return [out, *torch.autograd.grad(out, leaves, probe), *layer.buffers()]


@pytest.mark.parametrize("cls", LAYERS, ids=lambda cls: cls.__name__)
@given(seed=SEEDS, norm=st.sampled_from(list(NORMS)), training=st.booleans())
def test_values_gradients_and_statistics_stay_the_same(
    cls: type[nn.Module], seed: int, norm: str, training: bool
) -> None:
    plain, again = _pair(cls, seed, norm=NORMS[norm], spectral_norm=seed % 2 == 0)
    video = torch.randn(2, 4, 4, 5, 6, dtype=torch.float64, requires_grad=True)
    expected = _results(plain.train(training), video)
    for a, b in zip(_results(again.train(training), video), expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def _outlives_the_forward_pass(layer: nn.Module, video: Tensor) -> bool:
    """Whether the output of the activation is still in memory, for the backward pass."""
    seen: list[StorageWeakRef] = []
    handle = layer.act.register_forward_hook(
        lambda module, inputs, out: seen.append(StorageWeakRef(out.untyped_storage()))
    )
    out = layer(video)
    handle.remove()
    assert out.requires_grad
    return not seen[0].expired()


@pytest.mark.parametrize("norm", list(NORMS))
def test_the_activation_is_not_kept(norm: str) -> None:
    plain, again = _pair(ConvTranspose1Plus2d, norm=NORMS[norm])
    video = torch.randn(2, 4, 4, 5, 6, dtype=torch.float64)
    assert _outlives_the_forward_pass(plain, video)
    assert not _outlives_the_forward_pass(again, video)
    recompute_activations(again, enabled=False)
    assert _outlives_the_forward_pass(again, video)


@pytest.mark.parametrize("settings", [{"norm": None}, {"act": nn.Tanh}, {"act": None}], ids=str)
def test_elsewhere_it_has_no_effect(settings: dict[str, Any]) -> None:
    plain, again = _pair(ConvTranspose1Plus2d, **settings)
    assert not can_recompute(again.norm, again.act)
    video = torch.randn(2, 4, 4, 5, 6, dtype=torch.float64, requires_grad=True)
    for a, b in zip(_results(again, video), _results(plain, video), strict=True):
        assert torch.equal(a, b)


def test_it_can_be_differentiated_twice_and_compiled() -> None:
    layer = _pair(ConvTranspose1Plus2d)[1]
    video = torch.randn(1, 4, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: layer(x).tanh(), video)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(video), layer(video))


def test_networks_without_two_steps_have_nothing_to_switch() -> None:
    assert recompute_activations(nn.Conv3d(2, 3, 3)) == 0

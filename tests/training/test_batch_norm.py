"""Alone, synchronized batch norm is torch's; what processes share is tested in tests/faults."""

import copy
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from stgan.errors import ShapeError
from stgan.training import SynchronizedBatchNorm, ddp_settings, synchronize_batch_norm

_NORMS = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}


@st.composite
def shapes(draw: st.DrawFn) -> tuple[int, ...]:
    rest = draw(st.lists(st.integers(1, 3), max_size=3))
    return (draw(st.integers(2, 4)), draw(st.integers(1, 4)), *rest)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    shape=shapes(),
    affine=st.booleans(),
    track=st.booleans(),
    momentum=st.sampled_from([0.1, 0.7, None]),
    seed=st.integers(0, 2**31),
)
@pytest.mark.usefixtures("group")
def test_values_first_and_second_gradients_and_statistics_are_those_of_torch(
    shape: tuple[int, ...], affine: bool, track: bool, momentum: float | None, seed: int
) -> None:
    torch.manual_seed(seed)
    options: dict[str, Any] = {"momentum": momentum, "affine": affine, "track_running_stats": track}
    theirs = _NORMS[len(shape)](shape[1], **options).double()
    if affine:
        nn.init.normal_(theirs.weight)
    ours = SynchronizedBatchNorm(shape[1], **options).double()
    ours.load_state_dict(theirs.state_dict())
    results = []
    for norm in (ours, theirs):
        x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        x.requires_grad_()
        for _ in range(2):
            out = norm(x)
        (slope,) = torch.autograd.grad(out.sin().sum(), x, create_graph=True)
        slope.square().sum().backward()
        weight = norm.weight.grad if affine else None
        results.append((out.detach(), slope.detach(), x.grad, weight, norm.state_dict()))
        results[-1] += (norm.eval()(x).detach(),)
    torch.testing.assert_close(results[0], results[1])


@pytest.mark.usefixtures("group")
def test_half_precision_is_normalized_in_float32() -> None:
    x = 3 + torch.randn(4, 2, 8, 16, 16).bfloat16()
    norm = SynchronizedBatchNorm(2)
    out = norm(x)
    assert out.dtype == torch.bfloat16
    expected = nn.BatchNorm3d(2)(x.float())
    torch.testing.assert_close(out.float(), expected, rtol=0.01, atol=0.01)
    assert norm.running_mean is not None
    assert norm.running_mean.dtype == torch.float32


def test_networks_are_converted_where_they_are() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Sequential(nn.BatchNorm1d(2)))
    expected = copy.deepcopy(network)
    parameters = list(network.parameters())
    assert synchronize_batch_norm(network) is network
    assert [type(m).__name__ for m in network.modules()].count("SynchronizedBatchNorm") == 2
    assert all(a is b for a, b in zip(network.parameters(), parameters, strict=True))
    torch.testing.assert_close(network.state_dict(), expected.state_dict())
    x = torch.randn(2, 3, 5, 5)
    assert torch.equal(network[:2](x), expected[:2](x))
    assert torch.equal(network.eval()[:2](x), expected.eval()[:2](x))


@pytest.mark.parametrize("shape", [(4,), (4, 3, 2)])
def test_other_layouts_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"input must be laid out as \(N, C=2, \.\.\.\), got"):
        SynchronizedBatchNorm(2)(torch.zeros(shape))


@pytest.mark.usefixtures("group")
def test_a_wrapped_network_runs_twice_before_one_backward() -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Linear(2, 1))
    wrapped: Any = nn.parallel.DistributedDataParallel(network, **ddp_settings())
    assert not wrapped.broadcast_buffers or not wrapped.forward_sync_buffers
    (wrapped(torch.randn(4, 3)) - wrapped(torch.randn(4, 3))).square().sum().backward()


@pytest.mark.usefixtures("group")
def test_a_single_value_of_a_channel_has_no_variance() -> None:
    norm = SynchronizedBatchNorm(3)
    with pytest.raises(ShapeError, match=r"more than 1 value of each channel in training, got \(1"):
        norm(torch.randn(1, 3))
    assert norm.running_var is not None
    assert norm.running_var.isfinite().all()

"""The monitor measures what it says, and its alarms go up on runs that collapsed and no others."""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.utils._python_dispatch import TorchDispatchMode

from stgan.errors import ShapeError
from stgan.layers import spectral_norm
from stgan.training import (
    HealthMonitor,
    gradient_norm,
    logit_health,
    sample_diversity,
    spectral_sigmas,
    weight_norm,
)

values = st.lists(st.sampled_from([-3.0, -1.0, -0.5, 0.0, 0.25, 1.0, 40.0]), min_size=1, max_size=7)


@given(values, values)
def test_logits_are_measured_as_a_loop_would(real: list[float], fake: list[float]) -> None:
    found = logit_health(real=torch.tensor(real), fake=torch.tensor(fake))
    wins = [(r > f) + 0.5 * (r == f) for r in real for f in fake]
    right = np.mean([r > 0 for r in real]) + np.mean([f < 0 for f in fake])
    expected = {
        "real_mean": np.mean(real),
        "fake_mean": np.mean(fake),
        "real_sign": np.mean(np.sign(real)),
        "fake_sign": np.mean(np.sign(fake)),
        "accuracy": right / 2,
        "ranking": np.mean(wins),
        "spread": np.std(real + fake),
    }
    assert {k: v.item() for k, v in found.items()} == pytest.approx(expected, abs=1e-5)


def test_patches_count_for_signs_and_clips_for_ranks() -> None:
    real, fake = torch.tensor([[1.0, -1.0, 3.0]]), torch.tensor([[-1.0, -1.0, -1.0]])
    found = logit_health(real=real, fake=fake)
    assert found["ranking"] == 1
    assert found["real_sign"].item() == pytest.approx(1 / 3)
    with pytest.raises(ShapeError, match=r"must hold logits, got \(0,\) and \(2,\)"):
        logit_health(real=torch.zeros(0), fake=torch.zeros(2))


@given(st.integers(2, 7), st.integers(0, 2**31))
def test_diversity_is_the_mean_distance_of_all_pairs(n: int, seed: int) -> None:
    x = torch.randn(n, 2, 3, 2, 2, generator=torch.Generator().manual_seed(seed))
    pairs = [(x[i] - x[j]).abs().mean() for i in range(n) for j in range(n) if i != j]
    torch.testing.assert_close(sample_diversity(x), torch.stack(pairs).mean())
    assert sample_diversity(x[:1].expand(4, -1, -1, -1, -1)) == 0


def test_diversity_needs_two() -> None:
    with pytest.raises(ShapeError, match=r"\(N, ...\) with N at least 2, got \(1, 3\)"):
        sample_diversity(torch.zeros(1, 3))


def test_norms_and_singular_values_are_those_of_linear_algebra() -> None:
    network = nn.Sequential(
        spectral_norm(nn.ConvTranspose3d(4, 3, 2)),
        parametrizations.spectral_norm(nn.Linear(3, 5)),
        nn.Linear(5, 2),
    )
    with torch.no_grad():
        for _ in range(200):  # until the estimate has converged
            _ = network[0].weight, network[1].weight
    # (C_out, everything else) of the transposed convolution; the linear map as it is.
    weights = [
        network[0].parametrizations.weight.original.transpose(0, 1).flatten(1),
        network[1].parametrizations.weight.original,
    ]
    expected = torch.stack([torch.linalg.matrix_norm(w, ord=2) for w in weights])
    torch.testing.assert_close(spectral_sigmas(network), expected, rtol=1e-3, atol=1e-4)
    assert spectral_sigmas(nn.Linear(1, 1)).shape == (0,)
    flat = torch.cat([p.detach().flatten() for p in network.parameters()])
    torch.testing.assert_close(weight_norm(network), flat.norm())
    assert gradient_norm(network) == 0
    network[2](torch.ones(1, 5)).sum().backward()
    found = torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])
    torch.testing.assert_close(gradient_norm(network), found.norm())


@given(st.floats(1e-4, 1), st.integers(0, 1000))
def test_the_update_is_measured_relative_to_the_weights(lr: float, seed: int) -> None:
    torch.manual_seed(seed)
    layer = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(layer.parameters(), lr=lr)
    layer(torch.randn(2, 3)).sum().backward()
    before, gradient = weight_norm(layer).item(), gradient_norm(layer).item()
    health = HealthMonitor()
    with health.step_of("net", layer):
        optimizer.step()
    found = health.read()
    assert found["health/gradient/net"] == pytest.approx(gradient, rel=1e-5)
    expected = lr * gradient / weight_norm(layer).item()
    assert found["health/update/net"] == pytest.approx(expected, rel=1e-2, abs=1e-6)
    assert before != weight_norm(layer).item()
    with health.step_of("net", layer, due=False):
        optimizer.step()
    assert not any("update" in name for name in health.read())


Kind = tuple[Tensor, Tensor, Tensor, Tensor]


def _healthy(step: int) -> Kind:
    draw = torch.Generator().manual_seed(step)
    logits = torch.randn(2, 8, generator=draw)
    clips = torch.randn(2, 4, 3, 2, 4, 4, generator=draw).clamp(-1, 1)
    return logits[0] + 0.5, logits[1] - 0.5, clips[0], clips[1]


def _collapsed(step: int) -> Kind:
    real, fake, clips, _ = _healthy(step)
    return real, fake, clips, clips[:1].expand(4, -1, -1, -1, -1) + 0.001 * clips


def _dead(step: int) -> Kind:
    _, _, clips, samples = _healthy(step)
    constant = torch.full((8,), 0.7)
    return constant, constant + 1e-5 * torch.randn(8), clips, samples


def _won(step: int) -> Kind:
    real, fake, clips, samples = _healthy(step)
    return real + 30, fake - 30, clips, samples


def _broken(step: int) -> Kind:
    real, fake, clips, samples = _healthy(step)
    return real, fake * float("nan"), clips, samples


def _read(health: HealthMonitor, kind: Kind) -> dict[str, float]:
    real, fake, clips, samples = kind
    health.saw_logits(real={"video": real}, fake={"video": fake})
    health.saw_samples(real=clips, fake=samples)
    return health.read()


@pytest.mark.parametrize(
    ("run", "alarm"),
    [
        (_healthy, None),
        (_collapsed, "collapse"),
        (_dead, "dead/video"),
        (_won, "won/video"),
        (_broken, "broken"),
    ],
)
def test_alarms_go_up_on_made_up_runs_and_down_again(run: object, alarm: str | None) -> None:
    assert callable(run)
    health = HealthMonitor(patience=3)
    for step in range(6):
        _read(health, _healthy(step))
        assert health.alarms == []
    for step in range(4):
        found = _read(health, run(step))
        up = alarm is not None and (step >= 2 or alarm == "broken")
        assert health.alarms == ([alarm] if up else [])
        assert ("ALARM" in health.line()) == up
        if alarm is not None:
            assert found[f"health/alarm/{alarm}"] == float(up)
    found = _read(health, _healthy(9))
    assert health.alarms == []
    assert all(value == 0 for name, value in found.items() if "/alarm/" in name)


def test_a_reading_is_plain_and_begins_anew() -> None:
    health = HealthMonitor()
    for mean in (1.0, 3.0):
        logits = {"video": torch.full((2,), mean), "image": torch.zeros(2)}
        health.saw_logits(real=logits, fake=logits)
    found = health.read()
    assert found["health/video/real_mean"] == 2.0
    assert {type(value) for value in found.values()} == {float}
    assert json.loads(json.dumps(found)) == found
    assert health.line() == "image 0.50, video 0.50"
    assert set(health.read()) == {name for name in found if "/alarm/" in name}
    assert health.line() == ""


def test_the_patience_goes_on_in_a_resumed_run() -> None:
    health, resumed = HealthMonitor(patience=3), HealthMonitor(patience=3)
    for step in range(2):
        _read(health, _dead(step))
    resumed.load_state_dict(json.loads(json.dumps(health.state_dict())))
    assert resumed.alarms == []
    _read(resumed, _dead(2))
    assert resumed.alarms == ["dead/video"]
    again = HealthMonitor(patience=3)
    again.load_state_dict(resumed.state_dict())
    assert again.alarms == ["dead/video"]


def test_a_resumed_monitor_reads_what_it_would_have_read_without_the_stop() -> None:
    whole, parts = HealthMonitor(), HealthMonitor()
    for step in range(5):
        real, fake, clips, samples = _healthy(step)
        for health in (whole, parts):
            health.saw_logits(real={"video": real}, fake={"video": fake})
            health.saw_samples(real=clips, fake=samples)
        state, parts = parts.state_dict(), HealthMonitor()
        parts.load_state_dict(state)
    assert parts.read() == whole.read()
    parts.load_state_dict({"bad": {"broken": 1}})  # as it was written before
    assert (parts.alarms, parts.read()) == (["broken"], {"health/alarm/broken": 0.0})


class _NoWaiting(TorchDispatchMode):
    """Refuse whatever would wait for a device to know a number."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        name = func.overloadpacket.__name__
        assert name not in ("_local_scalar_dense", "is_nonzero", "equal", "nonzero"), name
        return func(*args, **(kwargs or {}))


@contextmanager
def _no_waiting() -> Iterator[None]:
    with _NoWaiting():
        yield


def test_only_a_reading_waits_for_the_device() -> None:
    network = spectral_norm(nn.Linear(3, 2))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    network(torch.randn(2, 3)).sum().backward()
    health = HealthMonitor()
    real, fake, clips, samples = _healthy(0)
    with _no_waiting():
        health.saw_logits(real={"video": real}, fake={"video": fake})
        health.saw_samples(real=clips, fake=samples)
        with health.step_of("net", network):
            optimizer.step()
    found = health.read()
    assert {"health/sigma/net", "health/update/net", "health/gradient/net"} <= found.keys()
    assert all(math.isfinite(value) for value in found.values())
    with pytest.raises(AssertionError, match="_local_scalar_dense"), _no_waiting():
        real.sum().item()


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="patience must be at least 1, got 0"):
        HealthMonitor(patience=0)
    for name in ("spread", "ranking", "collapse"):
        with pytest.raises(ValueError, match=rf"{name} must lie in \(0, 1\], got 0"):
            HealthMonitor(**{name: 0})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must come from the same streams, got a and b"):
        HealthMonitor().saw_logits(real={"a": torch.ones(1)}, fake={"b": torch.ones(1)})


def test_norms_of_half_precision_do_not_overflow() -> None:
    layer = nn.Linear(300, 300, bias=False).half()
    layer.weight.grad = torch.full((300, 300), 500.0).half()
    assert gradient_norm(layer).item() == pytest.approx(150000, rel=1e-3)

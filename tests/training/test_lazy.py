"""The lazy schedule: the same mean, and a phase that survives a checkpoint."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from stgan.losses import R1Penalty
from stgan.training import LazySchedule, load_checkpoint, save_checkpoint

INTERVALS = st.integers(1, 40)


def _run(lazy: LazySchedule, steps: int) -> list[int]:
    weights = []
    for _ in range(steps):
        weights.append(lazy.scale if lazy.due else 0)
        lazy.advance()
    return weights


@given(every=INTERVALS, start=st.integers(0, 100), rounds=st.integers(1, 4))
def test_any_multiple_of_the_interval_sums_up_to_the_plain_schedule(
    every: int, start: int, rounds: int
) -> None:
    lazy = LazySchedule(every)
    _run(lazy, start)
    weights = _run(lazy, rounds * every)
    assert sum(weights) == rounds * every
    assert [weight for weight in weights if weight] == [every] * rounds


@given(every=INTERVALS, before=st.integers(0, 60), after=st.integers(1, 60))
def test_a_resumed_schedule_goes_on_where_it_was(every: int, before: int, after: int) -> None:
    whole = _run(LazySchedule(every), before + after)
    lazy, resumed = LazySchedule(every), LazySchedule(every)
    _run(lazy, before)
    resumed.load_state_dict(lazy.state_dict())
    assert _run(resumed, after) == whole[before:]


def test_the_phase_goes_through_a_checkpoint(tmp_path: Path) -> None:
    lazy, resumed = LazySchedule(4), LazySchedule(4)
    _run(lazy, 6)
    state = {"lazy": lazy.state_dict()}
    path = save_checkpoint(tmp_path, step=6, networks={}, state=state, config="")
    resumed.load_state_dict(load_checkpoint(path, {})["lazy"])
    assert repr(resumed) == repr(lazy) == "LazySchedule(every=4, phase=2)"
    assert all(type(value) is int for value in lazy.state_dict().values())


def test_gradients_of_a_lazy_penalty_have_the_mean_of_those_of_a_plain_one() -> None:
    critic, real = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1)), torch.randn(4, 3)
    penalty, lazy = R1Penalty(), LazySchedule(every=3)
    for _ in range(6):
        penalty(critic, real=real).backward()
    weight = critic[0].weight
    assert weight.grad is not None
    plain, weight.grad = weight.grad, None
    for _ in range(6):
        if lazy.due:
            (lazy.scale * penalty(critic, real=real)).backward()
        lazy.advance()
    torch.testing.assert_close(weight.grad, plain)


@given(every=INTERVALS, lr=st.floats(1e-6, 1), betas=st.tuples(*[st.floats(0, 0.9999)] * 2))
def test_corrected_settings_keep_the_pace_of_adam(
    every: int, lr: float, betas: tuple[float, float]
) -> None:
    corrected, decays = LazySchedule(every).adam_settings(lr, betas)
    # Over k + 1 steps in the place of k: the same way, and the same share that is kept.
    assert (every + 1) * corrected == pytest.approx(every * lr)
    for decay, old in zip(decays, betas, strict=True):
        assert decay ** (every + 1) == pytest.approx(old**every, abs=1e-12)


def test_the_interval_must_be_positive_and_the_state_its_own() -> None:
    with pytest.raises(ValueError, match="every must be at least 1, got 0"):
        LazySchedule(0)
    with pytest.raises(TypeError, match=r"every must be a positive integer, got 1\.5"):
        LazySchedule(1.5)  # type: ignore[arg-type]
    lazy = LazySchedule(4)
    with pytest.raises(ValueError, match="saved with every=8, got a schedule with every=4"):
        lazy.load_state_dict({"every": 8, "phase": 1})
    with pytest.raises(ValueError, match=r"phase must lie in \[0, 4\), got 4"):
        lazy.load_state_dict({"every": 4, "phase": 4})
    assert lazy.due

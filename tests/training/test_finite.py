"""NaN and infinity stop a run with a report, or cost a bounded number of steps and nothing else."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from stgan.layers import spectral_norm
from stgan.losses import LecamPenalty
from stgan.training import FiniteGuard

bad_values = st.sampled_from([float("nan"), float("inf"), -float("inf")])


def _critic() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        spectral_norm(nn.Linear(3, 4)), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1)
    )


class _Loop:
    """A critic and its penalty, stepped on clips of one's choice."""

    def __init__(self, skip: int) -> None:
        self.critic, self.lecam = _critic(), LecamPenalty()
        self.optimizer = torch.optim.Adam(self.critic.parameters(), lr=0.1)
        networks = {"critic": self.critic, "lecam": self.lecam}
        self.guard = FiniteGuard(networks, skip=skip)

    def step(self, x: Tensor) -> bool:
        self.optimizer.zero_grad()
        logits = self.critic(x)
        loss = logits.square().mean() + self.lecam(real=logits, fake=-logits)
        loss.backward()
        allowed = self.guard.allows("critic", {"critic/total": loss})
        if allowed:
            self.optimizer.step()
        return allowed

    def state(self) -> dict[str, Tensor]:
        tensors = {**self.critic.state_dict(), **self.lecam.state_dict(prefix="lecam.")}
        return {name: value.clone() for name, value in tensors.items()}


@given(st.lists(st.booleans(), min_size=1, max_size=8), bad_values)
def test_a_run_with_skipped_steps_is_the_run_of_its_good_steps(
    goods: list[bool], value: float
) -> None:
    loop, clean = _Loop(skip=8), _Loop(skip=8)
    for number, good in enumerate(goods):
        x = torch.randn(5, 3, generator=torch.Generator().manual_seed(number))
        if good:
            clean.step(x)
        else:
            x[number % 5, number % 3] = value
        assert loop.step(x) == good
    assert loop.guard.skipped == goods.count(False)
    expected = clean.state()
    for name, found in loop.state().items():
        assert torch.equal(found, expected[name]), name


def test_the_number_of_skipped_steps_is_bounded_over_resumes() -> None:
    bad = torch.full((5, 3), float("nan"))
    loop = _Loop(skip=3)
    assert not loop.step(bad)
    assert not loop.step(bad)
    resumed = _Loop(skip=3)
    resumed.guard.load_state_dict(loop.guard.state_dict())
    assert resumed.guard.skipped == 2
    assert not resumed.step(bad)
    with pytest.raises(FloatingPointError, match=r"critic/total and the gradients of .* after 3 s"):
        resumed.step(bad)


def test_without_skipping_the_next_check_names_everything_since_the_last() -> None:
    loop = _Loop(skip=0)
    good, bad = torch.randn(5, 3), torch.full((5, 3), float("inf"))
    assert loop.step(good)
    loop.guard.check(1)
    assert loop.step(bad)
    loop.critic = _critic()
    loop.guard.networks["critic"] = loop.critic
    assert loop.step(good)
    with pytest.raises(
        FloatingPointError,
        match=r"critic/total and the gradients of critic\.0.*, critic\.\S+ and \d more are not fin"
        r"ite at step 3; nothing was saved after that: resume from the last checkpoint with a low",
    ):
        loop.guard.check(3)
    loop.guard.check(4)


def test_a_gradient_alone_and_a_loss_alone_are_named() -> None:
    layer = nn.Linear(2, 1)
    guard = FiniteGuard({"net": layer})
    layer.weight.grad, layer.bias.grad = torch.tensor([[1.0, float("nan")]]), torch.ones(1)
    guard.allows("net", {"net/total": torch.tensor(1.0)})
    with pytest.raises(FloatingPointError, match=r"^the gradients of net\.weight are not finite a"):
        guard.check(1)
    layer.weight.grad = torch.ones(1, 2)
    guard.allows("net", {"net/total": torch.tensor(float("inf"))})
    with pytest.raises(FloatingPointError, match=r"^net/total is not finite at step 2; nothing"):
        guard.check(2)


def test_gradients_whose_squares_overflow_are_finite() -> None:
    layer = nn.Linear(2, 1)
    layer.weight.grad = torch.full((1, 2), 3e38)
    guard = FiniteGuard({"net": layer}, skip=1)
    assert guard.allows("net", {})


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="skip must be a number of steps of at least 0, got -1"):
        FiniteGuard({}, skip=-1)
    with pytest.raises(KeyError, match="there is no network 'critic', only net"):
        FiniteGuard({"net": nn.Linear(1, 1)}).allows("critic", {})

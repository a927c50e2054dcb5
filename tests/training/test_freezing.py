"""Frozen networks pass gradients on, keep none, and are afterwards what they were before."""

import copy
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounterWithBackend

from stgan.layers import spectral_norm
from stgan.training import frozen


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(spectral_norm(nn.Linear(3, 4)), nn.BatchNorm1d(4), nn.Linear(4, 1))


def states(*modules: nn.Module) -> list[bool]:
    return [p.requires_grad for module in modules for p in module.parameters()]


def test_the_gradient_of_the_input_is_the_same_and_no_other_is_computed() -> None:
    critic, twin, x = network(), network(), torch.randn(5, 3)
    given_x, free_x = (x.clone().requires_grad_() for _ in range(2))
    with frozen(critic):
        assert not any(states(critic))
        critic(given_x).square().sum().backward()
    twin(free_x).square().sum().backward()
    assert given_x.grad is not None
    assert free_x.grad is not None
    assert torch.equal(given_x.grad, free_x.grad)
    assert all(p.grad is None for p in critic.parameters())
    assert all(states(critic))


@given(st.lists(st.booleans(), min_size=6, max_size=6), st.booleans())
def test_every_parameter_is_afterwards_what_it_was(before: list[bool], fails: bool) -> None:
    critic = network()
    for parameter, on in zip(critic.parameters(), before, strict=True):
        parameter.requires_grad_(on)
    expected = pytest.raises(RuntimeError, match="the step failed") if fails else nullcontext()
    with expected, frozen(critic):
        assert not any(states(critic))
        if fails:
            raise RuntimeError("the step failed")
    assert states(critic) == before


@given(st.lists(st.lists(st.sampled_from([0, 1, 2]), max_size=3), max_size=4))
def test_frozen_may_be_nested_in_any_order(levels: list[list[int]]) -> None:
    critics = [network() for _ in range(3)]
    expected = []
    with ExitStack() as stack:
        for level in levels:
            stack.enter_context(frozen(*(critics[i] for i in level)))
        inside = {i for level in levels for i in level}
        assert [any(states(critic)) for critic in critics] == [i not in inside for i in range(3)]
        expected = states(*critics)
        with frozen(*critics):
            assert not any(states(*critics))
        # An inner one leaves off what the outer ones have switched off.
        assert states(*critics) == expected
    assert all(states(*critics))


def test_a_module_inside_another_is_frozen_once_and_restored() -> None:
    critic = network()
    with frozen(critic, critic[0]):
        assert not any(states(critic))
    assert all(states(critic))
    with frozen(critic[0]):
        assert states(critic[2]) == [True, True]
        assert not any(states(critic[0]))


@pytest.fixture
def _fresh_compiler() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.mark.usefixtures("_fresh_compiler")
@pytest.mark.parametrize("inside", [False, True], ids=["wrapper", "network"])
def test_a_compiled_network_is_right_and_compiled_once_for_each_state(inside: bool) -> None:
    plain = nn.Sequential(nn.Linear(3, 4), nn.LeakyReLU(), nn.Linear(4, 1))
    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(copy.deepcopy(plain), backend=counter, fullgraph=True)
    own = compiled._orig_mod if inside else compiled

    def step(critic: nn.Module, target: nn.Module, x: Tensor) -> list[Tensor]:
        critic.zero_grad()
        fake = x.clone().requires_grad_()
        with frozen(target):
            critic(fake).square().sum().backward()
        assert fake.grad is not None
        assert all(p.grad is None for p in critic.parameters())
        critic(x).square().sum().backward()
        return [fake.grad, *(p.grad for p in critic.parameters() if p.grad is not None)]

    for seed in range(6):
        x = torch.randn(5, 3, generator=torch.Generator().manual_seed(seed))
        expected, got = step(plain, plain, x), step(compiled, own, x)
        assert len(got) == len(expected) == 5
        for a, b in zip(got, expected, strict=True):
            torch.testing.assert_close(a, b)
    assert counter.frame_count == 2


_DISTRIBUTED = """
import copy, sys
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from stgan.layers import spectral_norm
from stgan.training import frozen

dist.init_process_group("gloo", init_method=f"file://{sys.argv[1]}", rank=0, world_size=1)
torch.manual_seed(0)
plain = nn.Sequential(spectral_norm(nn.Linear(3, 4)), nn.LeakyReLU(), nn.Linear(4, 1))
wrapped = DistributedDataParallel(copy.deepcopy(plain))

def step(critic, target, x):
    critic.zero_grad()
    fake = x.clone().requires_grad_()
    with frozen(target):
        assert not any(p.requires_grad for p in critic.parameters())
        critic(fake).square().sum().backward()
    assert all(p.grad is None and p.requires_grad for p in critic.parameters())
    # Real and generated samples, as a step of the discriminator has them.
    (critic(x).square().sum() + critic(-x).sum()).backward()
    return [fake.grad, *(p.grad for p in critic.parameters())]

for seed, target in enumerate((wrapped, wrapped.module, wrapped, wrapped.module)):
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(seed))
    for a, b in zip(step(plain, plain, x), step(wrapped, target, x), strict=True):
        torch.testing.assert_close(a, b)
    print("step", seed)
dist.destroy_process_group()
"""


def test_a_distributed_network_is_frozen_by_its_wrapper_or_from_inside(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", _DISTRIBUTED, str(tmp_path / "store")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout.split()[-1:]) == (0, ["3"]), done.stderr

"""Penalties on slopes against loops over samples, under permutations, and to the second order."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from torch import Tensor, nn
from torch.func import functional_call
from torch.testing import assert_close

from stgan.discriminators import ImageDiscriminator, TwoStreamDiscriminator, VideoDiscriminator
from stgan.functional import (
    dragan_penalty,
    gradient_penalty,
    r1_penalty,
    r2_penalty,
    zero_centered_penalty,
)
from tests.functional.slopes import CASES, EVERY, SHAPES, Bowl, samples_of, taken
from tests.strategies import SEEDS, videos


def _norm(gradient: Tensor) -> Tensor:
    return torch.stack([x**2 for x in gradient.flatten()]).sum().sqrt()


@EVERY
@given(shape=SHAPES, seed=SEEDS)
def test_a_penalty_equals_derivatives_sample_by_sample(
    name: str, shape: tuple[int, ...], seed: int
) -> None:
    penalty, _, place, to_one = CASES[name]
    given = taken(name, samples_of(shape, seed))
    critic = Bowl(torch.Size(shape[1:]).numel(), seed)
    label = torch.linspace(-0.5, 1, shape[0], dtype=torch.float64)
    expected = []
    for n in range(shape[0]):
        x = place(**{key: value[n] for key, value in given.items()}).requires_grad_()
        (gradient,) = torch.autograd.grad(critic(x[None], label=label[n]).squeeze(), x)
        norm = _norm(gradient)
        expected.append((norm - 1) ** 2 if to_one else norm**2)
    got = penalty(critic, **given, label=label)
    assert_close(got, torch.stack(expected))
    assert got.requires_grad


@given(video=videos(), seed=SEEDS)
def test_r1_of_a_linear_critic_is_the_squared_norm_of_its_weight(video: Tensor, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(video.shape[1:], generator=generator, dtype=torch.float64)

    def critic(sample: Tensor) -> Tensor:
        return (sample * weight).flatten(1).sum(dim=1) + 3

    squared = weight.square().sum().expand(len(video))
    assert_close(r1_penalty(critic, real=video), squared)
    assert_close(r2_penalty(critic, fake=video), squared)
    assert_close(zero_centered_penalty(critic, real=video, fake=-video), squared)


@pytest.mark.parametrize("count", [1, 2, 16, 33])
def test_a_critic_of_slope_one_is_not_charged_at_any_batch_size(count: int) -> None:
    weight = F.normalize(torch.randn(3 * 2 * 4 * 4, dtype=torch.float64), dim=0)
    real, fake = torch.randn(2, count, 3, 2, 4, 4, dtype=torch.float64)

    def critic(sample: Tensor) -> Tensor:
        return sample.flatten(1) @ weight

    zero = torch.zeros(count, dtype=torch.float64)
    assert_close(gradient_penalty(critic, real=real, fake=fake), zero)
    assert_close(dragan_penalty(critic, real=real), zero)


@EVERY
@given(shape=SHAPES, seed=SEEDS)
def test_the_order_and_the_size_of_the_batch_do_not_matter(
    name: str, shape: tuple[int, ...], seed: int
) -> None:
    penalty = CASES[name][0]
    critic = Bowl(torch.Size(shape[1:]).numel(), seed)
    given = taken(name, samples_of(shape, seed))
    values = penalty(critic, **given)
    order = torch.randperm(shape[0], generator=torch.Generator().manual_seed(seed))
    assert_close(penalty(critic, **{k: v[order] for k, v in given.items()}), values[order])
    twice = penalty(critic, **{k: torch.cat([v, v]) for k, v in given.items()})
    assert_close(twice.mean(), values.mean())


@EVERY
@given(seed=SEEDS)
def test_derivatives_for_the_parameters_of_the_critic_are_those_of_finite_differences(
    name: str, seed: int
) -> None:
    given, critic = taken(name, samples_of((2, 2, 3), seed)), Bowl(6, seed)

    def call(first: Tensor, second: Tensor) -> Tensor:
        weights = {"first": first, "second": second}
        return CASES[name][0](lambda x: functional_call(critic, weights, (x,)), **given)

    weights = [p.detach().clone().requires_grad_() for p in critic.parameters()]
    assert torch.autograd.gradcheck(call, weights)
    assert torch.autograd.gradgradcheck(call, weights)


@EVERY
def test_gradients_reach_the_critic_and_nothing_else(name: str) -> None:
    generator, critic = nn.Linear(4, 6).double(), Bowl(6)
    samples = samples_of((2, 6), 0)
    samples["fake"] = generator(torch.randn(2, 4, dtype=torch.float64))
    samples["real"].requires_grad_()
    CASES[name][0](critic, **taken(name, samples)).sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in critic.parameters())
    assert all(p.grad is None for p in generator.parameters())
    assert samples["real"].grad is None


@EVERY
def test_without_gradients_it_is_a_number_for_the_log(name: str) -> None:
    critic, given = Bowl(6), taken(name, samples_of((2, 6), 0))
    with torch.no_grad():
        value = CASES[name][0](critic, **given)
    assert not value.requires_grad
    assert_close(value, CASES[name][0](critic, **given).detach())


@EVERY
def test_a_flat_critic_has_finite_gradients(name: str) -> None:
    critic = Bowl(6)
    nn.init.zeros_(critic.first)
    nn.init.zeros_(critic.second)
    value = CASES[name][0](critic, **taken(name, samples_of((2, 6), 0)))
    assert value.tolist() == [float(CASES[name][3])] * 2
    value.sum().backward()
    assert all(
        bool(torch.isfinite(p.grad).all()) for p in critic.parameters() if p.grad is not None
    )


@EVERY
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autocast_leaves_the_penalty_finite_and_in_float32(name: str, dtype: torch.dtype) -> None:
    critic = VideoDiscriminator((4, 8, 8), base_channels=4, init_std=0.3)
    given = taken(name, samples_of((2, 3, 4, 8, 8), 0))
    given = {key: value.to(dtype) for key, value in given.items()}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = CASES[name][0](critic, **given)
        value.sum().backward()
    assert value.dtype is torch.float32
    assert torch.isfinite(value).all()
    # The slope does not depend on the bias of the last layer.
    assert [name for name, p in critic.named_parameters() if p.grad is None] == ["head.bias"]
    assert all(p.grad is None or p.grad.isfinite().all() for p in critic.parameters())
    expected = CASES[name][0](critic.eval(), **{k: v.float() for k, v in given.items()})
    assert_close(value, expected, rtol=0.2, atol=0.05)


def test_all_logits_of_a_sample_count() -> None:
    one, two = Bowl(6, 1), Bowl(6, 2)
    real = samples_of((3, 6), 0)["real"]
    together = r1_penalty(lambda x: one(x) + two(x), real=real)
    assert_close(r1_penalty(lambda x: {"a": one(x), "b": two(x)}, real=real), together)
    assert_close(r1_penalty(lambda x: torch.stack([one(x), two(x)], 1), real=real), together)


def test_two_streams_are_one_critic() -> None:
    critic = TwoStreamDiscriminator(
        video=VideoDiscriminator((4, 8, 8), num_classes=3, base_channels=2, spectral_norm=False),
        image=ImageDiscriminator(8, base_channels=2, spectral_norm=False),
    )
    real, label, indices = (
        torch.randn(2, 3, 4, 8, 8),
        torch.tensor([0, 2]),
        torch.tensor([[1], [3]]),
    )
    leaf = real.clone().requires_grad_()
    logits = critic(leaf, label, indices=indices)
    (gradient,) = torch.autograd.grad(logits["video"].sum() + logits["image"].sum(), leaf)
    got = r1_penalty(critic, real=real, label=label, indices=indices)
    assert_close(got, gradient.square().sum(dim=(1, 2, 3, 4)))
    with pytest.raises(ValueError, match="was built for 3 classes; pass label"):
        r1_penalty(critic, real=real)


def test_fused_attention_in_a_critic_can_be_differentiated_twice() -> None:
    tokens = nn.Linear(4, 4)

    def critic(sample: Tensor) -> Tensor:
        q = tokens(sample)
        return F.scaled_dot_product_attention(q, q, sample).sum(dim=(1, 2, 3))

    r1_penalty(critic, real=torch.randn(2, 1, 5, 4)).sum().backward()
    assert tokens.weight.grad is not None
    assert tokens.weight.grad.abs().max() > 0


class Witness(Bowl):
    """Remembers where the slope was taken."""

    def forward(self, sample: Tensor, label: Tensor | None = None) -> Tensor:
        self.seen = sample.detach().clone()
        return super().forward(sample, label)


@given(seed=SEEDS)
@pytest.mark.parametrize("name", ["wgan_gp", "zero_centered", "dragan"])
def test_what_is_drawn_lies_where_it_should_and_follows_the_generator(name: str, seed: int) -> None:
    critic, samples = Witness(6), samples_of((4, 2, 3), seed)
    given = {k: v for k, v in taken(name, samples).items() if k not in ("mix", "noise")}
    places, real = [], samples["real"]
    for _ in range(2):
        generator = torch.Generator().manual_seed(seed)
        CASES[name][0](critic, **given, generator=generator)
        places.append(critic.seen)
    assert torch.equal(*places)
    if name == "dragan":
        std = real.flatten(1).std(dim=1, correction=0)[:, None, None]
        share = (places[0] - real) / (0.5 * std)
    else:
        share = (places[0] - samples["fake"]) / (real - samples["fake"])
        # One share for a sample, another for the next.
        assert_close(share, share[:, :1, :1].expand_as(share))
    assert share.min() > -1e-9
    assert share.max() < 1 + 1e-9
    assert share.flatten(1)[:, 0].unique().numel() == 4


def test_the_scale_of_dragan_is_how_far_it_looks() -> None:
    critic, samples = Witness(6), samples_of((2, 6), 0)
    real, noise = samples["real"], samples["noise"]
    dragan_penalty(critic, real=real, noise=noise, scale=0.0)
    assert torch.equal(critic.seen, real)
    dragan_penalty(critic, real=real, noise=noise, scale=2.0)
    assert_close(critic.seen - real, 2 * real.std(dim=1, correction=0, keepdim=True) * noise)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_critic_in_half_precision_is_asked_in_its_own_type(dtype: torch.dtype) -> None:
    critic = nn.Linear(2, 1).to(dtype)
    for real in (torch.zeros(3, 2), torch.zeros(3, 2, dtype=dtype)):
        value = r1_penalty(critic, real=real)
        assert value.dtype is torch.float32
        assert_close(value, critic.weight.float().square().sum().expand(3))


def test_in_inference_mode_it_is_a_number_too() -> None:
    critic = nn.Linear(2, 1)
    with torch.inference_mode():
        value = r1_penalty(critic, real=torch.zeros(3, 2))
    assert not value.requires_grad
    assert_close(value, critic.weight.detach().square().sum().expand(3))

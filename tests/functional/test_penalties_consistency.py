"""Consistency under augmentation against loops, and where its gradients go."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from torch import Tensor, nn
from torch.testing import assert_close

from stgan.errors import ShapeError
from stgan.functional import balanced_consistency_penalty, consistency_penalty
from tests.strategies import SEEDS, videos


def _critic(features: int, seed: int) -> Callable[..., Tensor]:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(features, generator=generator, dtype=torch.float64)

    def critic(sample: Tensor, label: Tensor | None = None) -> Tensor:
        logits = torch.tanh(sample.flatten(1)) @ weight
        return logits if label is None else logits * label

    return critic


def _augment(sample: Tensor) -> Tensor:
    return 0.5 * sample.flip(1) + 0.1


@given(video=videos(), seed=SEEDS)
def test_penalties_equal_differences_sample_by_sample(video: Tensor, seed: int) -> None:
    critic, fake = _critic(video[0].numel(), seed), video.flip(-1).neg()
    label = torch.arange(1.0, len(video) + 1, dtype=torch.float64)

    def expected(samples: Tensor) -> Tensor:
        pairs = [(critic(x[None]), critic(_augment(x[None]))) for x in samples]
        return torch.cat([(label[n] * (a - b)) ** 2 for n, (a, b) in enumerate(pairs)])

    one = consistency_penalty(critic, real=video, augment=_augment, label=label)
    assert_close(one, expected(video))
    both = balanced_consistency_penalty(
        critic, real=video, fake=fake, augment=_augment, label=label
    )
    assert_close(both, expected(video) + expected(fake))


@given(video=videos(), seed=SEEDS)
def test_no_change_costs_nothing_and_an_invariant_critic_pays_for_none(
    video: Tensor, seed: int
) -> None:
    critic = _critic(video[0].numel(), seed)
    zero = torch.zeros(len(video), dtype=torch.float64)
    assert torch.equal(consistency_penalty(critic, real=video, augment=torch.clone), zero)

    def invariant(x: Tensor) -> Tensor:
        return x.square().flatten(1).sum(dim=1)

    assert_close(consistency_penalty(invariant, real=video, augment=lambda x: x.flip(1)), zero)


def test_maps_and_named_logits_add_up() -> None:
    real = torch.randn(2, 3, 4, 5, 5)

    def patches(x: Tensor) -> Tensor:
        return x.tanh().mean(dim=1)

    once = consistency_penalty(patches, real=real, augment=_augment)
    difference = patches(real) - patches(_augment(real))
    assert_close(once, difference.square().sum(dim=(1, 2, 3)))
    named = consistency_penalty(
        lambda x: {"a": patches(x), "b": 2 * patches(x)[:, 0]}, real=real, augment=_augment
    )
    assert_close(named, once + 4 * difference[:, 0].square().sum(dim=(1, 2)))


def test_gradients_reach_the_critic_through_both_logits_and_nothing_else() -> None:
    generator, critic, augment = nn.Linear(2, 3), nn.Linear(3, 1), nn.Linear(3, 3)
    fake = generator(torch.randn(4, 2))
    real = torch.randn(4, 3, requires_grad=True)
    balanced_consistency_penalty(critic, real=real, fake=fake, augment=augment).sum().backward()
    assert critic.weight.grad is not None
    # d/dw of (w x - w y)^2: a gradient through one logit only would be half of it.
    with torch.no_grad():
        gaps = [x - augment(x) for x in (real, fake)]
        expected = sum((2 * critic.weight @ gap.T) @ gap for gap in gaps)
    assert_close(critic.weight.grad, expected)
    assert real.grad is None
    for module in (generator, augment):
        assert module.weight.grad is None


def test_autocast_leaves_the_penalty_in_float32() -> None:
    critic = nn.Linear(64, 1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = consistency_penalty(critic, real=torch.randn(2, 64), augment=_augment)
    assert value.dtype is torch.float32
    assert torch.isfinite(value).all()


def test_another_number_of_fake_samples_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"as many fake samples as real ones, got \(3, 6\) and"):
        balanced_consistency_penalty(
            lambda x: x, real=torch.zeros(2, 6), fake=torch.zeros(3, 6), augment=torch.neg
        )


@pytest.mark.parametrize("penalty", [consistency_penalty, balanced_consistency_penalty])
def test_logits_of_every_sample_and_samples_of_one_shape_are_asked_for(
    penalty: Callable[..., Tensor],
) -> None:
    def call(critic: Callable[[Tensor], Tensor], augment: Callable[[Tensor], Tensor]) -> Tensor:
        sides = {"real": torch.randn(3, 4)}
        if penalty is balanced_consistency_penalty:
            sides["fake"] = torch.randn(3, 4)
        return penalty(critic, augment=augment, **sides)

    with pytest.raises(ShapeError, match=r"laid out as \(N=3, ...\) for 3 samples, got \(\)"):
        call(torch.mean, torch.neg)
    with pytest.raises(ShapeError, match=r"augment must keep .* \(3, 4\), got \(3, 2\)"):
        call(lambda x: x.sum(1), lambda x: x[:, :2])

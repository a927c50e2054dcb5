"""Penalties on slopes against loops over samples, under permutations, and to the second order."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.func import functional_call
from torch.testing import assert_close

from stgan.discriminators import ImageDiscriminator, TwoStreamDiscriminator, VideoDiscriminator
from stgan.errors import ShapeError
from stgan.functional import (
    dragan_penalty,
    gradient_penalty,
    r1_penalty,
    r2_penalty,
    zero_centered_penalty,
)
from tests.strategies import SEEDS, videos

# Clips, images, latents: a penalty sees the first axis only.
SHAPES = st.one_of(
    st.tuples(*[st.integers(1, 4)] * 5),
    st.tuples(*[st.integers(1, 4)] * 4),
    st.tuples(st.integers(1, 5), st.integers(1, 6)),
)
Penalty = Callable[..., Tensor]


class Bowl(nn.Module):
    """A smooth critic of samples of any shape, which judges each by itself."""

    def __init__(self, features: int, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.first = nn.Parameter(
            torch.randn(features, 3, generator=generator, dtype=torch.float64)
        )
        self.second = nn.Parameter(torch.randn(3, generator=generator, dtype=torch.float64))

    def forward(self, sample: Tensor, label: Tensor | None = None) -> Tensor:
        logits = torch.tanh(sample.flatten(1) @ self.first) @ self.second
        return logits if label is None else logits * (1 + label)


def _samples(shape: tuple[int, ...], seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    real, fake, noise = torch.randn(3, *shape, generator=generator, dtype=torch.float64)
    mix = torch.rand(shape[0], generator=generator, dtype=torch.float64)
    return {"real": real, "fake": fake, "noise": noise, "mix": mix}


def _norm(gradient: Tensor) -> Tensor:
    return torch.stack([x**2 for x in gradient.flatten()]).sum().sqrt()


# What each takes, where it looks at the slope of a sample, and what it makes of the norm.
CASES: dict[str, tuple[Penalty, tuple[str, ...], Callable[..., Tensor], bool]] = {
    "r1": (r1_penalty, ("real",), lambda real: real, False),
    "r2": (r2_penalty, ("fake",), lambda fake: fake, False),
    "wgan_gp": (
        gradient_penalty,
        ("real", "fake", "mix"),
        lambda real, fake, mix: fake + mix * (real - fake),
        True,
    ),
    "zero_centered": (
        zero_centered_penalty,
        ("real", "fake", "mix"),
        lambda real, fake, mix: fake + mix * (real - fake),
        False,
    ),
    "dragan": (
        dragan_penalty,
        ("real", "noise"),
        lambda real, noise: real + 0.5 * (real - real.mean()).square().mean().sqrt() * noise,
        True,
    ),
}
EVERY = pytest.mark.parametrize("name", CASES)


def _taken(name: str, samples: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: samples[key] for key in CASES[name][1]}


@EVERY
@given(shape=SHAPES, seed=SEEDS)
def test_a_penalty_equals_derivatives_sample_by_sample(
    name: str, shape: tuple[int, ...], seed: int
) -> None:
    penalty, _, place, to_one = CASES[name]
    given = _taken(name, _samples(shape, seed))
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
    given = _taken(name, _samples(shape, seed))
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
    given, critic = _taken(name, _samples((2, 2, 3), seed)), Bowl(6, seed)

    def call(first: Tensor, second: Tensor) -> Tensor:
        weights = {"first": first, "second": second}
        return CASES[name][0](lambda x: functional_call(critic, weights, (x,)), **given)

    weights = [p.detach().clone().requires_grad_() for p in critic.parameters()]
    assert torch.autograd.gradcheck(call, weights)
    assert torch.autograd.gradgradcheck(call, weights)


@EVERY
def test_gradients_reach_the_critic_and_nothing_else(name: str) -> None:
    generator, critic = nn.Linear(4, 6).double(), Bowl(6)
    samples = _samples((2, 6), 0)
    samples["fake"] = generator(torch.randn(2, 4, dtype=torch.float64))
    samples["real"].requires_grad_()
    CASES[name][0](critic, **_taken(name, samples)).sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in critic.parameters())
    assert all(p.grad is None for p in generator.parameters())
    assert samples["real"].grad is None


@EVERY
def test_without_gradients_it_is_a_number_for_the_log(name: str) -> None:
    critic, given = Bowl(6), _taken(name, _samples((2, 6), 0))
    with torch.no_grad():
        value = CASES[name][0](critic, **given)
    assert not value.requires_grad
    assert_close(value, CASES[name][0](critic, **given).detach())


@EVERY
def test_a_flat_critic_has_finite_gradients(name: str) -> None:
    critic = Bowl(6)
    nn.init.zeros_(critic.first)
    nn.init.zeros_(critic.second)
    value = CASES[name][0](critic, **_taken(name, _samples((2, 6), 0)))
    assert value.tolist() == [float(CASES[name][3])] * 2
    value.sum().backward()
    assert all(
        bool(torch.isfinite(p.grad).all()) for p in critic.parameters() if p.grad is not None
    )


@EVERY
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autocast_leaves_the_penalty_finite_and_in_float32(name: str, dtype: torch.dtype) -> None:
    critic = VideoDiscriminator((4, 8, 8), base_channels=4, init_std=0.3)
    given = _taken(name, _samples((2, 3, 4, 8, 8), 0))
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
    real = _samples((3, 6), 0)["real"]
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
    critic, samples = Witness(6), _samples((4, 2, 3), seed)
    given = {k: v for k, v in _taken(name, samples).items() if k not in ("mix", "noise")}
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
    critic, samples = Witness(6), _samples((2, 6), 0)
    real, noise = samples["real"], samples["noise"]
    dragan_penalty(critic, real=real, noise=noise, scale=0.0)
    assert torch.equal(critic.seen, real)
    dragan_penalty(critic, real=real, noise=noise, scale=2.0)
    assert_close(critic.seen - real, 2 * real.std(dim=1, correction=0, keepdim=True) * noise)


REFUSED: list[tuple[Penalty, dict[str, Any], str]] = [
    (gradient_penalty, {"fake": torch.zeros(3, 6)}, r"got \(2, 6\) and \(3, 6\)"),
    (zero_centered_penalty, {"fake": torch.zeros(2, 5)}, r"got \(2, 6\) and \(2, 5\)"),
    (
        gradient_penalty,
        {"fake": torch.zeros(2, 6), "mix": torch.zeros(3)},
        r"mix must be laid out as \(N=2\), got \(3,\)",
    ),
    (dragan_penalty, {"noise": torch.zeros(2, 1)}, r"shape of real, \(2, 6\), got \(2, 1\)"),
]


@pytest.mark.parametrize(("penalty", "given", "sentence"), REFUSED)
def test_shapes_that_do_not_fit_are_refused(
    penalty: Penalty, given: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ShapeError, match=sentence):
        penalty(Bowl(6), real=torch.zeros(2, 6), **given)


@pytest.mark.parametrize("output", [None, {}, ["logits"]])
def test_a_critic_that_returns_no_logits_is_refused(output: Any) -> None:
    with pytest.raises(TypeError, match=f"mapping of named logits, got {type(output).__name__}"):
        r1_penalty(lambda sample: output, real=torch.zeros(2, 6))


@pytest.mark.parametrize(
    ("output", "got"),
    [
        ({}, "dict of nothing"),
        ({"one": {"two": torch.zeros(2)}}, "dict of dict"),
        ({"one": torch.zeros(2), "two": None}, "dict of Tensor and NoneType"),
    ],
)
def test_a_mapping_of_something_else_is_told_from_one_of_logits(output: Any, got: str) -> None:
    with pytest.raises(TypeError, match=f"mapping of named logits, got {got}; pass a function"):
        r1_penalty(lambda sample: output, real=torch.zeros(2, 6))


@EVERY
@given(shape=SHAPES, seed=SEEDS)
def test_one_number_for_a_batch_is_refused(name: str, shape: tuple[int, ...], seed: int) -> None:
    critic = Bowl(torch.Size(shape[1:]).numel(), seed)
    given = _taken(name, _samples(shape, seed))
    n = shape[0]
    for answer, got in (
        (lambda x: critic(x).mean(), r"\(\)"),
        (lambda x: {"video": critic(x), "image": critic(x).mean()}, r"\(\)"),
        (lambda x: torch.cat([critic(x), critic(x)]), rf"\({2 * n},\)"),
        (lambda x: critic(x)[None], rf"\(1, {n}\)"),
    ):
        if got == r"\(1, 1\)":  # which is laid out rightly
            continue
        wanted = rf"must be laid out as \(N={n}, ...\) for {n} samples, got {got}"
        with pytest.raises(ShapeError, match=wanted):
            CASES[name][0](answer, **given)


@EVERY
def test_logits_that_do_not_depend_on_samples_are_refused(name: str) -> None:
    given = _taken(name, _samples((2, 6), 0))
    critic = Bowl(6)
    bias = torch.zeros(2, requires_grad=True)
    for answer in (
        lambda x: critic(x).detach(),
        torch.no_grad()(critic),
        lambda x: {"video": bias * 2},
    ):
        with pytest.raises(
            ValueError, match=r"must depend on the samples .* got logits without a g"
        ):
            CASES[name][0](answer, **given)


@EVERY
def test_no_samples_are_refused(name: str) -> None:
    with pytest.raises(
        ShapeError, match=r"must hold one sample at least for a penalty, got \(0, 6\)"
    ):
        CASES[name][0](Bowl(6), **_taken(name, _samples((0, 6), 0)))


@EVERY
def test_samples_travel_by_keyword(name: str) -> None:
    with pytest.raises(TypeError, match="positional"):
        CASES[name][0](Bowl(6), *_taken(name, _samples((2, 6), 0)).values())


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

"""Families against scalar references, at extremes, at their optima, and by keyword."""

import math
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import stgan
from stgan import functional
from stgan.discriminators import StreamOutput
from stgan.errors import ShapeError
from stgan.losses import AdversarialLoss, HingeLoss
from tests.strategies import SEEDS

# As many of both sides.
SIDES = st.lists(st.tuples(*[st.floats(-1e4, 1e4, allow_nan=False)] * 2), min_size=1, max_size=6)
Sides = list[tuple[float, float]]
SMOOTHED = ["non_saturating", "minimax", "least_squares"]


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


# Generator's value of a fake logit; discriminator's of a real and of a fake one.
REFERENCE: dict[str, tuple[Callable[[float], float], ...]] = {
    "non_saturating": (lambda f: _softplus(-f), lambda r: _softplus(-r), _softplus),
    "minimax": (lambda f: -_softplus(f), lambda r: _softplus(-r), _softplus),
    "hinge": (lambda f: -f, lambda r: max(0.0, 1 - r), lambda f: max(0.0, 1 + f)),
    "least_squares": (
        lambda f: 0.5 * (f - 1) ** 2,
        lambda r: 0.5 * (r - 1) ** 2,
        lambda f: 0.5 * f**2,
    ),
    "wasserstein": (lambda f: -f, lambda r: -r, lambda f: f),
}
FAMILIES = [*REFERENCE, *stgan.list("losses", "relativistic_*")]


def _tensor(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("name", REFERENCE)
@given(sides=SIDES)
def test_both_halves_equal_a_scalar_reference(name: str, sides: Sides) -> None:
    real, fake = map(list, zip(*sides, strict=True))
    generator, on_real, on_fake = REFERENCE[name]
    loss = stgan.create("losses", name)
    expected = sum(map(generator, fake)) / len(fake)
    assert loss.generator(fake=_tensor(fake)).item() == pytest.approx(expected, rel=1e-8, abs=1e-8)
    expected = sum(map(on_real, real)) / len(real) + sum(map(on_fake, fake)) / len(fake)
    value = loss.discriminator(real=_tensor(real), fake=_tensor(fake)).item()
    assert value == pytest.approx(expected, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("name", FAMILIES)
@given(value=st.floats(-1e4, 1e4, allow_nan=False), other=st.floats(-1e4, 1e4, allow_nan=False))
def test_values_and_gradients_stay_finite_and_point_the_right_way(
    name: str, value: float, other: float
) -> None:
    loss = stgan.create("losses", name)
    fake = torch.tensor([value], requires_grad=True)
    real = torch.tensor([other], requires_grad=True)
    generator = loss.generator(fake=fake, real=real)
    (slope,) = torch.autograd.grad(generator, fake)
    discriminator = loss.discriminator(real=real, fake=fake)
    on_real, on_fake = torch.autograd.grad(discriminator, (real, fake))
    for tensor in (generator, slope, discriminator, on_real, on_fake):
        assert torch.isfinite(tensor).all()
    if "least_squares" in name:  # which pulls to a target from both sides
        return
    assert slope.item() <= 0
    assert on_real.item() <= 0
    assert on_fake.item() >= 0


@given(value=st.floats(-1e4, -20, allow_nan=False))
def test_where_the_discriminator_is_sure_one_gradient_is_whole_and_the_other_gone(
    value: float,
) -> None:
    fake = torch.tensor([value], requires_grad=True)
    for name, expected in (("non_saturating", -1.0), ("minimax", 0.0)):
        (slope,) = torch.autograd.grad(stgan.create("losses", name).generator(fake=fake), fake)
        assert slope.item() == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("name", FAMILIES)
@given(sides=SIDES)
def test_a_doubled_batch_has_the_same_mean(name: str, sides: Sides) -> None:
    loss = stgan.create("losses", name)
    real, fake = map(list, zip(*sides, strict=True))
    once = {"real": _tensor(real), "fake": _tensor(fake)}
    twice = {side: logits.repeat(2) for side, logits in once.items()}
    torch.testing.assert_close(loss.generator(**once), loss.generator(**twice))
    torch.testing.assert_close(loss.discriminator(**once), loss.discriminator(**twice))


@pytest.mark.parametrize("name", [n for n in FAMILIES if n != "least_squares"])
@given(seed=SEEDS)
def test_swapping_sides_and_signs_changes_nothing(name: str, seed: int) -> None:
    real, fake = torch.randn(2, 5, generator=torch.Generator().manual_seed(seed)).double() * 9
    loss = stgan.create("losses", name)
    torch.testing.assert_close(
        loss.discriminator(real=real, fake=fake), loss.discriminator(real=-fake, fake=-real)
    )


@pytest.mark.parametrize("name", REFERENCE)
@given(seed=SEEDS)
def test_families_that_do_not_compare_leave_given_real_logits_unused(name: str, seed: int) -> None:
    real, fake = torch.randn(2, 5, generator=torch.Generator().manual_seed(seed))
    loss = stgan.create("losses", name)
    assert not loss.needs_real
    real.requires_grad_()
    value = loss.generator(fake=fake, real=real)
    assert torch.equal(value, loss.generator(fake=fake))
    assert not value.requires_grad


@pytest.mark.parametrize("name", ["non_saturating", "minimax"])
@given(seed=SEEDS, smoothing=st.sampled_from([0.0, 0.1, 0.4]))
def test_the_best_logits_are_log_ratios_and_their_loss_a_divergence(
    name: str, seed: int, smoothing: float
) -> None:
    p, q = torch.rand(2, 7, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    p, q = (p + 0.05) / (p + 0.05).sum(), (q + 0.05) / (q + 0.05).sum()
    ratio = ((1 - smoothing) * p / (smoothing * p + q)).log().requires_grad_()
    loss = stgan.create("losses", name, smoothing=smoothing)

    def expectation(logits: Tensor) -> Tensor:
        """Mean of the loss where outcome i is real with p_i and generated with q_i."""
        apart = stgan.create("losses", name, smoothing=smoothing, reduction="none")
        # The two terms apart: with logits where the other term is nothing.
        gone = torch.full_like(logits, -60)
        on_fake = apart.discriminator(real=gone, fake=logits)
        constant = apart.discriminator(real=gone, fake=gone)
        on_real = apart.discriminator(real=logits, fake=gone)
        return (p * on_real + q * (on_fake - constant)).sum()

    (slope,) = torch.autograd.grad(expectation(ratio), ratio)
    torch.testing.assert_close(slope, torch.zeros_like(slope), rtol=0, atol=1e-9)
    assert loss.smoothing == smoothing
    if smoothing == 0:
        m = (p + q) / 2
        divergence = (p * (p / m).log() + q * (q / m).log()).sum() / 2
        torch.testing.assert_close(expectation(ratio), 2 * math.log(2) - 2 * divergence)
        kl = (p * (p / q).log()).sum()
        torch.testing.assert_close((p * ratio).sum(), kl)


@pytest.mark.parametrize("name", SMOOTHED)
@given(sides=SIDES, smoothing=st.floats(0, 0.9))
def test_smoothing_mixes_the_targets_of_real_samples_alone(
    name: str, sides: Sides, smoothing: float
) -> None:
    real, fake = map(list, zip(*sides, strict=True))
    loss = stgan.create("losses", name, smoothing=smoothing)
    _, on_real, on_fake = REFERENCE[name]
    if name == "least_squares":
        smoothed = [0.5 * (r - 1 + smoothing) ** 2 for r in real]
    else:
        smoothed = [(1 - smoothing) * on_real(r) + smoothing * on_fake(r) for r in real]
    expected = sum(smoothed) / len(real) + sum(map(on_fake, fake)) / len(fake)
    value = loss.discriminator(real=_tensor(real), fake=_tensor(fake)).item()
    assert value == pytest.approx(expected, rel=1e-8, abs=1e-8)
    plain = stgan.create("losses", name)
    assert torch.equal(loss.generator(fake=_tensor(fake)), plain.generator(fake=_tensor(fake)))
    assert f"smoothing={smoothing}" in repr(loss)


@pytest.mark.parametrize("name", SMOOTHED)
@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_a_smoothing_that_turns_labels_around_is_refused(name: str, smoothing: float) -> None:
    with pytest.raises(ValueError, match=rf"smoothing must be in \[0, 1\), got {smoothing}"):
        stgan.create("losses", name, smoothing=smoothing)
    with pytest.raises(ValueError, match=r"smoothing must be in \[0, 1\)"):
        getattr(functional, f"{name}_discriminator_loss")(
            real=torch.zeros(1), fake=torch.zeros(1), smoothing=smoothing
        )


@pytest.mark.parametrize("name", FAMILIES)
def test_modules_and_functions_agree_in_every_reduction(name: str) -> None:
    real, fake = torch.randn(5), torch.randn(5)
    g = getattr(functional, f"{name}_generator_loss")
    d = getattr(functional, f"{name}_discriminator_loss")
    for reduction in ("mean", "sum", "none"):
        loss = stgan.create("losses", name, reduction=reduction)
        sides = {"fake": fake, "real": real} if loss.needs_real else {"fake": fake}
        assert torch.equal(loss.generator(fake=fake, real=real), g(**sides, reduction=reduction))
        assert torch.equal(
            loss.discriminator(real=real, fake=fake),
            d(real=real, fake=fake, reduction=reduction),
        )
    torch.testing.assert_close(g(**sides, reduction="none").sum(), g(**sides, reduction="sum"))


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_raised_first(name: str, dtype: torch.dtype) -> None:
    # The square of 300 is beyond float16.
    real, fake = (torch.tensor(v, dtype=dtype, requires_grad=True) for v in ([300.0], [-300.0]))
    loss = stgan.create("losses", name)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss.discriminator(real=real, fake=fake) + loss.generator(fake=fake, real=real)
    assert value.dtype is torch.float32
    exact = {"real": real.detach().double(), "fake": fake.detach().double()}
    expected = loss.discriminator(**exact) + loss.generator(**exact)
    torch.testing.assert_close(value.double(), expected, rtol=1e-6, atol=1e-5)
    for slope in torch.autograd.grad(value, (real, fake)):
        assert slope.dtype is dtype
        assert torch.isfinite(slope).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_logits_travel_by_keyword(name: str) -> None:
    loss = stgan.create("losses", name)
    cls, one = type(loss).__name__, torch.zeros(1)
    for half in ("generator", "discriminator"):
        told = rf"^{cls}\.{half}\(\) takes .*real=.* by keyword, so .*, got 2 positional"
        with pytest.raises(TypeError, match=told):
            getattr(loss, half)(one, one)
    with pytest.raises(TypeError, match=rf"^{cls}\.discriminator\(\) needs fake=; it takes real=,"):
        loss.discriminator(real=one)
    with pytest.raises(TypeError, match=rf"^{cls}\.generator\(\) takes no logits=; it takes fake="):
        loss.generator(fake=one, logits=one)
    with pytest.raises(TypeError, match=rf"^{cls} is called by its halves: loss\.generator\(fake="):
        loss(one)
    with pytest.raises(TypeError, match="positional"):
        getattr(functional, f"{name}_discriminator_loss")(torch.zeros(1), torch.zeros(1))


NAMED = {"video": torch.tensor([0.3, -2.0]), "image": torch.tensor([1.5, 0.1])}
OTHERS = {name: logits.flip(0) - 0.4 for name, logits in reversed(NAMED.items())}


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_named_logits_are_losses_of_their_own_added_up(name: str, reduction: str) -> None:
    loss = stgan.create("losses", name, reduction=reduction)
    for half in (loss.generator, loss.discriminator):
        each = [half(real=NAMED[one], fake=OTHERS[one]) for one in NAMED]
        torch.testing.assert_close(half(real=NAMED, fake=OTHERS), each[0] + each[1])
    if not loss.needs_real:
        assert torch.equal(loss.generator(fake=NAMED), loss.generator(fake=NAMED, real=OTHERS))


def test_maps_of_other_sizes_are_reduced_each_by_itself() -> None:
    logits = {"video": torch.tensor([1.0, 3.0]), "image": torch.full((2, 4, 4), 5.0)}
    assert HingeLoss().generator(fake=logits) == -7
    with pytest.raises(ShapeError, match=r"named logits must have one shape .*: \(2, 4, 4\)}"):
        HingeLoss("none").generator(fake=logits)


@pytest.mark.parametrize(
    ("sides", "error", "sentence"),
    [
        ({"real": NAMED, "fake": NAMED["video"]}, TypeError,
         "must both be logits or both mappings of named logits, got .*dict.*"),
        ({"real": NAMED, "fake": {"video": NAMED["video"]}}, ValueError,
         "must name the same logits, one at least, got .*video, image.*"),
        ({"real": {}, "fake": {}}, ValueError, "one at least, got none and none"),
        ({"real": NAMED, "fake": NAMED | {"image": None}}, TypeError,
         r"fake\['image'\] must be a tensor of logits, got NoneType"),
        ({"real": NAMED | {"video": StreamOutput(NAMED["video"], {}, ())}, "fake": NAMED},
         TypeError, r"real\['video'\] must be a tensor of logits, got StreamOutput; pass its logi"),
        ({"real": [NAMED["video"]], "fake": NAMED["video"]}, TypeError,
         "real must be logits or a mapping of named logits, got list"),
    ],
    ids=["mixed", "other-names", "empty", "none", "detailed", "list"],
)  # fmt: skip
@pytest.mark.parametrize("half", ["generator", "discriminator"])
def test_sides_that_do_not_belong_together_are_refused(
    half: str, sides: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        getattr(stgan.create("losses", "relativistic_pairing"), half)(**sides)


@pytest.mark.parametrize("name", REFERENCE)
def test_values_kept_apart_are_not_broadcast(name: str) -> None:
    real, fake = torch.zeros(4, 1), torch.zeros(4)
    with pytest.raises(ShapeError, match=r"one shape with reduction='none', got \(4, 1\) and"):
        stgan.create("losses", name, reduction="none").discriminator(real=real, fake=fake)
    assert stgan.create("losses", name).discriminator(real=real, fake=fake).shape == ()


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize(("n", "m"), [(4, 2), (1, 4), (0, 4), (0, 0)])
def test_sides_of_other_batches_or_none_are_refused(
    name: str, n: int, m: int, reduction: str
) -> None:
    loss = stgan.create("losses", name, reduction=reduction)
    got = re.escape(f"{(n, 3)} and {(m, 3)}")
    for real, fake in ((n, m), (m, n)):
        sides = {"real": torch.zeros(real, 3), "fake": torch.zeros(fake, 3)}
        halves = [loss.discriminator] + [loss.generator] * loss.needs_real
        for half in halves:
            with pytest.raises(ShapeError, match=r"real and fake must|one sample at least"):
                half(**sides)
    if n != m:
        with pytest.raises(ShapeError, match=got):
            loss.discriminator(real=torch.zeros(n, 3), fake=torch.zeros(m, 3))


@pytest.mark.parametrize("name", REFERENCE)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_generator_without_samples_is_refused(name: str, reduction: str) -> None:
    with pytest.raises(ShapeError, match=r"needs one sample at least, got an empty batch of \(0,"):
        stgan.create("losses", name, reduction=reduction).generator(fake=torch.zeros(0, 2))


@pytest.mark.parametrize("name", REFERENCE)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_mean_of_logits_is_refused(name: str, reduction: str) -> None:
    loss, mean = stgan.create("losses", name, reduction=reduction), torch.zeros(2, 3).mean()
    with pytest.raises(
        ShapeError, match=r"values of every sample, \(N, ...\), got a single number"
    ):
        loss.generator(fake=mean)
    with pytest.raises(
        ShapeError, match=r"values of every sample, \(N, ...\), got a single number"
    ):
        loss.discriminator(real=mean, fake=mean)


def test_an_unknown_reduction_is_refused() -> None:
    with pytest.raises(ValueError, match="must be 'mean', 'sum' or 'none', got 'avg'"):
        stgan.create("losses", "hinge", reduction="avg")
    with pytest.raises(ValueError, match="must be 'mean', 'sum' or 'none', got 'avg'"):
        functional.hinge_generator_loss(fake=torch.zeros(1), reduction="avg")  # type: ignore[arg-type]


def test_a_family_knows_the_shape_of_its_value() -> None:
    assert all(isinstance(stgan.create("losses", name), AdversarialLoss) for name in FAMILIES)
    assert HingeLoss().output_shape((7,)) == ()
    assert HingeLoss("none").output_shape((4, 2)) == (4, 2)

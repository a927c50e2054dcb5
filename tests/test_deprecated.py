"""The two sides of a comparison have the same names everywhere, and former names still work."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import stgan
from stgan import functional, losses, metrics
from stgan._deprecated import renamed
from stgan.errors import UnknownNameError

FAKE = torch.linspace(-1, 1, 2 * 3 * 4 * 16 * 16).view(2, 3, 4, 16, 16)
REAL = FAKE.flip(2)
LABELS = torch.tensor([0, 1])


def _updated(**sides: Tensor) -> dict[str, Tensor]:
    metric = metrics.FrameScores()
    metric.update(**sides)
    return metric.compute()


class _MeanDifference(nn.Module):
    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return (a - b).abs().flatten(1).mean(1)


# What takes the generated side, called by the given name of it and, beside it, what else it needs.
RENAMED: dict[str, Callable[..., Any]] = {
    "frame_scores": lambda **side: metrics.frame_scores(**side, real=REAL),
    "FrameScores.update": lambda **side: _updated(**side, real=REAL),
    "motion_energy_gap": lambda **side: metrics.motion_energy_gap(**side, real=REAL),
    "moving_region_error": lambda **side: metrics.moving_region_error(**side, real=REAL),
    "lpips": lambda **side: metrics.lpips(**side, real=REAL, network=_MeanDifference()),
    "multiscale_ssim": lambda **side: metrics.multiscale_ssim(
        **{name: clip.repeat(1, 1, 1, 11, 11) for name, clip in side.items()},
        real=REAL.repeat(1, 1, 1, 11, 11),
    ),
    "reverse_condition_accuracy": lambda **side: metrics.reverse_condition_accuracy(
        videos=REAL, labels=LABELS, num_classes=2, steps=1,
        **{name: (clip, LABELS) for name, clip in side.items()},  # type: ignore[arg-type]  # names
    ),
}  # fmt: skip


_MIX = torch.tensor([0.25, 0.75])
PENALTIES: dict[str, dict[str, Any]] = {
    "r1_penalty": {"real": REAL},
    "r2_penalty": {"fake": FAKE},
    "gradient_penalty": {"real": REAL, "fake": FAKE, "mix": _MIX},
    "zero_centered_penalty": {"real": REAL, "fake": FAKE, "mix": _MIX},
    "dragan_penalty": {"real": REAL, "noise": FAKE},
    "consistency_penalty": {"real": REAL, "augment": torch.neg},
    "balanced_consistency_penalty": {"real": REAL, "fake": FAKE, "augment": torch.neg},
}


# Public functions and methods of all that compares two sides.
PUBLIC = [
    function
    for module in (metrics, losses, functional)
    for name in module.__all__
    for value in [getattr(module, name)]
    for function in (vars(value).values() if inspect.isclass(value) else [value])
    if inspect.isfunction(function)
]


@pytest.mark.parametrize("name", RENAMED)
def test_a_former_name_works_and_names_the_new_one(name: str) -> None:
    expected = RENAMED[name](fake=FAKE)
    told = rf"^{name}\(generated=\) is fake= now; .* removed in stgan 0\.2$"
    with pytest.warns(DeprecationWarning, match=told) as caught:
        got = RENAMED[name](generated=FAKE)
    torch.testing.assert_close(got, expected, rtol=0, atol=0)
    if name != "FrameScores.update":  # which torchmetrics calls
        assert {warning.filename for warning in caught} == {__file__}
    both = pytest.raises(TypeError, match="generated is the former name of fake; pass only one")
    with both, pytest.warns(DeprecationWarning, match=told):
        RENAMED[name](generated=FAKE, fake=FAKE)


def test_every_renaming_is_in_the_table() -> None:
    wrapped = renamed("0")(len).__code__
    found = {f.__qualname__ for f in PUBLIC if f.__code__ is wrapped}
    assert found == {*RENAMED, *PENALTIES, "LpipsNetwork.forward"}


@pytest.mark.parametrize("name", PENALTIES)
def test_the_discriminator_of_a_penalty_was_called_critic(name: str) -> None:
    penalty, settings = getattr(functional, name), PENALTIES[name]
    network = nn.Sequential(nn.Flatten(), nn.Linear(REAL[0].numel(), 1), nn.Tanh())
    with pytest.warns(DeprecationWarning, match=rf"^{name}\(critic=\) is discriminator= now"):
        got = penalty(critic=network, **settings)
    torch.testing.assert_close(got, penalty(network, **settings), rtol=0, atol=0)


def test_the_interface_of_penalties_had_another_name() -> None:
    with pytest.warns(DeprecationWarning, match="CriticPenalty is DiscriminatorPenalty now"):
        assert losses.CriticPenalty is losses.DiscriminatorPenalty
    with pytest.raises(AttributeError, match="has no attribute 'CritPenalty'"):
        _ = losses.CritPenalty


def test_the_sides_are_called_fake_and_real() -> None:
    others = {"generated", "target", "targets", "pred", "preds", "reference", "truth", "output"}
    found = {f.__qualname__ for f in PUBLIC if others & {*inspect.signature(f).parameters}}
    assert not found


def test_a_signature_shows_the_present_names_only() -> None:
    assert [*inspect.signature(stgan.metrics.frame_scores).parameters][:2] == ["fake", "real"]


def test_a_family_is_made_by_the_former_function_and_no_other_loss_is() -> None:
    with pytest.warns(DeprecationWarning, match=r"is stgan\.create\('losses', 'hinge'\) now"):
        assert type(losses.create_family("hinge", reduction="sum")) is losses.HingeLoss
    for word, told in (("l1", "named 'l1'; known: hinge, "), ("hinje", "did you mean 'hinge'")):
        with (
            pytest.warns(DeprecationWarning, match="create_family"),
            pytest.raises(UnknownNameError, match=told),
        ):
            losses.create_family(word)

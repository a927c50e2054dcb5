"""One training iteration: who steps first, on what, with which weights."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from examples.imaginator.config import LossSettings
from examples.imaginator.model import ImaGINator, build
from examples.imaginator.steps import discriminator_losses, generator_losses, train_step
from stgan.losses import AdversarialLoss, NonSaturatingLoss, RelativisticPairingLoss

ADVERSARIAL = NonSaturatingLoss()


def _gan() -> tuple[ImaGINator, dict[str, Tensor], Tensor, Tensor]:
    torch.manual_seed(0)
    gan = build("tiny", num_classes=2, num_frames=4, image_size=(16, 16), base_channels=4)
    video = torch.rand(2, 3, 4, 16, 16) * 2 - 1
    batch = {"video": video, "image": video[:, :, 0], "label": torch.tensor([0, 1])}
    return gan, batch, torch.randn(2, gan.z_dim), torch.tensor([[1], [3]])


def _step(gan: ImaGINator, batch: dict[str, Tensor], z: Tensor, frames: Tensor,
          settings: LossSettings,
          adversarial: AdversarialLoss = ADVERSARIAL) -> dict[str, Tensor]:  # fmt: skip
    return train_step(
        gan.generator,
        gan.discriminator,
        torch.optim.SGD(gan.generator.parameters(), 0.1),
        torch.optim.SGD(gan.discriminator.parameters(), 0.1),
        batch,
        z,
        real_frames=frames,
        fake_frames=frames,
        adversarial=adversarial,
        settings=settings,
    )


@pytest.mark.parametrize("order", ["discriminator_first", "generator_first"])
def test_the_second_to_step_sees_the_first_one_changed(order: str) -> None:
    gan, batch, z, frames = _gan()
    # Without power iterations a frozen copy says exactly what the network itself said.
    gan.discriminator.eval()
    before = copy.deepcopy(gan)
    losses = _step(gan, batch, z, frames, LossSettings(order=order))  # type: ignore[arg-type]
    with torch.no_grad():
        fake = before.generator(batch["image"], z, batch["label"])
        old = before.discriminator(fake, batch["label"], indices=frames)
        new = gan.discriminator(fake, batch["label"], indices=frames)
    judge = new if order == "discriminator_first" else old
    other = old if order == "discriminator_first" else new
    expected = ADVERSARIAL.generator(fake=judge["video"])
    torch.testing.assert_close(losses["generator/video"], expected)
    assert not torch.allclose(losses["generator/video"], ADVERSARIAL.generator(fake=other["video"]))


def test_each_network_learns_from_its_own_loss_alone() -> None:
    gan, batch, z, frames = _gan()
    gan.discriminator.eval()
    before = copy.deepcopy(gan)
    _step(gan, batch, z, frames, LossSettings(order="generator_first"))
    fake = before.generator(batch["image"], z, batch["label"]).detach()
    real = before.discriminator(batch["video"], batch["label"], indices=frames)
    said = before.discriminator(fake, batch["label"], indices=frames)
    discriminator_losses(real, said, adversarial=ADVERSARIAL)["discriminator/total"].backward()
    pairs = zip(gan.discriminator.parameters(), before.discriminator.parameters(), strict=True)
    for after, own in pairs:
        assert own.grad is not None
        torch.testing.assert_close(after.grad, own.grad)
    changed = zip(gan.generator.parameters(), before.generator.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in changed)


def test_a_family_that_compares_is_told_what_the_streams_say_of_real_clips() -> None:
    gan, batch, z, frames = _gan()
    gan.discriminator.eval()
    before, family = copy.deepcopy(gan), RelativisticPairingLoss()
    settings = LossSettings(order="generator_first")
    losses = _step(gan, batch, z, frames, settings, family)
    with torch.no_grad():
        fake = before.generator(batch["image"], z, batch["label"])
        said = before.discriminator(fake, batch["label"], indices=frames)
        real = before.discriminator(batch["video"], batch["label"], indices=frames)
    for name in ("video", "image"):
        expected = family.generator(fake=said[name], real=real[name])
        torch.testing.assert_close(losses[f"generator/{name}"], expected)


def test_totals_are_the_weighted_sums_of_their_terms() -> None:
    torch.manual_seed(0)
    fake, real = torch.randn(2, 3, 4, 8, 8), torch.randn(2, 3, 4, 8, 8)
    logits = {"video": torch.randn(2), "image": torch.randn(2)}
    weights = replace(LossSettings(), reconstruction=7.0, video=2.0, image=3.0)
    terms = generator_losses(fake, real, logits, adversarial=ADVERSARIAL, weights=weights)
    by_hand = (
        7 * (fake - real).abs().mean()
        + 2 * ADVERSARIAL.generator(fake=logits["video"])
        + 3 * ADVERSARIAL.generator(fake=logits["image"])
    )
    torch.testing.assert_close(terms["generator/total"], by_hand)
    judged = discriminator_losses(logits, logits, adversarial=ADVERSARIAL)
    assert judged["discriminator/total"] == (
        judged["discriminator/video"] + judged["discriminator/image"]
    )

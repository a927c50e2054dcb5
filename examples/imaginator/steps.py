"""One training iteration: the discriminators learn, the generator learns, on the same clips.

With x the real clip, x_0 its image, c the label and t frames of the clip,

    L_G  = w_rec mean|G(x_0, z, c) - x| + w_V g(D_V(G, c)) + w_I g(D_I(G[t]))
    L_D  = d(D_V(x, c), D_V(G, c)) + d(D_I(x[t']), D_I(G[t]))

where g and d are the two halves of an adversarial loss, by default -log D and cross-entropy.
"""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Optimizer

from examples.imaginator.config import LossSettings
from stgan.discriminators import TwoStreamDiscriminator
from stgan.losses import AdversarialLoss
from stgan.training import frozen

__all__ = ["discriminator_losses", "generator_losses", "train_step"]


def generator_losses(
    fake: Tensor,
    real: Tensor,
    logits: Mapping[str, Tensor],
    *,
    adversarial: AdversarialLoss,
    weights: LossSettings,
    real_logits: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """Return the generator's terms by name, and their weighted sum as ``"generator/total"``.

    Args:
        fake: Generated clips ``(N, 3, T, H, W)``.
        real: The real clips of the same images and labels.
        logits: What the two streams say of ``fake``.
        adversarial: The loss family.
        weights: Weight of every term.
        real_logits: What the two streams say of ``real``, for families that compare.
    """
    against = real_logits or {}
    terms = {
        "generator/reconstruction": F.l1_loss(fake, real),
        "generator/video": adversarial.generator(fake=logits["video"], real=against.get("video")),
        "generator/image": adversarial.generator(fake=logits["image"], real=against.get("image")),
    }
    total = (
        weights.reconstruction * terms["generator/reconstruction"]
        + weights.video * terms["generator/video"]
        + weights.image * terms["generator/image"]
    )
    return terms | {"generator/total": total}


def discriminator_losses(
    real: Mapping[str, Tensor], fake: Mapping[str, Tensor], *, adversarial: AdversarialLoss
) -> dict[str, Tensor]:
    """Return one term for each stream, and their sum as ``"discriminator/total"``.

    Args:
        real: What the two streams say of real clips.
        fake: What they say of generated clips.
        adversarial: The loss family.
    """
    terms = {
        f"discriminator/{name}": adversarial.discriminator(real=real[name], fake=fake[name])
        for name in ("video", "image")
    }
    return terms | {"discriminator/total": torch.stack(list(terms.values())).sum()}


def train_step(
    generator: Callable[[Tensor, Tensor, Tensor], Tensor],
    discriminator: TwoStreamDiscriminator,
    generator_optimizer: Optimizer,
    discriminator_optimizer: Optimizer,
    batch: Mapping[str, Tensor],
    z: Tensor,
    *,
    real_frames: Tensor,
    fake_frames: Tensor,
    adversarial: AdversarialLoss,
    settings: LossSettings,
    backward: Callable[[Tensor], None] = Tensor.backward,
) -> dict[str, Tensor]:
    """Take one step of each network, in the order of ``settings.order``.

    Both steps see the same generated clips, made before either. The two streams share one
    optimizer: Adam treats every parameter by itself, so this equals one for each.

    Args:
        generator: ``generator(image, z, label) -> video``.
        discriminator: The two streams.
        generator_optimizer: Of the generator.
        discriminator_optimizer: Of both streams.
        batch: ``"image"``, ``"video"`` and ``"label"``.
        z: Noise ``(N, z_dim)``.
        real_frames: ``(N, k)`` frames of the real clips for the image stream.
        fake_frames: ``(N, k)`` frames of the generated clips for the image stream.
        adversarial: The loss family.
        settings: Weights and order.
        backward: How gradients are computed, such as ``fabric.backward``.

    Returns:
        Every term of both losses by name, detached, on the device.
    """
    real, label = batch["video"], batch["label"]
    fake = generator(batch["image"], z, label)

    def generator_step() -> dict[str, Tensor]:
        generator_optimizer.zero_grad(set_to_none=True)
        with frozen(discriminator):
            logits = discriminator(fake, label, indices=fake_frames)
            real_logits = None
            if adversarial.needs_real:
                real_logits = discriminator(real, label, indices=real_frames)
            losses = generator_losses(
                fake,
                real,
                logits,
                adversarial=adversarial,
                weights=settings,
                real_logits=real_logits,
            )
            backward(losses["generator/total"])
        generator_optimizer.step()
        return losses

    def discriminator_step() -> dict[str, Tensor]:
        discriminator_optimizer.zero_grad(set_to_none=True)
        losses = discriminator_losses(
            discriminator(real, label, indices=real_frames),
            discriminator(fake.detach(), label, indices=fake_frames),
            adversarial=adversarial,
        )
        backward(losses["discriminator/total"])
        discriminator_optimizer.step()
        return losses

    if settings.order == "generator_first":
        losses = generator_step() | discriminator_step()
    else:
        losses = discriminator_step() | generator_step()
    return {name: value.detach() for name, value in losses.items()}

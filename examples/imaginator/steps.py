"""One training iteration: the discriminators learn, the generator learns, on the same clips."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from examples.imaginator.draws import Draws, Shown
from examples.imaginator.objective import Objective, Opinions
from stgan.discriminators import StreamOutput, TwoStreamDiscriminator
from stgan.training import frozen

__all__ = ["make_draws", "train_step"]


def make_draws(
    discriminator: TwoStreamDiscriminator,
    objective: Objective,
    size: tuple[int, int],
    z_dim: int,
    *,
    same_frames: bool,
    generator: torch.Generator,
    device: torch.device | str = "cpu",
) -> Draws:
    """Draw everything that an iteration needs.

    Args:
        discriminator: Whose streams sample frames.
        objective: Which augments.
        size: Number of clips and of frames.
        z_dim: Length of the noise.
        same_frames: Whether the streams see the same moments of real and generated clips.
        generator: Of the numbers, on the CPU.
        device: Where they go.
    """
    n, t = size
    like = torch.empty(n, 1, t, 1, 1)
    z = torch.randn(n, z_dim, generator=generator)
    real_frames = discriminator.sample(like, generator=generator)
    fake_frames = real_frames if same_frames else discriminator.sample(like, generator=generator)
    drawn: dict[str, Any] = {"z": z, "real_frames": real_frames, "fake_frames": fake_frames}
    if objective.augment is not None:
        for side in ("real", "fake"):
            drawn[f"{side}_augment"] = objective.draw(n, generator)
    if objective.needs_other:
        drawn["other_z"] = torch.randn(n, z_dim, generator=generator)

    def move(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: move(item) for name, item in value.items()}
        return value.to(device, non_blocking=True)

    return Draws(**{name: move(value) for name, value in drawn.items()})


def train_step(
    generator: Callable[[Tensor, Tensor, Tensor], Tensor],
    discriminator: TwoStreamDiscriminator,
    generator_optimizer: Optimizer,
    discriminator_optimizer: Optimizer,
    batch: Mapping[str, Tensor],
    draws: Draws,
    *,
    objective: Objective,
    backward: Callable[[Tensor], None] = Tensor.backward,
) -> dict[str, Tensor]:
    """Take one step of each network, in the order that the objective's settings say.

    Both steps see the same generated clips, made before either. All streams share one optimizer:
    Adam treats every parameter by itself, so this equals one for each.

    Args:
        generator: ``generator(image, z, label) -> video``.
        discriminator: The streams.
        generator_optimizer: Of the generator.
        discriminator_optimizer: Of all streams.
        batch: ``"image"``, ``"video"`` and ``"label"``.
        draws: All that is random in this iteration.
        objective: Both losses.
        backward: How gradients are computed, such as ``fabric.backward``.

    Returns:
        Every term of both losses by name, detached, on the device.
    """
    video, image, label = batch["video"], batch["image"], batch["label"]
    fake = generator(image, draws.z, label)
    real_shown = objective.show(video, image, draws.real_frames, draws.real_augment)
    fake_shown = objective.show(fake, image, draws.fake_frames, draws.fake_augment)

    def ask(shown: Shown) -> Opinions:
        said = discriminator(
            shown.video,
            label,
            image=shown.image,
            indices=shown.frames,
            detailed=objective.detailed,
        )
        return {
            name: StreamOutput(opinion, {}, ()) if isinstance(opinion, Tensor) else opinion
            for name, opinion in said.items()
        }

    def generator_step() -> dict[str, Tensor]:
        generator_optimizer.zero_grad(set_to_none=True)
        other = None if draws.other_z is None else generator(image, draws.other_z, label)
        with frozen(discriminator):
            said = ask(fake_shown)
            said_real = ask(real_shown) if objective.needs_real else None
            losses = objective.generator(fake, said, batch, draws, said_real=said_real, other=other)
            backward(losses["generator/total"])
        generator_optimizer.step()
        return losses

    def discriminator_step() -> dict[str, Tensor]:
        discriminator_optimizer.zero_grad(set_to_none=True)
        still = fake_shown._replace(video=fake_shown.video.detach())
        said_real, said_fake = ask(real_shown), ask(still)
        losses = objective.discriminator(
            discriminator,
            batch,
            draws,
            real=real_shown,
            fake=still,
            said_real=said_real,
            said_fake=said_fake,
        )
        backward(losses["discriminator/total"])
        discriminator_optimizer.step()
        objective.advance(discriminator, said_real)
        return losses

    def both_steps() -> dict[str, Tensor]:
        generator_optimizer.zero_grad(set_to_none=True)
        discriminator_optimizer.zero_grad(set_to_none=True)
        other = None if draws.other_z is None else generator(image, draws.other_z, label)
        # One pass serves both losses: up to the clips for the generator, up to the weights for the
        # discriminators.
        still = fake_shown._replace(video=fake_shown.video.detach().requires_grad_())
        said_real, said_fake = ask(real_shown), ask(still)
        heard = _cut_off(said_fake)
        of_generator = objective.generator(
            fake, heard, batch, draws, said_real=_cut_off(said_real), other=other
        )
        slope = _slope(of_generator["generator/total"], heard, said_fake, still.video)
        backward(of_generator["generator/total"] + (slope * fake_shown.video).sum())
        of_discriminator = objective.discriminator(
            discriminator,
            batch,
            draws,
            real=real_shown,
            fake=still._replace(video=still.video.detach()),
            said_real=said_real,
            said_fake=said_fake,
        )
        backward(of_discriminator["discriminator/total"])
        generator_optimizer.step()
        discriminator_optimizer.step()
        objective.advance(discriminator, said_real)
        return of_generator | of_discriminator

    if objective.settings.order == "simultaneous":
        losses = both_steps()
    elif objective.settings.order == "generator_first":
        losses = generator_step() | discriminator_step()
    else:
        losses = discriminator_step() | generator_step()
    return {name: value.detach() for name, value in losses.items()}


def _tensors(said: Opinions) -> list[Tensor]:
    return [
        tensor
        for opinion in said.values()
        for tensor in (opinion.logits, *opinion.predictions.values(), *opinion.features)
    ]


def _cut_off(said: Opinions) -> Opinions:
    """Copy what was said, as leaves of a graph of their own."""

    def leaf(tensor: Tensor) -> Tensor:
        return tensor.detach().requires_grad_()

    return {
        name: StreamOutput(
            leaf(opinion.logits),
            {key: leaf(value) for key, value in opinion.predictions.items()},
            tuple(leaf(feature) for feature in opinion.features),
        )
        for name, opinion in said.items()
    }


def _slope(loss: Tensor, heard: Opinions, said: Opinions, clips: Tensor) -> Tensor:
    """Return the gradient of a loss on clips, through what the discriminators said of them."""
    slopes = torch.autograd.grad(loss, _tensors(heard), retain_graph=True, allow_unused=True)
    used = [(out, slope) for out, slope in zip(_tensors(said), slopes, strict=True)
            if slope is not None]  # fmt: skip
    outs, slopes = zip(*used, strict=True)
    (slope,) = torch.autograd.grad(outs, clips, slopes, retain_graph=True)
    return slope

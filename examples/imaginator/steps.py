"""One training iteration: the discriminators learn, the generator learns, on the same clips."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils import parametrize
from torch.optim import Optimizer

from examples.imaginator.draws import Draws, Shown, side_by_side
from examples.imaginator.engine import Engine
from examples.imaginator.objective import Objective, Opinions
from examples.imaginator.opinions import cut_off, halves, slope_at
from stgan.discriminators import StreamOutput, TwoStreamDiscriminator
from stgan.training import frozen, split_batch

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


class _Part(NamedTuple):
    """A part of the batch, what was generated for it, and what the discriminators see of both."""

    batch: Mapping[str, Tensor]
    draws: Draws
    fake: Tensor
    real_shown: Shown
    fake_shown: Shown


def train_step(
    generator: Any,
    discriminator: TwoStreamDiscriminator,
    generator_optimizer: Optimizer,
    discriminator_optimizer: Optimizer,
    batch: Mapping[str, Tensor],
    draws: Draws,
    *,
    objective: Objective,
    engine: Engine | None = None,
) -> dict[str, Tensor]:
    """Take one step of each network, in the order that the objective's settings say.

    Both steps see the same generated clips, made before either. All streams share one optimizer:
    Adam treats every parameter by itself, so this equals one for each.

    Where the engine gathers gradients in several parts, clips are made without a graph before and
    once more for the generator's step, which then holds the activations of one part only.

    Args:
        generator: ``generator(image, z, label) -> video``.
        discriminator: The streams.
        generator_optimizer: Of the generator.
        discriminator_optimizer: Of all streams.
        batch: ``"image"``, ``"video"`` and ``"label"``.
        draws: All that is random in this iteration.
        objective: Both losses.
        engine: How gradients are computed; plain torch by default.

    Returns:
        Every term of both losses by name, detached, on the device.
    """
    engine = engine or Engine()

    def make(batch: Mapping[str, Tensor], draws: Draws) -> _Part:
        video, image = batch["video"], batch["image"]
        fake = generator(image, draws.z, batch["label"])
        return _Part(
            batch,
            draws,
            fake,
            objective.show(video, image, draws.real_frames, draws.real_augment),
            objective.show(fake, image, draws.fake_frames, draws.fake_augment),
        )

    with torch.set_grad_enabled(engine.parts == 1):
        parts = [make(*part) for part in _split(batch, draws, engine.parts)]

    def ask(shown: Shown, label: Tensor) -> Opinions:
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

    def ask_both(real: Shown, fake: Shown, label: Tensor) -> tuple[Opinions, Opinions]:
        if not objective.one_call:
            return ask(real, label), ask(fake, label)
        return halves(ask(side_by_side(real, fake), torch.cat([label, label])))

    def generator_step() -> dict[str, Tensor]:
        generator_optimizer.zero_grad(set_to_none=True)
        found = []
        for number, part in enumerate(parts):
            with engine.gathering(generator, number):
                part = part if len(parts) == 1 else make(part.batch, part.draws)
                image, label, draws = part.batch["image"], part.batch["label"], part.draws
                other = None if draws.other_z is None else generator(image, draws.other_z, label)
                with frozen(discriminator):
                    said = ask(part.fake_shown, label)
                    said_real = ask(part.real_shown, label) if objective.needs_real else None
                    losses = objective.generator(
                        part.fake, said, part.batch, draws, said_real=said_real, other=other
                    )
                    engine.backward(losses["generator/total"] / len(parts))
            found.append(losses)
        means = _means(found)
        engine.step("generator", generator, generator_optimizer, means)
        return means

    def discriminator_step() -> dict[str, Tensor]:
        discriminator_optimizer.zero_grad(set_to_none=True)
        found, opinions = [], []
        for number, part in enumerate(parts):
            label = part.batch["label"]
            still = part.fake_shown._replace(video=part.fake_shown.video.detach())
            with engine.gathering(discriminator, number):
                said_real, said_fake = ask_both(part.real_shown, still, label)
                losses = objective.discriminator(
                    discriminator,
                    part.batch,
                    part.draws,
                    real=part.real_shown,
                    fake=still,
                    said_real=said_real,
                    said_fake=said_fake,
                )
                engine.backward(losses["discriminator/total"] / len(parts))
            found.append(losses)
            opinions.append((said_real, said_fake))
        means = _means(found)
        engine.step("discriminator", discriminator, discriminator_optimizer, means)
        finish(opinions)
        return means

    def both_steps() -> dict[str, Tensor]:
        generator_optimizer.zero_grad(set_to_none=True)
        discriminator_optimizer.zero_grad(set_to_none=True)
        generated, judged, opinions = [], [], []
        for number, part in enumerate(parts):
            with engine.gathering(generator, number), engine.gathering(discriminator, number):
                part = part if len(parts) == 1 else make(part.batch, part.draws)
                image, label, draws = part.batch["image"], part.batch["label"], part.draws
                other = None if draws.other_z is None else generator(image, draws.other_z, label)
                # One pass serves both losses: up to the clips for the generator, up to the weights
                # for the discriminators.
                seen = part.fake_shown.video
                # A view, since torch's counters and profilers cannot follow a gradient to a leaf.
                leaf = seen.detach().requires_grad_()
                still = part.fake_shown._replace(video=leaf.view_as(leaf))
                # Not both in one call: the way back to the clips would lead through the real ones.
                # But of the same weights, which are normalized once.
                with parametrize.cached():
                    said_real, said_fake = ask(part.real_shown, label), ask(still, label)
                heard = cut_off(said_fake)
                losses = objective.generator(
                    part.fake, heard, part.batch, draws, said_real=cut_off(said_real), other=other
                )
                total = losses["generator/total"]
                slope = slope_at(total, heard, said_fake, still.video)
                engine.backward((total + (slope * seen).sum()) / len(parts))
                generated.append(losses)
                losses = objective.discriminator(
                    discriminator,
                    part.batch,
                    draws,
                    real=part.real_shown,
                    fake=still._replace(video=still.video.detach()),
                    said_real=said_real,
                    said_fake=said_fake,
                )
                engine.backward(losses["discriminator/total"] / len(parts))
                judged.append(losses)
            opinions.append((said_real, said_fake))
        of_generator, of_discriminator = _means(generated), _means(judged)
        engine.step("generator", generator, generator_optimizer, of_generator)
        engine.step("discriminator", discriminator, discriminator_optimizer, of_discriminator)
        finish(opinions)
        return of_generator | of_discriminator

    def finish(opinions: list[tuple[Opinions, Opinions]]) -> None:
        """Let those know who follow what is said of real and generated clips."""
        real, fake = (
            {name: torch.cat([said[name].logits.detach() for said in side]) for name in side[0]}
            for side in zip(*opinions, strict=True)
        )
        objective.advance(discriminator, real)
        if engine.health is not None:
            engine.health.saw_logits(real=real, fake=fake)

    if objective.settings.order == "simultaneous":
        losses = both_steps()
    elif objective.settings.order == "generator_first":
        losses = generator_step() | discriminator_step()
    else:
        losses = discriminator_step() | generator_step()
    if engine.health is not None and engine.due and len(parts[0].fake) > 1:
        engine.health.saw_samples(real=parts[0].batch["video"], fake=parts[0].fake.detach())
    return losses


def _split(
    batch: Mapping[str, Tensor], draws: Draws, count: int
) -> Iterator[tuple[Mapping[str, Tensor], Draws]]:
    size = len(batch["video"]) // count
    for number, part in enumerate(split_batch(batch, count)):
        yield part, draws.of(slice(number * size, (number + 1) * size))


def _means(found: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Average every term over the parts of a batch."""
    return {
        name: torch.stack([losses[name].detach() for losses in found]).mean(0) for name in found[0]
    }

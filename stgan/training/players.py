"""The steps of a game of two players, one by one or bundled."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.optim import Optimizer
from torch.utils._pytree import tree_leaves

from stgan.training.finite import FiniteGuard
from stgan.training.freezing import frozen
from stgan.training.health import HealthMonitor
from stgan.training.objective import Objective
from stgan.training.parts import Draws, Generate, Part, make_part, make_parts
from stgan.training.views import (
    StreamOutputs,
    discriminate,
    discriminate_pair,
    join_logits,
    leaves,
)

__all__ = ["GANStep", "Order", "Player"]

#: Who steps first on the same generated clips; simultaneous: both from one pass of theirs.
Order: TypeAlias = Literal["discriminator_first", "generator_first", "simultaneous"]


def _no_hold(network: Any) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass
class Player:
    """A network that learns, its optimizer, and what looks at its gradients before it moves.

    Attributes:
        name: ``"generator"`` or ``"discriminator"``; its terms are named after it.
        network: The network as it is called, wrapped or not.
        optimizer: Of its parameters.
        backward: Called with a loss, such as ``fabric.backward``.
        hold: Called with the network, gives the context for all parts of a batch but the last:
            processes need not exchange gradients that more will be added to, such as
            ``fabric.no_backward_sync``.
        guard: Stops a run, or skips a step, where numbers are not finite.
        health: Watches the game.

    Example:
        >>> network = nn.Linear(1, 1)
        >>> player = Player("generator", network, torch.optim.SGD(network.parameters(), 0.1))
        >>> def loss(x):
        ...     return {"generator/total": network(x).mean()}
        >>> losses = player.learn(loss, [torch.ones(2, 1)])
        >>> sorted(losses)
        ['generator/total']
    """

    name: str
    network: nn.Module
    optimizer: Optimizer
    backward: Callable[[Tensor], Any] = Tensor.backward
    hold: Callable[[Any], AbstractContextManager[None]] = _no_hold
    guard: FiniteGuard | None = None
    health: HealthMonitor | None = None

    def learn(
        self,
        loss: Callable[[Any], Mapping[str, Tensor]],
        parts: Sequence[Any],
        *,
        due: bool = False,
    ) -> dict[str, Tensor]:
        """Take one step of the optimizer on the mean loss of the parts of a batch.

        Args:
            loss: Called with each part; returns terms by name, the last ``"<player>/total"``.
            parts: Of the batch, of one size.
            due: Whether health is measured in this step.

        Returns:
            The mean of every term over the parts, detached.
        """
        self.optimizer.zero_grad(set_to_none=True)
        found = []
        for number, part in enumerate(parts):
            with self.gathering(number, len(parts)):
                terms = loss(part)
                self.backward(terms[f"{self.name}/total"] / len(parts))
            found.append(terms)
        return self.step(found, due=due)

    def gathering(self, number: int, parts: int) -> AbstractContextManager[None]:
        """The context in which a part of a batch goes through the network."""
        return self.hold(self.network) if number + 1 < parts else nullcontext()

    def step(
        self, found: Sequence[Mapping[str, Tensor]], *, due: bool = False
    ) -> dict[str, Tensor]:
        """Let the optimizer step on the gradients that are there, if they may be stepped on.

        Args:
            found: Terms of every part, by name.
            due: Whether health is measured.

        Returns:
            The mean of every term over the parts, detached.
        """
        losses = {
            name: torch.stack([terms[name].detach() for terms in found]).mean(0)
            for name in found[0]
        }
        if self.guard is None or self.guard.allows(self.name, losses):
            watched: AbstractContextManager[None] = nullcontext()
            if self.health is not None:
                watched = self.health.step_of(self.name, self.network, due=due)
            with watched:
                self.optimizer.step()
        # Used up: kept, they would lie beside the activations of the other player's step.
        self.optimizer.zero_grad(set_to_none=True)
        return losses


@dataclass
class GANStep:
    """Both players' steps in one: called with a batch and draws, each player learns once.

    Both learn from the same generated clips, made before either step, and all streams share one
    optimizer: Adam treats every parameter by itself, so this equals one for each. What it does can
    be done one by one as well, by :func:`make_parts`, :func:`discriminate_pair`,
    :func:`discriminate`, :class:`Objective` and :meth:`Player.learn`; the source of
    :meth:`discriminator_step` and :meth:`generator_step` shows how.

    Attributes:
        generator: The player that generates.
        discriminator: The player that judges.
        generate: ``generate(batch, z) -> clips``, which calls the generator.
        objective: Both losses.
        order: Who steps first. ``"simultaneous"`` computes as ``"generator_first"``, but for the
            number of power iterations of spectral norms, in one pass of the discriminators.
        accumulate: In how many parts the gradients of a batch are gathered. Clips are then made
            once more for the generator's step, which holds the activations of one part only.
        one_call: Whether streams are shown real and generated clips side by side in one call, where
            no layer looks at its whole batch.

    Example:
        >>> from stgan.discriminators import TwoStreamDiscriminator, VideoDiscriminator
        >>> from stgan.losses import HingeLoss
        >>> class Generator(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.linear = nn.Linear(5, 3 * 4 * 16 * 16)
        ...     def forward(self, z):
        ...         return self.linear(z).tanh().view(-1, 3, 4, 16, 16)
        >>> generator = Generator()
        >>> discriminator = TwoStreamDiscriminator(
        ...     video=VideoDiscriminator((4, 16, 16), base_channels=4)
        ... )
        >>> objective = Objective(discriminator, HingeLoss())
        >>> players = (
        ...     Player(name, network, torch.optim.Adam(network.parameters()))
        ...     for name, network in (("generator", generator), ("discriminator", discriminator))
        ... )
        >>> step = GANStep(*players, generate=lambda batch, z: generator(z), objective=objective)
        >>> from stgan.training import draw_step
        >>> numbers = torch.Generator().manual_seed(0)
        >>> draws = draw_step(
        ...     discriminator, objective, num_clips=2, num_frames=4, z_dim=5, generator=numbers
        ... )
        >>> sorted(step({"video": torch.zeros(2, 3, 4, 16, 16)}, draws))
        ['discriminator/total', 'discriminator/video', 'generator/total', 'generator/video']
    """

    generator: Player
    discriminator: Player
    generate: Generate
    objective: Objective
    order: Order = "discriminator_first"
    accumulate: int = 1
    one_call: bool = True

    def __call__(
        self, batch: Mapping[str, Tensor], draws: Draws, *, due: bool = False
    ) -> dict[str, Tensor]:
        """Take one step of each player.

        Args:
            batch: ``"video"``, and ``"image"`` and ``"label"`` where there are any.
            draws: As of :func:`draw_step`.
            due: Whether health is measured in this step.

        Returns:
            Every term of both losses by name, detached, on the device.
        """
        parts = make_parts(self.generate, self.objective, batch, draws, self.accumulate)
        if self.order == "simultaneous":
            losses = self.both_steps(parts, due=due)
        elif self.order == "generator_first":
            losses = self.generator_step(parts, due=due) | self.discriminator_step(parts, due=due)
        else:
            losses = self.discriminator_step(parts, due=due) | self.generator_step(parts, due=due)
        health = self.discriminator.health
        if health is not None and due and len(parts[0].clips) > 1:
            health.saw_samples(real=parts[0].batch["video"], fake=parts[0].clips.detach())
        return losses

    def discriminator_step(self, parts: Sequence[Part], *, due: bool = False) -> dict[str, Tensor]:
        """Let the discriminators learn to tell real clips from generated ones."""
        said = []

        def loss(part: Part) -> dict[str, Tensor]:
            said.append(self.judge(part))
            return self.discriminator_loss(part, *said[-1])

        losses = self.discriminator.learn(loss, parts, due=due)
        self.finish(said)
        return losses

    def generator_step(self, parts: Sequence[Part], *, due: bool = False) -> dict[str, Tensor]:
        """Let the generator learn to pass for real."""

        def loss(part: Part) -> dict[str, Tensor]:
            part = self.again(part)
            return self.generator_loss(part, *self.judge_generated(part))

        with self.frozen_discriminator():
            return self.generator.learn(loss, parts, due=due)

    def judge(self, part: Part) -> tuple[StreamOutputs, StreamOutputs]:
        """Ask the streams about real clips and about detached generated ones."""
        return discriminate_pair(
            self.discriminator.network,
            part.real,
            part.fake.detach(),
            detailed=self.objective.detailed,
            one_call=self.one_call and not self.objective.whole_batch,
        )

    def judge_generated(self, part: Part) -> tuple[StreamOutputs, StreamOutputs | None]:
        """Ask the streams about generated clips, and about real ones where the loss needs it."""
        network, detailed = self.discriminator.network, self.objective.detailed
        outputs = discriminate(network, part.fake, detailed=detailed)
        if not self.objective.needs_real:
            return outputs, None
        return outputs, discriminate(network, part.real, detailed=detailed)

    def frozen_discriminator(self) -> AbstractContextManager[None]:
        """The context of the generator's step, in which the discriminators learn nothing."""
        return frozen(self.discriminator.network)

    def again(self, part: Part) -> Part:
        """Generate the clips of a part with a graph, where they were made without."""
        if self.accumulate == 1:
            return part
        return make_part(self.generate, self.objective, part.batch, part.draws)

    def discriminator_loss(
        self, part: Part, real_outputs: StreamOutputs, outputs: StreamOutputs
    ) -> dict[str, Tensor]:
        """Return the discriminators' terms for what they say of real and generated clips."""
        return self.objective.discriminator(
            self.discriminator.network,
            real_outputs,
            outputs,
            real=part.real,
            fake=part.fake.detach(),
            z=part.z,
        )

    def generator_loss(
        self, part: Part, outputs: StreamOutputs, real_outputs: StreamOutputs | None
    ) -> dict[str, Tensor]:
        """Return the generator's terms for what the discriminators say of its clips."""
        other_z = part.draws["other_z"]
        return self.objective.generator(
            outputs,
            fake=part.clips,
            real=part.batch["video"],
            label=part.batch.get("label"),
            z=part.z,
            real_outputs=real_outputs,
            other=None if other_z is None else (self.generate(part.batch, other_z), other_z),
        )

    def both_steps(self, parts: Sequence[Part], *, due: bool = False) -> dict[str, Tensor]:
        """Let both learn from one pass of the discriminators.

        It serves both losses: up to the clips for the generator, up to the weights for the
        discriminators.
        """
        generator, discriminator = self.generator, self.discriminator
        network, detailed = discriminator.network, self.objective.detailed
        generated, judged, seen = [], [], []
        for player in (generator, discriminator):
            player.optimizer.zero_grad(set_to_none=True)
        for number, part in enumerate(parts):
            with (
                generator.gathering(number, len(parts)),
                discriminator.gathering(number, len(parts)),
            ):
                part = self.again(part)
                # A view, since torch's counters and profilers cannot follow a gradient to a leaf.
                leaf = part.fake.video.detach().requires_grad_()
                still = part.fake._replace(video=leaf.view_as(leaf))
                # Not both in one call: the way back to the clips would lead through the real ones.
                # But of the same weights, which are normalized once.
                with parametrize.cached():
                    real = discriminate(network, part.real, detailed=detailed)
                    fake = discriminate(network, still, detailed=detailed)
                copies = leaves(fake)
                losses = self.generator_loss(part, copies, leaves(real))
                total = losses["generator/total"]
                slope = _slope_at(total, copies, fake, still.video)
                generator.backward((total + (slope * part.fake.video).sum()) / len(parts))
                generated.append(losses)
                losses = self.discriminator_loss(part, real, fake)
                discriminator.backward(losses["discriminator/total"] / len(parts))
                judged.append(losses)
            seen.append((real, fake))
        losses = generator.step(generated, due=due) | discriminator.step(judged, due=due)
        self.finish(seen)
        return losses

    def finish(self, seen: Sequence[tuple[StreamOutputs, StreamOutputs]]) -> None:
        """Let those know who follow what is said of real and generated clips."""
        real, fake = (join_logits(side) for side in zip(*seen, strict=True))
        self.objective.advance(real)
        if self.discriminator.health is not None:
            self.discriminator.health.saw_logits(real=real, fake=fake)


def _slope_at(loss: Tensor, copies: StreamOutputs, outputs: StreamOutputs, clips: Tensor) -> Tensor:
    """Return the gradient of a loss on clips, through what the discriminators said of them."""
    slopes = torch.autograd.grad(loss, tree_leaves(copies), retain_graph=True, allow_unused=True)
    pairs = zip(tree_leaves(outputs), slopes, strict=True)
    used, found = zip(*((x, slope) for x, slope in pairs if slope is not None), strict=True)
    (slope,) = torch.autograd.grad(used, clips, found, retain_graph=True)
    return slope

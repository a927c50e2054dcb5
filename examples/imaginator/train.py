"""Train ImaGINator.

    python -m examples.imaginator.train                          # moving shapes, full width
    python -m examples.imaginator.train --preset tiny            # moving shapes, minutes on a CPU
    python -m examples.imaginator.train --data.root VIDEOS --data.validation '*/subject4_*'
    python -m examples.imaginator.train --out runs/imaginator --resume
    torchrun --nproc-per-node 2 -m examples.imaginator.train --train.devices 2

VIDEOS holds one folder of clips for each class: video files, frame strips or folders of frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.loggers.tensorboard import TensorBoardLogger
from torch import Tensor, nn
from tqdm import tqdm

from stgan import data, training
from stgan.cli import interruptible, user_errors
from stgan.errors import CheckpointError, DataError, UnknownNameError, printable
from stgan.report import FixedSamples
from stgan.settings import check_settings, write_settings

from .config import DiscriminatorSettings, LossSettings, Settings, parse_settings
from .model import ImaGINator, without_weights

__all__ = ["ImaGINatorStep", "Training", "main", "open_clips", "open_run", "train"]
Parts = Sequence[training.Part]
Losses = dict[str, Tensor]


class ImaGINatorStep(training.GANStep):
    """The two steps of an iteration, on the same generated clips x^ = G(x_0, z, c)."""

    def discriminator_step(self, parts: Parts, *, due: bool = False) -> Losses:
        """D_V and D_I learn to tell real clips x from generated ones.

        L_D = d(D_V(x, c), D_V(x^, c)) + d(D_I(x[t]), D_I(x^[t'])) + penalties
        """
        said = []

        def loss(part: training.Part) -> Losses:
            said.append(self.judge(part))  # D_V and D_I of the real clips, and of the generated
            return self.discriminator_loss(part, *said[-1])

        losses = self.discriminator.learn(loss, parts, due=due)
        self.finish(said)
        return losses

    def generator_step(self, parts: Parts, *, due: bool = False) -> Losses:
        """G learns to come near the real clip, and to pass for real.

        L_G = w_rec mean|x^ - x| + w_V g(D_V(x^, c)) + w_I g(D_I(x^[t'])) + more terms
        """

        def loss(part: training.Part) -> Losses:
            part = self.again(part)  # where gradients are gathered in parts
            return self.generator_loss(part, *self.judge_generated(part))

        with self.frozen_discriminator():
            return self.generator.learn(loss, parts, due=due)


@dataclass
class Training:
    """What a run works on: clips, networks, what they are trained for, and the run's folder."""

    settings: Settings
    fabric: Fabric
    clips: data.Splits
    gan: ImaGINator
    objective: training.Objective
    average: training.ExponentialMovingAverage | None
    optimizers: tuple[torch.optim.Optimizer, torch.optim.Optimizer]
    run: training.Run

    def step(self, generator: Any, discriminator: Any, *optimizers: Any) -> ImaGINatorStep:
        """The iteration's steps, by networks and optimizers as Fabric wraps them."""
        settings, fabric = self.settings, self.fabric
        watch: dict[str, Any] = {"backward": fabric.backward, "hold": fabric.no_backward_sync,
                                 "guard": self.run.guard, "health": self.run.health}  # fmt: skip
        return ImaGINatorStep(
            generator=training.Player("generator", generator, optimizers[0], **watch),
            discriminator=training.Player("discriminator", discriminator, optimizers[1], **watch),
            generate=lambda batch, z: generator(batch["image"], z, batch["label"]),
            objective=self.objective, order=settings.loss.order,
            accumulate=settings.train.accumulate, one_call=settings.discriminator.one_call,
        )  # fmt: skip

    def draw(self) -> dict[str, Any]:
        """Draw what is random in the next step, numbered by seed and step, for this process."""
        settings, fabric = self.settings, self.fabric
        draws = training.draw_step(
            self.gan.discriminator, self.objective, num_clips=settings.train.batch_size,
            num_frames=settings.model.num_frames, z_dim=self.gan.z_dim, device=fabric.device,
            same_frames=settings.discriminator.same_frames,
            generator=data.numbered_generator(settings.train.seed, self.run.step, 0),
        )  # fmt: skip
        mine = slice(fabric.global_rank, None, fabric.world_size)
        return cast(dict[str, Any], training.cut_tree(draws, mine))


def open_clips(settings: Settings, *, complete: bool = False) -> data.Splits:
    """Open the clips that the settings name, or draw moving shapes."""
    size: Any = {"num_frames": settings.model.num_frames, "image_size": settings.model.image_size}
    size |= {"seed": settings.train.seed, "complete": complete, "trust": settings.trust}
    return settings.data.open(**size)


def objective_of(loss: LossSettings, discriminator: DiscriminatorSettings) -> dict[str, Any]:
    """The terms of both losses, as :func:`stgan.training.build_objective` reads them."""
    judged = [name for name in ("video", "image") if getattr(discriminator, name) is not None]
    return {
        "adversarial": loss.family, "penalties": loss.penalties,
        "generator": {"reconstruction": {"name": "l1", "weight": loss.reconstruction},
                      **loss.generator_terms},
        "stream_weights": {name: getattr(loss, name) for name in judged},
        "prediction": loss.prediction, "penalty_every": loss.penalty_every,
        "clip_every": loss.clip_singular_values_every, "augment": discriminator.augment,
    }  # fmt: skip


def open_run(settings: Settings) -> Training:
    """Open clips, networks and the run folder; whatever is wrong is told here, before a step."""
    options = (settings := check_settings(settings)).train
    # Data. A run that has begun may go on without a class.
    clips = open_clips(settings, complete=not settings.resume)
    log = TensorBoardLogger(root_dir=settings.out, name="", version="tensorboard")
    fabric = options.open_fabric(loggers=log, penalized=bool(settings.loss.penalties))
    # Networks. A checkpoint holds the encoder's weights; the file that they began as may be gone.
    model = without_weights(settings.model) if settings.resume else settings.model
    gan = ImaGINator(model, settings.discriminator, len(clips.classes), trust=settings.trust)
    gan = gan.to(fabric.device)
    objective = training.build_objective(
        objective_of(settings.loss, settings.discriminator), gan.discriminator,
        logits=gan.streams, trust=settings.trust,
    ).to(fabric.device)  # fmt: skip
    if options.processes > 1:
        training.synchronize_batch_norm(gan)
    if options.checkpoint_activations:
        training.checkpoint_activations(*gan.generator.decoder.stages)
    networks = {"generator": gan.generator, "discriminator": gan.discriminator}
    if objective.state_dict():  # what LeCam and ADA remember
        networks["objective"] = objective
    guard = training.FiniteGuard(networks, skip=options.skip_steps)
    average = None
    if options.ema_decay:
        average = training.ExponentialMovingAverage(gan.generator, options.ema_decay)
        networks["generator_ema"] = average.module
    # The run: everything stateful by name. Opened last, so that what was wrong leaves no folder.
    run = training.Run(
        settings.out, networks, resume=settings.resume, config=write_settings(settings),
        facts={"classes": clips.classes}, guard=guard, health=training.HealthMonitor(),
        loggers=[fabric.logger], known_metrics=[f"discriminator/{p}" for p in objective.penalties],
        **options.of_run(),
    )  # fmt: skip
    with run.closing_on_error():
        if options.shard:  # once they are loaded whole, before optimizers hold them
            for name in networks.keys() - {"objective"}:  # which has no weights
                training.shard_stages(networks[name], fabric.strategy.device_mesh)
        pace: Any = {"lr": options.learning_rate, "betas": options.betas,
                     "capturable": options.cuda_graph}  # fmt: skip
        g = torch.optim.Adam(gan.generator.parameters(), fused=True, **pace)
        d = torch.optim.Adam(gan.discriminator.parameters(), fused=True, **pace)
        opened = Training(settings, fabric, clips, gan, objective, average, (g, d), run)
        if options.cuda_graph:
            step = opened.step(gan.generator, gan.discriminator, g, d)
            training.RecordedStep.check(step, fabric.device)
        run.track(generator_optimizer=g, discriminator_optimizer=d, schedules=objective.schedules)
        for group in (*g.param_groups, *d.param_groups):
            group |= pace  # a resumed run may go on more slowly
    return opened


def train(opened: Training) -> Path:
    """Train to the last step, and return the folder of the last checkpoint."""
    settings, options, fabric = opened.settings, opened.settings.train, opened.fabric
    run, gan, clips, first = opened.run, opened.gan, opened.clips, opened.fabric.is_global_zero
    for reason in run.skipped.values() if first else ():
        print(f"passed over: {printable(reason)}")
    if options.compile:
        gan.generator.compile(backend=options.compile)
    step = opened.step(*map(fabric.setup_module, (gan.generator, gan.discriminator)),
                       *map(fabric.setup_optimizers, opened.optimizers))  # fmt: skip
    health = cast(training.HealthMonitor, run.health)
    take = training.RecordedStep(step) if options.cuda_graph else step
    batches = options.loader(clips.training, fabric, step=run.step, workers=settings.data.workers)
    evaluated: nn.Module = gan.generator if opened.average is None else opened.average.module
    samples = None
    if first and options.sample_every and not options.shard:  # alone, it has no network to show
        source = clips.validation or clips.training
        samples = FixedSamples(source, clips.classes, z_dim=gan.z_dim, seed=options.seed)

    with run, tqdm(total=run.steps, initial=run.step, unit="step", disable=not first) as bar:
        while not run.done:
            batch, draws = next(batches), opened.draw()
            losses = take(batch, draws, due=run.due)
            if opened.average is not None:
                opened.average.update(gan.generator, run.step + 1)
            line = run.advance(losses)  # counts, and logs and saves where it is time to
            bar.update()
            if line is not None:
                bar.set_postfix_str(
                    f"L1 {line['generator/reconstruction']:.3f}, "
                    f"G {line['generator/total']:.2f}, D {line['discriminator/total']:.2f}, "
                    f"{health.line()}, {line['speed/clips_per_second']:.1f} clips/s"
                )
                for reason in clips.news():
                    bar.write(f"broken since the start: {printable(reason)}")
            if samples is not None and run.step % options.sample_every == 0:
                run.show("samples/images_by_label", samples.picture(evaluated))
    if run.stopped_by and first:
        print(f"stopped by {run.stopped_by} after step {run.step}; add --resume to go on")
    return cast(Path, run.checkpoint)


def main(args: list[str] | None = None) -> None:
    """Train from the command line."""
    with interruptible():
        with user_errors():
            opened = open_run(parse_settings(args))
            if opened.fabric.is_global_zero:
                print(printable(f"data: {opened.clips}"))
        told = (DataError, CheckpointError, FloatingPointError, OSError, UnknownNameError)
        with user_errors(told), data.naming_dead_workers():
            checkpoint = train(opened)
        if opened.fabric.is_global_zero:
            print(f"checkpoint: {printable(checkpoint)}")


if __name__ == "__main__":
    main()

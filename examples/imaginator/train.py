"""Train ImaGINator.

    python -m examples.imaginator.train                          # moving shapes, full width
    python -m examples.imaginator.train --preset tiny            # moving shapes, minutes on a CPU
    python -m examples.imaginator.train --data.root VIDEOS --data.validation '*/subject4_*'
    python -m examples.imaginator.train --out runs/imaginator --resume
    torchrun --nproc-per-node 2 -m examples.imaginator.train --train.devices 2

VIDEOS holds one folder of clips for each class: video files, frame strips or folders of frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.loggers.tensorboard import TensorBoardLogger
from torch import Tensor, nn
from tqdm import tqdm

import stgan
from stgan.cli import interruptible, user_errors
from stgan.data import (
    Splits,
    batch_share,
    draw_splits,
    endless_loader,
    naming_dead_workers,
    numbered_generator,
    open_splits,
)
from stgan.errors import CheckpointError, ConfigError, DataError, UnknownNameError, printable
from stgan.report import FixedSamples
from stgan.settings import check_settings, write_settings
from stgan.training import (
    ExponentialMovingAverage,
    FiniteGuard,
    GANStep,
    HealthMonitor,
    Objective,
    Part,
    Player,
    RecordedStep,
    Run,
    allow_tf32,
    build_objective,
    checkpoint_activations,
    cut_tree,
    draw_step,
    open_fabric,
    seed_everything,
    shard_stages,
    synchronize_batch_norm,
)

from .config import DiscriminatorSettings, LossSettings, Settings, parse_settings
from .model import ImaGINator, without_weights

__all__ = ["ImaGINatorStep", "Training", "main", "open_run", "train"]


class ImaGINatorStep(GANStep):
    """The two steps of an iteration, on the same generated clips x^ = G(x_0, z, c)."""

    def discriminator_step(self, parts: Sequence[Part], *, due: bool = False) -> dict[str, Tensor]:
        """D_V and D_I learn to tell real clips x from generated ones.

        L_D = d(D_V(x, c), D_V(x^, c)) + d(D_I(x[t]), D_I(x^[t'])) + penalties
        """
        said = []

        def loss(part: Part) -> dict[str, Tensor]:
            said.append(self.judge(part))  # D_V and D_I of the real clips, and of the generated
            return self.discriminator_loss(part, *said[-1])

        losses = self.discriminator.learn(loss, parts, due=due)
        self.finish(said)
        return losses

    def generator_step(self, parts: Sequence[Part], *, due: bool = False) -> dict[str, Tensor]:
        """G learns to come near the real clip, and to pass for real.

        L_G = w_rec mean|x^ - x| + w_V g(D_V(x^, c)) + w_I g(D_I(x^[t'])) + more terms
        """

        def loss(part: Part) -> dict[str, Tensor]:
            part = self.again(part)  # where gradients are gathered in parts
            return self.generator_loss(part, *self.judge_generated(part))

        with self.frozen_discriminator():
            return self.generator.learn(loss, parts, due=due)


@dataclass
class Training:
    """What a run works on: clips, networks, what they are trained for, and the run's folder."""

    settings: Settings
    fabric: Fabric
    clips: Splits
    gan: ImaGINator
    objective: Objective
    average: ExponentialMovingAverage | None
    optimizers: tuple[torch.optim.Optimizer, torch.optim.Optimizer]
    health: HealthMonitor
    run: Run

    def step(self, generator: Any, discriminator: Any, *optimizers: Any) -> ImaGINatorStep:
        """The iteration's steps, by networks and optimizers as Fabric wraps them."""
        settings, fabric, run = self.settings, self.fabric, self.run
        watch: dict[str, Any] = {"backward": fabric.backward, "hold": fabric.no_backward_sync}
        watch |= {"guard": run.guard, "health": self.health}
        return ImaGINatorStep(
            generator=Player("generator", generator, optimizers[0], **watch),
            discriminator=Player("discriminator", discriminator, optimizers[1], **watch),
            generate=lambda batch, z: generator(batch["image"], z, batch["label"]),
            objective=self.objective,
            order=settings.loss.order,
            accumulate=settings.train.accumulate,
            one_call=settings.discriminator.one_call,
        )

    def draw(self) -> dict[str, Any]:
        """Draw what is random in the next step, numbered by seed and step, for this process."""
        settings, fabric = self.settings, self.fabric
        draws = draw_step(
            self.gan.discriminator,
            self.objective,
            num_clips=settings.train.batch_size,
            num_frames=settings.model.num_frames,
            z_dim=self.gan.z_dim,
            same_frames=settings.discriminator.same_frames,
            generator=numbered_generator(settings.train.seed, self.run.step, 0),
            device=fabric.device,
        )
        own: dict[str, Any] = cut_tree(draws, slice(fabric.global_rank, None, fabric.world_size))
        return own


def open_clips(settings: Settings) -> Splits:
    """Open the clips that the settings name, or draw moving shapes; say which are skipped.

    Raises:
        DataError: If a folder, class or file is missing, empty, broken or too short.
    """
    data, model = settings.data, settings.model
    size: dict[str, Any] = {"num_frames": model.num_frames, "image_size": model.image_size}
    size["seed"] = settings.train.seed
    if data.augment is not None:
        size["augment"] = stgan.build(data.augment, kind="augmentations", trust=settings.trust)
    if data.root is None:
        return draw_splits(data.num_shapes, num_validation=96, **size)
    given = {key: value for key, value in vars(data).items()
             if key not in ("augment", "num_shapes", "workers")}  # fmt: skip
    clips = open_splits(**given, **size)
    for path, reason in clips.skipped.items():
        print(printable(f"skipped {path}: {reason.partition('; ')[0]}"))
    return clips


def objective_of(loss: LossSettings, discriminator: DiscriminatorSettings) -> dict[str, Any]:
    """The terms of both losses, as :func:`stgan.training.build_objective` reads them."""
    reconstruction = {"name": "l1", "weight": loss.reconstruction}
    streams = ("video", "image")
    return {
        "adversarial": loss.family,
        "generator": {"reconstruction": reconstruction, **loss.generator_terms},
        "penalties": loss.penalties,
        "stream_weights": {one: getattr(loss, one) for one in streams
                           if getattr(discriminator, one) is not None},
        "prediction": loss.prediction,
        "penalty_every": loss.penalty_every,
        "clip_every": loss.clip_singular_values_every,
        "augment": discriminator.augment,
    }  # fmt: skip


def open_run(settings: Settings) -> Training:
    """Open clips, networks, optimizers and the run folder, and the checkpoint that is resumed.

    Whatever a user can get wrong is found here, before the first step.
    """
    settings = check_settings(settings)
    options = settings.train
    _check_together(settings)
    # Data
    clips = open_clips(settings)
    # Such a run would never have seen the class that it is asked for; one that has begun may go on.
    if clips.untrained and not settings.resume:
        raise DataError(
            f"class {clips.untrained[0]!r} of {settings.data.root} has no training clips; hold out "
            f"fewer for validation, or add some"
        )
    several = options.devices * options.nodes > 1
    allow_tf32(options.tf32)  # Fabric asks for a choice where it finds none
    fabric = open_fabric(
        accelerator=options.accelerator,
        devices=options.devices,
        nodes=options.nodes,
        precision=options.precision,
        shard=options.shard,
        loggers=TensorBoardLogger(root_dir=settings.out, name="", version="tensorboard"),
    )
    fabric.launch()
    seed_everything(options.seed)
    # All clips have one size, so that trying cuDNN's algorithms once pays; which one is fastest is
    # not the same every time.
    torch.backends.cudnn.benchmark = not torch.are_deterministic_algorithms_enabled()
    # Networks. A checkpoint holds the encoder's weights; the file that they began as may be gone.
    begun = without_weights(settings.model) if settings.resume else settings.model
    gan = ImaGINator(begun, settings.discriminator, len(clips.classes), trust=settings.trust)
    gan = gan.to(fabric.device)
    # What both are trained for.
    objective = build_objective(
        objective_of(settings.loss, settings.discriminator),
        gan.discriminator,
        logits=gan.streams,
        trust=settings.trust,
    ).to(fabric.device)
    if several:
        synchronize_batch_norm(gan)
    if options.checkpoint_activations:
        checkpoint_activations(*gan.generator.decoder.stages)
    networks: dict[str, nn.Module] = {
        "generator": gan.generator,
        "discriminator": gan.discriminator,
    }
    if objective.state_dict():  # what LeCam and ADA remember
        networks["objective"] = objective
    guard = FiniteGuard(networks, skip=options.skip_steps)
    average = None
    if options.ema_decay:
        average = ExponentialMovingAverage(gan.generator, options.ema_decay)
        networks["generator_ema"] = average.module
    # The run: everything stateful by name. Opened last, so that what was wrong leaves no folder.
    health = HealthMonitor()
    run = Run(
        settings.out,
        networks,
        steps=options.steps,
        resume=settings.resume,
        config=write_settings(settings),
        facts={"classes": clips.classes},
        guard=guard,
        health=health,
        loggers=[fabric.logger],
        log_every=options.log_every,
        save_every=options.save_every,
        keep=options.keep,
        known_metrics=[f"discriminator/{name}" for name in objective.penalties],
        batch_size=options.batch_size,
        max_minutes=options.max_minutes,
    )
    with run.closing_on_error():
        if options.shard:  # after networks are loaded whole, before optimizers hold parameters
            for name in networks.keys() - {"objective"}:  # which has no weights
                shard_stages(networks[name], fabric.strategy.device_mesh)
        optimizers = _adam(gan.generator, settings), _adam(gan.discriminator, settings)
        training = Training(
            settings, fabric, clips, gan, objective, average, optimizers, health, run
        )
        if options.cuda_graph:
            step = training.step(gan.generator, gan.discriminator, *optimizers)
            RecordedStep.check(step, fabric.device)
        run.track(
            generator_optimizer=optimizers[0],
            discriminator_optimizer=optimizers[1],
            schedules=objective.schedules,
        )
        for optimizer in optimizers:  # a resumed run may go on more slowly
            for group in optimizer.param_groups:
                group |= _pace(settings)
    return training


def train(training: Training) -> Path:
    """Train to the last step, and return the folder of the last checkpoint."""
    settings, options, fabric = training.settings, training.settings.train, training.fabric
    run, gan, first = training.run, training.gan, fabric.is_global_zero
    for reason in run.skipped.values() if first else ():
        print(f"passed over: {printable(reason)}")
    if options.compile:
        gan.generator.compile(backend=options.compile)
    step = training.step(
        fabric.setup_module(gan.generator),
        fabric.setup_module(gan.discriminator),
        *map(fabric.setup_optimizers, training.optimizers),
    )
    recorded = RecordedStep(step) if options.cuda_graph else None
    rank, world = fabric.global_rank, fabric.world_size
    loader = endless_loader(
        training.clips.training,
        batch_size=options.batch_size,
        seed=options.seed,
        step=run.step,
        rank=rank,
        world_size=world,
        workers=settings.data.workers,
        pin_memory=torch.cuda.is_available(),
    )
    batches: Any = iter(fabric.setup_dataloaders(loader, use_distributed_sampler=False))
    # Sharded, one process alone has no network that could make them.
    shown = first and options.sample_every and not options.shard
    samples = None
    if shown:
        clips = training.clips
        samples = FixedSamples(
            clips.validation or clips.training, clips.classes, z_dim=gan.z_dim, seed=options.seed
        )

    with run, tqdm(total=run.steps, initial=run.step, unit="step", disable=not first) as bar:
        while not run.done:
            batch, draws = next(batches), training.draw()
            if recorded is None or run.due:
                losses = step(batch, draws, due=run.due)
            else:
                losses = recorded(batch, draws)
            if training.average is not None:
                training.average.update(gan.generator, run.step + 1)
            line = run.advance(losses)  # counts, and logs and saves where it is time to
            bar.update()
            if line is not None:
                bar.set_postfix_str(
                    f"L1 {line['generator/reconstruction']:.3f}, "
                    f"G {line['generator/total']:.2f}, D {line['discriminator/total']:.2f}, "
                    f"{training.health.line()}, {line['speed/clips_per_second']:.1f} clips/s"
                )
                for reason in training.clips.news():
                    bar.write(f"broken since the start: {printable(reason)}")
            if samples is not None and run.step % options.sample_every == 0:
                # By the generator that would be evaluated.
                made_by = gan.generator if training.average is None else training.average.module
                picture = samples.picture(made_by)
                run.show("samples/images_by_label", picture)
    if run.stopped_by and first:
        print(f"stopped by {run.stopped_by} after step {run.step}; add --resume to go on")
    return cast(Path, run.checkpoint)


def _adam(network: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    return torch.optim.Adam(network.parameters(), fused=True, **_pace(settings))


def _pace(settings: Settings) -> dict[str, Any]:
    options = settings.train
    return {"lr": options.learning_rate, "betas": options.betas, "capturable": options.cuda_graph}


def _check_together(settings: Settings) -> None:
    """Refuse settings that do not go together, or that would do nothing without a word."""
    data, options = settings.data, settings.train
    processes = options.devices * options.nodes
    batch_share(options.batch_size, world_size=processes, parts=options.accumulate)
    idle = [one.name for one in fields(data) if one.name not in ("augment", "num_shapes", "workers")
            and getattr(data, one.name) != one.default]  # fmt: skip
    if data.root is None and idle:
        raise ConfigError(
            f"data.{idle[0]} is about files, got no data.root, which trains on moving shapes; name "
            f"the folder of clips or leave it out"
        )
    # Which backends there are takes seconds to load, so only those who want one wait.
    if options.compile is not None and options.compile not in torch.compiler.list_backends(()):
        raise ConfigError(
            f"train.compile must be a backend of torch.compile, got {options.compile!r}; choose "
            f"one of {', '.join(torch.compiler.list_backends())}"
        )
    obstacles = {
        "there is one process only": processes == 1,
        "loss.penalties may go back through a gradient": bool(settings.loss.penalties),
        "train.compile makes programs of whole networks": options.compile is not None,
    }
    for obstacle, there in obstacles.items():
        if options.shard and there:
            raise ConfigError(
                f"train.shard shares networks among processes, but {obstacle}; leave it out"
            )


def main(args: list[str] | None = None) -> None:
    """Train from the command line."""
    with interruptible():
        with user_errors():
            training = open_run(parse_settings(args))
            if training.fabric.is_global_zero:
                print(printable(f"data: {training.clips}"))
        told = (DataError, CheckpointError, FloatingPointError, OSError, UnknownNameError)
        with user_errors(told), naming_dead_workers():
            checkpoint = train(training)
        if training.fabric.is_global_zero:
            print(f"checkpoint: {printable(checkpoint)}")


if __name__ == "__main__":
    main()

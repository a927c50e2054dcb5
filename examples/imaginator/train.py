"""Train ImaGINator.

    python -m examples.imaginator.train                          # moving shapes, full width
    python -m examples.imaginator.train --preset tiny            # moving shapes, minutes on a CPU
    python -m examples.imaginator.train --data.root VIDEOS --data.validation '*/subject4_*'
    python -m examples.imaginator.train --out runs/imaginator --resume
    torchrun --nproc-per-node 2 -m examples.imaginator.train --train.devices 2

VIDEOS holds one folder of clips for each class: video files, frame strips or folders of frames.
"""

import functools
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.loggers.tensorboard import TensorBoardLogger
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, nn
from tqdm import tqdm

from examples.imaginator.captured import RecordedSteps, check_recordable
from examples.imaginator.cli import parse_settings, user_errors
from examples.imaginator.config import Settings, write_settings
from examples.imaginator.data import (
    Clips,
    broken_news,
    check_shares,
    open_clips,
    training_loader,
)
from examples.imaginator.draws import Draws
from examples.imaginator.engine import Engine
from examples.imaginator.model import ImaGINator
from examples.imaginator.objective import Objective
from examples.imaginator.parts import find_parts, read_part
from examples.imaginator.precision import precision_settings
from examples.imaginator.samples import FixedSamples
from examples.imaginator.steps import make_draws, train_step
from examples.imaginator.streams import build_discriminator
from stgan.data import naming_dead_workers, numbered_generator
from stgan.errors import CheckpointError, DataError
from stgan.io import replacing
from stgan.shapes import plan
from stgan.training import (
    ExponentialMovingAverage,
    FiniteGuard,
    HealthMonitor,
    MetricsLog,
    Retention,
    StopSignals,
    allow_tf32,
    check_run_folder,
    checkpoint_activations,
    ddp_settings,
    latest_checkpoint,
    resume_checkpoint,
    rng_state,
    save_checkpoint,
    seed_everything,
    set_rng_state,
    synchronize_batch_norm,
)

__all__ = ["Run", "main", "open_run", "train"]


@dataclass
class Run:
    """Everything that a run changes, and what it works on."""

    settings: Settings
    clips: Clips
    fabric: Fabric
    gan: ImaGINator
    objective: Objective
    average: ExponentialMovingAverage | None
    generator_optimizer: torch.optim.Optimizer
    discriminator_optimizer: torch.optim.Optimizer
    health: HealthMonitor
    guard: FiniteGuard
    step: int = 0

    def networks(self) -> dict[str, nn.Module]:
        """Name every network for the checkpoint."""
        average = {} if self.average is None else {"generator_ema": self.average.module}
        return _networks(self.gan, self.objective) | average

    def save(self, metrics: dict[str, float]) -> None:
        """Write a checkpoint of this step."""
        options = self.settings.train
        save_checkpoint(
            self.settings.out / "checkpoints",
            step=self.step,
            networks=self.networks(),
            state={
                "step": self.step,
                "classes": list(self.clips.classes),
                "generator_optimizer": self.generator_optimizer.state_dict(),
                "discriminator_optimizer": self.discriminator_optimizer.state_dict(),
                "schedules": self.objective.schedule_state(),
                "health": self.health.state_dict(),
                "guard": self.guard.state_dict(),
                "rng": rng_state(),
            },
            config=write_settings(self.settings),
            keep=Retention(last=options.keep, every=options.keep_every, best=options.keep_best),
            metrics=metrics,
        )

    def load(self) -> None:
        """Go back to the newest sound checkpoint of the run folder."""
        out, classes = self.settings.out, self.clips.classes
        resumed = resume_checkpoint(out / "checkpoints", self.networks())
        state = resumed.state
        for reason in resumed.skipped.values() if self.fabric.is_global_zero else ():
            print(f"passed over: {reason}")
        if tuple(state["classes"]) != classes:
            raise CheckpointError(
                f"run folder {out} was trained on the classes {', '.join(state['classes'])}, but "
                f"the clips have {', '.join(classes)}"
            )
        for optimizer, name in (
            (self.generator_optimizer, "generator_optimizer"),
            (self.discriminator_optimizer, "discriminator_optimizer"),
        ):
            optimizer.load_state_dict(state[name])
            for group in optimizer.param_groups:  # a resumed run may go on more slowly
                group |= _pace(self.settings)
        self.objective.load_schedule_state(state["schedules"])
        self.health.load_state_dict(state["health"])
        self.guard.load_state_dict(state["guard"])
        set_rng_state(state["rng"])
        self.step = state["step"]

    def log(self, values: dict[str, float]) -> None:
        """Write a line of metrics.jsonl, and to TensorBoard."""
        self.fabric.log_dict(values, step=self.step)
        if self.fabric.is_global_zero:
            MetricsLog(self.settings.out / "metrics.jsonl").append(self.step, values)

    def show(self, samples: FixedSamples) -> None:
        """Show what the generator that would be evaluated makes of fixed samples."""
        generator = self.gan.generator if self.average is None else self.average.module
        writer = cast(TensorBoardLogger, self.fabric.logger).experiment
        writer.add_image("samples/images_by_label", samples.picture(generator), self.step)
        writer.flush()  # to be seen now, not after the next minutes

    def draw(self) -> Draws:
        """Draw what is random in the next step, numbered by seed and step, for this process."""
        settings, fabric = self.settings, self.fabric
        draws = make_draws(
            self.gan.discriminator,
            self.objective,
            (settings.train.batch_size, settings.model.num_frames),
            self.gan.z_dim,
            same_frames=settings.discriminator.same_frames,
            generator=numbered_generator(settings.train.seed, self.step, 0),
            device=fabric.device,
        )
        return draws.of(slice(fabric.global_rank, None, fabric.world_size))


def open_run(settings: Settings) -> Run:
    """Open clips, networks and optimizers, and the checkpoint that is resumed.

    Whatever a user can get wrong is found here, before the first step.
    """
    out, options = settings.out, settings.train
    _check_parts(settings)
    check_shares(settings, options.devices * options.nodes)
    clips = open_clips(settings)
    several = options.devices * options.nodes > 1
    allow_tf32(options.tf32)  # Fabric asks for a choice where it finds none
    fabric = Fabric(
        accelerator=options.accelerator,
        devices=options.devices,
        num_nodes=options.nodes,
        strategy=DDPStrategy(**ddp_settings()) if several else "auto",
        **precision_settings(options.precision, options.accelerator),
        loggers=TensorBoardLogger(root_dir=out, name="", version="tensorboard"),
    )
    fabric.launch()
    seed_everything(options.seed)
    # All clips have one size, so that trying cuDNN's algorithms once pays; which one is fastest is
    # not the same every time.
    torch.backends.cudnn.benchmark = not torch.are_deterministic_algorithms_enabled()
    # A checkpoint holds the encoder's weights; the file that they began as may be gone.
    begun = replace(settings.model, encoder_weights=None) if settings.resume else settings.model
    gan = ImaGINator(begun, settings.discriminator, len(clips.classes)).to(fabric.device)
    objective = Objective(settings.loss, settings.discriminator, gan.discriminator, gan.streams)
    if options.cuda_graph:
        check_recordable(options, objective, fabric.device.type)
    if several:
        synchronize_batch_norm(gan)
    if options.checkpoint_activations:
        checkpoint_activations(*gan.generator.decoder.stages)
    average = None
    if options.ema_decay:
        average = ExponentialMovingAverage(gan.generator, options.ema_decay)
    run = Run(
        settings=settings,
        clips=clips,
        fabric=fabric,
        gan=gan,
        objective=objective.to(fabric.device),
        average=average,
        generator_optimizer=_adam(gan.generator, settings),
        discriminator_optimizer=_adam(gan.discriminator, settings),
        health=HealthMonitor(),
        guard=FiniteGuard(_networks(gan, objective), skip=options.skip_steps),
    )
    if settings.resume:
        run.load()
    elif (out / "checkpoints").is_dir():
        raise CheckpointError(
            f"run folder {out} holds checkpoints already; add --resume to go on, or name another "
            f"--out"
        )
    if fabric.is_global_zero:  # last, so that what was wrong before leaves no folder behind
        check_run_folder(out)
    return run


def _check_parts(settings: Settings) -> None:
    """Tell a wrong name or setting before clips are read; networks without memory show it."""
    find_parts(settings.model)
    backend = settings.train.compile
    # Which backends there are takes seconds to load, so only those who want one wait.
    if backend is not None and backend not in torch.compiler.list_backends(()):
        raise ValueError(
            f"train.compile must be a backend of torch.compile, got {backend!r}; choose one of "
            f"{', '.join(torch.compiler.list_backends())}"
        )
    if settings.data.augment is not None:
        read_part(settings.data.augment, "augmentations", "data.augment")
    with torch.device("meta"):
        critic = build_discriminator(
            settings.discriminator,
            settings.model,
            stages=plan((settings.model.num_frames, *settings.model.image_size)).stages,
            num_classes=2,
        )
        Objective(settings.loss, settings.discriminator, critic, ())


def _networks(gan: ImaGINator, objective: Objective) -> dict[str, nn.Module]:
    networks = {"generator": gan.generator, "discriminator": gan.discriminator}
    # What LeCam and ADA remember, if there is anything.
    return networks | ({"objective": objective} if objective.state_dict() else {})


def _adam(network: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    return torch.optim.Adam(network.parameters(), fused=True, **_pace(settings))


def _pace(settings: Settings) -> dict[str, Any]:
    options = settings.train
    return {"lr": options.learning_rate, "betas": options.betas, "capturable": options.cuda_graph}


def train(run: Run) -> Path:
    """Train to the last step, and return the folder of the last checkpoint."""
    settings, options, fabric = run.settings, run.settings.train, run.fabric
    first = fabric.is_global_zero
    if options.compile:
        run.gan.generator.compile(backend=options.compile)
    generator, generator_optimizer = fabric.setup(run.gan.generator, run.generator_optimizer)
    discriminator, discriminator_optimizer = fabric.setup(
        run.gan.discriminator, run.discriminator_optimizer
    )
    loader = training_loader(
        settings,
        run.clips.training,
        step=run.step,
        rank=fabric.global_rank,
        world_size=fabric.world_size,
    )
    batches: Iterator[dict[str, Tensor]] = iter(
        cast(Any, fabric.setup_dataloaders(loader, use_distributed_sampler=False))
    )
    if first:
        # Whole or not at all: without it the run could not be resumed.
        with replacing(settings.out / "config.yaml") as part:
            part.write_text(write_settings(settings), encoding="utf-8")
        MetricsLog(settings.out / "metrics.jsonl").forget_after(run.step)
    samples = FixedSamples(settings, run.clips) if first and options.sample_every else None

    engine = Engine(
        options.accumulate, fabric.backward, fabric.no_backward_sync, run.guard, run.health
    )
    take = functools.partial(
        train_step,
        generator,
        discriminator,
        generator_optimizer,
        discriminator_optimizer,
        objective=run.objective,
    )
    replay = None
    if options.cuda_graph:
        networks = {"generator": run.gan.generator, "discriminator": run.gan.discriminator}
        replay = RecordedSteps(take, engine, networks, run.objective)
    began = timer = time.perf_counter()
    limit = math.inf if options.max_minutes is None else 60 * options.max_minutes
    last, logged = run.step >= options.steps, run.step
    values: dict[str, float] = {}
    with (
        StopSignals() as stop,
        tqdm(total=options.steps, initial=run.step, unit="step", disable=not first) as bar,
    ):
        while not last:
            engine.due = (run.step + 1) % options.log_every == 0
            batch, draws = next(batches), run.draw()
            if replay is None or engine.due:
                losses = take(batch, draws, engine=engine)
            else:
                losses = replay(batch, draws)
            run.step += 1
            if run.average is not None:
                run.average.update(run.gan.generator, run.step)
            bar.update()

            # All processes stop at the same step: after the last, on a signal, out of time.
            out_of_time = time.perf_counter() - began > limit
            last = stop.everywhere(also=out_of_time) or run.step >= options.steps
            if engine.due or last:
                # Here, and where a checkpoint is written, the host waits for the device.
                run.guard.check(run.step)
                means = fabric.all_reduce(torch.stack(list(losses.values())), reduce_op="mean")
                values = dict(zip(losses, cast(Tensor, means).tolist(), strict=True))
                values |= run.health.read()
                now = time.perf_counter()
                speed = (run.step - logged) * options.batch_size / (now - timer)
                timer, logged = now, run.step
                run.log(values | {"speed/clips_per_second": speed})
                bar.set_postfix_str(
                    f"L1 {values['generator/reconstruction']:.3f}, "
                    f"G {values['generator/total']:.2f}, "
                    f"D {values['discriminator/total']:.2f}, {run.health.line()}, "
                    f"{speed:.1f} clips/s"
                )
                for reason in broken_news(run.clips.training):
                    bar.write(f"broken since the start: {reason}")
            if samples is not None and run.step % options.sample_every == 0:
                run.show(samples)
            if run.step % options.save_every == 0 or last:
                run.guard.check(run.step)
                if first:
                    run.save(values)
                fabric.barrier()
    if stop.name and first:
        print(f"stopped by {stop.name} after step {run.step}; add --resume to go on")
    return latest_checkpoint(settings.out / "checkpoints")


def main(args: list[str] | None = None) -> None:
    """Train from the command line."""
    with user_errors():
        run = open_run(parse_settings(args))
    told = (DataError, CheckpointError, FloatingPointError, OSError)
    with user_errors(told), naming_dead_workers():
        checkpoint = train(run)
    if run.fabric.is_global_zero:
        print(f"checkpoint: {checkpoint}")


if __name__ == "__main__":
    main()

"""Train ImaGINator.

    python -m examples.imaginator.train                          # moving shapes, full width
    python -m examples.imaginator.train --preset tiny            # moving shapes, minutes on a CPU
    python -m examples.imaginator.train --data.root VIDEOS --data.validation '*/subject4_*'
    python -m examples.imaginator.train --out runs/imaginator --resume
    torchrun --nproc-per-node 2 -m examples.imaginator.train --train.devices 2

VIDEOS holds one folder of clips for each class: video files, frame strips or folders of frames.
"""

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.loggers.tensorboard import TensorBoardLogger
from torch import Tensor, nn
from tqdm import tqdm

from examples.imaginator.cli import parse_settings, user_errors
from examples.imaginator.config import Settings, write_settings
from examples.imaginator.data import Clips, open_clips, training_loader
from examples.imaginator.draws import Draws
from examples.imaginator.model import ImaGINator
from examples.imaginator.objective import Objective
from examples.imaginator.parts import find_parts, read_part
from examples.imaginator.steps import make_draws, train_step
from examples.imaginator.streams import build_discriminator
from stgan.data import numbered_generator
from stgan.errors import CheckpointError, DataError
from stgan.shapes import plan
from stgan.training import (
    ExponentialMovingAverage,
    latest_checkpoint,
    load_checkpoint,
    rng_state,
    save_checkpoint,
    seed_everything,
    set_rng_state,
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
    step: int = 0

    def networks(self) -> dict[str, nn.Module]:
        """Name every network for the checkpoint."""
        networks: dict[str, nn.Module] = {
            "generator": self.gan.generator,
            "discriminator": self.gan.discriminator,
        }
        if self.average is not None:
            networks["generator_ema"] = self.average.module
        if self.objective.state_dict():  # what LeCam and ADA remember
            networks["objective"] = self.objective
        return networks

    def save(self) -> None:
        """Write a checkpoint of this step."""
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
                "rng": rng_state(),
            },
            config=write_settings(self.settings),
            keep=self.settings.train.keep,
        )

    def load(self) -> None:
        """Go back to the newest checkpoint of the run folder."""
        out, classes = self.settings.out, self.clips.classes
        state = load_checkpoint(latest_checkpoint(out / "checkpoints"), self.networks())
        if tuple(state["classes"]) != classes:
            raise CheckpointError(
                f"run folder {out} was trained on the classes {', '.join(state['classes'])}, but "
                f"the clips have {', '.join(classes)}"
            )
        self.generator_optimizer.load_state_dict(state["generator_optimizer"])
        self.discriminator_optimizer.load_state_dict(state["discriminator_optimizer"])
        self.objective.load_schedule_state(state["schedules"])
        set_rng_state(state["rng"])
        self.step = state["step"]

    def log(self, values: dict[str, float]) -> None:
        """Write a line of metrics.jsonl, and to TensorBoard."""
        self.fabric.log_dict(values, step=self.step)
        if self.fabric.is_global_zero:
            with (self.settings.out / "metrics.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps({"step": self.step, **values}) + "\n")

    def draw(self, num_clips: int) -> Draws:
        """Draw what is random in the next step, numbered by seed, step and process."""
        settings = self.settings
        return make_draws(
            self.gan.discriminator,
            self.objective,
            (num_clips, settings.model.num_frames),
            self.gan.z_dim,
            same_frames=settings.discriminator.same_frames,
            generator=numbered_generator(settings.train.seed, self.step, self.fabric.global_rank),
            device=self.fabric.device,
        )


def open_run(settings: Settings) -> Run:
    """Open clips, networks and optimizers, and the checkpoint that is resumed.

    Whatever a user can get wrong is found here, before the first step.
    """
    out, options = settings.out, settings.train
    _check_parts(settings)
    clips = open_clips(settings)
    fabric = Fabric(
        accelerator=options.accelerator,
        devices=options.devices,
        strategy="ddp" if options.devices > 1 else "auto",
        precision=options.precision,
        loggers=TensorBoardLogger(root_dir=out, name="", version="tensorboard"),
    )
    fabric.launch()
    seed_everything(options.seed)
    # A checkpoint holds the encoder's weights; the file that they began as may be gone.
    begun = replace(settings.model, encoder_weights=None) if settings.resume else settings.model
    gan = ImaGINator(begun, settings.discriminator, len(clips.classes)).to(fabric.device)
    objective = Objective(settings.loss, settings.discriminator, gan.discriminator, gan.streams)
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
    )
    if settings.resume:
        run.load()
    elif (out / "checkpoints").is_dir():
        raise CheckpointError(
            f"run folder {out} holds checkpoints already; add --resume to go on, or name another "
            f"--out"
        )
    return run


def _check_parts(settings: Settings) -> None:
    """Tell a wrong name or setting before clips are read; networks without memory show it."""
    find_parts(settings.model)
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


def _adam(network: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    options = settings.train
    return torch.optim.Adam(
        network.parameters(), lr=options.learning_rate, betas=options.betas, fused=True
    )


def train(run: Run) -> Path:
    """Train to the last step, and return the folder of the last checkpoint."""
    settings, options, fabric = run.settings, run.settings.train, run.fabric
    first = fabric.is_global_zero
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
        settings.out.mkdir(parents=True, exist_ok=True)
        (settings.out / "config.yaml").write_text(write_settings(settings), encoding="utf-8")
        _forget_lines_after(settings.out / "metrics.jsonl", run.step)

    began = timer = time.perf_counter()
    limit = math.inf if options.max_minutes is None else 60 * options.max_minutes
    last, logged = run.step >= options.steps, run.step
    with tqdm(total=options.steps, initial=run.step, unit="step", disable=not first) as bar:
        while not last:
            batch = next(batches)
            losses = train_step(
                generator,
                discriminator,
                generator_optimizer,
                discriminator_optimizer,
                batch,
                run.draw(len(batch["label"])),
                objective=run.objective,
                backward=fabric.backward,
            )
            run.step += 1
            if run.average is not None:
                run.average.update(run.gan.generator, run.step)
            bar.update()

            last = run.step >= options.steps
            if run.step % options.log_every == 0 or last:
                # One clock for all processes, which must stop at the same step.
                last = last or fabric.broadcast(time.perf_counter() - began > limit)
                # The only place where the host waits for the device.
                values = {name: value.item() for name, value in losses.items()}
                _check_finite(values, run)
                now = time.perf_counter()
                speed = (run.step - logged) * options.batch_size / (now - timer)
                timer, logged = now, run.step
                run.log(values | {"speed/clips_per_second": speed})
                bar.set_postfix_str(
                    f"L1 {values['generator/reconstruction']:.3f}, "
                    f"G {values['generator/total']:.2f}, "
                    f"D {values['discriminator/total']:.2f}, {speed:.1f} clips/s"
                )
            if run.step % options.save_every == 0 or last:
                if first:
                    run.save()
                fabric.barrier()
    return latest_checkpoint(settings.out / "checkpoints")


def _check_finite(values: dict[str, float], run: Run) -> None:
    wrong = [name for name, value in values.items() if not math.isfinite(value)]
    if wrong:
        raise FloatingPointError(
            f"{', '.join(wrong)} is not finite at step {run.step}; nothing was saved after that: "
            f"resume from the last checkpoint in {run.settings.out} with a lower learning rate"
        )


def _forget_lines_after(path: Path, step: int) -> None:
    """Drop the lines of steps that are done again."""
    if path.exists():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if json.loads(line)["step"] <= step]
        path.write_text("".join(kept), encoding="utf-8")


def main(args: list[str] | None = None) -> None:
    """Train from the command line."""
    with user_errors():
        run = open_run(parse_settings(args))
    with user_errors((DataError,)):
        checkpoint = train(run)
    if run.fabric.is_global_zero:
        print(f"checkpoint: {checkpoint}")


if __name__ == "__main__":
    main()

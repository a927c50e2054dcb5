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
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from tqdm import tqdm

from examples.imaginator.captured import RecordedSteps
from examples.imaginator.checks import check_keep_best
from examples.imaginator.cli import interruptible, parse_settings, user_errors
from examples.imaginator.config import write_settings
from examples.imaginator.data import broken_news, clips_line, training_loader
from examples.imaginator.engine import Engine
from examples.imaginator.opening import Run, open_run
from examples.imaginator.samples import FixedSamples
from examples.imaginator.steps import train_step
from stgan.data import naming_dead_workers
from stgan.errors import CheckpointError, DataError, UnknownNameError, printable
from stgan.io import replacing
from stgan.training import MetricsLog, StopSignals

__all__ = ["Run", "main", "open_run", "train"]


def train(run: Run) -> Path:
    """Train to the last step, and return the folder of the last checkpoint."""
    settings, options, fabric = run.settings, run.settings.train, run.fabric
    first = fabric.is_global_zero
    if options.compile:
        run.gan.generator.compile(backend=options.compile)
    generator: Any = fabric.setup_module(run.gan.generator)
    discriminator: Any = fabric.setup_module(run.gan.discriminator)
    generator_optimizer: Any = fabric.setup_optimizers(run.generator_optimizer)
    discriminator_optimizer: Any = fabric.setup_optimizers(run.discriminator_optimizer)
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
    # Sharded, one process alone has no network that could make them.
    shown = first and options.sample_every and not options.shard
    samples = FixedSamples(settings, run.clips) if shown else None

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
        run.recording(),
        StopSignals() as stop,
        tqdm(total=options.steps, initial=run.step, unit="step", disable=not first) as bar,
    ):
        if first:
            # Whole or not at all: without it the run could not be resumed.
            with run.writing("config.yaml"), replacing(settings.out / "config.yaml") as part:
                part.write_text(write_settings(settings), encoding="utf-8")
            with run.writing("metrics.jsonl"):
                MetricsLog(settings.out / "metrics.jsonl").forget_after(run.step)
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
                before = values
                values = dict(zip(losses, cast(Tensor, means).tolist(), strict=True))
                carried = None if engine.due else run.health.state_dict()
                values |= run.health.read()
                if carried is None:
                    run.metrics = values
                else:  # the last one: a run that goes on reads where it would have read without
                    run.health.load_state_dict(carried)
                if not before:
                    # Here at the latest, before there is anything to lose, all names are known.
                    check_keep_best(options.keep_best, values, run.objective)
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
                    bar.write(f"broken since the start: {printable(reason)}")
            if samples is not None and run.step % options.sample_every == 0:
                run.show(samples)
            if run.step % options.save_every == 0 or last:
                run.guard.check(run.step)
                run.save()
                fabric.barrier()
    if stop.name and first:
        print(f"stopped by {stop.name} after step {run.step}; add --resume to go on")
    return cast(Path, fabric.broadcast(run.checkpoint))


def main(args: list[str] | None = None) -> None:
    """Train from the command line."""
    with interruptible():
        with user_errors():
            run = open_run(parse_settings(args))
            if run.fabric.is_global_zero:
                print(clips_line(run.settings, run.clips))
        told = (DataError, CheckpointError, FloatingPointError, OSError, UnknownNameError)
        with user_errors(told), naming_dead_workers():
            checkpoint = train(run)
        if run.fabric.is_global_zero:
            print(f"checkpoint: {printable(checkpoint)}")


if __name__ == "__main__":
    main()

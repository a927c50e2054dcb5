"""A small GAN with everything that a run can lose: the victim of the tests beside it.

    python -m tests.faults.loop OUT --steps 6 --resume

It draws from all global generators, augments adaptively, keeps running means and lazy penalties,
and reads clips in worker processes. Run by ``torchrun`` it shares its batches.
"""

import argparse
import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from torch import Tensor, nn

import stgan
from stgan.augment import AdaptiveAugmentation, ADAugment
from stgan.data import MovingShapes, endless_loader, naming_dead_workers, numbered_generator
from stgan.discriminators import RandomFrames, TwoStreamDiscriminator
from stgan.errors import CheckpointError, DataError
from stgan.layers import spectral_norm
from stgan.losses import LecamPenalty, R1Penalty
from stgan.training import (
    ExponentialMovingAverage,
    FiniteGuard,
    LazySchedule,
    Retention,
    StopSignals,
    check_run_folder,
    ddp_settings,
    frozen,
    resume_checkpoint,
    rng_state,
    save_checkpoint,
    seed_everything,
    set_rng_state,
    split_batch,
    synchronize_batch_norm,
)

SIZE, FRAMES, CLASSES = 16, 2, 3


def _group_norm(channels: int) -> nn.Module:
    return nn.GroupNorm(2, channels)


class Generator(nn.Module):
    def __init__(self, norm: Any) -> None:
        super().__init__()
        self.first = nn.Linear(4 + CLASSES, 8 * 16)
        self.rest = nn.Sequential(
            norm(8),
            nn.ReLU(),
            nn.ConvTranspose3d(8, 6, (2, 4, 4), (2, 4, 4)),
            norm(6),
            nn.Softplus(),
            nn.Conv3d(6, 3, 1),
            nn.Tanh(),
        )

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        rows = nn.functional.one_hot(label % CLASSES, CLASSES).to(z.dtype)
        video: Tensor = self.rest(self.first(torch.cat([z, rows], 1)).view(-1, 8, 1, 4, 4))
        return video


def _critic(conv: nn.Module, norm: Any, plain: bool) -> nn.Sequential:
    return nn.Sequential(
        conv if plain else spectral_norm(conv),
        norm(6),
        nn.Softplus(),
        nn.Flatten(),
        nn.Linear(6 * 16, 1),
        nn.Flatten(0),
    )


class Unlabeled(nn.Module):
    """A video stream that needs no label."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, video: Tensor, label: Tensor | None = None) -> Tensor:
        logits: Tensor = self.network(video)
        return logits


class Shapes(MovingShapes):
    """Clips, one draw of which kills the process that reads it, as the lack of memory would."""

    deadly_draw: int | None = None

    def __getitem__(self, index: Any) -> Any:
        if index[1] == self.deadly_draw:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(index)


class Loop:
    def __init__(self, options: argparse.Namespace, fabric: Fabric) -> None:
        self.options, self.fabric = options, fabric
        seed_everything(options.seed)
        dtype = torch.float64
        # What accumulates as it is: neither over the batch nor iterating in each pass.
        plain = options.plain
        norms = (_group_norm, _group_norm) if plain else (nn.BatchNorm2d, nn.BatchNorm3d)
        self.generator = Generator(norms[1]).to(dtype)
        video = _critic(nn.Conv3d(3, 6, (2, 4, 4), 4), norms[1], plain)
        self.discriminator = TwoStreamDiscriminator(
            video=Unlabeled(video),
            image=_critic(nn.Conv2d(3, 6, 4, 4), norms[0], plain),
            sampler=RandomFrames(1),
        ).to(dtype)
        for network in (self.generator, self.discriminator):
            synchronize_batch_norm(network)
        self.average = ExponentialMovingAverage(self.generator, 0.9)
        self.augment = AdaptiveAugmentation(ADAugment(), ramp=50, every=2)
        self.lecam = LecamPenalty()
        self.lazy = LazySchedule(every=3)
        self.guard = FiniteGuard(self.networks(), skip=options.skip)
        self.optimizers = {
            name: torch.optim.Adam(network.parameters(), lr=1e-3, betas=(0.5, 0.9))
            for name, network in (("G", self.generator), ("D", self.discriminator))
        }
        self.step, self.clips = 0, 0
        self.shapes = Shapes(7, num_frames=FRAMES, image_size=SIZE, seed=options.seed)
        self.shapes.deadly_draw = options.deadly_draw

    def networks(self) -> dict[str, nn.Module]:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "average": self.average.module,
            "augment": self.augment,
            "lecam": self.lecam,
        }

    def save(self) -> None:
        save_checkpoint(
            self.options.out / "checkpoints",
            step=self.step,
            networks=self.networks(),
            state={
                "step": self.step,
                "clips": self.clips,
                "optimizers": {name: o.state_dict() for name, o in self.optimizers.items()},
                "lazy": self.lazy.state_dict(),
                "guard": self.guard.state_dict(),
                "rng": rng_state(),
            },
            config="",
            keep=Retention(last=2, every=5),
        )

    def load(self) -> None:
        resumed = resume_checkpoint(self.options.out / "checkpoints", self.networks())
        for path, reason in resumed.skipped.items():
            print(f"skipped {path.name}: {reason}", flush=True)
        state = resumed.state
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        self.lazy.load_state_dict(state["lazy"])
        self.guard.load_state_dict(state["guard"])
        self.step, self.clips = state["step"], state["clips"]
        set_rng_state(state["rng"])
        print(f"resumed at {self.step}", flush=True)

    def run(self) -> None:
        options, fabric = self.options, self.fabric
        if options.resume and (options.out / "checkpoints").is_dir():
            self.load()
        generator, g_optimizer = fabric.setup(self.generator, self.optimizers["G"])
        discriminator, d_optimizer = fabric.setup(self.discriminator, self.optimizers["D"])
        batches = iter(
            endless_loader(
                self.shapes,
                batch_size=options.batch_size,
                seed=options.seed,
                step=self.step,
                rank=fabric.global_rank,
                world_size=fabric.world_size,
                workers=options.workers,
            )
        )
        family, r1 = stgan.create("losses", "non_saturating"), R1Penalty()
        with StopSignals() as stop:
            while self.step < options.steps and not stop.everywhere():
                batch = next(batches)
                z, indices = self.draws()
                if options.poison is not None and self.step == options.poison:
                    batch["video"][0, 0, 0, 0, 0] = float("nan")
                if self.step == options.suicide and fabric.global_rank == 1:
                    os.kill(os.getpid(), signal.SIGKILL)
                parts = list(split_batch({**batch, "z": z, "indices": indices}, options.accumulate))
                losses = {"D": 0.0, "G": 0.0}
                d_optimizer.zero_grad()
                for number, part in enumerate(parts):
                    real, label = part["video"].double(), part["label"]
                    fake = generator(part["z"], label).detach()
                    if options.global_draws:
                        real = self.augment(real.float()).double()
                        real = real + 0.01 * random.random() * np.random.rand()  # noqa: NPY002
                    with fabric.no_backward_sync(discriminator, enabled=number + 1 < len(parts)):
                        on_real = discriminator(real, label, indices=part["indices"])
                        on_fake = discriminator(fake, label, indices=part["indices"])
                        loss = sum(
                            family.discriminator(real=on_real[name], fake=on_fake[name])
                            for name in on_real
                        )
                        if options.global_draws:
                            loss = loss + 0.01 * self.lecam(
                                real=on_real["video"], fake=on_fake["video"]
                            )
                        if self.lazy.due:
                            penalty = r1(
                                discriminator, real=real, label=label, indices=part["indices"]
                            )
                            loss = loss + self.lazy.scale * 0.1 * penalty
                        fabric.backward(loss / len(parts))
                    losses["D"] += loss.detach() / len(parts)
                if self.guard.allows("discriminator", {"D": losses["D"]}):
                    d_optimizer.step()
                if options.global_draws:
                    self.augment.update(on_real["video"].detach())
                g_optimizer.zero_grad()
                for number, part in enumerate(parts):
                    real, label = part["video"].double(), part["label"]
                    with (
                        frozen(discriminator),
                        fabric.no_backward_sync(generator, enabled=number + 1 < len(parts)),
                    ):
                        fake = generator(part["z"], label)
                        logits = discriminator(fake, label, indices=part["indices"])
                        loss = sum(family.generator(fake=x) for x in logits.values())
                        loss = loss + 10 * (fake - real).abs().mean()
                        fabric.backward(loss / len(parts))
                    losses["G"] += loss.detach() / len(parts)
                if self.guard.allows("generator", {"G": losses["G"]}):
                    g_optimizer.step()
                self.lazy.advance()
                self.step += 1
                self.clips += options.batch_size
                self.average.update(self.generator, self.step)
                self.log({name: fabric.all_reduce(loss).item() for name, loss in losses.items()})
                self.guard.check(self.step)
                if self.step % options.save_every == 0 or self.step == options.steps:
                    self.save_everywhere()
                time.sleep(options.pause)
            if stop.requested:
                self.save_everywhere()
                print(f"stopped by {stop.name} after step {self.step}", flush=True)

    def save_everywhere(self) -> None:
        if self.fabric.is_global_zero:
            self.save()
        self.fabric.barrier()

    def draws(self) -> tuple[Tensor, Tensor]:
        """Noise and frames: from the global generators, or a share of the numbered ones."""
        size = self.options.batch_size
        if self.options.global_draws:
            return torch.randn(size, 4, dtype=torch.float64), torch.randint(FRAMES, (size, 1))
        generator = numbered_generator(self.options.seed, self.step)
        z = torch.randn(size, 4, dtype=torch.float64, generator=generator)
        indices = torch.randint(FRAMES, (size, 1), generator=generator)
        rank, world_size = self.fabric.global_rank, self.fabric.world_size
        return z[rank::world_size], indices[rank::world_size]

    def log(self, values: dict[str, float]) -> None:
        if self.fabric.is_global_zero:
            with (self.options.out / "losses.jsonl").open("a") as file:
                file.write(json.dumps({"step": self.step, **values}) + "\n")


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--accumulate", type=int, default=1)
    parser.add_argument("--save-every", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--poison", type=int)
    parser.add_argument("--suicide", type=int)
    parser.add_argument("--deadly-draw", type=int)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--global-draws", action="store_true")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> None:
    options = parse(arguments)
    torch.set_num_threads(1)
    strategy: Any = "auto"
    if options.devices > 1:
        strategy = DDPStrategy(process_group_backend="gloo", **ddp_settings())
    fabric = Fabric(accelerator="cpu", devices=options.devices, strategy=strategy)
    fabric.launch()
    if fabric.is_global_zero:
        check_run_folder(options.out)
    fabric.barrier()
    with naming_dead_workers():
        Loop(options, fabric).run()


if __name__ == "__main__":
    try:
        # Several runs by one process, as starting it costs more than they do.
        given = " ".join(sys.argv[1:]).split(" --then ")
        for arguments in given:
            main(arguments.split())
    except (CheckpointError, DataError, FloatingPointError, RuntimeError) as error:
        sys.exit(f"error: {error}")

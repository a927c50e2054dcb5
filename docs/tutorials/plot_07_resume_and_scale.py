r"""
Resume, and scale out
=====================

Long runs die: a machine is taken away, a disk is full, somebody presses Ctrl-C. A run that goes on
from a checkpoint should be the run that never stopped, to the last bit. This tutorial trains a GAN
with what :mod:`stgan.training` has for it, stops it, resumes it, and compares. Then it makes the
batch larger than the memory. :doc:`plot_01_own_video_gan` writes out the steps that are bundled
here.
"""

# %%
# What a run is made of
# ---------------------
#
# An :class:`~stgan.training.Objective` holds every term of both losses by its name, and a
# :class:`~stgan.training.GANStep` takes the steps of both players. Weights are the smaller part of
# the state: optimizers have moments, the average has weights of its own, a lazy penalty a phase,
# and random numbers come from generators. A :class:`~stgan.training.Run` saves what it is told of,
# and the generators. What it is not told of must follow from the number of the step: the batches of
# :func:`~stgan.data.endless_loader`, and draws from a :func:`~stgan.data.numbered_generator`.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch

from stgan.data import MovingShapes, endless_loader, numbered_generator
from stgan.decoders import VideoDecoder, decoder_stages
from stgan.discriminators import ImageDiscriminator, TwoStreamDiscriminator, VideoDiscriminator
from stgan.losses import NonSaturatingLoss, R1Penalty
from stgan.shapes import plan
from stgan.training import (
    ExponentialMovingAverage,
    GANStep,
    MetricsLog,
    Objective,
    Player,
    Run,
    draw_step,
    seed_everything,
    split_batch,
)

size = (8, 16, 16)
shapes = MovingShapes(64, num_frames=size[0], image_size=size[1:])


def train(folder, steps, resume=False):
    """Train to a number of steps, and return the networks."""
    seed_everything(0)
    generator = VideoDecoder(16, decoder_stages(plan(size), base_channels=8), num_classes=6)
    discriminator = TwoStreamDiscriminator(
        video=VideoDiscriminator(size, num_classes=6, base_channels=8),
        image=ImageDiscriminator(size[1:], base_channels=8),
    )
    average = ExponentialMovingAverage(generator, decay=0.99)
    objective = Objective(
        discriminator,
        NonSaturatingLoss(),
        penalties={"r1": (R1Penalty(), 0.1)},
        penalty_every=4,
    )
    networks = {"generator": generator, "discriminator": discriminator}
    players = {
        name: Player(name, network, torch.optim.Adam(network.parameters(), 1e-3, (0.5, 0.999)))
        for name, network in networks.items()
    }
    step = GANStep(
        **players,
        generate=lambda batch, z: generator(z, label=batch["label"]),
        objective=objective,
    )
    networks["generator_ema"] = average.module
    with Run(folder, networks, steps=steps, resume=resume, log_every=1) as run:
        run.track(
            generator_optimizer=players["generator"].optimizer,
            discriminator_optimizer=players["discriminator"].optimizer,
            schedules=objective.schedules,
        )
        batches = iter(endless_loader(shapes, batch_size=8, seed=0, step=run.step))
        while not run.done:
            draws = draw_step(
                discriminator,
                objective,
                num_clips=8,
                num_frames=size[0],
                z_dim=16,
                generator=numbered_generator(0, run.step),
            )
            losses = step(next(batches), draws)
            average.update(generator, run.step + 1)
            run.advance(losses)  # counts, and logs and saves where it is time to
    return networks


# %%
# Stop and go on
# --------------
#
# One run takes 40 steps. Another ends after 25; a third begins from nothing, loads what the second
# left and takes the rest. A checkpoint is a folder that appears whole or not at all; networks lie
# in safetensors files, and nothing in it is ever executed.

with tempfile.TemporaryDirectory() as home:
    whole = train(f"{home}/whole", 40)
    train(f"{home}/parts", 25)
    (path,) = Path(home, "parts/checkpoints").iterdir()
    print(path.name, sorted(file.name for file in path.iterdir()))
    parts = train(f"{home}/parts", 40, resume=True)
    logs = [MetricsLog(f"{home}/{name}/metrics.jsonl").read() for name in ("whole", "parts")]

for name, network in parts.items():
    for key, tensor in network.state_dict().items():
        assert torch.equal(tensor, whole[name].state_dict()[key]), f"{name}.{key} differs"
uninterrupted, stopped = ([line["discriminator/total"] for line in log] for log in logs)
assert stopped == uninterrupted
print("every weight and every loss is the same, bit for bit")

figure, axes = plt.subplots(figsize=(6.5, 2.6), layout="constrained")
axes.plot(range(1, 41), uninterrupted, color="0.7", linewidth=5, label="never stopped")
axes.plot(range(1, 26), stopped[:25], color="C0", label="until it was stopped")
axes.plot(range(26, 41), stopped[25:], color="C3", label="resumed")
axes.axvline(25.5, color="0.5", linestyle="--", linewidth=1)
axes.set(xlabel="step", ylabel="loss of the discriminators")
axes.legend(frameon=False)
axes.spines[["top", "right"]].set_visible(False)

# %%
# On a GPU the same holds under ``torch.use_deterministic_algorithms(True)``. :doc:`/training` says
# what is promised where, and what happens at a kill, on a full disk and with a file that is
# damaged.

# %%
# A batch that does not fit
# -------------------------
#
# :func:`~stgan.training.split_batch` cuts a batch into parts whose gradients add up to that of the
# whole. That is exact, up to rounding, for everything that judges each clip by itself; batch norm
# and relativistic average losses compare the clips of a batch and would see a part.

discriminator = VideoDiscriminator(
    size, num_classes=6, base_channels=8, spectral_norm=False
).double()
batch = next(iter(endless_loader(shapes, batch_size=8)))


def gradient(parts):
    """Gradient of the loss of real clips, in so many parts."""
    discriminator.zero_grad()
    for part in split_batch(batch, parts):
        logits = discriminator(part["video"].double(), part["label"])
        (torch.nn.functional.softplus(-logits).mean() / parts).backward()
    return torch.cat([p.grad.flatten() for p in discriminator.parameters()])


one = gradient(1)
for parts in (2, 4, 8):
    error = (gradient(parts) - one).norm() / one.norm()
    print(f"{parts} parts: relative difference {error:.0e}")
    assert error < 1e-12

# %%
# More than one process
# ---------------------
#
# The recipe runs on several GPUs by ``torchrun``, with the result of one process at the same batch
# size: samplers share the data without loss or repetition, batch norm is synchronized, and one
# process writes files::
#
#     torchrun --nproc-per-node 4 -m examples.imaginator.train --train.devices 4 --data.root videos
#
# For a loop of your own, :func:`~stgan.training.ddp_settings` and
# :func:`~stgan.training.synchronize_batch_norm` hold what a GAN needs beyond the usual, and
# :doc:`/training` has the commands for several machines and for SLURM.

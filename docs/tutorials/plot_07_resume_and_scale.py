r"""
Resume, and scale out
=====================

Long runs die: a machine is taken away, a disk is full, somebody presses Ctrl-C. A run that goes on
from a checkpoint should be the run that never stopped, to the last bit. This tutorial writes a
training loop of twenty lines with what :mod:`stgan.training` has for it, stops it, resumes it, and
compares. Then it makes the batch larger than the memory.
"""

# %%
# What a run is made of
# ---------------------
#
# Weights are the smaller part of the state. Optimizers have moments, the average has weights of its
# own, a lazy penalty has a phase, noise comes from generators, and the data has an order in which
# it was being read. :func:`~stgan.data.endless_loader` needs no state: it begins with the batch
# that follows ``step`` batches.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch

from stgan.data import MovingShapes, endless_loader
from stgan.decoders import VideoDecoder, decoder_stages
from stgan.discriminators import ImageDiscriminator, TwoStreamDiscriminator, VideoDiscriminator
from stgan.losses import NonSaturatingLoss, R1Penalty
from stgan.shapes import plan
from stgan.training import (
    ExponentialMovingAverage,
    LazySchedule,
    frozen,
    resume_checkpoint,
    rng_state,
    save_checkpoint,
    seed_everything,
    set_rng_state,
    split_batch,
)

size = (8, 16, 16)
shapes = MovingShapes(64, num_frames=size[0], image_size=size[1:])
loss, r1 = NonSaturatingLoss(), R1Penalty()


class Run:
    """Everything that a step changes."""

    def __init__(self):
        seed_everything(0)
        stages = decoder_stages(plan(size), base_channels=8)
        self.generator = VideoDecoder(16, stages, num_classes=6)
        self.critics = TwoStreamDiscriminator(
            video=VideoDiscriminator(size, num_classes=6, base_channels=8),
            image=ImageDiscriminator(size[1:], base_channels=8),
        )
        self.average = ExponentialMovingAverage(self.generator, decay=0.99)
        self.optimizers = [
            torch.optim.Adam(network.parameters(), lr=1e-3, betas=(0.5, 0.999))
            for network in (self.generator, self.critics)
        ]
        self.lazy = LazySchedule(every=4)

    def networks(self):
        return {"generator": self.generator, "critics": self.critics, "ema": self.average.module}

    def state(self):
        return {
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "lazy": self.lazy.state_dict(),
            "rng": rng_state(),
        }

    def load(self, state):
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.lazy.load_state_dict(state["lazy"])
        set_rng_state(state["rng"])


# %%
# The loop
# --------
#
# Twenty lines, with nothing hidden: what is resumed is what the loop is told to.


def train(run, first, last):
    """Take the steps ``first`` to ``last``; return the loss of the critics at each."""
    history = []
    batches = endless_loader(shapes, batch_size=8, seed=0, step=first)
    for step, batch in zip(range(first, last), batches, strict=False):
        real, label = batch["video"], batch["label"]
        fake = run.generator(torch.randn(8, 16), label=label)
        frames = run.critics.sample(real)
        of_real, of_fake = (run.critics(v, label, indices=frames) for v in (real, fake.detach()))
        total = sum(loss.discriminator(real=of_real[k], fake=of_fake[k]) for k in of_real)
        if run.lazy.due:
            total = total + run.lazy.scale * 0.1 * r1(run.critics.video, real=real, label=label)
        run.lazy.advance()
        run.optimizers[1].zero_grad()
        total.backward()
        run.optimizers[1].step()
        with frozen(run.critics):
            of_fake = run.critics(fake, label, indices=frames)
            run.optimizers[0].zero_grad()
            sum(loss.generator(fake=value) for value in of_fake.values()).backward()
        run.optimizers[0].step()
        run.average.update(run.generator, step + 1)
        history.append(total.item())
    return history


# %%
# Stop and go on
# --------------
#
# One run takes 40 steps. Another takes 25 and is gone; a third begins from nothing, loads what the
# second left and takes the rest. A checkpoint is a folder that appears whole or not at all;
# networks lie in safetensors files, and nothing in it is ever executed.

whole = Run()
uninterrupted = train(whole, 0, 40)

with tempfile.TemporaryDirectory() as folder:
    stopped = Run()
    before = train(stopped, 0, 25)
    path = save_checkpoint(
        folder, step=25, networks=stopped.networks(), state=stopped.state(), config=""
    )
    print(path.name, sorted(file.name for file in Path(path).iterdir()))
    del stopped

    resumed = Run()
    found = resume_checkpoint(folder, resumed.networks())
    resumed.load(found.state)
    after = train(resumed, 25, 40)

for name, network in resumed.networks().items():
    twin = whole.networks()[name].state_dict()
    for key, tensor in network.state_dict().items():
        assert torch.equal(tensor, twin[key]), f"{name}.{key} differs"
assert before + after == uninterrupted
print("every weight and every loss is the same, bit for bit")

figure, axes = plt.subplots(figsize=(6.5, 2.6), layout="constrained")
axes.plot(range(1, 41), uninterrupted, color="0.7", linewidth=5, label="never stopped")
axes.plot(range(1, 26), before, color="C0", label="until it was stopped")
axes.plot(range(26, 41), after, color="C3", label="resumed")
axes.axvline(25.5, color="0.5", linestyle="--", linewidth=1)
axes.set(xlabel="step", ylabel="loss of the critics")
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

critic = VideoDiscriminator(size, num_classes=6, base_channels=8, spectral_norm=False).double()
batch = next(iter(endless_loader(shapes, batch_size=8)))


def gradient(parts):
    """Gradient of the loss of real clips, in so many parts."""
    critic.zero_grad()
    for part in split_batch(batch, parts):
        logits = critic(part["video"].double(), part["label"])
        (torch.nn.functional.softplus(-logits).mean() / parts).backward()
    return torch.cat([p.grad.flatten() for p in critic.parameters()])


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

"""
A video GAN of your own
=======================

stgan's layers are made to be used in networks that are not in any paper. This tutorial builds a
small one: a DCGAN-like generator of clips that is given noise and the name of a motion, and no
picture. Two discriminators teach it. After a minute on two CPU cores one sees it move.

The generator has two branches. One draws pictures, as DCGAN does, and knows nothing of time. The
other makes what moves, by transposed (1+2)D convolutions. At every resolution a fusion block joins
them, so that the second need not draw and the first need not move.
"""

# %%
# Something to learn from
# -----------------------
#
# :class:`~stgan.data.MovingShapes` draws labeled clips: here 512 of them with eight frames of 32 x
# 32 and three motions. Only their brightness is kept; a minute is too short for colors.

import matplotlib.pyplot as plt
import torch
from matplotlib.animation import FuncAnimation
from torch import nn
from torch.nn import functional as F

from stgan.blocks import SpatioTemporalFusion, UpStage
from stgan.data import MovingShapes
from stgan.discriminators import ImageDiscriminator, TwoStreamDiscriminator, VideoDiscriminator
from stgan.layers import ConvTranspose1Plus2d
from stgan.losses import R1Penalty, R2Penalty, RelativisticPairingLoss
from stgan.metrics import condition_accuracy, fit_motion_classifier, motion_energy
from stgan.training import ExponentialMovingAverage, LazySchedule, frozen
from stgan.visual import clip_grid

torch.manual_seed(0)
motions = ("left_right", "up_down", "zoom")
shapes = MovingShapes(512, num_frames=8, image_size=32, motions=motions)
items = [shapes[i] for i in range(len(shapes))]
videos = torch.stack([item["video"] for item in items]).mean(dim=1, keepdim=True)
labels = torch.tensor([item["label"] for item in items])
print(tuple(videos.shape), tuple(labels.shape))

# %%
# The generator
# -------------
#
# ``draw`` is DCGAN: from a vector to maps of 4 x 4, 8 x 8 and 16 x 16. ``start`` makes two frames
# of 4 x 4, and two stages double T, H and W. Before every convolution a
# :class:`~stgan.blocks.SpatioTemporalFusion` adds the map of that size, repeated over time, and the
# label. The last layer doubles the height and width only: a stride for each axis is all it takes.


def group_norm(channels):
    """Eight channels a group; batch norm would let clips of a small batch tint each other."""
    return nn.GroupNorm(max(1, channels // 8), channels)


class Generator(nn.Module):
    """Noise and a label to a clip of 8 frames of 32 x 32."""

    def __init__(self, num_classes, z_dim=16, width=12):
        super().__init__()
        self.z_dim, self.num_classes = z_dim, num_classes
        maps = (8 * width, 4 * width, 2 * width)
        moving = (4 * width, 2 * width, width)
        self.draw = nn.ModuleList(
            nn.Sequential(nn.ConvTranspose2d(*channels), group_norm(channels[1]), nn.LeakyReLU(0.2))
            for channels in (
                (z_dim, maps[0], 4, 1, 0), (maps[0], maps[1], 4, 2, 1), (maps[1], maps[2], 4, 2, 1)
            )
        )  # fmt: skip
        self.start = nn.Sequential(
            nn.Linear(z_dim + num_classes, moving[0] * 2 * 4 * 4),
            nn.LeakyReLU(0.2),
            nn.Unflatten(1, (moving[0], 2, 4, 4)),
        )
        self.fuse = nn.ModuleList(
            SpatioTemporalFusion(c, appearance_channels=m, num_classes=num_classes)
            for c, m in zip(moving, maps, strict=True)
        )
        double = {"kernel_size": 4, "stride": 2, "padding": 1}
        self.up = nn.ModuleList(
            UpStage(fuse.out_channels, c, **double, mid_channels="match", norm=group_norm)
            for fuse, c in zip(self.fuse, moving[1:], strict=False)
        )
        self.show = ConvTranspose1Plus2d(
            self.fuse[2].out_channels, 1, kernel_size=(3, 4, 4), stride=(1, 2, 2), padding=1,
            mid_channels=32,
        )  # fmt: skip

    def forward(self, z, label):
        still, moving = z.split(self.z_dim, dim=1)
        drawn = still[:, :, None, None]
        asked = F.one_hot(label, self.num_classes).to(z.dtype)
        video = self.start(torch.cat([moving, asked], dim=1))
        for draw, fuse, up in zip(self.draw, self.fuse, [*self.up, self.show], strict=True):
            drawn = draw(drawn)
            video = up(fuse(video, drawn, label))
        return video.tanh()


generator = Generator(len(motions))
print(tuple(generator(torch.randn(2, 32), torch.tensor([0, 2])).shape))

# %%
# The discriminators and the rules of the game
# --------------------------------------------
#
# One discriminator judges clips and knows the label, the other judges single frames and does not.
# The loss is relativistic pairing with :math:`R_1` and :math:`R_2` penalties, as R3GAN has it; the
# penalties are computed at every fourth step, four times as heavy.

discriminators = TwoStreamDiscriminator(
    video=VideoDiscriminator((8, 32, 32), in_channels=1, num_classes=3, base_channels=12),
    image=ImageDiscriminator(32, in_channels=1, base_channels=12),
)
loss, penalties, lazy = RelativisticPairingLoss(), (R1Penalty(), R2Penalty()), LazySchedule(every=4)
for_generator = torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.0, 0.99))
for_discriminators = torch.optim.Adam(discriminators.parameters(), lr=2e-3, betas=(0.0, 0.99))
average = ExponentialMovingAverage(generator, decay=0.98)


def step_of_discriminators(real, fake, label):
    """Take one step; the frames of the image stream are the same of both."""
    frames = discriminators.sample(real)
    of_real, of_fake = (discriminators(clips, label, indices=frames) for clips in (real, fake))
    total = sum(loss.discriminator(real=of_real[k], fake=of_fake[k]) for k in of_real)
    for name in of_real if lazy.due else ():

        def one(clips, name=name):
            return discriminators(clips, label, indices=frames, only=(name,))[name]

        total = total + lazy.scale * sum(p(one, real=real, fake=fake) for p in penalties)
    lazy.advance()
    for_discriminators.zero_grad()
    total.backward()
    for_discriminators.step()
    return total.item()


def step_of_generator(real, fake, label):
    """Take one step; the discriminators only pass the gradient on."""
    frames = discriminators.sample(real)
    with frozen(discriminators):
        of_real, of_fake = (discriminators(clips, label, indices=frames) for clips in (real, fake))
        total = sum(loss.generator(real=of_real[k], fake=of_fake[k]) for k in of_real)
        for_generator.zero_grad()
        total.backward()
    for_generator.step()
    return total.item()


# %%
# A minute of training
# --------------------
#
# What is watched is not the loss, which tells little in a GAN, but what one wants: a classifier of
# motions, trained on the real clips, is asked what generated clips of the averaged generator show.

judge = fit_motion_classifier((videos, labels), len(motions), steps=100)
shown = torch.arange(96) % len(motions)
noise = torch.randn(96, 32, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def look():
    """Generate clips of every motion with the averaged generator."""
    return average.module(noise, shown)


history = []
order = torch.Generator().manual_seed(2)
for step in range(1, 321):
    picked = torch.randint(len(videos), (16,), generator=order)
    real, label = videos[picked], labels[picked]
    fake = generator(torch.randn(16, 32, generator=order), label)
    step_of_discriminators(real, fake.detach(), label)
    step_of_generator(real, fake, label)
    average.update(generator, step)
    if step % 80 == 0:
        history.append((step, condition_accuracy(judge, look(), shown)))

figure, axes = plt.subplots(figsize=(6.5, 2.6), layout="constrained")
axes.plot(*zip(*history, strict=True), marker="o", label="generated clips")
axes.axhline(condition_accuracy(judge, videos, labels), color="C2", label="real clips")
axes.axhline(1 / 3, color="0.5", linestyle="--", label="chance")
axes.set(xlabel="step", ylabel="shows the motion\\nthat was asked for", ylim=(0, 1.05))
axes.legend(frameon=False, loc="lower right")
axes.spines[["top", "right"]].set_visible(False)

# %%
# Does it move?
# -------------
#
# At the left two real clips of each motion, beside them four that were generated from noise.

clips = look()
rows = [
    [*videos[labels == k][:2], *clips[shown == k][:4]] for k in range(len(motions))
]  # fmt: skip
grid = clip_grid(
    rows, row_labels=motions, column_labels=["real", "real", *["generated"] * 4], scale=3
)
pages = grid.permute(1, 2, 3, 0).numpy()
figure = plt.figure(figsize=(grid.shape[3] / 90, grid.shape[2] / 90), dpi=90)
axes = figure.add_axes((0, 0, 1, 1))
axes.set_axis_off()
picture = axes.imshow(pages[0])
movie = FuncAnimation(
    figure, lambda t: [picture.set_data(pages[t])], frames=len(pages), interval=150
)

# %%
# In numbers, with what a reader should hold against them. The motion is the one that was asked for
# much more often than by chance. The clips also flicker: their frames differ more from each other
# than those of real clips do, which motion energy counts as motion; and the last transposed
# convolution leaves a checkerboard. More steps take much of it away. A discriminator of pairs of
# frames (:doc:`plot_02_two_streams`) and a last layer that resizes and convolves
# (:class:`~stgan.layers.ResizeConv3d`) would be the next things to try.

accuracy = condition_accuracy(judge, clips, shown)
energy = (motion_energy(clips).mean() / motion_energy(videos).mean()).item()
print(
    f"as asked: {accuracy:.2f} of the clips, by chance 0.33; energy {energy:.1f} of the real clips'"
)
assert accuracy > 0.6, "the clips do not show the motion that was asked for"
assert energy > 0.5, "the clips hardly move"

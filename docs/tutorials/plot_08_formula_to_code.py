r"""
From the paper's formula to the code
====================================

ImaGINator (Wang et al., WACV 2020) stands on three pieces: the fusion of what moves with what does
not, the transposed (1+2)D convolution, and two discriminators. Each is a formula, a picture and a
few lines of stgan. Here they stand side by side, and every formula, written out in plain torch, is
compared with the part that realizes it. :doc:`/recipes/method` tells the method as a whole.
"""

# %%
# Fusion
# ------
#
# A level of the decoder has features that move, :math:`h \in \mathbb{R}^{C_1 \times T \times H
# \times W}`. The encoder has a map of the same height and width that knows the appearance, :math:`e
# \in \mathbb{R}^{C_2 \times H \times W}`, and the label says which action is asked for. The map is
# repeated over time, the label over time and space, and all are concatenated:
#
# .. math::
#
#    h' = [\, h \;\Vert\; \mathrm{repeat}_T(e) \;\Vert\;
#    \mathrm{repeat}_{T,H,W}(\mathrm{onehot}(c)) \,]

import matplotlib.pyplot as plt
import torch
from matplotlib.patches import FancyArrowPatch, Rectangle
from torch.nn import functional as F

from stgan.blocks import SpatioTemporalFusion
from stgan.discriminators import (
    ImageDiscriminator,
    RandomFrames,
    TwoStreamDiscriminator,
    VideoDiscriminator,
)
from stgan.functional import factorized_mid_channels, take_frames
from stgan.layers import ConvTranspose1Plus2d
from stgan.losses import NonSaturatingLoss

BLUE, ORANGE, GREEN, GRAY = "#4c78a8", "#f58518", "#54a24b", "#9d9d9d"


def draw_stack(axes, x, y, count, color, label, *, side=0.9, step=0.16, alpha=0.85):
    """Draw ``count`` frames behind each other, the first in front."""
    for k in reversed(range(count)):
        shift = k * step
        axes.add_patch(
            Rectangle((x + shift, y + shift), side, side, fc=color, ec="white", lw=1.2, alpha=alpha)
        )
    axes.text(x + side / 2, y - 0.14, label, ha="center", va="top", fontsize=9)


def draw_arrow(axes, start, end, text=""):
    """Draw an arrow with a word above it."""
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=12, color="0.3"))
    middle = (start[0] + end[0]) / 2, max(start[1], end[1]) + 0.1
    axes.text(*middle, text, ha="center", va="bottom", fontsize=9)


def blank(width, height):
    """Return a figure without axes, one unit of drawing each 0.9 inches."""
    _, axes = plt.subplots(figsize=(width * 0.9, height * 0.9), layout="constrained")
    axes.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    axes.set_axis_off()
    return axes


axes = blank(9.6, 5.6)
for y, color, name, repeated, before in (
    (4.0, BLUE, "features that move\n$C_1 \\times T \\times H \\times W$", "", 4),
    (2.2, ORANGE, "appearance map\n$C_2 \\times H \\times W$", "repeat over T", 1),
    (0.6, GREEN, "label\n$K$", "repeat over T, H, W", 0),
):
    if before:
        draw_stack(axes, 0.6, y, before, color, name)
    else:
        axes.add_patch(Rectangle((0.95, y + 0.35), 0.2, 0.2, fc=color, ec="white"))
        axes.text(1.05, y + 0.2, name, ha="center", va="top", fontsize=9)
    draw_arrow(axes, (2.3, y + 0.6), (4.2, y + 0.6), repeated)
    draw_stack(axes, 4.5, y, 4, color, "")
    draw_arrow(axes, (6.1, y + 0.6), (7.3, 2.9 + (y - 2.2) * 0.25), "")
for k, color in enumerate((GREEN, ORANGE, BLUE)):
    draw_stack(axes, 7.5, 1.9 + 0.62 * k, 4, color, "", side=0.6, alpha=0.95)
axes.text(
    8.1, 1.7, "$(C_1 + C_2 + K) \\times T \\times H \\times W$", ha="center", va="top", fontsize=9
)

# %%
# In stgan that is :class:`~stgan.blocks.SpatioTemporalFusion`; the formula by hand is five lines.

torch.manual_seed(0)
n, t, side, classes = 2, 4, 8, 6
h, e = torch.randn(n, 16, t, side, side), torch.randn(n, 12, side, side)
c = torch.tensor([1, 4])

by_hand = torch.zeros(n, 16 + 12 + classes, t, side, side)
by_hand[:, :16] = h
by_hand[:, 16:28] = e[:, :, None].repeat(1, 1, t, 1, 1)
for i, k in enumerate(c.tolist()):
    by_hand[i, 28 + k] = 1

fuse = SpatioTemporalFusion(16, appearance_channels=12, num_classes=classes)
assert torch.equal(fuse(h, e, c), by_hand)
print(tuple(by_hand.shape), "equal, bit for bit")

# %%
# Repeating costs memory and multiplications for what is the same in every frame. With ``lazy=True``
# the three stay apart, and the convolution that follows takes what stands still through its
# temporal kernel once for each distinct output phase. The law is that nobody can tell:

up = ConvTranspose1Plus2d(by_hand.shape[1], 8, kernel_size=4, stride=2, padding=1).eval()
lazily = SpatioTemporalFusion(16, appearance_channels=12, num_classes=classes, lazy=True)
torch.testing.assert_close(up(lazily(h, e, c)), up(by_hand))
print(type(lazily(h, e, c)).__name__, "gives the same clip")

# %%
# Time, then space
# ----------------
#
# A transposed convolution that doubles T, H and W at once has a kernel of :math:`k_t \times k_s
# \times k_s`. The (1+2)D one goes two steps, with :math:`M` channels between them:
#
# .. math::
#
#    m[\,:, t'\,] = \sum_t W_t[\,t' - s_t t + p_t\,]\, h[\,:, t\,], \qquad
#    y[\,:, t', \cdot\,] = W_s \star \sigma(\mathrm{norm}(m))[\,:, t', \cdot\,]

axes = blank(9.6, 2.9)
draw_stack(axes, 0.4, 0.8, 2, BLUE, "$C_{in} \\times T \\times H \\times W$", side=0.8)
draw_arrow(axes, (1.6, 1.4), (3.2, 1.4), "along time\n$k_t \\times 1 \\times 1$")
draw_stack(axes, 3.5, 0.8, 4, GRAY, "$M \\times 2T \\times H \\times W$", side=0.8)
draw_arrow(axes, (5.0, 1.4), (6.7, 1.4), "over space\n$1 \\times k_s \\times k_s$")
draw_stack(axes, 7.0, 0.6, 4, ORANGE, "$C_{out} \\times 2T \\times 2H \\times 2W$", side=1.5)

# %%
# The same by hand: every input frame adds its share to the output frames that its kernel reaches,
# and every frame is then enlarged by itself.

layer = ConvTranspose1Plus2d(16, 8, kernel_size=4, stride=2, padding=1).eval()
temporal, spatial = layer.temporal, layer.spatial
m = torch.zeros(n, layer.mid_channels, 2 * t, side, side)
for i in range(t):
    for k in range(4):
        if 0 <= (to := 2 * i + k - 1) < 2 * t:
            m[:, :, to] += torch.einsum("nchw,cm->nmhw", h[:, :, i], temporal.weight[:, :, k, 0, 0])
m = F.leaky_relu(layer.norm(m), 0.2)
y = torch.stack(
    [
        F.conv_transpose2d(m[:, :, i], spatial.weight[:, :, 0], spatial.bias, stride=2, padding=1)
        for i in range(2 * t)
    ],
    dim=2,
)
torch.testing.assert_close(layer(h), y)
assert layer.output_shape(tuple(h.shape)) == tuple(y.shape)
print(tuple(h.shape), "->", tuple(y.shape))

# %%
# What the width between the steps costs is up to you. The released code has :math:`M = C_{out}
# k_s^2 (k_t - 1) / k_t`, more than a dense layer; ``"match"`` has as many weights as one, ``"out"``
# is the narrow one.

c_in, c_out = 262, 64
rules = ("released", "match", "out")
widths = {
    rule: factorized_mid_channels(rule, in_channels=c_in, out_channels=c_out, kernel_size=4)
    for rule in rules
}
weights = {rule: 4 * c_in * m + 16 * m * c_out for rule, m in widths.items()}
dense = 64 * c_in * c_out
figure, axes = plt.subplots(figsize=(6.5, 2.2), layout="constrained")
bars = axes.barh(
    [f"{rule}: M = {widths[rule]}" for rule in rules], [weights[r] / dense for r in rules]
)
axes.bar_label(bars, fmt="%.2f", padding=4)
axes.axvline(1, color="0.4", linewidth=1, linestyle="--")
axes.text(1.02, 2.42, "dense", fontsize=8, va="center")
axes.set(xlabel="weights against a dense layer, stage 4 of the decoder", xlim=(0, 3))
axes.invert_yaxis()
axes.spines[["top", "right"]].set_visible(False)
assert abs(weights["match"] / dense - 1) < 0.01

# %%
# Two discriminators
# ------------------
#
# :math:`D_V` sees the clip and the label and judges motion, :math:`D_I` sees a frame and judges
# appearance. With :math:`f(a) = \log(1 + e^a)` their losses are
#
# .. math:: L_D = f(-D_V(x, c)) + f(D_V(G, c)) + f(-D_I(x_t)) + f(D_I(G_t))

axes = blank(9.6, 3.3)
draw_stack(axes, 0.4, 1.2, 5, BLUE, "clip", side=1.0)
draw_arrow(axes, (2.3, 2.2), (4.1, 2.5), "all frames, label")
draw_arrow(axes, (2.3, 1.4), (4.1, 0.9), "")
axes.text(3.1, 0.8, "a random frame", ha="center", fontsize=9)
for y0, color, name in (
    (2.1, ORANGE, "$D_V$  3-D convolutions"),
    (0.4, GREEN, "$D_I$  2-D convolutions"),
):
    axes.add_patch(Rectangle((4.3, y0), 3.0, 0.9, fc=color, ec="white", alpha=0.85))
    axes.text(5.8, y0 + 0.45, name, ha="center", va="center", fontsize=10, color="white")
    draw_arrow(axes, (7.4, y0 + 0.45), (8.2, y0 + 0.45), "")
axes.text(8.3, 2.55, "does it move\nas asked?", va="center", fontsize=9)
axes.text(8.3, 0.85, "is it a\npicture?", va="center", fontsize=9)

# %%
# Assembled, and the loss written out. The frame of the image stream is drawn once and used for real
# and generated clips.

video = VideoDiscriminator((8, 16, 16), num_classes=classes, base_channels=8)
image = ImageDiscriminator(16, base_channels=8)
discriminators = TwoStreamDiscriminator(video=video, image=image, sampler=RandomFrames(1)).eval()
real, fake = torch.rand(2, n, 3, 8, 16, 16).mul(2).sub(1).unbind()
frame = discriminators.sample(real)

loss = NonSaturatingLoss()
of_real, of_fake = discriminators(real, c, indices=frame), discriminators(fake, c, indices=frame)
assembled = sum(loss.discriminator(real=of_real[k], fake=of_fake[k]) for k in ("video", "image"))

at = [take_frames(clip, frame)[:, :, 0] for clip in (real, fake)]
pairs = [(video(real, c), video(fake, c)), (image(at[0]), image(at[1]))]
by_hand = sum((1 + (-r).exp()).log().mean() + (1 + f.exp()).log().mean() for r, f in pairs)
torch.testing.assert_close(assembled, by_hand)
print(f"{assembled.item():.4f} = {by_hand.item():.4f}")

r"""
The discriminators of another paper
===================================

Methods for video differ mostly in what their discriminators look at. In stgan that is a network, a
sampler of frames and a head, put together. This tutorial composes those of DIGAN (Yu et al.,
Generating videos with dynamics-aware implicit generative adversarial networks, ICLR 2022) and takes
one step of both players with its losses.

DIGAN never looks at a whole clip. It draws two moments :math:`t_1 < t_2` and has

- an image discriminator, which sees each of the two frames alone,
- a motion discriminator, which sees both frames and the time between them as one picture of seven
  channels, :math:`[x(t_1), x(t_2), (t_2 - t_1) \mathbf{1}]`. Two frames that differ too much for a
  short time, or too little for a long one, give the generator away.
"""

# %%
# Two streams, three words each
# -----------------------------
#
# :class:`~stgan.discriminators.StreamSpec` says what a stream is shown: ``"frames"`` one by one, or
# a ``"clip"`` of those that the sampler chose; ``timed`` hands on their indices, from which the
# network makes the difference of times.

import matplotlib.pyplot as plt
import torch

import stgan
from stgan.augment import DiffAugment
from stgan.data import MovingShapes
from stgan.decoders import VideoDecoder, decoder_stages
from stgan.discriminators import (
    BetaPair,
    ImageDiscriminator,
    PairDiscriminator,
    StreamSpec,
    TwoStreamDiscriminator,
)
from stgan.losses import NonSaturatingLoss, R1Penalty
from stgan.shapes import plan
from stgan.training import LazySchedule, frozen

torch.manual_seed(0)
frames, side = 16, 32
image = ImageDiscriminator(side, base_channels=16)
motion = PairDiscriminator(side, num_frames=frames, base_channels=16)
discriminators = TwoStreamDiscriminator(
    image=StreamSpec(image, takes="frames", sampler=BetaPair(), labeled=False),
    streams={"motion": StreamSpec(motion, sampler=BetaPair(), labeled=False, timed=True)},
)
print(stgan.list("discriminators", "*pair*"), stgan.list("samplers", "*pair*"))

# %%
# Which frames they see
# ---------------------
#
# Both streams of DIGAN look at the same two frames, so they are drawn once and handed to both, for
# real and for generated clips alike. The sampler prefers moments that lie far apart.

shapes = MovingShapes(8, num_frames=frames, image_size=side)
real = torch.stack([shapes[i]["video"] for i in range(8)])
pair = discriminators.sample(real, generator=torch.Generator().manual_seed(1))["motion"]
indices = {"image": pair, "motion": pair}

figure, axes = plt.subplots(4, frames, figsize=(9, 2.6), layout="constrained")
for row, clip, seen in zip(axes, real, pair.tolist(), strict=False):
    for t, cell in enumerate(row):
        cell.imshow((clip[:, t].permute(1, 2, 0) + 1) / 2, alpha=1 if t in seen else 0.25)
        cell.set(xticks=[], yticks=[])
        cell.spines[:].set(color="C3" if t in seen else "0.85", linewidth=2 if t in seen else 0.8)
    row[0].set_ylabel(f"{seen[1] - seen[0]} apart", rotation=0, ha="right", va="center", fontsize=8)
for t, cell in enumerate(axes[0]):
    cell.set_title(str(t), fontsize=8)
figure.suptitle("The two frames of four clips that both discriminators see", fontsize=10)

drawn = BetaPair()(20_000, frames, generator=torch.Generator().manual_seed(2))
apart = (drawn[:, 1] - drawn[:, 0]).float()
print(f"on average {apart.mean():.1f} of {frames} frames apart")
assert apart.mean() > frames / 3  # two uniform moments would be a third of the clip apart

# %%
# A generator to judge
# --------------------
#
# Any network that returns ``(N, 3, T, H, W)`` will do, DIGAN's own being an implicit one. Here it
# is a plain decoder of (1+2)D stages, from a vector of noise.

generator = VideoDecoder(32, decoder_stages(plan((frames, side, side)), base_channels=16))
noise = torch.randn(8, 32, generator=torch.Generator().manual_seed(3))
fake = generator(noise)
logits = discriminators(fake, indices=indices)
print(tuple(fake.shape), {name: tuple(value.shape) for name, value in logits.items()})

# %%
# A step of the discriminators
# ----------------------------
#
# DIGAN's loss is the non-saturating one for both streams, with :math:`R_1` at weight :math:`\gamma
# / 2 = 0.5` for each, taken at every 16th step only and 16 times as heavy there
# (:class:`~stgan.training.LazySchedule`). Augmentation (:class:`~stgan.augment.DiffAugment`) is
# drawn once for a clip, so it changes both frames alike and leaves the motion between them.
#
# The penalty asks for one stream at a time (``only=``): a slope of their sum would mix the two.

loss, r1, lazy = NonSaturatingLoss(), R1Penalty(), LazySchedule(every=16)
augment = DiffAugment(("color", "translation"))
for_discriminators = torch.optim.Adam(discriminators.parameters(), lr=2e-4, betas=(0.0, 0.99))
for_generator = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.0, 0.99))

shown_real, shown_fake = augment(real), augment(fake.detach())
of_real, of_fake = (
    discriminators(shown_real, indices=indices),
    discriminators(shown_fake, indices=indices),
)
terms = {
    name: loss.discriminator(real=of_real[name], fake=of_fake[name])
    for name in discriminators.weights
}
if lazy.due:
    for name in discriminators.weights:

        def one_stream(video, name=name):
            return discriminators(video, indices=indices, only=(name,))[name]

        terms[f"r1/{name}"] = lazy.scale * 0.5 * r1(one_stream, real=shown_real)
lazy.advance()
for_discriminators.zero_grad()
sum(terms.values()).backward()
for_discriminators.step()
print({name: round(term.item(), 3) for name, term in terms.items()})

# %%
# A step of the generator
# -----------------------
#
# :func:`~stgan.training.frozen` keeps this step from computing gradients of the discriminators that
# nobody uses; the gradient to the generated clip flows through them as ever.

before = [parameter.detach().clone() for parameter in discriminators.parameters()]
for_generator.zero_grad()
with frozen(discriminators):
    of_fake = discriminators(augment(fake), indices=indices)
    total = sum(loss.generator(fake=value) for value in of_fake.values())
    total.backward()
for_generator.step()

assert all(p.grad is not None and bool(p.grad.any()) for p in generator.parameters())
assert all(torch.equal(p, old) for p, old in zip(discriminators.parameters(), before, strict=True))
print(f"generator {total.item():.3f}; the discriminators are as they were")

# %%
# What the motion stream is told
# ------------------------------
#
# That the time between the frames matters is a law that can be checked: with other times and the
# same two frames the motion stream answers otherwise, while the image stream cannot tell.

two = real[:, :, [0, 8]]
with torch.no_grad():
    motion.eval()
    close = motion(two, difference=torch.full((8,), 1 / 16))
    far = motion(two, difference=torch.full((8,), 8 / 16))
print("moves by", [round(x, 3) for x in (far - close).tolist()[:4]])
assert not torch.equal(close, far)

# %%
# Other papers are other words: ``frame_merge`` with three sorted frames is StyleGAN-V's,
# ``video_multi_scale_patch`` beside the given image MoCoGAN-HD's, ``video_pooled`` with an image
# stream of eight frames DVD-GAN's. :doc:`/api/streams` lists them, and :doc:`/api/discriminators`
# the samplers and heads.

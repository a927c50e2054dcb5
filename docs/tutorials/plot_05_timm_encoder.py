"""
A backbone of timm as the encoder
=================================

A generator that goes on from a picture needs the picture at several resolutions: ImaGINator's
encoder is a plain stack of strided convolutions. Any network of timm can stand in its place. The
decoder must not notice, which comes down to sizes and widths; this tutorial shows where they come
from, and what each backbone costs.
"""

# %%
# One plan for both sides
# -----------------------
#
# :func:`stgan.shapes.plan` says by which stages a clip size is reached. The decoder walks them up,
# the encoder down, so the map for every level has the height and width of that level.

import matplotlib.pyplot as plt
import torch

from stgan.data import MovingShapes
from stgan.decoders import VideoDecoder, decoder_stages
from stgan.encoders import ImageEncoder, TimmEncoder
from stgan.profiling import profile
from stgan.shapes import plan

torch.manual_seed(0)
size, z_dim, classes = (16, 64, 64), 32, 6
route = plan(size)
print(route.sizes)

# %%
# Swap it
# -------
#
# :class:`~stgan.encoders.TimmEncoder` takes the name of a model, and has for each level the map of
# the network that is nearest in scale, a 1 x 1 convolution to the level's width, and a resize where
# the network has no map of that size. ``places`` tells which map serves which level, coarsest
# first, counted from the network's finest.
#
# Images come in [-1, 1], as everywhere; the encoder changes them to what the network was trained
# with. Weights are random here, so that this page builds without a network:
# ``weights="pretrained"`` lets timm download the published ones, a path loads a file, and
# ``frozen=True`` keeps them as they are.

common = {"image_size": size[1:], "stages": route.stages, "base_channels": 16, "out_channels": 64}
encoders = {
    "image pyramid": ImageEncoder(**common),
    "resnet18": TimmEncoder(model="resnet18", **common),
    "convnext_atto": TimmEncoder(model="convnext_atto", **common),
    "vit_tiny_patch16_224": TimmEncoder(model="vit_tiny_patch16_224", input_size=224, **common),
}
image = torch.stack([MovingShapes(2, image_size=64)[i]["image"] for i in range(2)])
expected = None
for name, encoder in encoders.items():
    with torch.no_grad():
        features = encoder.eval()(image)
    shapes = [tuple(features.vector.shape), *(tuple(m.shape) for m in features.maps)]
    print(f"{name:21} places {getattr(encoder, 'places', '-')}")
    expected = expected or shapes
    assert shapes == expected, "a decoder would notice"
print(expected)

# %%
# The same decoder takes any of them
# ----------------------------------
#
# It is built once, from the plan and the widths of the maps, and fed by each encoder in turn.

widths = encoders["image pyramid"].channels
stages = decoder_stages(route, base_channels=16, appearance_channels=widths)
decoder = VideoDecoder(z_dim + 64, stages, num_classes=classes).eval()
z, label = torch.randn(2, z_dim), torch.tensor([0, 3])
for name, encoder in encoders.items():
    with torch.no_grad():
        seen = encoder(image)
        clip = decoder(torch.cat([z, seen.vector], dim=1), seen.maps, label)
    print(f"{name:21} {tuple(clip.shape)}")
    assert tuple(clip.shape) == (2, 3, *size)

# %%
# What the levels see
# -------------------
#
# The strongest channel of every map, coarse to fine. The weights are random, so these are no
# features yet; but where things lie in the picture is there already, and how finely. A ViT has one
# scale only: its finest levels are as coarse as its patches.

figure, axes = plt.subplots(
    len(encoders), len(widths) + 1, figsize=(7.5, 6), layout="constrained"
)  # fmt: skip
for row, (name, encoder) in zip(axes, encoders.items(), strict=True):
    with torch.no_grad():
        maps = encoder(image).maps
    row[0].imshow((image[0].permute(1, 2, 0) + 1) / 2)
    row[0].set_ylabel(name.removesuffix("_patch16_224"), fontsize=9)
    for cell, found in zip(row[1:], maps, strict=True):
        strongest = found[0].flatten(1).std(dim=1).argmax()
        cell.imshow(found[0, strongest], cmap="magma")
        cell.set_title(f"{found.shape[2]} x {found.shape[3]}", fontsize=8)
    for cell in row:
        cell.set(xticks=[], yticks=[])

# %%
# What they cost
# --------------
#
# Beside a decoder of this width every backbone but the smallest is the larger part of the
# generator; but it runs once for a clip, on one picture.

costs = {name: profile(e, image, backward=False, rounds=3) for name, e in encoders.items()}
latent = {"latent": torch.cat([z, seen.vector], dim=1), "maps": seen.maps, "label": label}
costs["(the decoder)"] = profile(decoder, tuple(latent.values()), backward=False, rounds=3)
figure, axes = plt.subplots(1, 3, figsize=(8.5, 2.6), layout="constrained", sharey=True)
for panel, title, value in (
    (axes[0], "weights, millions", lambda c: c.parameters / 1e6),
    (axes[1], "multiply-adds, millions", lambda c: c.multiply_adds / 1e6),
    (axes[2], "ms, on the machine\nthat built this page", lambda c: c.forward_seconds.median * 1e3),
):
    bars = panel.barh(list(costs), [value(cost) for cost in costs.values()])
    panel.bar_label(bars, fmt="%.3g", padding=3, fontsize=8)
    panel.set_title(title, fontsize=9)
    panel.margins(x=0.25)
    panel.spines[["top", "right"]].set_visible(False)
axes[0].invert_yaxis()

# %%
# In the recipe this is one setting, and everything around it stays as it is::
#
#     python -m examples.imaginator.train --data.root videos --model.encoder timm/resnet18
#
# What else it takes stands in a file of settings, for ``--config``::
#
#     model:
#       encoder: {name: timm, model: resnet18, weights: pretrained, frozen: true}

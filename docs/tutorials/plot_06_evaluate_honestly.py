r"""
Evaluate honestly
=================

A Fréchet distance of 42 says nothing. How many clips? How many frames, how far apart, resized how,
seen by which network, with which file of weights? And what do real clips get against real clips?
This tutorial spoils real clips on purpose, asks several scores about them, and shows what a number
needs beside it before it may stand in a table.
"""

# %%
# Real clips, spoiled on purpose
# ------------------------------
#
# A third of the clips will train the network that compares them, a third is the reference, and the
# last third is what is scored: as it is, and spoiled in four ways that a bad generator could spoil
# it.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from kornia.filters import gaussian_blur2d

from stgan.data import MovingShapes
from stgan.functional import fold_time, unfold_time
from stgan.metrics import (
    ClipProtocol,
    MetricResult,
    condition_accuracy,
    fit_motion_classifier,
    fit_motion_features,
    frame_scores,
    is_static,
    motion_energy,
    score_features,
)
from stgan.visual import plot_motion_energy, plot_slices

shapes = MovingShapes(360, num_frames=16, image_size=32)
items = [shapes[i] for i in range(len(shapes))]
videos = torch.stack([item["video"] for item in items])
labels = torch.tensor([item["label"] for item in items])
training, reference, scored = videos[:120], videos[120:240], videos[240:]


def blurred(clips):
    """Blur every frame, with a standard deviation of 1.5 pixels."""
    return unfold_time(gaussian_blur2d(fold_time(clips), (9, 9), (1.5, 1.5)), clips.shape[2])


shuffle = torch.randperm(16, generator=torch.Generator().manual_seed(0))
kinds = {
    "real": scored,
    "shuffled": scored[:, :, shuffle],
    "frozen": scored[:, :, :1].expand_as(scored),
    "blurred": blurred(scored),
    "reversed": scored.flip(2),
}

# %%
# Look first
# ----------
#
# No score replaces looking. One row of pixels over time shows a motion as a slanted or curved line:
# shuffled it is a scatter, frozen a straight line. Blurring shows in the picture, reversal hardly
# at all, and that is a fact about these motions and not about the eye: a swing that is played
# backwards is a swing.


def show(plot, clips, **settings):
    """Put a figure that stgan.visual writes into this page."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figure.png"
        plot(clips, path, **settings)
        pixels = plt.imread(path)
    figure = plt.figure(figsize=(pixels.shape[1] / 100, pixels.shape[0] / 100), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(pixels)
    axes.set_axis_off()


show(plot_slices, kinds, max_clips=2)

# %%
# How much clips move needs no network. Frozen clips have no energy, shuffled ones too much.

show(plot_motion_energy, {name: kinds[name] for name in ("real", "shuffled", "frozen")})

# %%
# A network for features
# ----------------------
#
# A Fréchet or kernel distance compares what a network makes of clips. The field's FVD is that of
# one network, I3D, with one file of weights: give it as ``I3DFeatures(path, sha256=...)`` and
# results are called FVD. Here is no such file, so a small network is trained on the first third,
# and named for what it is. What it makes is no FVD and never called so: its distances compare with
# each other and with nothing else.

labeled = [{"video": v, "label": int(k)} for v, k in zip(training, labels, strict=False)]
features = fit_motion_features(labeled, num_classes=6, seed=0)
print(features.name)

# %%
# One result, with its protocol
# -----------------------------
#
# A :class:`~stgan.metrics.MetricResult` carries what it depends on and prints it in one line, to be
# pasted into a paper. Beside the value stand its interval, and the *floor*: what real clips get
# against real clips, at half as many. Only the difference of ``at_floor`` and ``floor`` tells
# something about the clips.

protocol = ClipProtocol(16, (32, 32), clip_rule="all frames")
with torch.no_grad():
    seen = {name: features(clips) for name, clips in kinds.items()}
    of_reference = features(reference)
results: dict[str, dict[str, MetricResult]] = {}
for name in kinds:
    found = score_features(
        of_reference, seen[name], features, protocol, metrics=["frechet", "kernel"], seed=0
    )
    results[name] = {"frechet": found[0], "kernel": found[1]}
print(results["blurred"]["frechet"])

# %%
# Which score sees which damage
# -----------------------------
#
# Every score is blind to something, or sees what it should not. PSNR against the true clip likes a
# clip that stands still better than one that moves the wrong way. A classifier of motions that
# never saw blur hardly knows a blurred clip, although it moves as asked. Energy cannot tell a clip
# from its reverse.

judge = fit_motion_classifier((training, labels[:120]), 6, steps=200, seed=0)
table = {}
for name, clips in kinds.items():
    table[name] = {
        "Fréchet": results[name]["frechet"].value,
        "kernel": results[name]["kernel"].value,
        "accuracy": condition_accuracy(judge, clips, labels[240:]),
        "energy": motion_energy(clips).mean().item(),
        "static": is_static(clips).float().mean().item(),
        "PSNR": frame_scores(clips.contiguous(), scored)["psnr"].mean().item(),
    }
columns = list(table["real"])
print(f"{'':10}" + "".join(f"{column:>10}" for column in columns))
for name, row in table.items():
    print(f"{name:10}" + "".join(f"{row[column]:10.3g}" for column in columns))

floor = results["real"]["frechet"].floor
assert table["frozen"]["Fréchet"] > 3 * table["real"]["Fréchet"] > 0
assert table["frozen"]["static"] == 1 > table["real"]["static"]
assert table["frozen"]["PSNR"] > max(table["shuffled"]["PSNR"], table["reversed"]["PSNR"])
assert table["blurred"]["accuracy"] < 0.7 * table["real"]["accuracy"]
assert abs(table["reversed"]["energy"] / table["real"]["energy"] - 1) < 1e-3
assert table["shuffled"]["energy"] > 1.5 * table["real"]["energy"]

figure, axes = plt.subplots(figsize=(7, 2.8), layout="constrained")
values = [results[name]["frechet"] for name in kinds]
axes.bar(list(kinds), [r.at_floor for r in values])
axes.axhline(floor, color="C3", linestyle="--", label="floor: real against real")
axes.set(ylabel="Fréchet distance\nof 60 clips", yscale="log", ylim=(0.5, 100))
axes.legend(frameon=False, loc="upper left")
axes.spines[["top", "right"]].set_visible(False)

# %%
# Two results that may not be compared
# ------------------------------------
#
# With every second frame the number is another one, and no better or worse. Subtracting one from
# the other is refused, with what differs; ``difference(..., force=True)`` would do it all the same.

with torch.no_grad():
    halved = [features(clips[:, :, ::2]) for clips in (reference, kinds["blurred"])]
(strided,) = score_features(
    *halved, features, ClipProtocol(8, (32, 32), stride=2, clip_rule="all frames"),
    metrics=["frechet"],
)  # fmt: skip
try:
    results["blurred"]["frechet"] - strided
except ValueError as error:
    print(error)
else:
    raise AssertionError("two protocols were compared")

# %%
# Too few clips
# -------------
#
# A covariance of fewer clips than a feature has numbers has no full rank, and the distance is far
# too large: the very same clips seem to be several times as bad. A result says so in its notes.

(small,) = score_features(
    of_reference[:20], seen["real"][:20], features, protocol, metrics=["frechet"]
)
print(f"{small.value:.3g} with 20 clips, {results['real']['frechet'].value:.3g} with 120")
print(small.notes[0])
assert small.value > results["real"]["frechet"].value

# %%
# The same from a command line, for folders of anybody's clips::
#
#     stgan evaluate --real videos --fake generated --json scores.json
#
# :doc:`/metrics` says which score is for what, and :doc:`/results/damages` has the table above for
# real video, over ten random splits.

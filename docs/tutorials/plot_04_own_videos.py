r"""
ImaGINator on your own videos
=============================

From a folder of video files to a picture that moves as asked, with the programs of the recipe. All
that is yours is the folder; the rest are four commands, which this page runs as you would.

The documentation has no videos of its own, so it writes some first: drawn shapes, as mp4 files. And
it trains for half a minute at a small size, which is enough to see every step and far too little
for a result: :doc:`/results/weizmann` says what real video takes.
"""

# %%
# One folder for each action
# --------------------------
#
# The names of the folders are the labels. Files may be mp4, avi, webm, mov or gif, folders of
# pictures, or strips of frames beside each other; they need neither be of one size nor of one
# length. Here three motions of twenty clips each. In the place of shapes think of people: the name
# of a file begins with who is seen, so that whole people can be kept aside for validation.

import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from matplotlib.animation import FuncAnimation

from stgan.data import ClipFolder, MovingShapes, split_clips
from stgan.io import read_video, write_video
from stgan.visual import clip_grid, write_picture

place = tempfile.TemporaryDirectory()
folder = Path(place.name)
motions = ("left_right", "up_down", "zoom")
shapes = MovingShapes(60, num_frames=20, image_size=32, motions=motions)
for index in range(len(shapes)):
    item = shapes[index]
    action = folder / "videos" / motions[item["label"]]
    action.mkdir(parents=True, exist_ok=True)
    write_video(item["video"], action / f"person{index % 10}_{index}.mp4", fps=10)
for action in sorted((folder / "videos").iterdir()):
    files = sorted(path.name for path in action.iterdir())
    print(f"videos/{action.name}/", *files[:3], "...", f"({len(files)} files)")

# %%
# Train
# -----
#
# ``--data.validation`` takes patterns of files that are never trained on. Everything else is a
# setting with a default: the preset ``tiny`` is the one for a CPU; without ``--preset`` it is the
# method at the published width. ``--help`` lists them all.


def run(command):
    """Run a program of the recipe in the folder, as in a terminal, and show what it says last."""
    print(f"$ {command}")
    program, *words = shlex.split(command)
    done = subprocess.run(
        [sys.executable if program == "python" else program, *words],
        cwd=folder, env={**os.environ, "PYTHONPATH": os.pathsep.join([repository, *sys.path])},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


# The recipe lies beside the documentation, at the root of the repository.
here = Path.cwd().resolve()
repository = str(here.parents[1] if here.name == "tutorials" else here)
said = run(
    "python -m examples.imaginator.train --preset tiny --data.root videos"
    " --data.validation '*/person7_*' '*/person8_*' '*/person9_*'"
    " --train.steps 75 --train.log-every 5 --out runs/mine"
)
print(*said.splitlines()[-2:], sep="\n")

# %%
# What a run leaves
# -----------------
#
# The settings, every logged number, the checkpoints, the curves for TensorBoard. The same command
# with ``--resume`` goes on from the newest checkpoint.

for path in sorted((folder / "runs" / "mine").iterdir()):
    print(path.name + ("/" if path.is_dir() else ""))

lines = (folder / "runs/mine/metrics.jsonl").read_text().splitlines()
history = [json.loads(line) for line in lines]
steps = [entry["step"] for entry in history]
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 2.6), layout="constrained")
left.plot(steps, [entry["generator/reconstruction"] for entry in history], marker=".")
left.set(xlabel="step", ylabel="L1 to the real clip", ylim=(0, None))
for name in ("discriminator/video", "discriminator/image"):
    right.plot(steps, [entry[name] for entry in history], marker=".", label=name)
right.set(xlabel="step", ylabel="loss", ylim=(0, None))
right.legend(frameon=False)
for axes in (left, right):
    axes.spines[["top", "right"]].set_visible(False)

reconstruction = [entry["generator/reconstruction"] for entry in history]
assert reconstruction[-1] < 0.7 * reconstruction[0], "nothing was learned"

# %%
# Score it
# --------
#
# Scores are of the people that were kept aside, and each stands beside that of a control which
# repeats the first frame. After half a minute the control is closer to the real clips by PSNR, SSIM
# and L1; only where something moves is a still picture the worse guess. The generated clips change
# from frame to frame more than real ones do, but the classifier takes them for the asked motion no
# more often than the still pictures: what changes is not motion yet. Their row alone would not say
# so.

said = run("python -m examples.imaginator.evaluate runs/mine")
print(said)

# %%
# Animate a picture
# -----------------
#
# Any picture will do, made to fit as the clips were: here the first frame of one that was kept
# aside. Without ``--label`` every action is made.

kept = sorted((folder / "videos/zoom").glob("person8_*"))[0]
first = read_video(kept, dtype=torch.uint8)[:, 0]
write_picture(first, folder / "face.png")
run("python -m examples.imaginator.generate runs/mine face.png --form gif")

made = [
    read_video(next((folder / "runs/mine/generated").glob(f"*{name}*.gif"))) for name in motions
]
grid = clip_grid([[first, *made]], column_labels=["picture", *motions], scale=4)
pages = grid.permute(1, 2, 3, 0).numpy()
figure = plt.figure(figsize=(grid.shape[3] / 90, grid.shape[2] / 90), dpi=90)
axes = figure.add_axes((0, 0, 1, 1))
axes.set_axis_off()
shown = axes.imshow(pages[0])
movie = FuncAnimation(figure, lambda t: [shown.set_data(pages[t])], frames=len(pages), interval=120)

# %%
# A loop of your own takes the same folder, with the same people kept aside.

clips = {
    name: ClipFolder(folder / "videos", files=files, num_frames=16, image_size=32)
    for name, files in zip(
        ("training", "validation"),
        split_clips(folder / "videos", pattern=["*/person7_*", "*/person8_*", "*/person9_*"]),
        strict=True,
    )
}
print({name: len(found) for name, found in clips.items()})
assert not {*clips["training"].paths} & {*clips["validation"].paths}

# %%
# The shape stays where it is and changes its colors, much alike under every label: the asked motion
# is not there yet. ``make demo`` trains nine times as long, and there it is. From here on it is
# time and data. :doc:`/recipes/imaginator` explains the settings: the size of the clips, the width
# of the networks, other losses and discriminators, several GPUs.

place.cleanup()

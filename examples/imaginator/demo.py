"""See ImaGINator learn: train the tiny preset on moving shapes, then look at what it makes.

make demo
python -m examples.imaginator.demo --steps 5000 --max-minutes 20 --out runs/longer
"""

from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import torch
import tyro
from torch import Tensor, nn

from stgan.cli import user_errors
from stgan.data import MovingShapes
from stgan.errors import printable
from stgan.io import write_video
from stgan.report import score_generator, score_table
from stgan.visual import clip_grid, film_strip_grid, plot_curves, write_picture

from .config import PRESETS
from .model import load_generator
from .train import open_clips, open_run, train


def write_grids(generator: nn.Module, shapes: MovingShapes, noise: Tensor, out: Path) -> None:
    """Draw real and generated clips of four images under every label, as a film and as a still."""
    labels = torch.arange(len(shapes.classes))
    rows = []
    for scene, z in zip(map(shapes.scene, range(4)), noise, strict=True):
        real = [shapes.render(scene, motion) for motion in shapes.classes]
        image = real[0][:, 0].expand(len(labels), -1, -1, -1)
        rows += [real, list(generator(image, z.expand(len(labels), -1), labels))]
    names: Any = {"row_labels": ["real", "generated"] * 4, "column_labels": [*shapes.classes]}
    write_video(clip_grid(rows, scale=3, **names), out / "grid.gif", fps=10)
    write_picture(film_strip_grid(rows, scale=2, num_frames=5, **names), out / "grid.png")


def run_demo(out: Path | None = None, steps: int = 650, max_minutes: float = 2.2) -> None:
    """Train a small ImaGINator on moving shapes and show what it learned.

    Args:
        out: New run folder; none: the first free of runs/demo-1, runs/demo-2, ...
        steps: Iterations: on two CPU cores about two minutes, after which shapes move as asked.
        max_minutes: Stop training after this time even if the machine is slower than that.
    """
    out = out or next(path for n in count(1) if not (path := Path(f"runs/demo-{n}")).exists())
    tiny = PRESETS["tiny"]
    pace = replace(tiny.train, steps=steps, max_minutes=max_minutes)
    settings, z_dim = replace(tiny, out=out, train=pace), tiny.model.z_dim
    print("training on drawn moving shapes", flush=True)
    checkpoint = train(open_run(settings))
    print("scoring on clips that it has not seen", flush=True)
    (generator, *_), clips = load_generator(out), open_clips(settings)
    assert isinstance(clips.validation, MovingShapes)
    scored = score_generator(generator, clips.validation, clips.classes, batch_size=32,
                             z_dim=z_dim, training=clips.training)  # fmt: skip
    scored.save(out / "evaluation.json")
    noise = torch.randn(4, 1, z_dim, generator=torch.Generator().manual_seed(0))
    write_grids(generator, clips.validation, noise, out)
    panels = {"L1 distance": ["generator/reconstruction"], "speed": ["speed/clips_per_second"]}
    panels |= {who: [f"{who}/video", f"{who}/image"] for who in ("generator", "discriminator")}
    plot_curves(out / "metrics.jsonl", out / "curves.png", groups=panels, title="ImaGINator, tiny")

    print(f"\n{score_table(scored.results)}\n")
    print(f"The asked motion is recognized in {scored.scores['generated']['accuracy']:.0%} of the "
          f"generated clips (chance: {1 / len(clips.classes):.0%}).\n")  # fmt: skip
    for what, name in {
        "real and generated clips, moving": "grid.gif", "the same as film strips": "grid.png",
        "loss curves": "curves.png", "every logged number": "metrics.jsonl",
        "scores with their protocol": "evaluation.json",
    }.items():  # fmt: skip
        print(f"{what:<34}{printable(out / name)}")
    print(f"{'the checkpoint':<34}{printable(checkpoint)}")


if __name__ == "__main__":
    with user_errors():
        tyro.cli(run_demo, prog="python -m examples.imaginator.demo")

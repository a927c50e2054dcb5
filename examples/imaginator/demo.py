"""See ImaGINator learn: train the tiny preset on moving shapes, then look at what it makes.

    make demo
    python -m examples.imaginator.demo --steps 5000 --max-minutes 20 --out runs/longer

Everything lies in the run folder afterwards; the files are named at the end.
"""

import json
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import torch
import tyro

from examples.imaginator.config import preset_settings
from examples.imaginator.data import open_clips
from examples.imaginator.evaluate import format_table
from examples.imaginator.examined import examine
from examples.imaginator.runs import TrainedGenerator, load_generator
from examples.imaginator.train import open_run, train
from stgan.cli import user_errors
from stgan.data import MovingShapes
from stgan.errors import printable
from stgan.io import write_video
from stgan.visual import clip_grid, film_strip_grid, plot_curves, write_picture

__all__ = ["main", "run_demo"]

_PANELS = {
    "L1 distance to the real clip": ["generator/reconstruction"],
    "Generator's adversarial terms": ["generator/video", "generator/image"],
    "Discriminators": ["discriminator/video", "discriminator/image"],
    "Speed": ["speed/clips_per_second"],
}


@dataclass(frozen=True)
class Arguments:
    """Train a small ImaGINator on moving shapes and show what it learned."""

    out: Path | None = None
    """New run folder; none: the first free of runs/demo-1, runs/demo-2, ..."""
    steps: int = 650
    """Iterations: on two CPU cores about two minutes, after which shapes move as asked."""
    max_minutes: float = 2.2
    """Stop training after this time even if the machine is slower than that."""


def write_grids(trained: TrainedGenerator, shapes: MovingShapes, out: Path) -> list[Path]:
    """Draw real and generated clips of four images under every label, as a film and as a still.

    Args:
        trained: The generator.
        shapes: Where images come from, and what each would really look like under every label.
        out: Folder to write to.
    """
    labels = torch.arange(len(trained.classes))
    draws = torch.Generator().manual_seed(0)
    rows, names = [], []
    for index in range(4):
        scene = shapes.scene(index)
        real = [shapes.render(scene, motion) for motion in trained.classes]
        image = real[0][:, 0].expand(len(labels), -1, -1, -1)
        z = torch.randn(1, trained.settings.model.z_dim, generator=draws)
        rows += [real, list(trained.generator(image, z.expand(len(labels), -1), labels))]
        names += ["real", "generated"]
    captions: dict[str, Any] = {"row_labels": names, "column_labels": list(trained.classes)}
    film, still = out / "grid.gif", out / "grid.png"
    write_video(clip_grid(rows, scale=3, **captions), film, fps=10)
    write_picture(film_strip_grid(rows, scale=2, num_frames=5, **captions), still)
    return [film, still]


def run_demo(arguments: Arguments) -> dict[str, dict[str, float]]:
    """Train, evaluate, draw, and tell where everything is; return the scores."""
    out = arguments.out or next(
        path for n in count(1) if not (path := Path(f"runs/demo-{n}")).exists()
    )
    settings = preset_settings("tiny")
    settings = replace(
        settings,
        out=out,
        train=replace(settings.train, steps=arguments.steps, max_minutes=arguments.max_minutes),
    )
    print("training on drawn moving shapes", flush=True)
    checkpoint = train(open_run(settings))

    print("scoring on clips that it has not seen", flush=True)
    trained = load_generator(out)
    clips = open_clips(settings)
    scores = examine(trained, clips, batch_size=32).scores
    (out / "evaluation.json").write_text(
        json.dumps(scores, indent=2, allow_nan=False) + "\n", "utf-8"
    )
    shapes = clips.validation
    assert isinstance(shapes, MovingShapes)
    grids = write_grids(trained, shapes, out)
    curves = out / "curves.png"
    metrics = out / "metrics.jsonl"
    plot_curves(metrics, curves, groups=_PANELS, title="ImaGINator, tiny, on moving shapes")

    print(f"\n{format_table(scores)}\n")
    chance = 1 / len(trained.classes)
    print(f"The asked motion is recognized in {scores['generated']['accuracy']:.0%} of the "
          f"generated clips (chance: {chance:.0%}).\n")  # fmt: skip
    for what, path in (
        ("real and generated clips, moving", grids[0]),
        ("the same as film strips", grids[1]),
        ("loss curves", curves),
        ("every logged number", metrics),
        ("the checkpoint", checkpoint),
    ):
        print(f"{what:<34}{printable(path)}")
    return scores


def main(args: list[str] | None = None) -> None:
    """Run the demo from the command line."""
    with user_errors():
        run_demo(tyro.cli(Arguments, args=args, prog="python -m examples.imaginator.demo"))


if __name__ == "__main__":
    main()

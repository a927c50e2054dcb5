"""Score a trained generator on clips that it has not seen, and write a report of the run.

    python -m examples.imaginator.evaluate runs/imaginator

Every score stands beside that of a control which repeats the first frame: on most videos it is
hard to beat pixel by pixel, and a generator that ignores motion comes close to it.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from examples.imaginator.cli import user_errors
from examples.imaginator.data import open_clips
from examples.imaginator.examined import SCORES, Scores, examine
from examples.imaginator.report import write_report
from examples.imaginator.runs import load_generator
from stgan.io import replacing

__all__ = ["format_table", "main"]


@dataclass(frozen=True)
class Arguments:
    """Score a trained generator on its validation clips, and write a report of the run."""

    run: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Run folder, or one of its checkpoints."""
    samples: int = 4
    """Clips for each image and label, from which diversity is measured."""
    batch_size: int = 8
    """Clips generated at once."""
    seed: int = 0
    """Of the noise."""
    classifier: bool = True
    """Train a motion classifier on the training clips, and ask it what the clips show."""
    report: bool = True
    """Write report.html: scores, settings, curves and clips on one page."""


def format_table(scores: Scores) -> str:
    """Return the scores as a table that is also Markdown, with its columns explained."""
    columns = [name for name in SCORES if any(name in row for row in scores.values())]
    lines = [
        f"| {'clips':<11} | " + " | ".join(f"{name:>9}" for name in columns) + " |",
        "| " + " | ".join(["-" * 11] + ["-" * 8 + ":" for _ in columns]) + " |",
    ]
    for name, row in scores.items():
        cells = [f"{row[c]:9.3f}" if c in row else f"{'':9}" for c in columns]
        lines.append(f"| {name:<11} | " + " | ".join(cells) + " |")
    about = [f"{name}: {SCORES[name].title}, {SCORES[name].about}" for name in columns]
    return "\n".join([*lines, "", *about])


def main(args: list[str] | None = None) -> None:
    """Evaluate from the command line."""
    arguments = tyro.cli(Arguments, args=args, prog="python -m examples.imaginator.evaluate")
    with user_errors():
        trained = load_generator(arguments.run)
        examined = examine(
            trained,
            open_clips(trained.settings),
            samples=arguments.samples,
            batch_size=arguments.batch_size,
            seed=arguments.seed,
            classifier=arguments.classifier,
        )
        record = {
            "checkpoint": trained.checkpoint.name,
            "clips": len(examined.real),
            "frames": trained.settings.model.num_frames,
            "image_size": list(trained.settings.model.image_size),
            "seed": arguments.seed,
            "scores": examined.scores,
        }
        path, report = arguments.run / "evaluation.json", arguments.run / "report.html"
        with replacing(path) as part:
            part.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        print(f"{record['clips']} validation clips, generator of step {trained.step}\n")
        print(format_table(examined.scores))
        print(f"\nwrote {path}")
        if arguments.report:
            write_report(report, arguments.run, examined)
            print(f"wrote {report}; open it in a browser")


if __name__ == "__main__":
    main()

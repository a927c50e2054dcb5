"""Score a trained generator on clips that it has not seen, and write a report of the run.

    python -m examples.imaginator.evaluate runs/imaginator
    python -m examples.imaginator.evaluate runs/mine --root VIDEOS    # where the clips are now

Every score stands beside that of a control which repeats the first frame: on most videos it is
hard to beat pixel by pixel, and a generator that ignores motion comes close to it.
"""

import json
import textwrap
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from examples.imaginator.data import Clips, open_clips
from examples.imaginator.examined import SCORES, Scores, examine
from examples.imaginator.report import write_report
from examples.imaginator.runs import TrainedGenerator, check_run, load_generator
from stgan.cli import interruptible, user_errors, writing
from stgan.errors import CheckpointError, DataError, printable
from stgan.io import replacing
from stgan.training import check_run_folder

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
    root: Path | None = None
    """Folder of the clips, with the classes of the run; none: where they were in training."""
    validation_list: Path | None = None
    """Text file that names the validation clips; none: that of the run."""


def _open(arguments: Arguments) -> tuple[TrainedGenerator, Clips]:
    """Load the generator, and open the clips of its run where they are now."""
    run = arguments.run
    check_run(run)
    trained = load_generator(run)
    data = trained.settings.data
    if data.root is None and (arguments.root or arguments.validation_list):
        raise DataError(
            f"run folder {run} was trained on drawn shapes, which no folder holds; leave out "
            f"--root and --validation-list"
        )
    data = replace(
        data,
        root=arguments.root or data.root,
        validation_list=arguments.validation_list or data.validation_list,
    )
    if data.root is not None and not data.root.is_dir():
        raise DataError(
            f"the clips of the run must be in {data.root}, which is no folder from here; give "
            f"--root where they are now"
        )
    if data.validation_list is not None and not data.validation_list.is_file():
        raise DataError(
            f"the validation clips of the run must be named in {data.validation_list}, which is no "
            f"file from here; give --validation-list where it is now"
        )
    trained = replace(trained, settings=replace(trained.settings, data=data))
    clips = open_clips(trained.settings)
    if clips.classes != trained.classes:
        raise CheckpointError(
            f"run folder {run} was trained on the classes {', '.join(trained.classes)}, but the "
            f"clips have {', '.join(clips.classes)}; give --root the folder that has those of the "
            f"run"
        )
    return trained, clips


def format_table(scores: Scores) -> str:
    """Return the scores as a table that is also Markdown, with its columns explained."""
    columns = [name for name in SCORES if any(name in row for row in scores.values())]
    rows = [["clips", *columns]] + [
        [name, *(f"{row[c]:.{SCORES[c].decimals}f}" if c in row else "" for c in columns)]
        for name, row in scores.items()
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    # No stroke at the end, so that all columns fit into 80 signs.
    lines = [
        "| " + " | ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
        for row in rows
    ]
    lines.insert(
        1, "| " + " | ".join(["-" * widths[0], *("-" * (w - 1) + ":" for w in widths[1:])])
    )
    about = [
        textwrap.fill(f"{c}: {SCORES[c].title}, {SCORES[c].about}", 80, subsequent_indent="  ")
        for c in columns
    ]
    return "\n".join([*lines, "", *about])


def main(args: list[str] | None = None) -> None:
    """Evaluate from the command line."""
    arguments = tyro.cli(Arguments, args=args, prog="python -m examples.imaginator.evaluate")
    with interruptible(), user_errors():
        trained, clips = _open(arguments)
        check_run_folder(arguments.run)  # before minutes of scoring
        examined = examine(
            trained,
            clips,
            samples=arguments.samples,
            batch_size=arguments.batch_size,
            seed=arguments.seed,
            classifier=arguments.classifier,
        )
        settings = trained.settings
        record = {
            "checkpoint": trained.checkpoint.name,
            "clips": examined.clips,
            "frames": settings.model.num_frames,
            "image_size": list(settings.model.image_size),
            "samples": examined.samples,
            "seed": arguments.seed,
            "scores": examined.scores,
        }
        path, report = arguments.run / "evaluation.json", arguments.run / "report.html"
        # Told before they are written: a disk may be full only now.
        print(f"{examined.clips} validation clips, generator of step {trained.step}")
        size = " x ".join(map(str, settings.model.image_size))
        source = printable(settings.data.root or "drawn moving shapes")
        print(f"{settings.model.num_frames} frames of {size} from {source}, samples of each: "
              f"{examined.samples}\n")  # fmt: skip
        print(format_table(examined.scores), flush=True)
        with writing(path), replacing(path) as part:
            part.write_text(json.dumps(record, indent=2, allow_nan=False) + "\n", "utf-8")
        print(f"\nwrote {printable(path)}")
        if arguments.report:
            with writing(report):
                write_report(report, arguments.run, examined)
            print(f"wrote {printable(report)}; open it in a browser")


if __name__ == "__main__":
    main()

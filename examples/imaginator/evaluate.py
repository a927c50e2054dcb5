"""Score a trained generator on clips that it has not seen, and write a report of the run.

python -m examples.imaginator.evaluate runs/imaginator
python -m examples.imaginator.evaluate runs/mine --root VIDEOS    # where the clips are now
"""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from stgan.cli import interruptible, user_errors, writing
from stgan.errors import DataError, printable
from stgan.report import Report, score_generator, score_table
from stgan.training import check_run_folder

from .config import PRESETS, Settings
from .model import load_generator
from .train import open_clips


def evaluate(
    run: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")],
    samples: int = 4,
    batch_size: int = 8,
    seed: int = 0,
    classifier: bool = True,
    report: bool = True,
    root: Path | None = None,
    validation_list: Path | None = None,
) -> None:
    """Score a trained generator on its validation clips, and write a report of the run.

    Args:
        run: Run folder, or one of its checkpoints.
        samples: Clips for each image and label, from which diversity is measured.
        batch_size: Clips generated at once.
        seed: Of the noise.
        classifier: Train a motion classifier on the training clips, and ask it what the clips show.
        report: Write report.html: scores, settings, curves and clips on one page.
        root: Folder of the clips, with the classes of the run; none: where they were in training.
        validation_list: Text file that names the validation clips; none: that of the run.
    """
    generator, settings, trained = load_generator(run)
    moved: Any = {"root": root, "validation_list": validation_list}
    data = replace(settings.data, **{key: path for key, path in moved.items() if path})
    source = printable(data.root or "drawn moving shapes")
    try:
        clips = open_clips(replace(settings, data=data))
        if clips.classes != trained.classes:
            raise DataError(f"it was trained on the classes {', '.join(trained.classes)}, but the "
                            f"clips have {', '.join(clips.classes)}")  # fmt: skip
        if clips.validation is None:
            raise DataError("no clips were kept for validation; train with --data.validation")
    except DataError as error:
        raise DataError(f"clips of {run}: {error}; give --root or --validation-list") from error
    check_run_folder(run)  # before minutes of scoring
    scored = score_generator(
        generator, clips.validation, trained.classes, z_dim=settings.model.z_dim,
        training=clips.training if classifier else None, samples=samples, batch_size=batch_size,
        seed=seed, stride=data.stride, clip_rule=f"first window of each clip, fit by {data.resize}",
    )  # fmt: skip
    print(f"{scored.clips} validation clips from {source}, generator of step {trained.step}\n")
    print(score_table(scored.results), flush=True)  # before they meet a full disk
    with writing(run / "evaluation.json"):
        scored.save(run / "evaluation.json", checkpoint=trained.checkpoint.name)
    print(f"\nwrote {printable(run / 'evaluation.json')}")
    if report:
        facts = {"trained for": f"{trained.step:,} steps of {settings.train.batch_size} clips",
                 "data": source, "classes": ", ".join(trained.classes),
                 "scored on": f"{scored.clips} clips kept for validation"}  # fmt: skip
        usual = replace(PRESETS.get(settings.preset, Settings()), out=settings.out)
        page = Report(
            f"ImaGINator: {run.resolve().name}", facts=facts, results=scored.results,
            figures=scored.figures(generator), log=run / "metrics.jsonl", settings=asdict(settings),
            usual=asdict(usual), usual_name=f"the preset {settings.preset}",
        )  # fmt: skip
        with writing(run / "report.html"):
            page.write(run / "report.html")
        print(f"wrote {printable(run / 'report.html')}; open it in a browser")


def main(args: list[str] | None = None) -> None:
    """Evaluate from the command line."""
    with interruptible(), user_errors():
        tyro.cli(evaluate, args=args, prog="python -m examples.imaginator.evaluate")


if __name__ == "__main__":
    main()

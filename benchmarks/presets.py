"""The recipe's presets against each other: equal steps, equal sizes, several seeds.

    python benchmarks/presets.py --markdown docs/results/presets.md
    python benchmarks/presets.py --presets modern --seeds 0 --steps 50      # a part of it

Runs lie below --out, where a run that is finished is not made again: parts may be run one by one,
by several processes too, and the last call writes the page. All presets get the same small sizes,
the same clips, batch, learning rate and number of steps; all other settings are the preset's own.
"""

import json
import statistics
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import tyro

from benchmarks._measure import finish, how
from examples.imaginator.config import PRESETS, Settings
from examples.imaginator.model import load_generator
from examples.imaginator.train import open_clips, open_run, train
from stgan.report import score_generator

_COLUMNS = {
    "psnr": ("PSNR (dB)", 2),
    "ssim": ("SSIM", 3),
    "l1": ("L1", 3),
    "moving": ("L1 where it moves", 3),
    "energy": ("motion energy", 3),
    "diversity": ("diversity", 4),
    "accuracy": ("accuracy", 3),
}


# What is compared: a preset, and settings of its model that are other than its own.
_VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {name: (name, {}) for name in PRESETS} | {
    # The last stage keeps its width: three channels could not carry the picture.
    "imaginator, mid_channels=out": (
        "imaginator",
        {"mid_channels": "out", "frame_mid_channels": "match"},
    ),
}


@dataclass(frozen=True)
class Arguments:
    """Train presets of the recipe at equal steps, and tell how well they do."""

    presets: tuple[str, ...] = ("released", "imaginator", "imaginator, mid_channels=out", "modern")
    """Which presets."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """One run of each preset for every seed."""
    steps: int = 400
    """Iterations of every run."""
    batch_size: int = 16
    """Clips in an iteration."""
    learning_rate: float = 2e-3
    """Of every preset: ten times the usual, for runs less than a hundredth as long."""
    out: Path = Path("runs/presets")
    """Where the runs lie."""
    threads: int = 1
    """Threads of the CPU."""
    markdown: Path | None = None
    """Write the page of results to this file."""


def settings_of(preset: str, seed: int, arguments: Arguments) -> Settings:
    """The preset at the sizes that all have in common."""
    name, model = _VARIANTS[preset]
    start = PRESETS[name]
    return replace(
        start,
        out=arguments.out / f"{preset.replace(', ', '-').replace('=', '-')}-{seed}",
        model=replace(
            start.model,
            **model,
            num_frames=16,
            image_size=(32, 32),
            z_dim=8,
            appearance_dim=64,
            base_channels=16,
        ),
        discriminator=replace(start.discriminator, channels=8),
        data=replace(start.data, workers=0),
        train=replace(
            start.train,
            steps=arguments.steps,
            batch_size=arguments.batch_size,
            learning_rate=arguments.learning_rate,
            # So that the average spans the same part of a short run.
            ema_decay=0.99 if start.train.ema_decay else 0.0,
            seed=seed,
            save_every=arguments.steps,
            accelerator="cpu",
        ),
    )


def result(preset: str, seed: int, arguments: Arguments) -> dict[str, dict[str, float]]:
    """Scores of one run, made now unless they are there."""
    settings = settings_of(preset, seed, arguments)
    path = settings.out / "result.json"
    if not path.exists():
        print(f"training {preset}, seed {seed}", file=sys.stderr)
        train(open_run(settings))
        generator, _, _ = load_generator(settings.out)
        clips = open_clips(settings)
        assert clips.validation is not None
        z_dim = settings.model.z_dim
        scores = score_generator(
            generator, clips.validation, clips.classes, z_dim=z_dim,
            training=clips.training, batch_size=32,
        ).scores  # fmt: skip
        path.write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")
    return dict(json.loads(path.read_text(encoding="utf-8")))


def table(results: dict[str, list[dict[str, dict[str, float]]]]) -> str:
    """Mean and standard deviation over the seeds of every preset, and the controls."""
    lines = [
        "| clips | " + " | ".join(name for name, _ in _COLUMNS.values()) + " |",
        "| --- |" + " ---: |" * len(_COLUMNS),
    ]
    first = next(iter(results.values()))
    rows = {f"`{name}`": [run["generated"] for run in runs] for name, runs in results.items()}
    rows |= {name: [run[name] for run in first] for name in ("first frame", "real")}
    for name, runs in rows.items():
        cells = []
        for column, (_, digits) in _COLUMNS.items():
            values = [run[column] for run in runs if column in run]
            if not values or max(values) >= 100:  # no noise at all has no ratio
                cells.append("")
                continue
            spread = f" ±\u00a0{statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
            cells.append(f"{statistics.mean(values):.{digits}f}{spread}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def page(results: dict[str, list[dict[str, dict[str, float]]]], arguments: Arguments) -> str:
    """The page of results."""
    made = how("presets.py", "On the CPU, each run in one process", threads=arguments.threads)
    return f"""# Presets against each other

Moving shapes, clips of 16 frames of 32 x 32, six motions; {arguments.steps} iterations of
{arguments.batch_size} clips for every preset, {len(arguments.seeds)} seeds each, mean ± standard
deviation. All have the same small widths (16 in the generator's finest stage, 8 in the
discriminators'), the same clips and the same learning rate; all other settings are those of the
preset. Scores are of 96 shapes that were not trained on. The published run has 55,000 iterations
of 64 clips: this is less than a hundredth of its iterations and about a five-hundredth of its
clips, which are drawn. It tells how fast the presets begin to learn, and nothing of where they end.

{table(results)}

PSNR, SSIM and L1 are of frames 2 to T, L1 in the range [-1, 1]; "where it moves" is where the real
clip differs from its first frame by more than 0.1; accuracy is the share of clips that a small
classifier, trained on real clips alone, takes for the asked motion, by chance {1 / 6:.3f}.

{made}
"""


def main(args: list[str] | None = None) -> None:
    """Train what is missing, print the page, and write it where it was asked for."""
    arguments = tyro.cli(Arguments, args=args)
    for preset in arguments.presets:
        if preset not in _VARIANTS:
            sys.exit(f"error: there is no preset {preset!r}; choose one of {'; '.join(_VARIANTS)}")
    torch.set_num_threads(arguments.threads)
    results = {
        preset: [result(preset, seed, arguments) for seed in arguments.seeds]
        for preset in arguments.presets
    }
    finish(page(results, arguments), arguments.markdown)


if __name__ == "__main__":
    main()

"""Score a trained generator on clips that it has not seen.

    python -m examples.imaginator.evaluate runs/imaginator

Every score stands beside that of a control which repeats the first frame: on most videos it is
hard to beat pixel by pixel, and a generator that ignores motion comes close to it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import torch
import tyro
from einops import rearrange
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from examples.imaginator.cli import user_errors
from examples.imaginator.data import Clips, open_clips
from examples.imaginator.runs import TrainedGenerator, load_generator
from stgan.data import numbered_generator
from stgan.errors import DataError
from stgan.metrics import (
    condition_accuracy,
    diversity,
    first_frame_control,
    fit_motion_classifier,
    frame_scores,
    motion_energy,
    moving_region_error,
)

__all__ = ["evaluate", "format_table", "generate_all", "main"]

Scores = dict[str, dict[str, float]]
# Name in the table, and in words below it.
_COLUMNS = {
    "psnr": "PSNR in dB, frames 2 to T",
    "ssim": "structural similarity, frames 2 to T",
    "l1": "mean absolute error in [-1, 1], frames 2 to T",
    "moving": "the same, where the real clip differs from its first frame by more than 0.1",
    "energy": "mean absolute difference of neighboring frames",
    "diversity": "mean L1 distance between clips of the same image and label, other noise",
    "accuracy": "share of clips that a classifier of real motion takes for the label",
}


@dataclass(frozen=True)
class Arguments:
    """Score a trained generator on its validation clips."""

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


def stack(clips: Dataset[Any], limit: int | None = None) -> dict[str, Tensor]:
    """Stack the items of a data set into one batch.

    Args:
        clips: The data set.
        limit: At most this many, drawn at random, always the same. A regular choice would miss
            classes where labels come in turn.
    """
    count = len(cast(Any, clips))
    chosen = torch.randperm(count, generator=numbered_generator(count))[:limit].sort().values
    return cast(dict[str, Tensor], default_collate([clips[i] for i in chosen.tolist()]))


@torch.no_grad()
def generate_all(
    trained: TrainedGenerator,
    batch: Mapping[str, Tensor],
    *,
    samples: int = 1,
    batch_size: int = 8,
    seed: int = 0,
) -> Tensor:
    """Generate ``samples`` clips for every image and label: ``(N, samples, 3, T, H, W)``.

    Args:
        trained: The generator.
        batch: ``"image"`` and ``"label"``.
        samples: Clips for each.
        batch_size: Clips generated at once.
        seed: Of the noise.
    """
    image = batch["image"].repeat_interleave(samples, dim=0)
    label = batch["label"].repeat_interleave(samples, dim=0)
    z_dim = trained.settings.model.z_dim
    z = torch.randn(len(image), z_dim, generator=numbered_generator(seed))
    clips = [
        trained.generator(*chunk)
        for chunk in zip(*(torch.split(x, batch_size) for x in (image, z, label)), strict=True)
    ]
    return rearrange(torch.cat(clips), "(n s) c t h w -> n s c t h w", s=samples)


def evaluate(
    trained: TrainedGenerator,
    clips: Clips,
    *,
    samples: int = 4,
    batch_size: int = 8,
    seed: int = 0,
    classifier: bool = True,
) -> Scores:
    """Score generated clips, the control that repeats the first frame, and real clips.

    Args:
        trained: The generator.
        clips: With a validation split.
        samples: Clips for each image and label.
        batch_size: Clips generated at once.
        seed: Of the noise.
        classifier: Whether to train one on real clips for the accuracy of the motion.

    Raises:
        DataError: If no clips were kept for validation.
    """
    if clips.validation is None:
        raise DataError(
            "no clips were kept for validation; train with --data.validation or "
            "--data.validation-list"
        )
    batch = stack(clips.validation)
    real, label = batch["video"], batch["label"]
    generated = generate_all(trained, batch, samples=samples, batch_size=batch_size, seed=seed)
    rows = {
        "generated": generated[:, 0],
        "first frame": first_frame_control(real[:, :, 0], real.shape[2]),
        "real": real,
    }
    judge = None
    if classifier:
        training = stack(clips.training, limit=600)
        judge = fit_motion_classifier(
            (training["video"], training["label"]), len(clips.classes), seed=seed
        )
    scores: Scores = {}
    for name, videos in rows.items():
        row = {key: value.mean().item() for key, value in frame_scores(videos, real).items()}
        row["moving"] = moving_region_error(videos, real).nanmean().item()
        row["energy"] = motion_energy(videos).mean().item()
        if name == "generated" and samples > 1:
            row["diversity"] = diversity(generated).mean().item()
        if judge is not None:
            row["accuracy"] = condition_accuracy(judge, videos, label)
        scores[name] = row
    return scores


def format_table(scores: Scores) -> str:
    """Return the scores as a table that is also Markdown, with its columns explained."""
    columns = [name for name in _COLUMNS if any(name in row for row in scores.values())]
    lines = [
        f"| {'clips':<11} | " + " | ".join(f"{name:>9}" for name in columns) + " |",
        "| " + " | ".join(["-" * 11] + ["-" * 8 + ":" for _ in columns]) + " |",
    ]
    for name, row in scores.items():
        cells = [f"{row[c]:9.3f}" if c in row else f"{'':9}" for c in columns]
        lines.append(f"| {name:<11} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *(f"{name}: {_COLUMNS[name]}" for name in columns)])


def main(args: list[str] | None = None) -> None:
    """Evaluate from the command line."""
    arguments = tyro.cli(Arguments, args=args, prog="python -m examples.imaginator.evaluate")
    with user_errors():
        trained = load_generator(arguments.run)
        clips = open_clips(trained.settings)
        scores = evaluate(
            trained,
            clips,
            samples=arguments.samples,
            batch_size=arguments.batch_size,
            seed=arguments.seed,
            classifier=arguments.classifier,
        )
    report = {
        "checkpoint": trained.checkpoint.name,
        "clips": len(cast(Any, clips.validation)),
        "frames": trained.settings.model.num_frames,
        "image_size": list(trained.settings.model.image_size),
        "seed": arguments.seed,
        "scores": scores,
    }
    path = arguments.run / "evaluation.json"
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"{report['clips']} validation clips, generator of step {trained.step}\n")
    print(format_table(scores))
    print(f"\nwrote {path}")


if __name__ == "__main__":
    main()

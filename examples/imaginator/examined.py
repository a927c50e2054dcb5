"""A trained generator on clips that it has not seen: what it made of them, and the scores."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.utils.data import Dataset, default_collate

import stgan
from examples.imaginator.data import Clips
from examples.imaginator.runs import TrainedGenerator
from stgan.data import numbered_generator
from stgan.errors import DataError
from stgan.metrics import (
    MetricResult,
    condition_accuracy,
    diversity,
    first_frame_control,
    fit_motion_classifier,
    frame_scores,
    motion_energy,
    moving_region_error,
)

__all__ = [
    "SCORES",
    "Examined",
    "Score",
    "Scores",
    "examine",
    "generate_all",
    "results_of",
    "stack",
]

Scores = dict[str, dict[str, float]]
# Clips that the judge of motions learns from, at most.
_JUDGE_CLIPS = 600


class Score(NamedTuple):
    """How a score is shown: its title, what it says, its decimals, and where it should lie."""

    title: str
    about: str
    decimals: int
    wanted: str


SCORES: dict[str, Score] = {
    "psnr": Score("PSNR", "in dB, frames 2 to T", 2, "high"),
    "ssim": Score("SSIM", "structural similarity, border reflected, frames 2 to T", 3, "high"),
    "l1": Score("L1", "mean absolute error in [-1, 1], frames 2 to T", 3, "low"),
    "moving": Score(
        "L1 where it moves",
        "the same, where the real clip differs from its first frame by more than 0.1",
        3,
        "low",
    ),
    "energy": Score(
        "motion energy", "mean absolute difference of neighboring frames", 3, "as of real clips"
    ),
    "diversity": Score(
        "diversity",
        "mean L1 distance between clips of the same image and label, other noise",
        4,
        "high, if all are good",
    ),
    "accuracy": Score(
        "accuracy",
        "share of clips that a classifier of real motion takes for the label",
        3,
        "high",
    ),
}


@dataclass(frozen=True)
class Examined:
    """What was generated of clips that were kept aside, and how it scores.

    Attributes:
        trained: The generator.
        real: The clips, ``(N, 3, T, H, W)``.
        image: What they go on from, ``(N, 3, H, W)``.
        label: The actions, ``(N,)``.
        generated: ``(N, samples, 3, T, H, W)``, each of other noise.
        judge: Classifier of motions, if one was trained.
        judge_clips: Real clips that it learned from.
        seed: Of the noise and of the judge.
        scores: Of generated clips, of the first frame repeated, and of real clips.
    """

    trained: TrainedGenerator
    real: Tensor
    image: Tensor
    label: Tensor
    generated: Tensor
    judge: nn.Module | None
    judge_clips: int
    seed: int
    scores: Scores


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


def examine(
    trained: TrainedGenerator,
    clips: Clips,
    *,
    samples: int = 4,
    batch_size: int = 8,
    seed: int = 0,
    classifier: bool = True,
) -> Examined:
    """Generate clips for the validation split and score them.

    Args:
        trained: The generator.
        clips: With a validation split.
        samples: Clips for each image and label.
        batch_size: Clips generated at once.
        seed: Of the noise.
        classifier: Whether to train one on real clips for the accuracy of the motion.

    Raises:
        DataError: If no clips were kept for validation.
        ValueError: If ``samples`` or ``batch_size`` is not positive.
    """
    for name, value in (("samples", samples), ("batch_size", batch_size)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
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
    judge, judge_clips = None, 0
    if classifier:
        training = stack(clips.training, limit=_JUDGE_CLIPS)
        judge_clips = len(training["label"])
        judge = fit_motion_classifier(
            (training["video"], training["label"]), len(clips.classes), seed=seed
        )
    scores: Scores = {}
    for name, videos in rows.items():
        row = {key: value.mean().item() for key, value in frame_scores(videos, real).items()}
        moving = moving_region_error(videos, real)
        if not moving.isnan().all():  # where no real clip moves, there is nothing to say
            row["moving"] = moving.nanmean().item()
        row["energy"] = motion_energy(videos).mean().item()
        if name == "generated" and samples > 1:
            row["diversity"] = diversity(generated).mean().item()
        if judge is not None:
            row["accuracy"] = condition_accuracy(judge, videos, label)
        scores[name] = row
    image = batch["image"]
    return Examined(trained, real, image, label, generated, judge, judge_clips, seed, scores)


def results_of(examined: Examined) -> list[MetricResult]:
    """Return the scores of generated clips, each with its protocol."""
    data, count = examined.trained.settings.data, len(examined.real)
    height, width = examined.real.shape[3:]
    judged = f"a motion classifier trained on {examined.judge_clips} real clips"
    return [
        MetricResult(
            SCORES[name].title,
            value,
            n_real=0 if name in ("energy", "diversity", "accuracy") else count,
            n_fake=count * (examined.generated.shape[1] if name == "diversity" else 1),
            frames=examined.real.shape[2],
            size=(height, width),
            stride=data.stride,
            clip_rule="first window of each validation clip",
            resize="none for the score; clips made to fit by " + data.resize,
            range="[0, 1]" if name in ("psnr", "ssim") else "[-1, 1]",
            extractor=judged if name == "accuracy" else "none",
            sha256=None,
            dtype="float32",
            settings={"about": SCORES[name].about, "seed": examined.seed},
            versions={"stgan": stgan.__version__, "torch": torch.__version__},
        )
        for name, value in examined.scores["generated"].items()
    ]

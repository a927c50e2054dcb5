"""A trained generator on clips that it has not seen: what it made of them, and the scores."""

import math
from collections.abc import Mapping, Sized
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.utils.data import Dataset, Subset, default_collate
from tqdm import tqdm

import stgan
from examples.imaginator.data import Clips
from examples.imaginator.runs import TrainedGenerator
from stgan.data import numbered_generator
from stgan.errors import CheckpointError, DataError
from stgan.metrics import (
    MetricResult,
    diversity,
    first_frame_control,
    fit_motion_classifier,
    frame_scores,
    moving_region_error,
)

__all__ = [
    "SCORES",
    "Examined",
    "Score",
    "Scores",
    "examine",
    "one_of_each",
    "results_of",
    "some_of",
]

Scores = dict[str, dict[str, float]]
# Clips that the judge of motions learns from, at most.
_JUDGE_CLIPS = 600
# Clips that a report shows: enough to judge, few enough to see.
_SHOWN = 4


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
    """What was generated of held-out clips: the scores, and what a report shows of it.

    Attributes:
        trained: The generator.
        clips: Number of clips that were scored.
        shown: A few of them, of as many actions as there are: ``video`` (N, 3, T, H, W), ``image``
            from which they go on, ``label``, and ``generated`` (N, 3, T, H, W).
        energy: How much every clip moves from frame to frame, ``(clips, T - 1)``, of each row of
            the scores.
        confusion: For each row the share of each action, ``(K, K)``, that is taken for each; empty
            without a classifier.
        judge_clips: Real clips that the classifier learned from.
        samples: Clips generated for each image.
        seed: Of the noise and of the classifier.
        scores: Of generated clips, of the first frame repeated, and of real clips. A score that no
            clip has, such as of motion where nothing moves, is left out.
    """

    trained: TrainedGenerator
    clips: int
    shown: dict[str, Tensor]
    energy: dict[str, Tensor]
    confusion: dict[str, Tensor]
    judge_clips: int
    samples: int
    seed: int
    scores: Scores


def some_of(clips: Dataset[Any], limit: int) -> Subset[Any]:
    """At most so many clips, drawn at random, always the same.

    A regular choice would miss classes where labels come in turn.
    """
    count = len(cast(Sized, clips))
    chosen = torch.randperm(count, generator=numbered_generator(count))[:limit].sort().values
    return Subset(clips, chosen.tolist())


class _Watched(Dataset[Any]):
    """Clips with a bar that follows those that are read."""

    def __init__(self, clips: Subset[Any], bar: "tqdm[Any]") -> None:
        self._clips, self._bar = clips, bar

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, index: int) -> Any:
        self._bar.update()
        return self._clips[index]


@torch.no_grad()
def examine(
    trained: TrainedGenerator,
    clips: Clips,
    *,
    samples: int = 4,
    batch_size: int = 8,
    seed: int = 0,
    classifier: bool = True,
) -> Examined:
    """Generate clips for the validation split and score them, batch by batch.

    What is kept of a clip are a few numbers, so that memory does not grow with their number.

    Args:
        trained: The generator.
        clips: With a validation split.
        samples: Clips for each image and label.
        batch_size: Clips generated at once.
        seed: Of the noise.
        classifier: Whether to train one on real clips for the accuracy of the motion.

    Raises:
        CheckpointError: If the generator makes clips that are not finite.
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
    judge, judge_clips = None, 0
    if classifier:
        training = some_of(clips.training, _JUDGE_CLIPS)
        judge_clips = len(training)
        with _bar(judge_clips, "training a motion classifier") as bar, torch.enable_grad():
            judge = fit_motion_classifier(_Watched(training, bar), len(clips.classes), seed=seed)

    count, per_clip = len(cast(Sized, clips.validation)), max(1, batch_size // samples)
    noise = torch.randn(
        count, samples, trained.settings.model.z_dim, generator=numbered_generator(seed)
    )
    rows = {name: _Row() for name in ("generated", "first frame", "real")}
    labels: list[Tensor] = []
    shown: dict[str, Tensor] = {}
    with _bar(count, "scoring") as bar:
        for start in range(0, count, per_clip):
            numbers = range(start, min(start + per_clip, count))
            batch = default_collate([clips.validation[i] for i in numbers])
            made = _generate(trained, batch, noise[start : start + per_clip], batch_size)
            batch["generated"] = made[:, 0]
            real = batch["video"]
            videos = (made[:, 0], first_frame_control(real[:, :, 0], real.shape[2]), real)
            for row, video in zip(rows.values(), videos, strict=True):
                row.add(video, real, judge)
            if samples > 1:
                rows["generated"].values["diversity"].append(diversity(made))
            labels.append(batch["label"])
            kept = {
                key: torch.cat([shown[key], batch[key]] if shown else [batch[key]])
                for key in ("video", "image", "label", "generated")
            }
            places = one_of_each(kept["label"], _SHOWN)
            shown = {key: values[places] for key, values in kept.items()}
            bar.update(len(numbers))
    label = torch.cat(labels)
    confusion = {
        name: row.confusion(label, len(clips.classes)) for name, row in rows.items() if judge
    }
    return Examined(
        trained=trained,
        clips=count,
        shown=shown,
        energy={name: torch.cat(row.values["energy"]) for name, row in rows.items()},
        confusion=confusion,
        judge_clips=judge_clips,
        samples=samples,
        seed=seed,
        scores={name: row.scores(label) for name, row in rows.items()},
    )


class _Row:
    """The numbers of every clip of one kind."""

    def __init__(self) -> None:
        self.values: dict[str, list[Tensor]] = {name: [] for name in SCORES if name != "accuracy"}
        self.guesses: list[Tensor] = []

    def add(self, video: Tensor, real: Tensor, judge: nn.Module | None) -> None:
        for name, values in frame_scores(video, real).items():
            self.values[name].append(values)
        self.values["moving"].append(moving_region_error(video, real))
        self.values["energy"].append(video.diff(dim=2).abs().mean(dim=(1, 3, 4)))
        if judge is not None:
            self.guesses.append(judge(video).argmax(dim=1))

    def scores(self, label: Tensor) -> dict[str, float]:
        means = {
            name: torch.cat(values).nanmean().item()
            for name, values in self.values.items()
            if values
        }
        if self.guesses:
            means["accuracy"] = (torch.cat(self.guesses) == label).double().mean().item()
        return {name: value for name, value in means.items() if not math.isnan(value)}

    def confusion(self, label: Tensor, num_classes: int) -> Tensor:
        places = label * num_classes + torch.cat(self.guesses)
        counts = torch.bincount(places, minlength=num_classes**2).view(num_classes, num_classes)
        # 0 / 0, of an action that no clip shows, is drawn as such.
        return counts / counts.sum(dim=1, keepdim=True)


def _generate(
    trained: TrainedGenerator, batch: Mapping[str, Tensor], noise: Tensor, batch_size: int
) -> Tensor:
    """Clips ``(N, S, 3, T, H, W)`` of noise ``(N, S, D)``."""
    samples = noise.shape[1]
    inputs = (
        batch["image"].repeat_interleave(samples, dim=0),
        noise.flatten(0, 1),
        batch["label"].repeat_interleave(samples, dim=0),
    )
    chunks = zip(*(torch.split(x, batch_size) for x in inputs), strict=True)
    made = torch.cat([trained.generator(*chunk) for chunk in chunks])
    if not made.isfinite().all():
        raise CheckpointError(
            f"the generator of {trained.checkpoint} makes clips that are not finite, which have no "
            f"scores; give an earlier checkpoint of its run"
        )
    return rearrange(made, "(n s) c t h w -> n s c t h w", s=samples)


def _bar(total: int, what: str) -> "tqdm[Any]":
    """A bar where somebody watches, and nothing in a file of output."""
    return tqdm(total=total, desc=what, unit="clip", disable=None)


def one_of_each(label: Tensor, count: int) -> list[int]:
    """Places of clips of as many classes as there are, in order."""
    seen: dict[int, list[int]] = {}
    for place, k in enumerate(label.tolist()):
        seen.setdefault(k, []).append(place)
    rounds = max(map(len, seen.values()))
    order = [places[i] for i in range(rounds) for _, places in sorted(seen.items())
             if i < len(places)]  # fmt: skip
    return order[:count]


def results_of(examined: Examined) -> list[MetricResult]:
    """Return the scores of generated clips, each with its protocol."""
    settings, count = examined.trained.settings, examined.clips
    judged = f"a motion classifier trained on {examined.judge_clips} real clips"
    return [
        MetricResult(
            SCORES[name].title,
            value,
            n_real=0 if name in ("energy", "diversity", "accuracy") else count,
            n_fake=count * (examined.samples if name == "diversity" else 1),
            frames=settings.model.num_frames,
            size=settings.model.image_size,
            stride=settings.data.stride,
            clip_rule="first window of each validation clip",
            resize="none for the score; clips made to fit by " + settings.data.resize,
            range="[0, 1]" if name in ("psnr", "ssim") else "[-1, 1]",
            extractor=judged if name == "accuracy" else "none",
            sha256=None,
            dtype="float32",
            settings={"about": SCORES[name].about, "seed": examined.seed},
            versions={"stgan": stgan.__version__, "torch": torch.__version__},
        )
        for name, value in examined.scores["generated"].items()
    ]

"""A generator on clips that it has not seen: what it made of them, and the scores."""

import json
from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from einops import rearrange
from torch import Tensor
from torch.utils.data import Dataset, Subset, default_collate
from tqdm import tqdm

from stgan._checks import check_positive
from stgan._files import replacing
from stgan._progress import progress_bar
from stgan.data import numbered_generator
from stgan.errors import DataError
from stgan.metrics import (
    ClipProtocol,
    ClipScores,
    MetricResult,
    diversity,
    first_frame_control,
    fit_motion_classifier,
)
from stgan.report.clips import Generate, clip_figures, generator_figures
from stgan.report.figures import Figure

__all__ = ["GeneratorScores", "score_generator"]

# Clips that a classifier of motion learns from, at most.
_TRAINING_CLIPS = 600
# Clips that a report shows: enough to judge, few enough to see.
_SHOWN = 4
_SCORES = ("psnr", "ssim", "l1", "moving", "energy")


@dataclass(frozen=True)
class GeneratorScores:
    """What was generated of held-out clips: the scores, and what a report shows of it.

    Attributes:
        results: Of ``"generated"`` clips, of the ``"first frame"`` repeated, and of ``"real"``
            clips: each score by its name in :data:`stgan.metrics.CLIP_SCORES`. A score that no clip
            has, such as of motion where nothing moves, is left out.
        classes: Names of the labels.
        clips: Number of clips that were scored.
        samples: Clips generated of each.
        z_dim: Length of the noise.
        seed: Of the noise and of the classifier.
        shown: A few of the clips, of as many classes as there are: ``video`` (N, 3, T, H, W),
            ``image`` from which they go on, ``label``, and ``generated`` (N, 3, T, H, W).
        energy: How much every clip moves from frame to frame, ``(clips, T - 1)``, of each row.
        confusion: For each row the share of each class, ``(K, K)``, that is taken for each; empty
            without a classifier.
    """

    results: dict[str, dict[str, MetricResult]]
    classes: tuple[str, ...]
    clips: int
    samples: int
    z_dim: int
    seed: int
    shown: dict[str, Tensor]
    energy: dict[str, Tensor]
    confusion: dict[str, Tensor]

    @property
    def scores(self) -> dict[str, dict[str, float]]:
        """The values of the results."""
        return {
            row: {name: result.value for name, result in found.items()}
            for row, found in self.results.items()
        }

    def as_dict(self) -> dict[str, Any]:
        """Return scores, and results with their protocol, as plain data that JSON can hold."""
        frames, *size = self.shown["video"].shape[2:]
        return {
            "clips": self.clips,
            "frames": frames,
            "image_size": size,
            "samples": self.samples,
            "seed": self.seed,
            "scores": self.scores,
            "results": {
                row: {name: result.as_dict() for name, result in found.items()}
                for row, found in self.results.items()
            },
        }

    def save(self, path: str | Path, **more: Any) -> None:
        """Write :meth:`as_dict` as JSON, whole or not at all.

        Args:
            path: The file; its folder must exist.
            **more: Further entries, such as the name of the checkpoint.
        """
        with replacing(Path(path)) as part:
            text = json.dumps({**more, **self.as_dict()}, indent=2, allow_nan=False)
            part.write_text(text + "\n", encoding="utf-8")

    def figures(self, generate: Generate | None = None) -> list[Figure]:
        """Return films and pictures for a :class:`Report`.

        Args:
            generate: The generator, for films of other labels and other noise; ``None`` for none.
        """
        shown = self.shown
        found = clip_figures(
            {"real": shown["video"], "generated": shown["generated"]},
            image=shown["image"],
            row_labels=[self.classes[k] for k in shown["label"].tolist()],
            energy={name: self.energy[name] for name in ("real", "generated", "first frame")},
            confusion={k: self.confusion[k] for k in ("real", "generated") if k in self.confusion},
            classes=self.classes,
        )
        if generate is not None:
            found += generator_figures(
                generate, shown["image"], shown["label"], self.classes, z_dim=self.z_dim
            )
        return found


@torch.no_grad()
def score_generator(
    generate: Generate,
    clips: Dataset[Any],
    classes: Sequence[str],
    *,
    z_dim: int,
    training: Dataset[Any] | None = None,
    samples: int = 4,
    batch_size: int = 8,
    seed: int = 0,
    stride: int = 1,
    clip_rule: str = "as given",
    progress: bool = True,
) -> GeneratorScores:
    """Generate clips from held-out images and labels and score them, batch by batch.

    Every score stands beside that of a control which repeats the first frame: on most videos it is
    hard to beat pixel by pixel. A few numbers are kept of each clip, so that memory does not grow
    with the number of clips.

    Args:
        generate: ``generate(image, z, label) -> video``, as a generator in eval mode; is given
            tensors of the CPU and may answer from any device.
        clips: Held-out clips: items as of :mod:`stgan.data`.
        classes: Names of the labels, in order.
        z_dim: Length of the noise.
        training: Real clips on which a motion classifier is trained, for the accuracy and the
            confusion of classes: 600 at most, drawn at random; ``None`` for neither.
        samples: Clips generated for each image and label, from which diversity is measured.
        batch_size: Clips generated at once.
        seed: Of the noise and of the classifier.
        stride: Step between the frames of a clip, for the protocol.
        clip_rule: Which frames of a longer clip were taken, for the protocol.
        progress: Show a bar on a terminal.

    Raises:
        DataError: If a generated clip is not finite.
        ShapeError: If generated clips have not the shape of real ones.
        ValueError: If ``samples`` or ``batch_size`` is not positive, or there is no clip.

    Example:
        >>> from stgan.data import MovingShapes
        >>> shapes = MovingShapes(5, num_frames=4, image_size=16, motions=["left_right", "zoom"])
        >>> def still(image, z, label):
        ...     return image.unsqueeze(2).expand(-1, -1, 4, -1, -1)
        >>> found = score_generator(still, shapes, ["left_right", "zoom"], z_dim=8)
        >>> found.scores["generated"]["energy"], found.scores["generated"]["diversity"]
        (0.0, 0.0)
        >>> found.results["real"]["energy"].n_real
        5
    """
    check_positive(samples, "samples")
    check_positive(batch_size, "batch_size")
    count, per_clip = len(cast(Sized, clips)), max(1, batch_size // samples)
    if not count:
        raise ValueError("clips must hold at least one clip to be scored, got none")
    judge = None
    if training is not None:
        some = _some_of(training, _TRAINING_CLIPS)
        what = "training a motion classifier"
        with progress_bar(len(some), what, shown=progress) as bar, torch.enable_grad():
            judge = fit_motion_classifier(_Watched(some, bar), len(classes), seed=seed)

    noise = torch.randn(count, samples, z_dim, generator=numbered_generator(seed))
    scores = ClipScores(_SCORES, classifier=judge)
    shown: dict[str, Tensor] = {}
    with progress_bar(count, "scoring", shown=progress) as bar:
        for start in range(0, count, per_clip):
            numbers = range(start, min(start + per_clip, count))
            batch = default_collate([clips[i] for i in numbers])
            real, label = batch["video"], batch["label"]
            made = _generate(generate, batch, noise[start : start + per_clip], batch_size)
            batch["generated"] = made[:, 0]
            still = first_frame_control(real[:, :, 0], real.shape[2])
            for row, video in (("generated", made[:, 0]), ("first frame", still), ("real", real)):
                scores.update(row, video, real, label)
            if samples > 1:
                scores.add("generated", "diversity", diversity(made), samples=samples)
            kept = {
                key: torch.cat([shown[key], batch[key]] if shown else [batch[key]])
                for key in ("video", "image", "label", "generated")
            }
            places = one_of_each(kept["label"], _SHOWN)
            shown = {key: values[places] for key, values in kept.items()}
            bar.update(len(numbers))
    _, _, frames, height, width = shown["video"].shape
    protocol = ClipProtocol(frames, (height, width), stride, clip_rule)
    return GeneratorScores(
        results=scores.results(protocol),
        classes=tuple(classes),
        clips=count,
        samples=samples,
        z_dim=z_dim,
        seed=seed,
        shown=shown,
        energy=scores.energy,
        confusion=scores.confusion,
    )


def _generate(
    generate: Generate,
    batch: Mapping[str, Tensor],
    noise: Tensor,
    batch_size: int,
) -> Tensor:
    """Clips ``(N, S, 3, T, H, W)`` of noise ``(N, S, D)``."""
    samples = noise.shape[1]
    inputs = (
        batch["image"].repeat_interleave(samples, dim=0),
        noise.flatten(0, 1),
        batch["label"].repeat_interleave(samples, dim=0),
    )
    chunks = zip(*(torch.split(x, batch_size) for x in inputs), strict=True)
    made = torch.cat([generate(*chunk).float().cpu() for chunk in chunks])
    if not made.isfinite().all():
        raise DataError(
            "the generator must make finite clips to be scored, got NaN or infinity; take an "
            "earlier checkpoint"
        )
    return rearrange(made, "(n s) c t h w -> n s c t h w", s=samples)


def _some_of(clips: Dataset[Any], limit: int) -> Subset[Any]:
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


def one_of_each(label: Tensor, count: int) -> list[int]:
    """Places of clips of as many classes as there are, in order."""
    seen: dict[int, list[int]] = {}
    for place, k in enumerate(label.tolist()):
        seen.setdefault(k, []).append(place)
    rounds = max(map(len, seen.values()))
    order = [places[i] for i in range(rounds) for _, places in sorted(seen.items())
             if i < len(places)]  # fmt: skip
    return order[:count]

"""Which score sees which damage: real clips against damaged real clips.

    python benchmarks/damages.py weizmann64 --markdown docs/results/damages.md

Clips are split into two random halves, takes and their mirror images together. One half is the
reference, the other is damaged and compared with it, and so is the same half undamaged. A score
sees a damage if it moves away from the undamaged value in one direction in every split.
"""

import random
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import torch
import tyro
from kornia.filters import gaussian_blur2d
from torch import Tensor

from benchmarks._measure import machine
from stgan.functional import fold_time, unfold_time
from stgan.io import count_frames, read_video
from stgan.metrics import (
    FeatureExtractor,
    I3DFeatures,
    MotionClassifier,
    TimmFrameFeatures,
    average_content_distance,
    first_frame_control,
    fit_motion_classifier,
    frame_scores,
    frechet_distance,
    inception_score,
    is_static,
    kernel_distance,
    motion_energy,
    moving_region_error,
    precision_recall_density_coverage,
)
from stgan.metrics.motion_features import MotionFeatures
from stgan.metrics.weights import module_sha256

# Subjects that the motion network is trained on; no other score sees them.
TRAINING = ("subject0", "subject1", "subject2")
NEIGHBORS = ("precision", "recall", "density", "coverage")

_INTRODUCTION = """# Which score sees which damage

A score that does not change when a clip is spoiled cannot tell a good generator from a bad one.
Here real clips are spoiled on purpose and compared with other real clips: `undamaged` is what a
score says of real against real, and every other column what it says of the same clips after

- `shuffled`: the frames of each clip in random order;
- `frozen`: its first frame, repeated;
- `blurred`: every frame blurred, Gaussian with a standard deviation of 1.5 pixels;
- `reversed`: its frames in reverse order.

Values are means over {splits} random splits of {clips} clips into halves; a take and its mirror
image are in one half. **Bold**: in every one of the splits, the value lies on the same side of the
undamaged one, by more than a hundredth of it. Splits share clips: a rule of thumb, not a test.
"""


@dataclass(frozen=True)
class Arguments:
    """Damage real clips and see which score notices."""

    root: tyro.conf.Positional[Path]
    """Folder of class folders of strips, named subjectS_a and, mirrored, subjectS_b."""
    frames: int = 16
    """Frames of a clip."""
    splits: int = 10
    """Random halves."""
    i3d: Path | None = None
    """Weights of I3D, to measure FVD and KVD, too."""
    sha256: str | None = None
    """SHA-256 of that file."""
    threads: int = 2
    """Threads of the CPU."""
    device: str = "cpu"
    """Where networks run, such as cuda."""
    markdown: Path | None = None
    """Write the page of results to this file."""


@dataclass
class Clips:
    """Windows end to end of all takes."""

    videos: Tensor
    labels: Tensor
    takes: list[str]

    def where(self, keep: Callable[[str], bool]) -> "Clips":
        """Return those of some takes."""
        index = torch.tensor([i for i, take in enumerate(self.takes) if keep(take)])
        takes = [self.takes[i] for i in index.tolist()]
        return Clips(self.videos[index], self.labels[index], takes)


@dataclass
class Row:
    """Values of one score by damage, one for every split."""

    group: str
    name: str
    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, damage: str, value: float) -> None:
        """Take in the value of one split."""
        self.values.setdefault(damage, []).append(value)

    def cell(self, damage: str) -> str:
        """Return the mean over splits, bold if the damage is seen."""
        values = self.values.get(damage)
        if values is None:
            return ""
        mean = sum(values) / len(values)
        text = f"{mean:.0f}" if abs(mean) >= 1000 else f"{mean:.3g}"
        return f"**{text}**" if self.sees(damage) else text

    def sees(self, damage: str) -> bool:
        """Whether the damage moved the value in one direction in all splits."""
        before = self.values.get("undamaged")
        if damage == "undamaged" or before is None:
            return False
        moved = [b - a for a, b in zip(before, self.values[damage], strict=True)]
        scale = 0.01 * abs(sum(before) / len(before))
        return min(moved) > scale or max(moved) < -scale


def load(root: Path, frames: int) -> Clips:
    videos, labels, takes = [], [], []
    for label, folder in enumerate(sorted(p for p in root.iterdir() if p.is_dir())):
        for path in sorted(folder.iterdir()):
            video = read_video(path)
            for start in range(0, count_frames(path) - frames + 1, frames):
                videos.append(video[:, start : start + frames])
                labels.append(label)
                # A take and its mirror image are one.
                takes.append(f"{folder.name}/{path.stem[:-2]}")
    return Clips(torch.stack(videos), torch.tensor(labels), takes)


def damages(videos: Tensor) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    count, frames = len(videos), videos.shape[2]
    order = torch.stack([torch.randperm(frames, generator=generator) for _ in range(count)])
    shuffled = torch.stack([v[:, o] for v, o in zip(videos, order, strict=True)])
    blurred = unfold_time(gaussian_blur2d(fold_time(videos), (9, 9), (1.5, 1.5)), frames)
    return {
        "undamaged": videos,
        "shuffled": shuffled,
        "frozen": first_frame_control(videos, frames),
        "blurred": blurred,
        "reversed": videos.flip(2),
    }


@torch.no_grad()
def run(network: torch.nn.Module, videos: Tensor, device: str) -> Tensor:
    network = network.to(device).eval()
    return torch.cat([network(batch.to(device)).cpu() for batch in torch.split(videos, 16)])


def motion_network(clips: Clips, num_classes: int) -> tuple[MotionClassifier, MotionFeatures]:
    classifier = fit_motion_classifier((clips.videos, clips.labels), num_classes)
    features = MotionFeatures()
    features.body = classifier.features
    features.sha256 = module_sha256(features)
    features.name = "motion network"
    return classifier, features


def measure(arguments: Arguments) -> tuple[list[Row], int, int]:
    clips = load(arguments.root, arguments.frames)
    training = clips.where(lambda take: take.endswith(TRAINING))
    clips = clips.where(lambda take: not take.endswith(TRAINING))
    num_classes = int(training.labels.max()) + 1
    print(f"training on {len(training.takes)} clips", file=sys.stderr)
    classifier, motion = motion_network(training, num_classes)
    torch.manual_seed(0)
    extractors: dict[str, FeatureExtractor] = {
        "motion network": motion,
        "random ResNet-10, frame by frame": TimmFrameFeatures("resnet10t", image_size=64),
    }
    if arguments.i3d is not None:
        i3d = I3DFeatures(arguments.i3d, sha256=arguments.sha256)
        extractors[i3d.name] = i3d
    damaged = damages(clips.videos)
    rows: dict[tuple[str, str], Row] = {}

    def row(group: str, name: str) -> Row:
        return rows.setdefault((group, name), Row(group, name))

    features, single, logits = {}, {}, {}
    for damage, videos in damaged.items():
        print(f"measuring {damage}", file=sys.stderr)
        for name, extractor in extractors.items():
            features[name, damage] = run(extractor, videos, arguments.device)
        logits[damage] = run(classifier, videos, arguments.device)
        single[damage] = {
            "motion energy": motion_energy(videos),
            "share of static clips": is_static(videos).float(),
            "content distance (mean color)": average_content_distance(videos),
            "condition accuracy": (logits[damage].argmax(1) == clips.labels).float(),
            **{
                {"psnr": "PSNR (dB)", "ssim": "SSIM", "l1": "L1"}[key]: values
                for key, values in frame_scores(videos, clips.videos).items()
            },
            "L1 where it moves": moving_region_error(videos, clips.videos),
        }
    for split in range(arguments.splits):
        takes = sorted(set(clips.takes))
        random.Random(split).shuffle(takes)
        chosen = set(takes[: len(takes) // 2])
        first = torch.tensor([take in chosen for take in clips.takes])
        for damage in damaged:
            for name in extractors:
                real, fake = features[name, "undamaged"][first], features[name, damage][~first]
                row(name, "Fréchet distance").add(damage, float(frechet_distance(real, fake)))
                row(name, "kernel distance").add(damage, float(kernel_distance(real, fake)))
                if name == "motion network":
                    scores = precision_recall_density_coverage(real, fake)
                    for key in NEIGHBORS:
                        row(name, key).add(damage, float(scores[key]))
            order = torch.randperm(int((~first).sum()), generator=torch.Generator().manual_seed(0))
            score, _ = inception_score(logits[damage][~first][order], splits=1)
            row("motion network", "Inception score").add(damage, float(score))
            for key, values in single[damage].items():
                group = "the true clip" if key in _PAIRED else "no network"
                group = "motion network" if key == "condition accuracy" else group
                row(group, key).add(damage, float(values[~first].nanmean()))
    return list(rows.values()), len(clips.takes), len(training.takes)


_PAIRED = ("PSNR (dB)", "SSIM", "L1", "L1 where it moves")


def table(rows: list[Row]) -> str:
    kinds = list(rows[0].values)
    lines = [
        f"| compared by | score | {' | '.join(kinds)} |",
        "| --- | --- |" + " ---: |" * len(kinds),
    ]
    groups = list(dict.fromkeys(row.group for row in rows))
    for group in groups:
        for place, row in enumerate(row for row in rows if row.group == group):
            cells = " | ".join(row.cell(kind) for kind in kinds)
            lines.append(f"| {group if place == 0 else ''} | {row.name} | {cells} |")
    return "\n".join(lines)


def page(rows: list[Row], clips: int, training: int, arguments: Arguments, seconds: float) -> str:
    introduction = _INTRODUCTION.format(splits=arguments.splits, clips=clips)
    command = shlex.join(["python", "benchmarks/damages.py", *sys.argv[1:]])
    # The folder of the data is different on every machine.
    command = command.replace(str(arguments.root), arguments.root.name)
    return "\n".join(
        [
            introduction,
            "<!-- table -->\n",
            table(rows),
            "\n<!-- end -->\n",
            "## How\n",
            f"- Command: `{command}`",
            f"- Clips of {arguments.frames} frames of 64 x 64, end to end, Weizmann actions;",
            f"  the motion network was trained on {training} clips of other subjects",
            f"- Machine: {machine(arguments.threads)}; torch {torch.__version__}; {date.today()};",
            f"  {seconds:.0f} s",
            "",
        ]
    )


def main() -> None:
    """Measure, print the page, and write it where it was asked for."""
    arguments = tyro.cli(Arguments)
    torch.set_num_threads(arguments.threads)
    start = time.perf_counter()
    rows, clips, training = measure(arguments)
    text = page(rows, clips, training, arguments, time.perf_counter() - start)
    print(text)
    if arguments.markdown is not None:
        arguments.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

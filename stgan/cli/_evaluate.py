"""``stgan evaluate``: the clips of one folder against those of another."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.data import Dataset

import stgan.metrics as measures
from stgan._checks import check_positive
from stgan.cli._clips import ClipSource, Wanted
from stgan.cli._screen import pairs, paragraph, say, table
from stgan.errors import ConfigError, DataError
from stgan.metrics.modes import evaluating
from stgan.metrics.resampling import around
from stgan.metrics.scoring import plain_result
from stgan.registry import FEATURES, unknown_name

__all__ = ["METRICS", "PAIRED", "Evaluation", "evaluate"]

_MOTION = ("motion_energy", "static")
#: Scores of two sets of clips.
METRICS: tuple[str, ...] = (*measures.FEATURE_METRICS, *_MOTION)
#: Scores of clips with the true clip of the same name.
PAIRED: tuple[str, ...] = ("psnr", "ssim", "l1", "moving_region_error", "first_frame")
# Real clips that train a network, at most.
_TRAINING_CLIPS = 256


@dataclass(frozen=True)
class Evaluation:
    """What is asked for, as the options say it."""

    real: Path
    fake: Path
    wanted: Wanted
    metrics: tuple[str, ...]
    paired: bool
    features: str
    weights: Path | None
    sha256: str | None
    settings: Mapping[str, Any]
    batch: int
    device: torch.device
    neighbors: int
    resamples: int
    seed: int
    json: Path | None


@dataclass
class _Found:
    """What is kept of the clips of one folder: numbers, no pixels."""

    features: list[Tensor] = field(default_factory=list)
    energy: list[Tensor] = field(default_factory=list)
    static: list[Tensor] = field(default_factory=list)


def evaluate(asked: Evaluation) -> int:
    """Score the clips, print a table with the protocol, and write it to a file if asked."""
    check_positive(asked.batch, "--batch")
    for name in asked.metrics:
        if name not in METRICS:
            raise unknown_name("evaluate", name, METRICS, what="score")
    real = ClipSource(asked.real, "--real", asked.wanted)
    fake = ClipSource(asked.fake, "--fake", asked.wanted)
    if real.size != fake.size:
        raise DataError(
            f"--real has clips of {real.size[0]} x {real.size[1]} and --fake of {fake.size[0]} x "
            f"{fake.size[1]}; give --size H W for one common size"
        )
    for source in (real, fake):
        if len(source) < 2:
            raise DataError(
                f"{source.name} {source.root} must hold at least 2 clips to be compared, got "
                f"{len(source)}"
            )
    results: list[measures.MetricResult] = []
    with _progress() as progress:
        results += _compared(asked, real, fake, progress)
        if asked.paired:
            results += _paired(asked, real, fake, progress)
    _show(asked, results)
    if asked.json is not None:
        record = {
            "real": str(asked.real),
            "fake": str(asked.fake),
            "date": datetime.now().astimezone().isoformat(timespec="seconds"),
            "results": [result.as_dict() for result in results],
        }
        asked.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return 0


@contextmanager
def _progress() -> Iterator[Progress]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TimeRemainingColumn())  # fmt: skip
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        yield progress


def _compared(
    asked: Evaluation, real: ClipSource, fake: ClipSource, progress: Progress
) -> list[measures.MetricResult]:
    names = [name for name in asked.metrics if name in measures.FEATURE_METRICS]
    extractor, compared = None, list(range(len(real)))
    if names:
        extractor, compared = _extractor(asked, real, progress)
    found = {}
    for source, indices in ((real, compared), (fake, list(range(len(fake))))):
        kept = found[source.name] = _Found()
        task = progress.add_task(f"{source.name} clips", total=len(indices))
        for start in range(0, len(indices), asked.batch):
            batch = [source[i]["video"] for i in indices[start : start + asked.batch]]
            video = torch.stack(batch)
            kept.energy.append(measures.motion_energy(video))
            kept.static.append(measures.is_static(video).float())
            if extractor is not None:
                with torch.no_grad(), evaluating(extractor):
                    kept.features.append(extractor(video.to(asked.device)).float().cpu())
            progress.advance(task, len(batch))
    protocol = measures.ClipProtocol(
        asked.wanted.frames, real.size, asked.wanted.stride, asked.wanted.rule
    )
    results: list[measures.MetricResult] = []
    if extractor is not None:
        features = [torch.cat(found[source.name].features) for source in (real, fake)]
        # Too few clips for neighbors are no reason to have no distance.
        few = min(map(len, features)) <= asked.neighbors
        results += measures.score_features(
            features[0],
            features[1],
            extractor,
            protocol,
            metrics=[name for name in names if not few or name in ("frechet", "kernel")],
            neighbors=asked.neighbors,
            resamples=asked.resamples,
            seed=asked.seed,
        )
    for name, label in (("motion_energy", "motion energy"), ("static", "static clips")):
        if name not in asked.metrics:
            continue
        kind = "energy" if name == "motion_energy" else "static"
        for who, source in (("generated", fake), ("real", real)):
            values = torch.cat(getattr(found[source.name], kind))
            counts = (0, len(values)) if who == "generated" else (len(values), 0)
            measure = _mean if name == "motion_energy" else _share
            results.append(measure(f"{label}, {who}", values, protocol, counts))
    return results


def _share(
    metric: str, values: Tensor, protocol: measures.ClipProtocol, counts: tuple[int, int]
) -> measures.MetricResult:
    """A share of clips with the interval of Wilson, which is right for none and for all, too."""
    n, share, z = len(values), float(values.double().mean()), 1.959963984540054
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5
    return plain_result(
        metric,
        share,
        None,
        protocol,
        counts=counts,
        # Exact at the ends, where rounding would leave a trace.
        ci95=(middle - half if share > 0 else 0.0, middle + half if share < 1 else 1.0),
        dtype="float32",
    )


def _mean(
    metric: str,
    values: Tensor,
    protocol: measures.ClipProtocol,
    counts: tuple[int, int],
) -> measures.MetricResult:
    values = values.double()
    mean = float(values.mean())
    error = float(values.std()) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return plain_result(
        metric, mean, None, protocol, counts=counts, ci95=around(mean, error), dtype="float32"
    )


class _Training(Dataset[dict[str, Any]]):
    """Some clips of a source with the number of their folder, and a bar that follows them."""

    def __init__(self, source: ClipSource, indices: Sequence[int], progress: Progress) -> None:
        self._source, self._indices, self._progress = source, indices, progress
        self._task = progress.add_task("training a network", total=len(indices))

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, number: int) -> dict[str, Any]:
        index = self._indices[number]
        folder = self._source.names[index].partition("/")[0]
        self._progress.advance(self._task)
        classes = self._source.classes
        label = classes.index(folder) if folder in classes else 0
        return {"video": self._source[index]["video"], "label": label}


def _extractor(
    asked: Evaluation, real: ClipSource, progress: Progress
) -> tuple[measures.FeatureExtractor, list[int]]:
    """Return the network and which real clips it may be used on."""
    everything = list(range(len(real)))
    if asked.features not in FEATURES:
        raise unknown_name("features", asked.features, FEATURES)
    if asked.features == "motion" and asked.weights is None:
        files = list(dict.fromkeys(real.names))
        order = torch.randperm(
            len(files), generator=torch.Generator().manual_seed(asked.seed)
        ).tolist()
        chosen = {files[i] for i in order[: min(len(files) // 2, _TRAINING_CLIPS)]}
        training = [i for i in everything if real.names[i] in chosen][:_TRAINING_CLIPS]
        compared = [i for i in everything if real.names[i] not in chosen]
        if len(training) < 2 or len(compared) < 2:
            raise DataError(
                f"--real {real.root} must hold at least 4 files, so that half of them can train a "
                f"network and half be compared, got {len(files)}; give --features with --weights, "
                f"or --metrics {' '.join(_MOTION)}"
            )
        classes = real.classes
        labeled = len(classes) > 1 and all("/" in name for name in real.names)
        network = measures.fit_motion_features(
            _Training(real, training, progress), len(classes) if labeled else None, seed=asked.seed
        )
        return network.to(asked.device), compared
    given: dict[str, Any] = {**asked.settings}
    if asked.features == "module":
        if asked.weights is None:
            raise ConfigError("--features module needs --weights FILE, a TorchScript network")
        given = {"module": asked.weights, "title": asked.weights.name, **given}
    elif asked.weights is not None:
        given["weights"] = asked.weights
    if asked.sha256 is not None:
        given["sha256"] = asked.sha256
    try:
        extractor: measures.FeatureExtractor = FEATURES.create(asked.features, **given)
    except TypeError as error:
        raise ConfigError(f"features/{asked.features}: {error}") from error
    # The sentence of the network comes before the first clip is read, not after an hour.
    if asked.features != "module":
        extractor.output_shape((1, 3, asked.wanted.frames, *real.size))
    return extractor.to(asked.device), everything


def _paired(
    asked: Evaluation, real: ClipSource, fake: ClipSource, progress: Progress
) -> list[measures.MetricResult]:
    if asked.wanted.window == "random":
        raise ConfigError("--paired compares the same frames; give another --window than random")
    places = {_key(real, i): i for i in range(len(real))}
    missing = [fake.names[i] for i in range(len(fake)) if _key(fake, i) not in places]
    if missing:
        raise DataError(
            f"--paired needs a clip of the same name in --real for each of --fake, got none for "
            f"{missing[0]}" + (f" and {len(missing) - 1} more" if len(missing) > 1 else "")
        )
    scores: dict[str, list[Tensor]] = {name: [] for name in PAIRED}
    task = progress.add_task("pairs", total=len(fake))
    for start in range(0, len(fake), asked.batch):
        indices = range(start, min(start + asked.batch, len(fake)))
        made = torch.stack([fake[i]["video"] for i in indices])
        true = torch.stack([real[places[_key(fake, i)]]["video"] for i in indices])
        for name, values in measures.frame_scores(made, true).items():
            scores[name].append(values)
        scores["moving_region_error"].append(measures.moving_region_error(made, true))
        scores["first_frame"].append(measures.first_frame_fidelity(made, true[:, :, 0]))
        progress.advance(task, len(indices))
    protocol = measures.ClipProtocol(
        asked.wanted.frames, real.size, asked.wanted.stride, asked.wanted.rule
    )
    titles = {
        "psnr": "PSNR after the first frame",
        "ssim": "SSIM after the first frame",
        "l1": "L1 after the first frame",
        "moving_region_error": "L1 where the real clip moves",
        "first_frame": "L1 of the first frame",
    }
    results = []
    for name, parts in scores.items():
        values = torch.cat(parts)
        values = values[~values.isnan()]
        if len(values):
            counts = (len(values), len(values))
            results.append(_mean(titles[name], values, protocol, counts))
    return results


def _key(source: ClipSource, index: int) -> tuple[str, int]:
    """Name without its suffix, which may differ, and the window."""
    name = source.names[index]
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.rpartition('.')[0] or last}", source.starts[index]


def _counts(numbers: Iterable[int]) -> str:
    """Say how many clips took part, where not all scores are of all."""
    different = sorted({n for n in numbers if n}, reverse=True)
    return " or ".join(map(str, different)) + " clips"


def _show(asked: Evaluation, results: Sequence[measures.MetricResult]) -> None:
    rows = []
    for result in results:
        low, high = result.ci95 or (None, None)
        rows.append(
            (
                result.metric.partition(" on ")[0],
                f"{result.value:.4g}",
                "" if low is None or high is None else f"{low:.3g} to {high:.3g}",
                "" if result.at_floor is None else f"{result.at_floor:.4g}",
                "" if result.floor is None else f"{result.floor:.4g}",
            )
        )
    numbers = ("value", "95% interval", "at half", "real halves")
    first = results[0]
    facts = {
        "real": f"{asked.real}: {_counts(r.n_real for r in results)}",
        "fake": f"{asked.fake}: {_counts(r.n_fake for r in results)}",
        "clips": f"{first.frames} frames of {first.size[0]} x {first.size[1]}, stride "
        f"{first.stride}, {first.clip_rule}",
    }
    with_network = [result for result in results if result.extractor != "none"]
    if with_network:
        network = with_network[0]
        facts["features"] = network.extractor
        facts["sees"] = f"resize {network.resize}; range {network.range}"
        facts["sha256"] = str(network.sha256)
    facts["versions"] = ", ".join(f"{k} {v}" for k, v in first.versions.items())
    notes = dict.fromkeys(note for result in results for note in result.notes)
    explained = []
    if any(result.floor is not None for result in results):
        explained.append(
            "at half, real halves: of half as many clips, fake against real and real against real; "
            "only their difference tells something"
        )
    say(
        table(("score", *numbers), rows, right=numbers),
        "",
        pairs(facts),
        *([""] if explained or notes else []),
        *(paragraph(f"note: {note}", hanging=6) for note in [*explained, *notes]),
    )

"""``stgan evaluate``: the clips of one folder against those of another."""

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

import stgan.metrics as measures
from stgan._checks import check_positive
from stgan.cli._clips import ClipSource
from stgan.cli._evaluate_frames import open_fid, open_lpips
from stgan.cli._evaluate_network import open_extractor, share_clips
from stgan.cli._evaluate_pairs import find_pairs, score_pairs
from stgan.cli._evaluation import METRICS, Evaluation, leave_out, mean_of, protocol_of, share_of
from stgan.cli._screen import pairs, paragraph, say, table
from stgan.errors import ConfigError, DataError, printable
from stgan.io import replacing
from stgan.metrics.extractors import extract
from stgan.registry import unknown_name

__all__ = ["evaluate"]


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
    if asked.json is not None and not asked.json.parent.is_dir():
        raise ConfigError(f"--json {asked.json} must be in a folder that exists; create it first")
    partners: list[int] = []
    with _progress() as progress:
        real = ClipSource(asked.real, "real", asked.wanted, progress)
        fake = ClipSource(asked.fake, "fake", asked.wanted, progress)
        if real.size != fake.size:
            raise DataError(
                f"--real has clips of {real.size[0]} x {real.size[1]} and --fake of "
                f"{fake.size[0]} x {fake.size[1]}; give --size H W for one common size"
            )
        for source in (real, fake):
            if len(source) < 2:
                raise DataError(
                    f"{source.name} {source.root} must hold at least 2 clips to be compared, got "
                    f"{len(source)}"
                )
        lpips, fid = open_lpips(asked, real.size), open_fid(asked)
        training, compared = share_clips(asked, real)
        asked, notes = leave_out(asked, len(training), len(compared), len(fake))
        notes = [*real.notes, *fake.notes, *notes]
        if asked.paired:
            partners, left_out = find_pairs(asked, real, fake)
            notes += left_out
        extractor = None
        if asked.of_features:
            extractor = open_extractor(asked, real, training, progress)
        results = _compared(asked, real, compared, fake, extractor, fid, progress)
        if asked.paired:
            results += score_pairs(asked, real, fake, partners, lpips, progress)
    found = {source.side: f"{source.root}: {source.about}" for source in (real, fake)}
    if training:
        found["real"] += f"; {len(training)} train the network, {len(compared)} are compared"
    _show(found, results, notes)
    if asked.json is not None:
        record = {
            "real": str(asked.real),
            "fake": str(asked.fake),
            "found": found,
            "date": datetime.now().astimezone().isoformat(timespec="seconds"),
            "notes": notes,
            "results": [result.as_dict() for result in results],
        }
        with replacing(asked.json) as part:
            part.write_text(json.dumps(record, indent=2, allow_nan=False) + "\n", "utf-8")
        wrote = f"wrote {printable(asked.json)}"
        # A path of any length stays in one piece, on a line of its own where it is long.
        print("\n" + textwrap.fill(wrote, 80, break_long_words=False, break_on_hyphens=False))
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
    asked: Evaluation,
    real: ClipSource,
    compared: Sequence[int],
    fake: ClipSource,
    extractor: measures.FeatureExtractor | None,
    fid: measures.FrameFrechetDistance | None,
    progress: Progress,
) -> list[measures.MetricResult]:
    found = {}
    for source, indices in ((real, compared), (fake, range(len(fake)))):
        kept = found[source.name] = _Found()
        task = progress.add_task(f"{source.name} clips", total=len(indices))
        for start in range(0, len(indices), asked.batch):
            batch = [source[i]["video"] for i in indices[start : start + asked.batch]]
            video = torch.stack(batch)
            kept.energy.append(measures.motion_energy(video))
            kept.static.append(measures.is_static(video).float())
            if extractor is not None:
                rows = _features(extractor, video.to(asked.device), source.name)
                kept.features.append(rows)
            if fid is not None:
                fid.update(video.to(asked.device), real=source is real)
            progress.advance(task, len(batch))
    protocol = protocol_of(asked, real)
    results: list[measures.MetricResult] = []
    if extractor is not None:
        features = [torch.cat(found[source.name].features) for source in (real, fake)]
        results += measures.score_features(
            features[0],
            features[1],
            extractor,
            protocol,
            metrics=asked.of_features,
            neighbors=asked.neighbors,
            resamples=asked.resamples,
            seed=asked.seed,
        )
    if fid is not None:
        results.append(fid.result(protocol))
    for name, label in (("motion_energy", "motion energy"), ("static", "static clips")):
        if name not in asked.metrics:
            continue
        kind = "energy" if name == "motion_energy" else "static"
        for who, source in (("generated", fake), ("real", real)):
            values = torch.cat(getattr(found[source.name], kind))
            counts = (0, len(values)) if who == "generated" else (len(values), 0)
            measure = mean_of if name == "motion_energy" else share_of
            results.append(measure(f"{label}, {who}", values, protocol, counts))
    return results


def _features(extractor: measures.FeatureExtractor, video: Tensor, side: str) -> Tensor:
    try:
        return extract(extractor, video).float().cpu()
    except (TypeError, ValueError) as error:
        raise DataError(f"{side}: {error}") from error
    except (RuntimeError, torch.jit.Error) as error:
        # A network from a file says in its own words what it does not take, at the end.
        reason = textwrap.shorten(str(error).strip().splitlines()[-1], 200)
        raise DataError(
            f"{extractor.name} cannot take clips of {tuple(video.shape)}: {reason}; change "
            f"--frames, --size or --batch, or give another network"
        ) from error


def _show(
    found: Mapping[str, str], results: Sequence[measures.MetricResult], notes: Sequence[str]
) -> None:
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
        **found,
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
    explained = []
    if any(result.floor is not None for result in results):
        explained.append(
            "at half, real halves: of half as many clips, fake against real and real against real; "
            "only their difference tells something"
        )
    explained += dict.fromkeys([*notes, *(note for result in results for note in result.notes)])
    say(
        table(("score", *numbers), rows, right=numbers),
        "",
        pairs(facts),
        *([""] if explained else []),
        *(paragraph(f"note: {note}", hanging=6) for note in explained),
    )

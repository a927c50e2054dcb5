"""``stgan evaluate``: the clips of one folder against those of another."""

import json
import textwrap
from collections.abc import Mapping, Sequence
from datetime import datetime

import torch
from torch import Tensor

import stgan.metrics as measures
from stgan._checks import check_positive
from stgan._progress import progress_bar
from stgan.cli._clips import ClipSource, clip_name
from stgan.cli._evaluate_networks import open_extractor, open_fid, open_lpips, share_clips
from stgan.cli._evaluation import METRICS, Evaluation, find_pairs, leave_out, protocol_of
from stgan.cli._screen import pairs, paragraph, say, table
from stgan.errors import ConfigError, DataError, printable
from stgan.io import replacing
from stgan.metrics.extractors import extract
from stgan.registry import unknown_name
from stgan.report import Report, clip_figures

__all__ = ["evaluate"]

_OF_PAIRS = ("psnr", "ssim", "l1", "moving", "first_frame")
# Five scales of a window of 11.
_LEAST_MS_SSIM = 176
# Clips of each side on a page.
_SHOWN = 4


def evaluate(asked: Evaluation) -> int:
    """Score the clips, print a table with the protocol, and write it to files if asked."""
    _check(asked)
    real = ClipSource(asked.real, "real", asked.wanted)
    fake = ClipSource(asked.fake, "fake", asked.wanted)
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
    partners: list[int] = []
    if asked.paired:
        partners, left_out = find_pairs(asked, real, fake)
        notes += left_out
    extractor = open_extractor(asked, real, training) if asked.of_features else None
    scores = _scores_of(asked, real.size, lpips)
    of_real = _collect(asked, real, compared, None, scores, extractor, fid)
    partnered = (real, partners) if asked.paired else None
    of_fake = _collect(asked, fake, range(len(fake)), partnered, scores, extractor, fid)
    protocol = protocol_of(asked, real)
    rows = scores.results(protocol)
    results = []
    if extractor is not None:
        results = measures.score_features(
            of_real, of_fake, extractor, protocol, metrics=asked.of_features,
            neighbors=asked.neighbors, resamples=asked.resamples, seed=asked.seed,
        )  # fmt: skip
    named = dict(zip(asked.of_features, results, strict=True))
    if fid is not None:
        named["fid"] = fid.result(protocol)
    rows = {"generated": {**named, **rows.get("generated", {})}, "real": rows.get("real", {})}
    found = {source.side: f"{source.root}: {source.about}" for source in (real, fake)}
    if training:
        found["real"] += f"; {len(training)} train the network, {len(compared)} are compared"
    # By score, and generated clips first.
    results = [rows[row][name] for name in [*named, *scores.names] for row in rows
               if name in rows[row]]  # fmt: skip
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
    if asked.report is not None:
        _page(asked, real, fake, partners, found, notes, rows, scores).write(asked.report)
    for path in filter(None, (asked.json, asked.report)):
        # A path of any length stays in one piece, on a line of its own where it is long.
        wrote = f"wrote {printable(path)}"
        print("\n" + textwrap.fill(wrote, 80, break_long_words=False, break_on_hyphens=False))
    return 0


def _check(asked: Evaluation) -> None:
    """Refuse what is wrong before the first clip is read."""
    check_positive(asked.batch, "--batch")
    for name in asked.metrics:
        if name not in METRICS:
            raise unknown_name("evaluate", name, METRICS, what="score")
    for option, path in (("--json", asked.json), ("--report", asked.report)):
        if path is not None and not path.parent.is_dir():
            raise ConfigError(f"{option} {path} must be in a folder that exists; create it first")
    if asked.report is not None:
        try:
            import jinja2  # noqa: F401
            import matplotlib  # noqa: F401
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"--report needs {error.name}; pip install 'stgan[recipes]'"
            ) from error


def _scores_of(
    asked: Evaluation, size: tuple[int, int], lpips: measures.LpipsNetwork | None
) -> measures.ClipScores:
    of_all = {"motion_energy": "energy", "static": "static"}
    names = [name for metric, name in of_all.items() if metric in asked.metrics]
    if asked.paired:
        names += _OF_PAIRS
        names += ["ms_ssim"] if min(size) >= _LEAST_MS_SSIM else []
        names += ["lpips"] if lpips is not None else []
    return measures.ClipScores(names, lpips_network=lpips)


def _collect(
    asked: Evaluation,
    source: ClipSource,
    indices: Sequence[int],
    partners: tuple[ClipSource, Sequence[int]] | None,
    scores: measures.ClipScores,
    extractor: measures.FeatureExtractor | None,
    fid: measures.FrameFrechetDistance | None,
) -> Tensor:
    """Score the clips of one folder, and return their features."""
    features = []
    with progress_bar(len(indices), f"{source.name} clips") as bar:
        for start in range(0, len(indices), asked.batch):
            numbers = indices[start : start + asked.batch]
            video = _stack(source, numbers).to(asked.device)
            true = None
            if partners is not None:
                true = _stack(partners[0], [partners[1][i] for i in numbers]).to(asked.device)
            scores.update("generated" if source.side == "fake" else "real", video, true)
            if extractor is not None:
                features.append(_features(extractor, video, source.name))
            if fid is not None:
                fid.update(video, real=source.side == "real")
            bar.update(len(numbers))
    return torch.cat(features) if features else torch.empty(0)


def _stack(source: ClipSource, numbers: Sequence[int]) -> Tensor:
    return torch.stack([source[i]["video"] for i in numbers])


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


def _page(
    asked: Evaluation,
    real: ClipSource,
    fake: ClipSource,
    partners: Sequence[int],
    found: Mapping[str, str],
    notes: Sequence[str],
    rows: Mapping[str, Mapping[str, measures.MetricResult]],
    scores: measures.ClipScores,
) -> Report:
    """The page of the scores, with a few clips of each side."""
    count = min(_SHOWN, len(real), len(fake))
    shown = partners[:count] if partners else range(count)
    return Report(
        f"{asked.fake.resolve().name} against {asked.real.resolve().name}",
        facts={**found, **{f"note {k}": note for k, note in enumerate(notes, 1)}},
        results=rows,
        figures=clip_figures(
            {"real": _stack(real, shown), "generated": _stack(fake, range(count))},
            row_labels=[clip_name(fake.names[i]) for i in range(count)] if partners else None,
            paired=bool(partners),
            energy=scores.energy or None,
        ),
    )


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

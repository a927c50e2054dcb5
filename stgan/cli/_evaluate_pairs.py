"""Scores of clips with the true clip of the same name."""

from collections.abc import Sequence

import torch
from rich.progress import Progress
from torch import Tensor

import stgan.metrics as measures
from stgan.cli._clips import ClipSource, clip_name
from stgan.cli._evaluation import Evaluation, mean_of, protocol_of
from stgan.errors import ConfigError, DataError
from stgan.metrics.frames import SSIM_WINDOWS

__all__ = ["find_pairs", "score_pairs"]

_TITLES = {
    "psnr": "PSNR after the first frame",
    "ssim": "SSIM after the first frame",
    "l1": "L1 after the first frame",
    "moving_region_error": "L1 where the real clip moves",
    "first_frame": "L1 of the first frame",
    "ms_ssim": "MS-SSIM after the first frame",
    "lpips": "LPIPS after the first frame",
}
# Five scales of a window of 11.
_LEAST_MS_SSIM = 176


def find_pairs(
    asked: Evaluation, real: ClipSource, fake: ClipSource
) -> tuple[list[int], list[str]]:
    """Return the number of the real clip for each of ``--fake``, and a note on the others.

    Clips belong together whose paths below their folders are the same but for the ending, window by
    window.

    Raises:
        ConfigError: If each side draws its own windows.
        DataError: If a clip of ``--fake`` has no partner.
    """
    if asked.wanted.window == "random":
        raise ConfigError("--paired compares the same frames; give another --window than random")
    places = {_key(real, i): i for i in range(len(real))}
    missing = [i for i in range(len(fake)) if _key(fake, i) not in places]
    if missing:
        name = fake.names[missing[0]]
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        window = f" from frame {fake.starts[missing[0]]}" if asked.wanted.window == "all" else ""
        raise DataError(
            f"--paired needs a clip of the same name in --real for each of --fake, got none for "
            f"{name}{window}{more}; names in --real are such as {real.names[0]}"
        )
    partners = [places[_key(fake, i)] for i in range(len(fake))]
    alone = sorted({*range(len(real))} - {*partners})
    notes = [
        f"--paired leaves out {len(alone)} of the {len(real)} clips of --real, such as "
        f"{real.names[i]}, whose name no clip of --fake has"
        for i in alone[:1]
    ]
    return partners, notes


def score_pairs(
    asked: Evaluation,
    real: ClipSource,
    fake: ClipSource,
    partners: Sequence[int],
    lpips: measures.LpipsNetwork | None,
    progress: Progress,
) -> list[measures.MetricResult]:
    """Compare every clip of ``--fake`` with the real clip whose number is in ``partners``."""
    scores: dict[str, list[Tensor]] = {name: [] for name in _TITLES}
    task = progress.add_task("pairs", total=len(fake))
    for start in range(0, len(fake), asked.batch):
        indices = range(start, min(start + asked.batch, len(fake)))
        made = torch.stack([fake[i]["video"] for i in indices])
        true = torch.stack([real[partners[i]]["video"] for i in indices])
        for name, values in measures.frame_scores(made, true).items():
            scores[name].append(values)
        scores["moving_region_error"].append(measures.moving_region_error(made, true))
        scores["first_frame"].append(measures.first_frame_fidelity(made, true[:, :, 0]))
        if min(real.size) >= _LEAST_MS_SSIM:
            scores["ms_ssim"].append(measures.multiscale_ssim(made, true))
        if lpips is not None:
            pair = made.to(asked.device), true.to(asked.device)
            scores["lpips"].append(measures.lpips(*pair, lpips).cpu())
        progress.advance(task, len(indices))
    # Where the real clip stands still, there is no place to compare.
    scores["moving_region_error"] = [v[~v.isnan()] for v in scores["moving_region_error"]]
    protocol = protocol_of(asked, real)
    results = []
    for name, parts in scores.items():
        values = torch.cat(parts) if parts else torch.empty(0)
        if len(values):
            counts = (len(values), len(values))
            network = lpips if name == "lpips" else None
            settings = {"windows": SSIM_WINDOWS["all"]} if name == "ssim" else None
            results.append(mean_of(_TITLES[name], values, protocol, counts, network, settings))
    return results


def _key(source: ClipSource, index: int) -> tuple[str, int]:
    return clip_name(source.names[index]), source.starts[index]

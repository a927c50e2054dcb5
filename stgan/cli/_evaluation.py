"""What ``stgan evaluate`` is asked for, and how scores become results."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

import stgan.metrics as measures
from stgan.cli._clips import ClipSource, Wanted
from stgan.metrics.resampling import around
from stgan.metrics.scoring import plain_result

__all__ = ["METRICS", "MOTION", "Evaluation", "mean_of", "protocol_of", "share_of"]

#: Scores of clips without any network.
MOTION: tuple[str, ...] = ("motion_energy", "static")
#: Scores of two sets of clips.
METRICS: tuple[str, ...] = (*measures.FEATURE_METRICS, *MOTION)


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
    lpips: Path | None
    lpips_net: Literal["alex", "vgg", "squeeze"]
    fid: Path | None
    json: Path | None


def protocol_of(asked: Evaluation, source: ClipSource) -> measures.ClipProtocol:
    """Say how the clips of a folder were taken."""
    wanted = asked.wanted
    return measures.ClipProtocol(wanted.frames, source.size, wanted.stride, wanted.rule)


def share_of(
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


def mean_of(
    metric: str,
    values: Tensor,
    protocol: measures.ClipProtocol,
    counts: tuple[int, int],
    network: nn.Module | None = None,
) -> measures.MetricResult:
    """A mean over clips with the interval of its error."""
    values = values.double()
    mean = float(values.mean())
    error = float(values.std()) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return plain_result(
        metric, mean, network, protocol, counts=counts, ci95=around(mean, error), dtype="float32"
    )

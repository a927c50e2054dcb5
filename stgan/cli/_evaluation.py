"""What ``stgan evaluate`` is asked for, and how scores become results."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

import stgan.metrics as measures
from stgan.cli._clips import ClipSource, Wanted
from stgan.errors import DataError
from stgan.metrics.resampling import around
from stgan.metrics.scoring import plain_result

__all__ = ["METRICS", "MOTION", "Evaluation", "leave_out", "mean_of", "protocol_of", "share_of"]

#: Scores of clips without any network.
MOTION: tuple[str, ...] = ("motion_energy", "static")
#: Scores of two sets of clips.
METRICS: tuple[str, ...] = (*measures.FEATURE_METRICS, *MOTION)
_OF_NEIGHBORS = ("precision", "recall", "density", "coverage")


@dataclass(frozen=True)
class Evaluation:
    """What is asked for, as the options say it.

    ``chosen`` tells whether the user named ``metrics``: of those named, none is left out.
    """

    real: Path
    fake: Path
    wanted: Wanted
    metrics: tuple[str, ...]
    chosen: bool
    paired: bool
    features: str
    weights: Path | None
    sha256: str | None
    trust: bool
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

    @property
    def of_features(self) -> list[str]:
        """The metrics that need features of a network."""
        return [name for name in self.metrics if name in measures.FEATURE_METRICS]


def leave_out(
    asked: Evaluation, training: int, real: int, fake: int
) -> tuple[Evaluation, list[str]]:
    """Leave out the scores of neighbors if there are too few clips, and return a note on it.

    Args:
        asked: What is asked for.
        training: Real clips that train a network.
        real: Real clips that are compared.
        fake: Generated clips.

    Raises:
        DataError: If there are too few clips for a score that the user named.
    """
    names = list(dict.fromkeys(name for name in asked.metrics if name in _OF_NEIGHBORS))
    if not names or min(real, fake) > asked.neighbors:
        return asked, []
    why = (
        f"{', '.join(names)} {'needs' if len(names) == 1 else 'need'} more than {asked.neighbors} "
        f"clips of each kind, got {real} real{' that train no network' if training else ''} and "
        f"{fake} generated"
    )
    if asked.chosen:
        raise DataError(f"{why}; lower --neighbors, or give more clips")
    others = tuple(name for name in asked.metrics if name not in names)
    return replace(asked, metrics=others), [f"left out: {why}"]


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
    settings: Mapping[str, Any] | None = None,
) -> measures.MetricResult:
    """A mean over clips with the interval of its error."""
    values = values.double()
    mean = float(values.mean())
    error = float(values.std()) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return plain_result(
        metric,
        mean,
        network,
        protocol,
        counts=counts,
        settings=settings,
        ci95=around(mean, error),
        dtype="float32",
    )

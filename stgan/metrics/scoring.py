"""From two sets of features to results with intervals, floors, notes and protocol."""

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from stgan._version import __version__
from stgan.metrics.distances import check_features, frechet_distance, kernel_distance
from stgan.metrics.manifolds import precision_recall_density_coverage
from stgan.metrics.resampling import around, half_samples, split_half_floor, subsamples
from stgan.metrics.result import MetricResult
from stgan.registry import unknown_name

__all__ = [
    "FEATURE_METRICS",
    "ClipProtocol",
    "describe_extractor",
    "frechet_settings",
    "name_of",
    "plain_result",
    "score_features",
    "small_sample",
]


@dataclass(frozen=True)
class ClipProtocol:
    """How clips were taken from what is longer.

    Attributes:
        frames: Frames of a clip.
        size: Their height and width.
        stride: Step between frames, in stored frames.
        clip_rule: Which frames of a longer clip were taken.
    """

    frames: int
    size: tuple[int, int]
    stride: int = 1
    clip_rule: str = "as given"


Statistic = Callable[[Tensor, Tensor], Tensor]


_DISTANCES = ("frechet", "kernel")
_NEIGHBORS = ("precision", "recall", "density", "coverage")
_SHARES = ("precision", "recall", "coverage")
#: Names of the scores that :func:`score_features` knows.
FEATURE_METRICS: tuple[str, ...] = (*_DISTANCES, *_NEIGHBORS)
# Only for the network that Unterthiner et al. fixed have these names a meaning.
_NAMES_OF_FVD = {"frechet": "FVD", "kernel": "KVD"}
_PLAIN_NAMES = {"frechet": "Frechet distance", "kernel": "kernel distance"}


def score_features(
    real: Tensor,
    fake: Tensor,
    extractor: nn.Module,
    protocol: ClipProtocol,
    *,
    metrics: Sequence[str] = FEATURE_METRICS,
    neighbors: int = 5,
    correction: int = 1,
    resamples: int = 100,
    splits: int = 10,
    seed: int = 0,
) -> list[MetricResult]:
    """Score features of generated clips against those of real ones, with the protocol.

    Called ``FVD`` and ``KVD`` are only distances of the features that these names stand for; see
    :class:`stgan.metrics.I3DFeatures`. Any other is called after its features.

    Args:
        real: Features of real clips.
        fake: Features of generated clips.
        extractor: What made them, for the protocol; see
            :class:`stgan.metrics.FeatureExtractor`.
        protocol: How the clips were taken.
        metrics: Names of :data:`FEATURE_METRICS`.
        neighbors: Neighbors that balls reach to; see
            :func:`stgan.metrics.precision_recall_density_coverage`.
        correction: 1, or 0 to divide the covariances of the Fréchet distance by n; see
            :func:`stgan.metrics.frechet_distance`.
        resamples: Halves for the interval; 0 for none.
        splits: Splits of the real clips for the floor; 0 for none.
        seed: Of halves and splits.

    Shape:
        - Input: ``(N, D)`` and ``(M, D)``

    Raises:
        ShapeError: If there are too few clips for a score.
        UnknownNameError: If a metric is not known.
        ValueError: If features are not finite.

    Example:
        >>> from stgan.metrics import ClipProtocol, ModuleFeatures
        >>> features = ModuleFeatures(nn.Flatten(), "all pixels")
        >>> clips = torch.rand(2, 20, 3, 2, 4, 4)
        >>> (result,) = score_features(
        ...     features(clips[0]), features(clips[1]), features, ClipProtocol(2, (4, 4)),
        ...     metrics=["frechet"],
        ... )
        >>> result.metric
        'Frechet distance on all pixels'
        >>> result.notes
        ('20 clips are fewer than the 96 numbers of a feature; a covariance of them has no full
        rank, and the distance is far too large',)
    """
    device = real.device
    real, fake = check_features(real.cpu(), fake.cpu(), 2)
    made = []
    for name in metrics:
        if name not in FEATURE_METRICS:
            raise unknown_name("features", name, FEATURE_METRICS, what="score")
        statistic, settings = _measure(name, neighbors, correction)
        value = float(statistic(real, fake))
        notes = list(_notes(name, real, fake))
        # Halves of neighbors must still have as many neighbors.
        least = 4 if name in _DISTANCES else 2 * neighbors + 2
        ci95 = floor = at_floor = None
        half = len(real) // 2
        if min(len(real), len(fake)) < least:
            notes.append(f"an interval and a floor need at least {least} clips of each kind")
        else:
            if resamples:
                values = half_samples(statistic, real, fake, resamples=resamples, seed=seed)
                low, high = around(value, float(values.std(correction=0)))
                ci95 = (max(low, 0.0), min(high, 1.0)) if name in _SHARES else (low, high)
            if splits:
                floor = split_half_floor(statistic, real, splits=splits, seed=seed)
            if splits and len(fake) >= half:
                counts = (half, half)
                at_floor = float(
                    subsamples(statistic, real, fake, counts, draws=splits, seed=seed).mean()
                )
        result = plain_result(
            name_of(name, extractor),
            value,
            extractor,
            protocol,
            counts=(len(real), len(fake)),
            settings=settings,
            notes=tuple(notes),
            device=device,
        )
        made.append(replace(result, ci95=ci95, floor=floor, at_floor=at_floor))
    return made


def _measure(name: str, neighbors: int, correction: int) -> tuple[Statistic, dict[str, Any]]:
    """Return what computes a score, and the settings that it depends on."""
    if name == "frechet":
        return partial(frechet_distance, correction=correction), frechet_settings(correction)
    if name == "kernel":
        return kernel_distance, {}

    def of_neighbors(real: Tensor, fake: Tensor) -> Tensor:
        return precision_recall_density_coverage(real, fake, neighbors=neighbors)[name]

    return of_neighbors, {"neighbors": neighbors}


def frechet_settings(correction: int) -> dict[str, Any]:
    """Settings of a Fréchet distance in the protocol; none for the usual one."""
    return {} if correction else {"covariances": "divided by n"}


def name_of(metric: str, extractor: nn.Module) -> str:
    """Name a score after its features, or FVD and KVD if it is."""
    if getattr(extractor, "is_fvd", False) and metric in _NAMES_OF_FVD:
        return _NAMES_OF_FVD[metric]
    features = describe_extractor(extractor)["extractor"]
    return f"{_PLAIN_NAMES.get(metric, metric)} on {features}"


def _notes(metric: str, real: Tensor, fake: Tensor) -> list[str]:
    notes = []
    fewest, length = min(len(real), len(fake)), real.shape[1]
    if metric == "frechet" and fewest < length:
        notes.append(small_sample(fewest, length))
    if len(real) != len(fake) and metric != "kernel":
        notes.append(
            f"{len(real)} real and {len(fake)} fake clips: the value depends on both numbers"
        )
    return notes


def small_sample(count: int, length: int, what: str = "clips") -> str:
    """The sentence about fewer clips than dimensions."""
    return (
        f"{count} {what} are fewer than the {length} numbers of a feature; a covariance of them "
        f"has no full rank, and the distance is far too large"
    )


def plain_result(
    metric: str,
    value: float,
    extractor: nn.Module | None,
    protocol: ClipProtocol,
    *,
    counts: tuple[int, int],
    settings: Mapping[str, Any] | None = None,
    notes: tuple[str, ...] = (),
    ci95: tuple[float, float] | None = None,
    dtype: str = "float64",
    device: torch.device | str = "cpu",
) -> MetricResult:
    """Return a value with its protocol; ``counts`` are of real and of generated clips."""
    return MetricResult(
        metric,
        value,
        n_real=counts[0],
        n_fake=counts[1],
        dtype=dtype,
        ci95=ci95,
        settings=dict(settings or {}),
        notes=notes,
        versions=_versions(device),
        **_clips(protocol),
        **describe_extractor(extractor),
    )


def _clips(protocol: ClipProtocol) -> dict[str, Any]:
    return {
        "frames": protocol.frames,
        "size": protocol.size,
        "stride": protocol.stride,
        "clip_rule": protocol.clip_rule,
    }


def describe_extractor(extractor: nn.Module | None) -> dict[str, Any]:
    """What a result says of the network, also of one that says nothing of itself."""
    if extractor is None:
        return {"extractor": "none", "sha256": None, "resize": "none", "range": "[-1, 1]"}
    return {
        "extractor": getattr(extractor, "name", type(extractor).__name__),
        "sha256": getattr(extractor, "sha256", None),
        "resize": getattr(extractor, "resize", "none"),
        "range": getattr(extractor, "range", "[-1, 1]"),
    }


def _versions(device: torch.device | str) -> dict[str, str]:
    """Versions of what computes a score, and where the features were."""
    return {
        "stgan": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": torch.device(device).type,
    }

"""Scores of generated clips; everything takes videos in [-1, 1] and converts by itself."""

import importlib
from typing import TYPE_CHECKING, Any

from stgan.metrics.distances import (
    frechet_distance,
    frechet_distance_of_moments,
    kernel_distance,
)
from stgan.metrics.diversity import diversity
from stgan.metrics.extractors import FeatureExtractor, I3DFeatures, ModuleFeatures
from stgan.metrics.extractors_timm import TimmFrameFeatures
from stgan.metrics.extractors_torchvision import TorchvisionFeatures
from stgan.metrics.frames import MAX_PSNR, frame_scores
from stgan.metrics.i3d import I3D
from stgan.metrics.inception import inception_score
from stgan.metrics.manifolds import precision_recall_density_coverage
from stgan.metrics.motion import (
    first_frame_control,
    motion_energy,
    moving_region,
    moving_region_error,
)
from stgan.metrics.motion_classifier import (
    MotionClassifier,
    condition_accuracy,
    fit_motion_classifier,
)
from stgan.metrics.motion_features import MotionFeatures, fit_motion_features
from stgan.metrics.resampling import bootstrap_interval, split_half_floor
from stgan.metrics.result import MetricResult, SmallSampleWarning
from stgan.metrics.scoring import FEATURE_METRICS, ClipProtocol, score_features

if TYPE_CHECKING:
    from stgan.metrics.frechet_metric import FrechetVideoDistance
    from stgan.metrics.video_metrics import (
        KernelVideoDistance,
        PrecisionRecallDensityCoverage,
        VideoInceptionScore,
    )

__all__ = [
    "FEATURE_METRICS",
    "I3D",
    "MAX_PSNR",
    "ClipProtocol",
    "FeatureExtractor",
    "FrechetVideoDistance",
    "I3DFeatures",
    "KernelVideoDistance",
    "MetricResult",
    "ModuleFeatures",
    "MotionClassifier",
    "MotionFeatures",
    "PrecisionRecallDensityCoverage",
    "SmallSampleWarning",
    "TimmFrameFeatures",
    "TorchvisionFeatures",
    "VideoInceptionScore",
    "bootstrap_interval",
    "condition_accuracy",
    "diversity",
    "first_frame_control",
    "fit_motion_classifier",
    "fit_motion_features",
    "frame_scores",
    "frechet_distance",
    "frechet_distance_of_moments",
    "inception_score",
    "kernel_distance",
    "motion_energy",
    "moving_region",
    "moving_region_error",
    "precision_recall_density_coverage",
    "score_features",
    "split_half_floor",
]

# Metrics of torchmetrics, which is imported when the first of them is asked for.
_LATE = {
    "FrechetVideoDistance": "frechet_metric",
    "KernelVideoDistance": "video_metrics",
    "PrecisionRecallDensityCoverage": "video_metrics",
    "VideoInceptionScore": "video_metrics",
}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATE[name]}"), name)

"""Scores of generated clips; everything takes videos in [-1, 1] and converts by itself."""

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from stgan.metrics.clip_scores import CLIP_SCORES, ClipScore, ClipScores
from stgan.metrics.content import average_content_distance, first_frame_fidelity
from stgan.metrics.diagnostics import is_static, motion_energy_gap, time_slice
from stgan.metrics.distances import (
    frechet_distance,
    frechet_distance_of_moments,
    kernel_distance,
)
from stgan.metrics.diversity import diversity
from stgan.metrics.extractors import FeatureExtractor
from stgan.metrics.extractors_i3d import I3DFeatures
from stgan.metrics.extractors_module import ModuleFeatures
from stgan.metrics.extractors_timm import TimmFrameFeatures
from stgan.metrics.extractors_torchvision import TorchvisionFeatures
from stgan.metrics.frames import MAX_PSNR, frame_scores
from stgan.metrics.frames_perceptual import LpipsNetwork, lpips, multiscale_ssim
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
from stgan.metrics.motion_confusion import motion_confusion, reverse_condition_accuracy
from stgan.metrics.motion_features import MotionFeatures, fit_motion_features
from stgan.metrics.resampling import bootstrap_interval, split_half_floor
from stgan.metrics.result import MetricResult, SmallSampleWarning
from stgan.metrics.scoring import FEATURE_METRICS, ClipProtocol, score_features

if TYPE_CHECKING:
    from stgan.metrics.frame_metrics import FrameFrechetDistance, FrameScores
    from stgan.metrics.frechet_metric import FrechetVideoDistance
    from stgan.metrics.video_metrics import (
        KernelVideoDistance,
        PrecisionRecallDensityCoverage,
        VideoInceptionScore,
    )

__all__ = [
    "CLIP_SCORES",
    "FEATURE_METRICS",
    "I3D",
    "MAX_PSNR",
    "ClipProtocol",
    "ClipScore",
    "ClipScores",
    "FeatureExtractor",
    "FrameFrechetDistance",
    "FrameScores",
    "FrechetVideoDistance",
    "I3DFeatures",
    "KernelVideoDistance",
    "LpipsNetwork",
    "MetricResult",
    "ModuleFeatures",
    "MotionClassifier",
    "MotionFeatures",
    "PrecisionRecallDensityCoverage",
    "SmallSampleWarning",
    "TimmFrameFeatures",
    "TorchvisionFeatures",
    "VideoInceptionScore",
    "average_content_distance",
    "bootstrap_interval",
    "condition_accuracy",
    "diversity",
    "first_frame_control",
    "first_frame_fidelity",
    "fit_motion_classifier",
    "fit_motion_features",
    "frame_scores",
    "frechet_distance",
    "frechet_distance_of_moments",
    "inception_score",
    "is_static",
    "kernel_distance",
    "lpips",
    "motion_confusion",
    "motion_energy",
    "motion_energy_gap",
    "moving_region",
    "moving_region_error",
    "multiscale_ssim",
    "precision_recall_density_coverage",
    "reverse_condition_accuracy",
    "score_features",
    "split_half_floor",
    "time_slice",
]

# Metrics of torchmetrics, which is imported when the first of them is asked for.
_LATE = {
    "FrameFrechetDistance": "frame_metrics",
    "FrameScores": "frame_metrics",
    "FrechetVideoDistance": "frechet_metric",
    "KernelVideoDistance": "video_metrics",
    "PrecisionRecallDensityCoverage": "video_metrics",
    "VideoInceptionScore": "video_metrics",
}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATE[name]}"), name)


def __dir__() -> Iterable[str]:
    return {*globals(), *_LATE}

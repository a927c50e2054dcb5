"""Scores of generated clips; every function takes videos in [-1, 1] and converts by itself."""

from stgan.metrics.diversity import diversity
from stgan.metrics.frames import MAX_PSNR, frame_scores
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

__all__ = [
    "MAX_PSNR",
    "MotionClassifier",
    "condition_accuracy",
    "diversity",
    "first_frame_control",
    "fit_motion_classifier",
    "frame_scores",
    "motion_energy",
    "moving_region",
    "moving_region_error",
]

"""Adversarial loss families, reconstruction losses, and the weights of their terms."""

import warnings
from typing import Any

from stgan.losses.adversarial import (
    HingeLoss,
    LeastSquaresLoss,
    MinimaxLoss,
    NonSaturatingLoss,
    WassersteinLoss,
)
from stgan.losses.adversarial_base import AdversarialLoss, create_family
from stgan.losses.adversarial_relativistic import (
    RelativisticAverageHingeLoss,
    RelativisticAverageLeastSquaresLoss,
    RelativisticAverageLoss,
    RelativisticPairingLoss,
)
from stgan.losses.penalties import (
    DraganPenalty,
    GradientPenalty,
    R1Penalty,
    R2Penalty,
    ZeroCenteredPenalty,
)
from stgan.losses.penalties_base import DiscriminatorPenalty
from stgan.losses.penalties_consistency import BalancedConsistencyPenalty, ConsistencyPenalty
from stgan.losses.penalties_outputs import (
    FeatureMatchingPenalty,
    LecamPenalty,
    MeanFeatureMatchingPenalty,
    ModeSeekingPenalty,
)
from stgan.losses.penalties_weights import OrthogonalPenalty, clip_singular_values_
from stgan.losses.reconstruction import (
    CharbonnierLoss,
    FirstFrameLoss,
    FrameDifferenceLoss,
    GradientLoss,
    L1Loss,
    L2Loss,
    ReconstructionLoss,
)
from stgan.losses.reconstruction_features import FocalFrequencyLoss, PerceptualLoss
from stgan.losses.reconstruction_ssim import SSIM2dLoss, SSIM3dLoss
from stgan.losses.terms import LossTerm
from stgan.losses.weighting import WeightedSum, WeightedTerms

__all__ = [
    "AdversarialLoss",
    "BalancedConsistencyPenalty",
    "CharbonnierLoss",
    "ConsistencyPenalty",
    "DiscriminatorPenalty",
    "DraganPenalty",
    "FeatureMatchingPenalty",
    "FirstFrameLoss",
    "FocalFrequencyLoss",
    "FrameDifferenceLoss",
    "GradientLoss",
    "GradientPenalty",
    "HingeLoss",
    "L1Loss",
    "L2Loss",
    "LeastSquaresLoss",
    "LecamPenalty",
    "LossTerm",
    "MeanFeatureMatchingPenalty",
    "MinimaxLoss",
    "ModeSeekingPenalty",
    "NonSaturatingLoss",
    "OrthogonalPenalty",
    "PerceptualLoss",
    "R1Penalty",
    "R2Penalty",
    "ReconstructionLoss",
    "RelativisticAverageHingeLoss",
    "RelativisticAverageLeastSquaresLoss",
    "RelativisticAverageLoss",
    "RelativisticPairingLoss",
    "SSIM2dLoss",
    "SSIM3dLoss",
    "WassersteinLoss",
    "WeightedSum",
    "WeightedTerms",
    "ZeroCenteredPenalty",
    "clip_singular_values_",
    "create_family",
]


def __getattr__(name: str) -> Any:
    if name != "CriticPenalty":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(
        "stgan.losses.CriticPenalty is DiscriminatorPenalty now; the former name is removed in "
        "stgan 0.2",
        DeprecationWarning,
        stacklevel=2,
    )
    return DiscriminatorPenalty

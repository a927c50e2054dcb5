"""Adversarial loss families."""

from stgan.losses.adversarial import (
    AdversarialLoss,
    HingeLoss,
    LeastSquaresLoss,
    NonSaturatingLoss,
)

__all__ = ["AdversarialLoss", "HingeLoss", "LeastSquaresLoss", "NonSaturatingLoss"]

"""From uniform draws in [-1, 1) to what is random about an augmentation."""

import math

import torch
from torch import Tensor

__all__ = ["below", "check_probability", "happens", "normal"]


def check_probability(value: float, name: str = "probability") -> float:
    """Return ``value`` if it is a probability; raise otherwise."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must lie in [0, 1], got {value}")
    return value


def happens(draw: Tensor, probability: float | Tensor) -> Tensor:
    """Whether something of this probability happens; never for 0, always for 1."""
    return (draw + 1) / 2 < probability


def below(draw: Tensor, count: int) -> Tensor:
    """Whole number from 0 to ``count - 1``, each as likely."""
    return ((draw + 1) / 2 * count).floor().clamp(0, count - 1).long()


def normal(draw: Tensor) -> Tensor:
    """Standard normal number; at most 4.9 from zero, so that the bounds of the draws are finite."""
    return math.sqrt(2) * torch.erfinv(draw.clamp(-1 + 1e-6, 1 - 1e-6))

"""stgan: spatio-temporal layers, two-stream discriminators and losses for video GANs.

One layout and one range everywhere: video ``(N, C, T, H, W)``, image ``(N, C, H, W)``, float in
[-1, 1]; label ``(N,)`` integers or ``(N, K)`` rows; geometry ``int`` or ``(t, h, w)``.
"""

from stgan import (
    augment,
    blocks,
    decoders,
    discriminators,
    encoders,
    functional,
    layers,
    losses,
    metrics,
    shapes,
)
from stgan.config import build, to_config
from stgan.example import Example
from stgan.registry import Registry, create, info, list

__all__ = [
    "Example",
    "Registry",
    "augment",
    "blocks",
    "build",
    "create",
    "decoders",
    "discriminators",
    "encoders",
    "functional",
    "info",
    "layers",
    "list",
    "losses",
    "metrics",
    "shapes",
    "to_config",
]

__version__ = "0.1.0.dev0"

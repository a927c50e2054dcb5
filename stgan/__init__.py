"""stgan: spatio-temporal layers, two-stream discriminators and losses for video GANs.

One layout and one range everywhere: video ``(N, C, T, H, W)``, image ``(N, C, H, W)``, float in
[-1, 1]; label ``(N,)`` integers or ``(N, K)`` rows; geometry ``int`` or ``(t, h, w)``.
"""

import importlib
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

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
from stgan._version import __version__ as __version__
from stgan.config import build, to_config
from stgan.example import Example
from stgan.registry import Registry, create, info
from stgan.registry import list as list

if TYPE_CHECKING:
    from stgan import cli as cli
    from stgan import data as data
    from stgan import io as io
    from stgan import profiling as profiling
    from stgan import report as report
    from stgan import settings as settings
    from stgan import testing as testing
    from stgan import training as training
    from stgan import visual as visual

# Without "list", by which ``from stgan import *`` would hide Python's own.
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
    "losses",
    "metrics",
    "shapes",
    "to_config",
]

# Imported when they are first asked for, with what they need: films, figures, Hypothesis.
_LAZY = frozenset(
    {"cli", "data", "io", "profiling", "report", "settings", "testing", "training", "visual"}
)


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return importlib.import_module(f"stgan.{name}")
    message = f"module 'stgan' has no attribute {name!r}"
    raise AttributeError(message, name=name, obj=sys.modules[__name__])


def __dir__() -> Iterable[str]:
    return {*globals(), *_LAZY}

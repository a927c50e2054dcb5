"""What one tutorial registers, the next one and the pages of the library must not see."""

from pathlib import Path
from typing import Any

from stgan.registry import REGISTRIES

__all__ = ["forget_registered"]

_OWN = {kind: dict(registry._entries) for kind, registry in REGISTRIES.items()}


def forget_registered(gallery_conf: dict[str, Any], script: str | Path) -> None:
    """Put the registries back to the entries of the library; sphinx-gallery calls it."""
    for kind, registry in REGISTRIES.items():
        registry._entries = dict(_OWN[kind])

"""A way to register a class for the time of one test."""

from typing import Any

import pytest

from stgan import Example
from stgan.registry import REGISTRIES
from tests.testing.broken_entry import Register


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Register:
    """Register a class for the time of one test."""

    def add(kind: str, cls: Any, example: Example | None) -> None:
        registry = REGISTRIES[kind]
        others = {name: entry for name, entry in registry._entries.items() if name != "own"}
        monkeypatch.setattr(registry, "_entries", others)
        # Registering a class changes its constructor, too.
        if isinstance(cls, type):
            monkeypatch.setattr(cls, "__init__", cls.__init__)
        registry.register("own", source="here", shape="as it is", example=example)(cls)

    return add

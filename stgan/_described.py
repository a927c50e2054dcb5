"""Registered parts as plain data, and the few other names that such data may hold."""

import functools
import importlib
import inspect
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from torch import nn

from stgan._checks import plain_integers
from stgan._excerpt import brief
from stgan._settings import recorded_settings
from stgan.errors import ConfigError
from stgan.registry import REGISTRIES

__all__ = ["FUNCTIONS", "RECORDS", "at", "joined", "public", "to_config"]

# All that a configuration may name besides registered parts and modules.
FUNCTIONS = ("stgan.layers.leaky_relu",)
RECORDS = (
    "stgan.decoders.DecoderStage",
    "stgan.discriminators.StreamSpec",
    "stgan.shapes.Stage",
)


def to_config(module: Any) -> dict[str, Any]:
    """Write down what a registered part was built from, as plain data for :func:`build`.

    All settings are written, defaults too, so that the architecture stays what it is when a
    default changes. Weights are not part of it: save the state dict beside it.

    Args:
        module: An instance of a registered class.

    Raises:
        ConfigError: If the part, or something inside it, is not registered or cannot be plain.

    Example:
        >>> import stgan
        >>> layer = stgan.create("projectors", "one_hot", 6)
        >>> stgan.to_config(layer)
        {'kind': 'projectors', 'name': 'one_hot', 'num_classes': 6}
        >>> stgan.build(stgan.to_config(layer)).num_classes
        6
    """
    config = _plain(module, "")
    if not isinstance(config, dict) or "kind" not in config:
        raise ConfigError(
            f"{type(module).__name__} is not registered; register its class, or write down the "
            f"registered parts inside it"
        )
    return config


def public(name: str) -> Any:
    """Return a name of ``torch.nn``, or a public one of a package of stgan, or ``None``."""
    module, _, attribute = name.rpartition(".")
    if module == "torch.nn":
        return getattr(nn, attribute, None)
    top, _, room = module.partition(".")
    if top != "stgan" or not room.isidentifier() or room.startswith("_"):
        return None
    try:
        home = importlib.import_module(module)
    except ImportError:  # of something that is not installed
        return None
    return getattr(home, attribute) if attribute in home.__all__ else None


def _plain(value: Any, path: str) -> Any:
    value = plain_integers(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(item, f"{path}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, Mapping):
        return {str(key): _plain(item, joined(path, key)) for key, item in value.items()}
    if isinstance(value, functools.partial):
        kept = {key: _plain(item, joined(path, key)) for key, item in value.keywords.items()}
        args = {"args": _plain(value.args, joined(path, "args"))} if value.args else {}
        return {"factory": _name_of(value.func, path), **args, **kept}
    if inspect.isclass(value) or inspect.isfunction(value):
        return {"factory": _name_of(value, path)}
    if (part := _part(value)) is not None:
        kind, name, settings = part
        # A part that was exchanged after building counts as it is now.
        now = {key: _current(value, key, item) for key, item in settings.items()}
        kept = {key: _plain(item, joined(path, key)) for key, item in now.items()}
        return {"kind": kind, "name": name, **kept}
    if is_dataclass(value) and _name(type(value)) in RECORDS:
        kept = {f.name: _plain(getattr(value, f.name), joined(path, f.name)) for f in fields(value)}
        return {"type": _name(type(value)), **kept}
    raise ConfigError(
        at(f"{type(value).__name__} cannot be written as plain data; register its class", path)
    )


def _part(value: Any) -> tuple[str, str, dict[str, Any]] | None:
    """Kind, name and settings of a registered part that remembers them; of all else ``None``."""
    if (settings := recorded_settings(value)) is not None:
        for kind, registry in REGISTRIES.items():
            if (name := registry.name_of(type(value))) is not None:
                return kind, name, settings
    return None


def _current(module: Any, key: str, argument: Any) -> Any:
    """The part that stands where the constructor put this one; a class or number stays."""
    if argument is not None and recorded_settings(argument) is None:
        return argument
    now = getattr(module, key, argument)
    # Where no act or norm was asked for stands torch's Identity, which anyone may have registered.
    return argument if isinstance(now, nn.Identity) or _part(now) is None else now


def _name_of(target: Any, path: str) -> str:
    for kind, registry in REGISTRIES.items():
        if (name := registry.name_of(target)) is not None:
            return f"{kind}/{name}"
    name = _name(target)
    known = name in FUNCTIONS or (inspect.isclass(target) and issubclass(target, nn.Module))
    if known and public(name) is target:
        return name
    raise ConfigError(
        at(
            f"{name.rpartition('.')[2] or target} cannot be written by name; use a module of "
            f"torch.nn or stgan, a registered part or {' or '.join(FUNCTIONS)}",
            path,
        )
    )


def _name(target: Any) -> str:
    """Name of a class or function where it is public, as ``stgan.shapes.Stage``."""
    parts = getattr(target, "__module__", "").split(".")
    home = "torch.nn" if parts[:2] == ["torch", "nn"] else ".".join(parts[:2])
    return f"{home}.{getattr(target, '__name__', '')}"


def joined(path: str, key: object) -> str:
    word = brief(key, 60)
    whole = f"{path}.{word}" if path else word
    return whole if len(whole) < 200 else f"...{whole[-190:]}"


def at(text: str, path: str) -> str:
    return f"{path}: {text}" if path else text

"""Plain configurations: an architecture as data, and back.

A configuration is made of dicts, lists, strings and numbers only, so it can stand in JSON or YAML
beside a checkpoint. Building one runs no code but constructors of registered parts, of
``torch.nn`` and of stgan itself.
"""

import functools
import importlib
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from torch import nn

from stgan._settings import recorded_settings
from stgan.errors import ConfigError
from stgan.registry import REGISTRIES, unknown_name

__all__ = ["build", "to_config"]


def build(config: Mapping[str, Any] | str | Path) -> Any:
    """Build a registered part, with everything inside it, from a plain configuration.

    Settings stand beside ``kind`` and ``name``. A setting may be a number, a string, a list, and

    - another part: ``{"kind": ..., "name": ..., <settings>}``;
    - something to be called later, such as a norm: ``{"factory": "torch.nn.GroupNorm",
      "args": [4], "eps": 1e-6}``, where the factory is a module of ``torch.nn``, a public name of
      stgan or ``"kind/name"`` of a registered part, and ``args`` what comes before the arguments of
      the call;
    - a record: ``{"type": "stgan.shapes.Stage", <fields>}``.

    Lists become tuples, as JSON knows no tuples.

    Args:
        config: The configuration, or the path of a ``.json``, ``.yaml`` or ``.yml`` file with one.

    Raises:
        ConfigError: If the file cannot be read, or a key is not a setting of the part that it
            stands in; the error gives the path to it.
        UnknownNameError: If a kind or name is not registered; it suggests the nearest.

    Example:
        >>> import stgan
        >>> fuse = stgan.build({"kind": "fusions", "name": "concat", "video_channels": 64})
        >>> fuse.out_channels
        64
    """
    if isinstance(config, str | Path):
        config = _read(Path(config))
    if not isinstance(config, Mapping) or "kind" not in config:
        raise ConfigError(
            f"a configuration must be a mapping with kind, name and settings, got {config!r}"
        )
    return _value(config, "")


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


def _read(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise ConfigError(f"{path} cannot be read: {reason}") from error
    if path.suffix not in (".json", ".yaml", ".yml"):
        raise ConfigError(f"{path} must be a .json, .yaml or .yml file")
    try:
        if path.suffix == ".json":
            return json.loads(text)
        try:
            import yaml
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                f"reading {path} needs PyYAML; pip install 'stgan[recipes]', or write JSON"
            ) from None
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ValueError(" ".join(str(error).split())) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no valid {path.suffix[1:].upper()}: {error}") from error


def _value(value: Any, path: str) -> Any:
    if isinstance(value, Mapping):
        for marker, make in (("kind", _part), ("factory", _factory), ("type", _record)):
            if marker in value:
                return make(value, path)
        return {key: _value(item, _join(path, key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_value(item, f"{path}[{index}]") for index, item in enumerate(value))
    return value


def _part(config: Mapping[str, Any], path: str) -> Any:
    kind, name = config["kind"], str(config.get("name"))
    if not isinstance(kind, str):
        raise ConfigError(_at(f"kind must be the name of a registry, got {kind!r}", path))
    if kind not in REGISTRIES:
        raise unknown_name(_at("the set of registries", path), kind, REGISTRIES)
    if name not in REGISTRIES[kind]:
        raise unknown_name(_at(kind, path), name, REGISTRIES[kind])
    return _call(REGISTRIES[kind][name], config, ("kind", "name"), path)


def _record(config: Mapping[str, Any], path: str) -> Any:
    cls = _public(config["type"], path)
    if not (inspect.isclass(cls) and is_dataclass(cls)):
        raise ConfigError(_at(f"type {config['type']!r} is no record of stgan", path))
    return _call(cls, config, ("type",), path)


def _factory(config: Mapping[str, Any], path: str) -> Callable[..., Any]:
    name = config["factory"]
    kind, slash, entry = str(name).partition("/")
    target = REGISTRIES[kind][entry] if slash and kind in REGISTRIES else _public(name, path)
    given = config.get("args", ())
    if not isinstance(given, list | tuple):
        raise ConfigError(_at(f"args must be a list, got {given!r}", path))
    args = _value(given, _join(path, "args"))
    settings = _settings(target, config, ("factory", "args"), path)
    return functools.partial(target, *args, **settings) if args or settings else target


def _call(target: Any, config: Mapping[str, Any], markers: tuple[str, ...], path: str) -> Any:
    settings = _settings(target, config, markers, path)
    try:
        return target(**settings)
    except Exception as error:
        if type(error).__module__ == ConfigError.__module__:
            error.add_note(f"while building {path or 'the configuration'}")
            raise
        # A missing setting, or one of another type, is a mistake of the configuration here.
        raise ConfigError(
            _at(f"{target.__name__} refuses these settings: {error}", path)
        ) from error


def _settings(
    target: Any, config: Mapping[str, Any], markers: tuple[str, ...], path: str
) -> dict[str, Any]:
    parameters = inspect.signature(target).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    settings = {}
    for key, value in config.items():
        if key in markers:
            continue
        if key not in parameters and not open_ended:
            error = unknown_name(target.__name__, key, parameters, what="setting")
            raise ConfigError(f"{_join(path, key)}: {error}")
        settings[key] = _value(value, _join(path, key))
    return settings


def _public(name: Any, path: str) -> Any:
    """Look up a class of ``torch.nn`` or a public name of stgan; nothing else is imported."""
    module, _, attribute = str(name).rpartition(".")
    if module == "torch.nn":
        found = getattr(nn, attribute, None)
        if inspect.isclass(found) and issubclass(found, nn.Module):
            return found
    elif module.startswith("stgan.") and module.count(".") == 1 and "._" not in module:
        try:
            home = importlib.import_module(module)
        except ModuleNotFoundError:
            home = None
        if home is not None and attribute in home.__all__:
            return getattr(home, attribute)
    raise ConfigError(
        _at(f"{name!r} is neither a module of torch.nn nor a public name of stgan", path)
    )


def _plain(value: Any, path: str) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(item, f"{path}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, Mapping):
        return {str(key): _plain(item, _join(path, key)) for key, item in value.items()}
    if isinstance(value, functools.partial):
        kept = {key: _plain(item, _join(path, key)) for key, item in value.keywords.items()}
        args = {"args": _plain(value.args, _join(path, "args"))} if value.args else {}
        return {"factory": _name_of(value.func, path), **args, **kept}
    if inspect.isclass(value) or inspect.isfunction(value):
        return {"factory": _name_of(value, path)}
    for kind, registry in REGISTRIES.items():
        name = registry.name_of(type(value))
        settings = recorded_settings(value)
        if name is not None and settings is not None:
            # A part that was exchanged after building counts as it is now.
            now = {key: _current(value, key, item) for key, item in settings.items()}
            kept = {key: _plain(item, _join(path, key)) for key, item in now.items()}
            return {"kind": kind, "name": name, **kept}
    if is_dataclass(value):
        kept = {f.name: _plain(getattr(value, f.name), _join(path, f.name)) for f in fields(value)}
        return {"type": _name_of(type(value), path), **kept}
    raise ConfigError(
        _at(f"{type(value).__name__} cannot be written as plain data; register its class", path)
    )


def _current(module: Any, key: str, argument: Any) -> Any:
    """The part that stands where the constructor put this one; a class or number stays."""
    if argument is not None and recorded_settings(argument) is None:
        return argument
    now = getattr(module, key, argument)
    return now if recorded_settings(now) is not None else argument


def _name_of(target: Any, path: str) -> str:
    for kind, registry in REGISTRIES.items():
        if (name := registry.name_of(target)) is not None:
            return f"{kind}/{name}"
    name = getattr(target, "__name__", "")
    parts = getattr(target, "__module__", "").split(".")
    home = "torch.nn" if parts[:2] == ["torch", "nn"] else ".".join(parts[:2])
    try:
        if _public(f"{home}.{name}", path) is target:
            return f"{home}.{name}"
    except ConfigError:
        pass
    raise ConfigError(
        _at(
            f"{name or target} cannot be written by name; use a module of torch.nn, a public name "
            f"of stgan or a registered class",
            path,
        )
    )


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _at(text: str, path: str) -> str:
    return f"{path}: {text}" if path else text

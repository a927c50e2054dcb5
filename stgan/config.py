"""Plain configurations: an architecture as data, and back.

A configuration is made of dicts, lists, strings and numbers only, so it can stand in JSON or YAML
beside a checkpoint. It may come from a stranger: building one calls nothing but registered parts,
classes of ``torch.nn`` and of stgan that are modules, and the few names in ``stgan._described``.
"""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from stgan._described import FUNCTIONS, RECORDS, at, joined, public, to_config
from stgan._excerpt import brief, excerpt
from stgan._plain import check_bounds, dump_yaml, load_yaml, read_plain
from stgan.errors import ConfigError
from stgan.example import Example
from stgan.registry import REGISTRIES, unknown_name

__all__ = ["build", "dump_yaml", "load_yaml", "make_inputs", "read_plain", "to_config"]

_MOST_SAID = 2500  # characters of an error that lists what is known; of others a fifth is shown


def build(
    config: Mapping[str, Any] | str | Path,
    *,
    kind: str | Sequence[str] | None = None,
    given: Mapping[str, Any] | None = None,
    trust: bool = False,
) -> Any:
    """Build a registered part, with everything inside it, from a plain configuration.

    Settings stand beside ``kind`` and ``name``. A setting may be a number, a string, a list, and

    - another part: ``{"kind": ..., "name": ..., <settings>}``;
    - something to be called later, such as a norm: ``{"factory": "torch.nn.GroupNorm",
      "args": [4], "eps": 1e-6}``, where the factory is ``"kind/name"`` of a registered part, a
      module of ``torch.nn`` or of stgan, or ``"stgan.layers.leaky_relu"``, and ``args`` what comes
      before the arguments of the call;
    - a record: ``{"type": "stgan.shapes.Stage", <fields>}``, also ``stgan.decoders.DecoderStage``
      and ``stgan.discriminators.StreamSpec``.

    Lists become tuples, as JSON knows no tuples.

    A configuration may come from a stranger; :doc:`/security` says what is promised. A part that
    would run a file as a program, such as TorchScript, is built only with ``trust=True``.

    Args:
        config: The configuration, or the path of a ``.json``, ``.yaml`` or ``.yml`` file with one;
            where ``kind`` is given, also the bare name of a part.
        kind: The registry in which a name without ``kind`` is looked up, or several of them.
        given: What the caller knows, such as the number of classes: goes to the part if it takes a
            setting of that name and the configuration has none.
        trust: Whether files that the configuration names may be run as programs. Set it only if
            you know where the configuration and these files come from.

    Raises:
        ConfigError: If the file cannot be read, a key is not a setting of the part that it stands
            in, or what is named may not be; the error gives the path to it.
        UnknownNameError: If a kind or name is not registered; it suggests the nearest.

    Example:
        >>> import stgan
        >>> fuse = stgan.build({"kind": "fusions", "name": "concat", "video_channels": 64})
        >>> fuse.out_channels
        64
        >>> stgan.build("sub_clip", kind="samplers", given={"count": 4, "per_clip": True})
        SubClip(4, stride=1)
    """
    if isinstance(config, Path) or (isinstance(config, str) and kind is None):
        config = read_plain(Path(config))
    if kind is not None:
        config = of_kind(config, (kind,) if isinstance(kind, str) else tuple(kind))
    if not isinstance(config, Mapping) or "kind" not in config:
        raise ConfigError(
            f"a configuration must be a mapping with kind, name and settings, got {excerpt(config)}"
        )
    builder = _Builder(trust, given or {})
    return builder.value(check_bounds(config, "a configuration"), "")


def make_inputs(
    example: Example,
    sizes: Mapping[str, int] | None = None,
    *,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> dict[str, Any]:
    """Draw the inputs of an example, to be passed by name.

    Args:
        example: Of a registered entry.
        sizes: Sizes of named axes; others are the usual ones.
        seed: Of the values.
        dtype: Type of the floats.
        device: Where the tensors are.

    Example:
        >>> import stgan
        >>> inputs = make_inputs(stgan.info("fusions", "concat").example, {"T": 7})
        >>> inputs["video"].shape
        torch.Size([2, 4, 7, 6, 5])
    """
    generator = torch.Generator().manual_seed(seed)
    known = example.sizes(sizes)

    def make(layout: Any) -> Any:
        if isinstance(layout, tuple):
            return tuple(make(one) for one in layout)
        if isinstance(layout, Mapping):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                return build(layout).to(device, dtype)
        shown, _, classes = layout.partition("<")
        words = shown.replace("=", " ").split()
        shape = tuple(known[word] if word.isidentifier() else int(word) for word in words)
        if "=" in shown:
            return shape if len(shape) > 1 else shape[0]
        if classes:
            return torch.randint(int(classes), shape, generator=generator).to(device)
        values = torch.rand(shape, generator=generator, dtype=torch.float64) * 2 - 1
        return values.to(device, dtype)

    return {name: make(layout) for name, layout in example.inputs.items()}


@dataclass(frozen=True)
class _Builder:
    """Makes objects of plain data; what may be named is decided here."""

    trust: bool
    given: Mapping[str, Any]

    def value(self, value: Any, path: str) -> Any:
        if isinstance(value, Mapping):
            makers = {"kind": self._part, "factory": self._factory, "type": self._record}
            for marker, make in makers.items():
                if marker in value:
                    return make(value, path)
            return {key: self.value(item, joined(path, key)) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return tuple(self.value(item, f"{path}[{index}]") for index, item in enumerate(value))
        return value

    def _part(self, config: Mapping[str, Any], path: str) -> Any:
        kind = config["kind"]
        if not isinstance(kind, str):
            raise ConfigError(at(f"kind must be the name of a registry, got {excerpt(kind)}", path))
        return self._call(_registered(kind, str(config.get("name")), path), config, path)

    def _record(self, config: Mapping[str, Any], path: str) -> Any:
        name = config["type"]
        if name not in RECORDS:
            raise ConfigError(
                at(f"type must be one of {', '.join(RECORDS)}, got {excerpt(name)}", path)
            )
        return self._call(public(name), config, path)

    def _factory(self, config: Mapping[str, Any], path: str) -> Callable[..., Any]:
        name = str(config["factory"])
        kind, slash, entry = name.partition("/")
        target = _registered(kind, entry, path) if slash else _callable(name, path)
        given = config.get("args", ())
        if not isinstance(given, list | tuple):
            raise ConfigError(at(f"args must be a list, got {excerpt(given)}", path))
        # What it will be called with is not known here.
        if not self.trust and (runs := getattr(target, "runs_files", {})):
            raise ConfigError(at(_untrusted(target, next(iter(runs))), path))
        args = self.value(given, joined(path, "args"))
        settings = self._settings(target, config, ("factory", "args"), path)
        return functools.partial(target, *args, **settings) if args or settings else target

    def _call(self, target: Any, config: Mapping[str, Any], path: str) -> Any:
        markers = ("type",) if "kind" not in config else ("kind", "name")
        settings = self._settings(target, config, markers, path)
        for key, runs in () if self.trust else getattr(target, "runs_files", {}).items():
            if isinstance(settings.get(key), str | Path) and runs(settings[key]):
                raise ConfigError(at(_untrusted(target, key), path))
        try:
            return target(**settings)
        except Exception as error:
            long = len(str(error)) > _MOST_SAID
            if type(error).__module__ == ConfigError.__module__ and not long:
                error.add_note(f"while building {path or 'the configuration'}")
                raise
            # A missing setting, or one of another type, is a mistake of the configuration here.
            said = f"{target.__name__} refuses these settings: {brief(error, _MOST_SAID // 5)}"
            raise ConfigError(at(said, path)) from (None if long else error)

    def _settings(
        self, target: Any, config: Mapping[str, Any], markers: tuple[str, ...], path: str
    ) -> dict[str, Any]:
        parameters = inspect.signature(target).parameters
        open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        settings = {}
        for key, value in config.items():
            if key in markers:
                continue
            if key not in parameters and not open_ended:
                error = unknown_name(target.__name__, key, parameters, what="setting")
                raise ConfigError(f"{joined(path, key)}: {error}")
            settings[key] = self.value(value, joined(path, key))
        if not path:  # what is known of the whole goes to the whole
            told = {key: value for key, value in self.given.items() if key in parameters}
            settings = told | settings
        return settings


def of_kind(config: Any, kinds: tuple[str, ...]) -> dict[str, Any]:
    """A configuration of one of these kinds, with its kind in it."""
    for kind in kinds:
        if kind not in REGISTRIES:
            raise unknown_name("the set of registries", kind, REGISTRIES)
    if isinstance(config, str):
        config = {"name": config}
    if not isinstance(config, Mapping) or not isinstance(config.get("name"), str):
        raise ConfigError(
            f"{' or '.join(kinds)} must be given as a name or a mapping with a name, got "
            f"{excerpt(config)}"
        )
    if "kind" in config:
        if config["kind"] not in kinds:
            raise ConfigError(f"kind must be {' or '.join(kinds)}, got {excerpt(config['kind'])}")
        return dict(config)
    name = config["name"]
    for kind in kinds:
        if name in REGISTRIES[kind]:
            return {"kind": kind, **config}
    raise unknown_name(" and ".join(kinds), name, [n for kind in kinds for n in REGISTRIES[kind]])


def _registered(kind: str, name: str, path: str) -> Any:
    if kind not in REGISTRIES:
        raise unknown_name(at("the set of registries", path), kind, REGISTRIES)
    if name not in REGISTRIES[kind]:
        raise unknown_name(at(kind, path), name, REGISTRIES[kind])
    return REGISTRIES[kind][name]


def _callable(name: str, path: str) -> Any:
    """Look up a module class or one of the few functions; nothing else is lent out."""
    found = public(name)
    if name in FUNCTIONS or (inspect.isclass(found) and issubclass(found, nn.Module)):
        return found
    raise ConfigError(
        at(
            f"{excerpt(name)} is neither a module of torch.nn or stgan, nor a registered part as "
            f"kind/name, nor {' or '.join(FUNCTIONS)}",
            path,
        )
    )


def _untrusted(target: Any, key: str) -> str:
    return (
        f"{target.__name__} runs the file in {key!r} as a program, which a configuration may not "
        f"ask for; pass trust=True, or --trust to a command, if you trust the file"
    )

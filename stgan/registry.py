"""Registries: find a part by name, see what it is, build it.

A registry is a door. Names are resolved once, where a configuration or a command line comes in;
inside the library, classes and modules travel, never names. Other packages add entries through
entry points: group ``stgan.layers`` for layers, and so on.
"""

import builtins
import fnmatch
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint
from types import MappingProxyType
from typing import Any, TypeVar

from stgan._answers import answer_calls
from stgan._excerpt import brief, did_you_mean, excerpt, nearest
from stgan._plugins import find_plugins, load_plugin, offers, package_of
from stgan._settings import record_settings
from stgan.errors import PluginError, UnknownNameError
from stgan.example import Example

# Without "list", which would hide Python's own.
__all__ = [
    "AUGMENTATIONS",
    "BLOCKS",
    "DECODERS",
    "DISCRIMINATORS",
    "ENCODERS",
    "FEATURES",
    "FUSIONS",
    "HEADS",
    "LAYERS",
    "LOSSES",
    "PENALTIES",
    "PROJECTORS",
    "REGISTRIES",
    "SAMPLERS",
    "EntryInfo",
    "Registry",
    "create",
    "info",
]

Factory = Callable[..., Any]
F = TypeVar("F", bound=Factory)


@dataclass(frozen=True)
class EntryInfo:
    """What a registry knows about one entry.

    Attributes:
        name: The name to pass to :func:`create`.
        summary: The first line of the docstring.
        source: The paper, section or equation that the entry implements.
        shape: The shape contract in one line.
        signature: The settings of the constructor.
        owner: Module and qualified name of the class or function.
        example: Settings and inputs to try it with; ``None`` if it was registered without.
        aliases: Other words of the field by which it is found.
    """

    name: str
    summary: str
    source: str
    shape: str
    signature: str
    owner: str
    example: Example | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Entry:
    factory: Factory
    source: str
    shape: str
    example: Example | None
    aliases: tuple[str, ...]


class Registry(Mapping[str, Factory]):
    """A read-only mapping from names to factories that refuses, suggests and lends nothing out.

    An entry is found by its name, by an alias, both in any case and with hyphens, and by the name
    of its class. What is listed and written down is its name.

    Args:
        kind: The plural noun that the top-level functions use, such as ``"layers"``.

    Example:
        >>> BRUSHES = Registry("brushes")
        >>> @BRUSHES.register("round", source="Any art shop", shape="(N, C) -> (N, C)")
        ... class RoundBrush:
        ...     '''A brush without corners.'''
        >>> type(BRUSHES.create("round")).__name__
        'RoundBrush'
        >>> BRUSHES.info("round").summary
        'A brush without corners.'
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, _Entry] = {}

    def register(
        self,
        name: str,
        *,
        source: str,
        shape: str,
        example: Example | None = None,
        aliases: Iterable[str] = (),
    ) -> Callable[[F], F]:
        """Return a decorator that adds a class or function under ``name``.

        Args:
            name: Family first, in snake case: ``"conv_transpose_1p2d"``.
            source: The paper with its section or equation.
            shape: The shape contract in one line.
            example: Settings and inputs with which the entry is checked, shown and profiled.
            aliases: Other words of the field for it, in snake case, such as ``"lsgan"``.

        Raises:
            ValueError: If the name or an alias is taken or is not snake case.
            TypeError: If what is decorated is neither a class nor a function.
        """
        words = name, *aliases
        for word in words:
            if not word.isidentifier() or word != word.lower():
                raise ValueError(f"a name in {self.kind} must be snake_case, got {word!r}")
            if (taken := self._aliases().get(word, word)) in self._entries:
                raise ValueError(
                    f"{self.kind} already has {word!r}, registered by "
                    f"{_owner(self._entries[taken].factory)}; choose another name"
                )
        if len({*words}) < len(words):
            raise ValueError(f"name and aliases of {name!r} in {self.kind} must differ")

        def add(factory: F) -> F:
            if inspect.isclass(factory):
                record_settings(factory)
                answer_calls(factory, "forward", "__call__", "update")
            elif not inspect.isfunction(factory):
                # It has no name and no docstring of its own to be shown.
                raise TypeError(
                    f"{name!r} in {self.kind} must be a class or a function, got {factory!r}; "
                    f"write a function that calls it"
                )
            self._entries[name] = _Entry(factory, source, shape, example, words[1:])
            return factory

        return add

    def create(self, name: str, /, *args: Any, **settings: Any) -> Any:
        """Build the entry ``name``; settings go to its constructor unchanged."""
        return self[name](*args, **settings)

    def list(self, pattern: str = "*", *, exclude: str | Sequence[str] = ()) -> builtins.list[str]:
        """Return the sorted names that match a shell pattern and none of ``exclude``.

        Names that other packages offer are among them; listing does not import those packages.
        """
        refused = [exclude] if isinstance(exclude, str) else exclude
        return [
            name
            for name in fnmatch.filter(self, pattern)
            if not any(fnmatch.fnmatchcase(name, no) for no in refused)
        ]

    def info(self, name: str) -> EntryInfo:
        """Return what is known about an entry without building it."""
        entry = self._entry(name)
        doc = inspect.getdoc(entry.factory) or ""
        return EntryInfo(
            name=self.find(name) or name,
            summary=doc.partition("\n")[0],
            source=entry.source,
            shape=entry.shape,
            signature=str(inspect.signature(entry.factory)),
            owner=_owner(entry.factory),
            example=entry.example,
            aliases=entry.aliases,
        )

    def find(self, word: object) -> str | None:
        """Return the name of the entry that a name, alias or class name means, or ``None``.

        Aliases and classes of another package are known once it is loaded.
        """
        if not isinstance(word, str):
            return None
        folded = word.lower().replace("-", "_").replace(" ", "_")
        for name in (word, folded, self._aliases().get(folded)):
            if name in self._entries or name in self._plugins:
                return name
        of_class = [n for n, entry in self._entries.items() if entry.factory.__name__ == word]
        return of_class[0] if len(of_class) == 1 else None

    def _aliases(self) -> dict[str, str]:
        return {alias: name for name, entry in self._entries.items() for alias in entry.aliases}

    def name_of(self, factory: object) -> str | None:
        """Return the name under which a class or function is registered here, or ``None``."""
        return next((n for n, entry in self._entries.items() if entry.factory is factory), None)

    @cached_property
    def _plugins(self) -> dict[str, EntryPoint]:
        owners = {name: _owner(entry.factory) for name, entry in self._entries.items()}
        return find_plugins(self.kind, owners)

    def _entry(self, name: str) -> _Entry:
        found = self.find(name)
        if found is None:
            raise self._unknown(name)
        if found not in self._entries:
            self._load(self._plugins[found])
        return self._entries[found]

    def _unknown(self, name: str) -> UnknownNameError:
        elsewhere = [(each.kind, each.find(name)) for each in REGISTRIES.values() if each != self]
        hints = [f"{kind} has {found!r}" for kind, found in elsewhere if found]
        return unknown_name(self.kind, name, self, aliases=self._aliases(), hints=hints)

    def _load(self, point: EntryPoint) -> None:
        offer = f"{point.name!r}, which the package {package_of(point)} offers to {self.kind}"
        before = [(each, {*each._entries}) for each in (self, *REGISTRIES.values())]
        try:
            load_plugin(point)
        except BaseException as error:
            # What it had registered until then must not be served by the next look-up.
            for each, names in before:
                for name in each._entries.keys() - names:
                    if offers(point, each._entries[name].factory.__module__):
                        del each._entries[name]
            if isinstance(error, KeyboardInterrupt):  # of the user, not of the package
                raise
            raise PluginError(
                f"cannot load {offer}: {type(error).__name__}: {brief(error)}; fix or remove that "
                f"package"
            ) from error
        if point.name not in self._entries:
            raise PluginError(
                f"cannot find {offer}: {point.value} was imported but registers no such name; its "
                f"class needs @{self.kind.upper()}.register({point.name!r}, ...)"
            )

    def __getitem__(self, name: str) -> Factory:
        return self._entry(name).factory

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._entries, *self._plugins}))

    def __len__(self) -> int:
        return len({*self._entries, *self._plugins})

    def __contains__(self, name: object) -> bool:
        return self.find(name) is not None

    def __repr__(self) -> str:
        return f"Registry({self.kind!r}: {', '.join(self)})"


def unknown_name(
    kind: str,
    name: object,
    known: Iterable[str],
    *,
    what: str = "entry",
    aliases: Mapping[str, str] = MappingProxyType({}),
    hints: Iterable[str] = (),
) -> UnknownNameError:
    """Return the error for a name that is not in ``known``: near match first, then the list.

    Args:
        kind: Where it was looked for.
        name: What was looked for.
        known: All names there are.
        what: What has these names.
        aliases: Other words that are looked through for a near match, with the names they mean.
        hints: Where else it might be.
    """
    names = sorted(known)
    near = nearest(name, [*names, *aliases])
    meant = did_you_mean(aliases.get(word, word) for word in near)
    there = "".join(f"{hint}; " for hint in hints)
    return UnknownNameError(
        f"{kind} has no {what} named {excerpt(name)}; {there}{meant}known: "
        f"{', '.join(names) or 'none'}"
    )


def _owner(factory: Factory) -> str:
    return f"{factory.__module__}.{factory.__qualname__}"


LAYERS = Registry("layers")
FUSIONS = Registry("fusions")
PROJECTORS = Registry("projectors")
BLOCKS = Registry("blocks")
ENCODERS = Registry("encoders")
DECODERS = Registry("decoders")
DISCRIMINATORS = Registry("discriminators")
HEADS = Registry("heads")
SAMPLERS = Registry("samplers")
LOSSES = Registry("losses")
PENALTIES = Registry("penalties")
AUGMENTATIONS = Registry("augmentations")
FEATURES = Registry("features")

REGISTRIES: dict[str, Registry] = {
    registry.kind: registry
    for registry in (
        LAYERS, FUSIONS, PROJECTORS, BLOCKS, ENCODERS, DECODERS, DISCRIMINATORS, HEADS, SAMPLERS,
        LOSSES, PENALTIES, AUGMENTATIONS, FEATURES,
    )
}  # fmt: skip


def _registry(kind: str) -> Registry:
    if kind not in REGISTRIES:
        raise unknown_name("the set of registries", kind, REGISTRIES)
    return REGISTRIES[kind]


def create(kind: str, name: str, /, *args: Any, **settings: Any) -> Any:
    """Build a registered part: ``stgan.create("fusions", "concat", 64, 32)``.

    Args:
        kind: A key of :data:`REGISTRIES`.
        name: A name that :func:`list` shows, an alias such as ``"lsgan"``, or the name of the
            class.
        *args: Passed to the constructor.
        **settings: Passed to the constructor; an unknown one raises its own ``TypeError``.

    Raises:
        UnknownNameError: If the kind or the name is not known; the error suggests the nearest.

    Example:
        >>> import stgan
        >>> stgan.create("fusions", "concat", 64, 32).out_channels
        96
    """
    return _registry(kind).create(name, *args, **settings)


def list(kind: str, pattern: str = "*", *, exclude: str | Sequence[str] = ()) -> builtins.list[str]:
    """Return the names of a kind that match a shell pattern.

    Args:
        kind: A key of :data:`REGISTRIES`.
        pattern: A shell pattern such as ``"conv_transpose*"``.
        exclude: One pattern, or several, that a listed name must not match.

    Example:
        >>> import stgan
        >>> stgan.list("losses", "ssim*")
        ['ssim_2d', 'ssim_3d']
    """
    return _registry(kind).list(pattern, exclude=exclude)


def info(kind: str, name: str) -> EntryInfo:
    """Return summary, source, shape contract and signature of an entry.

    Args:
        kind: A key of :data:`REGISTRIES`.
        name: A name that :func:`list` shows.

    Example:
        >>> import stgan
        >>> stgan.info("projectors", "one_hot").shape
        '(N,) or (N, K) -> (N, K, T, H, W)'
    """
    return _registry(kind).info(name)

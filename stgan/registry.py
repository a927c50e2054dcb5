"""Registries: find a part by name, see what it is, build it.

A registry is a door. Names are resolved once, where a configuration or a command line comes in;
inside the library, classes and modules travel, never names.
"""

import builtins
import difflib
import fnmatch
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from stgan.errors import UnknownNameError

__all__ = [
    "BLOCKS",
    "DECODERS",
    "DISCRIMINATORS",
    "ENCODERS",
    "FUSIONS",
    "LAYERS",
    "LOSSES",
    "PROJECTORS",
    "REGISTRIES",
    "SAMPLERS",
    "EntryInfo",
    "Registry",
    "create",
    "info",
    "list",
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
    """

    name: str
    summary: str
    source: str
    shape: str
    signature: str
    owner: str


class Registry(Mapping[str, Factory]):
    """A read-only mapping from names to factories that refuses, suggests and lends nothing out.

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
        self._factories: dict[str, Factory] = {}
        self._about: dict[str, tuple[str, str]] = {}

    def register(self, name: str, *, source: str, shape: str) -> Callable[[F], F]:
        """Return a decorator that adds a class or function under ``name``.

        Args:
            name: Family first, in snake case: ``"conv_transpose_1p2d"``.
            source: The paper with its section or equation.
            shape: The shape contract in one line.

        Raises:
            ValueError: If the name is taken or is not snake case.
        """
        if not name.isidentifier() or name != name.lower():
            raise ValueError(f"a name in {self.kind} must be snake_case, got {name!r}")
        if name in self._factories:
            raise ValueError(
                f"{self.kind} already has {name!r}, registered by "
                f"{_owner(self._factories[name])}; choose another name"
            )

        def add(factory: F) -> F:
            self._factories[name] = factory
            self._about[name] = (source, shape)
            return factory

        return add

    def create(self, name: str, /, *args: Any, **settings: Any) -> Any:
        """Build the entry ``name``; settings go to its constructor unchanged."""
        return self[name](*args, **settings)

    def list(self, pattern: str = "*", *, exclude: str | Sequence[str] = ()) -> builtins.list[str]:
        """Return the sorted names that match a shell pattern and none of ``exclude``."""
        refused = [exclude] if isinstance(exclude, str) else exclude
        return sorted(
            name
            for name in fnmatch.filter(self._factories, pattern)
            if not any(fnmatch.fnmatchcase(name, no) for no in refused)
        )

    def info(self, name: str) -> EntryInfo:
        """Return what is known about an entry without building it."""
        factory = self[name]
        source, shape = self._about[name]
        doc = inspect.getdoc(factory) or ""
        return EntryInfo(
            name=name,
            summary=doc.partition("\n")[0],
            source=source,
            shape=shape,
            signature=str(inspect.signature(factory)),
            owner=_owner(factory),
        )

    def __getitem__(self, name: str) -> Factory:
        try:
            return self._factories[name]
        except KeyError:
            raise unknown_name(self.kind, name, self._factories) from None

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._factories))

    def __len__(self) -> int:
        return len(self._factories)

    def __repr__(self) -> str:
        return f"Registry({self.kind!r}: {', '.join(self)})"


def unknown_name(kind: str, name: object, known: Mapping[str, Any]) -> UnknownNameError:
    """Return the error for a name that is not in ``known``: near match first, then the list."""
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return UnknownNameError(
        f"{kind} has no entry named {name!r}; {hint}known: {', '.join(sorted(known))}"
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
SAMPLERS = Registry("samplers")
LOSSES = Registry("losses")

REGISTRIES: dict[str, Registry] = {
    registry.kind: registry
    for registry in (
        LAYERS, FUSIONS, PROJECTORS, BLOCKS, ENCODERS, DECODERS, DISCRIMINATORS, SAMPLERS, LOSSES,
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
        name: A name that :func:`list` shows.
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
        >>> stgan.list("losses")
        ['hinge', 'least_squares', 'non_saturating']
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

"""Plain data from files: JSON and YAML, read within bounds that hold for a stranger's file too."""

import functools
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stgan._excerpt import brief, excerpt
from stgan.errors import ConfigError

__all__ = ["check_bounds", "dump_yaml", "load_yaml", "read_plain"]

# An architecture of a hundred stages stays far below each of them.
_MOST_BYTES = 2**18
_MOST_VALUES = 20_000
_MOST_LEVELS = 50
_MOST_LETTERS = 4096
_MOST_BITS = 64

_TAG = "tag:yaml.org,2002:"
# The core schema of YAML 1.2: what is not listed, such as on, 1:30 or 2020-01-01, is text.
_SCALARS = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    "float": (
        r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
}


def check_bounds(value: Any, subject: str) -> Any:
    """Return plain data; refuse it if it is too large, too deep, or holds itself.

    What stands in several places counts in each of them, as it will be read in each.

    Args:
        value: The data.
        subject: What it is called in the error.

    Raises:
        ConfigError: If a bound is exceeded.
    """
    waiting, count = [(value, 0)], 0
    while waiting:
        item, level = waiting.pop()
        count += 1
        if count > _MOST_VALUES:
            raise ConfigError(
                f"{subject} must hold at most {_MOST_VALUES} values, those that are repeated "
                f"counted each time; leave out what is repeated"
            )
        if level > _MOST_LEVELS:
            raise _too_deep(subject)
        if isinstance(item, Mapping):
            waiting += [(one, level + 1) for pair in item.items() for one in pair]
        elif isinstance(item, list | tuple):
            waiting += [(one, level + 1) for one in item]
        elif isinstance(item, str) and len(item) > _MOST_LETTERS:
            raise ConfigError(
                f"{subject} must have texts of at most {_MOST_LETTERS} characters, got one of "
                f"{len(item)}: {excerpt(item)}"
            )
        elif isinstance(item, int) and item.bit_length() > _MOST_BITS:
            raise ConfigError(
                f"{subject} must have whole numbers of at most {_MOST_BITS} bits, got one of "
                f"{item.bit_length()}"
            )
    return value


def _too_deep(subject: str) -> ConfigError:
    return ConfigError(
        f"{subject} must be nested at most {_MOST_LEVELS} levels deep and not hold itself"
    )


def read_plain(path: Path) -> Any:
    """Return what a ``.json``, ``.yaml`` or ``.yml`` file holds.

    Args:
        path: A file of at most 256 KiB, with at most 20,000 values, 50 levels deep.

    Raises:
        ConfigError: If it cannot be read, is not valid, sets a key twice or exceeds a bound.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "part.json")
        ...     _ = path.write_text('{"eps": 1e-3}', encoding="utf-8")
        ...     read_plain(path)
        {'eps': 0.001}
    """
    if path.suffix not in (".json", ".yaml", ".yml"):
        raise ConfigError(f"{path} must be a .json, .yaml or .yml file")
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise ConfigError(f"{path} cannot be read: it is no file")
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise ConfigError(f"{path} cannot be read: {reason}") from error
    if len(content) > _MOST_BYTES:
        raise ConfigError(f"{path} must be a file of at most {_MOST_BYTES >> 10} KiB, got more")
    return (_load_json if path.suffix == ".json" else load_yaml)(text, str(path))


def _load_json(text: str, subject: str) -> Any:
    try:
        found = json.loads(
            text,
            object_pairs_hook=functools.partial(_mapping, subject),
            parse_float=functools.partial(_number, subject),
            parse_constant=functools.partial(_number, subject),
        )
    except ConfigError:
        raise
    except RecursionError:
        raise _too_deep(subject) from None
    except ValueError as error:
        raise ConfigError(f"{subject} is no valid JSON: {brief(error)}") from error
    return check_bounds(found, subject)


def load_yaml(text: str, subject: str) -> Any:
    """Return what a text in YAML says, by the core schema of YAML 1.2.

    ``1e-3`` is a number and ``on`` is text, as in JSON; what is in quotes stays text.

    Args:
        text: One document.
        subject: What it is called in the error.

    Raises:
        ConfigError: If it is not valid, sets a key twice, exceeds a bound, or has a value that is
            no plain data.

    Example:
        >>> load_yaml("{eps: 1e-3, mode: on}", "the example")
        {'eps': 0.001, 'mode': 'on'}
    """
    if len(text) > _MOST_BYTES:
        raise ConfigError(f"{subject} must have at most {_MOST_BYTES >> 10} KiB, got more")
    loader_of, _ = _yaml(subject)
    import yaml

    try:
        return check_bounds(loader_of(text, subject).get_single_data(), subject)
    except ConfigError:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = "" if mark is None else f", line {mark.line + 1}, column {mark.column + 1}"
        said = brief(f"{error.context or ''} {error.problem or ''}")
        raise ConfigError(f"{subject} is no valid YAML{where}: {said}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{subject} is no valid YAML: {brief(error)}") from error


def dump_yaml(value: Any) -> str:
    """Return plain data as YAML that :func:`load_yaml` reads back as it was.

    Args:
        value: Dicts, lists, texts, numbers, booleans and ``None``.

    Example:
        >>> print(dump_yaml({"eps": 1e-05, "name": "1e-3", "flag": "on"}), end="")
        eps: 1.0e-05
        name: '1e-3'
        flag: 'on'
    """
    _, dumper = _yaml("YAML")
    import yaml

    text: str = yaml.dump(value, Dumper=dumper, sort_keys=False)
    return text


def _number(subject: str, text: str) -> float:
    value = float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    if math.isnan(value):
        raise ConfigError(f"{subject} must have numbers for settings, got {text}")
    if math.isinf(value) and "inf" not in text.lower():
        raise ConfigError(f"{subject} must have numbers that a float can hold, got {excerpt(text)}")
    return value


def _mapping(subject: str, pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if not isinstance(key, str):
            raise ConfigError(f"{subject} must have texts for keys, got {excerpt(key)}")
        if key in found:
            raise ConfigError(f"{subject} sets {excerpt(key)} twice; leave out one")
        found[key] = value
    return found


@functools.cache
def _yaml_classes() -> tuple[Any, Any]:
    """A loader and a dumper; PyYAML is needed only where there is YAML."""
    from yaml import SafeDumper, SafeLoader
    from yaml.constructor import ConstructorError
    from yaml.nodes import MappingNode

    class Loader(SafeLoader):
        """Of plain data only, by the rules of YAML 1.2, with the bounds kept while it reads."""

        def __init__(self, text: str, subject: str) -> None:
            super().__init__(text)
            self.subject, self.level, self.count = subject, 0, 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            self.level, self.count = self.level + 1, self.count + 1
            if self.level > _MOST_LEVELS + 1:
                raise _too_deep(self.subject)
            if self.count > _MOST_VALUES:
                raise ConfigError(f"{self.subject} must hold at most {_MOST_VALUES} values")
            node: Any = super().compose_node(parent, index)
            # Here, not when all are read: a short mark may stand for a tag that fills the file.
            if node.tag not in self.yaml_constructors:
                raise ConstructorError(
                    None, None, f"{excerpt(node.tag)} is no plain data", node.start_mark
                )
            self.level -= 1
            return node

        def construct_scalar(self, node: Any) -> Any:
            kind, text = node.tag.removeprefix(_TAG), super().construct_scalar(node)
            if kind in _SCALARS and not re.fullmatch(_SCALARS[kind][0], text, re.ASCII):
                raise ConstructorError(None, None, f"no {kind}: {excerpt(text)}", node.start_mark)
            if kind == "int":
                return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
            if kind == "float":
                return _number(self.subject, text)
            return {"null": None, "bool": text.lower() == "true"}.get(kind, text)

        def construct_sequence(self, node: Any, deep: bool = False) -> Any:
            found: list[Any] = []
            yield found
            found += super().construct_sequence(node, deep)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            found: dict[str, Any] = {}
            yield found
            if not isinstance(node, MappingNode):
                raise ConstructorError(None, None, "no mapping", node.start_mark)
            found |= _mapping(
                self.subject,
                [(self.construct_object(key, True), self.construct_object(value, deep))
                 for key, value in node.value],
            )  # fmt: skip

    class Dumper(SafeDumper):
        """Puts in quotes whatever this loader, or one of YAML 1.1, would take for no text."""

    loader: Any = Loader  # PyYAML's types know only its own loaders
    loader.yaml_implicit_resolvers, loader.yaml_constructors = {}, {}  # none of YAML 1.1
    for name, (pattern, first) in _SCALARS.items():
        for cls in (loader, Dumper):
            cls.add_implicit_resolver(_TAG + name, re.compile(rf"(?:{pattern})\Z", re.ASCII), first)
        loader.add_constructor(_TAG + name, Loader.construct_scalar)
    loader.add_constructor(_TAG + "str", Loader.construct_scalar)
    loader.add_constructor(_TAG + "seq", Loader.construct_sequence)
    loader.add_constructor(_TAG + "map", Loader.construct_mapping)
    return Loader, Dumper


def _yaml(subject: str) -> tuple[Any, Any]:
    try:
        return _yaml_classes()
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            f"reading {subject} needs PyYAML; pip install 'stgan[recipes]', or write JSON"
        ) from None

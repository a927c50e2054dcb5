"""Read settings: from a preset, a file and the command line into one checked dataclass."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

import tyro
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from tyro.constructors import PrimitiveConstructorSpec

from stgan._excerpt import excerpt, reason
from stgan.config import dump_yaml, read_plain
from stgan.errors import ConfigError
from stgan.registry import unknown_name

__all__ = [
    "OF_THE_START",
    "Count",
    "NotNegative",
    "Part",
    "Positive",
    "Rare",
    "RunSettings",
    "SettingsGroup",
    "Share",
    "T",
    "Terms",
    "Times",
    "check_settings",
    "checked",
    "merged",
    "plain",
    "preset_of",
    "read_settings",
    "write_settings",
]

#: A whole number from 1 on.
Count: TypeAlias = Annotated[int, Field(ge=1)]
#: A whole number from 0 on.
Times: TypeAlias = Annotated[int, Field(ge=0)]
#: A finite number from 0 on.
NotNegative: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]
#: A finite number above 0.
Positive: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
#: A number from 0 to below 1.
Share: TypeAlias = Annotated[float, Field(ge=0, lt=1)]


def _read_terms(words: list[str]) -> dict[str, float]:
    if len(words) % 2:
        raise ValueError(f"names and weights in turn, got {' '.join(words)}")
    names = words[::2]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"each name once, got {name!r} {names.count(name)} times")
    return dict(zip(names, map(float, words[1::2]), strict=True))


def _words(value: Any) -> list[str]:
    """A part, or terms, as the help shows them."""
    if value is None or isinstance(value, str):
        return [value or "none"]
    if "name" in value:
        return [str(value["name"])]
    weights = {k: w.get("weight") if isinstance(w, Mapping) else w for k, w in value.items()}
    return [str(word) for pair in weights.items() for word in pair]


_PART: Any = PrimitiveConstructorSpec(
    nargs=1,
    metavar="NAME",
    instance_from_str=lambda words: None if words[0] in ("none", "None") else words[0],
    is_instance=lambda value: value is None or isinstance(value, str | dict),
    str_from_instance=_words,
)
_TERMS: Any = PrimitiveConstructorSpec(
    nargs="*",
    metavar="NAME WEIGHT ...",
    instance_from_str=_read_terms,
    is_instance=lambda value: isinstance(value, dict),
    str_from_instance=_words,
)
#: A registered part, by its name or, in a file, by a mapping of name and settings, or ``None``.
Part: TypeAlias = Annotated[str | dict[str, Any] | None, _PART]
#: Names of losses or penalties with their weights; in a file a mapping may stand for a weight.
Terms: TypeAlias = Annotated[dict[str, float | dict[str, Any]], _TERMS]
V = TypeVar("V")
#: What is set rarely, as ``Rare[int]``: in a file, or by an option that help does not list.
Rare = Annotated[V, tyro.conf.Suppress]


class SettingsGroup:
    """Base of dataclasses of settings: types are strict, and unknown names are refused.

    Beside each field stands a comment, which ``--help`` shows.

    Example:
        >>> @dataclass(frozen=True)
        ... class Network(SettingsGroup):
        ...     width: Count = 64  # Channels of the finest stage.
        ...     norm: Part = "batch"  # Of every stage.
    """

    __pydantic_config__ = ConfigDict(strict=True, extra="forbid")


@dataclass(frozen=True)
class RunSettings(SettingsGroup):
    """What every recipe is told: where its settings start, and where its run lies.

    Attributes:
        preset: Where the other settings start.
        out: Run folder.
        resume: Go on from the newest checkpoint in the run folder, with its settings.
        config: File of settings that replace those of the preset.
        trust: Whether files that settings name may be run, see :func:`stgan.build`.

    Example:
        >>> from stgan.settings import parse_settings
        >>> @dataclass(frozen=True)
        ... class Mine(RunSettings):
        ...     steps: Count = 1000
        >>> presets = {"usual": Mine(preset="usual"), "short": Mine(preset="short", steps=10)}
        >>> parse_settings(presets, ["--preset", "short", "--out", "runs/a"]).steps
        10
    """

    preset: str = ""
    """Where the other settings start."""
    out: Path = Path("runs/new")
    """Run folder: checkpoints, metrics.jsonl, TensorBoard, config.yaml."""
    resume: bool = False
    """Go on from the newest checkpoint in the run folder, with its settings."""
    config: Path | None = None
    """File of settings that replace those of the preset: nested YAML or JSON, any part of them."""
    trust: bool = False
    """Run files that settings name and that are programs, which may do anything."""


# How a run was started is no part of what it is.
OF_THE_START = ("resume", "config", "trust")
T = TypeVar("T", bound=RunSettings)


def read_settings(
    path: Path,
    presets: Mapping[str, T],
    *,
    preset: str | None = None,
    convert: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
) -> T:
    """Read a file of settings, which need not name all of them.

    Args:
        path: A ``.yaml`` or ``.json`` file; it may come from a stranger.
        presets: Where the others come from, by name.
        preset: Which of them; by default the one that the file names, or the first.
        convert: As :func:`parse_settings` takes it.

    Raises:
        UnknownNameError: If there is no such preset or setting.
        ConfigError: If the file cannot be read, or a value is not what its setting takes.

    Example:
        >>> import tempfile
        >>> presets = {"usual": RunSettings(preset="usual")}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "config.yaml")
        ...     _ = path.write_text("out: runs/b")
        ...     read_settings(path, presets).out.name
        'b'
    """
    content = read_plain(path)
    if not isinstance(content, Mapping):
        raise ConfigError(f"{path} must hold a mapping of settings, got {excerpt(content)}")
    told = {key: value for key, value in content.items() if key not in OF_THE_START}
    if convert is not None:
        try:
            told = convert(told)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigError(
                f"{path} must hold all settings of an older version as it wrote them, got others: "
                f"{reason(error)}"
            ) from error
    name = preset or told.get("preset") or next(iter(presets))
    start = preset_of(presets, str(name))
    both = merged(plain(asdict(start)), told, start, f"{path}: ") | {"preset": str(name)}
    return checked(type(start), both, f"{path}: ")


def write_settings(settings: RunSettings) -> str:
    """Return settings as YAML that :func:`read_settings` reads back, all of them.

    Args:
        settings: Of a run.

    Example:
        >>> print(write_settings(RunSettings(preset="usual")), end="")
        preset: usual
        out: runs/new
    """
    told = asdict(settings)
    return dump_yaml(plain({key: told[key] for key in told if key not in OF_THE_START}))


def check_settings(settings: T) -> T:
    """Return settings whose types and bounds were checked.

    Args:
        settings: Made in a program, where nothing has looked at them yet.

    Raises:
        ConfigError: If a value is not what its setting takes.

    Example:
        >>> check_settings(RunSettings(preset="usual")).preset
        'usual'
    """
    return checked(type(settings), plain(asdict(settings)), "")


def preset_of(presets: Mapping[str, T], name: str) -> T:
    """Return a preset by its name."""
    if name not in presets:
        raise unknown_name("the recipe", name, presets, what="preset")
    return presets[name]


def plain(value: Any) -> Any:
    """Return a value as JSON and YAML know it."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def merged(
    start: dict[str, Any], told: Mapping[str, Any], settings: Any, subject: str = ""
) -> dict[str, Any]:
    """What a file says over what a preset says; a part or a term is replaced whole."""
    both = dict(start)
    for key, value in told.items():
        inner = getattr(settings, str(key), None)
        if is_dataclass(inner) and isinstance(value, Mapping):
            known = [one.name for one in fields(inner)]
            for name in value:  # pydantic passes over those of a dataclass that is not its own
                if name not in known:
                    raise unknown_name(f"{subject}{key}", name, known, what="setting")
            value = merged(start[key], value, inner, f"{subject}{key}.")
        both[key] = value
    return both


def checked(kind: type[T], content: Mapping[str, Any], subject: str) -> T:
    """Return settings of plain data, or raise the first mistake; ``subject`` begins the error."""
    try:
        return TypeAdapter(kind).validate_json(json.dumps(content))
    except ValidationError as error:
        raise _refusal(kind, error, subject) from None


# What pydantic calls a type, in the words of somebody who writes a file of settings.
_WORDS = {
    "Input should be ": "",
    "greater than or equal to": "at least",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid string": "text",
    "an object": "a mapping",
}


def _refusal(kind: type[Any], error: ValidationError, subject: str) -> Exception:
    """The first mistake in one sentence; what each type of a setting would take, joined."""
    errors = error.errors(include_url=False)
    place: list[str] = []
    for step in errors[0]["loc"]:  # names of fields; behind the last come the types of a choice
        types = {f.name: f.type for f in fields(kind)} if is_dataclass(kind) else {}
        if step not in types:
            break
        place.append(str(step))
        kind = types[str(step)]  # type: ignore[assignment]
    name = ".".join(place) or "the recipe"
    if errors[0]["type"] == "unexpected_keyword_argument":
        known = [f.name for f in fields(kind)]
        return unknown_name(subject + name, errors[0]["loc"][-1], known, what="setting")
    wanted = []
    for one in errors:
        if one["loc"][: len(place)] == tuple(place):
            said = one["msg"]
            for theirs, ours in _WORDS.items():
                said = said.replace(theirs, ours)
            wanted.append(said[0].lower() + said[1:])
    said = " or ".join(dict.fromkeys(wanted))
    return ConfigError(f"{subject}{name} must be {said}, got {excerpt(errors[0]['input'])}")

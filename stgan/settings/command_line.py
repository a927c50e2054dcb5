"""Settings of a run from its command line, which begins with a preset or a file."""

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from itertools import takewhile
from pathlib import Path
from types import MappingProxyType
from typing import Any

import tyro

from stgan._excerpt import excerpt
from stgan.config import load_yaml
from stgan.errors import CheckpointError, ConfigError
from stgan.settings.reading import (
    OF_THE_START,
    RunSettings,
    T,
    checked,
    merged,
    plain,
    preset_of,
    read_settings,
)

__all__ = ["parse_settings"]


@dataclass(frozen=True)
class _Start:
    """The options that say where all others begin."""

    preset: str | None = None
    config: Path | None = None
    out: Path | None = None
    resume: bool = False


def parse_settings(
    presets: Mapping[str, T],
    args: Sequence[str] | None = None,
    *,
    prog: str | None = None,
    may_change: Collection[str] = (),
    convert: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
    former: Mapping[str, str] = MappingProxyType({}),
) -> T:
    """Read the settings of a run from the command line.

    They begin with a preset, the first by default, which ``--config`` changes, or with those of
    the run folder under ``--resume``; every other option replaces one of them.
    What ``--help`` does not list is an option, too: a setting that is set rarely, and one of a
    part, such as ``--model.encoder.frozen``.

    Args:
        presets: Settings by name, all of one class.
        args: What stands on the command line; by default that of the process.
        prog: How the program is called, for its help.
        may_change: Dotted names, such as ``"train.steps"``, of what a resumed run may change.
        convert: Turns the content of a file of an older version into that of this one.
        former: Dotted names of options that an older version had, with those of today.

    Raises:
        UnknownNameError: If there is no such preset or setting.
        ConfigError: If a file or option cannot be read, or a value is not what its setting takes.
        CheckpointError: If a resumed run would change what it is, or is given another file.

    Example:
        >>> presets = {"usual": RunSettings(preset="usual")}
        >>> parse_settings(presets, ["--out", "runs/a"]).out.name
        'a'
    """
    given = [_renamed(word, former) for word in (sys.argv[1:] if args is None else args)]
    start, _ = tyro.cli(_Start, args=given, return_unknown_args=True, add_help=False)
    first = next(iter(presets))
    default = preset_of(presets, start.preset or first)
    saved = None
    if start.resume:
        out = start.out or default.out
        if start.config is not None:
            raise CheckpointError(
                f"--config {start.config} is not read where a run is resumed, which goes on with "
                f"the settings in its folder {out}; leave out --config"
            )
        if not (out / "config.yaml").is_file():
            raise CheckpointError(
                f"run folder {out} holds no config.yaml to resume from; leave out --resume to begin"
            )
        saved = replace(read_settings(out / "config.yaml", presets, convert=convert), out=out)
    elif start.config is not None:
        named = read_settings(start.config, presets, preset=start.preset, convert=convert)
        # A file that may come from a stranger does not choose where is written.
        default = replace(named, out=default.out)
    listed, others = tyro.cli(
        type(default), args=given, default=saved or default, prog=prog, return_unknown_args=True
    )
    settings = checked(type(default), _with_others(listed, others), "")
    if saved is not None:
        _check_same(saved, settings, may_change)
    return settings


def _renamed(word: str, former: Mapping[str, str]) -> str:
    """An option of an older version by the name that it has now."""
    name, equals, value = word.removeprefix("--").partition("=")
    now = former.get(name.replace("-", "_")) if word.startswith("--") else None
    return word if now is None else f"--{now}{equals}{value}"


def _with_others(settings: RunSettings, words: list[str]) -> dict[str, Any]:
    """The settings as plain data, with those options that tyro does not list."""
    content = plain(asdict(settings))
    while words:
        option, *words = words
        if not option.startswith("--"):
            raise ConfigError(f"{option!r} must follow an option, such as --out; leave it out")
        name, equals, value = option[2:].partition("=")
        given = [value] if equals else [*takewhile(lambda word: not word.startswith("--"), words)]
        words = words[0 if equals else len(given) :]
        values = [None if word == "None" else load_yaml(word, option) for word in given]
        *place, key = name.replace("-", "_").split(".")
        inside, told = _inside(content, place, option), values[0] if len(values) == 1 else values
        if not values:  # a switch, on or off
            told, key = not key.startswith("no_"), key.removeprefix("no_")
        inside[key] = told
    return merged(plain(asdict(settings)), content, settings)


def _inside(content: dict[str, Any], place: Sequence[str], option: str) -> dict[str, Any]:
    """The mapping in which an option is; a part that has a name alone becomes one."""
    for key in place:
        inner = content.get(key)
        if isinstance(inner, str):
            inner = content[key] = {"name": inner}
        elif inner is None and key == "adapt":
            inner = content[key] = {}
        if not isinstance(inner, dict):
            raise ConfigError(f"{option} is none of the settings, which have no {key!r} to set")
        content = inner
    return content


def _check_same(saved: RunSettings, settings: RunSettings, may_change: Collection[str]) -> None:
    """What a run is must stay when it is resumed; its length, pace and machine may change."""
    before, now = _flat(saved), _flat(settings)
    changed = [
        f"{name} ({excerpt(before[name])} there, {excerpt(now[name])} here)"
        for name in before
        if before[name] != now[name]
        and not any(f"{name}.".startswith(f"{one}.") for one in (*OF_THE_START, *may_change))
        # Another machine has its files elsewhere, but it has them.
        and not (isinstance(before[name], Path) and isinstance(now[name], Path))
    ]
    if changed:
        raise CheckpointError(
            f"run folder {saved.out} was trained with another {', '.join(changed)}; resume without "
            f"it, or begin in another folder"
        )


def _flat(settings: Any, prefix: str = "") -> dict[str, Any]:
    """Every setting by its dotted name."""
    named: dict[str, Any] = {}
    for field in fields(settings):
        value, name = getattr(settings, field.name), prefix + field.name
        named |= _flat(value, f"{name}.") if is_dataclass(value) else {name: value}
    return named

"""The command line of the recipe: settings from presets, files and options."""

import sys
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

import tyro

from examples.imaginator.config import Settings, preset_settings, read_settings
from stgan.errors import CheckpointError, ConfigError

__all__ = ["parse_settings"]


@dataclass(frozen=True)
class _Start:
    """The options that say where all others begin."""

    preset: str = "imaginator"
    config: Path | None = None
    out: Path | None = None
    resume: bool = False


def parse_settings(args: list[str] | None = None) -> Settings:
    """Read the settings of a run from the command line.

    They begin with a preset, with the file given as ``--config``, or with those of the run folder
    under ``--resume``; every other option replaces one of them.

    Raises:
        UnknownNameError: If there is no such preset.
        ConfigError: If a term of a loss is named twice.
        DataError: If a file of settings cannot be read.
        CheckpointError: If a resumed run would change its preset, networks, losses or clips, or a
            file of settings is given for it.
    """
    given = sys.argv[1:] if args is None else args
    _check_named_once(given)
    start, _ = tyro.cli(_Start, args=given, return_unknown_args=True, add_help=False)
    default = preset_settings(start.preset)
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
        saved = replace(read_settings(out / "config.yaml"), out=out)
    elif start.config is not None:
        # A file that may come from a stranger does not choose where is written.
        default = replace(read_settings(start.config), out=default.out)
    settings = tyro.cli(
        Settings, args=given, default=saved or default, prog="python -m examples.imaginator.train"
    )
    if saved is not None:
        _check_same(saved, settings)
    return settings


def _check_named_once(given: list[str]) -> None:
    """Refuse two weights for one term, of which the parser keeps the last only."""
    for place, option in enumerate(given):
        if option.replace("_", "-") not in ("--loss.penalties", "--loss.generator-terms"):
            continue
        words = list(takewhile(lambda word: not word.startswith("--"), given[place + 1 :]))
        names = words[::2]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(
                    f"{option} must name each term once, got {name!r} {names.count(name)} times; "
                    f"leave out all but one"
                )


def _check_same(saved: Settings, settings: Settings) -> None:
    """What a run is must stay when it is resumed; its length, pace and machine may change."""
    keys = [
        f"{part}.{key} ({value} there, {getattr(getattr(settings, part), key)} here)"
        for part in ("model", "discriminator", "loss", "data", "train")
        for key, value in vars(getattr(saved, part)).items()
        if getattr(getattr(settings, part), key) != value
        # The others of training say where the run is in its data, and what its networks are.
        and (part != "train" or key in ("batch_size", "seed", "ema_decay"))
        and (part, key) not in (("data", "workers"), ("data", "cache_bytes"))
        # Another machine has its files elsewhere, but it has them.
        and not (
            (part, key) in (("data", "root"), ("data", "validation_list"))
            and None not in (value, getattr(settings.data, key))
        )
    ]
    if settings.preset != saved.preset:  # of which nothing would be taken but the name
        keys.insert(0, f"preset ({saved.preset} there, {settings.preset} here)")
    if keys:
        raise CheckpointError(
            f"run folder {saved.out} was trained with another {', '.join(keys)}; resume without "
            f"it, or begin in another folder"
        )

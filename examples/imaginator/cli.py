"""Command lines of the recipe: settings from presets, files and options; errors as one sentence."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import tyro

from examples.imaginator.config import Settings, preset_settings, read_settings
from stgan.errors import CheckpointError, DataError, UnknownNameError

__all__ = ["parse_settings", "user_errors"]


@contextmanager
def user_errors(
    kinds: tuple[type[Exception], ...] = (ValueError, UnknownNameError),
) -> Iterator[None]:
    """End the program with one sentence where the user, not the program, is mistaken.

    Args:
        kinds: The errors to tell; by default every ``ValueError`` and unknown name, for the part
            of a program that reads settings and opens files.
    """
    try:
        yield
    except kinds as error:
        # An error of a loader's worker arrives with its traceback; the sentence is at its end.
        sentence = re.split(r"\w*Error: ", str(error).strip())[-1]
        print(f"error: {sentence}", file=sys.stderr)
        raise SystemExit(2) from error


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
        DataError: If a file of settings cannot be read.
        CheckpointError: If a resumed run would change its networks, losses or clips.
    """
    given = sys.argv[1:] if args is None else args
    start, _ = tyro.cli(_Start, args=given, return_unknown_args=True, add_help=False)
    default = preset_settings(start.preset)
    saved = None
    if start.resume:
        out = start.out or default.out
        if not (out / "config.yaml").is_file():
            raise CheckpointError(
                f"run folder {out} holds no config.yaml to resume from; leave out --resume to begin"
            )
        saved = replace(read_settings(out / "config.yaml"), out=out)
    elif start.config is not None:
        default = read_settings(start.config)
    settings = tyro.cli(
        Settings, args=given, default=saved or default, prog="python -m examples.imaginator.train"
    )
    if saved is not None:
        _check_same(saved, settings)
    return settings


def _check_same(saved: Settings, settings: Settings) -> None:
    """Only the length and pace of a run may change when it is resumed."""
    for part in ("model", "discriminator", "loss", "data"):
        before, after = getattr(saved, part), getattr(settings, part)
        if before != after:
            keys = [
                f"{part}.{key} ({value} there, {getattr(after, key)} here)"
                for key, value in vars(before).items()
                if getattr(after, key) != value
            ]
            raise CheckpointError(
                f"run folder {saved.out} was trained with another {', '.join(keys)}; resume "
                f"without it, or begin in another folder"
            )


def check_choice(name: str, known: tuple[str, ...], what: str) -> int:
    """Return the number of a class by its name or number.

    Raises:
        DataError: If it is neither.
    """
    if name in known:
        return known.index(name)
    if name.isdecimal() and int(name) < len(known):
        return int(name)
    raise DataError(f"{what} {name!r} is not one of {', '.join(known)} (or 0 to {len(known) - 1})")

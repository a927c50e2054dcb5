"""How a program of the command line ends where its user is mistaken: with one sentence."""

import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from stgan.errors import DataError, PluginError, UnknownNameError, printable

__all__ = ["USER_ERRORS", "check_choice", "complain", "interruptible", "user_errors"]

# While a program reads settings and opens files, these are mistakes of the user.
USER_ERRORS: tuple[type[Exception], ...] = (ValueError, UnknownNameError, PluginError, OSError)


def complain(error: Exception | str) -> None:
    """Print what was wrong on stderr, wrapped at words to the terminal, or to 80 columns."""
    sentence = str(error).strip()
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        sentence = f"{printable(error.filename, 200)} cannot be used: {error.strerror}"
    if sentence.startswith("Caught "):
        # By a worker of a loader, with the traceback there; the sentence is at its end.
        sentence = re.split(r"\w*Error: ", sentence)[-1]
    lines = textwrap.fill(
        f"error: {printable(sentence, 4000)}",
        shutil.get_terminal_size().columns,
        break_long_words=False,  # a path can be copied whole
        break_on_hyphens=False,
    )
    print(lines, file=sys.stderr)


@contextmanager
def user_errors(kinds: tuple[type[Exception], ...] = USER_ERRORS) -> Iterator[None]:
    """End the program with one sentence where the user, not the program, is mistaken.

    Args:
        kinds: The errors to report so; by default every ``ValueError``, unknown name, broken plugin
            and error of the system, for the part of a program that reads settings and opens files.

    Raises:
        SystemExit: With status 2, instead of the error.

    Example:
        >>> with user_errors():
        ...     raise ValueError("samples must be at least 1, got 0")
        Traceback (most recent call last):
        SystemExit: 2
    """
    try:
        yield
    except kinds as error:
        complain(error)
        raise SystemExit(2) from error


@contextmanager
def interruptible() -> Iterator[None]:
    """End the program with one line on Ctrl-C.

    Raises:
        SystemExit: With status 130, which shells give to it, instead of ``KeyboardInterrupt``.

    Example:
        >>> with interruptible():
        ...     raise KeyboardInterrupt
        Traceback (most recent call last):
        SystemExit: 130
    """
    try:
        yield
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        raise SystemExit(130) from None


def check_choice(name: str, known: Sequence[str], what: str) -> int:
    """Return the number of an entry that is given by its name or its number.

    Args:
        name: As the user wrote it.
        known: All names, in order.
        what: The user's word for an entry, such as ``"label"``.

    Raises:
        DataError: If it is neither.

    Example:
        >>> check_choice("wave", ["jump", "wave"], "label"), check_choice("0", ["jump"], "label")
        (1, 0)
    """
    if name in known:
        return known.index(name)
    if name.isdecimal() and int(name) < len(known):
        return int(name)
    raise DataError(f"{what} {name!r} is not one of {', '.join(known)} (or 0 to {len(known) - 1})")

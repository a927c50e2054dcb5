"""The errors that a caller of stgan may want to catch, and how text of strangers is printed."""

__all__ = [
    "CheckpointError",
    "ConfigError",
    "DataError",
    "PluginError",
    "ShapeError",
    "UnknownNameError",
    "printable",
]

# Characters of an error: enough for every sentence, and a bound for what a file may put into one.
_LONGEST = 4000


def printable(text: object, longest: int | None = None) -> str:
    r"""Return text that a terminal, a page or a figure can be given, whatever stands in it.

    Names of files, folders and classes may come from anyone. Characters that are not printed, such
    as those that move a cursor, turn the direction of writing or are no text at all, are written as
    Python writes them. What is printable stays as it is, in any alphabet.

    Args:
        text: A name, a path or a sentence.
        longest: Characters at most; the middle of a longer text is left out.

    Example:
        >>> print(printable("wave\x1b[31m\udcff"), printable("波 $x$"), printable("a" * 99, 9))
        wave\x1b[31m\udcff 波 $x$ aaa...aaa
    """
    text = _cut(str(text), longest)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _cut(text: str, longest: int | None) -> str:
    if longest is None or len(text) <= longest:
        return text
    half = (longest - 3) // 2
    return f"{text[:half]}...{text[len(text) - half :]}"


def _sentence(error: Exception) -> str:
    """Text of an error for a terminal; its arguments stay as they are."""
    # Not as KeyError, which prints the repr of its argument, quotes and all.
    text = str(error.args[0]) if len(error.args) == 1 else Exception.__str__(error)
    # That of a loader's worker has lines, the traceback of which the sentence is the last.
    return "\n".join(map(printable, _cut(text, _LONGEST).split("\n")))


class ShapeError(ValueError):
    """A tensor or a wanted size does not have the layout that an operation needs."""

    __str__ = _sentence


class UnknownNameError(KeyError):
    """A registry, preset or class list has no entry of this name."""

    __str__ = _sentence


class PluginError(ImportError):
    """Another package offers an entry to a registry, and it cannot be loaded."""

    __str__ = _sentence


class ConfigError(ValueError):
    """A configuration of a part is not one that can be built, or a part not one to write down."""

    __str__ = _sentence


class DataError(ValueError):
    """A file or folder of clips is missing, empty, broken, too short or of the wrong kind."""

    __str__ = _sentence


class CheckpointError(ValueError):
    """A checkpoint is missing, incomplete, damaged or belongs to something else."""

    __str__ = _sentence

"""Short, printable words of values and texts that somebody else wrote."""

import reprlib

from stgan.errors import printable

__all__ = ["brief", "excerpt", "reason"]

_REPR = reprlib.Repr()
_REPR.maxlevel, _REPR.maxstring, _REPR.maxother, _REPR.maxlong = 3, 60, 60, 40


def excerpt(value: object) -> str:
    """Return the ``repr`` of a value, cut to about a line.

    Example:
        >>> excerpt("x" * 1000)
        "'xxxxxxxxxxxxxxxxxxxxxxxxxxx...xxxxxxxxxxxxxxxxxxxxxxxxxxxx'"
    """
    try:
        return brief(_REPR.repr(value), 120)
    except Exception:  # of a class that is not ours, or a number that Python does not print
        return f"a {type(value).__name__}"


def brief(text: object, most: int = 300) -> str:
    r"""Return a text in one line of about ``most`` characters at most, all of them printable.

    Example:
        >>> brief("two\nlines and \x1b[31mred")
        'two lines and \\x1b[31mred'
    """
    return printable(" ".join(str(text)[: 4 * most].split()), most)


def reason(error: BaseException) -> str:
    """Return why another library refused, in a line: the first two of its own.

    The first line of torch's list of mismatches says only that there are some.
    """
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return brief(" ".join(line.strip() for line in lines[:2]).rstrip(". "), 200)

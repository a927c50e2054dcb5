"""Short, printable words of values and texts that somebody else wrote."""

import difflib
import reprlib
from collections.abc import Iterable

from stgan.errors import printable

__all__ = ["brief", "did_you_mean", "excerpt", "nearest", "reason"]

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


def nearest(word: object, known: Iterable[str], count: int = 1) -> list[str]:
    """Return the known words that are nearest to another, best first; none if none is near.

    Example:
        >>> nearest("transpose", ["conv_2p1d", "conv_transpose_1p2d"])
        ['conv_transpose_1p2d']
    """
    text, words = str(word)[:100], [*known]
    near = difflib.get_close_matches(text, words, n=count)
    # A piece of a name is no close match of a long one.
    parts = [one for one in sorted(words) if len(text) > 2 and text in one and one not in near]
    return [*near, *parts][:count]


def did_you_mean(words: Iterable[str]) -> str:
    """Return the part of an error that offers words, or nothing where there are none.

    Example:
        >>> did_you_mean(nearest("batchnorm", ["batch_norm", "group_norm"]))
        "did you mean 'batch_norm'? "
    """
    offer = " or ".join(map(repr, words))
    return f"did you mean {offer}? " if offer else ""


def reason(error: BaseException) -> str:
    """Return why another library refused, in a line: the first two of its own.

    The first line of torch's list of mismatches says only that there are some.
    """
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return brief(" ".join(line.strip() for line in lines[:2]).rstrip(". "), 200)

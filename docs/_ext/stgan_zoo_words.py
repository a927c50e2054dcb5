"""What is written in a box: a title and a line of details."""

import re
from collections.abc import Mapping

from stgan_zoo_details import DETAILS, sizes
from stgan_zoo_trace import Call
from stgan_zoo_vocabulary import ALIASES, CLOSED, VIEWS, WORDS, short_name
from torch import Tensor

__all__ = ["describe"]

_MINUS = "\N{MINUS SIGN}"
_WITH_PARTNER = {"add", "sub", "mul", "div", "rsub", "pow", "clamp", "eq", "gt", "lt"}


def describe(call: Call, names: Mapping[int, str]) -> tuple[str, str]:
    """Return the title and the details of a call, either of which may be shortened when drawn.

    Args:
        call: The call.
        names: Names of parameters by identity.
    """
    short = short_name(call)
    if call.module is not None:
        content = _content(call)
        # A chain has no name of its own.
        return (content, "") if call.name == "Sequential" else (_spaced(call.name), content)
    title = WORDS.get(short, short.replace("_", " "))
    if short in ("rsub", "sub") and (number := _partner(call, {})):
        return (f"{number} {_MINUS} x" if short == "rsub" else f"x {_MINUS} {number}"), ""
    about = DETAILS.get(short)
    if about is not None:
        return title, about(call)
    if not call.is_torch:
        return title, _settings(call)
    return title, _partner(call, names)


def _spaced(name: str) -> str:
    return name.removeprefix("Parametrized").removeprefix("_")


def _content(call: Call) -> str:
    """What a closed module is made of, each kind of operation once."""
    found: list[str] = []

    def walk(part: Call) -> None:
        short = short_name(part)
        if part.is_torch or (part.module is None and short in CLOSED):
            reads_data = short not in ALIASES | VIEWS | {"getitem"}
            word = WORDS.get(short)
            if reads_data and word and word not in found:
                found.append(word)
        elif part.name not in ("ParametrizationList", "SpectralNorm"):
            for inner in part.parts:
                walk(inner)

    for part in call.parts:
        walk(part)
    return ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")


def _partner(call: Call, names: Mapping[int, str]) -> str:
    """With which number or parameter a tensor is added, multiplied, compared and so on."""
    if short_name(call) not in _WITH_PARTNER:
        return ""
    for value in call.args:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return f"{value:.4g}"
        if isinstance(value, Tensor) and id(value) in names:
            return names[id(value)]
    return ""


def _settings(call: Call) -> str:
    """Plain settings of a function, as far as they are short."""
    shown = []
    for name, value in call.kwargs.items():
        if isinstance(value, bool) and value:
            shown.append(name.replace("_", " "))
        elif isinstance(value, int | str | float) and not isinstance(value, bool):
            shown.append(f"{name.replace('_', ' ')} {value}")
        elif isinstance(value, tuple) and value and all(isinstance(v, int) for v in value):
            shown.append(f"{name.replace('_', ' ')} {sizes(value, len(value))}")
    kept = [text for text in shown if len(text) <= 24 and not re.search(r"eps|dtype", text)]
    return ", ".join(kept[:2])

"""Print tables and sentences that fit the terminal, or 80 columns where there is none."""

import re
from collections.abc import Iterable, Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stgan.errors import printable

__all__ = [
    "bytes_of",
    "count",
    "duration",
    "pairs",
    "paragraph",
    "plain",
    "say",
    "table",
]

_ROLE = re.compile(r":[\w:]+:`~?([^`<]+?)(?: <[^>`]+>)?`")


def say(*parts: RenderableType) -> None:
    """Print text and tables, without blanks at the ends of lines."""
    console = Console(highlight=False, markup=False, emoji=False)
    with console.capture() as capture:
        for part in parts:
            console.print(_text(part) if isinstance(part, str) else part)
    lines = [line.rstrip() for line in capture.get().splitlines()]
    while lines and not lines[0]:
        del lines[0]
    print("\n".join(lines))


def _text(text: str) -> Text:
    """Text whose lines a terminal can be given, whatever names stand in it."""
    return Text("\n".join(map(printable, text.split("\n"))))


def plain(text: str) -> str:
    """Text of a docstring in one line, without the marks for references and code."""
    return re.sub(r"\s+", " ", _ROLE.sub(r"\1", text).replace("``", "")).strip()


def paragraph(text: str, *, indent: int = 0, hanging: int = 0) -> RenderableType:
    """Text that wraps at words; with ``hanging`` all lines but the first are set in."""
    if not hanging:
        return Padding(_text(text), (0, 0, 0, indent))
    grid = Table.grid()
    grid.add_column(width=indent + hanging)
    grid.add_column()
    grid.add_row(" " * indent + text[:hanging], _text(text[hanging:]))
    return grid


def pairs(rows: Mapping[str, str], *, indent: int = 0) -> RenderableType:
    """Two columns without a frame: what, and its value."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows.items():
        grid.add_row(_text(name), _text(value))
    return Padding(grid, (0, 0, 0, indent))


def table(
    headers: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()
) -> Table:
    """A table with a line under its head; the first column does not wrap.

    Args:
        headers: Titles of the columns.
        rows: Cells, as many in each as there are headers.
        right: Titles of the columns that stand at the right, as numbers do.
    """
    made = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for index, header in enumerate(headers):
        made.add_column(
            Text(header), no_wrap=index == 0, justify="right" if header in right else "left"
        )
    for row in rows:
        made.add_row(*map(_text, row))
    return made


def _scaled(value: float, step: int, units: Sequence[str]) -> str:
    power = 0
    # From 999.5 on, three digits would round up to a fourth.
    while value >= 999.5 and power < len(units) - 1:
        value, power = value / step, power + 1
    return f"{value:.3g} {units[power]}".rstrip()


def count(value: int) -> str:
    """A number with three digits and k, M, G or T."""
    return _scaled(value, 1000, ("", "k", "M", "G", "T"))


def bytes_of(value: int | None) -> str:
    """Bytes with three digits, in KiB, MiB or GiB."""
    return "-" if value is None else _scaled(value, 1024, ("B", "KiB", "MiB", "GiB"))


def duration(seconds: float | None) -> str:
    """Seconds with three digits, in us, ms or s."""
    return "-" if seconds is None else _scaled(seconds * 1e6, 1000, ("us", "ms", "s"))

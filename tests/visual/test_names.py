"""Names of classes, kinds and curves are shown as they are, whoever chose them."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text

from stgan.visual import (
    clip_grid,
    film_strip_grid,
    plot_confusion,
    plot_curves,
    plot_motion_energy,
    plot_slices,
)

NAMES = {
    "a$b_{c$": "a$b_{c$",
    r"\frac": r"\frac",
    r"a\$b$c$": r"a\$b$c$",
    "_hidden": "_hidden",
    "<script>": "<script>",
    "two\nlines": r"two\nlines",
    "\x1b[31mred": r"\x1b[31mred",
    "bytes\udcff": r"bytes\udcff",
    "zero\x00": r"zero\x00",
    "a" * 400: "a" * 48 + "..." + "a" * 48,
}


def _texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text)]


@pytest.mark.parametrize(
    "name", NAMES, ids=[name.encode("unicode_escape").decode()[:20] for name in NAMES]
)
def test_every_figure_shows_any_name(name: str, tmp_path: Path) -> None:
    shown, path = NAMES[name], tmp_path / "figure.png"
    clips = {name: torch.zeros(2, 3, 3, 8, 8), "b": torch.zeros(2, 3, 3, 8, 8)}
    drawings: list[tuple[Any, dict[str, Any], list[str]]] = [
        (plot_confusion, {"confusion": {name: torch.eye(2)}, "classes": [name, "b"]}, [shown]),
        (plot_curves, {"history": {f"g/{name}": [1.0, 2.0], "g/b": [2.0]}}, [shown]),
        (plot_curves, {"history": {name: [1.0, 2.0]}}, [shown]),
        (plot_motion_energy, {"clips": clips}, []),
        (plot_slices, {"clips": clips}, [shown]),
    ]
    for draw, arguments, wanted in drawings:
        with warnings.catch_warnings():
            # A name of 97 letters leaves little room for the panels.
            warnings.filterwarnings("ignore", "constrained_layout not applied")
            figure = draw(**arguments, path=path, title=name)
        texts = _texts(figure)
        assert shown in [figure.get_suptitle()]
        assert all(text in texts for text in wanted), draw
        assert path.stat().st_size > 1000


@pytest.mark.parametrize("grid", [clip_grid, film_strip_grid])
def test_grids_take_any_caption(grid: Any) -> None:
    clip = torch.zeros(3, 2, 8, 8)
    for name, shown in NAMES.items():
        made, plain = (
            grid([[clip]], row_labels=[label], column_labels=[label]) for label in (name, shown)
        )
        assert torch.equal(made, plain)

"""Everything about a run on one page that opens in any browser, also without a network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from stgan._files import replacing
from stgan.errors import printable
from stgan.metrics import MetricResult
from stgan.report.figures import Figure
from stgan.report.log import alarms_of, figures_of_log, read_log
from stgan.report.table import columns_of

__all__ = ["Report"]


@dataclass(frozen=True)
class Report:
    """The page of a run; whatever is not given is left out.

    Args:
        title: Of the page.
        about: A sentence below it.
        facts: What was scored, trained and with what, line by line.
        results: Row, such as ``"generated"``, to results by name, as of
            :class:`stgan.metrics.ClipScores`: a table, and each score with its protocol.
        figures: Films and pictures, such as of :func:`stgan.report.clip_figures`.
        log: The ``metrics.jsonl`` of a run: curves, and alarms of its health.
        settings: Of the run; mappings in it are named by dots.
        usual: Other values of the settings, such as those of a preset; what differs is shown first.
        usual_name: What these are, such as ``"the preset tiny"``.

    Example:
        >>> page = Report("my run", facts={"clips": 12}, settings={"model": {"lr": 2e-4}}).render()
        >>> "<h1>my run</h1>" in page, "<td>model.lr</td>" in page, "<h2>Scores" in page
        (True, True, False)
    """

    title: str
    about: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    results: Mapping[str, Mapping[str, MetricResult]] = field(default_factory=dict)
    figures: Sequence[Figure] = ()
    log: str | Path | None = None
    settings: Mapping[str, Any] | None = None
    usual: Mapping[str, Any] | None = None
    usual_name: str = "the defaults"

    def render(self) -> str:
        """Return the page as HTML that needs nothing else: no script, no font, no other file.

        Raises:
            DataError: If a line of the log is broken.
        """
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        lines, missing = ([], "") if self.log is None else read_log(Path(self.log))
        settings = compare(self.settings or {}, self.usual)
        page = Environment(
            loader=FileSystemLoader(Path(__file__).parent),
            autoescape=True,
            # Not all that a name can hold can stand in a page; figures are HTML already.
            finalize=lambda text: text if hasattr(text, "__html__") else printable(text),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        ).get_template("report.html.jinja")
        return page.render(
            title=self.title,
            about=self.about,
            made=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
            facts=self.facts,
            results=self.results,
            columns=columns_of(self.results),
            notes=dict.fromkeys(
                note for row in self.results.values() for one in row.values() for note in one.notes
            ),
            films=[figure for figure in self.figures if figure.moves],
            pictures=[figure for figure in self.figures if not figure.moves],
            log=self.log,
            curves=[] if missing else figures_of_log(lines),
            missing=missing,
            alarms=alarms_of(lines),
            settings=settings,
            changed=[entry for entry in settings if entry[2]],
            usual_name=self.usual_name if self.usual is not None else "",
        )

    def write(self, path: str | Path) -> None:
        """Write the page to a file, whole or not at all.

        Args:
            path: The file; its folder must exist.

        Raises:
            DataError: If a line of the log is broken.
        """
        page = self.render()
        with replacing(Path(path)) as part:
            part.write_text(page, encoding="utf-8")


def compare(
    settings: Mapping[str, Any], usual: Mapping[str, Any] | None
) -> list[tuple[str, str, bool]]:
    """List every setting as a dotted name, its value, and whether it is another than usual."""
    here, there = _flat(settings), _flat(usual or {})
    return [
        (name, _word(here.get(name)), usual is not None and here.get(name) != there.get(name))
        # What is usual and missing here was left out.
        for name in dict.fromkeys([*here, *there])
    ]


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def _word(value: Any) -> str:
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)

"""How a run went, from the lines of its log, as the pictures of a report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stgan._files import json_lines
from stgan.report.figures import Figure, picture
from stgan.visual import plot_curves

__all__ = ["alarms_of", "figures_of_log", "read_log"]

Log = Sequence[Mapping[str, Any]]

# Curves of a panel that can be told apart.
_MOST = 20
# Title of a panel to the beginnings and endings of the names that it shows; a curve is in one.
_LOSSES = {
    "reconstruction": ("generator/reconstruction", ""),
    "generator, other terms": ("generator/", ""),
    "discriminators": ("discriminator/", ""),
    "clips a second": ("speed/clips_per_second", ""),
}
_HEALTH = {
    "ranking of real above generated": ("health/", "/ranking"),
    "gradient norms": ("health/gradient/", ""),
    "update against weight": ("health/update/", ""),
    "diversity of a batch": ("health/diversity/", ""),
}
_LOSSES_SAY = (
    "The reconstruction should fall. In a game neither loss of the players need fall: what matters "
    "is that none runs away."
)
_HEALTH_SAYS = (
    "Ranking is the share of pairs in which a discriminator puts the real clip higher: 0.5 means "
    "that it cannot tell, 1 that it has won and teaches little. The diversity of generated clips "
    "should come near to that of real ones."
)


def read_log(path: Path) -> tuple[Log, str]:
    """Return the lines of a log, or a sentence that says why there are no curves.

    Raises:
        DataError: If a line is not one of such a file.
    """
    if not path.is_file():
        return [], f"{path.name} is not in the run folder, so there are no curves."
    lines = [numbers for _, numbers in json_lines(path)]
    return lines, "" if len(lines) > 1 else (
        "The log has fewer than two lines, so there are no curves."
    )


def figures_of_log(log: Log) -> list[Figure]:
    """Draw losses, health and whatever else the lines of ``metrics.jsonl`` hold."""
    names = [name for name in dict.fromkeys(n for entry in log for n in entry) if name != "step"]
    figures = []
    for title, groups, about in (
        ("Losses", _panels(names, _LOSSES), _LOSSES_SAY),
        ("Health", _panels(names, _HEALTH), _HEALTH_SAYS),
        ("Other curves", _others(names), "Everything else that the run logged."),
    ):
        # What was not logged at a step leaves a hole.
        curves = {
            name: [float("nan") if entry.get(name) is None else entry[name] for entry in log]
            for members in groups.values()
            for name in members
        }
        if curves:
            curves["step"] = [entry["step"] for entry in log]
            drawing = plot_curves(curves, groups=groups)
            figures.append(picture(title, about, drawing, f"{title.lower()} over the steps"))
    return figures


def _panels(names: Sequence[str], panels: Mapping[str, tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    taken: set[str] = set()
    for panel, (begin, end) in panels.items():
        members = [
            name
            for name in names
            # Totals repeat what their terms show.
            if name.startswith(begin) and name.endswith(end) and not name.endswith("/total")
            if name not in taken
        ]
        taken.update(members)
        if members:
            found[panel] = members[:_MOST]
    return found


def _others(names: Sequence[str]) -> dict[str, list[str]]:
    known = ("generator/", "discriminator/", "speed/", "health/")
    found: dict[str, list[str]] = {}
    for name in names:
        if not name.startswith(known):
            found.setdefault(name.partition("/")[0], []).append(name)
    return {panel: members[:_MOST] for panel, members in found.items()}


def alarms_of(log: Log) -> list[tuple[str, str]]:
    """Name every alarm of the health monitor with the steps at which it was up."""
    steps: dict[str, list[Any]] = {}
    for entry in log:
        for name, value in entry.items():
            if name.startswith("health/alarm/") and value:
                steps.setdefault(name.removeprefix("health/alarm/"), []).append(entry["step"])
    return [
        (name, f"{len(at)} readings from step {at[0]:,} to {at[-1]:,}")
        for name, at in steps.items()
    ]

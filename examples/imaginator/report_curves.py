"""How a run went, from the lines of its log, as the pictures of a report."""

from collections.abc import Mapping, Sequence
from typing import Any

from examples.imaginator.report_figures import Figure, picture
from stgan.visual import plot_curves

__all__ = ["figures_of_run"]

# Curves of a panel that can be told apart.
_MOST = 20
# Title of a panel to the beginnings and endings of the names that it shows.
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


def figures_of_run(log: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """Draw the losses and the health monitor from the lines of ``metrics.jsonl``."""
    names = list(dict.fromkeys(name for entry in log for name in entry))
    figures = []
    for title, panels, about in (
        ("Losses", _LOSSES, _LOSSES_SAY),
        ("Health", _HEALTH, _HEALTH_SAYS),
    ):
        groups = {
            panel: members
            for panel, (begin, end) in panels.items()
            if (members := _members(names, panel, begin, end)[:_MOST])
        }
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


def _members(names: Sequence[str], panel: str, begin: str, end: str) -> list[str]:
    found = [name for name in names if name.startswith(begin) and name.endswith(end)]
    # Totals repeat what their terms show, and the reconstruction has a panel of its own.
    alone = panel == "reconstruction"
    return [n for n in found if alone or not n.endswith(("/total", "/reconstruction"))]

"""Scores as a table for a terminal or a Markdown page."""

import textwrap
from collections.abc import Mapping

from stgan.metrics import CLIP_SCORES, ClipScore, MetricResult

__all__ = ["columns_of", "score_table"]

_DISTANCES = ("frechet", "kernel", "fid")


def columns_of(results: Mapping[str, Mapping[str, MetricResult]]) -> dict[str, ClipScore]:
    """Return the scores that any row has: those of features, then those of clips, in order."""
    found = {name: result for row in results.values() for name, result in row.items()}
    of_features = {}
    for name, result in found.items():
        if name not in CLIP_SCORES:
            title, _, features = result.metric.partition(" on ")
            about = f"of {features}" if features else ""
            wanted = "low" if name in _DISTANCES else "high"
            of_features[name] = ClipScore(title, about, 3, wanted)
    return of_features | {name: score for name, score in CLIP_SCORES.items() if name in found}


def score_table(results: Mapping[str, Mapping[str, MetricResult]]) -> str:
    """Return scores as a table that is also Markdown, with its columns explained below.

    Args:
        results: Row, such as ``"generated"``, to results by name, as of
            :class:`stgan.metrics.ClipScores`.

    Example:
        >>> import torch
        >>> from stgan.metrics import ClipProtocol, ClipScores
        >>> scores = ClipScores(["energy"])
        >>> scores.update("real", torch.zeros(2, 3, 4, 8, 8))
        >>> print(score_table(scores.results(ClipProtocol(4, (8, 8)))))
        | clips | energy
        | ----- | -----:
        | real  |  0.000
        <BLANKLINE>
        energy: motion energy, mean absolute difference of neighboring frames
    """
    columns = columns_of(results)
    rows = [["clips", *columns]] + [
        [name, *(f"{row[c].value:.{columns[c].decimals}f}" if c in row else "" for c in columns)]
        for name, row in results.items()
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    # No stroke at the end, so that all columns fit into 80 signs.
    lines = [
        "| " + " | ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
        for row in rows
    ]
    lines.insert(
        1, "| " + " | ".join(["-" * widths[0], *("-" * (w - 1) + ":" for w in widths[1:])])
    )
    about = [
        textwrap.fill(", ".join(filter(None, (f"{name}: {score.title}", score.about))), 80,
                      subsequent_indent="  ")
        for name, score in columns.items()
    ]  # fmt: skip
    return "\n".join([*lines, "", *about])

"""Directives of the support matrix, which is a JSON file that a command of the library writes.

``support-matrix`` shows a table for every registry: a row for every entry, a column for every
check, and the reasons below. ``support-checks`` lists what each check asks for; ``support-origin``
says with what the file was made.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from stgan_tables import Cell, code_cell, make_table, text_cell

from stgan.testing import CHECKS

__all__ = ["SupportChecks", "SupportMatrix", "SupportOrigin", "setup"]

_MISSING = "does not apply: "


class _Support(SphinxDirective):
    """Reads the file beside the documentation, and again whenever it changes."""

    def read(self) -> dict[str, Any]:
        path = Path(self.env.srcdir) / "support.json"
        self.env.note_dependency(str(path))
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found


class SupportOrigin(_Support):
    """With which torch, on what and when the matrix was made."""

    def run(self) -> list[nodes.Node]:
        """Make the sentence."""
        made = self.read()
        text = f"Made on {made['date']} with torch {made['torch']} on a {made['machine']}."
        return [nodes.paragraph("", text)]


class SupportChecks(SphinxDirective):
    """What each check asks for."""

    def run(self) -> list[nodes.Node]:
        """Make the list."""
        self.env.note_reread()  # the sentences stand in the library
        listed = nodes.definition_list(classes=["checks"])
        for name, sentence in CHECKS.items():
            text, _ = self.parse_inline(sentence)
            about = nodes.definition("", nodes.paragraph("", "", *text))
            listed += nodes.definition_list_item(
                "", nodes.term("", "", nodes.literal("", name)), about
            )
        return [listed]


class SupportMatrix(_Support):
    """One table for every kind that has entries."""

    def run(self) -> list[nodes.Node]:
        """Make the sections."""
        kinds: dict[str, dict[str, Mapping[str, str]]] = {}
        for entry, results in self.read()["entries"].items():
            kind, _, name = entry.partition("/")
            kinds.setdefault(kind, {})[name] = results
        return [_section(kind, rows) for kind, rows in kinds.items()]


def _section(kind: str, rows: Mapping[str, Mapping[str, str]]) -> nodes.Node:
    section = nodes.section(ids=[f"support-{kind}"], names=[f"support-{kind}"])
    section += nodes.title("", kind)
    reasons: dict[str, int] = {}
    lines = [[code_cell(name), *(_mark(results[check], reasons) for check in CHECKS)]
             for name, results in rows.items()]  # fmt: skip
    section += make_table(["Name", *CHECKS], lines, kind="support")
    if reasons:
        section += _notes(list(reasons))
    return section


def _mark(result: str, reasons: dict[str, int]) -> Cell:
    """A tick, or the number of the reason why there is none."""
    if result == "yes":
        return text_cell("✓")
    number = reasons.setdefault(result, len(reasons) + 1)
    sign = "○" if result.startswith(_MISSING) else "✗"
    return [nodes.paragraph("", "", nodes.Text(sign), nodes.superscript("", str(number)))]


def _notes(reasons: Sequence[str]) -> nodes.Node:
    listed = nodes.enumerated_list(enumtype="arabic", suffix=".", classes=["reasons"])
    for reason in reasons:
        text = reason.removeprefix(_MISSING)
        said = "Does not apply" if text != reason else "No"
        listed += nodes.list_item("", nodes.paragraph("", f"{said}: {text}."))
    return listed


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directives."""
    app.add_directive("support-matrix", SupportMatrix)
    app.add_directive("support-checks", SupportChecks)
    app.add_directive("support-origin", SupportOrigin)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

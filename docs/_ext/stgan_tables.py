"""Directives whose tables are made from the library while the documentation is built.

``registry-table`` shows every entry of one registry; ``registry-tables`` does so for all of them,
each under a heading of its own; ``plan-table`` shows the plan of each size in its body.
"""

import ast
from collections.abc import Iterable, Sequence

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from stgan_references import definitions

from stgan.registry import REGISTRIES, EntryInfo
from stgan.shapes import plan

__all__ = [
    "Cell",
    "PlanTable",
    "RegistryTables",
    "code_cell",
    "make_table",
    "setup",
    "text_cell",
]

Cell = Sequence[nodes.Node]


def text_cell(text: str) -> Cell:
    """Make a cell of plain text."""
    return [nodes.paragraph("", text)]


def code_cell(text: str) -> Cell:
    """Make a cell of code."""
    return [nodes.paragraph("", "", nodes.literal("", text))]


def make_table(head: Sequence[str], rows: Iterable[Sequence[Cell]], *, kind: str) -> nodes.Node:
    """Make a table; the theme wraps every table, so that a wide one scrolls by itself."""
    table = nodes.table(classes=[kind])
    group = nodes.tgroup(cols=len(head))
    group += [nodes.colspec(colwidth=1) for _ in head]
    for parent, lines in (
        (nodes.thead(), [[text_cell(title) for title in head]]),
        (nodes.tbody(), rows),
    ):
        for line in lines:
            row = nodes.row()
            row += [nodes.entry("", *cell) for cell in line]
            parent += row
        group += parent
    table += group
    return table


class RegistryTables(SphinxDirective):
    """Every registry as a section with a table of name, summary, shape and source."""

    def run(self) -> list[nodes.Node]:
        """Make the sections."""
        self.env.note_reread()  # what is registered may change without this page
        return [self._section(kind) for kind in REGISTRIES]

    def _section(self, kind: str) -> nodes.Node:
        registry = REGISTRIES[kind]
        section = nodes.section(ids=[f"registry-{kind}"], names=[f"registry-{kind}"])
        section += nodes.title("", kind)
        if not registry:
            section += nodes.paragraph("", "Open to other packages; stgan has no entry yet.")
            return section
        rows = [[self._name(registry.info(name)), *self._about(registry.info(name))]
                for name in registry]  # fmt: skip
        section += make_table(["Name", "What it is"], rows, kind="registry")
        return section

    def _name(self, entry: EntryInfo) -> Cell:
        cell = [*code_cell(entry.name)]
        target = definitions().get(entry.owner, entry.owner)
        link = addnodes.pending_xref(
            "",
            nodes.literal("", target.rpartition(".")[2]),
            refdomain="py",
            reftype="obj",
            reftarget=target,
            refdoc=self.env.docname,
            refwarn=True,
        )
        return [*cell, nodes.paragraph("", "", link)]

    @staticmethod
    def _about(entry: EntryInfo) -> list[Cell]:
        shape = nodes.paragraph("", "", nodes.literal("", entry.shape))
        source = nodes.paragraph("", "", nodes.emphasis("", entry.source), classes=["source"])
        return [[*text_cell(entry.summary), shape, source]]


class PlanTable(SphinxDirective):
    """The plan of each size in the body, one ``(T, H, W)`` a line."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Make the table."""
        self.env.note_reread()
        rows = []
        for line in self.content:
            found = plan(ast.literal_eval(line))
            strides = [str(stage.stride) for stage in found.stages]
            sizes = [" x ".join(map(str, size)) for size in found.sizes]
            grown = list(zip(strides, sizes[1:], strict=True))
            rows.append(
                [
                    code_cell(line),
                    text_cell(sizes[0]),
                    [nodes.line_block("", *(nodes.line("", s) for s, _ in grown))],
                    [nodes.line_block("", *(nodes.line("", s) for _, s in grown))],
                ]
            )
        return [make_table(["(T, H, W)", "Base", "Stride", "Size after it"], rows, kind="plan")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directives."""
    app.add_directive("registry-tables", RegistryTables)
    app.add_directive("plan-table", PlanTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""The layer zoo: pages about every registered part, drawn and counted while they are built.

``zoo`` shows the entries of one registry as cards with a drawing; ``zoo-table`` shows those whose
tensors have no way worth a drawing as a table. Both can be filtered; ``zoo-families`` leads to all.
"""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from stgan_tables import Cell, make_table, text_cell
from stgan_zoo_cards import Zoo
from stgan_zoo_directive import ZooDirective, sign_of
from stgan_zoo_facts import example_of, functions_of, public_name, support_of

from stgan.registry import REGISTRIES, EntryInfo

__all__ = ["ZooFamilies", "ZooTable", "setup"]


class ZooTable(ZooDirective):
    """Every entry of a registry as a row."""

    def run(self) -> list[nodes.Node]:
        """Make the table."""
        self.env.note_reread()
        rows = []
        for name in REGISTRIES[self.kind]:
            example_of(self.kind, name)
            rows.append(self.row(REGISTRIES[self.kind].info(name)))
        return self.index(["Name", "What it does"], rows, "zoo-index zoo-table")

    def row(self, info: EntryInfo) -> list[Cell]:
        """Make the row of one entry."""
        factory: Any = REGISTRIES[self.kind][info.name]
        functions = functions_of(factory, info.name)
        head = nodes.paragraph("", "", nodes.literal("", info.name), ids=[info.name])
        links = nodes.paragraph("", "", self.link(public_name(info)))
        for name in functions:
            links += [nodes.Text(" "), self.link(f"stgan.functional.{name}")]
        row = support_of(self.kind, info.name)
        missing = [check for check, result in row.items() if sign_of(result)[1] == "zoo-no"]
        but = f" but {', '.join(missing)}" if missing else " that apply"
        about: list[nodes.Node] = [
            self.sentence(info.summary),
            *self.formulas(info, functions),
            nodes.paragraph("", "", nodes.literal("", info.shape)),
            nodes.paragraph("", info.source, classes=["zoo-said"]),
            nodes.paragraph("", f"All checks{but} hold.", classes=["zoo-said"]),
        ]
        return [[head, links], about]


class ZooFamilies(SphinxDirective):
    """The pages of the zoo with the names on them."""

    def run(self) -> list[nodes.Node]:
        """Make the table."""
        self.env.note_reread()
        rows = []
        for kind, registry in REGISTRIES.items():
            names = nodes.paragraph()
            for number, name in enumerate(registry):
                names += nodes.Text(", " if number else "")
                names += nodes.reference(
                    "", "", nodes.literal("", name), internal=True, refuri=f"{kind}.html#{name}"
                )
            page = nodes.reference("", kind, internal=True, refuri=f"{kind}.html")
            count = text_cell(str(len(registry)))
            rows.append([[nodes.paragraph("", "", page)], [names], count])
        return [make_table(["Registry", "Entries", ""], rows, kind="zoo-index")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directives."""
    app.add_directive("zoo", Zoo)
    app.add_directive("zoo-families", ZooFamilies)
    app.add_directive("zoo-table", ZooTable)
    app.add_css_file("zoo.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}

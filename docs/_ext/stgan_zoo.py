"""The layer zoo: pages about every registered part, drawn and counted while they are built.

``zoo`` shows the entries of one registry as cards with a drawing, to be filtered; ``zoo-families``
leads to all.
"""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from stgan_tables import make_table, text_cell
from stgan_zoo_cards import Zoo

from stgan.registry import REGISTRIES

__all__ = ["ZooFamilies", "setup"]


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
    app.add_css_file("zoo.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}

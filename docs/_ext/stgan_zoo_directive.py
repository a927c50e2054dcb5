"""What the directives of the zoo share: links, sentences, formulas, and the table with a filter."""

from collections.abc import Sequence

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective
from stgan_tables import Cell, make_table
from stgan_zoo_facts import formulas_in

import stgan.functional
from stgan.registry import REGISTRIES, EntryInfo

__all__ = ["ZooDirective", "sign_of"]

_FILTER = """<input class="zoo-filter" type="search" placeholder="Filter by name, paper, word"
aria-label="Filter the entries" hidden><script>
(() => {
  const field = document.currentScript.previousElementSibling;
  field.hidden = false;
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\\s+/);
    const fits = (text) => words.every((word) => text.toLowerCase().includes(word));
    document.querySelectorAll("table.zoo-index tbody tr").forEach((row) => {
      const link = row.querySelector('a[href^="#"]');
      const card = link && document.getElementById(link.hash.slice(1));
      row.hidden = !fits(row.textContent + (card ? card.textContent : ""));
      if (card) card.hidden = row.hidden;
    });
  });
})();
</script>"""


class ZooDirective(SphinxDirective):
    """What both directives share: the argument is the registry."""

    required_arguments = 1

    @property
    def kind(self) -> str:
        """The registry."""
        return str(self.arguments[0])

    def link(self, target: str, text: str = "") -> nodes.Node:
        """Link a documented name."""
        shown = nodes.literal("", text or target.rpartition(".")[2])
        return addnodes.pending_xref(
            "", shown, refdomain="py", reftype="obj", reftarget=target,
            refdoc=self.env.docname, refwarn=True,
        )  # fmt: skip

    def sentence(self, text: str) -> nodes.paragraph:
        """Make a paragraph of a line with roles."""
        parsed, _ = self.parse_inline(text)
        return nodes.paragraph("", "", *parsed)

    def formulas(self, info: EntryInfo, functions: Sequence[str]) -> list[nodes.Node]:
        """Show the formulas of the class; where it has none, those of its functions."""
        own = formulas_in(REGISTRIES[self.kind][info.name])
        if own:
            return [_block(text) for text in own]
        for name in functions:
            if found := formulas_in(getattr(stgan.functional, name)):
                said = nodes.paragraph("", "As ", classes=["zoo-said"])
                said += [self.link(f"stgan.functional.{name}"), nodes.Text(" says:")]
                return [said, *(_block(text) for text in found)]
        return []

    def index(
        self, head: Sequence[str], rows: Sequence[Sequence[Cell]], kind: str = "zoo-index"
    ) -> list[nodes.Node]:
        """Make the table that leads to the entries, with its filter."""
        field = nodes.raw("", _FILTER, format="html")
        return [field, make_table(head, rows, kind=kind)]


def _block(text: str) -> nodes.Node:
    return nodes.math_block("", text, nowrap=False, number=None, label=None)


def sign_of(result: str) -> tuple[str, str]:
    """Return the sign and the class of a result of the support matrix."""
    if result == "yes":
        return "✓", "zoo-yes"
    return ("○", "zoo-na") if result.startswith("does not apply") else ("✗", "zoo-no")

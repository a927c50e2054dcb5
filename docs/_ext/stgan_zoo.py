"""The layer zoo: pages about every registered part, drawn and counted while they are built.

``zoo`` shows the entries of one registry as cards with a drawing; ``zoo-table`` shows those whose
tensors have no way worth a drawing as a table. Both begin with a table that leads to the entries.
"""

from collections.abc import Sequence
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from stgan_tables import Cell, make_table, text_cell
from stgan_zoo_facts import (
    PAPERS,
    Facts,
    axes_of,
    drawn,
    example_of,
    formulas_in,
    functions_of,
    importers,
    output_axes,
    public_name,
    signature_words,
    support_of,
)
from stgan_zoo_svg import draw

import stgan.functional
from stgan.registry import REGISTRIES, EntryInfo
from stgan.testing import CHECKS

__all__ = ["Zoo", "ZooTable", "picture", "setup"]

_FILTER = """<input class="zoo-filter" type="search" placeholder="Filter by name, paper, word"
aria-label="Filter the entries" hidden><script>
(() => {
  const field = document.currentScript.previousElementSibling;
  field.hidden = false;
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\\s+/);
    document.querySelectorAll("table.zoo-index tbody tr, section.zoo-entry").forEach((one) => {
      const text = one.textContent.toLowerCase();
      one.hidden = !words.every((word) => text.includes(word));
    });
  });
})();
</script>"""


def picture(kind: str, facts: Facts) -> str:
    """Return the drawing of an entry as SVG."""
    inputs, outputs = facts.graph.inputs(), facts.graph.outputs()
    ndims = {step.title: len(step.shapes[0]) for step in inputs}
    axes = axes_of(facts.example.inputs, ndims)
    ends = output_axes(facts.info.shape, [len(step.shapes[0]) for step in outputs])
    notes = []
    for step in inputs:
        layout = facts.example.inputs.get(step.title, "")
        classes = layout.partition("<")[2].strip() if isinstance(layout, str) else ""
        notes.append(f"integers below {classes}" if classes else "")
    return draw(
        facts.graph,
        axes=[axes[step.title] for step in inputs],
        out_axes=ends,
        notes=notes,
        label=f"The way of the tensors through {kind}/{facts.info.name}",
    )


class _ZooDirective(SphinxDirective):
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


def _arguments(thing: Any) -> nodes.Node:
    # As code, since quotes would be turned into curly ones.
    return nodes.literal("", f"({signature_words(thing)})", classes=["zoo-arguments"])


def _block(text: str) -> nodes.Node:
    return nodes.math_block("", text, nowrap=False, number=None, label=None)


def _anchor(name: str) -> Cell:
    link = nodes.reference("", "", nodes.literal("", name), internal=True, refid=name)
    return [nodes.paragraph("", "", link)]


class Zoo(_ZooDirective):
    """Every entry of a registry as a card with a drawing."""

    def run(self) -> list[nodes.Node]:
        """Make the table and the cards."""
        self.env.note_reread()  # what is registered may change without this page
        found = {name: drawn(self.kind, name) for name in REGISTRIES[self.kind]}
        rows = [
            [_anchor(name), [self.sentence(facts.info.summary)],
             text_cell(f"{facts.weights:,}"), text_cell(f"{facts.multiply_adds:,}")]
            for name, facts in found.items()
        ]  # fmt: skip
        head = ["Name", "What it does", "Weights", "Multiply-adds"]
        return [*self.index(head, rows), *(self.card(facts) for facts in found.values())]

    def card(self, facts: Facts) -> nodes.section:
        """Make the card of one entry."""
        info = facts.info
        section = nodes.section(ids=[info.name], classes=["zoo-entry"])
        section += nodes.title("", "", nodes.literal("", info.name))
        section += self.sentence(info.summary)
        svg = nodes.raw("", picture(self.kind, facts), format="html")
        plain = ", ".join(f"{key} = {value}" for key, value in facts.plain.items())
        figure = nodes.container("", svg, classes=["zoo-figure"])
        if plain:
            figure += nodes.paragraph("", f"Called with {plain}.", classes=["zoo-said"])
        about = nodes.container("", classes=["zoo-about"])
        about += self.formulas(info, facts.functions)
        about += self.facts(facts)
        section += nodes.container("", figure, about, classes=["zoo-card"])
        section += self.marks(info)
        return section

    def facts(self, facts: Facts) -> nodes.Node:
        """List what is known, a term and its text in a row."""
        info = facts.info
        listed = nodes.definition_list(classes=["zoo-facts"])
        sizes = ", ".join(f"{axis} = {size}" for axis, size in facts.sizes.items())
        module = nodes.paragraph("", "", self.link(public_name(info)))
        module += _arguments(REGISTRIES[self.kind][info.name])
        rows: list[tuple[str, list[nodes.Node]]] = [
            ("Shape", [nodes.paragraph("", "", nodes.literal("", info.shape))]),
            ("Cost", [nodes.paragraph("", f"{_count(facts.weights, 'weight')}, "
                                          f"{_count(facts.multiply_adds, 'multiply-add')} "
                                          f"for the drawn sizes ({sizes})")]),
            ("Module", [module]),
        ]  # fmt: skip
        functions = []
        for name in facts.functions:
            words = _arguments(getattr(stgan.functional, name))
            functions.append(
                nodes.paragraph("", "", self.link(f"stgan.functional.{name}"), words)
            )
        if functions:
            rows.append(("Function" if len(functions) == 1 else "Functions", functions))
        rows.append(("Source", [nodes.paragraph("", info.source)]))
        rows.append(("Used by", self.users(info)))
        for term, body in rows:
            listed += nodes.definition_list_item(
                "", nodes.term("", term), nodes.definition("", *body)
            )
        return listed

    def users(self, info: EntryInfo) -> list[nodes.Node]:
        """Say which methods have it at their heart and which modules import it."""
        papers = PAPERS.get(f"{self.kind}/{info.name}", {})
        said = [f"{paper} ({reason})" for paper, reason in papers.items()]
        own = info.owner.rpartition(".")[0]
        modules = [m for m in importers().get(info.owner.rpartition(".")[2], []) if m != own]
        body: list[nodes.Node] = []
        if said:
            body.append(nodes.paragraph("", ", ".join(said)))
        if modules:
            shown = nodes.paragraph("", "imported by ")
            for number, module in enumerate(modules):
                shown += [nodes.Text(", " if number else ""), nodes.literal("", module)]
            body.append(shown)
        return body or [nodes.paragraph("", "no other module of stgan yet")]

    def marks(self, info: EntryInfo) -> list[nodes.Node]:
        """Show the row of the support matrix."""
        row = support_of(self.kind, info.name)
        if not row:
            return [nodes.paragraph("", "Not in the support matrix.", classes=["zoo-said"])]
        chips = nodes.paragraph("", classes=["zoo-marks"])
        reasons = nodes.bullet_list(classes=["zoo-reasons"])
        for check in CHECKS:
            result = row.get(check, "")
            sign, kind = _sign(result)
            chips += nodes.inline("", f"{sign} {check}", classes=["zoo-mark", kind])
            chips += nodes.Text(" ")
            if kind == "zoo-no":
                reasons += nodes.list_item("", nodes.paragraph("", f"{check}: {result}"))
        return [chips, reasons] if reasons.children else [chips]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _sign(result: str) -> tuple[str, str]:
    if result == "yes":
        return "✓", "zoo-yes"
    return ("○", "zoo-na") if result.startswith("does not apply") else ("✗", "zoo-no")


class ZooTable(_ZooDirective):
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
        missing = [check for check, result in row.items() if _sign(result)[1] == "zoo-no"]
        held = f"not {', '.join(missing)}" if missing else "every check that applies"
        about: list[nodes.Node] = [
            self.sentence(info.summary),
            *self.formulas(info, functions),
            nodes.paragraph("", "", nodes.literal("", info.shape)),
            nodes.paragraph("", info.source, classes=["zoo-said"]),
            nodes.paragraph("", f"Holds {held}.", classes=["zoo-said"]),
        ]
        return [[head, links], about]


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directives."""
    app.add_directive("zoo", Zoo)
    app.add_directive("zoo-table", ZooTable)
    app.add_css_file("zoo.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}


"""Cards of the zoo: an entry with its drawing and everything that is known about it."""

from typing import Any

from docutils import nodes
from stgan_tables import Cell, text_cell
from stgan_zoo_directive import ZooDirective, sign_of
from stgan_zoo_facts import (
    Facts,
    axes_of,
    drawn,
    output_axes,
    public_name,
    signature_words,
    support_of,
)
from stgan_zoo_svg import draw
from stgan_zoo_users import PAPERS, importers

import stgan.functional
from stgan.registry import REGISTRIES, EntryInfo
from stgan.testing import CHECKS

__all__ = ["Zoo", "picture"]


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


class Zoo(ZooDirective):
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
            functions.append(nodes.paragraph("", "", self.link(f"stgan.functional.{name}"), words))
        if functions:
            rows.append(("Function" if len(functions) == 1 else "Functions", functions))
        rows.append(("Source", [nodes.paragraph("", info.source)]))
        if users := self.users(info):
            rows.append(("Used by", users))
        for term, body in rows:
            listed += nodes.definition_list_item(
                "", nodes.term("", term), nodes.definition("", *body)
            )
        return listed

    def users(self, info: EntryInfo) -> list[nodes.Node]:
        """Say which methods have it at their heart and which modules import it, if any."""
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
        return body

    def marks(self, info: EntryInfo) -> list[nodes.Node]:
        """Show the row of the support matrix."""
        row = support_of(self.kind, info.name)
        if not row:
            return [nodes.paragraph("", "Not in the support matrix.", classes=["zoo-said"])]
        chips = nodes.paragraph("", classes=["zoo-marks"])
        reasons = nodes.bullet_list(classes=["zoo-reasons"])
        for check in CHECKS:
            result = row.get(check, "")
            sign, kind = sign_of(result)
            chips += nodes.inline("", f"{sign} {check}", classes=["zoo-mark", kind])
            chips += nodes.Text(" ")
            if kind == "zoo-no":
                reasons += nodes.list_item("", nodes.paragraph("", f"{check}: {result}"))
        return [chips, reasons] if reasons.children else [chips]


def _arguments(thing: Any) -> nodes.Node:
    # As code, since quotes would be turned into curly ones.
    return nodes.literal("", f"({signature_words(thing)})", classes=["zoo-arguments"])


def _anchor(name: str) -> Cell:
    link = nodes.reference("", "", nodes.literal("", name), internal=True, refid=name)
    return [nodes.paragraph("", "", link)]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

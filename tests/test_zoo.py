"""The layer zoo: what is drawn is what happens, and every drawing can be read."""

import importlib
import inspect
import re
import sys
import warnings
from itertools import combinations, pairwise
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import matplotlib
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageFont
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from torch import Tensor, nn

from stgan.config import build, make_inputs
from stgan.registry import REGISTRIES

DOCS = Path(__file__).resolve().parent.parent / "docs"
ENTRIES = [f"{kind}/{name}" for kind, registry in REGISTRIES.items() for name in registry]
Point = tuple[float, float]
SVG = "{http://www.w3.org/2000/svg}"
# The widest of the fonts that a browser falls back to.
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
PROPORTIONAL, BOLD, FIXED = (
    ImageFont.truetype(FONTS / f"DejaVuSans{kind}.ttf", 100) for kind in ("", "-Bold", "Mono")
)


def extension(name: str) -> ModuleType:
    """Import a part of the documentation's extension."""
    folder = str(DOCS / "_ext")
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module(name)


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    drawn = extension("stgan_zoo_facts").drawn
    return {entry: drawn(*entry.split("/")) for entry in ENTRIES}


@pytest.fixture(scope="module")
def pictures(facts: dict[str, Any]) -> dict[str, ElementTree.Element]:
    picture = extension("stgan_zoo_cards").picture
    return {
        entry: ElementTree.fromstring(picture(entry.split("/")[0], known))
        for entry, known in facts.items()
    }


def numbers(element: ElementTree.Element, *names: str) -> list[float]:
    return [float(element.get(name, "nan")) for name in names]


def box_of(node: ElementTree.Element) -> tuple[float, float, float, float]:
    """Left, upper, right and lower edge of a box."""
    rect = node.find(f"{SVG}rect")
    assert rect is not None
    x, y, width, height = numbers(rect, "x", "y", "width", "height")
    return x, y, x + width, y + height


def nodes_of(picture: ElementTree.Element, kind: str = "") -> list[ElementTree.Element]:
    found = []
    for node in picture.iter(f"{SVG}g"):
        rect = node.find(f"{SVG}rect")
        if node.get("class") == "zoo-node" and rect is not None:
            words = (rect.get("class") or "").split()
            if not kind or f"zoo-{kind}" in words:
                found.append(node)
    return found


def sizes_in(node: ElementTree.Element) -> tuple[int, ...]:
    return tuple(int(text.text or "") for text in node.iter(f"{SVG}text")
                 if text.get("class") == "zoo-size")  # fmt: skip


def shapes_in(value: Any) -> list[tuple[int, ...]]:
    if isinstance(value, Tensor):
        return [tuple(value.shape)]
    if isinstance(value, dict):
        value = list(value.values())
    elif hasattr(value, "__dataclass_fields__"):
        value = [getattr(value, name) for name in value.__dataclass_fields__]
    return [s for item in value for s in shapes_in(item)] if isinstance(value, tuple | list) else []


def called(entry: str) -> tuple[dict[str, Any], Any, list[tuple[int, ...]]]:
    """Call an entry, and return its inputs, its output and the shapes that its norms return."""
    kind, name = entry.split("/")
    example = REGISTRIES[kind].info(name).example
    assert example is not None
    module = build({"kind": kind, "name": name, **example.settings})
    norms: list[tuple[int, ...]] = []
    # A sampler has no parts and no modes.
    for part in module.eval().modules() if isinstance(module, nn.Module) else ():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            part.register_forward_hook(lambda *a: norms.append(tuple(a[-1].shape)))
    inputs = make_inputs(example)
    with torch.no_grad():
        call = module if example.call == "forward" else getattr(module, example.call)
        output = call(**inputs)
    return inputs, output, norms


@pytest.mark.parametrize("entry", ENTRIES)
def test_sizes_in_a_drawing_are_those_of_a_real_call(
    entry: str, facts: dict[str, Any], pictures: dict[str, ElementTree.Element]
) -> None:
    inputs, output, norms = called(entry)
    picture = pictures[entry]
    given_shapes = [s for value in inputs.values() for s in shapes_in(value) if value is not None]
    assert [sizes_in(node) for node in nodes_of(picture, "input")] == given_shapes
    assert [sizes_in(node) for node in nodes_of(picture, "output")] == shapes_in(output)
    drawn_norms = [s.shapes[0] for s in facts[entry].graph.steps if s.title == "batch norm"]
    # In order; a part that stays closed shows none of its own.
    rest = iter(norms)
    assert all(shape in rest for shape in drawn_norms)


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_output_is_reached_from_the_inputs(entry: str, facts: dict[str, Any]) -> None:
    steps = facts[entry].graph.steps
    # Frames are drawn by numbers alone: what a sampler makes begins in a box.
    begins = "step" if entry.startswith("samplers/") else "input"
    reached: set[int] = set()
    for number, step in enumerate(steps):
        assert all(source < number for source in step.sources)
        if step.kind == begins or any(source in reached for source in step.sources):
            reached.add(number)
    assert [n for n, step in enumerate(steps) if n not in reached and step.kind == "output"] == []
    assert sum(step.kind in ("step", "view") for step in steps) >= 1
    read = {source for step in steps for source in step.sources}
    unread = [s.title for n, s in enumerate(steps) if n not in read and s.kind in ("step", "view")]
    assert unread == [], f"goes nowhere: {unread}"


def test_parts_are_counted_as_they_are(facts: dict[str, Any]) -> None:
    dense = facts["layers/conv_3d"]
    # 4 x 3 x 27 weights and 3 biases; each of 2 x 3 x 3 positions of 2 clips takes all weights.
    assert dense.weights == 4 * 3 * 27 + 3
    assert dense.multiply_adds == 2 * (2 * 3 * 3) * 4 * 3 * 27


@pytest.mark.parametrize("entry", ENTRIES)
def test_words_stay_in_their_boxes_and_boxes_in_the_drawing(
    entry: str, pictures: dict[str, ElementTree.Element]
) -> None:
    picture = pictures[entry]
    left, top, width, height = map(float, (picture.get("viewBox") or "").split())
    for node in nodes_of(picture):
        x0, y0, x1, y1 = box_of(node)
        assert left <= x0 < x1 <= left + width
        assert top <= y0 < y1 <= top + height
        glyphs = [r for g in node.iter(f"{SVG}g") if g is not node for r in g.iter(f"{SVG}rect")]
        right = min([numbers(rect, "x")[0] for rect in glyphs], default=x1)
        for text in node.iter(f"{SVG}text"):
            kind = (text.get("class") or "").removeprefix("zoo-")
            size = 12.5 if kind in ("title", "name") else 11
            font = {"size": FIXED, "name": BOLD}.get(kind, PROPORTIONAL)
            x, y = numbers(text, "x", "y")
            assert x0 <= x
            assert x + font.getlength(text.text or "") * size / 100 <= right, text.text
            assert y0 + 9 <= y <= y1 - 2
        for rect in glyphs:
            x, y, w, h = numbers(rect, "x", "y", "width", "height")
            assert x0 < x < x + w < x1
            assert y0 < y < y + h < y1


@pytest.mark.parametrize("entry", ENTRIES)
def test_boxes_do_not_touch_and_arrows_meet_neither_boxes_nor_others(
    entry: str, pictures: dict[str, ElementTree.Element]
) -> None:
    picture = pictures[entry]
    boxes = [box_of(node) for node in nodes_of(picture)]
    check_apart(boxes)
    wires: list[tuple[str, list[Point]]] = []
    for path in picture.iter(f"{SVG}path"):
        if path.get("class") == "zoo-wire":
            pairs = re.findall(r"(-?[\d.]+) (-?[\d.]+)", path.get("d") or "")
            wires.append((path.get("data-from") or "", [(float(x), float(y)) for x, y in pairs]))
            check_passes(wires[-1][1], boxes)
    for (source, points), (other, others) in combinations(wires, 2):
        if source != other:
            assert not any(covers(a, b) for a in pairwise(points) for b in pairwise(others))


def covers(a: tuple[Point, Point], b: tuple[Point, Point]) -> bool:
    """Whether two stretches run along each other, so that they look like one."""
    for along, across in ((0, 1), (1, 0)):
        if len({round(point[across]) for point in (*a, *b)}) == 1:
            low = max(min(a[0][along], a[1][along]), min(b[0][along], b[1][along]))
            high = min(max(a[0][along], a[1][along]), max(b[0][along], b[1][along]))
            return high - low > 1
    return False


def check_apart(boxes: list[tuple[float, float, float, float]]) -> None:
    for a, b in combinations(boxes, 2):
        assert a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1], (a, b)


def check_passes(points: list[Point], boxes: list[tuple[float, float, float, float]]) -> None:
    for (x0, y0), (x1, y1) in pairwise(points):
        for left, top, right, bottom in boxes:
            apart = (
                max(x0, x1) <= left + 0.2
                or min(x0, x1) >= right - 0.2
                or max(y0, y1) <= top + 0.2
                or min(y0, y1) >= bottom - 0.2
            )
            assert apart, ((x0, y0), (x1, y1), (left, top, right, bottom))


@st.composite
def wirings(draw: st.DrawFn) -> list[tuple[float, float, list[int]]]:
    """Sizes of boxes, and for each from which earlier ones it reads; the first is an input."""
    count = draw(st.integers(2, 9))
    found: list[tuple[float, float, list[int]]] = []
    for number in range(count):
        least = 1 if number == count - 1 else 0
        sources = draw(st.sets(st.integers(0, number - 1), min_size=least, max_size=3)
                       if number else st.just(set()))  # fmt: skip
        size = draw(st.tuples(st.integers(84, 160), st.integers(30, 70)))
        found.append((*size, sorted(sources)))
    return found


@given(wirings())
def test_any_wiring_is_laid_out_without_collisions(
    wiring: list[tuple[float, float, list[int]]],
) -> None:
    box = extension("stgan_zoo_wires").Box
    layout = extension("stgan_zoo_layout").lay_out([box(*one) for one in wiring])
    edges = [(b.x, b.y, b.x + b.width, b.y + b.height) for b in layout.boxes]
    check_apart(edges)
    assert all(x0 >= 0 and y0 >= 0 and x1 <= layout.width + 0.1 and y1 <= layout.height + 0.1
               for x0, y0, x1, y1 in edges)  # fmt: skip
    for wire in layout.wires:
        source, target = layout.boxes[wire.source], layout.boxes[wire.target]
        assert source.row < target.row
        assert wire.points[0] == (source.center, source.y + source.height)
        assert wire.points[-1][1] == target.y
        assert target.x < wire.points[-1][0] < target.x + target.width
        check_passes(wire.points, edges)
        assert all(0 <= x <= layout.width for x, _ in wire.points)


@pytest.mark.parametrize("frames", [2, 5])
def test_a_loop_is_drawn_as_one_round_with_its_number(frames: int) -> None:
    trace = extension("stgan_zoo_trace").trace
    steps_of = extension("stgan_zoo_steps").steps_of
    example = REGISTRIES["layers"].info("conv_gru").example
    assert example is not None
    module = build({"kind": "layers", "name": "conv_gru", **example.settings}).eval()
    graph = steps_of(trace(module, module, make_inputs(example, {"T": frames})), "loop")
    inside = [step for step in graph.steps if step.repeats > 1]
    assert {step.repeats for step in inside} == {frames}
    assert [step.title for step in inside].count("conv 2d") == 2
    assert "stack" in [step.title for step in graph.steps if step.repeats == 1]


def test_what_joins_is_seen_to_join(facts: dict[str, Any]) -> None:
    steps = facts["fusions/concat"].graph.steps
    (joined,) = [step for step in steps if step.title == "concatenate"]

    def origins(number: int) -> set[str]:
        step = steps[number]
        if step.kind == "input":
            return {step.title}
        return {name for source in step.sources for name in origins(source)}

    found = [origins(source) for source in joined.sources]
    assert found == [{"video"}, {"appearance"}, {"label"}]


def test_a_drawing_takes_its_colors_from_the_page(
    pictures: dict[str, ElementTree.Element],
) -> None:
    for picture in pictures.values():
        for element in picture.iter():
            assert not {"fill", "stroke", "font-size", "font-family"} & set(element.keys())


def test_an_entry_without_example_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = REGISTRIES["layers"]
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    registry.register("shy", source="nowhere", shape="(N,) -> (N,)")(nn.Identity)
    message = r"layers/shy must have an example with inputs to be drawn in the zoo, got None; "
    message += r"register it with example=Example\(settings=\{\.\.\.\}, inputs="
    with pytest.raises(ExtensionError, match=message):
        extension("stgan_zoo_facts").drawn("layers", "shy")


def test_a_method_is_named_only_where_the_library_names_it() -> None:
    papers = extension("stgan_zoo_users").PAPERS
    for entry, found in papers.items():
        kind, name = entry.split("/")
        info = REGISTRIES[kind].info(name)
        said = f"{info.source} {inspect.getdoc(REGISTRIES[kind][name])}"
        for paper in found:
            wanted = {"Progressive GAN": "Progressive Growing"}.get(paper, paper)
            assert wanted in said, f"{entry} is said to be used by {paper}, but does not say so"


def test_who_imports_a_part_is_read_from_the_sources() -> None:
    importers = extension("stgan_zoo_users").importers()
    assert "stgan.decoders.video" in importers["SpatioTemporalFusion"]
    assert not any(module.startswith("stgan.testing") for module in importers["Example"])


def test_formulas_are_those_of_the_docstring() -> None:
    def documented() -> None:
        r"""Say it.

        .. math:: y = a x

        More words.

        .. math::

            y &= b \\
            z &= c

        The end.
        """

    found = extension("stgan_zoo_facts").formulas_in(documented)
    assert found == ["y = a x", "y &= b \\\\\nz &= c"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of the zoo without the rest of the documentation, which they link to."""
    source, out = tmp_path_factory.mktemp("zoo"), tmp_path_factory.mktemp("html")
    for page in sorted((DOCS / "zoo").glob("*.md")):
        (source / page.name).write_bytes(page.read_bytes())
    settings = {
        "extensions": ["myst_parser", "stgan_math", "stgan_zoo"],
        "html_math_renderer": "mathml",
        "suppress_warnings": ["ref", "myst.xref_missing"],
    }
    extension("stgan_zoo")
    # In this process, which has drawn everything; the whole documentation is built elsewhere.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        app = Sphinx(source, None, out, out / ".doctrees", "html", settings, status=None)
        app.build()
    return out


@pytest.mark.parametrize("kind", REGISTRIES)
def test_every_entry_stands_on_the_page_of_its_registry(kind: str, built: Path) -> None:
    page = (built / f"{kind}.html").read_text(encoding="utf-8")
    first = (built / "index.html").read_text(encoding="utf-8")
    for name in REGISTRIES[kind]:
        assert page.count(f'id="{name}"') == 1, f"{kind}/{name} has no place"
        assert f'href="{kind}.html#{name}"' in first
    assert page.count('<svg class="zoo"') == len(REGISTRIES[kind])


def test_a_card_tells_what_the_registry_knows(built: Path) -> None:
    page = (built / "layers.html").read_text(encoding="utf-8")
    card = page[page.index('id="conv_transpose_1p2d"') :]
    card = card[: card.index("</section>")]
    text = " ".join(re.sub(r"<[^>]+>", " ", card).split())
    info = REGISTRIES["layers"].info("conv_transpose_1p2d")
    for wanted in (
        info.summary, "201 weights, 80,640 multiply-adds", "Wang et al., ImaGINator", "✓ bf16",
        "ConvTranspose1Plus2d", "conv_transpose_1p2d (video", "<math",
    ):  # fmt: skip
        assert wanted in (card if wanted == "<math" else text), wanted

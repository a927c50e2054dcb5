"""Draw boxes and arrows as SVG, whose colors and fonts are those of the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from stgan_zoo_glyphs import Shape, glyph, glyph_size, text_width
from stgan_zoo_graph import Graph, Step
from stgan_zoo_layout import Layout, lay_out
from stgan_zoo_vocabulary import times
from stgan_zoo_wires import Box, Wire

__all__ = ["draw"]

TITLE, SMALL, MONO = 12.5, 11.0, 11.0
PAD = 9.0
LINE = 14.5
MARGIN = 8.0


@dataclass
class _Face:
    """What is written in a box, and the tensor that is drawn in it."""

    kind: str
    lines: list[tuple[str, str]]
    shape: Shape
    axes: Sequence[str] = ()
    tone: str = ""


def draw(
    graph: Graph,
    *,
    axes: Sequence[Sequence[str]],
    out_axes: Sequence[Sequence[str]],
    notes: Sequence[str],
    label: str,
) -> str:
    """Return the drawing of a graph as the text of an ``svg`` element.

    Args:
        graph: The boxes.
        axes: Letters of the axes of each input.
        out_axes: Likewise of each output.
        notes: A line below each input; empty for none.
        label: What a reader who cannot see it is told.
    """
    letters, more = iter(axes), iter(out_axes)
    remarks = iter(notes)
    faces = []
    for step in graph.steps:
        if step.kind == "input":
            faces.append(_end_face(step, next(letters), next(remarks)))
        elif step.kind == "output":
            faces.append(_end_face(step, next(more), ""))
        else:
            faces.append(_step_face(step))
    scale = 22 / max([max(s[-2:]) for f in faces if len(s := f.shape) >= 4] + [1])
    boxes = [Box(*_size(face, scale), step.sources)
             for face, step in zip(faces, graph.steps, strict=True)]  # fmt: skip
    framed = [n for n, step in enumerate(graph.steps) if step.repeats > 1]
    layout = lay_out(boxes, framed=framed)
    return _svg(layout, graph, faces, scale, label)


def _end_face(step: Step, axes: Sequence[str], note: str) -> _Face:
    name = step.title or ("output" if step.kind == "output" else "input")
    lines = [("zoo-name", name)]
    if note:
        lines.append(("zoo-detail", note))
    return _Face(step.kind, lines, step.shapes[0], axes, _tone(step.shapes[0], axes))


def _tone(shape: Shape, axes: Sequence[str]) -> str:
    if len(shape) == 5:
        return "clip"
    if len(shape) == 4:
        return "image"
    return "label" if len(shape) <= 1 else "vector"


def _step_face(step: Step) -> _Face:
    lines = [("zoo-title", step.title)]
    if step.detail:
        lines += [("zoo-detail", part) for part in _wrapped(step.detail)]
    shown = [times(shape) for shape in step.shapes[:2]]
    lines += [("zoo-size", size) for size in shown]
    if len(step.shapes) > 2:
        lines[-1] = ("zoo-size", f"{shown[-1]}, ...")
    return _Face(step.kind, lines, step.shapes[0], tone=_tone(step.shapes[0], ()))


def _wrapped(text: str, most: int = 24) -> list[str]:
    """Break a line at commas."""
    lines: list[str] = []
    for part in text.split(", "):
        if lines and len(lines[-1]) + len(part) + 2 <= most:
            lines[-1] += f", {part}"
        else:
            lines.append(part)
    return lines[:3]


# Size of the letters, and how much wider than usual ones they are.
_STYLE = {"zoo-title": (TITLE, 1.0), "zoo-name": (TITLE, 1.14), "zoo-detail": (SMALL, 1.0)}


def _columns(face: _Face) -> list[tuple[str, str, float]]:
    """Letter, size and width of each axis of an input or output."""
    return [
        (letter, str(size), max(text_width(str(size), MONO, mono=True),
                                text_width(letter, SMALL)) + 7)
        for letter, size in zip(face.axes, face.shape, strict=True)
    ]  # fmt: skip


def _line_width(kind: str, text: str) -> float:
    if kind == "zoo-size":
        return text_width(text, MONO, mono=True)
    size, factor = _STYLE[kind]
    return text_width(text, size) * factor


def _size(face: _Face, scale: float) -> tuple[float, float]:
    wide = max(_line_width(kind, text) for kind, text in face.lines)
    high = LINE * len(face.lines)
    if face.kind in ("input", "output"):
        wide = max(wide, sum(width for *_, width in _columns(face)))
        high += 28 if face.shape else 0
    glyph_wide, glyph_high = glyph_size(face.shape, scale)
    wide += glyph_wide + (10 if glyph_wide else 0)
    return max(wide + 2 * PAD, 84), max(high, glyph_high) + 13


def _svg(layout: Layout, graph: Graph, faces: list[_Face], scale: float, label: str) -> str:
    wide, high = layout.width + 2 * MARGIN, layout.height + 2 * MARGIN
    parts = [
        (
            f'<svg class="zoo" role="img" aria-label="{escape(label)}" '
            f'viewBox="{-MARGIN:.0f} {-MARGIN:.0f} {wide:.0f} {high:.0f}" width="{wide:.0f}" '
            f'style="min-width:{0.82 * wide:.0f}px" xmlns="http://www.w3.org/2000/svg">'
        )
    ]
    parts += _rounds(layout, graph)
    parts += [_wire(wire) for wire in layout.wires]
    parts += [_box(box, face, scale) for box, face in zip(layout.boxes, faces, strict=True)]
    return "".join([*parts, "</svg>"])


def _rounds(layout: Layout, graph: Graph) -> list[str]:
    """A frame around what runs several times."""
    inside = [b for b, s in zip(layout.boxes, graph.steps, strict=True) if s.repeats > 1]
    if not inside:
        return []
    count = max(step.repeats for step in graph.steps)
    words = f"{count} rounds"
    wide = text_width(words, SMALL)
    top, bottom = min(b.y for b in inside), max(b.y + b.height for b in inside)
    crossed = [x for wire in layout.wires for (x, y), (_, end) in pairwise(wire.points)
               if y <= bottom + 7 <= end]  # fmt: skip
    places = [layout.width - wide - 8, 8.0, layout.width * 0.7, layout.width * 0.25]
    left = next(
        (p for p in places if not any(p - 6 < x < p + wide + 6 for x in crossed)), places[0]
    )
    return [
        (
            f'<rect class="zoo-rounds" x="-6" y="{top - 7:.1f}" width="{layout.width + 12:.1f}" '
            f'height="{bottom - top + 14:.1f}" rx="9"/>'
        ),
        # The words interrupt the frame.
        (
            f'<rect class="zoo-gap" x="{left - 4:.1f}" y="{bottom:.1f}" width="{wide + 8:.1f}" '
            f'height="14"/>'
        ),
        _text("zoo-detail", left, bottom + 11, words),
    ]


def _wire(wire: Wire) -> str:
    points = wire.points
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for before, here, after in zip(points, points[1:], points[2:], strict=False):
        r = min(5.0, _far(before, here) / 2, _far(here, after) / 2)
        a, b = _toward(here, before, r), _toward(here, after, r)
        path += f"L{a[0]:.1f} {a[1]:.1f}Q{here[0]:.1f} {here[1]:.1f} {b[0]:.1f} {b[1]:.1f}"
    x, y = points[-1]
    path += f"L{x:.1f} {y - 5:.1f}"
    tip = f"M{x:.1f} {y - 0.5:.1f}l-3.5 -7h7z"
    line = f'<path class="zoo-wire" data-from="{wire.source}" d="{path}"/>'
    return f'{line}<path class="zoo-tip" d="{tip}"/>'


def _far(a: tuple[float, float], b: tuple[float, float]) -> float:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def _toward(a: tuple[float, float], b: tuple[float, float], step: float) -> tuple[float, float]:
    whole = _far(a, b) or 1
    return a[0] + (b[0] - a[0]) * step / whole, a[1] + (b[1] - a[1]) * step / whole


def _box(box: Box, face: _Face, scale: float) -> str:
    ends = face.kind in ("input", "output")
    tone = f" zoo-{face.tone}" if ends else ""
    parts = [
        '<g class="zoo-node">',
        (
            f'<rect class="zoo-box zoo-{face.kind}{tone}" x="{box.x:.1f}" y="{box.y:.1f}" '
            f'width="{box.width:.1f}" height="{box.height:.1f}" rx="{7 if ends else 5}"/>'
        ),
    ]
    high = LINE * len(face.lines) + (28 if ends and face.shape else 0)
    y = box.y + (box.height - high) / 2 + 11
    for kind, text in face.lines:
        parts.append(_text(kind, box.x + PAD, y, text))
        y += LINE
    if ends:
        x = box.x + PAD
        for letter, size, width in _columns(face):
            parts.append(_text("zoo-axis", x, y, letter))
            parts.append(_text("zoo-size", x, y + 13.5, size))
            x += width
    parts.append(
        glyph(face.shape, scale, box.x + box.width - PAD, box.y + box.height / 2, face.tone)
    )
    return "".join([*parts, "</g>"])


def _text(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'

"""Small pictures of tensors, and how wide words are."""

from stgan_zoo_vocabulary import TIMES

__all__ = ["glyph", "glyph_size", "text_width"]

Shape = tuple[int, ...]
_NARROW, _WIDE = set("iljtfr.,:;'|()[]! "), set("mwMWQ@%&\N{RIGHTWARDS ARROW}") | {TIMES}


def text_width(text: str, size: float, *, mono: bool = False) -> float:
    """Width of a text, estimated from above."""
    if mono:
        return 0.62 * size * len(text)
    ems = sum(0.36 if c in _NARROW else 0.9 if c in _WIDE else 0.72 if c.isupper() else 0.6
              for c in text)  # fmt: skip
    return ems * size


def glyph_size(shape: Shape, scale: float) -> tuple[float, float]:
    """Width and height of the picture of a tensor."""
    if len(shape) == 5:
        shift = min(shape[2], 8) - 1
        return _side(shape[4], scale) + 3 * shift, _side(shape[3], scale) + 2.4 * shift
    if len(shape) == 4:
        return _side(shape[3], scale), _side(shape[2], scale)
    if len(shape) == 3:
        return 4.5 * min(shape[2], 8), 4.5 * min(shape[1], 6)
    return (4.5, 4.5 * min(shape[1], 8)) if len(shape) == 2 else (0, 0)


def _side(size: int, scale: float) -> float:
    return max(3.0, size * scale)


def glyph(shape: Shape, scale: float, right: float, middle: float, tone: str) -> str:
    """A clip as a stack of frames, an image as one frame, codes as cells."""
    wide, high = glyph_size(shape, scale)
    left, top = right - wide, middle - high / 2
    rects = []
    if len(shape) == 5:
        count = min(shape[2], 8)
        w, h = _side(shape[4], scale), _side(shape[3], scale)
        rects = [(left + 3 * n, top + 2.4 * (count - 1 - n), w, h) for n in reversed(range(count))]
    elif len(shape) == 4:
        rects = [(left, top, wide, high)]
    elif len(shape) in (2, 3):
        columns = min(shape[2], 8) if len(shape) == 3 else 1
        rows = min(shape[1], 6 if len(shape) == 3 else 8)
        rects = [(left + 4.5 * c, top + 4.5 * r, 3.5, 3.5)
                 for c in range(columns) for r in range(rows)]  # fmt: skip
    body = "".join(f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}"/>'
                   for x, y, w, h in rects)  # fmt: skip
    return f'<g class="zoo-glyph zoo-{tone}">{body}</g>' if body else ""

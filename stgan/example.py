"""Examples of registered entries: settings and inputs with which anyone can try one.

One example serves the contract checks, the support matrix, ``stgan show`` and ``stgan profile``,
so that registering an entry is enough for it to be checked, drawn and measured.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Example"]

_LAYOUT = re.compile(r"(= )?([A-Za-z]\w*|\d+)( ([A-Za-z]\w*|\d+))*( < \d+)?")
# Different on every axis, so that a swap of two is seen.
_USUAL = {"N": 2, "T": 4, "H": 6, "W": 5}


@dataclass(frozen=True)
class Example:
    """Settings and inputs with which a registered entry can be tried.

    An input is written as a layout: names are sizes that all inputs share, numbers are fixed.
    :func:`stgan.config.make_inputs` draws the inputs.

    - ``"N 4 T H W"``: floats in [-1, 1] of that shape;
    - ``"N < 6"``: integers from 0 to 5, as class labels;
    - ``"= T H W"``: the sizes themselves, as a tuple; ``"= T"`` as a number;
    - a tuple of layouts: a tuple of such inputs;
    - a mapping: a part that :func:`stgan.build` makes of it, such as a discriminator.

    Raises:
        ValueError: If a layout cannot be read, or ``smallest`` or ``steps`` name no axis.

    Attributes:
        settings: Plain settings of the constructor, as :func:`stgan.build` takes them.
        inputs: Layout of every input, by the name of the argument.
        smallest: The smallest size of a named axis, where that is not 1.
        steps: Named axes whose size must be a multiple of a number.
        call: The method that is called with the inputs.
        claims: What the entry cannot do, each with the reason; see :mod:`stgan.testing`.

    Example:
        >>> import stgan
        >>> example = stgan.info("fusions", "concat").example
        >>> example.inputs["video"], example.inputs["label"]
        ('N 4 T H W', 'N < 3')
        >>> example.sizes({"T": 7})
        {'N': 2, 'T': 7, 'H': 6, 'W': 5}
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    smallest: Mapping[str, int] = field(default_factory=dict)
    steps: Mapping[str, int] = field(default_factory=dict)
    call: str = "forward"
    claims: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse layouts that cannot be drawn, where they are written."""
        for name, layout in self.inputs.items():
            if wrong := [one for one in _flat(layout) if not _LAYOUT.fullmatch(one)]:
                raise ValueError(
                    f"{wrong[0]!r} is no layout for {name!r}; write 'N 4 T H W' for floats, "
                    f"'N < 6' for integers below 6, or '= T H W' for the sizes themselves"
                )
        if unknown := {*self.smallest, *self.steps} - {*self.axes}:
            raise ValueError(
                f"{sorted(unknown)[0]!r} is no axis of the inputs; they have {', '.join(self.axes)}"
            )

    @property
    def axes(self) -> tuple[str, ...]:
        """The named axes of the inputs, in order of appearance."""
        words = " ".join(_flat(tuple(self.inputs.values()))).replace("<", " ").split()
        return tuple(dict.fromkeys(word for word in words if word.isidentifier()))

    def sizes(self, wanted: Mapping[str, int] | None = None) -> dict[str, int]:
        """Size of every named axis: the wanted one, or a usual one that the entry can take."""
        chosen = {}
        for axis in self.axes:
            step = self.steps.get(axis, 1)
            least = max(self.smallest.get(axis, 1), _USUAL.get(axis, 3))
            chosen[axis] = -(-least // step) * step
        return chosen | dict(wanted or {})


def _flat(layouts: Any) -> list[str]:
    if isinstance(layouts, tuple):
        return [word for layout in layouts for word in _flat(layout)]
    return [] if isinstance(layouts, Mapping) else [layouts]

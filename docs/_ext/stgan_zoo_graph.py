"""The boxes of a drawing and what flows between them."""

from dataclasses import dataclass, field

__all__ = ["Graph", "Step"]


@dataclass
class Step:
    """One box of a drawing.

    Attributes:
        kind: ``"input"``, ``"step"``, ``"view"`` or ``"output"``.
        title: What it is called.
        detail: A line about its settings.
        shapes: Shapes of what comes out.
        sources: The boxes from which its inputs come, by number.
        repeats: How often it runs, one round after the other.
    """

    kind: str
    title: str
    detail: str
    shapes: list[tuple[int, ...]]
    sources: list[int] = field(default_factory=list)
    repeats: int = 1


@dataclass
class Graph:
    """The boxes of a drawing in the order in which they run, inputs first and outputs last."""

    steps: list[Step]

    def inputs(self) -> list[Step]:
        """The boxes of the inputs."""
        return [step for step in self.steps if step.kind == "input"]

    def outputs(self) -> list[Step]:
        """The boxes of the outputs."""
        return [step for step in self.steps if step.kind == "output"]

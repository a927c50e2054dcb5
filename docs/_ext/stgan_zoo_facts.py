"""Facts about an entry: its call, cost, formulas, functions, and what it was checked for."""

import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import torch
from sphinx.errors import ExtensionError
from stgan_references import definitions
from stgan_zoo_graph import Graph
from stgan_zoo_steps import steps_of
from stgan_zoo_trace import Trace, trace
from stgan_zoo_vocabulary import HELPERS
from torch import nn

import stgan.functional
from stgan.config import build, make_inputs
from stgan.example import Example
from stgan.profiling import multiply_adds
from stgan.registry import REGISTRIES, EntryInfo

__all__ = ["Facts", "axes_of", "drawn", "example_of", "formulas_in", "functions_of",
           "output_axes", "public_name", "signature_words", "support_of"]  # fmt: skip

_ROOT = Path(__file__).resolve().parents[2]
_STARS: dict[Any, str] = {
    inspect.Parameter.VAR_POSITIONAL: "*",
    inspect.Parameter.VAR_KEYWORD: "**",
}


@dataclass
class Facts:
    """What is known about one entry after it was built and called.

    Attributes:
        info: What its registry knows.
        graph: The boxes of its drawing.
        example: Its example.
        sizes: Size of every named axis of the inputs.
        weights: Number of its parameters.
        multiply_adds: Of one call with the inputs.
        plain: Inputs that are no tensors, such as a size.
        functions: Public functions of stgan.functional that it names or calls itself.
        trace: What happened in the call.
    """

    info: EntryInfo
    graph: Graph
    example: Example
    sizes: Mapping[str, int]
    weights: int
    multiply_adds: int
    plain: Mapping[str, Any]
    functions: list[str]
    trace: Trace = field(repr=False)


def example_of(kind: str, name: str) -> Example:
    """Return the example of an entry, or say that it needs one."""
    example = REGISTRIES[kind].info(name).example
    if example is None or not example.inputs:
        raise ExtensionError(
            f"{kind}/{name} must have an example with inputs to be drawn in the zoo, got "
            f"{example!r}; register it with example=Example(settings={{...}}, "
            f"inputs={{'video': 'N 4 T H W'}})"
        )
    return example


@cache
def drawn(kind: str, name: str) -> Facts:
    """Build an entry, call it, and return what that shows; only once in a process."""
    example = example_of(kind, name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        part = build({"kind": kind, "name": name, **example.settings})
    is_module = isinstance(part, nn.Module)  # a sampler is none
    if is_module:
        part.eval()
    inputs = make_inputs(example)
    target = part if example.call == "forward" else getattr(part, example.call)
    seen = trace(target, part, inputs)
    return Facts(
        info=REGISTRIES[kind].info(name),
        graph=steps_of(seen, name),
        example=example,
        sizes=example.sizes(),
        weights=sum(parameter.numel() for parameter in part.parameters()) if is_module else 0,
        multiply_adds=multiply_adds(part, inputs, call=example.call) if is_module else 0,
        plain={k: v for k, v in inputs.items() if isinstance(v, int | tuple) and _numbers(v)},
        functions=functions_of(REGISTRIES[kind][name], name, seen),
        trace=seen,
    )


def _numbers(value: Any) -> bool:
    return isinstance(value, int) or all(isinstance(item, int) for item in value)


def functions_of(factory: Any, name: str, seen: Trace | None = None) -> list[str]:
    """Return the public functions that stand for an entry, or that it names or calls itself."""
    home = stgan.functional
    public = [n for n in home.__all__ if inspect.isfunction(getattr(home, n))]
    said = re.findall(r":func:`(?:stgan\.functional\.)?(\w+)`", inspect.getdoc(factory) or "")
    called = [] if seen is None else [
        call.name for call in [seen.root, *seen.root.parts] if call.module is None
    ]  # fmt: skip
    own = [f"{name}_penalty"] if factory.__name__.endswith("Penalty") else [name, f"{name}_loss"]
    # Helpers that nearly everything calls tell nothing about an entry.
    called = [n for n in called if n not in HELPERS]
    found = [n for n in dict.fromkeys([*own, *called]) if n in public]
    return found or [n for n in dict.fromkeys(said) if n in public and n not in HELPERS]


def formulas_in(thing: Any) -> list[str]:
    """Return the formulas of a docstring that stand on lines of their own."""
    lines = (inspect.getdoc(thing) or "").splitlines() if "__doc__" in dir(thing) else []
    found: list[str] = []
    number = 0
    while number < len(lines):
        match = re.match(r"(\s*)\.\. math::\s*(.*)", lines[number])
        number += 1
        if match is None:
            continue
        body = [match[2]]
        while number < len(lines) and (
            not lines[number].strip()
            or len(lines[number]) - len(lines[number].lstrip()) > len(match[1])
        ):
            body.append(lines[number].strip())
            number += 1
        found.append("\n".join(body).strip())
    return found


def signature_words(thing: Any) -> str:
    """Write a signature without types: names, and defaults where they are short."""
    shown, keyword = [], False
    for name, parameter in inspect.signature(thing).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword:
            shown.append("*")
            keyword = True
        mark = _STARS.get(parameter.kind, "")
        keyword = keyword or bool(mark)
        default = parameter.default
        if default is parameter.empty:
            shown.append(mark + name)
        else:
            text = getattr(default, "__name__", None) or repr(default)
            shown.append(f"{name}={text}" if len(text) < 20 else f"{name}=...")
    return ", ".join(shown)


def axes_of(layouts: Mapping[str, Any], ndims: Mapping[str, int]) -> dict[str, list[str]]:
    """Return the letters of the axes of each input tensor; a fixed number of channels is C."""
    found = {}

    def walk(layout: Any, path: str) -> None:
        if isinstance(layout, tuple):
            for number, one in enumerate(layout):
                walk(one, f"{path} {number}")
        elif path in ndims:
            words = layout.partition("<")[0].split()
            usual = ["N", "k"] if "<" in layout and len(words) == 2 else _letters(len(words))
            found[path] = [w if w.isidentifier() else u for w, u in zip(words, usual, strict=True)]

    for name, layout in layouts.items():
        walk(layout, name)
    return found


def output_axes(contract: str, ndims: list[int]) -> list[list[str]]:
    """Return the letters of the axes of each output, as the shape contract says them if it fits."""
    groups = re.findall(r"\(([^()]*(?:\([^()]*\)[^()]*)*)\)", contract.rpartition("->")[2])
    letters = [[re.sub(r"^\d+ ", "", axis.strip()) for axis in g.split(",") if axis.strip()]
               for g in groups]  # fmt: skip
    found = []
    for place, count in enumerate(ndims):
        told = letters[place] if place < len(letters) else []
        short = [axis[0] if axis[:1].isalpha() else "" for axis in told]
        found.append(short if len(short) == count and all(short) else _letters(count))
    return found


def _letters(count: int) -> list[str]:
    usual = {5: "NCTHW", 4: "NCHW", 3: "NCT", 2: "ND", 1: "N"}
    return list(usual.get(count, "")) or [""] * count


@cache
def _matrix() -> dict[str, dict[str, str]]:
    made = json.loads((_ROOT / "docs" / "support.json").read_text(encoding="utf-8"))
    entries: dict[str, dict[str, str]] = made["entries"]
    return entries


def support_of(kind: str, name: str) -> dict[str, str]:
    """Return the row of the support matrix; empty for an entry that is not in the file."""
    return _matrix().get(f"{kind}/{name}", {})


def public_name(info: EntryInfo) -> str:
    """Name under which the class or function of an entry is documented."""
    return definitions().get(info.owner, info.owner)

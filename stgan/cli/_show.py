"""``stgan list`` and ``stgan show``: what there is, and what one entry is."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import torch
from rich.console import RenderableType
from torch import nn

import stgan.typing
from stgan.cli._names import check_kind, find
from stgan.cli._screen import pairs, paragraph, plain, say, table
from stgan.config import build, make_inputs
from stgan.errors import PluginError
from stgan.example import Example
from stgan.profiling import shapes_of
from stgan.registry import REGISTRIES, Registry

__all__ = ["list_entries", "list_kinds", "show_entry"]

_SECTION = re.compile(r"^(?:[A-Z][\w ]*):$", re.MULTILINE)
_STARS: dict[Any, str] = {
    inspect.Parameter.VAR_POSITIONAL: "*",
    inspect.Parameter.VAR_KEYWORD: "**",
}
_ALIASES = {name: getattr(stgan.typing, name) for name in stgan.typing.__all__}


def list_kinds() -> int:
    """Print every kind with the number of its entries."""
    rows = [(kind, str(len(registry))) for kind, registry in REGISTRIES.items()]
    say(table(("kind", "entries"), rows, right=("entries",)))
    return 0


def list_entries(kind: str, pattern: str, exclude: tuple[str, ...]) -> int:
    """Print names and summaries of a kind; status 1 if no name matches, as ``grep`` has it."""
    registry = REGISTRIES[check_kind(kind)]
    names = registry.list(pattern, exclude=exclude)
    if not names:
        say(f"no name in {kind} matches; 'stgan list {kind}' shows all {len(registry)}")
        return 1
    say(table(("name", "summary"), [(name, _summary(registry, name)) for name in names]))
    return 0


def _summary(registry: Registry, name: str) -> str:
    try:
        return plain(registry.info(name).summary)
    except PluginError as error:
        return str(error)


def show_entry(asked: str) -> int:
    """Print everything that is known about an entry."""
    kind, name = find(asked)
    info, factory = REGISTRIES[kind].info(name), REGISTRIES[kind][name]
    parts: list[RenderableType] = [f"{kind}/{name}", paragraph(plain(info.summary)), ""]
    for text in _description(inspect.getdoc(factory) or ""):
        parts += [paragraph(text, hanging=2 if text.startswith("- ") else 0)]
    facts = {"shape": info.shape, "source": info.source, "class": info.owner}
    if info.aliases:
        facts["also"] = ", ".join(info.aliases)
    parts += [pairs(facts), "", "settings"]
    lines = [_argument(p) for p in inspect.signature(factory).parameters.values()]
    parts += [paragraph(line, indent=2) for line in lines or ["none"]]
    parts += ["", "example"]
    if info.example is None:
        parts += [paragraph("none", indent=2)]
    else:
        parts += [pairs(_tried(kind, name, info.example), indent=2)]
    say(*parts)
    return 0


def _description(doc: str) -> Iterator[str]:
    """Paragraphs between the summary and the first section, each with a blank line after it."""
    _, _, body = doc.partition("\n")
    section = _SECTION.search(body)
    text = body[: section.start()] if section else body
    for block in re.split(r"\n\s*\n", text.strip()):
        if block.startswith(".. math::"):
            # The documentation can draw it, a terminal cannot.
            yield "(formula: see the documentation)"
            yield ""
        if not block or block.startswith((".. ", " ")):
            continue
        for item in re.split(r"\n(?=- )", block):
            yield plain(item)
        yield ""


def _argument(parameter: inspect.Parameter) -> str:
    star = _STARS.get(parameter.kind, "")
    line = f"{star}{parameter.name}"
    if parameter.annotation is not parameter.empty:
        line += f": {_type(parameter.annotation)}"
    if parameter.default is not parameter.empty:
        default = parameter.default
        line += f" = {default.__qualname__ if hasattr(default, '__qualname__') else repr(default)}"
    return line


def _type(annotation: Any) -> str:
    alias = next((name for name, known in _ALIASES.items() if known == annotation), None)
    return alias or re.sub(r"\b(?:\w+\.)+(?=\w)", "", inspect.formatannotation(annotation))


def _tried(kind: str, name: str, example: Example) -> dict[str, str]:
    part = build({"kind": kind, "name": name, **example.settings})
    inputs = make_inputs(example)
    facts = {"settings": ", ".join(f"{key}={value!r}" for key, value in example.settings.items())}
    for key, layout in example.inputs.items():
        facts[key] = f"{layout} as {_shown(inputs[key])}"
    method = part if example.call == "forward" else getattr(part, example.call)
    with torch.no_grad():
        facts["output"] = _shown(method(**inputs))
    if isinstance(part, nn.Module):
        facts["parameters"] = f"{sum(p.numel() for p in part.parameters()):,}"
    return facts


def _shown(value: Any) -> str:
    return str(shapes_of(value))

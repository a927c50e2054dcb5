"""Count what the house is made of: lines, files, Python calls of a step, names without a caller.

    python benchmarks/house.py

Prints one table each; nothing is timed. A call is one that ``sys.setprofile`` tells of, of a
function of stgan or the recipe, in one training step of the smallest ImaGINator on a CPU.
"""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import torch

ROOT = Path(__file__).resolve().parent.parent
TREES = ("stgan", "examples", "tests", "benchmarks", "docs/_ext")
#: Public names that nothing here calls, each with its reason.
REASONS = {
    "stgan/losses/adversarial_base.py: create_family": "deprecated, for stgan.create",
}


def rooms(tree: Path) -> dict[str, tuple[int, int]]:
    """Files and lines of every room of a tree."""
    found: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    for path in sorted(tree.rglob("*.py")):
        parts = path.relative_to(tree).parts
        room = parts[0] if len(parts) > 1 else "."
        found[room] += 1
        lines[room] += len(path.read_text(encoding="utf-8").splitlines())
    return {room: (found[room], lines[room]) for room in sorted(found)}


def calls_of_a_step() -> Counter[str]:
    """Python calls of one training step, by file."""
    from tests.examples.games import game, step

    played = game()
    step(played)  # what is done once is not counted
    counted: Counter[str] = Counter()

    def note(frame: FrameType, event: str, _: Any) -> None:
        path = frame.f_code.co_filename
        if event == "call" and path.startswith((str(ROOT / "stgan"), str(ROOT / "examples"))):
            counted[str(Path(path).relative_to(ROOT))] += 1

    torch.manual_seed(0)
    sys.setprofile(note)
    try:
        step(played)
    finally:
        sys.setprofile(None)
    return counted


def public_names() -> Iterator[tuple[str, Path]]:
    """Every name that a room of stgan offers, with the file that defines it."""
    for path in sorted((ROOT / "stgan").rglob("*.py")):
        if path.name == "__init__.py" or path.name.startswith("_"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        defined = {
            node.name: node
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
        }
        for name in _listed(tree):
            node = defined.get(name)
            if node is not None and not _registered(node):
                yield name, path


def _listed(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            listed: list[str] = ast.literal_eval(node.value)
            return listed
    return []


def _registered(node: ast.FunctionDef | ast.ClassDef) -> bool:
    """Whether a registry finds it, and so a configuration calls it."""
    return any(
        isinstance(one, ast.Call) and getattr(one.func, "attr", "") == "register"
        for one in node.decorator_list
    )


def without_caller() -> list[str]:
    """Public names that no code of library, recipe, tutorial or documentation page uses."""
    where = [
        *(ROOT / "stgan").rglob("*.py"),
        *(ROOT / "examples").rglob("*.py"),
        *(ROOT / "docs").rglob("*.py"),
        *(ROOT / "docs").glob("*.md"),
        ROOT / "README.md",
    ]
    words: dict[Path, set[str]] = {}
    for path in where:
        if "_build" in path.parts or "gallery" in path.parts or path.name == "__init__.py":
            continue
        words[path] = set(re.findall(r"\w+", _code(path)))
    return [
        f"{path.relative_to(ROOT)}: {name}"
        for name, path in public_names()
        if not any(name in found for other, found in words.items() if other != path)
        and not _used_at_home(name, path)
    ]


def _code(path: Path) -> str:
    """Code of a file without its docstrings and comments; of a page, its blocks of code."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    return ast.unparse(_bare(ast.parse(text)))


def _bare(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            node.body = body[1:] or [ast.Pass()]  # type: ignore[attr-defined,index]
    tree.body = [
        node for node in tree.body
        if not (isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__")
    ]  # fmt: skip
    return tree


def _used_at_home(name: str, path: Path) -> bool:
    """Whether the file that defines a name uses it too, as a base or in another function."""
    return len(re.findall(rf"\b{name}\b", _code(path))) > 1


def main() -> None:
    """Print the counts."""
    for tree in TREES:
        found = rooms(ROOT / tree)
        files, lines = (sum(pair[i] for pair in found.values()) for i in (0, 1))
        print(f"{tree}: {files} files, {lines:,} lines")
        for room, (count, long) in found.items() if len(found) > 1 else ():
            print(f"    {room:16} {count:4} files {long:7,} lines")
    counted = calls_of_a_step()
    print(f"one training step: {sum(counted.values()):,} Python calls in {len(counted)} files")
    for path, count in counted.most_common(8):
        print(f"    {path:48} {count:6,}")
    lonely = without_caller()
    print(f"public names without a caller: {len(lonely)}")
    for line in lonely:
        print(f"    {line}{'  # ' + REASONS[line] if line in REASONS else ''}")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()

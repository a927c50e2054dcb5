"""Parts describe themselves: loops and recipes ask no part for its class or its name."""

import ast
from pathlib import Path

import pytest

import stgan
from stgan.registry import REGISTRIES

ROOT = Path(stgan.__file__).parent.parent
FILES = [*(ROOT / "stgan" / "training").glob("*.py"), *(ROOT / "examples").rglob("*.py")]
CLASSES = {registry[name].__name__ for registry in REGISTRIES.values() for name in registry}
# The two streams are called as the plain discriminators are.
NAMES = {name for registry in REGISTRIES.values() for name in registry} - {"video", "image"}


def _asked(tree: ast.AST) -> set[object]:
    """Classes that something is tested for, and words that something is compared with."""
    found: set[object] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in (
            "isinstance",
            "issubclass",
        ):
            found |= {name.id for name in ast.walk(node.args[1]) if isinstance(name, ast.Name)}
        if isinstance(node, ast.Compare):
            for side in (node.left, *node.comparators):
                found |= {x.id for x in ast.walk(side) if isinstance(x, ast.Name)} & CLASSES
                found |= {x.value for x in ast.walk(side) if isinstance(x, ast.Constant)} & NAMES
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_part_is_asked_who_it_is(path: Path) -> None:
    found = _asked(ast.parse(path.read_text(encoding="utf-8"))) & (CLASSES | NAMES)
    assert not found, f"{path} asks for {sorted(map(str, found))}"


@pytest.mark.parametrize(
    "code", ["isinstance(term, LecamPenalty)", "encoder is TimmEncoder", "name in ('concat', 'x')"]
)
def test_the_test_sees_what_it_looks_for(code: str) -> None:
    assert _asked(ast.parse(code)) & (CLASSES | NAMES)


# Former names, and the word of papers, once.
FORMER = ("critic=", "CriticPenalty", "papers on Wasserstein losses call a critic")


def test_a_discriminator_is_called_a_discriminator() -> None:
    files = [ROOT / "README.md", *(ROOT / "stgan").rglob("*.py"), *(ROOT / "docs").rglob("*.*")]
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files
        if path.suffix in (".py", ".md", ".rst", ".json")
        and not {"_build", "gallery"} & set(path.parts)  # which are made from the others
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if "critic" in line.lower() and not any(former in line for former in FORMER)
    ]
    assert not found, "\n".join(found)

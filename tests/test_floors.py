"""Imports go down only, and importing the library stays cheap and silent."""

import ast
import builtins
import importlib
import pkgutil
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import stgan

ROOT = Path(stgan.__file__).parent
# What each room may import besides itself. Ground files may import ground files.
GROUND = {
    "errors", "typing", "_answers", "_checks", "_deprecated", "_described", "_excerpt",
    "_factories", "_files", "_keywords", "_pickles", "_plain", "_tensor_files", "example",
    "_settings", "_plugins", "_progress", "registry", "config", "shapes", "_timm_loading",
    "_torchvision", "_trees", "_version",
}  # fmt: skip
BELOW: dict[str, set[str]] = {
    "functional": GROUND,
    "layers": GROUND | {"functional"},
    "losses": GROUND | {"functional", "augment"},
    "blocks": GROUND | {"functional", "layers"},
    "encoders": GROUND | {"functional", "layers", "blocks"},
    "decoders": GROUND | {"functional", "layers", "blocks"},
    "discriminators": GROUND | {"functional", "layers", "blocks"},
    "io": GROUND | {"functional"},
    "data": GROUND | {"functional", "io"},
    "metrics": GROUND | {"functional"},
    "visual": GROUND | {"functional", "io"},
    "report": GROUND | {"functional", "io", "data", "metrics", "visual"},
    "training": GROUND
    | {"functional", "layers", "losses", "blocks", "discriminators", "augment", "data", "io"},
    "augment": GROUND | {"functional"},
    "testing": GROUND | {"functional", "layers", "blocks"},
    "profiling": GROUND | {"functional", "layers"},
    "settings": GROUND | {"data", "training"},
    "cli": GROUND | {"profiling", "io", "data", "metrics", "report"},
    "__main__": {"cli"},
}


def _imported(path: Path) -> set[str]:
    """Every name that a file imports, in full; also inside of functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


FILES = sorted(ROOT.rglob("*.py"))


def test_imports_go_down() -> None:
    for path in FILES:
        room = path.relative_to(ROOT).with_suffix("").parts[0]
        if room == "__init__":
            continue
        allowed = (GROUND if room in GROUND else BELOW[room]) | {room}
        rooms = {name.split(".")[1] for name in _imported(path) if name.startswith("stgan.")}
        assert rooms <= allowed, f"{path} imports {sorted(rooms - allowed)}, which is not below it"
        assert not any(name.split(".")[0] == "examples" for name in _imported(path)), path


def test_no_file_imports_in_a_circle() -> None:
    """Nor does one import ``stgan`` itself, which imports them all; imports in functions count."""
    files = {".".join(p.relative_to(ROOT.parent).with_suffix("").parts): p for p in FILES}
    files = {name.removesuffix(".__init__"): path for name, path in files.items()}

    def homes(path: Path) -> set[str]:
        """Of every name that is imported the file, or the package, in which it is."""
        named = {name for name in _imported(path) if name.partition(".")[0] == "stgan"}
        while more := {name for name in named if name not in files}:
            named = named - more | {name.rpartition(".")[0] for name in more}
        return named

    graph = {name: homes(path) - {name} for name, path in files.items()}
    del graph["stgan"]
    assert [name for name, below in graph.items() if "stgan" in below] == []
    tuple(TopologicalSorter(graph).static_order())


def test_every_room_has_a_floor() -> None:
    rooms = {p.relative_to(ROOT).parts[0].removesuffix(".py") for p in FILES} - {"__init__"}
    assert rooms == set(BELOW) | GROUND


def test_every_public_module_names_its_public_names() -> None:
    for path in FILES:
        if path.name.startswith("_") and path.name != "__init__.py":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert any(
            isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
            for node in tree.body
        ), path


def test_every_public_module_is_an_attribute_in_a_fresh_process() -> None:
    public = {info.name for info in pkgutil.iter_modules(stgan.__path__) if info.name[0] != "_"}
    program = (
        f"import stgan; names = {sorted(public)}; assert {{*names}} <= {{*dir(stgan)}}\n"
        "print([name for name in names if getattr(stgan, name).__name__ != f'stgan.{name}'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_what_stgan_does_not_have_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'stgan' has no attribute 'trainer'"):
        stgan.trainer  # noqa: B018


def test_no_star_import_hides_a_builtin_of_python() -> None:
    modules = ["stgan", *(m.name for m in pkgutil.walk_packages(stgan.__path__, "stgan."))]
    for name in modules:
        if not name.endswith("__main__"):
            public = {*getattr(importlib.import_module(name), "__all__", ())}
            assert not public & {*vars(builtins)}, name
    assert stgan.list("heads", "lin*") == ["linear"]


def test_importing_stgan_is_silent_and_leaves_the_heavy_libraries_alone() -> None:
    program = (
        "import sys, stgan\n"
        "heavy = 'timm kornia torchmetrics torchvision matplotlib PIL av'.split()\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "[]", "")

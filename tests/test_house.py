"""The counts of ``benchmarks/house.py``, and the budgets of files and recipes."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def test_the_house_counts_lines_calls_and_names() -> None:
    script = ROOT / "benchmarks" / "house.py"
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    for line in (
        r"^stgan: [1-9]\d* files, [\d,]+ lines$",
        r"^one training step: [1-9][\d,]* Python calls in [1-9]\d* files$",
        r"^public names without a caller: \d+$",
    ):
        assert re.search(line, done.stdout, re.MULTILINE), (line, done.stdout)


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def test_no_file_is_too_long_for_one_concept() -> None:
    """Two hundred lines are read at once; beyond four hundred a file holds more than one idea."""
    files = [path for room in ("stgan", "examples") for path in (ROOT / room).rglob("*.py")]
    assert files
    assert not [path for path in files if _lines(path) > 400]


@pytest.mark.parametrize(("recipe", "most", "longest"), [("imaginator", 8, 1000)])
def test_a_recipe_is_read_in_one_sitting(recipe: str, most: int, longest: int) -> None:
    files = sorted((ROOT / "examples" / recipe).rglob("*.py"))
    assert 0 < len(files) <= most
    assert sum(map(_lines, files)) <= longest


def test_a_recipe_imports_itself_by_relative_names_and_the_library_by_public_ones() -> None:
    """Its folder works under any name, and can be copied."""
    for path in (ROOT / "examples").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                assert not node.module.startswith("examples"), path
                names = [node.module, *(alias.name for alias in node.names)]
                assert not any(part[0] == "_" for name in names for part in name.split(".")), path


def test_the_recipe_works_under_another_name(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "imaginator", tmp_path / "mine")
    done = subprocess.run(
        [sys.executable, "-c", ("from mine import demo, convert; from mine.model import build; "
         "print(build('tiny', num_classes=2, base_channels=8).z_dim)")],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, "8"), done.stderr

"""The counts of ``benchmarks/house.py``: what it prints, and no bound on any of it."""

import re
import subprocess
import sys
from pathlib import Path

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

"""Write all tables that the page on performance includes, one script after the other.

    python benchmarks/write_pages.py

Takes about half an hour on two cores, which should have nothing else to do.
"""

import subprocess
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
PAGES = Path("docs", "results", "speed")
COMMANDS: dict[str, list[str]] = {
    "bench.md": ["bench.py"],
    "generator.md": ["generator.py"],
    "iteration.md": ["iteration.py"],
    "breakdown.md": [
        "breakdown.py", "--variants", "released", "released, bf16", "mid_channels=out, one pass",
    ],
    "compile.md": ["iteration.py", "--compile-break-even", "--variants", "released", "imaginator"],
    "loader.md": ["loader.py"],
    "layers.md": ["layers.py", "--growth"],
}  # fmt: skip


def main() -> None:
    """Run every script in a process of its own; a missed target still has its page."""
    commands = dict(COMMANDS)
    if torch.cuda.is_available():
        commands["gpu.md"] = ["gpu.py"]
    (ROOT / PAGES).mkdir(parents=True, exist_ok=True)
    for name, (script, *options) in commands.items():
        page = PAGES / name
        command = [sys.executable, f"benchmarks/{script}", *options, "--markdown", str(page)]
        print(f"{script} -> {page}", file=sys.stderr)
        done = subprocess.run(command, check=False, cwd=ROOT)
        if done.returncode and name != "bench.md":
            sys.exit(f"error: {script} ended with {done.returncode}")


if __name__ == "__main__":
    main()

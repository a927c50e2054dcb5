"""How the tests of faults start, watch and compare runs of the loop."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from stgan.training import latest_checkpoint, load_state

ROOT = Path(__file__).resolve().parents[2]
PYTHON = [sys.executable, "-m", "tests.faults.loop"]
TORCHRUN = [
    sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
    "-m", "tests.faults.loop",
]  # fmt: skip


def start(command: list[str], *arguments: object, **settings: Any) -> subprocess.Popen[str]:
    """Start a run as a process of its own."""
    return subprocess.Popen(
        [*command, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        **settings,
    )


def finish(process: subprocess.Popen[str], timeout: float = 120) -> tuple[int, str, str]:
    """Wait for a run, and return its status and what it said."""
    out, err = process.communicate(timeout=timeout)
    return process.returncode, out, err


def wait_until(reached: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for a moment in a run."""
    deadline = time.monotonic() + 120
    while not reached():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def lines(out: Path) -> list[dict[str, float]]:
    """The losses of a run, step by step."""
    path = out / "losses.jsonl"
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


def state(out: Path) -> dict[str, Any]:
    """Every tensor of the networks of the newest checkpoint, and its state."""
    checkpoint = latest_checkpoint(out / "checkpoints")
    found: dict[str, Any] = {
        f"{file.stem}.{name}": tensor
        for file in checkpoint.glob("*.safetensors")
        for name, tensor in load_file(file).items()
    }
    return found | {"state": load_state(checkpoint)}


def same(a: Any, b: Any) -> bool:
    """Whether two nested structures are equal, bit for bit."""
    if isinstance(a, Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def different(a: Path, b: Path) -> list[str]:
    """Names of what differs between the newest checkpoints of two runs."""
    left, right = state(a), state(b)
    keys = sorted(left.keys() | right.keys())
    return [
        key for key in keys if not (key in left and key in right and same(left[key], right[key]))
    ]

"""Short runs of the recipe, and what it says where it refuses."""

import json
from pathlib import Path

import pytest
import torch

from examples.imaginator import train
from stgan.io import write_strip

__all__ = ["QUIET", "SMALLEST", "TINY", "class_folder", "refusal", "train_run"]

SMALLEST = [
    "--preset", "tiny", "--model.num-frames", "4", "--model.image-size", "16", "16",
    "--model.base-channels", "4", "--discriminator.channels", "4", "--model.z-dim", "4",
    "--train.batch-size", "4", "--train.log-every", "1", "--train.accelerator", "cpu",
    "--data.num-shapes", "12", "--data.workers", "0",
]  # fmt: skip
TINY = [*SMALLEST, "--train.save-every", "2"]
# The training loop is quiet about these upstream habits, which say nothing about the recipe.
QUIET = pytest.mark.filterwarnings(
    "ignore:The '.*dataloader' does not have many workers", "ignore:`isinstance.treespec"
)


def train_run(out: Path, *options: str) -> list[dict[str, float]]:
    """Train, and return what was logged."""
    train.main([*TINY, "--out", str(out), *options])
    lines = (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def refusal(call: object, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one sentence with which a program ends."""
    with pytest.raises(SystemExit) as caught:
        call()  # type: ignore[operator]
    assert caught.value.code == 2
    printed = capsys.readouterr().err
    # A progress bar may have been there; the error is a line of its own, and the last.
    assert "Traceback" not in printed
    *_, error = printed.splitlines()
    assert error.startswith("error: "), printed
    return error


def class_folder(root: Path, **classes: list[str]) -> Path:
    """Write a folder of clips for each class; names say which are broken or short."""
    for name, files in classes.items():
        (root / name).mkdir(parents=True)
        for file in files:
            path = root / name / file
            if file.startswith("broken"):
                path.write_bytes(b"no video at all")
            elif file.startswith("short"):
                write_strip(torch.zeros(3, 2, 16, 16), path)
            else:
                write_strip(torch.rand(3, 6, 16, 16), path)
    return root

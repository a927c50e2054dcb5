"""The demo writes what it names; that it learns is checked by running it whole."""

import json
from pathlib import Path

import pytest
from PIL import Image

from examples.imaginator.demo import run_demo
from stgan.io import count_frames

pytestmark = pytest.mark.filterwarnings(
    "ignore:The '.*dataloader' does not have many workers", "ignore:`isinstance.treespec"
)


def test_the_demo_writes_and_names_its_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "demo"
    run_demo(out, steps=3, max_minutes=1)
    printed = capsys.readouterr().out
    for name in ("grid.gif", "grid.png", "curves.png", "metrics.jsonl"):
        assert (out / name).is_file()
        assert str(out / name) in printed
    assert str(out / "checkpoints" / "step_00000003") in printed
    for row in ("generated", "first frame", "real"):
        assert f"| {row}" in printed
    scores = json.loads((out / "evaluation.json").read_text())["scores"]
    # The judge is sound: it knows real motion, and has only chance on clips that stand still.
    assert scores["real"]["accuracy"] > 0.9
    assert scores["first frame"]["accuracy"] == pytest.approx(1 / 6, abs=0.01)
    assert count_frames(out / "grid.gif") == 16
    with Image.open(out / "grid.png") as picture:
        assert picture.width > picture.height > 300

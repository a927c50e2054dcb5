"""Scores of neighbors where there are too few clips: refused if named, else left out aloud."""

import json
from pathlib import Path
from typing import Any

import pytest

from stgan.metrics import fit_motion_features
from tests.cli.folders import make_folder, read_results
from tests.cli.shell import Shell

MODULE = "--features torchvision --set model=mc3_18 --set image_size=8"


@pytest.fixture
def ten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Ten clips of each kind, of which five real ones train a network in two steps."""

    def quick(clips: Any, classes: int | None, *, seed: int) -> Any:
        return fit_motion_features(clips, classes, seed=seed, steps=2)

    monkeypatch.setattr("stgan.metrics.fit_motion_features", quick)
    real = make_folder(tmp_path / "real", range(10))
    fake = make_folder(tmp_path / "fake", range(20, 30))
    return f"evaluate --real {real} --fake {fake} --frames 4 --resamples 0"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--metrics precision", "precision needs more than 5 clips of each kind, got 5 real that"),
        ("--metrics precision frechet --json r.json", "train no network and 10 generated; lower"),
        ("--metrics recall static coverage", "recall, coverage need more than 5 clips of each"),
        (f"--metrics density {MODULE} --neighbors 10", "got 10 real and 10 generated; lower --"),
        (f"--metrics density {MODULE} --limit 3", "got 3 real and 3 generated; lower --neighbors"),
    ],
)
def test_a_named_score_is_made_or_refused(
    options: str,
    sentence: str,
    ten: str,
    shell: Shell,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def untouched(*_: object, **__: object) -> None:
        pytest.fail("a network was opened for nothing")

    monkeypatch.setattr("stgan.cli._evaluate.open_extractor", untouched)
    monkeypatch.chdir(tmp_path)
    assert sentence in shell.error(f"{ten} {options}")
    assert not Path("r.json").exists()


def test_what_nobody_named_is_left_out_with_a_note(ten: str, shell: Shell, tmp_path: Path) -> None:
    target = tmp_path / "r.json"
    status, out, err = shell(f"{ten} --json {target}")
    assert (status, err) == (0, "")
    note = (
        "left out: precision, recall, density, coverage need more than 5 clips of each kind, got 5 "
        "real that train no network and 10 generated"
    )
    assert f"note: {note}" in " ".join(out.split())
    assert json.loads(target.read_text())["notes"] == [note]
    found = read_results(target)
    assert "Frechet distance" in found
    assert not {"precision", "recall", "density", "coverage"} & {*found}


def test_fewer_neighbors_make_the_score(ten: str, shell: Shell, tmp_path: Path) -> None:
    target = tmp_path / "r.json"
    status, out, _ = shell(f"{ten} --metrics precision --neighbors 4 --json {target}")
    assert status == 0
    assert "left out" not in out
    assert json.loads(target.read_text())["notes"] == []
    assert list(read_results(target)) == ["precision"]

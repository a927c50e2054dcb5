"""A run that has been trained is read by anyone, and refused in a sentence if it is none."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from stgan.errors import CheckpointError
from stgan.training import Run, TrainedRun, open_trained
from tests.training.hostile import sign

FACTS = {"classes": ("jump", "wave")}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four steps with a checkpoint after each two."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    network = nn.Linear(2, 1)
    with Run(folder, {"net": network}, steps=4, save_every=2, facts=FACTS, config="a: 1") as run:
        while not run.done:
            nn.init.constant_(network.weight, run.step + 1)
            run.advance({"loss": torch.zeros(())})
    return folder


@pytest.fixture
def copy(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


def _weight(found: TrainedRun) -> float:
    network = nn.Linear(2, 1)
    found.load({"net": network})
    return network.weight[0, 0].item()


def test_the_newest_checkpoint_is_found_with_its_facts(trained: Path) -> None:
    found = open_trained(str(trained))
    assert found.checkpoint == trained / "checkpoints" / "step_00000004"
    assert found.config.read_text(encoding="utf-8") == "a: 1"
    assert (found.step, found.classes, found.skipped) == (4, ("jump", "wave"), {})
    assert _weight(found) == 4


def test_damaged_ones_are_passed_over_with_the_reason(copy: Path) -> None:
    newest = copy / "checkpoints" / "step_00000004"
    (newest / "net.safetensors").write_bytes(b"half")
    found = open_trained(copy)
    assert (found.step, _weight(found)) == (2, 2)
    assert [*found.skipped] == [newest]
    assert "net.safetensors is damaged" in found.skipped[newest]
    shutil.rmtree(copy / "checkpoints" / "step_00000002")
    with pytest.raises(CheckpointError, match="no checkpoint that can be used: step_00000004"):
        open_trained(copy)


def test_a_checkpoint_may_lie_elsewhere_and_is_not_exchanged_for_another(copy: Path) -> None:
    best = (copy / "checkpoints" / "step_00000002").rename(copy.parent / "best")
    found = open_trained(best)
    assert (found.checkpoint, found.step, _weight(found)) == (best, 2, 2)
    (best / "net.safetensors").write_bytes(b"half")
    with pytest.raises(CheckpointError, match=r"net\.safetensors is damaged"):
        open_trained(best)


def test_what_is_no_run_or_has_nothing_yet_is_refused(tmp_path: Path) -> None:
    for make, sentence in (
        (lambda folder: None, f"run folder {tmp_path / 'a'} does not exist; train one first"),
        (lambda folder: folder.mkdir(), f"folder {tmp_path / 'a'} is no run folder; give one"),
        (
            lambda folder: (folder / "config.yaml").touch(),
            "holds no checkpoint yet; train it",
        ),
        (
            lambda folder: (folder / "checkpoints").mkdir(),
            "checkpoints holds no checkpoint; one",
        ),
    ):
        make(tmp_path / "a")
        with pytest.raises(CheckpointError) as caught:
            open_trained(tmp_path / "a")
        assert sentence in str(caught.value)


def test_a_run_needs_no_classes_until_it_is_asked_for_them(tmp_path: Path) -> None:
    with Run(tmp_path / "run", {}, steps=1) as run:
        run.advance({"loss": torch.zeros(())})
    found = open_trained(tmp_path / "run")
    assert found.step == 1
    with pytest.raises(CheckpointError, match=r"^state of .*step_00000001 lacks classes; use"):
        found.classes  # noqa: B018


def _state(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the state of the newest checkpoint, and sign it."""
    newest = run / "checkpoints" / "step_00000004"
    state = torch.load(newest / "state.pt", weights_only=True)
    change(state)
    torch.save(state, newest / "state.pt")
    sign(newest)


COUNT = "must have a whole number of at least 0 as step, got "


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ("x", "must have int as step, got str"),
        (1.0, "must have int as step, got float"),
        (-5, f"{COUNT}-5"),
        (True, f"{COUNT}True"),
        (10**600, f"{COUNT}one of too many digits"),
    ],
    ids=["text", "float", "below 0", "true", "digits"],
)
def test_a_step_that_is_none_is_refused_here_and_where_a_run_is_resumed(
    step: object, sentence: str, copy: Path
) -> None:
    _state(copy, lambda state: state.update(step=step))
    for call in (lambda: open_trained(copy), lambda: _resume(copy)):
        with pytest.raises(CheckpointError) as caught:
            call()
        assert sentence in str(caught.value)
        assert len(str(caught.value)) < 400 + len(str(copy))


def _resume(run: Path) -> Run:
    return Run(run, {"net": nn.Linear(2, 1)}, steps=5, resume=True, facts=FACTS)


@pytest.mark.parametrize(
    "classes",
    [[1, 2], [], ["jump", "jump"], ["\x1b", "\\x1b"], ["jump", "../x"], ["jump", "/x"],
     ["jump", ".."], ["jump", "."], ["jump", ""], ["jump", "a\0b"], ["jump", "a" * 10**6]],
    ids=["numbers", "none", "same", "printed alike", "path", "root", "parent", "here", "empty",
         "zero", "long"],
)  # fmt: skip
def test_classes_that_cannot_name_files_are_refused(classes: list[Any], copy: Path) -> None:
    _state(copy, lambda state: state.update(classes=classes))
    found = open_trained(copy)
    with pytest.raises(CheckpointError) as caught:
        found.classes  # noqa: B018
    assert str(caught.value) == (
        f"state of {found.checkpoint} must have the names of class folders as classes, each once, "
        f"got others; use a checkpoint that the same code saved"
    )
    with pytest.raises(CheckpointError, match="was trained with classes "):
        _resume(copy)


def test_classes_of_any_printable_form_are_names(copy: Path) -> None:
    names = ["波", "a b", "$x$", "...", "\x1b[31m", "back\\slash"]
    _state(copy, lambda state: state.update(classes=names))
    assert open_trained(copy).classes == tuple(names)

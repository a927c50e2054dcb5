"""Run folders and settings from a stranger build networks, and have no other effect."""

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from examples.imaginator import model, train
from examples.imaginator.config import Settings, read_settings
from examples.imaginator.model import build_generator, load_generator
from stgan.config import dump_yaml, load_yaml
from stgan.errors import ConfigError, UnknownNameError
from stgan.settings import write_settings
from stgan.training import latest_checkpoint, save_checkpoint
from tests.examples.runs import QUIET, TINY, refusal

pytestmark = QUIET


def _hostile(settings: Settings, path: Path) -> Settings:
    """Settings that ask for a function with an effect wherever a part is described."""
    # Called with these, it would leave one checkpoint in the folder, and that is the stranger's.
    act = {
        "factory": "stgan.training.save_checkpoint", "args": [str(path)], "step": 9,
        "networks": {}, "state": {}, "config": "text of the stranger", "keep": 1,
    }  # fmt: skip
    looks = {"name": "perceptual", "weight": 1.0, "weights": None, "features": act}
    return replace(
        settings,
        discriminator=replace(
            settings.discriminator,
            video={"name": "video", "act": act},
            image={"name": "image", "act": act},
            augment={"name": "kornia", "transforms": act},
        ),
        loss=replace(settings.loss, generator_terms={"looks": looks}),
    )


@pytest.fixture
def strangers(run: Path, tmp_path: Path) -> Path:
    """A run whose checkpoints say what its author wants, with the right sums."""
    folder = Path(shutil.copytree(run, tmp_path / "strangers"))
    hostile = write_settings(_hostile(read_settings(run / "config.yaml"), tmp_path / "mine"))
    (folder / "config.yaml").write_text(hostile, encoding="utf-8")
    for checkpoint in (folder / "checkpoints").iterdir():
        (checkpoint / "config.yaml").write_text(hostile, encoding="utf-8")
        sums = checkpoint / "SHA256SUMS"
        names = [line.split(maxsplit=1)[1] for line in sums.read_text().splitlines()]
        sums.write_text(
            "".join(
                f"{hashlib.sha256((checkpoint / name).read_bytes()).hexdigest()}  {name}\n"
                for name in names
            )
        )
    return folder


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Checkpoints of somebody, which a stranger would like to be gone."""
    for step in (1, 2, 3):
        save_checkpoint(tmp_path / "mine", step=step, networks={}, state={}, config="mine")
    return tmp_path / "mine"


def test_a_strangers_run_is_loaded_without_its_discriminators(
    run: Path, strangers: Path, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("discriminators were built")

    monkeypatch.setattr(model, "build_stream", refused)
    before = sorted(path.name for path in mine.iterdir())
    (made, *_), (wanted, *_) = load_generator(strangers), load_generator(run)
    for name, tensor in wanted.state_dict().items():
        assert torch.equal(made.state_dict()[name], tensor)
    assert sorted(path.name for path in mine.iterdir()) == before


@pytest.mark.parametrize("way", ["--resume", "--config"])
def test_a_strangers_settings_are_not_trained_with(
    way: str, strangers: Path, mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(path.name for path in mine.iterdir())
    options = (
        ["--resume", "--out", str(strangers)]
        if way == "--resume"
        else ["--config", str(strangers / "config.yaml"), "--out", str(tmp_path / "out")]
    )
    for trust in ([], ["--trust"]):  # which is about files, not about functions
        told = refusal(lambda given=(*options, *trust): train.main([*given]), capsys)
        assert "act: 'stgan.training.save_checkpoint' is neither a module of torch.nn" in told
    assert sorted(path.name for path in mine.iterdir()) == before


def test_a_file_of_settings_neither_trusts_itself_nor_says_where_to_write(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    asked = {"out": str(tmp_path / "yours"), "resume": True, "trust": True, "preset": "tiny"}
    path.write_text(dump_yaml(load_yaml(write_settings(Settings()), "it") | asked))
    settings = read_settings(path)
    assert (settings.resume, settings.trust, settings.config) == (False, False, None)
    begun = train.parse_settings(["--config", str(path)])
    assert (begun.out, begun.trust, begun.resume) == (Settings().out, False, False)
    assert train.parse_settings(["--config", str(path), "--out", "x"]).out == Path("x")
    assert "trust" not in write_settings(replace(settings, trust=True))


def test_a_program_in_the_settings_needs_trust(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = {"kind": "features", "name": "module", "module": "a.pt", "title": "x"}
    act = {"factory": "torch.nn.Sequential", "args": [part]}
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"discriminator": {"image": {"name": "image", "act": act}}}))
    given = [*TINY, "--out", str(tmp_path / "run"), "--config", str(file)]
    told = refusal(lambda: train.main(given), capsys)
    assert "act.args[0]: ModuleFeatures runs the file in 'module' as a program" in told
    # With trust it would be run, if it were there.
    assert "weights file a.pt does not exist" in refusal(
        lambda: train.main([*given, "--trust"]), capsys
    )


def test_the_generator_alone_is_that_of_the_whole_model() -> None:
    settings = train.parse_settings(TINY)
    torch.manual_seed(0)
    alone = build_generator(settings.model, 3).state_dict()
    torch.manual_seed(0)
    whole = model.ImaGINator(settings.model, settings.discriminator, 3).generator.state_dict()
    assert [*alone] == [*whole]
    assert all(torch.equal(alone[name], whole[name]) for name in alone)
    with pytest.raises(ValueError, match="num_classes must be at least 1, got 0"):
        build_generator(settings.model, 0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("train: {tf32: on}", "train.tf32 must be a valid boolean, got 'on'"),
        ("train: {learning_rate: '1e-3'}", "train.learning_rate must be a number, got '1e-3'"),
        ("train: {steps: 010, steps: 3}", "sets 'steps' twice"),
        ("train: {learning_rate: .nan}", "must have numbers for settings, got .nan"),
        ("model: &a {norm: *a}", "nested at most 50 levels deep and not hold itself"),
        ("data: {validation: 2020-01-01}", "data.validation must be"),
        ("out: " + "x" * 5000, "texts of at most 4096 characters, got one of 5000: 'xxx"),
        ("? " + "x" * 4000 + "\n: 1", "has no setting named 'xxxxx"),
        ("train: {steps: [" + "1, " * 9999 + "1]}", "train.steps must be a whole number, got [1,"),
        ("- " * 60 + "x", "nested at most 50 levels"),
        ("#" + "x" * 300_000, "a file of at most 256 KiB"),
    ],
)  # fmt: skip
def test_settings_are_read_by_the_rules_of_yaml_1_2(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises((ConfigError, UnknownNameError)) as caught:
        read_settings(path)
    assert told in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(path))


def test_numbers_of_settings_may_have_exponents_without_a_point(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("train: {learning_rate: 1e-3, betas: [.5, 9e-1]}\nout: 1e3x\n")
    settings = read_settings(path)
    assert (settings.train.learning_rate, settings.train.betas) == (1e-3, (0.5, 0.9))
    # Text that looks like a number comes back as text.
    odd: Any = replace(settings, data=replace(settings.data, validation=("1e3", "on", "~", "0o7")))
    path.write_text(write_settings(odd))
    assert read_settings(path) == odd


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.yaml")
    with pytest.raises(ConfigError, match=r"config.yaml cannot be read: it is no file"):
        read_settings(tmp_path / "config.yaml")


def test_the_newest_checkpoint_of_the_fixture_is_a_strangers(strangers: Path) -> None:
    """Otherwise the tests above would be about nothing."""
    newest = latest_checkpoint(strangers / "checkpoints")
    assert "save_checkpoint" in (newest / "config.yaml").read_text(encoding="utf-8")

"""Pictures in TensorBoard: always of the same samples, and training does not notice."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from examples.imaginator import train
from examples.imaginator.config import read_settings
from examples.imaginator.model import ImaGINator
from examples.imaginator.train import open_clips
from stgan.report import FixedSamples
from stgan.training import list_checkpoints
from tests.examples.runs import QUIET, SMALLEST
from tests.faults.shell import TORCHRUN, different, finish, start

TINY = [*SMALLEST, "--train.save-every", "1", "--train.keep.last", "9", "--model.norm", "batch"]
TAG = "samples/images_by_label"
pytestmark = QUIET


def _train(out: Path, *options: object) -> None:
    train.main([*TINY, "--out", str(out), *map(str, options)])


def _pictures(out: Path) -> list[tuple[int, torch.Tensor]]:
    """Steps and pictures, read back from the event files of a run."""
    found = EventAccumulator(str(out / "tensorboard"), size_guidance={"images": 0})
    found.Reload()
    if TAG not in found.Tags()["images"]:
        return []
    return [
        (
            event.step,
            torch.from_numpy(
                np.array(Image.open(io.BytesIO(event.encoded_image_string)).convert("RGB"))
            ).permute(2, 0, 1),
        )
        for event in found.Images(TAG)
    ]


def _generator(out: Path, step: int, name: str) -> nn.Module:
    settings = read_settings(out / "config.yaml")
    gan = ImaGINator(settings.model, settings.discriminator, 6)
    gan.generator.load_state_dict(
        load_file(out / "checkpoints" / f"step_{step:08d}" / f"{name}.safetensors")
    )
    return gan.generator


@pytest.mark.parametrize(("decay", "name"), [(0.9, "generator_ema"), (0, "generator")])
def test_pictures_are_of_the_generator_that_is_evaluated_at_their_step(
    decay: float, name: str, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    _train(out, "--train.steps", 5, "--train.sample-every", 2, "--train.ema-decay", decay)
    pictures = _pictures(out)
    assert [step for step, _ in pictures] == [2, 4]
    settings = read_settings(out / "config.yaml")
    clips = open_clips(settings)
    assert clips.validation is not None
    samples = FixedSamples(clips.validation, clips.classes, z_dim=4, seed=settings.train.seed)
    for step, picture in pictures:
        assert torch.equal(picture, samples.picture(_generator(out, step, name)))
    assert not torch.equal(pictures[0][1], pictures[1][1])


def _assert_alike(found: Path, expected: Path) -> None:
    """Whatever a run can tell is the same, bit for bit, but for its speed."""
    assert different(found, expected) == []
    names = [[path.name for path in list_checkpoints(out / "checkpoints")]
             for out in (found, expected)]  # fmt: skip
    assert names[0] == names[1]
    lines = [
        [
            {key: value for key, value in json.loads(line).items() if key[:5] != "speed"}
            for line in (out / "metrics.jsonl").read_text().splitlines()
        ]
        for out in (found, expected)
    ]
    assert lines[0] == lines[1]


@pytest.mark.parametrize("options", [(), ("--train.ema-decay", 0)])
def test_a_run_with_pictures_ends_where_one_without_does(
    options: Sequence[object], tmp_path: Path
) -> None:
    steps = ["--train.steps", 4, *options]
    _train(tmp_path / "with", *steps, "--train.sample-every", 1)
    _train(tmp_path / "without", *steps, "--train.sample-every", 0)
    _assert_alike(tmp_path / "with", tmp_path / "without")
    assert len(_pictures(tmp_path / "with")) == 4
    assert _pictures(tmp_path / "without") == []


def test_a_resumed_run_shows_the_same_samples_and_ends_where_one_without_does(
    tmp_path: Path,
) -> None:
    _train(tmp_path / "parts", "--train.steps", 2, "--train.sample-every", 1)
    _train(tmp_path / "parts", "--resume", "--train.steps", 4)
    _train(tmp_path / "whole", "--train.steps", 4, "--train.sample-every", 2)
    _assert_alike(tmp_path / "parts", tmp_path / "whole")
    parts, whole = dict(_pictures(tmp_path / "parts")), dict(_pictures(tmp_path / "whole"))
    assert sorted(parts) == [1, 2, 3, 4]
    assert sorted(whole) == [2, 4]
    for step, picture in whole.items():
        assert torch.equal(parts[step], picture)


@pytest.mark.slow
def test_one_of_several_processes_draws(tmp_path: Path) -> None:
    out = tmp_path / "two"
    command = [*TORCHRUN[:-1], "examples.imaginator.train"]
    options = ["--train.devices", 2, "--train.steps", 3, "--train.sample-every", 1]
    run = start(command, *TINY, "--out", out, *options)
    status, _, err = finish(run)
    assert status == 0, err
    assert len(list((out / "tensorboard").glob("events.*"))) == 1
    assert [step for step, _ in _pictures(out)] == [1, 2, 3]

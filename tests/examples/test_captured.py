"""What a recording of the recipe's step cannot hold is refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from examples.imaginator.captured import check_recordable
from examples.imaginator.config import LossSettings, TrainSettings
from examples.imaginator.train import main
from stgan.errors import ConfigError
from tests.examples.games import game

OPTIONS = TrainSettings(cuda_graph=True)


def test_a_step_that_is_always_the_same_can_be_recorded() -> None:
    check_recordable(OPTIONS, game().objective, "cuda")


@pytest.mark.parametrize(
    ("options", "loss", "streams", "device", "told"),
    [
        (OPTIONS, {}, {}, "cpu", "runs on cpu"),
        (replace(OPTIONS, devices=2), {}, {}, "cuda", "is shared by several processes"),
        (replace(OPTIONS, accumulate=2), {}, {}, "cuda", "gathers gradients in parts"),
        (replace(OPTIONS, skip_steps=1), {}, {}, "cuda", r"may be skipped \(train.skip_steps\)"),
        (
            OPTIONS,
            {"penalties": {"r1": 5.0}},
            {},
            "cuda",
            "has penalties, clipping or augmentation",
        ),
        (OPTIONS, {}, {"augment": "ada"}, "cuda", "has penalties, clipping or augmentation"),
    ],
)
def test_what_a_recording_cannot_hold_is_told(
    options: TrainSettings, loss: dict[str, object], streams: dict[str, object], device: str,
    told: str,
) -> None:  # fmt: skip
    objective = game(LossSettings(**loss), **streams).objective  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=f"this one {told}.*leave out --train.cuda-graph"):
        check_recordable(options, objective, device)


def test_it_is_told_before_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--preset", "tiny", "--out", str(tmp_path / "run"), "--train.accelerator", "cpu",
              "--train.cuda-graph"])  # fmt: skip
    assert "this one runs on cpu" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()

"""What a recording of a step is given; the recording itself needs a GPU, see ``tests/gpu``."""

import pytest
import torch

from stgan.training import CapturedStep
from stgan.training.captured import cloned, copy_inputs


def test_inputs_are_copied_to_where_those_of_the_recording_lie() -> None:
    first = {"batch": {"video": torch.ones(2), "label": torch.zeros(2).long()}, "augment": None}
    places = cloned(first)
    copy_inputs(places, {"batch": {"video": torch.full((2,), 5.0), "label": torch.arange(2)},
                         "augment": None})  # fmt: skip
    assert places["batch"]["video"].tolist() == [5, 5]
    assert places["batch"]["label"].tolist() == [0, 1]
    assert first["batch"]["video"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (
            {"video": torch.ones(3)},
            r"inputs\['video'\] must be .*, \(2,\) float32, got \(3,\) float",
        ),
        ({"video": torch.ones(2).double()}, r"got \(2,\) float64; give batches of one size"),
        ({"video": None}, "got none"),
        (
            {"clip": torch.ones(2)},
            r"inputs must have the names of the recorded step, \['video'\], got \['clip",
        ),
    ],
)
def test_other_inputs_are_refused(inputs: dict[str, torch.Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        copy_inputs({"video": torch.ones(2)}, inputs)


def test_without_a_gpu_there_is_nothing_to_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RuntimeError, match="CapturedStep needs a GPU, and torch finds no CUDA dev"):
        CapturedStep(lambda inputs: {}, [])

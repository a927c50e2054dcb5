"""An input of another type than the weights is taken, or answered in one sentence."""

import pytest
import torch
from torch import nn

import stgan
from stgan.config import make_inputs
from stgan.registry import REGISTRIES

# Features look at clips in a type of their own; a sampler sees sizes alone.
PARTS = [
    (kind, name)
    for kind, registry in REGISTRIES.items()
    if kind not in ("features", "samplers")
    for name in registry
]


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64], ids=str)
@pytest.mark.parametrize(("kind", "name"), PARTS, ids="/".join)
def test_no_part_answers_in_the_words_of_torch(kind: str, name: str, dtype: torch.dtype) -> None:
    example = stgan.info(kind, name).example
    assert example is not None
    part = stgan.build({"kind": kind, "name": name, **example.settings})
    inputs = make_inputs(example, dtype=dtype)
    # What is judged by a discriminator has the type of its weights.
    inputs = {k: v.float() if isinstance(v, nn.Module) else v for k, v in inputs.items()}
    told = ""
    try:
        getattr(part, example.call)(**inputs)
    except TypeError as error:
        told = str(error)
    wanted = f"must have one type and device, got {dtype} on cpu and torch.float32 on cpu"
    assert not told or (told.startswith("input and weights of ") and wanted in told)


def _fails(*_: object) -> None:
    raise RuntimeError("of a hook")


def test_errors_of_other_reasons_stay_what_they_are() -> None:
    layer = stgan.create("layers", "conv_1p2d", 3, 4, kernel_size=3)
    next(layer.children()).register_forward_pre_hook(_fails)
    with pytest.raises(RuntimeError, match="hook"):
        layer(torch.zeros(1, 3, 4, 4, 4))

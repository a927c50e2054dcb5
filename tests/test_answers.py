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


KERNELS = {
    "conv_3d": (torch.ones(4, 4, 3, 3, 3),),
    "conv_transpose_3d": (torch.ones(4, 4, 3, 3, 3),),
    "conv_1p2d": (torch.ones(4, 4, 3, 1, 1), torch.ones(4, 4, 1, 3, 3)),
    "conv_transpose_2p1d": (torch.ones(4, 4, 3, 1, 1), torch.ones(4, 4, 1, 3, 3)),
    "conv_separable": (torch.ones(4, 1, 3, 3, 3), torch.ones(4, 4, 1, 1, 1)),
    "attend": (torch.ones(1, 4, 4, 8, 8), torch.ones(1, 4, 4, 8, 8)),
    "attend_to_tokens": (torch.ones(1, 5, 4), torch.ones(1, 5, 4)),
}


@pytest.mark.parametrize("name", KERNELS)
def test_functions_tell_two_types_and_autocast_brings_them_together(name: str) -> None:
    function, kernels = getattr(stgan.functional, name), KERNELS[name]
    settings = {"num_heads": 1} if name == "attend_to_tokens" else {}
    video = torch.ones(1, 4, 4, 8, 8, dtype=torch.bfloat16)
    told = r"^(video and weight|query, key and value) must have one type .* torch\.bfloat16 on c"
    with pytest.raises(TypeError, match=told):
        function(video, *kernels, **settings)
    with torch.autocast("cpu", torch.bfloat16):
        assert function(video, *kernels, **settings).dtype == torch.bfloat16
    expected = function(video.float(), *kernels, **settings)
    assert expected.dtype == torch.float32


def _fails(*_: object) -> None:
    raise RuntimeError("of a hook")


def test_errors_of_other_reasons_stay_what_they_are() -> None:
    layer = stgan.create("layers", "conv_1p2d", 3, 4, kernel_size=3)
    next(layer.children()).register_forward_pre_hook(_fails)
    with pytest.raises(RuntimeError, match="hook"):
        layer(torch.zeros(1, 3, 4, 4, 4))

"""Every registered entry gives on a GPU what it gives on a CPU, in values and gradients."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from stgan._trees import floats, mapped, tensors
from stgan.config import build, make_inputs
from stgan.registry import info
from stgan.testing._subject import InapplicableError, Subject
from stgan.testing._support import entries

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

MODULES = [(kind, name) for kind, name in entries() if kind != "samplers"]
# In float64 a GPU adds in another order and no less exactly.
CLOSE: dict[str, float] = {"rtol": 1e-6, "atol": 1e-8}


def _subject(kind: str, name: str, device: str) -> Subject:
    example = info(kind, name).example
    assert example is not None
    torch.manual_seed(0)
    part = build({"kind": kind, "name": name, **example.settings})
    assert isinstance(part, nn.Module)

    def move(_: str, item: Any) -> Any:
        whole = isinstance(item, nn.Module) or item.is_floating_point()
        return item.to(device, torch.float64) if whole else item.to(device)

    inputs = {key: mapped(move, value) for key, value in make_inputs(example).items()}
    part = part.to(device, torch.float64)
    return Subject(part, inputs, call=example.call, layouts=example.inputs)


def _compare(there: dict[str, Tensor], here: dict[str, Tensor]) -> None:
    assert list(there) == list(here)
    for path, tensor in there.items():
        assert tensor.device.type == "cuda", path
        torch.testing.assert_close(tensor.cpu(), here[path], **CLOSE, msg=lambda m, p=path: p + m)


@pytest.mark.parametrize(("kind", "name"), MODULES, ids=["/".join(entry) for entry in MODULES])
def test_an_entry_on_a_gpu(kind: str, name: str) -> None:
    here, there = (_subject(kind, name, device) for device in ("cpu", "cuda"))
    outputs = [tensors(here.output(here.copy(), draw=draw)) for draw in (0, 1)]
    found = tensors(there.output(there.copy()))
    if any(not torch.equal(a, b) for a, b in zip(*map(dict.values, outputs), strict=True)):
        # Devices draw other numbers: only what they are numbers of can be the same.
        assert {p: (t.shape, t.dtype) for p, t in found.items()} == {
            p: (t.shape, t.dtype) for p, t in outputs[0].items()
        }
        return
    _compare(found, outputs[0])
    try:
        out, slopes = here.descend(here.copy())
    except (InapplicableError, AssertionError):
        return  # nothing to go back to, which the contract has a word for
    out_there, slopes_there = there.descend(there.copy())
    _compare(floats(out_there), floats(out))
    assert [name for name, slope in slopes_there.items() if slope is None] == [
        name for name, slope in slopes.items() if slope is None
    ]
    _compare(*({n: s for n, s in found.items() if s is not None}
               for found in (slopes_there, slopes)))  # fmt: skip

import copy
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from stgan.training import allow_tf32, split_batch


@given(parts=st.integers(1, 5), share=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
def test_accumulated_gradients_are_those_of_the_whole_batch(
    parts: int, share: int, seed: int
) -> None:
    torch.manual_seed(seed)
    whole = nn.Sequential(nn.Conv3d(2, 4, 1), nn.GroupNorm(2, 4), nn.Conv3d(4, 1, 1)).double()
    accumulated = copy.deepcopy(whole)
    x = torch.randn(parts * share, 2, 2, 3, 3, dtype=torch.float64)
    target = torch.randn(parts * share, 1, 2, 3, 3, dtype=torch.float64)
    (whole(x) - target).square().mean().backward()
    for part in split_batch({"x": x, "target": target, "scale": 2.0}, parts):
        assert part["scale"] == 2.0
        loss = (accumulated(part["x"]) - part["target"]).square().mean()
        (loss / parts).backward()
    for a, b in zip(accumulated.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


@given(parts=st.integers(1, 5), share=st.integers(1, 4))
def test_the_parts_together_are_the_batch(parts: int, share: int) -> None:
    batch = {"x": torch.arange(parts * share), "y": torch.rand(parts * share, 2)}
    found = list(split_batch(batch, parts))
    assert len(found) == parts
    for name, value in batch.items():
        assert torch.equal(torch.cat([part[name] for part in found]), value)


@pytest.mark.parametrize(
    ("batch", "parts", "match"),
    [
        ({"x": torch.zeros(4)}, 3, "a batch of 4 cannot be cut into 3 parts of one size"),
        ({"x": torch.zeros(4)}, 0, "parts must be at least 1, got 0"),
        ({"x": torch.zeros(4), "y": torch.zeros(2)}, 2, "one first axis, got sizes .*'y': 2"),
        ({"scale": 1.0}, 2, "must have one first axis, got sizes {}"),
    ],
)
def test_what_cannot_be_cut_is_refused(batch: dict[str, Any], parts: int, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        split_batch(batch, parts)


def test_tf32_is_set_for_products_and_convolutions_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    try:
        for allowed, word in ((True, "high"), (False, "highest")):
            allow_tf32(allowed)
            assert torch.get_float32_matmul_precision() == word
            assert torch.backends.cudnn.allow_tf32 is allowed
            assert torch.backends.cuda.matmul.allow_tf32 is allowed
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]

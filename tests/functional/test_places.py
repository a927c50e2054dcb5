"""Places that are no numbers: read as NaN, forward and backward, and no process dies of them."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given
from torch import Tensor

from stgan.augment import ADAugment
from stgan.functional import acyclic_latents, composite_flow, warp_affine, warp_image
from tests.strategies import SEEDS

# Every reader at every kind of place, forward and backward, in a process that may die of it.
ATTACK = """
import torch
from stgan.augment import ADAugment
from stgan.functional import acyclic_latents, composite_flow, warp_affine, warp_image

def attack(value, dtype):
    image = torch.rand(2, 3, 6, 5, dtype=dtype, requires_grad=True)
    video = torch.rand(2, 3, 4, 6, 5, dtype=dtype, requires_grad=True)
    flow = torch.zeros(2, 2, 4, 6, 5, dtype=dtype)
    flow[0, 0, 1, 2, 3] = flow[1, 1, 3] = value
    matrix = torch.eye(2, 3, dtype=dtype).repeat(2, 1, 1)
    matrix[0, 0, 2] = matrix[1, 1, 1] = value
    draws = torch.zeros(2, 28, dtype=dtype)
    draws[:, 7:] = value
    times = torch.tensor([[0.0, value, 3.5], [value, 1.0, 7.0]], dtype=dtype)
    mask = torch.full((2, 1, 4, 6, 5), 0.5, dtype=dtype)
    weights = {name: torch.ones(3, 5, dtype=dtype) for name in ("period_weight", "phase_weight")}
    codes = torch.rand(2, 5, 3, dtype=dtype)
    for place in (flow, matrix, draws, times):
        place.requires_grad_()
    for out in (
        warp_image(image, flow),
        composite_flow(image, flow, mask, video),
        warp_affine(video, matrix),
        ADAugment(1.0, ("blit", "geometry"))(video, draws[:, :18]),
        ADAugment(1.0)(video, draws),
        acyclic_latents(
            codes, times, spacing=4, frequencies=torch.ones(3, dtype=dtype),
            phase_scales=torch.ones(3, dtype=dtype), anchor_weight=torch.ones(6, 5, dtype=dtype),
            **weights,
        ),
    ):
        out.float().sum().backward()

for value in (float("nan"), float("inf"), float("-inf"), 1e30, -1e30, 3e38):
    for dtype in (torch.float32, torch.float16, torch.bfloat16, torch.float64):
        for _ in range(20):
            attack(value, dtype)
print("alive")
"""


def test_no_place_ends_the_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ATTACK], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["alive"]


NAN, INF = float("nan"), float("inf")
KINDS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
kinds = pytest.mark.parametrize("dtype", KINDS, ids=str)


def _unit(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator, dtype=torch.float64)


@kinds
@pytest.mark.parametrize("axis", [0, 1], ids=["across", "down"])
@given(SEEDS)
def test_a_flow_without_number_reads_nan_there_and_nowhere_else(
    dtype: torch.dtype, axis: int, seed: int
) -> None:
    image = _unit(seed, 2, 3, 5, 4).to(dtype).requires_grad_()
    flow = ((_unit(seed + 1, 2, 2, 3, 5, 4) - 0.5) * 8).to(dtype)
    broken = flow.clone()
    broken[1, axis, 2, 4, 0] = NAN
    lost = torch.zeros(2, 1, 3, 5, 4, dtype=torch.bool)
    lost[1, :, 2, 4, 0] = True
    flow.requires_grad_()
    broken.requires_grad_()
    right, out = warp_image(image, flow), warp_image(image, broken)
    assert out.dtype == dtype
    assert torch.equal(out.isnan(), lost.expand_as(out))
    assert torch.equal(out[~lost.expand_as(out)], right[~lost.expand_as(out)])
    # What was not read at that place has the gradients that it would have without it.
    seen = torch.where(lost, 0, _unit(seed + 2, 2, 1, 3, 5, 4)).to(dtype)
    ours = torch.autograd.grad(torch.where(lost, 0, out * seen).sum(), (image, broken))
    theirs = torch.autograd.grad((right * seen).sum(), (image, flow))
    assert torch.equal(ours[0], theirs[0])
    elsewhere = ~lost.expand_as(flow)
    assert torch.equal(ours[1][elsewhere], theirs[1][elsewhere])
    (gradient,) = torch.autograd.grad(warp_image(image, broken).sum(), broken)
    assert torch.equal(gradient.isnan(), lost.expand_as(flow))


@kinds
@pytest.mark.parametrize("far", [INF, 1e30])
def test_a_flow_out_of_all_bounds_reads_the_border(dtype: torch.dtype, far: float) -> None:
    image = _unit(0, 1, 2, 3, 4).to(dtype)
    flow = torch.zeros(1, 2, 2, 3, 4, dtype=dtype)
    flow[0, 0, 0], flow[0, 0, 1] = far, -far
    out = warp_image(image, flow)
    torch.testing.assert_close(out[:, :, 0], image[..., -1:].expand(1, 2, 3, 4))
    torch.testing.assert_close(out[:, :, 1], image[..., :1].expand(1, 2, 3, 4))


def test_a_composite_of_a_broken_flow_is_nan_there_even_if_masked() -> None:
    image, video = torch.ones(1, 3, 4, 4), torch.zeros(1, 3, 2, 4, 4)
    flow, mask = torch.zeros(1, 2, 2, 4, 4), torch.zeros(1, 1, 2, 4, 4)
    flow[0, 0, 1, 2, 3] = NAN
    out = composite_flow(image, flow, mask, video)
    assert out[0, :, 1, 2, 3].isnan().all()
    assert out.isnan().sum() == 3


@kinds
@pytest.mark.parametrize("value", [NAN, INF, -INF, 1e30])
def test_a_map_without_number_makes_its_clip_nan_and_no_other(
    dtype: torch.dtype, value: float
) -> None:
    video = _unit(0, 2, 3, 2, 5, 4).to(dtype)
    whole = torch.eye(2, 3, dtype=dtype).repeat(2, 1, 1)
    matrix = whole.clone()
    matrix[1, 0, 2] = value  # 1e30 too: at such a distance floats do not tell pixels apart
    out = warp_affine(video, matrix)
    assert out[1].isnan().all()
    assert torch.equal(out[0], warp_affine(video, whole)[0])


@pytest.mark.parametrize("column", [0, 3, 7, 12, 18, 27])
@pytest.mark.parametrize("value", [NAN, INF])
def test_draws_without_number_make_their_clip_nan(column: int, value: float) -> None:
    video = _unit(0, 2, 3, 2, 5, 4)
    draws = torch.zeros(2, 28)
    draws[1, column] = value
    out = ADAugment(1.0)(video, draws)
    assert out[1].isnan().all()
    assert torch.equal(out[0], ADAugment(1.0)(video, torch.zeros(2, 28))[0])


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_a_time_without_number_has_codes_of_nan(value: float) -> None:
    times = torch.tensor([[0.0, 2.5, value, 7.0]])
    weights = {name: torch.ones(3, 5) for name in ("period_weight", "phase_weight")}
    out = acyclic_latents(
        torch.rand(1, 5, 3), times, spacing=4, frequencies=torch.ones(3),
        phase_scales=torch.ones(3), anchor_weight=torch.ones(6, 5), **weights,
    )  # fmt: skip
    assert torch.equal(out.isnan().all(1), torch.tensor([[False, False, True, False]]))
    assert out.isnan().sum() == 6

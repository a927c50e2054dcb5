"""A bias before a batch norm: left out, and nothing but rounding tells."""

import copy
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from stgan.blocks import UpStage
from stgan.functional import conv_transpose_1p2d
from stgan.layers import recompute_activations
from stgan.layers._absorbed_bias import absorbs, bias_left_out
from tests.strategies import SEEDS

GEOMETRY = {"kernel_size": 4, "stride": 2, "padding": 1}
MOMENTA = st.sampled_from([0.1, 0.7, 1.0, None])


def _stage(**settings: Any) -> UpStage:
    norm = partial(nn.BatchNorm3d, **settings)
    made = UpStage(3, 4, **GEOMETRY, norm=norm, mid_norm=norm, bias_before_norm=True)
    for step in (made.conv.temporal, made.conv.spatial):
        nn.init.normal_(step.bias, std=3)
    return made.double()


def _plainly(stage: UpStage, video: Tensor) -> Tensor:
    """The same stage with every bias added."""
    conv = stage.conv
    out = conv_transpose_1p2d(
        video, conv.temporal.weight, conv.spatial.weight, conv.temporal.bias, conv.spatial.bias,
        stride=2, padding=1, between=lambda hidden: conv.act(conv.norm(hidden)),
    )  # fmt: skip
    return stage.act(stage.norm(out))


@given(seed=SEEDS, momentum=MOMENTA, calls=st.integers(1, 3))
def test_values_gradients_and_statistics_are_those_with_the_bias(
    seed: int, momentum: float | None, calls: int
) -> None:
    torch.manual_seed(seed)
    stage = _stage(momentum=momentum)
    plain = copy.deepcopy(stage)
    clips = torch.randn(calls, 2, 3, 2, 3, 3, dtype=torch.float64)
    weighting = torch.randn(2, 4, 4, 6, 6, dtype=torch.float64)
    # Several passes before one backward pass, as where a generator is called twice in a step.
    for call in (stage, partial(_plainly, plain)):
        sum((call(clip) * weighting).sum() for clip in clips).backward()
    torch.testing.assert_close(stage(clips[0]), _plainly(plain, clips[0]), rtol=1e-9, atol=1e-9)
    for (name, mine), (_, its) in zip(
        stage.named_parameters(), plain.named_parameters(), strict=True
    ):
        torch.testing.assert_close(mine.grad, its.grad, rtol=1e-8, atol=1e-8, msg=name)
    torch.testing.assert_close(stage.state_dict(), plain.state_dict(), rtol=1e-9, atol=1e-9)


@given(seed=SEEDS)
def test_its_gradient_is_zero_and_not_missing(seed: int) -> None:
    torch.manual_seed(seed)
    stage = _stage()
    stage(torch.randn(2, 3, 2, 3, 3, dtype=torch.float64)).square().sum().backward()
    for step in (stage.conv.temporal, stage.conv.spatial):
        assert torch.equal(step.bias.grad, torch.zeros_like(step.bias))
        assert step.weight.grad.abs().max() > 0


# Within torch, by which it finds forward derivatives of a batch norm.
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_first_and_second_derivatives_are_those_of_differences() -> None:
    torch.manual_seed(0)
    norm = nn.BatchNorm3d(2, track_running_stats=False).double()
    inputs = [
        torch.randn(2, 2, 1, 2, 2, dtype=torch.float64, requires_grad=True),
        torch.randn(2, dtype=torch.float64, requires_grad=True),
    ]

    def normalize(video: Tensor, bias: Tensor) -> Tensor:
        with bias_left_out(norm, video, bias) as seen:
            return norm(seen)

    assert torch.autograd.gradcheck(normalize, inputs, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(normalize, inputs)


def test_function_transforms_give_the_same_gradients() -> None:
    torch.manual_seed(0)
    # Transforms refuse buffers that move.
    stage = _stage(track_running_stats=False)
    video = torch.randn(2, 3, 2, 3, 3, dtype=torch.float64)
    stage(video).square().sum().backward()

    def loss(parameters: dict[str, Tensor]) -> Tensor:
        return torch.func.functional_call(stage, parameters, (video,)).square().sum()

    own = {name: p.detach() for name, p in stage.named_parameters()}
    found = torch.func.grad(loss)(own)
    for name, parameter in stage.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, msg=name)


def test_a_convolution_leaves_out_the_bias_of_its_output_where_it_is_told_to() -> None:
    conv = _stage().conv
    video = torch.randn(2, 3, 2, 3, 3, dtype=torch.float64)
    added = conv(video, add_bias=False) + conv.spatial.bias[:, None, None, None]
    torch.testing.assert_close(added, conv(video))


def test_in_evaluation_mode_it_counts() -> None:
    torch.manual_seed(0)
    stage = _stage().eval()
    video = torch.randn(2, 3, 2, 3, 3, dtype=torch.float64)
    torch.testing.assert_close(stage(video), _plainly(stage, video))
    stage(video).sum().backward()
    assert stage.conv.spatial.bias.grad.abs().max() > 0


def test_activations_computed_again_are_the_same_bit_for_bit() -> None:
    torch.manual_seed(0)
    stage, video = _stage(), torch.randn(2, 3, 2, 3, 3, dtype=torch.float64)
    again = copy.deepcopy(stage)
    assert recompute_activations(again) == 1
    for each in (stage, again):
        each(video).square().sum().backward()
    for mine, its in zip(again.parameters(), stage.parameters(), strict=True):
        assert torch.equal(mine.grad, its.grad)
    for mine, its in zip(again.buffers(), stage.buffers(), strict=True):
        assert torch.equal(mine, its)


def test_in_autocast_the_gradient_has_the_type_of_the_bias() -> None:
    stage = _stage().float()
    with torch.autocast("cpu", torch.bfloat16):
        loss = stage(torch.randn(2, 3, 2, 3, 3)).float().square().sum()
    loss.backward()
    assert stage.conv.spatial.bias.grad.dtype is torch.float32
    assert not stage.conv.spatial.bias.grad.any()


class _Renormalized(nn.BatchNorm3d):
    """Stands for norms that use the mean in another way."""


@pytest.mark.parametrize(
    ("norm", "taken_out"),
    [
        (nn.BatchNorm3d(4), True),
        (nn.BatchNorm3d(4, track_running_stats=False).eval(), True),
        (nn.BatchNorm3d(4).eval(), False),
        (nn.GroupNorm(2, 4), False),
        (_Renormalized(4), False),
        (nn.Identity(), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else str(value),
)
def test_only_statistics_of_the_batch_absorb_a_bias(norm: nn.Module, taken_out: bool) -> None:
    assert absorbs(norm, torch.zeros(4)) is taken_out
    assert not absorbs(norm, None)

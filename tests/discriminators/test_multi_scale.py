"""Patches at several scales: the same as patch discriminators over averaged clips."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrize

from stgan.discriminators import VideoMultiScalePatchDiscriminator
from stgan.errors import ShapeError
from tests.strategies import SEEDS

TINY = {"base_channels": 2, "max_channels": 4}
SIZES = st.tuples(st.integers(1, 7), st.integers(1, 20), st.integers(1, 20))


@settings(max_examples=15)
@given(SIZES, st.integers(1, 3), st.booleans(), SEEDS)
def test_it_is_patch_discriminators_over_averaged_clips(
    size: tuple[int, int, int], scales: int, slow: bool, seed: int
) -> None:
    stride = (2, 2, 2) if slow else (1, 2, 2)
    critic = VideoMultiScalePatchDiscriminator(
        num_scales=scales, pool_stride=stride, strides=(2, 1), num_classes=3, **TINY
    ).eval()
    x = torch.randn(3, 3, *size, generator=torch.Generator().manual_seed(seed))
    label, order = torch.tensor([0, 2, 1]), torch.tensor([1, 2, 0])
    maps, turned = critic(x, label), critic(x[order], label[order])
    promised = critic.output_shape(tuple(x.shape))
    assert {name: tuple(logits.shape) for name, logits in maps.items()} == promised
    assert list(maps) == [f"scale_{scale}" for scale in range(scales)]
    for name, logits in maps.items():
        torch.testing.assert_close(logits, critic.networks[name](x, label))
        torch.testing.assert_close(turned[name], logits[order])
        # Short sides are averaged by parts that are inside.
        windows = F.pad(x, (1,) * 6, value=float("nan"))
        for axis, step in zip((2, 3, 4), stride, strict=True):
            windows = windows.unfold(axis, 3, step)
        x = windows.flatten(5).nanmean(-1)


def test_averages_are_those_of_torch_where_torch_has_them() -> None:
    critic = VideoMultiScalePatchDiscriminator(num_scales=2, **TINY).eval()
    video = torch.randn(2, 3, 8, 24, 20)
    pooled = F.avg_pool3d(video, 3, (1, 2, 2), padding=1, count_include_pad=False)
    torch.testing.assert_close(critic(video)["scale_1"], critic.networks["scale_1"](pooled))


def test_scales_have_weights_of_their_own_for_a_size_and_for_any() -> None:
    fixed = VideoMultiScalePatchDiscriminator((8, 24, 20), **TINY).eval()
    free = VideoMultiScalePatchDiscriminator(**TINY).eval()
    free.load_state_dict(fixed.state_dict())
    video = torch.randn(1, 3, 8, 24, 20)
    expected, got = fixed(video), free(video)
    assert all(torch.equal(got[name], logits) for name, logits in expected.items())
    assert fixed.networks["scale_1"].input_size == (8, 12, 10)
    first, second = fixed.networks.values()
    assert not torch.equal(first.head.bias, second.head.bias)


@pytest.mark.parametrize("spectral_norm", [True, False])
def test_settings_reach_every_network(spectral_norm: bool) -> None:
    critic = VideoMultiScalePatchDiscriminator(
        kernel_size=(2, 4, 4), padding=(0, 1, 1), strides=((1, 2, 2), 2, 1), in_channels=2,
        norm=nn.InstanceNorm3d, spectral_norm=spectral_norm, **TINY,
    )  # fmt: skip
    critic(torch.randn(2, 2, 9, 32, 32))["scale_1"].sum().backward()
    convs = [module for module in critic.modules() if isinstance(module, nn.Conv3d)]
    assert [conv.kernel_size for conv in convs] == [(2, 4, 4)] * 6
    assert [conv.stride for conv in convs] == [(1, 2, 2), (2, 2, 2), (1, 1, 1)] * 2
    assert all(parametrize.is_parametrized(conv, "weight") is spectral_norm for conv in convs)
    norms = [module for module in critic.modules() if isinstance(module, nn.InstanceNorm3d)]
    assert len(norms) == 2
    learned = {name.split(".")[1] for name, p in critic.named_parameters() if p.grad is not None}
    assert learned == {"scale_1"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: VideoMultiScalePatchDiscriminator(num_scales=0), "num_scales must be at least 1"),
        (lambda: VideoMultiScalePatchDiscriminator(pool_stride=0), "pool_stride must be .* got 0"),
        (lambda: VideoMultiScalePatchDiscriminator(padding=0, **TINY)(CLIP), "does not fit"),
        (lambda: VideoMultiScalePatchDiscriminator(padding=0, **TINY).output_shape(CLIP.shape),
         "does not fit"),
        (lambda: VideoMultiScalePatchDiscriminator((4, 8, 8), **TINY)(CLIP),
         r"\(N, C=3, T=4, H=8, W=8\), got \(1, 3, 4, 16, 16\)"),
        (lambda: VideoMultiScalePatchDiscriminator(num_classes=2, **TINY)(CLIP), "pass label"),
    ],
)  # fmt: skip
def test_refusals_teach(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


CLIP = torch.zeros(1, 3, 4, 16, 16)


def test_a_promise_refuses_another_layout() -> None:
    with pytest.raises(ShapeError, match=r"got \(1, 3, 16, 16\)"):
        VideoMultiScalePatchDiscriminator(**TINY).output_shape((1, 3, 16, 16))

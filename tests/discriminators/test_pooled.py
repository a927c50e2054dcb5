"""The pooled discriminator: the same as its network over averaged frames."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from einops import reduce
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from stgan.discriminators import (
    PooledVideoDiscriminator,
    VideoDiscriminator,
    VideoPatchDiscriminator,
    VideoResidualDiscriminator,
)
from stgan.errors import ShapeError
from stgan.shapes import plan
from tests.strategies import SEEDS

TINY = {"base_channels": 2, "max_channels": 4}
SIZES = st.tuples(st.sampled_from([2, 3, 4]), *[st.sampled_from([8, 12, 16])] * 2)
NETWORKS = st.sampled_from([VideoResidualDiscriminator, VideoDiscriminator])


@settings(max_examples=15)
@given(SIZES, st.integers(1, 3), st.integers(0, 1), NETWORKS, st.booleans(), SEEDS)
def test_it_is_its_network_over_averaged_frames(
    size: tuple[int, int, int],
    factor: int,
    rest: int,
    network: Callable[..., nn.Module],
    any_size: bool,
    seed: int,
) -> None:
    t, h, w = size
    rest = min(rest, factor - 1)
    whole = (t, h * factor + rest, w * factor + rest)
    critic = PooledVideoDiscriminator(
        None if any_size else whole, factor=factor, network=network, num_classes=3,
        stages=plan(size).stages, **TINY,
    ).eval()  # fmt: skip
    video = torch.randn(3, 3, *whole, generator=torch.Generator().manual_seed(seed))
    label, order = torch.tensor([0, 2, 1]), torch.tensor([1, 2, 0])
    logits = critic(video, label)
    assert tuple(logits.shape) == critic.output_shape(tuple(video.shape)) == (3,)
    inside = video[..., : h * factor, : w * factor]
    squares = "n c t (h a) (w b) -> n c t h w"
    averaged = reduce(inside, squares, "mean", a=factor, b=factor)
    torch.testing.assert_close(logits, critic.network(averaged, label))
    torch.testing.assert_close(critic(video[order], label[order]), logits[order])


def test_what_averages_out_is_not_seen_and_every_frame_is() -> None:
    critic = PooledVideoDiscriminator((4, 16, 16), spectral_norm=False, **TINY).eval()
    video = torch.randn(1, 3, 4, 16, 16)
    checkers = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(8, 8)
    torch.testing.assert_close(critic(video + checkers), critic(video))
    video.requires_grad_()
    critic(video).backward()
    assert video.grad is not None
    assert (video.grad.abs().sum(dim=(0, 1, 3, 4)) > 0).all()


def test_the_network_is_the_residual_one_unless_asked_otherwise() -> None:
    assert isinstance(PooledVideoDiscriminator(**TINY).network, VideoResidualDiscriminator)
    critic = PooledVideoDiscriminator(None, network=VideoPatchDiscriminator, in_channels=1, **TINY)
    assert critic(torch.zeros(2, 1, 13, 96, 96)).shape == (2, 1, 3, 3)
    assert critic.output_shape((2, 1, 13, 96, 96)) == (2, 1, 3, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: PooledVideoDiscriminator(factor=0), "factor must be at least 1, got 0"),
        (lambda: PooledVideoDiscriminator((4, 18, 34)), "the nearest size that can be reached"),
        (lambda: PooledVideoDiscriminator((4, 16, 16), **TINY)(torch.zeros(1, 3, 4, 8, 8)),
         r"\(N, C=3, T=4, H=16, W=16\), got \(1, 3, 4, 8, 8\)"),
        (lambda: PooledVideoDiscriminator(None, factor=8, **TINY)(torch.zeros(1, 3, 16, 4, 32)),
         "does not fit"),
        (lambda: PooledVideoDiscriminator((4, 16, 16), num_classes=2, **TINY)(
            torch.zeros(1, 3, 4, 16, 16)), "pass label"),
    ],
)  # fmt: skip
def test_refusals_teach(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_a_promise_refuses_what_a_call_refuses() -> None:
    network = partial(VideoDiscriminator, stages=plan((4, 16, 16)).stages)
    critic = PooledVideoDiscriminator(None, network=network, **TINY)
    with pytest.raises(ShapeError, match="does not fit"):
        critic.output_shape((1, 3, 4, 4, 4))

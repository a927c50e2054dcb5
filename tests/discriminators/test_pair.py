"""The pair discriminator: the same as its network over two frames and their distance."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from stgan.discriminators import (
    ImageDiscriminator,
    ImagePatchDiscriminator,
    ImageResidualDiscriminator,
    PairDiscriminator,
    RandomFrames,
    StreamSpec,
    TwoStreamDiscriminator,
)
from stgan.functional import take_frames
from stgan.shapes import plan
from tests.strategies import SEEDS

TINY = {"base_channels": 2, "max_channels": 4}
SIDES = st.sampled_from([8, 12, 16])


@settings(max_examples=15)
@given(
    SIDES, SIDES, st.integers(2, 9), st.booleans(),
    st.sampled_from([ImageDiscriminator, ImageResidualDiscriminator]), SEEDS,
)  # fmt: skip
def test_it_is_its_network_over_both_frames_and_a_plane_of_their_distance(
    height: int, width: int, frames: int, any_size: bool, network: type[nn.Module], seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    critic = PairDiscriminator(
        None if any_size else (height, width), num_frames=frames, network=network, num_classes=3,
        stages=plan((1, height, width)).stages, **TINY,
    ).eval()  # fmt: skip
    video = torch.randn(3, 3, frames, height, width, generator=generator)
    indices = torch.randint(frames, (3, 2), generator=generator)
    label, order = torch.tensor([0, 2, 1]), torch.tensor([1, 2, 0])
    pairs = take_frames(video, indices)
    logits = critic(pairs, label, indices=indices)
    assert tuple(logits.shape) == critic.output_shape(tuple(pairs.shape)) == (3,)
    seen = torch.stack([
        torch.cat([
            video[n, :, first], video[n, :, second],
            torch.full((1, height, width), (second - first) / (frames - 1)),
        ])
        for n, (first, second) in enumerate(indices.tolist())
    ])  # fmt: skip
    torch.testing.assert_close(logits, critic.network(seen, label))
    difference = indices.diff(dim=1).squeeze(1) / (frames - 1)
    torch.testing.assert_close(critic(pairs, label, difference=difference), logits)
    turned = critic(pairs[order], label[order], indices=indices[order])
    torch.testing.assert_close(turned, logits[order])


def test_only_the_distance_counts_and_it_does_count() -> None:
    critic = PairDiscriminator((8, 12), num_frames=9, init_std=None, **TINY).eval()
    pairs = torch.randn(1, 3, 2, 8, 12)
    near, later, far = (critic(pairs, indices=torch.tensor([i])) for i in ([0, 2], [5, 7], [0, 8]))
    assert torch.equal(near, later)
    assert not torch.allclose(near, far)


def test_the_distance_has_a_gradient() -> None:
    critic = PairDiscriminator((8, 12), spectral_norm=False, init_std=None, **TINY)
    difference = torch.tensor([0.3, 0.5], requires_grad=True)
    critic(torch.randn(2, 3, 2, 8, 12), difference=difference).sum().backward()
    assert difference.grad is not None
    assert (difference.grad != 0).all()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in critic.parameters())


def test_it_is_a_stream_that_is_told_which_frames_it_sees() -> None:
    critic = PairDiscriminator((8, 12), num_frames=6, **TINY)
    spec = StreamSpec(critic, sampler=RandomFrames(2), labeled=False, timed=True)
    streams = TwoStreamDiscriminator(streams={"pair": spec}).eval()
    video = torch.randn(2, 3, 6, 8, 12)
    indices = torch.tensor([[0, 3], [1, 5]])
    expected = critic(take_frames(video, indices), indices=indices)
    torch.testing.assert_close(streams(video, indices={"pair": indices})["pair"], expected)


def test_patches_of_pairs_may_be_judged_too() -> None:
    critic = PairDiscriminator(None, network=ImagePatchDiscriminator, in_channels=1, **TINY)
    pairs, indices = torch.zeros(2, 1, 2, 32, 40), torch.tensor([[0, 1], [2, 9]])
    assert critic(pairs, indices=indices).shape == (2, 2, 3)
    assert critic.output_shape((2, 1, 2, 32, 40)) == (2, 2, 3)


PAIR, INDICES = torch.zeros(1, 3, 2, 8, 12), torch.tensor([[0, 1]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda critic: critic(PAIR), "pass either indices or difference, got neither"),
        (lambda critic: critic(PAIR, indices=INDICES, difference=torch.zeros(1)),
         "pass either indices or difference, got indices and difference"),
        (lambda critic: critic(PAIR, indices=torch.tensor([[0, 1, 2]])),
         r"indices must be laid out as \(N=1, k=2\), got \(1, 3\)"),
        (lambda critic: critic(PAIR, difference=torch.zeros(2)),
         r"difference must be laid out as \(N=1\), got \(2,\)"),
        (lambda critic: critic(PAIR[:, :, :1], indices=INDICES),
         r"\(N, C=3, T=2, H=8, W=12\), got \(1, 3, 1, 8, 12\)"),
        (lambda critic: critic.output_shape((1, 3, 3, 8, 12)), r"got \(1, 3, 3, 8, 12\)"),
        (lambda critic: critic(PAIR, torch.tensor([0]), indices=INDICES), "do not pass label"),
        (lambda critic: PairDiscriminator(num_frames=1), "num_frames must be at least 2, got 1"),
    ],
)  # fmt: skip
def test_refusals_teach(call: Callable[[PairDiscriminator], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(PairDiscriminator((8, 12), **TINY))

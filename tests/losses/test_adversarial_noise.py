"""Instance noise."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stgan.functional import instance_noise
from tests.strategies import SEEDS, videos


@given(video=videos(), std=st.floats(0.01, 2), seed=SEEDS)
def test_noise_is_the_generators_times_std(video: Tensor, std: float, seed: int) -> None:
    noisy = instance_noise(video, std, generator=torch.Generator().manual_seed(seed))
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(video.shape, generator=generator, dtype=video.dtype)
    torch.testing.assert_close(noisy, video + std * noise)
    assert noisy.dtype is video.dtype


@given(video=videos(), seed=SEEDS)
def test_gradients_pass_unchanged(video: Tensor, seed: int) -> None:
    video.requires_grad_()
    noisy = instance_noise(video, 0.5, generator=torch.Generator().manual_seed(seed))
    (slope,) = torch.autograd.grad(noisy.sum(), video)
    assert torch.equal(slope, torch.ones_like(video))


def test_no_noise_is_the_input_and_without_a_generator_torchs_own_is_used() -> None:
    video = torch.zeros(1, 3, 2, 4, 4)
    assert instance_noise(video, 0) is video
    torch.manual_seed(3)
    first = instance_noise(video, 1.0)
    torch.manual_seed(3)
    assert torch.equal(first, instance_noise(video, 1.0))
    assert not torch.equal(first, instance_noise(video, 1.0))


def test_a_negative_std_is_refused() -> None:
    with pytest.raises(ValueError, match="std must not be negative, got -1"):
        instance_noise(torch.zeros(1), -1)

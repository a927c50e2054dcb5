"""A smooth critic, samples for it, and every penalty on slopes with what it takes and means."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from stgan.functional import (
    dragan_penalty,
    gradient_penalty,
    r1_penalty,
    r2_penalty,
    zero_centered_penalty,
)

# Clips, images, latents: a penalty sees the first axis only.
SHAPES = st.one_of(
    st.tuples(*[st.integers(1, 4)] * 5),
    st.tuples(*[st.integers(1, 4)] * 4),
    st.tuples(st.integers(1, 5), st.integers(1, 6)),
)
Penalty = Callable[..., Tensor]


class Bowl(nn.Module):
    """A smooth critic of samples of any shape, which judges each by itself."""

    def __init__(self, features: int, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.first = nn.Parameter(
            torch.randn(features, 3, generator=generator, dtype=torch.float64)
        )
        self.second = nn.Parameter(torch.randn(3, generator=generator, dtype=torch.float64))

    def forward(self, sample: Tensor, label: Tensor | None = None) -> Tensor:
        logits = torch.tanh(sample.flatten(1) @ self.first) @ self.second
        return logits if label is None else logits * (1 + label)


def samples_of(shape: tuple[int, ...], seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    real, fake, noise = torch.randn(3, *shape, generator=generator, dtype=torch.float64)
    mix = torch.rand(shape[0], generator=generator, dtype=torch.float64)
    return {"real": real, "fake": fake, "noise": noise, "mix": mix}


# What each takes, where it looks at the slope of a sample, and what it makes of the norm.
CASES: dict[str, tuple[Penalty, tuple[str, ...], Callable[..., Tensor], bool]] = {
    "r1": (r1_penalty, ("real",), lambda real: real, False),
    "r2": (r2_penalty, ("fake",), lambda fake: fake, False),
    "wgan_gp": (
        gradient_penalty,
        ("real", "fake", "mix"),
        lambda real, fake, mix: fake + mix * (real - fake),
        True,
    ),
    "zero_centered": (
        zero_centered_penalty,
        ("real", "fake", "mix"),
        lambda real, fake, mix: fake + mix * (real - fake),
        False,
    ),
    "dragan": (
        dragan_penalty,
        ("real", "noise"),
        lambda real, noise: real + 0.5 * (real - real.mean()).square().mean().sqrt() * noise,
        True,
    ),
}
EVERY = pytest.mark.parametrize("name", CASES)


def taken(name: str, samples: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: samples[key] for key in CASES[name][1]}

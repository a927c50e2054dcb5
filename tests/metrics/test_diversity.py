import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stgan.errors import ShapeError
from stgan.metrics import diversity


def _videos(seed: int, samples: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, samples, 3, 2, 4, 4, generator=generator) * 2 - 1


@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
def test_diversity_is_the_mean_over_ordered_pairs(seed: int, samples: int) -> None:
    videos = _videos(seed, samples)
    # Over all S x S pairs, of which the S on the diagonal are zero.
    table = (videos.unsqueeze(1) - videos.unsqueeze(2)).abs().mean(dim=(3, 4, 5, 6))
    expected = table.sum(dim=(1, 2)) / (samples * (samples - 1))
    torch.testing.assert_close(diversity(videos), expected)
    order = torch.randperm(samples, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(diversity(videos[:, order]), expected)
    torch.testing.assert_close(diversity(videos * 0.5), expected * 0.5)


def test_a_generator_that_ignores_its_noise_has_none() -> None:
    videos = _videos(0, 1).expand(-1, 4, -1, -1, -1, -1)
    assert torch.equal(diversity(videos), torch.zeros(2))


@pytest.mark.parametrize(
    ("videos", "error", "message"),
    [
        pytest.param(
            torch.zeros(2, 1, 3, 2, 4, 4),
            ShapeError,
            "videos must hold at least 2 samples of each image and label, got 1",
            id="one sample",
        ),
        pytest.param(
            torch.zeros(2, 3, 2, 4, 4),
            ShapeError,
            r"videos must be laid out as \(N, S, C, T, H, W\), got \(2, 3, 2, 4, 4\)",
            id="layout",
        ),
        pytest.param(
            torch.zeros(2, 2, 3, 2, 4, 4, dtype=torch.uint8),
            TypeError,
            "videos must be of a float type",
            id="bytes",
        ),
    ],
)
def test_bad_arguments_are_refused(videos: torch.Tensor, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        diversity(videos)

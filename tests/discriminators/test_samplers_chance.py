"""Samplers draw every set of frames as often as their law says.

The law of each is written out as a table over all sets of frames. Its test fails by chance with a
probability of at most one in a million for a random seed: by the bound of Chernoff and Hoeffding, a
share of q or more in n draws of probability p has a probability of at most exp(-n KL(q, p)).
"""

import math
from collections import Counter
from collections.abc import Iterable
from itertools import combinations, product
from typing import Any

import pytest
import torch

from stgan.discriminators import (
    BetaPair,
    FirstAndRandomFrames,
    RandomFrames,
    SparseSpan,
    StratifiedFrames,
    StridedFrames,
    SubClip,
)

DRAWS = 40_000
Law = dict[tuple[int, ...], float]


def uniform(sets: Iterable[tuple[int, ...]]) -> Law:
    found = list(sets)
    return {one: 1 / len(found) for one in found}


def sparse_span(count: int, spans: tuple[int, ...], frames: int) -> Law:
    law: Counter[tuple[int, ...]] = Counter()
    fitting = [span for span in spans if span < frames]
    for span in fitting:
        for start in range(frames - span):
            between = list(combinations(range(start + 1, start + span), count - 2))
            for inner in between:
                chance = 1 / len(fitting) / (frames - span) / len(between)
                law[(start, *inner, start + span)] += chance
    return dict(law)


def beta_pair(frames: int) -> Law:
    """Both frames by the distribution functions of Beta(2, 1), x^2, and Beta(1, 2), 1 - (1-x)^2."""
    law: Counter[tuple[int, ...]] = Counter()
    for a, b in product(range(frames), repeat=2):
        of_a = ((a + 1) ** 2 - a**2) / frames**2
        of_b = ((frames - b) ** 2 - (frames - b - 1) ** 2) / frames**2
        i, j = min(a, b), max(a, b)
        if i == j:
            i, j = (i, i + 1) if i + 1 < frames else (i - 1, i)
        law[i, j] += of_a * of_b
    return dict(law)


LAWS: list[tuple[Any, int, Law]] = [
    (RandomFrames(1), 10, uniform((i,) for i in range(10))),
    (RandomFrames(3), 6, uniform(combinations(range(6), 3))),
    (SubClip(3), 10, uniform((i, i + 1, i + 2) for i in range(8))),
    (SubClip(2, stride=3), 6, uniform((i, i + 3) for i in range(3))),
    (StridedFrames(3), 8, uniform((i, i + 3) for i in range(5))),
    (StratifiedFrames(3), 8, uniform(product((0, 1), (2, 3, 4), (5, 6, 7)))),
    (FirstAndRandomFrames(2), 6, uniform((0, *two) for two in combinations(range(1, 6), 2))),
    (SparseSpan(3, spans=(2, 4)), 7, sparse_span(3, (2, 4), 7)),
    (SparseSpan(4, spans=(3, 5, 64)), 7, sparse_span(4, (3, 5, 64), 7)),
    (BetaPair(), 4, beta_pair(4)),
    (BetaPair(), 2, beta_pair(2)),
]


@pytest.mark.parametrize(("sampler", "frames", "law"), LAWS, ids=[repr(s) for s, *_ in LAWS])
def test_every_set_of_frames_is_as_likely_as_its_law_says(
    sampler: Any, frames: int, law: Law
) -> None:
    assert sum(law.values()) == pytest.approx(1)
    # One call, so that a draw shared by the clips of a batch would be seen.
    indices = sampler(DRAWS, frames, generator=torch.Generator().manual_seed(0))
    counts = Counter(map(tuple, indices.tolist()))
    assert counts.keys() <= law.keys()
    bound = math.log(1e6 * 2 * len(law))
    for frames_drawn, chance in law.items():
        surprise = DRAWS * _divergence(counts[frames_drawn] / DRAWS, chance)
        assert surprise < bound, f"{frames_drawn}: {counts[frames_drawn]} of {DRAWS}, {chance=}"


def _divergence(q: float, p: float) -> float:
    """KL(q, p) of two coins."""
    if p >= 1:
        return 0.0 if q >= 1 else math.inf
    one = q * math.log(q / p) if q else 0.0
    return one + ((1 - q) * math.log((1 - q) / (1 - p)) if q < 1 else 0.0)


def test_the_bound_sees_a_bias_of_a_tenth() -> None:
    """Without this, the test above could pass whatever is drawn."""
    assert DRAWS * _divergence(0.11, 0.1) > math.log(1e6 * 2 * 10)

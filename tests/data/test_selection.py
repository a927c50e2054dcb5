"""A split holds out what every one of its patterns says."""

from pathlib import Path

import pytest
import torch

from stgan.data import split_clips
from stgan.errors import DataError
from stgan.io import write_strip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("clips")
    for action in ("jump", "wave"):
        (root / action).mkdir()
        for person in ("anna", "ben", "carl"):
            write_strip(torch.zeros(3, 2, 16, 16), root / action / f"{person}_1.png")
    return root


@pytest.mark.parametrize(
    "patterns",
    [("*/anna*", "*/bne_*"), ("*/bne_*", "*/anna*"), ["*/bne_*"], "*/bne_*"],
    ids=str,
)
def test_a_pattern_that_matches_nothing_is_refused_beside_one_that_does(
    patterns: str | list[str], root: Path
) -> None:
    with pytest.raises(DataError, match=r"validation pattern '\*/bne_\*' must match .* got none"):
        split_clips(root, pattern=patterns)


def test_patterns_may_match_the_same_clips(root: Path) -> None:
    training, validation = split_clips(root, pattern=("*/anna*", "wave/*", "*/anna_1*"))
    assert training == ["jump/ben_1.png", "jump/carl_1.png"]
    assert validation == ["jump/anna_1.png", *(f"wave/{x}_1.png" for x in ("anna", "ben", "carl"))]

"""Frames per second: what a container can keep comes back, and the rest is refused."""

import re
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from stgan.io import count_frames, read_video, write_video
from tests.strategies import SEEDS

BOUNDS = {".mp4": (Fraction(1, 1000), 1000), ".avi": (Fraction(1, 1000), 1000),
          ".gif": (Fraction(1, 500), 50)}  # fmt: skip


def noise(frames: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (3, frames, 16, 16), generator=generator, dtype=torch.uint8)


def rates(suffix: str) -> st.SearchStrategy[tuple[str, Fraction]]:
    least, most = BOUNDS[suffix]
    fast = st.fractions(1, most, max_denominator=20)
    slow = st.integers(1, int(1 / least)).map(lambda seconds: Fraction(1, seconds))
    return st.tuples(st.just(suffix), fast | slow)


def rate_of(path: Path) -> float:
    if path.suffix == ".gif":
        with Image.open(path) as gif:
            return 1000 / float(gif.info["duration"])
    with av.open(str(path)) as container:
        rate = container.streams.video[0].average_rate
    assert rate is not None
    return float(rate)


@example((".mp4", Fraction(1000)), 3, 0)
@example((".mp4", Fraction(1, 1000)), 3, 0)
@example((".avi", Fraction(1000)), 3, 0)
@example((".avi", Fraction(1, 1000)), 3, 0)
@example((".gif", Fraction(50)), 3, 0)
@example((".gif", Fraction(1, 500)), 3, 0)
@given(st.sampled_from(list(BOUNDS)).flatmap(rates), st.integers(1, 9), SEEDS)
def test_every_rate_within_the_bounds_is_kept(
    chosen: tuple[str, Fraction], frames: int, seed: int
) -> None:
    suffix, fps = chosen
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"a{suffix}")
        write_video(noise(frames, seed), path, fps=float(fps))
        assert count_frames(path) == read_video(path).shape[1] == frames
        # A GIF rounds the time of a frame to 1/100 s, such as 2.5 of them to 2.
        assert rate_of(path) == pytest.approx(float(fps), rel=0.26 if suffix == ".gif" else 1e-3)


@pytest.mark.parametrize("suffix", BOUNDS)
@given(factor=st.floats(1.01, 1e6))
def test_every_rate_beyond_the_bounds_is_refused(suffix: str, factor: float) -> None:
    least, most = BOUNDS[suffix]
    with tempfile.TemporaryDirectory() as folder:
        for fps in (float(least) / factor, most * factor):
            with pytest.raises(
                ValueError, match=rf"fps must be {float(least):g} to {most} for an? "
            ):
                write_video(noise(1, 0), Path(folder, f"a{suffix}"), fps=fps)
        assert not any(Path(folder).iterdir())


@pytest.mark.parametrize(
    ("name", "fps", "sentence"),
    [
        ("a.mp4", 0.0004, "fps must be 0.001 to 1000 for an mp4, got 0.0004; repeat frames"),
        ("a.mp4", 1e6, "fps must be 0.001 to 1000 for an mp4, got 1e+06; drop frames"),
        ("a.avi", 2000, "fps must be 0.001 to 1000 for an avi, got 2000; drop frames"),
        ("a.AVI", 1e-9, "fps must be 0.001 to 1000 for an avi, got 1e-09; repeat frames"),
        ("a.gif", 0.001, "fps must be 0.002 to 50 for a GIF, got 0.001; repeat frames or write an"),
        ("a.gif", 0.0004, "fps must be 0.002 to 50 for a GIF, got 0.0004; repeat frames or write"),
        ("a.gif", 60, "fps must be 0.002 to 50 for a GIF, got 60; drop frames or write an mp4"),
    ],
)
def test_what_a_container_cannot_keep_is_refused(
    name: str, fps: float, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        write_video(noise(3, 0), tmp_path / name, fps=fps)
    assert not any(tmp_path.iterdir())

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from stgan.errors import ShapeError, UnknownNameError
from stgan.io import to_uint8
from stgan.metrics import motion_energy, time_slice
from stgan.visual import plot_confusion, plot_motion_energy, plot_slices

seeds = st.integers(0, 2**31)


def _clips(seed: int, *shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def _shown(panel: Any) -> Tensor:
    return torch.from_numpy(panel.get_images()[0].get_array().data)


@settings(max_examples=10)
@given(seed=seeds, axis=st.sampled_from(["x", "y"]), part=st.floats(0, 1))
def test_the_slice_that_is_drawn_is_that_of_the_metric(
    figures: Any, seed: int, axis: Any, part: float
) -> None:
    kinds = {"real": _clips(seed, 2, 3, 4, 6, 8), "fake": _clips(seed + 1, 2, 3, 4, 6, 8)}
    position = round(part * ((6 if axis == "x" else 8) - 1))
    figure = figures(plot_slices, kinds, position=position, axis=axis)
    assert len(figure.axes) == 6
    for row in range(2):
        _, *panels = figure.axes[3 * row : 3 * row + 3]
        for panel, clips in zip(panels, kinds.values(), strict=True):
            wanted = to_uint8(time_slice(clips, position, axis)[row]).permute(1, 2, 0)
            assert torch.equal(_shown(panel), wanted)
    mark = figure.axes[0].get_lines()[0]
    assert set(mark.get_ydata() if axis == "x" else mark.get_xdata()) == {position}


def test_each_clip_can_be_cut_at_a_place_of_its_own(figures: Any) -> None:
    kinds = {"real": _clips(0, 3, 3, 4, 6, 8), "fake": _clips(1, 3, 3, 4, 6, 8)}
    figure = figures(plot_slices, kinds, position=[5, 0, 2], max_clips=2)
    for row, position in enumerate((5, 0)):
        first, *panels = figure.axes[3 * row : 3 * row + 3]
        assert set(first.get_lines()[0].get_ydata()) == {position}
        for panel, clips in zip(panels, kinds.values(), strict=True):
            wanted = to_uint8(time_slice(clips, position)[row]).permute(1, 2, 0)
            assert torch.equal(_shown(panel), wanted)


def test_a_kind_with_fewer_clips_leaves_its_place_empty(figures: Any) -> None:
    kinds = {"real": _clips(0, 3, 1, 4, 6, 8), "fake": _clips(1, 1, 1, 4, 6, 8)}
    figure = figures(plot_slices, kinds, max_clips=2, title="slices")
    assert [len(panel.get_images()) for panel in figure.axes] == [1, 1, 1, 1, 1, 0]
    assert [panel.get_title() for panel in figure.axes[:3]] == ["real, frame 1", "real", "fake"]
    assert figure.axes[1].get_ylabel() == "frame"
    assert figure.axes[4].get_xlabel() == "x in pixels"


def test_bytes_are_drawn_as_they_are(figures: Any) -> None:
    clips = torch.arange(2 * 4 * 4, dtype=torch.uint8).view(1, 1, 2, 4, 4).expand(1, 3, 2, 4, 4)
    panel = figures(plot_slices, {"real": clips}).axes[1]
    assert torch.equal(_shown(panel)[..., 0], clips[0, 0, :, 2])


def test_what_cannot_be_sliced_is_refused() -> None:
    clips = torch.zeros(1, 3, 4, 6, 8)
    with pytest.raises(ShapeError, match=r"position must lie between 0 and 5, got 6"):
        plot_slices({"real": clips}, "slices.png", position=6)
    with pytest.raises(ShapeError, match=r"position must lie between 0 and 5, got -1"):
        plot_slices({"real": clips}, "slices.png", position=[-1])
    with pytest.raises(ValueError, match="one number, or one for each of 2 clips, got 1"):
        plot_slices({"real": clips.repeat(2, 1, 1, 1, 1)}, "slices.png", position=[3])
    with pytest.raises(UnknownNameError, match="no axis named 'z'"):
        plot_slices({"real": clips}, "slices.png", axis="z")  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match=r"'fake' must be of the size .* \(4, 6, 8\), got \(5, 6"):
        plot_slices({"real": clips, "fake": torch.zeros(1, 3, 5, 6, 8)}, "slices.png")
    with pytest.raises(ShapeError, match="clips of 'real' must be laid out as"):
        plot_slices({"real": clips[0]}, "slices.png")
    for nothing in ({}, {"real": clips[:0]}):
        with pytest.raises(ValueError, match="clips must hold at least one kind with a clip"):
            plot_slices(nothing, "slices.png")


@settings(max_examples=10)
@given(seed=seeds, count=st.integers(1, 4), frames=st.integers(2, 5))
def test_energy_is_that_of_the_metric_over_time_and_clips(
    figures: Any, seed: int, count: int, frames: int
) -> None:
    kinds = {"real": _clips(seed, count, 3, frames, 4, 4), "fake": _clips(seed, 2, 1, 3, 8, 6)}
    over_time, over_clips = figures(plot_motion_energy, kinds).axes
    for line, clips in zip(over_time.get_lines(), kinds.values(), strict=True):
        steps = [motion_energy(clips[:, :, t : t + 2]).mean() for t in range(clips.shape[2] - 1)]
        drawn = torch.as_tensor(line.get_ydata())
        torch.testing.assert_close(drawn, torch.stack(steps))
        assert line.get_label().endswith(f"(n = {len(clips)})")
    gathered = {name: clips.diff(dim=2).abs().mean(dim=(1, 3, 4)) for name, clips in kinds.items()}
    mixed = {"real": gathered["real"], "fake": kinds["fake"]}
    for other in (gathered, mixed):
        for line, same in zip(
            over_time.get_lines(),
            figures(plot_motion_energy, other).axes[0].get_lines(),
            strict=True,
        ):
            assert line.get_ydata().tolist() == same.get_ydata().tolist()
            assert line.get_label() == same.get_label()
    # Shares of each kind add up to one: no clip lies outside the bins.
    heights = [patch.get_height() for patch in over_clips.patches]
    assert sum(heights) == pytest.approx(2)


def test_frozen_clips_have_no_energy_and_one_bar(figures: Any) -> None:
    over_time, over_clips = figures(plot_motion_energy, {"frozen": torch.ones(3, 3, 4, 8, 8)}).axes
    assert not over_time.get_lines()[0].get_ydata().any()
    assert over_clips.patches[0].get_height() == pytest.approx(1)


def test_a_single_frame_has_no_energy() -> None:
    with pytest.raises(ShapeError, match="'real' must have at least 2 frames to move, got 1"):
        plot_motion_energy({"real": torch.zeros(1, 3, 1, 8, 8)}, "energy.png")


@settings(max_examples=10)
@given(seed=seeds, count=st.integers(1, 6))
def test_every_share_stands_in_its_row_and_column(figures: Any, seed: int, count: int) -> None:
    shares = _clips(seed, count, count).softmax(dim=1)
    shares[0] = float("nan")
    figure = figures(plot_confusion, {"real": shares, "fake": shares.nan_to_num(0)})
    panel = figure.axes[0]
    torch.testing.assert_close(_shown(panel), shares, equal_nan=True)
    written = {tuple(reversed(text.get_position())): text.get_text() for text in panel.texts}
    assert set(written) == {(i, j) for i in range(1, count) for j in range(count)}
    for (i, j), text in written.items():
        assert float(text) == pytest.approx(float(shares[i, j]), abs=0.0051)


def test_classes_are_named_on_both_axes(figures: Any) -> None:
    names = ["walk", "run"]
    panel = figures(plot_confusion, {"real": torch.eye(2)}, classes=names).axes[0]
    assert [label.get_text() for label in panel.get_xticklabels()] == names
    assert [label.get_text() for label in panel.get_yticklabels()] == names
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("taken for", "asked for")


def test_what_is_no_confusion_is_refused() -> None:
    with pytest.raises(ValueError, match="confusion must hold at least one matrix"):
        plot_confusion({}, "confusion.png")
    with pytest.raises(ShapeError, match=r"'b' must be \(2, 2\), got \(3, 3\)"):
        plot_confusion({"a": torch.eye(2), "b": torch.eye(3)}, "confusion.png")
    with pytest.raises(ValueError, match=r"shares in \[0, 1\], got 0 to 5; divide counts"):
        plot_confusion({"a": torch.eye(2) * 5}, "confusion.png")
    with pytest.raises(ValueError, match="classes must be 2 names"):
        plot_confusion({"a": torch.eye(2)}, "confusion.png", classes=["walk"])

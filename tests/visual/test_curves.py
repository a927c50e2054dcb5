import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from stgan.errors import DataError
from stgan.visual import curves, plot_curves


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Draw a history and return the figure that was written."""
    figures: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *args: Any, **kwargs: Any) -> None:
        figures.append(figure)
        save(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", keep)

    def draw(history: Any, **settings: Any) -> dict[str, Any]:
        plot_curves(history, tmp_path / "curves.png", **settings)
        assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
        return {axes.get_title(): axes for axes in figures[-1].axes if axes.get_visible()}

    return draw


def _legend(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_each_group_has_a_panel_with_labels_and_a_legend(drawn: Any) -> None:
    history = {
        "generator/l1": [3.0, 2.0],
        "generator/video": [1.0, 1.0],
        "discriminator/video": [1.4, 1.3],
        "clips_per_second": [90.0, 95.0],
    }
    panels = drawn(history)
    assert list(panels) == ["generator", "discriminator", "clips_per_second"]
    assert _legend(panels["generator"]) == ["l1", "video"]
    assert _legend(panels["discriminator"]) == ["video"]
    assert panels["clips_per_second"].get_legend() is None
    for axes in panels.values():
        assert axes.get_xlabel() == "step"
        assert axes.get_ylabel() == "value"


def test_values_stand_at_their_steps(drawn: Any) -> None:
    line = drawn({"step": [10, 20, 40], "loss": [3.0, 1.0, 2.0]})["loss"].get_lines()[0]
    assert line.get_xdata().tolist() == [10, 20, 40]
    assert line.get_ydata().tolist() == [3, 1, 2]
    line = drawn({"loss": [3.0, 1.0, 2.0]})["loss"].get_lines()[0]
    assert line.get_xdata().tolist() == [1, 2, 3]


def test_a_long_curve_is_smoothed_over_a_faint_raw_one(drawn: Any) -> None:
    values = [1 + 0.5 * (-1) ** k for k in range(100)]
    raw, smooth = drawn({"loss": values})["loss"].get_lines()
    assert raw.get_ydata().tolist() == values
    assert raw.get_alpha() < 0.5
    assert np.ptp(smooth.get_ydata()[5:-5]) < 0.3 * np.ptp(values)


@given(st.floats(-10, 10), st.integers(1, 200))
def test_smoothing_leaves_a_constant_curve_as_it_is(value: float, count: int) -> None:
    np.testing.assert_allclose(curves._smooth(np.full(count, value)), value)


def test_smoothing_keeps_a_straight_line_away_from_its_ends() -> None:
    line = np.arange(100.0)
    smooth = curves._smooth(line)
    np.testing.assert_allclose(smooth[2:-2], line[2:-2])
    assert smooth.shape == line.shape


def test_values_that_are_not_finite_leave_holes_and_spoil_no_neighbor(drawn: Any) -> None:
    values = [1.0] * 40
    values[10], values[20] = math.nan, math.inf
    raw, smooth = drawn({"loss": values})["loss"].get_lines()
    for line in (raw, smooth):
        y = line.get_ydata()
        assert np.flatnonzero(np.isnan(y)).tolist() == [10, 20]
        assert (y[~np.isnan(y)] == 1).all()


def test_terms_of_very_different_size_get_a_logarithmic_axis(drawn: Any) -> None:
    near = drawn({"g/a": [1.0, 2.0], "g/b": [3.0, 4.0]})["g"]
    far = drawn({"g/a": [1.0, 2.0], "g/b": [300.0, 400.0]})["g"]
    negative = drawn({"g/a": [-1.0, 2.0], "g/b": [300.0, 400.0]})["g"]
    assert [axes.get_yscale() for axes in (near, far, negative)] == ["linear", "log", "linear"]
    assert far.get_ylabel() == "value, log scale"


def test_a_file_of_json_lines_is_drawn_with_each_name_at_its_own_steps(
    drawn: Any, tmp_path: Path
) -> None:
    lines = [
        {"step": 1, "loss": 3, "time": "12:00", "best": True},
        {"step": 2, "loss": float("nan"), "evaluation/l1": 0.25},
        {"step": 3, "loss": 1, "evaluation/l1": None},
    ]
    path = tmp_path / "metrics.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n\n")
    panels = drawn(path)
    assert list(panels) == ["loss", "evaluation"]
    (loss,), (l1,) = (axes.get_lines() for axes in panels.values())
    assert loss.get_xdata().tolist() == [1, 2, 3]
    assert loss.get_ydata()[[0, 2]].tolist() == [3, 1]
    assert (l1.get_xdata().tolist(), l1.get_ydata().tolist()) == ([2], [0.25])


def test_groups_choose_what_is_drawn_and_where(drawn: Any) -> None:
    history = {"a": [1.0], "b": [2.0], "c": [3.0]}
    panels = drawn(history, groups={"both": ["c", "a"]}, title="Run 7")
    assert list(panels) == ["both"]
    assert _legend(panels["both"]) == ["c", "a"]
    assert panels["both"].figure.get_suptitle() == "Run 7"


def test_no_state_of_pyplot_is_touched(tmp_path: Path) -> None:
    code = (
        "import sys; from stgan.visual import plot_curves\n"
        f"plot_curves({{'a': [1.0, 2.0]}}, {str(tmp_path / 'a.png')!r})\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("history", "settings", "error", "message"),
    [
        pytest.param({}, {}, DataError, "history holds no curve to draw; give at least", id="none"),
        pytest.param({"step": [1]}, {}, DataError, "history holds no curve", id="only steps"),
        pytest.param(
            {"step": [1, 2], "loss": [1.0]},
            {},
            ValueError,
            "loss has 1 values for 2 steps; give as many",
            id="lengths",
        ),
        pytest.param(
            {"loss": [1.0]},
            {"groups": {"g": ["lose"]}},
            ValueError,
            "groups name no curve by lose; the curves are loss",
            id="group",
        ),
        pytest.param(
            {"loss": [1.0]}, {"groups": {}}, ValueError, "groups name no curve", id="no group"
        ),
        pytest.param("none.jsonl", {}, DataError, "none.jsonl does not exist; give", id="no file"),
    ],
)
def test_bad_arguments_are_refused(
    tmp_path: Path, history: Any, settings: dict[str, Any], error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        plot_curves(history, tmp_path / "a.png", **settings)


@pytest.mark.parametrize("line", ["{", '{"loss": 1}', "[1]", '{"step": null}'])
def test_files_of_something_else_are_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": 2}\n' + line + "\n")
    with pytest.raises(DataError, match=r"line 2 of \S+ is not a JSON object with a step; remove"):
        plot_curves(path, tmp_path / "a.png")

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from stgan.training import Retention, save_checkpoint

scores = st.dictionaries(
    st.integers(0, 60), st.floats(allow_nan=True) | st.none(), min_size=1, max_size=12
)


def _saved(drawn: dict[int, float | None]) -> dict[int, dict[str, float]]:
    return {step: {} if score is None else {"fvd": score} for step, score in drawn.items()}


@given(scores, st.integers(1, 5), st.none() | st.integers(1, 9), st.data())
def test_every_rule_keeps_its_own_and_nothing_else_stays(
    drawn: dict[int, float | None], last: int, every: int | None, data: st.DataObject
) -> None:
    saved, newest = _saved(drawn), data.draw(st.sampled_from(sorted(drawn)))
    kept = Retention(last=last, every=every).kept(saved, newest=newest)
    latest = [newest, *sorted((step for step in saved if step != newest), reverse=True)][:last]
    assert kept == {*latest, *(step for step in saved if every and step % every == 0)}


@given(scores, st.integers(1, 4), st.booleans())
def test_the_best_stay_and_what_has_no_number_is_never_among_them(
    drawn: dict[int, float | None], num_best: int, higher: bool
) -> None:
    newest = max(drawn)
    rule = Retention(last=1, best="fvd", num_best=num_best, higher_is_better=higher)
    kept = rule.kept(_saved(drawn), newest=newest)
    found = {step: s for step, s in drawn.items() if s is not None and not math.isnan(s)}
    best = kept & found.keys()
    assert len(kept - {newest}) <= num_best
    assert len(best) >= min(num_best, len(found))
    for step in best - {newest}:
        better = [s for s in found.values() if (s > found[step] if higher else s < found[step])]
        assert len(better) < num_best
    assert kept - {newest} <= found.keys()


def test_a_run_keeps_the_best_the_milestones_and_the_latest(tmp_path: Path) -> None:
    keep = Retention(last=2, every=40, best="fvd")
    fvd = {10: 9.0, 20: 5.0, 30: 6.0, 40: 7.0, 50: 8.0, 60: math.nan, 70: 9.0}
    for step, score in fvd.items():
        save_checkpoint(
            tmp_path,
            step=step,
            networks={"net": nn.Linear(1, 1)},
            state={},
            config="",
            keep=keep,
            metrics={"fvd": score},
        )
    assert sorted(int(path.name[5:]) for path in tmp_path.iterdir()) == [20, 40, 60, 70]


def test_metrics_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"networks": {}, "state": {}, "config": ""}
    keep = Retention(last=1, best="fvd")
    for step, score in ((1, 3.0), (2, 4.0), (3, 5.0)):
        path = save_checkpoint(tmp_path, step=step, keep=keep, metrics={"fvd": score}, **settings)
        (path / "metrics.json").write_text("[" if step == 1 else '{"fvd": 4.0}')
    assert sorted(path.name[-1] for path in tmp_path.iterdir()) == ["2", "3"]


@pytest.mark.parametrize("name", ["last", "every", "num_best"])
def test_counts_that_are_none_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        Retention(**{name: 0})
    with pytest.raises(TypeError, match=f"{name} must be a positive integer, got 1.5"):
        Retention(**{name: 1.5})  # type: ignore[arg-type]

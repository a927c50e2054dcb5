import math
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from stgan.training import Retention, check_checkpoint, checkpoint_reading, save_checkpoint

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


@given(scores, st.integers(1, 5), st.integers(1, 3), st.data())
def test_what_is_damaged_takes_the_place_of_nothing_that_is_sound(
    drawn: dict[int, float | None], last: int, num_best: int, data: st.DataObject
) -> None:
    saved, newest = _saved(drawn), data.draw(st.sampled_from(sorted(drawn)))
    sound = {newest} | data.draw(st.sets(st.sampled_from(sorted(drawn))))
    rule = Retention(last=last, best="fvd", num_best=num_best)
    kept = rule.kept(saved, newest=newest, sound=sound.__contains__)
    alone = rule.kept({step: saved[step] for step in sound}, newest=newest)
    assert kept & sound == alone
    # A damaged one goes with the others of its age.
    counted = [newest, *sorted(sound - {newest}, reverse=True)][:last]
    assert all(step > min(counted) for step in kept - sound) or len(sound) < last


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
    # JSON has no word for what is no number.
    assert (tmp_path / "step_00000060" / "metrics.json").read_text() == "{}"


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


def _steps(folder: Path) -> list[int]:
    return sorted(int(path.name[5:]) for path in folder.iterdir())


def test_damaged_checkpoints_do_not_push_out_sound_ones(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"networks": {"net": nn.Linear(1, 1)}, "state": {}, "config": ""}

    def save(step: int, fvd: float) -> Path:
        keep = Retention(last=2, best="fvd")
        return save_checkpoint(tmp_path, step=step, keep=keep, metrics={"fvd": fvd}, **settings)

    save(10, 9.0), save(20, 8.0)
    path = save(30, 1.0)
    weights = path / "net.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    save(25, 8.5)  # resumed from 20
    assert _steps(tmp_path) == [20, 25, 30]
    save(35, 8.6)
    # Of the two last 30 is none, and it is not the best, which is 20.
    assert _steps(tmp_path) == [20, 25, 30, 35]
    save(40, 7.0)
    assert _steps(tmp_path) == [35, 40]


def test_the_last_sound_one_is_never_removed(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"networks": {}, "state": {}, "config": "", "keep": 1}
    for step in (3, 2, 1):
        path = save_checkpoint(tmp_path, step=step, **settings)
        check_checkpoint(path)
        assert _steps(tmp_path) == [step]
    (path / "state.pt").write_bytes(b"damaged")
    check_checkpoint(save_checkpoint(tmp_path, step=0, **settings))


def test_what_has_not_changed_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    monkeypatch.setattr(checkpoint_reading, "check_checkpoint", read.append)
    settings: dict[str, Any] = {"networks": {}, "state": {}, "config": "", "keep": 2}
    first, second, _ = (save_checkpoint(tmp_path, step=n, **settings) for n in (1, 2, 3))
    save_checkpoint(tmp_path, step=3, **settings)
    # A change in the moment of the last write may leave the same time.
    assert read == [first, second, second]
    for file in second.iterdir():
        os.utime(file, (1, 1))
    for _ in range(3):
        save_checkpoint(tmp_path, step=3, **settings)
    assert read == [first, second, second, second]
    (second / "state.pt").touch()
    save_checkpoint(tmp_path, step=3, **settings)
    assert read[4:] == [second]

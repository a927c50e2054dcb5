"""Taking turns, ratios, tables, memory of a process: the tools that all measurements share."""

import re
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks._measure import Options, finish, how, machine, ratio, table, take_turns
from benchmarks._memory import resident

SECONDS = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=9)


def test_variants_take_turns_and_warmup_is_not_counted() -> None:
    order = ""

    def add(letter: str) -> None:
        nonlocal order
        order += letter

    runs = {"A": lambda: add("A"), "B": lambda: add("B")}
    seconds = take_turns(runs, Options(rounds=3, warmup=1))
    assert order == "ABABABAB"
    assert [len(each) for each in seconds.values()] == [3, 3]


@pytest.mark.parametrize("options", [Options(rounds=0), Options(warmup=-1)])
def test_nothing_to_measure_is_refused(options: Options) -> None:
    with pytest.raises(SystemExit, match="rounds must be at least 1 and warmup at least 0, got"):
        take_turns({"A": lambda: None}, options)


@given(SECONDS, st.floats(0.1, 10))
def test_a_drift_of_the_machine_does_not_move_a_ratio(drift: list[float], factor: float) -> None:
    found = ratio([factor * second for second in drift], drift)
    assert found.minimum == pytest.approx(factor)
    assert found.median == pytest.approx(factor)
    assert found.maximum == pytest.approx(factor)


def test_a_ratio_tells_median_and_range() -> None:
    assert str(ratio([2.0, 3.0, 10.0], [1.0, 1.0, 1.0])) == "3.00 (2.00-10.00)"


def test_a_table_is_markdown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = table(["what", "ms"], [["a", 1], ["b", 2.5]])
    assert text.splitlines() == ["| what | ms |", "| --- | ---: |", "| a | 1 |", "| b | 2.5 |"]
    finish(text, tmp_path / "page.md")
    assert (tmp_path / "page.md").read_text() == text + "\n" == capsys.readouterr().out


def test_a_page_says_how_it_was_made() -> None:
    text = how("generator.py", "In turn", threads=1)
    assert text.startswith("- Command: `python benchmarks/generator.py")
    assert f"{machine(1)}; torch {torch.__version__}" in text
    assert machine(1).endswith(", 1 thread")
    assert machine(2).endswith(", 2 threads")
    assert re.search(r"\d{4}-\d\d-\d\d$", text)


def hold(mebibytes: int) -> torch.Tensor:
    for _ in range(2):
        kept = torch.ones(mebibytes * 2**20, dtype=torch.uint8)
    return kept[: mebibytes * 2**19].clone()


def test_the_peak_is_that_of_a_process_of_its_own() -> None:
    large = torch.ones(300 * 2**20, dtype=torch.uint8)  # which the child must not be charged for
    less, more = (resident(hold, size, threads=1) for size in (1, 200))
    # One is still held while the next is made.
    assert (more.peak - less.peak) / 2**20 == pytest.approx(400, abs=30)
    assert less.peak < large.numel() + 250 * 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process holds")
def test_what_is_kept_is_what_was_returned() -> None:
    less, more = (resident(hold, size, threads=1).kept for size in (1, 200))
    assert less is not None
    assert more is not None
    assert (more - less) / 2**20 == pytest.approx(100, abs=30)


def fail() -> None:
    raise ZeroDivisionError


def test_what_fails_in_that_process_fails_here() -> None:
    with pytest.raises(ZeroDivisionError):
        resident(fail, threads=1)

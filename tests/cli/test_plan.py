"""The stages of a plan are printed as the library plans them."""

import re

import pytest

from stgan.shapes import plan, plan_downsampling
from tests.cli.shell import Shell


def _rows(out: str) -> list[list[str]]:
    return [re.split(r" {2,}", line) for line in out.splitlines()[2:]]


def test_plan_walks_up_from_a_base(shell: Shell) -> None:
    status, out, _ = shell("plan 24 48 64")
    assert status == 0
    rows = _rows(out)
    route = plan((24, 48, 64))
    assert [row[-1] for row in rows] == [" ".join(map(str, size)) for size in route.sizes]
    assert rows[0] == ["base", "1 1 1", "3 3 4", "0 0 0", "3 3 4"]
    assert rows[-1] == ["4", "1 2 2", "3 4 4", "1 1 1", "24 48 64"]


def test_plan_starts_where_it_is_told(shell: Shell) -> None:
    _, out, _ = shell("plan 16 32 32 --start 1 4 4")
    rows = _rows(out)
    assert rows[0] == ["start", "1 4 4"]
    assert rows[-1] == ["4", "2 1 1", "4 3 3", "1 1 1", "16 32 32"]


@pytest.mark.parametrize("start", ["", " --start 1 2 2"])
def test_plan_walks_down_the_way_it_came(start: str, shell: Shell) -> None:
    _, out, _ = shell(f"plan 8 32 32 --down{start}")
    rows = _rows(out)
    base = (1, 2, 2) if start else plan((8, 32, 32)).base
    stages = plan_downsampling((8, 32, 32), base)
    assert rows[0] == ["start", "8 32 32"]
    assert [row[1] for row in rows[1:]] == [" ".join(map(str, s.stride)) for s in stages]
    assert rows[-1][-1] == " ".join(map(str, base))


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("plan 30 50 64", "the nearest size that can be reached is (28, 48, 64)"),
        ("plan 16 32 40 --start 1 4 4", "width 40 cannot be reached from 4"),
        ("plan 0 32 32", "each at least 1, got (0, 32, 32)"),
    ],
)
def test_plan_of_what_cannot_be_reached_says_what_can(
    command: str, sentence: str, shell: Shell
) -> None:
    assert sentence in shell.error(command)

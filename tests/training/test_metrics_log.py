import json
import math
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stgan.errors import DataError
from stgan.training import MetricsLog


@given(
    st.integers(1, 6), st.integers(0, 7), st.binary(max_size=20).filter(lambda b: b"\n" not in b)
)
def test_later_lines_and_half_a_line_are_forgotten_and_the_rest_stays(
    tmp_path_factory: pytest.TempPathFactory, count: int, step: int, half: bytes
) -> None:
    log = MetricsLog(tmp_path_factory.mktemp("log") / "metrics.jsonl")
    for number in range(1, count + 1):
        log.append(number, {"loss": number / 3})
    lines = log.path.read_bytes().splitlines(keepends=True)
    log.path.write_bytes(b"".join(lines) + half)
    log.forget_after(step)
    assert log.path.read_bytes() == b"".join(lines[:step])
    assert [path.name for path in log.path.parent.iterdir()] == ["metrics.jsonl"]


def test_every_line_is_strict_json(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "metrics.jsonl")
    log.append(1, {"a": math.nan, "b": math.inf, "c": 0.5})
    found = json.loads(log.path.read_text(), parse_constant=lambda name: pytest.fail(name))
    assert found == {"step": 1, "a": None, "b": None, "c": 0.5}
    assert repr(log) == f"MetricsLog({str(log.path)!r})"


@given(st.binary(max_size=60))
def test_any_other_file_is_refused_and_left_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("log") / "metrics.jsonl"
    path.write_bytes(content)
    with suppress(DataError):
        MetricsLog(path).forget_after(3)
        return
    assert path.read_bytes() == content


def test_a_line_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n[]\n{"step": 2}\n')
    with pytest.raises(DataError, match=r"metrics\.jsonl holds no JSON with a step in line 2; mo"):
        MetricsLog(path).forget_after(2)
    MetricsLog(tmp_path / "none").forget_after(2)
    assert not (tmp_path / "none").exists()

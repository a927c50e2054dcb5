import json
import math
import os
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


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"[]", id="list"),
        pytest.param(b"no JSON", id="text"),
        pytest.param(b"\x00\xff\xfe", id="binary"),
        pytest.param(b'{"loss": 1}', id="no step"),
        pytest.param(b'{"step": "1"}', id="step of text"),
        pytest.param(b'{"step": true}', id="step that is true"),
        pytest.param(b'{"step": -1}', id="step below 0"),
        pytest.param(b'{"step": NaN}', id="step that is NaN"),
        pytest.param(b'{"step": 1e999}', id="infinite step"),
        pytest.param(b'{"step": ' + b"9" * 40 + b"}", id="step without end"),
        pytest.param(b'{"step": ' + b"9" * 9999 + b"}", id="more digits than Python reads"),
        pytest.param(b'{"step": 1, "a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", id="deep"),
        pytest.param(b'{"step": 1, "a": "' + b"a" * 2**21 + b'"}', id="longest"),
    ],
)
def test_a_line_that_no_run_wrote_is_named_and_the_file_stays(tmp_path: Path, line: bytes) -> None:
    log = MetricsLog(tmp_path / "metrics.jsonl")
    log.append(1, {"loss": 0.5})
    content = log.path.read_bytes() + line + b"\n"
    log.path.write_bytes(content)
    sentence = r"line 2 of \S+metrics\.jsonl is not a JSON object with a step; remove the line, or"
    for read in (log.read, lambda: log.forget_after(2)):
        with pytest.raises(DataError, match=sentence) as caught:
            read()
        assert len(str(caught.value)) < 1000
    assert log.path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [log.path]


def test_the_numbers_of_a_log_are_read_without_half_a_line_and_whatever_is_no_number(
    tmp_path: Path,
) -> None:
    log = MetricsLog(tmp_path / "metrics.jsonl")
    log.append(1, {"loss": 0.5, "fvd": math.nan})
    with log.path.open("a") as file:
        file.write('\n{"step": 2, "phase": "late", "best": true, "loss": 1}\n{"step": 3, "lo')
    assert log.read() == [{"step": 1, "loss": 0.5, "fvd": None}, {"step": 2, "loss": 1}]
    MetricsLog(tmp_path / "none").forget_after(2)
    assert not (tmp_path / "none").exists()
    with pytest.raises(DataError, match=r"log \S+none does not exist; give the file that a run"):
        MetricsLog(tmp_path / "none").read()


@pytest.mark.parametrize("kind", ["link", "link to nothing", "pipe"])
def test_nothing_is_written_through_a_link_or_into_a_pipe(tmp_path: Path, kind: str) -> None:
    other, path = tmp_path / "other", tmp_path / "run" / "metrics.jsonl"
    path.parent.mkdir()
    if kind == "link":
        other.write_text("mine\n")
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(other)
    got = "a pipe or device" if kind == "pipe" else "a link to .*other"
    for write in (lambda: MetricsLog(path).append(1, {}), lambda: MetricsLog(path).forget_after(1)):
        with pytest.raises(DataError, match=f"must be a plain file or folder .*, got {got}; move"):
            write()
    assert not other.exists() or other.read_text() == "mine\n"


def test_a_part_file_is_not_written_through_a_link_either(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("mine")
    log = MetricsLog(tmp_path / "metrics.jsonl")
    log.append(1, {})
    (tmp_path / ".metrics.jsonl.part").symlink_to(tmp_path / "other")
    log.forget_after(1)
    assert (tmp_path / "other").read_text() == "mine"
    assert log.read() == [{"step": 1}]

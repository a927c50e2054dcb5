"""The command checks entries and writes what they can do; nothing is written if one is broken."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import torch

from stgan.registry import REGISTRIES
from stgan.testing import ContractError, _support
from stgan.testing.__main__ import main

KNOWN = {"layers": ["a", "b"], "fusions": ["c"]}


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """A few entries that need no check; those in the returned set break their contract."""
    found: set[str] = set()

    def check(kind: str, name: str) -> dict[str, str]:
        if name in found:
            raise ContractError(f"{kind}/{name}", {"export": "must run"})
        return {"export": f"yes, {name}"}

    monkeypatch.setattr(_support, "REGISTRIES", KNOWN)
    monkeypatch.setattr(_support, "check_entry", check)
    return found


def _rows(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))["entries"]


def test_all_entries_are_written_with_where_and_when(
    tmp_path: Path, broken: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "support.json"
    assert main(["--out", str(out)]) == 0
    written = json.loads(out.read_text(encoding="utf-8"))
    rows = {name: {"export": f"yes, {name[-1]}"} for name in ("layers/a", "layers/b", "fusions/c")}
    assert written == {
        "torch": torch.__version__,
        "machine": "CPU",
        "date": datetime.now(UTC).date().isoformat(),
        "entries": rows,
    }
    assert list(written["entries"]) == list(rows)
    assert capsys.readouterr().out.splitlines()[-1] == f"wrote {out}"


def test_some_entries_are_renewed_and_others_stay_unless_they_are_gone(
    tmp_path: Path, broken: set[str]
) -> None:
    out = tmp_path / "support.json"
    old = {name: {"export": "old"} for name in ("layers/a", "layers/gone", "fusions/c")}
    _support.write_support(out, {})
    out.write_text(json.dumps(json.loads(out.read_text()) | {"entries": old}))
    assert main(["--out", str(out), "--only", "layers/*"]) == 0
    assert _rows(out) == {
        "layers/a": {"export": "yes, a"},
        "layers/b": {"export": "yes, b"},
        "fusions/c": {"export": "old"},
    }


def test_nothing_is_written_if_an_entry_is_broken(
    tmp_path: Path, broken: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    broken.add("b")
    assert main(["--out", str(tmp_path / "support.json")]) == 1
    assert list(tmp_path.iterdir()) == []
    told = capsys.readouterr()
    assert "layers/b breaks its contract:\n  export: must run" in told.out
    assert told.err == "1 entries break their contract, nothing was written\n"


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (None, ["--only", "layers/*"], "cannot be read as JSON"),
        ("{", ["--only", "layers/*"], "cannot be read as JSON"),
        ("{}", ["--only", "layers/*"], "is no support matrix; it must hold torch, machine, date"),
        ("old", ["--only", "layers/*"], "was made with torch 0.1, not with "),
        ("old", ["--only", "layres/*", "x"], "no entry matches layres/*, x; see stgan.list"),
    ],
)
def test_what_cannot_be_renewed_is_told_in_a_sentence(
    tmp_path: Path,
    broken: set[str],
    capsys: pytest.CaptureFixture[str],
    content: str | None,
    options: list[str],
    message: str,
) -> None:
    out = tmp_path / "support.json"
    old = json.dumps({"torch": "0.1", "machine": "CPU", "date": "", "entries": {}})
    if content is not None:
        out.write_text(old if content == "old" else content)
    assert main(["--out", str(out), *options]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert message in told


def test_entries_are_those_of_all_registries() -> None:
    assert list(_support.entries()) == [(k, name) for k, r in REGISTRIES.items() for name in r]
    assert list(_support.entries(["*/one_hot"])) == [("projectors", "one_hot")]

"""Results carry their protocol: they print it, keep it, and are compared only within it."""

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stgan.errors import DataError
from stgan.metrics import MetricResult

RESULT = MetricResult(
    "FVD",
    312.46,
    n_real=2048,
    n_fake=1024,
    frames=16,
    size=(64, 96),
    stride=2,
    clip_rule="center window",
    resize="bilinear 224 x 224, squash",
    range="[-1, 1]",
    extractor="I3D logits",
    sha256="ab" * 32,
    dtype="float64",
    ci95=(300.0, 324.92),
    floor=51.2,
    at_floor=400.0,
    settings={"neighbors": 5},
    notes=("a note",),
    versions={"torch": "2.13.0"},
)
# A changed value for every field of the protocol.
CHANGED = {
    "metric": "KVD",
    "n_real": 2047,
    "n_fake": 1025,
    "frames": 17,
    "size": (64, 64),
    "stride": 1,
    "clip_rule": "first window",
    "resize": "none",
    "range": "[0, 1]",
    "extractor": "another",
    "sha256": "cd" * 32,
    "dtype": "float32",
    "settings": {"neighbors": 3},
}
FREE = {
    "value": 1.0,
    "ci95": None,
    "floor": None,
    "at_floor": None,
    "notes": (),
    "versions": {},
}


def test_a_result_prints_one_line_with_everything() -> None:
    line = str(RESULT)
    assert "\n" not in line
    assert line == (
        "FVD 312.5 [300, 324.9] (n = 2048 real, 1024 fake; 16 frames of 64 x 96, stride 2, center "
        "window; features I3D logits, sha256 abababababab; resize bilinear 224 x 224, squash; "
        "range [-1, 1]; float64; neighbors 5; real against real 51.2 where this is 400; "
        "torch 2.13.0)"
    )


def test_every_field_is_protocol_or_free() -> None:
    assert {field.name for field in fields(MetricResult)} == set(CHANGED) | set(FREE)


@pytest.mark.parametrize("field", CHANGED)
def test_results_of_another_protocol_are_not_compared(field: str) -> None:
    other = replace(RESULT, **{"value": 300.0, field: CHANGED[field]})
    match = f"were measured differently.*{field} .* against .*; measure them alike, or call"
    for compare in (
        lambda: RESULT - other,
        lambda: other > RESULT,
        lambda: other > RESULT,
        lambda: RESULT.difference(other),
    ):
        with pytest.raises(ValueError, match=match):
            compare()
    assert RESULT.difference(other, force=True) == pytest.approx(12.46)
    assert len(RESULT.differences(other)) == 1


@pytest.mark.parametrize("field", FREE)
def test_what_was_found_does_not_hinder_a_comparison(field: str) -> None:
    other = replace(RESULT, **{field: FREE[field]})
    assert RESULT - other == RESULT.value - other.value
    assert (other < RESULT) == (RESULT.value > other.value)
    assert (other > RESULT) == (RESULT.value < other.value)


@given(st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.text())
def test_a_result_survives_json(value: float, interval: bool, name: str) -> None:
    result = replace(RESULT, value=value, ci95=(value, value) if interval else None, extractor=name)
    assert MetricResult.from_dict(json.loads(json.dumps(result.as_dict()))) == result


def test_a_result_survives_a_file(tmp_path: Path) -> None:
    RESULT.save(tmp_path / "fvd.json")
    assert MetricResult.load(tmp_path / "fvd.json") == RESULT


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]", "must hold one result, got a list"),
        ("{", "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON: maximum recursion depth"),
        ('{"value": 1}', "missing or unknown: frames, metric, n_fake, n_real, size"),
        (json.dumps({**RESULT.as_dict(), "fid": 1}), "missing or unknown: fid"),
    ],
)
def test_another_file_is_refused(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(DataError, match=message):
        MetricResult.load(tmp_path / "x.json")
    with pytest.raises(DataError, match="cannot be read as JSON"):
        MetricResult.load(tmp_path / "missing.json")

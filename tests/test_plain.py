"""Plain data is read by the rules of YAML 1.2 and JSON, and within bounds."""

import json
import math
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stgan
from stgan._excerpt import brief, excerpt
from stgan.config import dump_yaml, load_yaml, read_plain
from stgan.errors import ConfigError, UnknownNameError

BIG = 2**63
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-BIG, BIG)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    # What one version of YAML or the other takes for something else than text.
    | st.sampled_from(["1e-3", "1E5", "on", "no", "~", "", "0o17", "0x1F", "010", "1_0", ".5",
                       "1:30", ".inf", ".nan", "null", "True", "=", "<<", "2020-01-01", "- a",
                       "*a", "#"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=9) | st.sampled_from(["1e3", "on"]), inner, max_size=4)
    ),
    max_leaves=12,
)  # fmt: skip


@given(plain)
def test_what_is_written_is_read_as_it_was(value: Any) -> None:
    again = load_yaml(dump_yaml(value), "it")
    assert again == value
    assert repr(again) == repr(value)  # 1 is no 1.0, and no true


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001), ("1E5", 1e5), ("-2e+3", -2000.0), (".5e1", 5.0), ("+1.", 1.0),
        ("-.5", -0.5), ("010", 10), ("0o17", 15), ("0x1F", 31), ("-7", -7), ("1e3x", "1e3x"),
        ("1_000", "1_000"),
        ("1:30", "1:30"), ("2020-01-01", "2020-01-01"), ("on", "on"), ("off", "off"),
        ("yes", "yes"), ("No", "No"), ("y", "y"), ("true", True), ("FALSE", False), ("~", None),
        ("null", None),
        ("'1e-3'", "1e-3"), ('"1"', "1"), ("!!str 1", "1"), ("!!float 3", 3.0), (".inf", math.inf),
        ("-.Inf", -math.inf), ("<<", "<<"), ("=", "="), ("e1", "e1"), ("1e", "1e"), (".", "."),
        ("\uff11", "\uff11"),
    ],
)  # fmt: skip
def test_words_are_what_yaml_1_2_says(text: str, value: Any) -> None:
    found = load_yaml(f"key: {text}", "it")["key"]
    assert (found, type(found)) == (value, type(value))


def _nested(levels: int) -> str:
    return "[" * levels + "]" * levels


def _bomb(levels: int, way: str) -> str:
    lines = ["a0: &a0 " + ("{x: y}" if way == "<<" else "[x, x, x, x, x, x, x, x, x]")]
    for level in range(1, levels):
        nine = ", ".join([f"*a{level - 1}"] * 9)
        lines.append(
            f"a{level}: &a{level} " + (f"{{<<: [{nine}]}}" if way == "<<" else f"[{nine}]")
        )
    return "\n".join(lines)


HOSTILE = {
    "aliases": (_bomb(12, "[]"), "must hold at most 20000 values"),
    "merges": (_bomb(12, "<<"), "must hold at most 20000 values"),
    "itself": ("&a [1, *a]", "nested at most 50 levels deep and not hold itself"),
    "itself, in a mapping": ("&a {b: {c: *a}}", "nested at most 50 levels deep"),
    "itself, as a key": ("&a {? *a : 1}", "must have texts for keys"),
    "deep": (_nested(3000), "nested at most 50 levels deep"),
    "deep, open": ("[" * 100_000, "nested at most 50 levels deep"),
    "deep, in a block": ("- " * 3000 + "x", "nested at most 50 levels deep"),
    "deep, in keys": ("? " * 3000 + "x", "nested at most 50 levels deep"),
    "deep, in pairs": ("{a: " * 3000, "nested at most 50 levels deep"),
    "long": ("x: [" + "1, " * 30_000 + "1]", "must hold at most 20000 values"),
    "large": ("# " + "x" * 300_000, "at most 256 KiB"),
    "a long text": ("x: " + "y" * 5000, "texts of at most 4096 characters, got one of 5000: 'yyy"),
    "a long key": ("? " + "y" * 5000 + "\n: x", "texts of at most 4096 characters"),
    "a long number": ("x: " + "9" * 30, "whole numbers of at most 64 bits, got one of 100"),
    "a very long number": ("x: " + "9" * 5000, "is no valid YAML: Exceeds the limit"),
    "a long hexadecimal": ("x: 0x" + "f" * 4000, "whole numbers of at most 64 bits"),
    "a huge float": ("x: 1e999", "numbers that a float can hold, got '1e999'"),
    "no number": ("x: .nan", "must have numbers for settings, got .nan"),
    "a key twice": ("a: 1\nb: 2\n'a': 3", "sets 'a' twice; leave out one"),
    "a number as a key": ("1: a\n0x1: b", "must have texts for keys, got 1"),
    "a program": ("x: !!python/object/apply:os.system [ls]", "is no plain data"),
    "a long tag, many times": (
        "%TAG !e! tag:" + "y" * 100_000 + "\n---\n[" + "!e!a 1, " * 9000,
        "is no plain data",  # told at the first, before the end that is missing
    ),
    "a tag without its home": ("x: !<int> 1", "'int' is no plain data"),
    "another tag": ("x: !strange 1", "is no valid YAML, line 1, column 4: '!strange' is no plain"),
    "bytes": ("x: !!binary aGVsbG8=", "is no plain data"),
    "a date": ("x: !!timestamp 2020-01-01", "is no plain data"),
    "a wrong tag": ("x: !!int word", "no int: 'word'"),
    "a wrong kind": ("x: !!map [1]", "no mapping"),
    "an unknown alias": ("x: *" + "y" * 3000, "found undefined alias"),
    "an anchor twice": ("[&a 1, &a 2]", "found duplicate anchor"),
    "two documents": ("a: 1\n---\nb: 2", "found another document"),
    "a control character": ("x: \x1b[31m", "unacceptable character #x001b"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_goes_beyond_is_refused_in_a_line(case: str, tmp_path: Path) -> None:
    text, told = HOSTILE[case]
    path = tmp_path / "part.yaml"
    path.write_text(text, encoding="utf-8")
    for read in (lambda: load_yaml(text, "it"), lambda: stgan.build(path)):
        before = time.process_time()
        with pytest.raises(ConfigError) as caught:
            read()
        assert told in str(caught.value)
        assert len(str(caught.value)) < 400 + len(str(path))
        assert "\n" not in str(caught.value)
        assert time.process_time() - before < 5  # seconds, on a machine under load


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[" * 100_000, "nested at most 50 levels deep"),
        (_nested(60), "nested at most 50 levels deep"),
        (json.dumps([1] * 30_000), "must hold at most 20000 values"),
        (json.dumps("x" * 5000), "texts of at most 4096 characters"),
        (json.dumps({"x" * 5000: 1}), "texts of at most 4096 characters"),
        ('{"a": 1, "a": 2}', "sets 'a' twice"),
        ('{"a": NaN}', "must have numbers for settings, got NaN"),
        ('{"a": 1e999}', "numbers that a float can hold, got '1e999'"),
        ('{"a": ' + "9" * 5000 + "}", "is no valid JSON: Exceeds the limit"),
        (" " * 300_000, "at most 256 KiB"),
        ("'a'", "is no valid JSON: Expecting value"),
    ],
)
def test_json_has_the_same_bounds(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "part.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        stgan.build(path)
    assert told in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(path))


def test_infinity_is_a_number_in_both(tmp_path: Path) -> None:
    path = tmp_path / "part.json"
    path.write_text(json.dumps({"a": [math.inf, -math.inf]}), encoding="utf-8")
    assert read_plain(path) == {"a": [math.inf, -math.inf]}


def test_a_structure_in_memory_has_the_bounds_of_a_file() -> None:
    itself: dict[str, Any] = {"kind": "layers", "name": "conv_1p2d"}
    itself["act"] = itself
    many: list[Any] = ["x"] * 9
    for _ in range(6):
        many = [many] * 9
    for value in (itself["act"], many, [0] * 30_000, "x" * 10**6, 10**5000):
        config = (
            itself if value is itself else {"kind": "layers", "name": "conv_1p2d", "act": value}
        )
        with pytest.raises(ConfigError, match=r"^a configuration must ") as caught:
            stgan.build(config)
        assert len(str(caught.value)) < 300


CONV = {"kind": "layers", "name": "conv_1p2d", "in_channels": 3, "out_channels": 4,
        "kernel_size": 3}  # fmt: skip
LONG, ROW = "x\x1b" * 1000, [7] * 9000


@pytest.mark.parametrize(
    "config",
    [
        [LONG], ROW, {"a": LONG}, {"kind": LONG}, {"kind": ROW}, {"kind": "layers", "name": LONG},
        {"kind": "layers", "name": ROW}, {**CONV, LONG: 1}, {**CONV, "kernel_size": LONG},
        {**CONV, "kernel_size": ROW}, {**CONV, "in_channels": ROW}, {**CONV, "padding": ROW},
        {**CONV, "mid_channels": LONG}, {**CONV, "mid_channels": ROW}, {**CONV, "act": LONG},
        {**CONV, "act": {"factory": LONG}}, {**CONV, "act": {"factory": ROW}},
        {**CONV, "act": {"factory": f"layers/{LONG}"}}, {**CONV, "act": {"type": LONG}},
        {**CONV, "act": {"factory": "torch.nn.ReLU", "args": LONG}},
        {**CONV, "act": {"factory": "torch.nn.ReLU", LONG: 1}},
        {**CONV, "act": {LONG: {"kind": "x"}}},
        {"kind": "losses", "name": "perceptual", "features": LONG},
        {"kind": "losses", "name": "ssim_2d", "reduction": LONG},
        {"kind": "features", "name": "motion", "weights": LONG},
        {"kind": "features", "name": "torchvision", "model": LONG},
        {"kind": "augmentations", "name": "kornia", "transforms": {LONG: {}}},
        {"kind": "discriminators", "name": "video", "input_size": ROW},
    ],
    ids=range(28),
)  # fmt: skip
def test_errors_show_an_excerpt(config: Any) -> None:
    """Of what a stranger wrote, in one line without control characters."""
    with pytest.raises((ConfigError, UnknownNameError)) as caught:
        stgan.build(config)
    told = str(caught.value)
    assert told.isprintable(), told
    assert told.count("x") < 400, told
    assert told.count("7") < 200, told


def test_words_for_errors_are_short_and_printable() -> None:
    class Rude:
        def __repr__(self) -> str:
            raise ValueError

    for value in ("x" * 10**6, [[["x"] * 99] * 99] * 99, dict.fromkeys(range(999), "y" * 99),
                  10**4000, b"z" * 999, Rude(), "\x1b[31m\n\u202e"):  # fmt: skip
        assert len(excerpt(value)) <= 120
        assert excerpt(value).isprintable()
    assert excerpt("a b") == "'a b'"
    assert brief("one\n  two\t\x1b" + "z" * 99, 19) == r"one two ...zzzzzzzz"
    assert len(brief("\x1b" * 10**6, 100)) <= 400


@pytest.mark.shared
def test_the_cases_of_others(shared_folder: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"alias_bomb.yaml must hold at most 20000 values"
    ) as caught:
        stgan.build(shared_folder / "cases" / "alias_bomb.yaml")
    assert "\n" not in str(caught.value)
    loss = stgan.build(shared_folder / "cases" / "exponent.yaml")
    assert (loss.eps, type(loss.eps)) == (0.001, float)

"""Errors print what a terminal can be given, whatever names stand in them."""

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stgan import errors
from stgan.errors import printable

KINDS = [getattr(errors, name) for name in errors.__all__ if name.endswith("Error")]


@given(st.text())
def test_what_is_printable_stays_and_the_rest_is_told_as_python_writes_it(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    shown.encode("utf-8")  # also what is half of a character
    assert printable(shown) == shown
    if text.isprintable():
        assert shown == text
    elif "\\" not in text:
        assert shown.encode("latin-1", "backslashreplace").decode("unicode_escape") == text


@given(st.text(max_size=40), st.integers(3, 50))
def test_a_long_text_keeps_both_ends(text: str, longest: int) -> None:
    text = text + "." * 10
    shown = printable("a" + text + "z", longest)
    if len(text) + 2 <= longest:
        assert shown == printable("a" + text + "z")
    else:
        assert len(printable("a" * 99, longest)) <= longest
        assert "..." in shown


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_prints_nothing_that_a_terminal_obeys(kind: type[Exception]) -> None:
    error = kind("class \x1b[31mred\x07 \udcff of 波 $x$\nnext \u202eline")
    for each in (error, copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert str(each) == "class \\x1b[31mred\\x07 \\udcff of 波 $x$\nnext \\u202eline"
        assert each.args == error.args
    assert len(str(kind("a" * 10**6))) <= 4000
    assert str(kind()) == ""

"""Every work that a part names as its source is in the bibliography, and nothing else is."""

import ast
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from stgan.registry import REGISTRIES

ROOT = Path(__file__).resolve().parents[1]
BIBLIOGRAPHY = (ROOT / "docs" / "references.bib").read_text(encoding="utf-8")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")


def _plain(text: str) -> str:
    """Lower case without accents, in Unicode or as TeX writes them."""
    text = re.sub(r"\\[\"'`^~]|[{}]", "", re.sub(r"\{\\o\}|ø", "o", text))
    letters = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).lower()


@cache
def _entries() -> dict[str, dict[str, str]]:
    found = {}
    for key, body in re.findall(r"@\w+\{(\w+),\n(.*?)\n\}\n", BIBLIOGRAPHY, re.DOTALL):
        fields = re.findall(r"^  (\w+) = \{(.*)\},$", body, re.MULTILINE)
        found[key] = {name: _plain(value) for name, value in fields}
    return found


def _names(key: str) -> tuple[str, str]:
    """What a work is called: by its first author, or by the short name at the end of its key."""
    return _entries()[key]["author"].split(",")[0], re.sub(r"^\D+\d{4}", "", key)


def _works(text: str) -> Iterator[tuple[str, str]]:
    """Works in a list of references: what stands before a year, and the year."""
    text, start = _plain(" ".join(text.split())), 0
    for year in _YEAR.finditer(text):
        yield text[start : year.start()], year[0]
        start = year.end()


def _keys(words: str, year: str) -> list[str]:
    """Works of a year that the words before it may mean: by name, and by venue if given."""
    *_, last = re.findall(r"\w+", words.replace("nips", "neurips")) or [""]
    places = {fields.get("booktitle", "").split(",")[0] for fields in _entries().values()}
    return [
        key
        for key, fields in _entries().items()
        if fields["year"] == year
        and (last not in places or fields.get("booktitle", "").startswith(last))
        and any(re.search(rf"\b{re.escape(name)}\b", words) for name in _names(key))
    ]


@cache
def _named() -> dict[str, str]:
    """Lists of references by the place where they stand."""
    found = {}
    for kind, registry in REGISTRIES.items():
        for name in registry:
            found[f"{kind}/{name}"] = registry.info(name).source
    for path in sorted((ROOT / "stgan").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node) or ""
                for references in re.findall(r"^References:\n((?:    .*\n?)+)", text, re.MULTILINE):
                    place = f"{path.relative_to(ROOT)}: {getattr(node, 'name', 'module')}"
                    found[place] = references
    return found


def test_references_are_found_where_they_stand() -> None:
    places = _named()
    assert len(places) > 300
    assert "Jaderberg" in places["stgan/functional/warp.py: warp_affine"]
    assert [year for _, year in _works("A and B, Title, 2017, arXiv 1705.02894; C, ICLR 2019")] == [
        "2017", "2019",
    ]  # fmt: skip
    assert _keys("sonderby et al., ", "2017") == ["sonderby2017amortised"]
    assert _keys("nobody et al., ", "2017") == []
    assert _keys("arjovsky et al., ", "2017") != _keys("arjovsky et al., iclr", "2017")


def test_every_work_that_is_named_is_in_the_bibliography() -> None:
    missing = {
        f"{place}: {words.strip(' ,;.')} {year}"
        for place, text in _named().items()
        for words, year in _works(text)
        if not _keys(words, year)
    }
    assert not missing, "\n".join(sorted(missing))


def test_every_work_in_the_bibliography_is_named() -> None:
    used = {key for text in _named().values() for work in _works(text) for key in _keys(*work)}
    pages = "".join(
        _plain(path.read_text(encoding="utf-8"))
        for folder in ("docs", "stgan", "examples")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".md", ".rst", ".py")
    )
    unused = {
        key
        for key in _entries().keys() - used
        if not any(re.search(rf"\b{re.escape(name)}\b", pages) for name in _names(key))
    }
    assert not unused


def test_cited_keys_are_in_the_bibliography() -> None:
    cited = {
        key.strip()
        for folder in ("docs", "stgan", "examples")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".md", ".rst", ".py")
        for keys in re.findall(r"[:{]cite(?::\w+)?[:}]`([^`]+)`", path.read_text(encoding="utf-8"))
        for key in keys.split(",")
    }
    assert cited <= _entries().keys()


@pytest.mark.parametrize("key", _entries())
def test_an_entry_has_its_fields_and_a_section_of_the_page(key: str) -> None:
    fields = _entries()[key]
    assert {"author", "title", "year", "keywords"} <= fields.keys()
    assert fields.keys() & {"booktitle", "journal", "publisher", "eprint", "url"}
    assert re.match(rf"\D+{fields['year']}\w+$", key)
    page = (ROOT / "docs" / "references.md").read_text(encoding="utf-8")
    assert f'keywords % "{fields["keywords"]}"' in page


def test_entries_are_sorted_and_all_are_read() -> None:
    keys = re.findall(r"^@\w+\{(\w+),", BIBLIOGRAPHY, re.MULTILINE)
    assert keys == sorted(keys)
    assert keys == [*_entries()]

"""Every registered entry keeps its contract, and the support matrix says so."""

from pathlib import Path

import pytest

from stgan.testing import CHECKS, check_entry
from stgan.testing._support import entries, read_support

MATRIX = Path(__file__).resolve().parent.parent / "docs" / "support.json"
RENEW = "renew it with: python -m stgan.testing --out docs/support.json"
ENTRIES = list(entries())


@pytest.mark.parametrize(("kind", "name"), ENTRIES, ids=["/".join(entry) for entry in ENTRIES])
def test_every_entry_keeps_its_contract_and_the_matrix_says_the_same(kind: str, name: str) -> None:
    results = check_entry(kind, name)
    assert list(results) == list(CHECKS)
    row = read_support(MATRIX)["entries"].get(f"{kind}/{name}")
    assert row == results, f"docs/support.json is not what {kind}/{name} can do; {RENEW}"


def test_the_matrix_has_no_row_of_what_is_not_registered() -> None:
    rows = list(read_support(MATRIX)["entries"])
    assert rows == [f"{kind}/{name}" for kind, name in ENTRIES], RENEW

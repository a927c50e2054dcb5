"""What is told about the entry that a test registered."""

from collections.abc import Callable

import pytest

from stgan.testing import ContractError, check_entry

# Kind, class and example.
Register = Callable[..., None]


def broken_entry(kind: str = "layers") -> dict[str, str]:
    with pytest.raises(ContractError) as caught:
        check_entry(kind, "own")
    assert str(caught.value).startswith(f"{kind}/own breaks its contract:\n  ")
    return caught.value.failures

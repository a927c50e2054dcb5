"""Names that every docstring example may use without an import of its own."""

from typing import Any

import pytest
import torch
from torch import nn


@pytest.fixture(autouse=True)
def _doctest_names(doctest_namespace: dict[str, Any]) -> None:
    doctest_namespace.update(torch=torch, nn=nn)
    torch.manual_seed(0)  # what an example shows must not depend on those before it

"""Contract checks and Hypothesis strategies, for the parts of stgan and for your own.

:func:`check_module` asks of any module what every registered part of stgan satisfies;
:func:`check_entry` asks it of a registered entry. The strategies draw inputs for tests of laws.
They need Hypothesis: ``pip install 'stgan[testing]'``.
"""

try:
    import hypothesis as _hypothesis  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "stgan.testing needs Hypothesis; pip install 'stgan[testing]'"
    ) from error

from stgan.testing.contracts import CHECKS, ContractError, check_entry, check_module
from stgan.testing.strategies import (
    Geometry,
    conv_geometries,
    example_inputs,
    images,
    labels,
    logits,
    videos,
)

__all__ = [
    "CHECKS",
    "ContractError",
    "Geometry",
    "check_entry",
    "check_module",
    "conv_geometries",
    "example_inputs",
    "images",
    "labels",
    "logits",
    "videos",
]

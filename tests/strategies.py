"""The strategies of `stgan.testing`, and two that only these tests need."""

from hypothesis import strategies as st
from torch import Tensor

from stgan.testing import Geometry, conv_geometries, labels, videos

__all__ = [
    "SEEDS",
    "Geometry",
    "conv_geometries",
    "label_batches",
    "videos",
]

SEEDS = st.integers(0, 2**32 - 1)


def label_batches(*, batch: int, num_classes: int) -> st.SearchStrategy[Tensor]:
    """Class indices ``(N,)``."""
    return labels(batch=batch, num_classes=num_classes)

"""Labels as discriminators take them."""

from torch import Tensor

from stgan._checks import check_layout
from stgan.functional.one_hot import as_label, one_hot_label

__all__ = ["label_rows"]


def label_rows(label: Tensor | None, num_classes: int, x: Tensor) -> Tensor | None:
    """Return the label as rows, ``None`` where there are no classes; refuse all else.

    Args:
        label: ``(N,)`` integers or ``(N, K)`` rows.
        num_classes: K; 0 for no label.
        x: ``(N, ...)``, what the label belongs to.
    """
    if label is None and num_classes:
        raise ValueError(f"this discriminator was built for {num_classes} classes; pass label")
    if label is None:
        return None
    if not num_classes:
        raise ValueError("this discriminator was built without classes; do not pass label")
    rows = one_hot_label(as_label(label, x.device), num_classes, dtype=x.dtype)
    check_layout(rows, "N K", name="label, as rows,", N=x.shape[0])
    return rows

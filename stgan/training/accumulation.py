"""A batch in parts, for gradients of a batch that is larger than the memory."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from stgan._checks import check_positive

__all__ = ["split_batch"]


def split_batch(batch: Mapping[str, Any], parts: int) -> Iterator[dict[str, Any]]:
    """Cut a batch into parts of one size, to accumulate the gradients of its mean loss.

    With losses that are means over the batch, ::

        optimizer.zero_grad()
        for part in split_batch(batch, parts):
            (loss(part) / parts).backward()
        optimizer.step()

    steps as one backward pass of the whole batch does, up to rounding. That does not hold for what
    compares the samples of a batch: batch normalization, minibatch statistics and relativistic
    average losses see a part each.

    Args:
        batch: Tensors by name, all with one first axis; anything else goes into every part.
        parts: How many.

    Raises:
        ValueError: If the batch cannot be cut evenly, or its tensors differ in their first axis.

    Example:
        >>> batch = {"video": torch.arange(6), "label": torch.zeros(6)}
        >>> [part["video"].tolist() for part in split_batch(batch, 2)]
        [[0, 1, 2], [3, 4, 5]]
    """
    check_positive(parts, "parts")
    sizes = {name: len(value) for name, value in batch.items() if isinstance(value, Tensor)}
    if len(set(sizes.values())) != 1:
        raise ValueError(f"the tensors of a batch must have one first axis, got sizes {sizes}")
    size = next(iter(sizes.values()))
    if size % parts:
        raise ValueError(f"a batch of {size} cannot be cut into {parts} parts of one size")
    share = size // parts
    return (
        {
            name: value[place : place + share] if name in sizes else value
            for name, value in batch.items()
        }
        for place in range(0, size, share)
    )

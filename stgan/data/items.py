"""What an item of a data set holds, and how its random choices are numbered."""

import hashlib
import operator
from typing import TypeAlias, TypedDict

import torch
from torch import Tensor

__all__ = ["Index", "Item", "numbered_generator", "split_index", "stable_seed"]

#: Number of an item, or ``(number, draw)``: the same item with its random choices made anew.
Index: TypeAlias = int | tuple[int, int]


class Item(TypedDict):
    """One training example; the default collation of torch makes a batch of it.

    Attributes:
        video: ``(3, T, H, W)``, float in [-1, 1].
        image: ``(3, H, W)``, float in [-1, 1]: the conditioning image.
        label: Number of the class.
    """

    video: Tensor
    image: Tensor
    label: int


def stable_seed(*numbers: int) -> int:
    """Hash integers to a seed of 63 bits, the same on every machine and in every process.

    Sums such as ``seed + index`` give neighboring data sets the same items; a hash does not.

    Args:
        *numbers: Any integers; their order and count matter.

    Example:
        >>> stable_seed(0, 1) == stable_seed(0, 1), stable_seed(0, 1) == stable_seed(1, 0)
        (True, False)
    """
    text = ",".join(str(operator.index(number)) for number in numbers)
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def numbered_generator(*numbers: int) -> torch.Generator:
    """Return a CPU generator seeded by ``stable_seed``.

    Args:
        *numbers: Any integers, such as the seed of a data set, an item and a draw.

    Example:
        >>> a, b = numbered_generator(0, 7), numbered_generator(0, 7)
        >>> bool(torch.rand((), generator=a) == torch.rand((), generator=b))
        True
    """
    return torch.Generator().manual_seed(stable_seed(*numbers))


def split_index(index: Index, length: int) -> tuple[int, int]:
    """Return ``(number, draw)`` of an index; a plain number means draw 0.

    Args:
        index: A number or ``(number, draw)``; negative numbers count from the end.
        length: Number of items.

    Raises:
        IndexError: If the number is out of range.

    Example:
        >>> split_index(-1, 10), split_index((3, 2), 10)
        ((9, 0), (3, 2))
    """
    number, draw = index if isinstance(index, tuple) else (index, 0)
    number, draw = operator.index(number), operator.index(draw)
    if not -length <= number < length:
        raise IndexError(f"index must be below the {length} items of the data set, got {number}")
    return number % length, draw

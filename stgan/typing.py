"""Names for the argument types that many signatures share."""

from collections.abc import Callable
from typing import Literal, TypeAlias, TypeVar

from torch import nn

__all__ = ["Act", "MidChannels", "Norm", "Reduction", "Size2", "Size3"]

#: One number for both sides, or ``(height, width)``.
Size2: TypeAlias = int | tuple[int, int]
#: One number for all axes, or ``(time, height, width)``.
Size3: TypeAlias = int | tuple[int, int, int]
# The one or the other, in a class that is written for both.
Size = TypeVar("Size", bound=Size2 | Size3)
#: Called with a number of channels, returns the normalization; ``None`` for none.
Norm: TypeAlias = Callable[[int], nn.Module] | None
#: Called without arguments, returns the activation; ``None`` for none.
Act: TypeAlias = Callable[[], nn.Module] | None
#: Width between the two steps of a factorized convolution, or the rule that gives it.
MidChannels: TypeAlias = int | Literal["out", "match", "released"]
#: How per-sample values become the returned one, as in torch.
Reduction: TypeAlias = Literal["mean", "sum", "none"]

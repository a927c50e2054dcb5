"""Power iteration, also within compiled programs."""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["power_iteration", "power_iteration_"]


@torch.no_grad()
def power_iteration_(matrix: Tensor, u: Tensor, v: Tensor, times: int, eps: float) -> None:
    """Move :math:`u` and :math:`v` in place, without derivatives.

    Args:
        matrix: ``(rows, columns)``.
        u: ``(rows,)``, where to begin.
        v: ``(columns,)``.
        times: How many iterations.
        eps: Smallest norm to divide by.
    """
    for _ in range(times):
        F.normalize(matrix.mT @ u, dim=0, eps=eps, out=v)
        F.normalize(matrix @ v, dim=0, eps=eps, out=u)


# One operator for the compiler. If it saw through, it would compute the vectors in the memory of
# the buffers that they are copied to, and keep these for the backward pass: a second use of the
# weight before that would change them.
@torch.library.custom_op("stgan::power_iteration", mutates_args=())
def power_iteration(
    matrix: Tensor, u: Tensor, v: Tensor, times: int, eps: float
) -> tuple[Tensor, Tensor]:
    """Return moved copies of both vectors."""
    u, v = u.clone(), v.clone()
    power_iteration_(matrix, u, v, times, eps)
    return u, v


@power_iteration.register_fake
def _shapes(matrix: Tensor, u: Tensor, v: Tensor, times: int, eps: float) -> tuple[Tensor, Tensor]:
    return torch.empty_like(u), torch.empty_like(v)

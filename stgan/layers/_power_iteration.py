"""Power iteration, also within compiled programs."""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["power_iteration"]


def power_iteration(matrix: Tensor, u: Tensor, times: int, eps: float) -> tuple[Tensor, Tensor]:
    r"""Return :math:`u, v` after some iterations, without derivatives.

    Args:
        matrix: ``(rows, columns)``.
        u: ``(rows,)``, where to begin; stays as it is.
        times: How many; one at least.
        eps: Smallest norm to divide by.
    """
    with torch.no_grad():
        return (_opaque if torch.compiler.is_compiling() else _iterate)(matrix, u, times, eps)


def _iterate(matrix: Tensor, u: Tensor, times: int, eps: float) -> tuple[Tensor, Tensor]:
    for _ in range(times):
        v = F.normalize(matrix.mT @ u, dim=0, eps=eps)
        u = F.normalize(matrix @ v, dim=0, eps=eps)
    return u, v


# One operator for the compiler. If it saw through, it would compute the vectors in the memory of
# the buffers that they are copied to, and keep these for the backward pass: a second use of the
# weight before that would change them.
_opaque = torch.library.custom_op("stgan::power_iteration", _iterate, mutates_args=())


@_opaque.register_fake
def _shapes(matrix: Tensor, u: Tensor, times: int, eps: float) -> tuple[Tensor, Tensor]:
    return torch.empty_like(u), matrix.new_empty(matrix.shape[1])

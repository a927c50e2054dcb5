"""Spectral normalization in the order of the paper, as a parametrization."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from stgan._checks import check_positive
from stgan._factories import check_module
from stgan.functional._precision import without_autocast
from stgan.layers._power_iteration import power_iteration, power_iteration_
from stgan.layers._spectral_division import as_matrix, divide_by_sigma

__all__ = ["SpectralNorm", "spectral_norm"]


class SpectralNorm(nn.Module):
    r"""Divide a weight by its largest singular value, estimated by power iteration.

    One iteration is :math:`v \leftarrow W^\top u / \|W^\top u\|`, then
    :math:`u \leftarrow W v / \|W v\|`, and :math:`\sigma = u^\top W v`, with :math:`W` the weight
    as a matrix of ``(C_out, everything else)``. In training mode every use of the weight iterates;
    in evaluation mode the vectors stay.

    The rows are the channels of the output wherever they stand: first in the weight of a linear map
    or a convolution, second in that of a transposed one, ``(C_in, C_out / groups, ...)``. There,
    with groups, the row of a channel holds the weights from the ``C_in / groups`` channels of its
    group, as it does in a grouped convolution. A depthwise kernel is then a matrix of one row for
    every channel, in both.

    Args:
        weight: The weight to begin with; it must be initialized already.
        num_iterations: Power iterations in each use.
        eps: Smallest norm to divide by.
        axis: Where the channels of the output stand in the weight: 0, or 1 for a transposed
            convolution.
        groups: Of a transposed convolution; 1 where the channels of the output come first.

    Raises:
        ValueError: If the axis is neither 0 nor 1, or there are groups with axis 0.

    Example:
        >>> weight = torch.diag(torch.tensor([5.0, 1.0, 1.0]))
        >>> SpectralNorm(weight).eval()(weight).diag()
        tensor([1.0000, 0.2000, 0.2000])

    Differs from the source:
        torch's own parametrization updates ``u`` before ``v``. Vectors of published checkpoints,
        which follow the paper, would be half an iteration off there. It also
        takes the weight of a grouped transposed convolution for a matrix of ``C_out / groups``
        rows, which mixes channels of different groups.

    References:
        Miyato et al., Spectral Normalization for GANs, ICLR 2018, algorithm 1.
    """

    _u: Tensor
    _v: Tensor

    def __init__(
        self,
        weight: Tensor,
        num_iterations: int = 1,
        eps: float = 1e-12,
        *,
        axis: int = 0,
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.num_iterations = check_positive(num_iterations, "num_iterations")
        self.eps = eps
        if axis not in (0, 1):
            raise ValueError(f"axis must be 0 or 1, got {axis}")
        self.axis = axis
        self.groups = check_positive(groups, "groups")
        if axis == 0 and groups > 1:
            raise ValueError(
                f"groups matter only for axis 1, where a weight holds the channels of one group; "
                f"leave groups at 1, got {groups}"
            )
        matrix = self._matrix(weight.detach())
        self.register_buffer("_u", F.normalize(torch.randn_like(matrix[:, 0]), dim=0, eps=eps))
        self.register_buffer("_v", F.normalize(torch.randn_like(matrix[0]), dim=0, eps=eps))
        # Evaluation before any training step must find a sensible sigma: from random vectors
        # alone it may even be negative.
        self._iterate(matrix, 15)

    def _matrix(self, weight: Tensor) -> Tensor:
        return as_matrix(weight, self.axis, self.groups)

    @torch.no_grad()
    def _iterate(self, matrix: Tensor, times: int) -> tuple[Tensor, Tensor]:
        """Move the vectors, and return copies: the next use moves them again."""
        if torch.compiler.is_compiling():
            u, v = power_iteration(matrix, self._u, self._v, times, self.eps)
            self._u.copy_(u)
            self._v.copy_(v)
            return u, v
        power_iteration_(matrix, self._u, self._v, times, self.eps)
        return self._u.clone(), self._v.clone()

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weight divided by its estimated largest singular value."""
        with without_autocast(weight):
            if self.training:
                u, v = self._iterate(self._matrix(weight), self.num_iterations)
            else:  # copies, since training may move them before the backward pass
                u, v = self._u.clone(), self._v.clone()
            return divide_by_sigma(weight, u, v, axis=self.axis, groups=self.groups)

    def right_inverse(self, weight: Tensor) -> Tensor:
        """Assigning a weight stores it as it is."""
        return weight


def spectral_norm(module: nn.Module, name: str = "weight", num_iterations: int = 1) -> nn.Module:
    """Wrap a parameter of a layer with :class:`SpectralNorm`.

    Args:
        module: A convolution, forward or transposed, or a linear map, already initialized; another
            layer if its parameter has the channels of the output first.
        name: Which parameter.
        num_iterations: Power iterations in each use in training mode.

    Returns:
        The same module. torch can store it by its state dict, but not pickle it whole.

    Example:
        >>> layer = spectral_norm(nn.ConvTranspose3d(4, 2, 3)).eval()
        >>> matrix = layer.weight.transpose(0, 1).flatten(1)
        >>> round(torch.linalg.matrix_norm(matrix, ord=2).item(), 1)
        1.0
    """
    check_module(module, "module")
    if isinstance(module, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d):
        axis, groups = 1, module.groups
    else:
        axis, groups = 0, 1
    norm = SpectralNorm(getattr(module, name), num_iterations, axis=axis, groups=groups)
    parametrize.register_parametrization(module, name, norm)
    return module

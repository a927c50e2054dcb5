"""Spectral normalization in the order of the paper, as a parametrization."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from stgan._checks import check_positive

__all__ = ["SpectralNorm", "spectral_norm"]


class SpectralNorm(nn.Module):
    r"""Divide a weight by its largest singular value, estimated by power iteration.

    One iteration is :math:`v \leftarrow W^\top u / \|W^\top u\|`, then
    :math:`u \leftarrow W v / \|W v\|`, and :math:`\sigma = u^\top W v`, with :math:`W` the weight
    as a matrix of ``(C_out, everything else)``. In training mode every use of the weight iterates;
    in evaluation mode the vectors stay.

    Args:
        weight: The weight to begin with; it must be initialized already.
        num_iterations: Power iterations in each use.
        eps: Smallest norm to divide by.

    Example:
        >>> weight = torch.diag(torch.tensor([5.0, 1.0, 1.0]))
        >>> SpectralNorm(weight).eval()(weight).diag()
        tensor([1.0000, 0.2000, 0.2000])

    Differs from the source:
        torch's own parametrization updates ``u`` before ``v``. Vectors of published checkpoints,
        which follow the paper, would be half an iteration off there.

    References:
        Miyato et al., Spectral Normalization for GANs, ICLR 2018, algorithm 1.
    """

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, num_iterations: int = 1, eps: float = 1e-12) -> None:
        super().__init__()
        self.num_iterations = check_positive(num_iterations, "num_iterations")
        self.eps = eps
        matrix = weight.detach().flatten(1)
        self.register_buffer("_u", F.normalize(torch.randn_like(matrix[:, 0]), dim=0, eps=eps))
        self.register_buffer("_v", F.normalize(torch.randn_like(matrix[0]), dim=0, eps=eps))
        # Evaluation before any training step must find a sensible sigma: from random vectors
        # alone it may even be negative.
        self._iterate(matrix, 15)

    @torch.no_grad()
    def _iterate(self, matrix: Tensor, times: int) -> None:
        for _ in range(times):
            F.normalize(matrix.mT @ self._u, dim=0, eps=self.eps, out=self._v)
            F.normalize(matrix @ self._v, dim=0, eps=self.eps, out=self._u)

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weight divided by its estimated largest singular value."""
        # Under autocast the products would be rounded to 16 bits, and sigma with them.
        with torch.autocast(weight.device.type, enabled=False):
            matrix = weight.flatten(1)
            if self.training:
                self._iterate(matrix, self.num_iterations)
            # Copies, since a second use before the backward pass changes the buffers in place.
            u, v = self._u.clone(), self._v.clone()
            return weight / torch.dot(u, matrix @ v)

    def right_inverse(self, weight: Tensor) -> Tensor:
        """Assigning a weight stores it as it is."""
        return weight


def spectral_norm(module: nn.Module, name: str = "weight", num_iterations: int = 1) -> nn.Module:
    """Wrap a parameter of a layer with :class:`SpectralNorm`.

    Args:
        module: A layer whose weight has its output channels first: a convolution or a linear map,
            already initialized.
        name: Which parameter.
        num_iterations: Power iterations in each use in training mode.

    Returns:
        The same module.

    Raises:
        TypeError: If the module is a transposed convolution, whose output channels come second.

    Example:
        >>> layer = spectral_norm(nn.Linear(4, 2))
        >>> layer.weight.shape
        torch.Size([2, 4])
    """
    if isinstance(module, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d):
        raise TypeError(
            f"spectral_norm needs output channels first, which {type(module).__name__} does not "
            f"have; wrap it with torch.nn.utils.parametrizations.spectral_norm"
        )
    parametrize.register_parametrization(
        module, name, SpectralNorm(getattr(module, name), num_iterations)
    )
    return module

"""Penalties on weights, and their projection onto a bound."""

import torch
from einops import rearrange
from torch import Tensor

from stgan.errors import ShapeError
from stgan.functional._precision import full_precision, without_autocast

__all__ = ["clip_singular_values", "orthogonal_penalty"]


def orthogonal_penalty(weight: Tensor, *, axis: int = 0, groups: int = 1) -> Tensor:
    r"""Sum of the squared products of different filters of a weight.

    .. math:: \bigl\| W W^\top \odot (\mathbf 1 - I) \bigr\|_F^2,

    where a row of :math:`W` is the filter of one output channel. Norms of filters are free.

    Args:
        weight: Of a linear map or a convolution, ``(C_out, C_in, ...)``; of a transposed one,
            ``(C_in, C_out / groups, ...)``.
        axis: Where the channels of the output stand: 0, or 1 for a transposed convolution.
        groups: Of a transposed convolution; 1 where the channels of the output come first.

    Returns:
        A scalar.

    Raises:
        ShapeError: If the weight has fewer than two axes.
        ValueError: If the axis is neither 0 nor 1, or there are groups with axis 0.

    Example:
        >>> orthogonal_penalty(torch.tensor([[1.0, 0.0], [2.0, 3.0]]))
        tensor(8.)
        >>> orthogonal_penalty(torch.diag(torch.tensor([1.0, 5.0])))
        tensor(0.)

    Differs from the source:
        The source writes filters as columns, :math:`W^\top W`; its weight :math:`\beta` is left to
        the caller.

    References:
        Brock, Donahue and Simonyan, Large Scale GAN Training for High Fidelity Natural Image
        Synthesis, ICLR 2019, equation 3.
    """
    with without_autocast(weight):
        filters = _matrix(full_precision(weight), axis, groups)
        products = filters @ filters.mT
        return (products - torch.diag(products.diagonal())).square().sum()


@torch.no_grad()
def clip_singular_values(
    weight: Tensor, *, max_value: float = 1.0, axis: int = 0, groups: int = 1
) -> Tensor:
    r"""Bring the singular values of a weight down to a bound.

    .. math:: W = U S V^\top \;\mapsto\; U \min(S, m) V^\top

    A weight without larger ones comes back bit for bit. No gradient is recorded: this is a
    projection after a step of the optimizer, not a penalty.

    Args:
        weight: Of a linear map or a convolution, ``(C_out, C_in, ...)``, seen as a matrix of
            ``(C_out, everything else)``; of a transposed one, ``(C_in, C_out / groups, ...)``.
        max_value: The bound :math:`m`.
        axis: Where the channels of the output stand: 0, or 1 for a transposed convolution.
        groups: Of a transposed convolution; 1 where the channels of the output come first.

    Returns:
        The shape and type of the weight.

    Raises:
        ShapeError: If the weight has fewer than two axes.
        ValueError: If the bound is not positive, the axis is neither 0 nor 1, or there are groups
            with axis 0.

    Example:
        >>> clip_singular_values(torch.diag(torch.tensor([4.0, 0.5]))).diag()
        tensor([1.0000, 0.5000])

    References:
        Saito, Matsumoto and Saito, Temporal Generative Adversarial Nets with Singular Value
        Clipping, ICCV 2017; released code, updater.
    """
    if not max_value > 0:
        raise ValueError(f"max_value must be positive, got {max_value}")
    matrix = _matrix(full_precision(weight), axis, groups)
    with without_autocast(weight):
        left, values, right = torch.linalg.svd(matrix, full_matrices=False)
        clipped = (left * values.clamp(max=max_value)) @ right
    if axis == 1:
        sizes = weight.shape[0] // groups, *weight.shape[2:]
        clipped = rearrange(clipped.reshape(-1, *sizes), "(g o) i ... -> (g i) o ...", g=groups)
    clipped = clipped.reshape(weight.shape).to(weight.dtype)
    return torch.where(values.amax() <= max_value, weight, clipped)


def _matrix(weight: Tensor, axis: int, groups: int) -> Tensor:
    """Return the filters as rows, as :class:`stgan.layers.SpectralNorm` sees them."""
    if axis not in (0, 1):
        raise ValueError(f"axis must be 0 or 1, got {axis}")
    if axis == 0 and groups > 1:
        raise ValueError(
            f"groups matter only for axis 1, where a weight holds the channels of one group; leave "
            f"groups at 1, got {groups}"
        )
    if weight.ndim < 2:
        raise ShapeError(f"weight must have two axes or more, got {tuple(weight.shape)}")
    if axis == 0:
        return weight.flatten(1)
    return rearrange(weight, "(g i) o ... -> (g o) (i ...)", g=groups)

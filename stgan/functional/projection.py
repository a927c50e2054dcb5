"""The term by which a projection head judges a condition."""

import math

from torch import Tensor

from stgan._checks import check_layout

__all__ = ["projection_logit"]


def projection_logit(vector: Tensor, embedding: Tensor, *, scale: bool = False) -> Tensor:
    r"""Agreement of features with the embedding of a condition.

    .. math:: l_n = \langle e_n, \phi_n \rangle \quad \text{or} \quad
              l_n = \langle e_n, \phi_n \rangle / \sqrt{D}

    Args:
        vector: Features :math:`\phi`, ``(N, D)``.
        embedding: Embedded conditions :math:`e`, ``(N, D)``.
        scale: Whether to divide by :math:`\sqrt{D}`.

    Returns:
        ``(N,)``.

    Raises:
        ShapeError: If the two are not ``(N, D)`` alike.

    Example:
        >>> vector, embedding = torch.ones(2, 4), torch.tensor([[1.0] * 4, [-1.0] * 4])
        >>> projection_logit(vector, embedding)
        tensor([ 4., -4.])
        >>> projection_logit(vector, embedding, scale=True)
        tensor([ 2., -2.])

    References:
        Miyato and Koyama, cGANs with Projection Discriminator, ICLR 2018, section 3 (the term
        of the condition); Skorokhodov et al., StyleGAN-V, CVPR 2022, released code (scaled).
    """
    check_layout(vector, "N D", name="vector")
    n, d = vector.shape
    check_layout(embedding, "N D", name="embedding", N=n, D=d)
    logit = (vector * embedding).sum(dim=1)
    return logit / math.sqrt(d) if scale else logit

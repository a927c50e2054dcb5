"""How much of each set of features lies within reach of the other, by nearest neighbors."""

import torch
from torch import Tensor

from stgan._checks import check_positive
from stgan.errors import ShapeError
from stgan.metrics.distances import check_features

__all__ = ["precision_recall_density_coverage"]

_ROWS_AT_ONCE = 1024


def precision_recall_density_coverage(
    real: Tensor, fake: Tensor, *, neighbors: int = 5
) -> dict[str, Tensor]:
    r"""Quality and variety apart, by balls around the clips that reach to the k-th neighbor.

    With :math:`B(x)` the closed ball around x whose radius is the distance to the k-th nearest
    other clip of the same set:

    - ``precision``: share of generated clips that lie in the ball of any real one: quality;
    - ``recall``: share of real clips that lie in the ball of any generated one: variety;
    - ``density``: how many balls of real clips a generated one lies in, on average, over k. It may
      exceed 1, and one real outlier with a huge ball does not raise it as it does precision;
    - ``coverage``: share of real clips whose ball holds a generated one: variety, in which an
      outlier among the generated clips counts for nothing.

    Values for few clips are not those for many: compare at equal numbers. Two samples of one
    distribution have a coverage of about :math:`1 - 2^{-k}` at equal numbers, not 1.

    Args:
        real: Features of real clips.
        fake: Features of generated clips.
        neighbors: k.

    Shape:
        - Input: ``(N, D)`` and ``(M, D)``, more than k clips each.
        - Output: float64 numbers.

    Raises:
        ShapeError: If there are not more than k clips, or the features differ in length.
        TypeError: If features are not of a float type.
        ValueError: If ``neighbors`` is not positive, or features are not finite.

    Example:
        >>> real = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
        >>> scores = precision_recall_density_coverage(real, real[:2] + 0.5, neighbors=1)
        >>> {name: score.item() for name, score in scores.items()}
        {'precision': 1.0, 'recall': 0.75, 'density': 2.0, 'coverage': 0.75}

    References:
        Kynkäänniemi et al., Improved precision and recall metric for assessing generative models,
        NeurIPS 2019, equations 1 and 2; Naeem et al., Reliable fidelity and diversity metrics for
        generative models, ICML 2020, equations 4 and 5. The first uses k = 3, the second 5.
    """
    check_positive(neighbors, "neighbors")
    if min(len(real), len(fake)) <= neighbors and real.ndim == fake.ndim == 2:
        raise ShapeError(
            f"real and fake must hold more clips than the {neighbors} neighbors, got {len(real)} "
            f"and {len(fake)}; lower neighbors"
        )
    real, fake = check_features(real, fake, 1)
    real_radius, fake_radius = _radius(real, neighbors), _radius(fake, neighbors)
    precise, counts, covered = [], real.new_zeros(()), torch.zeros_like(real_radius).bool()
    recalled = torch.zeros_like(covered)
    for rows in torch.split(fake, _ROWS_AT_ONCE):
        inside = _distances(rows, real) <= real_radius
        precise.append(inside.any(dim=1))
        counts = counts + inside.sum()
        covered |= inside.any(dim=0)
    for rows, radius in zip(
        torch.split(fake, _ROWS_AT_ONCE), torch.split(fake_radius, _ROWS_AT_ONCE), strict=True
    ):
        recalled |= (_distances(rows, real) <= radius.unsqueeze(1)).any(dim=0)
    return {
        "precision": torch.cat(precise).double().mean(),
        "recall": recalled.double().mean(),
        "density": counts / (neighbors * len(fake)),
        "coverage": covered.double().mean(),
    }


def _distances(x: Tensor, y: Tensor) -> Tensor:
    # By differences: squares of large features would drown small distances.
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def _radius(features: Tensor, neighbors: int) -> Tensor:
    """Distance of every clip to its k-th neighbor; the clip itself is the zeroth."""
    return torch.cat(
        [
            _distances(rows, features).kthvalue(neighbors + 1, dim=1).values
            for rows in torch.split(features, _ROWS_AT_ONCE)
        ]
    )

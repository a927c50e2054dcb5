"""How far apart two sets of features lie: Fréchet and kernel distances, in float64.

Features are rows, one a clip. What network they come from decides what the number means; see
:class:`stgan.metrics.MetricResult`, which carries that along.
"""

import torch
from torch import Tensor

from stgan._checks import check_layout, check_positive
from stgan.errors import ShapeError
from stgan.metrics._inputs import check_correction, check_finite

__all__ = ["check_features", "frechet_distance", "frechet_distance_of_moments", "kernel_distance"]

# Rows of the kernel matrix that are held at once.
_ROWS_AT_ONCE = 1024


def check_features(real: Tensor, fake: Tensor, least: int) -> tuple[Tensor, Tensor]:
    """Return two sets of features in float64, or refuse what cannot be compared."""
    for name, features in (("real", real), ("fake", fake)):
        check_layout(features, "N D", name=f"{name} features")
        if len(features) < least:
            raise ShapeError(
                f"{name} features must be those of at least {least} clips, got {len(features)}"
            )
        check_finite(features, f"{name} features")
    if not real.shape[1] == fake.shape[1] > 0:
        raise ShapeError(
            f"real and fake features must come from one network, got {real.shape[1]} and "
            f"{fake.shape[1]} numbers a clip"
        )
    return real.double(), fake.double()


def frechet_distance(real: Tensor, fake: Tensor, *, correction: int = 1) -> Tensor:
    r"""Fréchet distance of two normal distributions with the means and covariances of features.

    .. math::
        |\mu_r - \mu_g|^2 + \mathrm{tr}(\Sigma_r) + \mathrm{tr}(\Sigma_g)
        - 2\,\mathrm{tr}\left((\Sigma_r \Sigma_g)^{1/2}\right)

    Covariances are those of samples, divided by n - ``correction``. With centered features as the
    rows of :math:`A` and :math:`B`, the last trace is the sum of the singular values of
    :math:`A B^\top`, so that neither a covariance nor a root of a matrix is ever formed, and a set
    of fewer clips than dimensions is no special case. Negative only by rounding.

    The distance of two samples is far above that of what they were drawn from where there are few
    of them: two samples of 165 clips of one white normal distribution in 400 dimensions are about
    390 apart. Compare only at equal numbers, and beside :func:`split_half_floor`.

    Args:
        real: Features of real clips.
        fake: Features of generated clips.
        correction: 1, or 0 for the distance of the code of StyleGAN-V and of cd-fvd, which divides
            by n: 1 % less at 64 against 90 clips.

    Shape:
        - Input: ``(N, D)`` and ``(M, D)``, at least 2 clips each.
        - Output: a float64 number.

    Raises:
        ShapeError: If there are fewer than 2 clips, or the features differ in length.
        TypeError: If features are not of a float type.
        ValueError: If features are not finite, or the correction is neither 0 nor 1.

    Example:
        >>> real = torch.tensor([[0.0], [2.0]])  # mean 1, variance 2
        >>> frechet_distance(real, 3 * real)  # mean 3, variance 18: 4 + (18 ** 0.5 - 2 ** 0.5) ** 2
        tensor(12.0000, dtype=torch.float64)

    References:
        Dowson and Landau, The Fréchet distance between multivariate normal distributions, 1982;
        on features of clips Unterthiner et al., Towards accurate generative models of video, 2018,
        who take those of one network: see :class:`stgan.metrics.I3DFeatures`.
    """
    real, fake = check_features(real, fake, 2)
    check_correction(correction)
    means = real.mean(dim=0) - fake.mean(dim=0)
    roots = [_root(features, correction) for features in (real, fake)]
    return means.square().sum() + _spread_distance(*roots)


def _root(features: Tensor, correction: int) -> Tensor:
    """Return R of at most D rows, such that R^T R is the covariance."""
    centered = (features - features.mean(dim=0)) / (len(features) - correction) ** 0.5
    if centered.shape[0] <= centered.shape[1]:
        return centered
    return torch.linalg.qr(centered, mode="r").R


def _spread_distance(real: Tensor, fake: Tensor) -> Tensor:
    cross = torch.linalg.svdvals(real @ fake.T).sum()
    return real.square().sum() + fake.square().sum() - 2 * cross


def frechet_distance_of_moments(
    real_mean: Tensor, real_cov: Tensor, fake_mean: Tensor, fake_cov: Tensor
) -> Tensor:
    """Fréchet distance of two normal distributions; see :func:`frechet_distance`.

    Roots of the covariances come from their eigenvalues; what is below the largest one by as much
    as float64 can tell counts as zero, so that covariances of few clips are taken as they are.

    Args:
        real_mean: Mean of the one.
        real_cov: Its covariance, symmetric and positive semidefinite.
        fake_mean: Mean of the other.
        fake_cov: Its covariance.

    Shape:
        - Means: ``(D,)``
        - Covariances: ``(D, D)``
        - Output: a float64 number.

    Raises:
        ShapeError: If the shapes do not belong together.
        ValueError: If a number is not finite, or a covariance not positive semidefinite.

    Example:
        >>> one, zero = torch.eye(3), torch.zeros(3)
        >>> frechet_distance_of_moments(zero, one, zero, 4 * one)
        tensor(3., dtype=torch.float64)
    """
    size = real_mean.shape[0] if real_mean.ndim == 1 else -1
    for name, tensor, shape in (
        ("real_mean", real_mean, (size,)),
        ("real_cov", real_cov, (size, size)),
        ("fake_mean", fake_mean, (size,)),
        ("fake_cov", fake_cov, (size, size)),
    ):
        if tuple(tensor.shape) != shape or size < 1:
            raise ShapeError(
                f"means must be (D,) and covariances (D, D) with one D, got {name} of "
                f"{tuple(tensor.shape)}"
            )
        if not tensor.isfinite().all():
            raise ValueError(f"{name} must be finite, got NaN or infinite values")
    means = real_mean.double() - fake_mean.double()
    roots = [_root_of_covariance(cov.double()) for cov in (real_cov, fake_cov)]
    return means.square().sum() + _spread_distance(*roots)


def _root_of_covariance(cov: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh((cov + cov.T) / 2)
    if values[0] < -1e-3 * values[-1].abs():  # far beyond rounding, that of float32 too
        raise ValueError(
            f"covariances must be positive semidefinite, got one with eigenvalues from "
            f"{values[0]:.4g} to {values[-1]:.4g}"
        )
    least = values[-1].clamp(min=0) * len(values) * torch.finfo(values.dtype).eps
    values = torch.where(values > least, values, 0)
    return values.sqrt().unsqueeze(1) * vectors.T


def kernel_distance(
    real: Tensor,
    fake: Tensor,
    *,
    degree: int = 3,
    gamma: float | None = None,
    offset: float = 1.0,
) -> Tensor:
    r"""Squared maximum mean discrepancy under a polynomial kernel, without bias.

    .. math::
        \frac{1}{n(n-1)} \sum_{i \neq j} k(x_i, x_j) + \frac{1}{m(m-1)} \sum_{i \neq j} k(y_i, y_j)
        - \frac{2}{nm} \sum_{i,j} k(x_i, y_j), \qquad
        k(x, y) = (\gamma\, x^\top y + c)^p

    Its mean over samples is the distance of what they were drawn from, whatever their number: 0 if
    that is one distribution, and then it is negative about half of the time. All pairs are taken,
    not random subsets of them.

    Args:
        real: Features of real clips.
        fake: Features of generated clips.
        degree: p.
        gamma: Factor of the product; ``None`` for one over the length of the features.
        offset: c.

    Shape:
        - Input: ``(N, D)`` and ``(M, D)``, at least 2 clips each.
        - Output: a float64 number.

    Raises:
        ShapeError: If there are fewer than 2 clips, or the features differ in length.
        TypeError: If features are not of a float type.
        ValueError: If the degree is not positive, or features are not finite.

    Example:
        >>> real, fake = torch.zeros(2, 1), torch.full((2, 1), 2.0)
        >>> kernel_distance(real, fake)  # 1 + (2 * 2 + 1) ** 3 - 2
        tensor(124., dtype=torch.float64)

    References:
        Bińkowski et al., Demystifying MMD GANs, ICLR 2018, equation 4 and section 4, for images;
        Unterthiner et al., FVD: A new metric for video generation, 2019, for clips.

    Differs from the source:
        One estimate over all pairs instead of the mean over random subsets.
    """
    real, fake = check_features(real, fake, 2)
    check_positive(degree, "degree")
    factor = 1 / real.shape[1] if gamma is None else gamma

    def mean_kernel(x: Tensor, y: Tensor, *, same: bool) -> Tensor:
        total = x.new_zeros(())
        for rows in torch.split(x, _ROWS_AT_ONCE):
            total += (factor * (rows @ y.T) + offset).pow(degree).sum()
        if not same:
            return total / (len(x) * len(y))
        diagonal = (factor * x.square().sum(dim=1) + offset).pow(degree).sum()
        return (total - diagonal) / (len(x) * (len(x) - 1))

    within = mean_kernel(real, real, same=True) + mean_kernel(fake, fake, same=True)
    distance = within - 2 * mean_kernel(real, fake, same=False)
    if not distance.isfinite():
        raise ValueError(
            f"the kernel of degree {degree}, gamma {factor} and offset {offset} overflows for "
            f"these features; lower the degree or gamma"
        )
    return distance

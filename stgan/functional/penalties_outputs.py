"""Penalties that need no discriminator, only what networks returned: logits, features, samples."""

from collections.abc import Sequence

import torch
from torch import Tensor

from stgan._checks import check_floats
from stgan._keywords import by_keyword
from stgan.errors import ShapeError
from stgan.functional._discriminator import check_samples
from stgan.functional._precision import full_precision
from stgan.functional.adversarial import add_terms
from stgan.typing import Reduction

__all__ = [
    "feature_matching_penalty",
    "lecam_penalty",
    "mean_feature_matching_penalty",
    "mode_seeking_penalty",
]


@by_keyword
def lecam_penalty(
    *,
    real: Tensor,
    fake: Tensor,
    real_mean: Tensor,
    fake_mean: Tensor,
    reduction: Reduction = "mean",
) -> Tensor:
    r"""Hold logits near the running mean of those of the other side (LeCam divergence).

    .. math:: \mathbb E \bigl[ (D(x) - \alpha_F)^2 \bigr] +
              \mathbb E \bigl[ (D(\tilde x) - \alpha_R)^2 \bigr]

    Args:
        real: Logits of real samples, any shape.
        fake: Logits of generated samples.
        real_mean: :math:`\alpha_R`, the running mean of real logits.
        fake_mean: :math:`\alpha_F`, the running mean of fake logits.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``, applied to each of the two terms, which are
            then added; with ``"none"`` both must have one shape.

    Raises:
        ShapeError: If there are not as many real samples as fake ones, or none, or values are kept
            apart and differ in shape.

    Example:
        >>> mean = torch.tensor(0.5)
        >>> lecam_penalty(real=torch.ones(2), fake=torch.zeros(2), real_mean=mean, fake_mean=-mean)
        tensor(2.5000)

    Differs from the source:
        The equation of the paper. The published code clips ``real - fake_mean`` and
        ``real_mean - fake`` at zero first.

    References:
        Tseng et al., Regularizing Generative Adversarial Networks under Limited Data, CVPR 2021,
        the regularization by moving averages; released code, ``lecam_loss.py``.
    """
    on_real = (full_precision(real, "real") - fake_mean.detach()).square()
    on_fake = (full_precision(fake, "fake") - real_mean.detach()).square()
    return add_terms(on_real, on_fake, reduction)


@by_keyword
def mode_seeking_penalty(
    *, fake: tuple[Tensor, Tensor], z: tuple[Tensor, Tensor], eps: float = 1e-5
) -> Tensor:
    r"""Punish a generator whose samples differ less than the noise that they were made of.

    The generator maximizes :math:`d(G(z_1), G(z_2)) / d(z_1, z_2)`; what is minimized here is the
    inverse,

    .. math:: \frac{d(z_1, z_2)}{d(G(z_1), G(z_2)) + \epsilon},

    with the mean absolute difference of a sample as :math:`d`. It is finite for equal samples, and
    zero for equal noise.

    Args:
        fake: Two batches ``(N, ...)``, made under the same condition.
        z: The two batches ``(N, ...)`` of noise that they were made of.
        eps: Bounds the value for equal samples, in units of their differences.

    Returns:
        ``(N,)``.

    Raises:
        ShapeError: If the two of a pair differ in shape, or there is not one noise per sample.

    Example:
        >>> fake = torch.zeros(1, 3, 4, 8, 8), torch.full((1, 3, 4, 8, 8), 0.5)
        >>> mode_seeking_penalty(fake=fake, z=(torch.zeros(1, 2), torch.ones(1, 2)))
        tensor([2.0000])

    Differs from the source:
        The published code forms the ratio of the means over the whole batch, and adds its
        constant to the ratio, which is undefined for equal noise. Here every sample has a ratio of
        its own.

    References:
        Mao et al., Mode Seeking Generative Adversarial Networks for Diverse Image Synthesis, CVPR
        2019, the mode seeking regularization term.
    """
    for name, pair in (("fake", fake), ("z", z)):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TypeError(
                f"{name} must be a pair of batches, ({name} of one noise, {name} of another), got "
                f"{type(pair).__name__}"
            )
        first, second = pair
        check_samples(first, name, picture=name == "fake")
        check_samples(second, name, picture=name == "fake")
        if first.shape != second.shape:
            raise ShapeError(
                f"the two batches of {name} must have one shape, got {tuple(first.shape)} and "
                f"{tuple(second.shape)}"
            )
    if fake[0].shape[:1] != z[0].shape[:1]:
        raise ShapeError(
            f"every sample needs its noise, got {tuple(fake[0].shape)} of fake and "
            f"{tuple(z[0].shape)} of z"
        )
    return _distance(*z) / (_distance(*fake) + eps)


@by_keyword
def feature_matching_penalty(*, real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    r"""Distance of the features of each generated sample from those of its real counterpart.

    .. math:: \sum_l \frac{1}{M_l} \bigl\| f_l(x) - f_l(\tilde x) \bigr\|_1

    with :math:`M_l` the number of features of a layer. Real features are targets: they are
    detached.

    Args:
        real: Features ``(N, ...)`` of real samples, layer by layer.
        fake: Features of the generated samples that should look like them, of the same shapes.

    Returns:
        ``(N,)``.

    Raises:
        ShapeError: If the layers are none, are not as many or differ in shape.

    Example:
        >>> real, fake = [torch.ones(2, 3), torch.ones(2, 4, 5)], [torch.zeros(2, 3)] * 2
        >>> feature_matching_penalty(real=real, fake=[torch.zeros(2, 3), torch.zeros(2, 4, 5)])
        tensor([2., 2.])

    References:
        Wang et al., High-Resolution Image Synthesis and Semantic Manipulation with Conditional
        GANs (pix2pixHD), CVPR 2018, equation 4.
    """
    _check_layers(real, fake, batch=True)
    parts = [_distance(r.detach(), f) for r, f in zip(real, fake, strict=True)]
    return torch.stack(parts).sum(dim=0)


@by_keyword
def mean_feature_matching_penalty(*, real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    r"""Squared distance of the mean features of generated samples from those of real ones.

    .. math:: \sum_l \bigl\| \mathbb E f_l(x) - \mathbb E f_l(\tilde x) \bigr\|_2^2

    It compares batches, not samples, so it needs no pairs and has no value for a sample. Real
    features are targets: they are detached.

    Args:
        real: Features ``(N, ...)`` of real samples, layer by layer.
        fake: Features of generated samples, of the same shapes but for the size of the batch.

    Returns:
        A scalar.

    Raises:
        ShapeError: If the layers are none, are not as many or differ in shape.

    Example:
        >>> mean_feature_matching_penalty(real=[torch.ones(4, 3)], fake=[torch.zeros(2, 3)])
        tensor(3.)

    References:
        Salimans et al., Improved Techniques for Training GANs, NeurIPS 2016, section 3.1.
    """
    _check_layers(real, fake, batch=False)
    gaps = [
        full_precision(r.detach()).mean(dim=0) - full_precision(f).mean(dim=0)
        for r, f in zip(real, fake, strict=True)
    ]
    return torch.stack([gap.square().sum() for gap in gaps]).sum()


def _distance(first: Tensor, second: Tensor) -> Tensor:
    """Mean absolute difference of every sample."""
    return (full_precision(first) - full_precision(second)).abs().flatten(1).mean(dim=1)


def _check_layers(real: Sequence[Tensor], fake: Sequence[Tensor], *, batch: bool) -> None:
    for name, layers in (("real", real), ("fake", fake)):
        if not isinstance(layers, tuple | list):
            raise TypeError(
                f"{name} must be a list of features, layer by layer, got {type(layers).__name__}"
            )
    if not real or len(real) != len(fake):
        raise ShapeError(
            f"real and fake must hold the features of the same layers, got {len(real)} and "
            f"{len(fake)}"
        )
    for layer, (r, f) in enumerate(zip(real, fake, strict=True)):
        check_floats(r, f"layer {layer} of real", picture=False)
        check_floats(f, f"layer {layer} of fake", picture=False)
        differ = r.shape[not batch :] != f.shape[not batch :]
        if min(r.ndim, f.ndim) < 2 or differ:
            raise ShapeError(
                f"features of layer {layer} must be (N, ...) of one shape, got {tuple(r.shape)} "
                f"of real and {tuple(f.shape)} of fake samples"
            )
        if 0 in (r.shape[0], f.shape[0]):
            raise ShapeError(
                f"features of layer {layer} must be those of one sample at least, got "
                f"{tuple(r.shape)} of real and {tuple(f.shape)} of fake samples"
            )

"""Adversarial losses as functions of logits, each in its numerically stable form.

Every family has two halves. The discriminator's half is the sum of its real and fake terms, not
their mean. Logits are what a discriminator returns before any sigmoid, in any shape that begins
with the batch, which must be as large on both sides and not empty; ``reduction`` is applied to the
elementwise values last. Logits of half precision are raised to float32 first. Families that compare
real with fake logits are in :mod:`stgan.functional.adversarial_relativistic`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from stgan._excerpt import excerpt
from stgan._keywords import by_keyword
from stgan.errors import ShapeError
from stgan.functional._precision import full_precision
from stgan.typing import Reduction

__all__ = [
    "add_terms",
    "check_reduction",
    "check_sides",
    "check_smoothing",
    "hinge_discriminator_loss",
    "hinge_generator_loss",
    "least_squares_discriminator_loss",
    "least_squares_generator_loss",
    "minimax_discriminator_loss",
    "minimax_generator_loss",
    "non_saturating_discriminator_loss",
    "non_saturating_generator_loss",
    "reduce_loss",
    "wasserstein_discriminator_loss",
    "wasserstein_generator_loss",
]


def reduce_loss(values: Tensor, reduction: Reduction) -> Tensor:
    """Apply torch's ``"mean"``, ``"sum"`` or ``"none"``.

    Args:
        values: ``(N, ...)``, the batch first.
        reduction: What to make of the values.

    Raises:
        ValueError: If the reduction is none of the three.
        ShapeError: If there are no values, whose mean would be NaN, or a single number, which is a
            mean already: a loss of a mean is not the mean of the losses.

    Example:
        >>> reduce_loss(torch.tensor([1.0, 3.0]), "mean")
        tensor(2.)
    """
    if not values.numel():
        raise ShapeError(
            f"a loss needs one sample at least, got an empty batch of {tuple(values.shape)}"
        )
    if not values.dim():
        raise ShapeError(
            "a loss needs values of every sample, (N, ...), got a single number; leave the mean to "
            "the loss"
        )
    if check_reduction(reduction) == "mean":
        return values.mean()
    return values.sum() if reduction == "sum" else values


def check_reduction(reduction: Reduction) -> Reduction:
    """Return a reduction if it is one of torch's three.

    Args:
        reduction: What to make of the values.

    Raises:
        ValueError: If it is none of the three.

    Example:
        >>> check_reduction("none")
        'none'
    """
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {excerpt(reduction)}")
    return reduction


def check_sides(real: Tensor, fake: Tensor) -> None:
    """Refuse logits of other numbers of real and of generated samples, and of none.

    Args:
        real: Logits of real samples, the batch first.
        fake: Logits of generated samples.

    Raises:
        ShapeError: If there are not as many of both, or none.

    Example:
        >>> check_sides(torch.zeros(4), torch.zeros(4))
    """
    if real.shape[:1] != fake.shape[:1] or not real.numel() or not fake.numel():
        raise ShapeError(
            f"real and fake must hold logits of as many samples, one at least, got "
            f"{tuple(real.shape)} and {tuple(fake.shape)}; judge two batches of one size"
        )


def add_terms(on_real: Tensor, on_fake: Tensor, reduction: Reduction) -> Tensor:
    """Reduce the terms of real and of fake logits, each by itself, and add them.

    Args:
        on_real: A value for every real logit.
        on_fake: A value for every fake logit.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        ShapeError: If there are not as many real samples as fake ones, or none, or values are kept
            apart and differ in shape.

    Example:
        >>> add_terms(torch.tensor([1.0, 3.0]), torch.tensor([5.0, 5.0]), "mean")
        tensor(7.)
    """
    if reduction == "none" and on_real.shape != on_fake.shape:
        raise ShapeError(
            f"real and fake must have one shape with reduction='none', got "
            f"{tuple(on_real.shape)} and {tuple(on_fake.shape)}; reduce by 'mean' or 'sum'"
        )
    check_sides(on_real, on_fake)
    return reduce_loss(on_real, reduction) + reduce_loss(on_fake, reduction)


def check_smoothing(smoothing: float) -> float:
    """Return a label smoothing if it is in [0, 1); raise otherwise.

    Example:
        >>> check_smoothing(0.1)
        0.1
    """
    if not 0 <= smoothing < 1:
        raise ValueError(f"smoothing must be in [0, 1), got {smoothing}; 0.1 is usual")
    return smoothing


@by_keyword
def non_saturating_generator_loss(*, fake: Tensor, reduction: Reduction = "mean") -> Tensor:
    r""":math:`-\log \sigma(D(\text{fake})) = \mathrm{softplus}(-D(\text{fake}))`.

    Args:
        fake: Logits of generated samples.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Example:
        >>> non_saturating_generator_loss(fake=torch.zeros(4))
        tensor(0.6931)

    References:
        Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014, section 3.
    """
    return reduce_loss(F.softplus(-full_precision(fake, "fake")), reduction)


@by_keyword
def non_saturating_discriminator_loss(
    *, real: Tensor, fake: Tensor, smoothing: float = 0.0, reduction: Reduction = "mean"
) -> Tensor:
    r"""Binary cross-entropy with logits: real samples are class 1, generated ones class 0.

    With smoothing :math:`s` the target of real samples is :math:`1 - s` (one-sided: that of
    generated ones stays 0, for otherwise the discriminator would be content where neither lie).

    .. math::

       -(1 - s) \log \sigma(D(\text{real})) - s \log(1 - \sigma(D(\text{real})))
       - \log(1 - \sigma(D(\text{fake})))

    Args:
        real: Logits of real samples.
        fake: Logits of generated samples.
        smoothing: In [0, 1); how far the target of real samples is below 1.
        reduction: Applied to each of the two terms, which are then added; with ``"none"`` both
            must have one shape.

    Raises:
        ValueError: If the smoothing is not in [0, 1).

    Example:
        >>> non_saturating_discriminator_loss(real=torch.zeros(4), fake=torch.zeros(4))
        tensor(1.3863)

    References:
        Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014, equation 1; Salimans et al.,
        Improved Techniques for Training GANs, NeurIPS 2016, section 3.4, for the smoothing.
    """
    real, fake = full_precision(real, "real"), full_precision(fake, "fake")
    on_real = F.softplus(-real)
    if check_smoothing(smoothing):
        # (1 - s) softplus(-x) + s softplus(x), since softplus(x) = softplus(-x) + x.
        on_real = on_real + smoothing * real
    return add_terms(on_real, F.softplus(fake), reduction)


@by_keyword
def minimax_generator_loss(*, fake: Tensor, reduction: Reduction = "mean") -> Tensor:
    r""":math:`\log(1 - \sigma(D(\text{fake}))) = -\mathrm{softplus}(D(\text{fake}))`.

    The game of the theory: the negative of the discriminator's own term. It saturates: where the
    discriminator is sure (logits far below zero), its gradient vanishes.

    Args:
        fake: Logits of generated samples.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Example:
        >>> minimax_generator_loss(fake=torch.zeros(4))
        tensor(-0.6931)

    References:
        Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014, equation 1.
    """
    return reduce_loss(-F.softplus(full_precision(fake, "fake")), reduction)


@by_keyword
def minimax_discriminator_loss(
    *, real: Tensor, fake: Tensor, smoothing: float = 0.0, reduction: Reduction = "mean"
) -> Tensor:
    """Binary cross-entropy: that of :func:`non_saturating_discriminator_loss`.

    Args:
        real: Logits of real samples.
        fake: Logits of generated samples.
        smoothing: In [0, 1); how far the target of real samples is below 1.
        reduction: Applied to each of the two terms, which are then added.

    Example:
        >>> minimax_discriminator_loss(real=torch.zeros(4), fake=torch.zeros(4))
        tensor(1.3863)

    References:
        Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014, equation 1.
    """
    return non_saturating_discriminator_loss(
        real=real, fake=fake, smoothing=smoothing, reduction=reduction
    )


@by_keyword
def hinge_generator_loss(*, fake: Tensor, reduction: Reduction = "mean") -> Tensor:
    r""":math:`-D(\text{fake})`.

    Args:
        fake: Logits of generated samples.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Example:
        >>> hinge_generator_loss(fake=torch.tensor([1.0, 2.0]))
        tensor(-1.5000)

    References:
        Lim and Ye, Geometric GAN, 2017, arXiv 1705.02894.
    """
    return reduce_loss(-full_precision(fake, "fake"), reduction)


@by_keyword
def hinge_discriminator_loss(
    *, real: Tensor, fake: Tensor, reduction: Reduction = "mean"
) -> Tensor:
    r""":math:`\max(0, 1 - D(\text{real})) + \max(0, 1 + D(\text{fake}))`.

    Args:
        real: Logits of real samples.
        fake: Logits of generated samples.
        reduction: Applied to each of the two terms, which are then added.

    Example:
        >>> hinge_discriminator_loss(real=torch.tensor([2.0]), fake=torch.tensor([0.5]))
        tensor(1.5000)

    References:
        Lim and Ye, Geometric GAN, 2017, arXiv 1705.02894.
    """
    real, fake = full_precision(real, "real"), full_precision(fake, "fake")
    return add_terms(F.relu(1 - real), F.relu(1 + fake), reduction)


@by_keyword
def least_squares_generator_loss(*, fake: Tensor, reduction: Reduction = "mean") -> Tensor:
    r""":math:`\frac12 (D(\text{fake}) - 1)^2`.

    Args:
        fake: Outputs for generated samples.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Example:
        >>> least_squares_generator_loss(fake=torch.zeros(4))
        tensor(0.5000)

    References:
        Mao et al., Least Squares GAN, ICCV 2017, equation 9.
    """
    return reduce_loss(0.5 * torch.square(full_precision(fake, "fake") - 1), reduction)


@by_keyword
def least_squares_discriminator_loss(
    *, real: Tensor, fake: Tensor, smoothing: float = 0.0, reduction: Reduction = "mean"
) -> Tensor:
    r""":math:`\frac12 (D(\text{real}) - 1 + s)^2 + \frac12 D(\text{fake})^2`.

    Args:
        real: Outputs for real samples.
        fake: Outputs for generated samples.
        smoothing: :math:`s` in [0, 1); how far the target of real samples is below 1.
        reduction: Applied to each of the two terms, which are then added.

    Raises:
        ValueError: If the smoothing is not in [0, 1).

    Example:
        >>> least_squares_discriminator_loss(real=torch.ones(4), fake=torch.ones(4))
        tensor(0.5000)

    References:
        Mao et al., Least Squares GAN, ICCV 2017, equation 9; the smoothing as in Salimans et al.,
        NeurIPS 2016, section 3.4.
    """
    real, fake = full_precision(real, "real"), full_precision(fake, "fake")
    target = 1 - check_smoothing(smoothing)
    return add_terms(0.5 * torch.square(real - target), 0.5 * torch.square(fake), reduction)


@by_keyword
def wasserstein_generator_loss(*, fake: Tensor, reduction: Reduction = "mean") -> Tensor:
    r""":math:`-D(\text{fake})`.

    Args:
        fake: What the discriminator says of generated samples.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Example:
        >>> wasserstein_generator_loss(fake=torch.tensor([1.0, 2.0]))
        tensor(-1.5000)

    References:
        Arjovsky et al., Wasserstein GAN, ICML 2017, equation 2 and algorithm 1.
    """
    return reduce_loss(-full_precision(fake, "fake"), reduction)


@by_keyword
def wasserstein_discriminator_loss(
    *, real: Tensor, fake: Tensor, reduction: Reduction = "mean"
) -> Tensor:
    r""":math:`-D(\text{real}) + D(\text{fake})`.

    It has no lower bound unless the slope of the discriminator has one: train it with a gradient
    penalty, or clip its weights.

    Args:
        real: What the discriminator says of real samples.
        fake: What it says of generated samples.
        reduction: Applied to each of the two terms, which are then added.

    Example:
        >>> wasserstein_discriminator_loss(real=torch.tensor([3.0]), fake=torch.tensor([1.0]))
        tensor(-2.)

    References:
        Arjovsky et al., Wasserstein GAN, ICML 2017, equation 2 and algorithm 1.
    """
    return add_terms(-full_precision(real, "real"), full_precision(fake, "fake"), reduction)

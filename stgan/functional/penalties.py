"""Penalties on the slope of a discriminator, one value for each sample.

A discriminator is whatever is called as ``discriminator(samples, **condition)``: clips, images or
latents with any number of axes go in, and logits come out, as ``(N,)``, as a map with the batch
first, or as a mapping of named logits. Anything else is refused, such as the mean of a batch, whose
slope at a sample is N times too small. What counts is the sum of all logits of a sample, so a map
of n logits has the slope of n discriminators together.

- The samples are detached: gradients reach the discriminator alone, never a generator.
- The discriminator must judge every sample by itself. Batch normalization mixes them.
- No penalty is multiplied by a weight; the training loop does that in sight of the reader.
- The slope is squared and summed up in float32 under autocast too, in which the discriminator
  itself may still run.
"""

from typing import Any

import torch
from torch import Tensor

from stgan._checks import check_floats, check_layout
from stgan._deprecated import renamed
from stgan._keywords import by_keyword
from stgan.errors import ShapeError
from stgan.functional._discriminator import Discriminator, check_samples, drawn, slope
from stgan.functional._precision import full_precision

__all__ = [
    "dragan_penalty",
    "gradient_penalty",
    "r1_penalty",
    "r2_penalty",
    "zero_centered_penalty",
]


@renamed("0.2", critic="discriminator")
@by_keyword
def r1_penalty(discriminator: Discriminator, *, real: Tensor, **condition: Any) -> Tensor:
    r"""Squared norm of the discriminator's gradient at real samples.

    .. math:: R_1(x) = \bigl\| \nabla_x D(x) \bigr\|_2^2

    Args:
        discriminator: Called as ``discriminator(real, **condition)``; returns logits, or a mapping
            of them, of which all of a sample are summed up.
        real: ``(N, ...)``, any number of axes.
        **condition: What the discriminator also needs, such as ``label=``.

    Returns:
        ``(N,)``, the sum over all axes but the first.

    Raises:
        ShapeError: If the discriminator does not return logits for every sample.

    Example:
        >>> discriminator = nn.Linear(2, 1)
        >>> with torch.no_grad():
        ...     weight = discriminator.weight.copy_(torch.tensor([[3.0, 4.0]]))
        >>> r1_penalty(discriminator, real=torch.zeros(2, 2)).tolist()
        [25.0, 25.0]

    Differs from the source:
        The source multiplies by :math:`\gamma / 2`; here that is the weight which the caller
        gives. TGANv2 sums over the batch and over the levels of its pyramid, which is the sum of
        what this returns for every level.

    References:
        Mescheder, Geiger and Nowozin, Which Training Methods for GANs do actually Converge?, ICML
        2018, equation 9; Saito et al., TGANv2, IJCV 2020.
    """
    check_samples(real, "real")
    return _squared(slope(discriminator, real, condition))


@renamed("0.2", critic="discriminator")
@by_keyword
def r2_penalty(discriminator: Discriminator, *, fake: Tensor, **condition: Any) -> Tensor:
    r"""Squared norm of the discriminator's gradient at generated samples.

    .. math:: R_2(\tilde x) = \bigl\| \nabla_{\tilde x} D(\tilde x) \bigr\|_2^2

    Args:
        discriminator: As for :func:`r1_penalty`.
        fake: ``(N, ...)``, any number of axes.
        **condition: What the discriminator also needs, such as ``label=``.

    Returns:
        ``(N,)``, the sum over all axes but the first.

    Raises:
        ShapeError: If the discriminator does not return logits for every sample.

    Example:
        >>> discriminator = nn.Linear(2, 1)
        >>> with torch.no_grad():
        ...     weight = discriminator.weight.copy_(torch.tensor([[3.0, 4.0]]))
        >>> r2_penalty(discriminator, fake=torch.zeros(1, 2)).tolist()
        [25.0]

    Differs from the source:
        Without the factor :math:`\gamma / 2`, as :func:`r1_penalty`.

    References:
        Mescheder, Geiger and Nowozin, ICML 2018, equation 10; Huang et al., R3GAN, NeurIPS 2024.
    """
    check_samples(fake, "fake")
    return _squared(slope(discriminator, fake, condition))


@renamed("0.2", critic="discriminator")
@by_keyword
def gradient_penalty(
    discriminator: Discriminator,
    *,
    real: Tensor,
    fake: Tensor,
    mix: Tensor | None = None,
    generator: torch.Generator | None = None,
    **condition: Any,
) -> Tensor:
    r"""Penalize a slope other than one between real and generated samples (WGAN-GP).

    .. math:: \bigl( \| \nabla_{\hat x} D(\hat x) \|_2 - 1 \bigr)^2, \qquad
              \hat x = \epsilon x + (1 - \epsilon) \tilde x, \quad \epsilon \sim U(0, 1)

    The norm is that of each sample, so the value does not depend on how many there are.

    Args:
        discriminator: As for :func:`r1_penalty`.
        real: ``(N, ...)``, any number of axes.
        fake: Of the same shape; sample n is mixed with real sample n and judged under the same
            condition.
        mix: ``(N,)``, the share :math:`\epsilon` of every real sample; drawn if not given.
        generator: Source of randomness for ``mix``; ``None`` for torch's own.
        **condition: What the discriminator also needs, such as ``label=``.

    Returns:
        ``(N,)``.

    Raises:
        ShapeError: If real and fake differ in shape, ``mix`` is not ``(N,)``, or the discriminator
            does not return logits for every sample.

    Example:
        >>> discriminator = nn.Linear(2, 1)
        >>> with torch.no_grad():
        ...     weight = discriminator.weight.copy_(torch.tensor([[3.0, 4.0]]))
        >>> gradient_penalty(discriminator, real=torch.ones(2, 2), fake=torch.zeros(2, 2)).tolist()
        [16.0, 16.0]

    References:
        Gulrajani et al., Improved Training of Wasserstein GANs, NeurIPS 2017, equation 3 and
        algorithm 1.
    """
    mixed = _mixed(real, fake, mix, generator)
    return _unlike_one(slope(discriminator, mixed, condition))


@renamed("0.2", critic="discriminator")
@by_keyword
def zero_centered_penalty(
    discriminator: Discriminator,
    *,
    real: Tensor,
    fake: Tensor,
    mix: Tensor | None = None,
    generator: torch.Generator | None = None,
    **condition: Any,
) -> Tensor:
    r"""Squared norm of the discriminator's gradient between real and generated samples.

    .. math:: \bigl\| \nabla_{\hat x} D(\hat x) \bigr\|_2^2, \qquad
              \hat x = \alpha x + (1 - \alpha) \tilde x, \quad \alpha \sim U(0, 1)

    Args:
        discriminator: As for :func:`r1_penalty`.
        real: ``(N, ...)``, any number of axes.
        fake: Of the same shape.
        mix: ``(N,)``, the share :math:`\alpha` of every real sample; drawn if not given.
        generator: Source of randomness for ``mix``; ``None`` for torch's own.
        **condition: What the discriminator also needs, such as ``label=``.

    Returns:
        ``(N,)``.

    Raises:
        ShapeError: If real and fake differ in shape, ``mix`` is not ``(N,)``, or the discriminator
            does not return logits for every sample.

    Example:
        >>> discriminator = nn.Linear(2, 1)
        >>> with torch.no_grad():
        ...     weight = discriminator.weight.copy_(torch.tensor([[3.0, 4.0]]))
        >>> real, fake = torch.ones(1, 2), torch.zeros(1, 2)
        >>> zero_centered_penalty(discriminator, real=real, fake=fake).tolist()
        [25.0]

    Differs from the source:
        TGANv2 calls the penalty at real samples alone zero-centered too; that is
        :func:`r1_penalty`.

    References:
        Thanh-Tung, Tran and Venkatesh, Improving Generalization and Stability of Generative
        Adversarial Networks, ICLR 2019 (0-GP).
    """
    mixed = _mixed(real, fake, mix, generator)
    return _squared(slope(discriminator, mixed, condition))


@renamed("0.2", critic="discriminator")
@by_keyword
def dragan_penalty(
    discriminator: Discriminator,
    *,
    real: Tensor,
    scale: float = 0.5,
    noise: Tensor | None = None,
    generator: torch.Generator | None = None,
    **condition: Any,
) -> Tensor:
    r"""Penalize a slope other than one around real samples (DRAGAN).

    .. math:: \bigl( \| \nabla_{\hat x} D(\hat x) \|_2 - 1 \bigr)^2, \qquad
              \hat x = x + c \, \mathrm{std}(x) \, \alpha u, \quad \alpha, u_i \sim U(0, 1)

    Args:
        discriminator: As for :func:`r1_penalty`.
        real: ``(N, ...)``, any number of axes.
        scale: :math:`c`, how far from a sample, in standard deviations of its own values.
        noise: :math:`\alpha u`, in the shape of ``real``; drawn if not given.
        generator: Source of randomness for ``noise``; ``None`` for torch's own.
        **condition: What the discriminator also needs, such as ``label=``.

    Returns:
        ``(N,)``.

    Raises:
        ShapeError: If ``noise`` has another shape than ``real``, or the discriminator does not
            return logits for every sample.

    Example:
        >>> discriminator = nn.Linear(2, 1)
        >>> with torch.no_grad():
        ...     weight = discriminator.weight.copy_(torch.tensor([[3.0, 4.0]]))
        >>> dragan_penalty(discriminator, real=torch.ones(1, 2)).tolist()
        [16.0]

    Differs from the source:
        The noise is that of the published code, where the paper has a Gaussian. The standard
        deviation is that of each sample; in the published code it is that of the whole batch, so
        that every sample depends on the others.

    References:
        Kodali et al., On Convergence and Stability of GANs, 2017, arXiv 1705.07215, algorithm 1.
    """
    check_samples(real, "real")
    x = full_precision(real.detach())
    if noise is None:
        share = drawn((x.shape[0], *(1 for _ in x.shape[1:])), x, generator)
        noise = share * drawn(tuple(x.shape), x, generator)
    elif noise.shape != real.shape:
        raise ShapeError(
            f"noise must have the shape of real, {tuple(real.shape)}, got {tuple(noise.shape)}"
        )
    else:
        check_floats(noise, "noise", picture=False)
    std = x.std(dim=tuple(range(1, x.ndim)), correction=0, keepdim=True)
    return _unlike_one(slope(discriminator, x + scale * std * noise, condition))


def _squared(gradient: Tensor) -> Tensor:
    return gradient.flatten(1).square().sum(dim=1)


def _unlike_one(gradient: Tensor) -> Tensor:
    # Where the slope is zero, this norm has the derivative zero and not NaN.
    return torch.linalg.vector_norm(gradient.flatten(1), dim=1).sub(1).square()


def _mixed(
    real: Tensor, fake: Tensor, mix: Tensor | None, generator: torch.Generator | None
) -> Tensor:
    check_samples(real, "real")
    check_samples(fake, "fake")
    if real.shape != fake.shape:
        raise ShapeError(
            f"real and fake must have one shape to be mixed, got {tuple(real.shape)} and "
            f"{tuple(fake.shape)}"
        )
    x, y = full_precision(real.detach()), full_precision(fake.detach())
    if mix is None:
        mix = drawn((x.shape[0],), x, generator)
    check_layout(mix, "N", name="mix", N=x.shape[0])
    share = mix.detach().to(x.dtype)[(..., *(None for _ in x.shape[1:]))]
    return share * x + (1 - share) * y

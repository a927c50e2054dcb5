"""Penalties on a discriminator that changes its mind about a changed sample."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from stgan._deprecated import renamed
from stgan._keywords import by_keyword
from stgan.errors import ShapeError
from stgan.functional._discriminator import Discriminator, check_samples, list_logits

__all__ = ["balanced_consistency_penalty", "consistency_penalty"]


@renamed("0.2", critic="discriminator")
def consistency_penalty(
    discriminator: Discriminator,
    *,
    real: Tensor,
    augment: Callable[[Tensor], Tensor],
    **condition: Any,
) -> Tensor:
    r"""Squared difference of the discriminator's logits for real samples and for augmented ones.

    .. math:: \bigl\| D(x) - D(T(x)) \bigr\|_2^2

    Gradients reach the discriminator through both logits, and the samples are detached.

    Args:
        discriminator: Called as ``discriminator(samples, **condition)``; returns logits with the
            batch first, or a mapping of them, and all differences of a sample are summed up.
        real: ``(N, ...)``, any number of axes.
        augment: :math:`T`, which keeps what a sample shows: shifts, flips, changes of color. A
            clip wants one draw for all its frames.
        **condition: What the discriminator also needs, such as ``label=``; and ``indices=`` where
            it draws frames, so that it looks at the same ones twice.

    Returns:
        ``(N,)``.

    Raises:
        ShapeError: If the discriminator does not return logits for every sample, or ``augment``
            changes their shape.

    Example:
        >>> discriminator = nn.Sequential(nn.Linear(2, 1, bias=False), nn.Flatten(0))
        >>> with torch.no_grad():
        ...     weight = discriminator[0].weight.copy_(torch.tensor([[3.0, 4.0]]))
        >>> real = torch.tensor([[1.0, 0.0]])
        >>> consistency_penalty(discriminator, real=real, augment=lambda x: x.flip(1)).tolist()
        [1.0]

    References:
        Zhang et al., Consistency Regularization for Generative Adversarial Networks, ICLR 2020,
        algorithm 1, for the last layer alone.
    """
    return _difference(discriminator, "real", real, augment, condition)


@renamed("0.2", critic="discriminator")
@by_keyword
def balanced_consistency_penalty(
    discriminator: Discriminator,
    *,
    real: Tensor,
    fake: Tensor,
    augment: Callable[[Tensor], Tensor],
    **condition: Any,
) -> Tensor:
    r"""Consistency under augmentation at real and at generated samples.

    .. math:: \bigl\| D(x) - D(T(x)) \bigr\|_2^2 +
              \bigl\| D(\tilde x) - D(T(\tilde x)) \bigr\|_2^2

    A discriminator that is held consistent at real samples only lets the generator learn the traces
    of the augmentation.

    Args:
        discriminator: As for :func:`consistency_penalty`.
        real: ``(N, ...)``, any number of axes.
        fake: ``(N, ...)``, as many, judged under the same condition.
        augment: As for :func:`consistency_penalty`.
        **condition: What the discriminator also needs, such as ``label=``.

    Returns:
        ``(N,)``, the sum for the pair.

    Raises:
        ShapeError: If there are not as many fake samples as real ones, the discriminator does not
            return logits for every sample, or ``augment`` changes their shape.

    Example:
        >>> discriminator = nn.Sequential(nn.Linear(2, 1, bias=False), nn.Flatten(0))
        >>> with torch.no_grad():
        ...     weight = discriminator[0].weight.copy_(torch.tensor([[3.0, 4.0]]))
        >>> sample = torch.tensor([[1.0, 0.0]])
        >>> balanced_consistency_penalty(
        ...     discriminator, real=sample, fake=2 * sample, augment=lambda x: x.flip(1)
        ... ).tolist()
        [5.0]

    Differs from the source:
        Both terms have one weight, as those that the source settles on. For two weights, call
        :func:`consistency_penalty` once for each side.

    References:
        Zhao et al., Improved Consistency Regularization for GANs, AAAI 2021, algorithm 1.
    """
    if real.shape[:1] != fake.shape[:1]:
        raise ShapeError(
            f"there must be as many fake samples as real ones, got {tuple(fake.shape)} and "
            f"{tuple(real.shape)}"
        )
    return _difference(discriminator, "real", real, augment, condition) + _difference(
        discriminator, "fake", fake, augment, condition
    )


def _difference(
    discriminator: Discriminator,
    name: str,
    sample: Tensor,
    augment: Callable[[Tensor], Tensor],
    condition: Mapping[str, Any],
) -> Tensor:
    check_samples(sample, name)
    sample = sample.detach()
    with torch.no_grad():
        changed = augment(sample)
    if changed.shape != sample.shape:
        raise ShapeError(
            f"augment must keep the shape of the samples {tuple(sample.shape)}, got "
            f"{tuple(changed.shape)}"
        )
    pairs = zip(
        list_logits(discriminator(sample, **condition), sample.shape[0]),
        list_logits(discriminator(changed, **condition), sample.shape[0]),
        strict=True,
    )
    parts = [(a - b).square().reshape(sample.shape[0], -1).sum(dim=1) for a, b in pairs]
    return torch.stack(parts).sum(dim=0)

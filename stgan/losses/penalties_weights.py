"""The weights of a network, penalized or brought down to a bound."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize

from stgan._factories import check_module
from stgan.example import Example
from stgan.functional import penalties_weights as functional
from stgan.losses.penalties_base import DISCRIMINATOR
from stgan.losses.terms import LossTerm, PlayerName, Takes
from stgan.registry import PENALTIES

__all__ = ["OrthogonalPenalty", "clip_singular_values_"]

_WEIGHTS = "only weights matter; samples are taken and left unused"


@PENALTIES.register(
    "orthogonal",
    source="Brock et al., BigGAN, ICLR 2019, equation 3",
    shape="discriminator -> ()",
    example=Example(
        inputs={"discriminator": DISCRIMINATOR, "real": "N 3 4 8 12"},
        claims={
            "gradients": _WEIGHTS,
            "refusal": _WEIGHTS,
            "export": "a discriminator is an input, and torch exports tensors only",
        },
    ),
)
class OrthogonalPenalty(LossTerm):
    """Sum of the squared products of different filters, over all weights of a network.

    See :func:`stgan.functional.orthogonal_penalty`; the usual weight is 1e-4. Weights are those of
    convolutions and linear maps, and of recurrent layers; those of embeddings are not among them,
    nor are those that a parametrization makes of several tensors. Of a spectrally normalized
    layer it is the weight before the division.

    Samples may be handed over as to any penalty of a discriminator, and are left unused.

    Shape:
        - Output: a scalar

    Raises:
        ValueError: In ``forward``, if the network has no such weight.

    Example:
        >>> discriminator = nn.Sequential(nn.Linear(3, 3, bias=False))
        >>> nn.init.eye_(discriminator[0].weight).shape
        torch.Size([3, 3])
        >>> OrthogonalPenalty()(discriminator).item()
        0.0

    References:
        Brock, Donahue and Simonyan, Large Scale GAN Training for High Fidelity Natural Image
        Synthesis, ICLR 2019, equation 3.
    """

    player: ClassVar[PlayerName] = "discriminator"
    takes: ClassVar[Takes] = "weights"

    def forward(
        self,
        discriminator: nn.Module,
        *,
        real: Tensor | None = None,
        fake: Tensor | None = None,
        **condition: Any,
    ) -> Tensor:
        """Return the penalty on the weights of a network, which may be a generator too."""
        parts = [
            functional.orthogonal_penalty(weight, axis=axis, groups=groups)
            for weight, axis, groups in _weights(discriminator)
        ]
        if not parts:
            raise ValueError(
                f"{type(discriminator).__name__} has no weight with two axes or more to penalize; "
                f"pass a network with convolutions or linear maps"
            )
        # Layers of a large network may be on several devices.
        return torch.stack([part.to(parts[0].device) for part in parts]).sum()

    def output_shape(self, discriminator: Any, *others: Sequence[int]) -> tuple[int, ...]:
        """A scalar."""
        return ()


@torch.no_grad()
def clip_singular_values_(
    module: nn.Module, *, max_value: float = 1.0, linear: bool = True
) -> nn.Module:
    r"""Bring the singular values of all weights of a network down to a bound, in place.

    See :func:`stgan.functional.clip_singular_values`. This is a projection, to be called every few
    steps of the discriminator's optimizer, and no penalty. The gains of batch normalization are
    clipped to :math:`[0.01\,\sigma, \sigma]`, with :math:`\sigma` the standard deviation that it
    divides by in evaluation mode, so that no such layer stretches either.

    Args:
        module: A discriminator; its weights are those of :class:`OrthogonalPenalty`. Clip no
            spectrally normalized one, whose weights are divided by their largest singular value
            anyway.
        max_value: The bound of the singular values.
        linear: Whether to clip weights with two axes too, which are linear maps.

    Returns:
        The same module.

    Raises:
        ValueError: If ``max_value`` is not positive.

    Example:
        >>> discriminator = nn.Linear(2, 2, bias=False)
        >>> discriminator.weight.data = torch.diag(torch.tensor([4.0, 0.5]))
        >>> clip_singular_values_(discriminator).weight.diag()
        tensor([1.0000, 0.5000], grad_fn=<DiagonalBackward0_copy>)

    Differs from the source:
        The published code leaves linear maps alone; ``linear=False`` does. Its :math:`\sigma` is
        without the small constant that keeps the division finite.

    References:
        Saito, Matsumoto and Saito, Temporal Generative Adversarial Nets with Singular Value
        Clipping, ICCV 2017; released code, updater.
    """
    check_module(module, "module")
    if not max_value > 0:
        raise ValueError(f"max_value must be positive, got {max_value}")
    for weight, axis, groups in _weights(module):
        if linear or weight.ndim > 2:
            weight.copy_(
                functional.clip_singular_values(
                    weight, max_value=max_value, axis=axis, groups=groups
                )
            )
    for part in module.modules():
        if isinstance(part, _BatchNorm) and part.affine and part.running_var is not None:
            std = (part.running_var + part.eps).sqrt()
            part.weight.clamp_(0.01 * std, std)
    return module


def _weights(module: nn.Module) -> Iterator[tuple[Tensor, int, int]]:
    """Yield every weight with the axis of its output channels and its groups."""
    for part in module.modules():
        if isinstance(part, parametrize.ParametrizationList | nn.Embedding):
            continue
        axis, groups = 0, 1
        if isinstance(part, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d):
            axis, groups = 1, part.groups
        found = dict(part.named_parameters(recurse=False))
        if parametrize.is_parametrized(part):
            lists = getattr(part, "parametrizations")  # noqa: B009
            found |= {n: p.original for n, p in lists.items() if hasattr(p, "original")}
        for name, weight in found.items():
            if name.startswith("weight") and weight.ndim > 1:
                yield weight, axis, groups

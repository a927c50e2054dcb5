"""What penalties ask of a discriminator: its logits, and their slope at a sample."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from stgan._checks import check_floats
from stgan.errors import ShapeError
from stgan.functional._precision import full_precision
from stgan.functional._random import random_source

__all__ = ["Discriminator", "check_samples", "drawn", "list_logits", "slope"]

#: Anything that is called with samples, and with labels by keyword, and returns logits.
Discriminator: TypeAlias = Callable[..., Tensor | Mapping[str, Tensor]]


def check_samples(samples: Tensor, name: str, *, picture: bool = True) -> None:
    """Refuse what has no slope: samples that are not of floats, and an empty batch."""
    check_floats(samples, name, picture=picture)
    if 0 in samples.shape[:1]:
        raise ShapeError(
            f"{name} must hold one sample at least for a penalty, got {tuple(samples.shape)}"
        )


def list_logits(output: Tensor | Mapping[str, Tensor], num_samples: int) -> list[Tensor]:
    """Return what a discriminator said of so many samples as a list of tensors in full precision.

    Raises:
        TypeError: If it is neither a tensor nor a mapping of tensors.
        ShapeError: If there are not logits for each sample.
    """
    named = output if isinstance(output, Mapping) else {"": output}
    if not named or not all(isinstance(logits, Tensor) for logits in named.values()):
        got = type(output).__name__
        if isinstance(output, Mapping):
            kinds = {type(logits).__name__: None for logits in named.values()}
            got = f"{got} of {' and '.join(kinds) or 'nothing'}"
        raise TypeError(
            f"a discriminator must return logits or a mapping of named logits, got {got}; pass a "
            f"function that returns one of them"
        )
    for name, logits in named.items():
        if logits.shape[:1] != (num_samples,):  # a mean over samples has 1 / N of their slopes
            raise ShapeError(
                f"logits{f' {name!r}' if name else ''} of a discriminator must be laid out as "
                f"(N={num_samples}, ...) for {num_samples} samples, got {tuple(logits.shape)}; "
                f"return those of every sample and leave means to the loss"
            )
    return [full_precision(logits) for logits in named.values()]


def slope(discriminator: Discriminator, sample: Tensor, condition: Mapping[str, Any]) -> Tensor:
    """Return the gradient of the sum of all logits of each sample, in the shape of the samples.

    The result leads back to the discriminator's parameters and never to where the sample came from.
    Where gradients are not recorded it is a plain number for the log, and costs no second pass.

    Raises:
        ValueError: If the logits do not depend on the samples.
    """
    recorded = torch.is_grad_enabled()
    # The fused kernels of attention have no second derivative.
    with torch.inference_mode(False), torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
        leaf = full_precision(sample.detach())
        if leaf.is_inference():
            leaf = leaf.clone()
        leaf.requires_grad_()
        # Samples do not meet in the discriminator, so one pass back serves them all.
        said = list_logits(discriminator(_as_seen(leaf, discriminator), **condition), leaf.shape[0])
        total = torch.stack([x.sum() for x in said]).sum()
        used = total.requires_grad
        if used:
            (gradient,) = torch.autograd.grad(total, leaf, create_graph=recorded, allow_unused=True)
        if not used or gradient is None:
            raise ValueError(
                "logits of a discriminator must depend on the samples for a penalty on their "
                "slope, got logits without a gradient; neither detach them nor judge under "
                "torch.no_grad"
            )
    return gradient


def _as_seen(sample: Tensor, discriminator: Discriminator) -> Tensor:
    """Round a sample for a discriminator whose weights are in half precision."""
    weights = discriminator.parameters() if isinstance(discriminator, nn.Module) else iter(())
    kind = next(weights, sample).dtype
    return sample.to(kind) if kind in (torch.float16, torch.bfloat16) else sample


def drawn(shape: tuple[int, ...], like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw uniform numbers in [0, 1) of the type and device of a tensor."""
    numbers = torch.rand(shape, dtype=like.dtype, **random_source(generator, like.device))
    return numbers.to(like.device)

"""What tells how a GAN is doing, as scalars that stay on the device."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from stgan._factories import check_module
from stgan.errors import ShapeError
from stgan.functional._precision import full_precision
from stgan.training.sharding import whole

__all__ = [
    "gradient_norm",
    "logit_health",
    "norm_of",
    "sample_diversity",
    "spectral_sigmas",
    "weight_norm",
]


@torch.no_grad()
def logit_health(*, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    r"""Say how a discriminator tells real from generated samples.

    Args:
        real: Logits of real samples, ``(N,)`` or ``(N, ...)`` for a discriminator that answers in
            patches.
        fake: Logits of generated samples.

    Returns:
        Scalars: ``real_mean`` and ``fake_mean``; ``real_sign`` and ``fake_sign``, means of the
        signs, in [-1, 1]; ``accuracy``, the share with the right sign, in [0, 1]; ``ranking``, the
        share of pairs in which the real sample has the higher logit, in [0, 1], which means the
        same for every loss family, those without a threshold too; ``spread``, the standard
        deviation of all logits together.

    Raises:
        ShapeError: If one side is empty.

    Example:
        >>> found = logit_health(real=torch.tensor([2.0, 1.0]), fake=torch.tensor([-1.0, 1.5]))
        >>> {name: round(value.item(), 2) for name, value in found.items()}
        {'real_mean': 1.5, 'fake_mean': 0.25, 'real_sign': 1.0, 'fake_sign': 0.0, 'accuracy': 0.75,
         'ranking': 0.75, 'spread': 1.14}
    """
    if not real.numel() or not fake.numel():
        raise ShapeError(
            f"real and fake must hold logits, got {tuple(real.shape)} and {tuple(fake.shape)}"
        )
    # A patch discriminator ranks clips by their means: all pairs of patches would be too many.
    real_clips, fake_clips = (x.float().flatten(1).mean(1) if x.ndim > 1 else x.float().flatten()
                              for x in (real, fake))  # fmt: skip
    real, fake = real.float().flatten(), fake.float().flatten()
    difference = real_clips[:, None] - fake_clips[None, :]
    right = (real > 0).float().mean() + (fake < 0).float().mean()
    return {
        "real_mean": real.mean(),
        "fake_mean": fake.mean(),
        "real_sign": real.sign().mean(),
        "fake_sign": fake.sign().mean(),
        "accuracy": right / 2,
        # A tie is half a win.
        "ranking": (difference.sign().mean() + 1) / 2,
        "spread": torch.cat([real, fake]).std(correction=0),
    }


def norm_of(tensors: Sequence[Tensor]) -> Tensor:
    """Length of all tensors together, which may be sharded; zero if there is none."""
    if not tensors:
        return torch.zeros(())
    norms = torch._foreach_norm([full_precision(tensor) for tensor in tensors])
    return whole(torch.linalg.vector_norm(torch.stack(norms).float()))


@torch.no_grad()
def gradient_norm(network: nn.Module) -> Tensor:
    """Length of the gradient of all parameters of a network together; zero if there is none.

    Args:
        network: After a backward pass.

    Example:
        >>> layer = nn.Linear(2, 1, bias=False); layer(torch.tensor([[3.0, 4.0]])).sum().backward()
        >>> gradient_norm(layer)
        tensor(5.)
    """
    check_module(network, "network")
    return norm_of([p.grad for p in network.parameters() if p.grad is not None])


@torch.no_grad()
def weight_norm(network: nn.Module) -> Tensor:
    """Length of all parameters of a network together.

    Args:
        network: With any parameters.

    Example:
        >>> layer = nn.Linear(2, 1, bias=False)
        >>> layer.load_state_dict({"weight": torch.tensor([[3.0, 4.0]])})
        <All keys matched successfully>
        >>> weight_norm(layer)
        tensor(5.)
    """
    check_module(network, "network")
    return norm_of(list(network.parameters()))


@torch.no_grad()
def spectral_sigmas(network: nn.Module) -> Tensor:
    """Largest singular values of the weights under spectral normalization, as it estimates them.

    They are those of the weights before the division, and grow without bound if nothing holds
    them: a sudden rise comes before most collapses (Brock et al., Large Scale GAN Training for High
    Fidelity Natural Image Synthesis, ICLR 2019, section 4).

    Args:
        network: With :func:`stgan.layers.spectral_norm` or torch's parametrization inside.

    Returns:
        ``(L,)``, one for each such weight; empty if there is none.

    Example:
        >>> from stgan.layers import spectral_norm
        >>> layer = nn.Linear(1, 3, bias=False)
        >>> layer.load_state_dict({"weight": torch.tensor([[0.0], [2.0], [0.0]])})
        <All keys matched successfully>
        >>> spectral_sigmas(nn.Sequential(spectral_norm(layer), nn.ReLU()))
        tensor([2.])
    """
    check_module(network, "network")
    found = list(_sigmas(network))
    return torch.stack(found) if found else torch.zeros(0)


def _sigmas(network: nn.Module) -> Iterator[Tensor]:
    for module in network.modules():
        if not isinstance(module, parametrize.ParametrizationList):
            continue
        for norm in module:
            vectors = getattr(norm, "_u", None), getattr(norm, "_v", None)
            matrix_of = getattr(norm, "_matrix", None) or getattr(
                norm, "_reshape_weight_to_matrix", None
            )
            if matrix_of is not None and vectors[0] is not None and vectors[1] is not None:
                matrix = matrix_of(whole(module.original))
                yield torch.dot(vectors[0], matrix @ vectors[1]).float()


@torch.no_grad()
def sample_diversity(samples: Tensor) -> Tensor:
    r"""Mean distance of two different samples, each distance a mean over all values.

    .. math:: \frac{1}{N (N - 1)} \sum_{i \ne j} \mathrm{mean} \, |x_i - x_j|

    Args:
        samples: ``(N, ...)``, at least two; in [-1, 1] the result lies in [0, 2].

    Raises:
        ShapeError: If there are fewer than two.

    Example:
        >>> sample_diversity(torch.stack([torch.zeros(3, 8, 4, 4), torch.ones(3, 8, 4, 4)]))
        tensor(1.)
    """
    if samples.ndim < 2 or len(samples) < 2:
        raise ShapeError(f"samples must be (N, ...) with N at least 2, got {tuple(samples.shape)}")
    flat = samples.float().flatten(1)
    n = len(flat)
    # One diagonal of the table of pairs after the other: all at once need N times the memory.
    apart = [(flat[k:] - flat[:-k]).abs().mean(1).sum() for k in range(1, n)]
    return 2 * torch.stack(apart).sum() / (n * (n - 1))

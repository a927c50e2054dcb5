"""Networks that only pass gradients on."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from stgan._factories import check_module

__all__ = ["frozen"]


@contextmanager
def frozen(*modules: nn.Module) -> Iterator[None]:
    """Switch off the parameters of networks while gradients flow through them to their input.

    In the generator's step the discriminators' own gradients would be computed and thrown away;
    frozen, they cost nothing. Parameters that were off before stay off afterwards, also after an
    exception, and so do those that an outer ``frozen`` has switched off.

    Networks that are wrapped in ``DistributedDataParallel`` or compiled may be given as they are,
    or as the networks inside. A compiled network is compiled once more, for the frozen state.

    Args:
        *modules: The networks to freeze. Run them inside; what was run before still leads back to
            their parameters.

    Example:
        >>> discriminator, fake = nn.Linear(3, 1), torch.zeros(2, 3, requires_grad=True)
        >>> with frozen(discriminator):
        ...     discriminator(fake).sum().backward()
        >>> discriminator.weight.grad is None, fake.grad is not None
        (True, True)
        >>> discriminator.weight.requires_grad
        True
    """
    for module in modules:
        check_module(module, "a network")
    switched = [p for module in modules for p in module.parameters() if p.requires_grad]
    for parameter in switched:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in switched:
            parameter.requires_grad_(True)

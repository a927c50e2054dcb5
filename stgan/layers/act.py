"""The activation that stgan's networks use unless told otherwise."""

from torch import nn

__all__ = ["leaky_relu"]


def leaky_relu() -> nn.Module:
    """Leaky ReLU of slope 0.2, in place, to be passed as ``act``.

    Example:
        >>> leaky_relu()
        LeakyReLU(negative_slope=0.2, inplace=True)

    References:
        Radford et al., DCGAN, ICLR 2016, section 3 (slope 0.2).
    """
    return nn.LeakyReLU(0.2, inplace=True)

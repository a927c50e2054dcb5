"""Weight initialization of adversarial networks."""

from typing import TypeVar

from torch import nn
from torch.nn.utils import parametrize

from stgan._factories import check_module
from stgan.layers.spectral_norm import spectral_norm as wrap_spectral_norm

__all__ = ["init_normal_"]

# Named one by one: a transposed convolution is no subclass of the forward one.
_CONVS = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
    nn.Linear,
)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
Module = TypeVar("Module", bound=nn.Module)


def init_normal_(
    module: nn.Module, std: float = 0.02, *, convs: bool = True, norms: bool = True
) -> nn.Module:
    r"""Initialize as DCGAN does: weights from :math:`N(0, s)`, norm scales from :math:`N(1, s)`.

    Norm shifts become zero; biases of convolutions keep torch's default.

    Args:
        module: Changed in place, with everything inside it.
        std: Standard deviation :math:`s`.
        convs: Whether convolutions, forward and transposed, and linear maps are initialized.
        norms: Whether batch norms are initialized.

    Returns:
        The same module.

    Raises:
        ValueError: If a weight is already wrapped in a parametrization such as spectral norm,
            where the assignment would be lost or would leave stale vectors behind.

    Example:
        >>> layer = init_normal_(nn.ConvTranspose3d(64, 64, 4), std=0.02)
        >>> round(layer.weight.std().item(), 3)
        0.02

    References:
        Radford et al., DCGAN, ICLR 2016, section 4 (standard deviation 0.02).
    """
    check_module(module, "module")
    for name, layer in module.named_modules():
        if convs and isinstance(layer, _CONVS):
            if parametrize.is_parametrized(layer, "weight"):
                raise ValueError(
                    f"{name or type(layer).__name__} is wrapped in a parametrization; initialize "
                    f"it before it is wrapped"
                )
            nn.init.normal_(layer.weight, 0.0, std)
        elif norms and isinstance(layer, _NORMS) and layer.affine:
            nn.init.normal_(layer.weight, 1.0, std)
            nn.init.zeros_(layer.bias)
    return module


def prepare(
    module: Module,
    *,
    init_std: float | None,
    spectral_norm: bool,
    wrapped: nn.Module | None = None,
) -> Module:
    """Initialize a module, then normalize its weight: in the other order the values would be lost.

    Args:
        module: Changed in place.
        init_std: As ``std`` of :func:`init_normal_`; ``None`` for torch's default.
        spectral_norm: Whether to normalize.
        wrapped: The layer inside whose weight is normalized; ``None`` for the module itself.
    """
    if init_std is not None:
        init_normal_(module, init_std)
    if spectral_norm:
        wrap_spectral_norm(module if wrapped is None else wrapped)
    return module

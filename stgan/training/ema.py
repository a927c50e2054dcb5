"""Exponential moving average of a network's parameters."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from stgan._factories import check_module
from stgan._torchvision import ensure_torchvision
from stgan.training._checkpoint_files import check_fit
from stgan.training._entries import refused

__all__ = ["ExponentialMovingAverage"]


class ExponentialMovingAverage:
    r"""Copy of a network that follows its parameters slowly.

    .. math:: \bar\theta \leftarrow d\,\bar\theta + (1 - d)\,\theta

    Only parameters are averaged. Buffers are copied, because batch-norm statistics are averages
    already, and the singular vectors of spectral normalization, once averaged, no longer fit the
    weights: the averaged network then blows up.

    With ``warmup`` the decay at step :math:`s` is :math:`\min(d, 1 - s^{-2/3})`, so that the
    average forgets the untrained network at once and reaches 0.99 at step 1,000 and 0.999 at step
    31,623.

    Create it after the module is on its device. The averaged network is in eval mode and needs no
    gradient; generate with it, and save it as one more network of the checkpoint.

    Args:
        module: The network to follow; it is copied, never changed.
        decay: Share of the average that stays at each update, in [0, 1).
        warmup: Whether early steps follow quickly, as above.

    Attributes:
        module: The averaged network.
        decay: As given.

    Raises:
        ValueError: If ``decay`` is out of range or the module has no parameters.

    Example:
        >>> network = nn.Linear(1, 1, bias=False)
        >>> nn.init.zeros_(network.weight).item()
        0.0
        >>> average = ExponentialMovingAverage(network, decay=0.75, warmup=False)
        >>> nn.init.ones_(network.weight).item()
        1.0
        >>> average.update(network, step=1)
        >>> average.module.weight.item()
        0.25

    References:
        Karras et al., Progressive Growing of GANs, ICLR 2018, appendix A.1, for
        averaging the generator. The arithmetic and the warm-up (by K. Crowson) are those of
        ``timm.utils.ModelEmaV3``.
    """

    def __init__(self, module: nn.Module, decay: float = 0.999, warmup: bool = True) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay must lie in [0, 1), got {decay}; 0.999 is the usual choice")
        check_module(module, "module")
        if next(module.parameters(), None) is None:
            raise ValueError(
                f"{type(module).__name__} has no parameters to average; pass the network itself"
            )
        ensure_torchvision()
        from timm.utils.model_ema import ModelEmaV3

        self.decay = decay
        self.warmup = warmup
        self._ema: ModelEmaV3 = ModelEmaV3(
            module, decay=decay, use_warmup=warmup, exclude_buffers=True
        )
        self.module: nn.Module = self._ema.module.requires_grad_(False)

    def update(self, module: nn.Module, step: int) -> None:
        """Move the average towards the network; call once after each of its optimizer steps.

        Args:
            module: The network that is followed, or a distributed wrapper around it.
            step: How many updates this one makes, counted from 1: the first one with ``warmup``
                copies the network. Without ``warmup`` it has no effect.

        Raises:
            ValueError: If ``step`` is below 1, or the network does not have the parameters and
                buffers of the average.
        """
        if step < 1:
            raise ValueError(f"step counts updates from 1, got {step}; pass the step just made")
        if self._shapes(module) != self._shapes(self.module):
            raise ValueError(
                f"{type(module).__name__} does not have the parameters and buffers of the average; "
                f"pass the network that the average was made from"
            )
        # Without a step timm uses the decay as it is; with one it copies at the first.
        self._ema.update(module, step=step if self.warmup else None)

    @staticmethod
    def _shapes(module: nn.Module) -> tuple[list[torch.Size], list[torch.Size]]:
        return [p.shape for p in module.parameters()], [b.shape for b in module.buffers()]

    def state_dict(self) -> dict[str, Any]:
        """State of the averaged network, with the names of the network itself."""
        return self.module.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load what :meth:`state_dict`, or that of the network, returned; names must agree.

        Raises:
            CheckpointError: If it is the state of another network, or not finite.
        """
        if not isinstance(state, Mapping):
            raise refused("the average", f"must be a dictionary, got {type(state).__name__}")
        check_fit(state, self.module, "of the average", "the state")
        self.module.load_state_dict(state)

    def __repr__(self) -> str:
        name = type(self.module).__name__
        return f"{type(self).__name__}({name}, decay={self.decay}, warmup={self.warmup})"

"""Arguments that make modules, such as ``act`` and ``norm``: called, or refused in a sentence."""

import inspect
from functools import partial
from typing import Any

from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin

from stgan._excerpt import brief, excerpt
from stgan.typing import Act, Norm

__all__ = [
    "check_factories",
    "check_factory",
    "check_module",
    "factory_name",
    "make",
    "make_act",
    "make_norm",
]

_SUCH_AS = {
    "act": "nn.ReLU",
    "norm": "nn.BatchNorm3d",
    "head": "LinearHead",
    "conv": "ConvTranspose1Plus2d",
    "fusion": "SpatioTemporalFusion",
    "network": "VideoDiscriminator",
}

_LAYOUTS = {1: "(N, C, T)", 2: "(N, C, H, W)", 3: "(N, C, T, H, W)"}
#: How many axes behind batch and channels a norm of torch wants; 0: it does not see the channels.
_AXES_OF_NORMS: dict[type[nn.Module], int] = {
    nn.BatchNorm1d: 1,
    nn.BatchNorm2d: 2,
    nn.BatchNorm3d: 3,
    nn.InstanceNorm1d: 1,
    nn.InstanceNorm2d: 2,
    nn.InstanceNorm3d: 3,
    nn.LayerNorm: 0,
    nn.RMSNorm: 0,
}


def check_factory(factory: Any, name: str) -> None:
    """Refuse what cannot make modules, where it is passed.

    Args:
        factory: A class, a partial of one, or a function.
        name: Of the argument, such as ``"mid_act"``.

    Raises:
        TypeError: If it is a module, which would stand in all places at once, or no function.
    """
    if isinstance(factory, nn.Module):
        cls = factory_name(type(factory))
        raise TypeError(
            f"{name} must make a new module for each place, got a module, {cls}(...); pass {cls} "
            f"itself, or functools.partial({cls}, ...) with its settings"
        )
    if not callable(factory):
        raise TypeError(f"{_wanted(name)}, got {excerpt(factory)}")


def check_factories(**factories: Any) -> None:
    """Refuse what cannot make modules, by the name of its argument; ``None`` makes none."""
    for name, factory in factories.items():
        if factory is not None:
            check_factory(factory, name)


def check_module(value: Any, name: str) -> None:
    """Refuse what is no module, such as a class that is not built yet."""
    if not isinstance(value, nn.Module):
        way_out = f"; build it first, {factory_name(value)}(...)" if callable(value) else ""
        raise TypeError(f"{name} must be a module, got {excerpt(value)}{way_out}")


def make(factory: Any, name: str, *args: Any, **settings: Any) -> Any:
    """Call a factory with what the place of its module needs.

    Raises:
        TypeError: If it is none, takes other arguments, or makes no module.
    """
    check_factory(factory, name)
    try:
        inspect.signature(factory).bind(*args, **settings)
    except ValueError:  # a function in C, which returns tensors
        raise TypeError(f"{_wanted(name)}, got {excerpt(factory)}") from None
    except TypeError as error:
        call = ", ".join([*map(repr, args), *(f"{key}={settings[key]!r}" for key in settings)])
        cls = factory_name(factory)
        fix = f"; functools.partial({cls}, ...) gives what is missing" * ("missing" in str(error))
        raise TypeError(
            f"{name} is called as {name}({brief(call, 100)}), and {cls} refuses that: {error}{fix}"
        ) from None
    made = factory(*args, **settings)
    if not isinstance(made, nn.Module):
        raise TypeError(f"{_wanted(name)}, got {excerpt(made)} from {factory_name(factory)}")
    return made


def make_act(act: Act, name: str = "act") -> nn.Module:
    """Make an activation, or the identity for ``None``."""
    return nn.Identity() if act is None else make(act, name)


def make_norm(norm: Norm, channels: int, *, axes: int) -> nn.Module:
    """Make a norm of so many channels, or the identity for ``None``.

    Args:
        norm: Called with the channels.
        channels: Of the place where it stands.
        axes: Behind batch and channels: 3 of videos, 2 of images, 1 of sequences.

    Raises:
        TypeError: If a norm of torch was made that wants other axes; not every one of them would
            refuse these.
    """
    if norm is None:
        return nn.Identity()
    made: nn.Module = make(norm, "norm", channels)
    # Exactly these: a class derived from one may bring the axes into its order first. A lazy norm
    # takes the number of channels for its eps.
    if _AXES_OF_NORMS.get(type(made), axes) != axes or isinstance(made, LazyModuleMixin):
        raise TypeError(
            f"norm must normalize the channels of {_LAYOUTS[axes]}, as nn.BatchNorm{axes}d or "
            f"functools.partial(nn.GroupNorm, 1) do, got {factory_name(type(made))}"
        )
    return made


def factory_name(factory: Any) -> str:
    """Return what a factory is called in a sentence."""
    made = factory.func if isinstance(factory, partial) else factory
    name = getattr(made, "__name__", type(made).__name__)
    return f"nn.{name}" if getattr(nn, name, None) is made else str(name)


def _wanted(name: str) -> str:
    such = _SUCH_AS.get(name.rpartition("_")[2])
    return f"{name} must be a class or a function that makes a module" + (
        f", such as {such}" if such else ""
    )

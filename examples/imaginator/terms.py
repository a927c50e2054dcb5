"""Terms, penalties and augmentations that the settings name."""

from collections.abc import Mapping
from typing import Any

from torch import nn

import stgan
from examples.imaginator.config import DiscriminatorSettings
from examples.imaginator.parts import read_part
from stgan.augment import AdaptiveAugmentation, ADAugment, DiffAugment
from stgan.errors import ConfigError, PluginError
from stgan.registry import LOSSES, PENALTIES, REGISTRIES, Registry

__all__ = ["build_augmentation", "build_terms"]


def build_terms(
    weights: Mapping[str, float], setting: str, kinds: tuple[type, ...], *, trust: bool
) -> tuple[nn.ModuleDict, dict[str, float]]:
    """Build losses and penalties by their names; return them with their weights.

    Args:
        weights: Name, or YAML mapping of a name and settings, to weight.
        setting: Where they stand, for the error.
        kinds: Classes that may stand there.
        trust: Whether files that they name may be run, see :func:`stgan.build`.

    Raises:
        ConfigError: If one may not stand there or stands there twice, or its weight is not
            positive.
        UnknownNameError: If a name is not registered; suggests the nearest.
    """
    built, weighed = nn.ModuleDict(), {}
    known = [entry for home in (LOSSES, PENALTIES) for entry in home if _is(home, entry, kinds)]
    for text, weight in weights.items():
        if not weight > 0:
            raise ConfigError(f"{setting} {text!r} must have a positive weight, got {weight}")
        config = read_part(text, ("losses", "penalties"), setting, known=known)
        name = config["name"]
        REGISTRIES[config["kind"]][name]  # says why, where another package's cannot be loaded
        if name not in known:
            raise ConfigError(f"{setting} cannot have {name!r}; choose of {', '.join(known)}")
        if name in built:
            raise ConfigError(
                f"{setting} must name each term once, got {name!r} twice; leave out one"
            )
        usual: dict[str, Any] = {}
        if "consistency" in name:  # in whose source images are shifted
            usual["augment"] = DiffAugment("translation")
        built[name] = stgan.build({**usual, **config}, trust=trust)
        weighed[name] = weight
    return built, weighed


def _is(home: Registry, entry: str, kinds: tuple[type, ...]) -> bool:
    try:
        target = home[entry]
    except PluginError:
        return False
    return isinstance(target, type) and issubclass(target, kinds)


def build_augmentation(settings: DiscriminatorSettings, *, trust: bool) -> nn.Module | None:
    """Build what changes all that the discriminators see; ``None`` for nothing."""
    if settings.augment is None:
        return None
    config = read_part(settings.augment, "augmentations", "discriminator.augment")
    augment: nn.Module = stgan.build(config, trust=trust)
    if isinstance(augment, ADAugment) and settings.ada_target is not None:
        return AdaptiveAugmentation(
            augment, target=settings.ada_target, ramp=settings.ada_ramp, max_probability=0.8
        )
    return augment

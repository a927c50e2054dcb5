"""The objective that the settings name: terms of both losses, penalties, augmentation.

With x the real clip, x_0 its image, c the label and t frames of the clip,

    L_G  = w_rec mean|G(x_0, z, c) - x| + w_V g(D_V(G, c)) + w_I g(D_I(G[t])) + more terms
    L_D  = d(D_V(x, c), D_V(G, c)) + d(D_I(x[t']), D_I(G[t])) + penalties of both streams

where g and d are the two halves of an adversarial loss, by default -log D and cross-entropy.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

import stgan
from examples.imaginator.config import DiscriminatorSettings, LossSettings
from examples.imaginator.parts import read_part
from stgan.augment import AdaptiveAugmentation
from stgan.discriminators import TwoStreamDiscriminator
from stgan.errors import ConfigError, PluginError
from stgan.losses import L1Loss, create_family
from stgan.registry import LOSSES, PENALTIES, REGISTRIES, Registry
from stgan.training import Objective

__all__ = ["build_objective"]


def build_objective(
    settings: LossSettings,
    discriminator: DiscriminatorSettings,
    critic: TwoStreamDiscriminator,
    logits: Sequence[str],
    *,
    trust: bool = False,
) -> Objective:
    """Build the objective.

    Args:
        settings: Terms and weights.
        discriminator: Augmentation.
        critic: The streams.
        logits: Names of what they return, such as ``("video", "image")``.
        trust: Whether files that the settings name may be run, see :func:`stgan.build`.

    Raises:
        ConfigError: If a term is none of its loss, or a weight is not positive.
        UnknownNameError: If a name is not registered; suggests the nearest.
    """
    terms: dict[str, tuple[nn.Module, float]] = {
        "reconstruction": (L1Loss(), settings.reconstruction)
    }
    terms |= _terms(settings.generator_terms, "generator", "loss.generator_terms", trust)
    return Objective(
        critic,
        create_family(settings.family),
        generator=terms,
        penalties=_terms(settings.penalties, "discriminator", "loss.penalties", trust),
        stream_weights={name: getattr(settings, name) for name in critic.weights},
        prediction=settings.prediction,
        penalty_every=settings.penalty_every,
        clip_every=settings.clip_singular_values_every,
        augment=_augmentation(discriminator, trust),
        logits=logits,
    )


def _terms(
    weights: Mapping[str, float], player: str, setting: str, trust: bool
) -> dict[str, tuple[nn.Module, float]]:
    known = [name for home in (LOSSES, PENALTIES) for name in home if _player(home, name) == player]
    terms: dict[str, tuple[nn.Module, float]] = {}
    for text, weight in weights.items():
        config = read_part(text, ("losses", "penalties"), setting, known=known)
        name = config["name"]
        target = REGISTRIES[config["kind"]][name]  # says why, where one cannot be loaded
        if getattr(target, "player", None) != player:
            raise ConfigError(f"{setting} cannot have {name!r}; choose of {', '.join(known)}")
        if name in terms:
            raise ConfigError(
                f"{setting} must name each term once, got {name!r} twice; leave out one"
            )
        terms[name] = stgan.build(config, trust=trust), weight
    return terms


def _player(home: Registry, name: str) -> str | None:
    try:
        return getattr(home[name], "player", None)
    except PluginError:
        return None


def _augmentation(settings: DiscriminatorSettings, trust: bool) -> Any:
    """Build what changes all that the discriminators see; ``None`` for nothing."""
    if settings.augment is None:
        return None
    config = read_part(settings.augment, "augmentations", "discriminator.augment")
    augment = stgan.build(config, trust=trust)
    if settings.ada_target is not None and augment.adaptive:
        return AdaptiveAugmentation(
            augment, target=settings.ada_target, ramp=settings.ada_ramp, max_probability=0.8
        )
    return augment

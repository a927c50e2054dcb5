"""An objective from plain data: names and weights become terms, penalties, augmentation."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import stgan.config
from stgan._excerpt import excerpt
from stgan.augment import AdaptiveAugmentation, Augmentation
from stgan.discriminators import TwoStreamDiscriminator
from stgan.errors import ConfigError
from stgan.losses import AdversarialLoss
from stgan.registry import LOSSES, REGISTRIES, unknown_name
from stgan.training.objective import Objective, WeightedTerm

__all__ = ["build_objective"]


def build_objective(
    config: Mapping[str, Any],
    discriminator: TwoStreamDiscriminator,
    *,
    logits: Sequence[str] | None = None,
    trust: bool = False,
) -> Objective:
    """Build an objective from plain data, as a configuration file holds it.

    Args:
        config: ``adversarial``, the name of a loss family, and any of

            - ``generator`` and ``penalties``: names of losses and penalties, each with its weight,
              or with a mapping of ``weight`` and the settings of the term;
            - ``augment``: an augmentation, whose probability is adapted
              (:class:`stgan.augment.AdaptiveAugmentation`, up to 0.8) if it can be; ``adapt`` in
              its mapping holds the settings for that, or ``None`` for a probability that stays;
            - ``stream_weights``, ``prediction``, ``penalty_every`` and ``clip_every``, as
              :class:`Objective` takes them.

            A part is a name, or a mapping of ``name`` and settings.
        discriminator: The streams that are judged by.
        logits: As :class:`Objective` takes them.
        trust: Whether files that the configuration names may be run, see :func:`stgan.build`.

    Raises:
        ConfigError: If a term is none of its loss, needs ``weights`` that are not said, or has no
            finite weight of at least 0.
        UnknownNameError: If a key is none of these, or a name is not registered; suggests the
            nearest.

    Example:
        >>> from stgan.discriminators import VideoDiscriminator
        >>> streams = TwoStreamDiscriminator(video=VideoDiscriminator((4, 16, 16), base_channels=4))
        >>> objective = build_objective(
        ...     {"adversarial": "hinge", "generator": {"l1": 100.0},
        ...      "penalties": {"lecam": {"weight": 0.3, "decay": 0.9}}},
        ...     streams,
        ... )
        >>> list(objective.terms), list(objective.penalties)
        (['l1'], ['lecam'])
    """
    settings = dict(config)
    family = _family(settings.pop("adversarial", "non_saturating"), trust)
    for player in ("generator", "penalties"):
        settings[player] = _terms(settings.get(player) or {}, player, trust)
    settings["augment"] = _augmentation(settings.get("augment"), trust)
    known = inspect.signature(Objective).parameters
    for key in settings:
        if key not in known or key in ("discriminator", "logits"):
            names = ["adversarial", *(name for name in list(known)[2:] if name != "logits")]
            raise unknown_name("an objective", key, names, what="setting")
    return Objective(discriminator, family, logits=logits, **settings)


def _family(config: Any, trust: bool) -> AdversarialLoss:
    family = stgan.config.build(config, kind="losses", trust=trust)
    if not isinstance(family, AdversarialLoss):
        known = [name for name in LOSSES if hasattr(LOSSES[name], "generator_half")]
        raise ConfigError(
            f"adversarial must be a loss with a half for each player, got {excerpt(config)}; "
            f"choose one of {', '.join(known)}"
        )
    return family


def _terms(config: Any, player: str, trust: bool) -> dict[str, WeightedTerm]:
    if not isinstance(config, Mapping):
        raise ConfigError(f"{player} must map names of terms to weights, got {excerpt(config)}")
    terms: dict[str, WeightedTerm] = {}
    for name, told in config.items():
        if isinstance(told, Mapping):
            settings = {"name": name, **told}
            weight = settings.pop("weight", None)
        else:
            settings, weight = {"name": name}, told
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise ConfigError(f"{player} must give the term {name!r} a weight, got {excerpt(told)}")
        kind = "penalties" if settings["name"] in REGISTRIES["penalties"] else "losses"
        _check_weights_said(kind, settings, player)
        terms[str(name)] = stgan.config.build(settings, kind=kind, trust=trust), float(weight)
    return terms


def _check_weights_said(kind: str, settings: Mapping[str, Any], player: str) -> None:
    """Refuse features of random weights, unless somebody asks for just them."""
    target = REGISTRIES[kind][settings["name"]]
    if "weights" in inspect.signature(target).parameters and "weights" not in settings:
        raise ConfigError(
            f"{player} must say which weights the network of {settings['name']!r} has, got none; "
            f"give weights: pretrained, the path of a file, or null for random ones"
        )


def _augmentation(config: Any, trust: bool) -> Augmentation | None:
    """Build what changes all that the discriminators see; ``None`` for nothing."""
    if config is None:
        return None
    adapt: Any = {}
    if isinstance(config, Mapping):
        config = dict(config)
        adapt = config.pop("adapt", {})
    augment: Augmentation = stgan.config.build(config, kind="augmentations", trust=trust)
    if not augment.adaptive or adapt is None:
        return augment
    settings = {"max_probability": 0.8, **adapt}  # beyond, augmented clips would be learned
    known = list(inspect.signature(AdaptiveAugmentation).parameters)[1:]
    for key in settings:
        if key not in known:
            raise unknown_name("adapt", key, known, what="setting")
    return AdaptiveAugmentation(augment, **settings)

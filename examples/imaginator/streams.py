"""The discriminators: streams, their heads and their frame samplers, by the names in the settings.

Each stream is told the geometry that all networks share, as it asks for it; whatever else a part
can be told goes into its setting.
"""

import inspect
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import stgan
from examples.imaginator.config import DiscriminatorSettings, ModelSettings
from examples.imaginator.parts import read_part
from stgan.discriminators import (
    Discriminator,
    FrameSampler,
    StreamSpec,
    TwoStreamDiscriminator,
)
from stgan.errors import ConfigError, PluginError
from stgan.registry import DISCRIMINATORS, HEADS, SAMPLERS
from stgan.shapes import Stage

__all__ = ["build_discriminator"]


def build_discriminator(
    settings: DiscriminatorSettings,
    model: ModelSettings,
    *,
    stages: Sequence[Stage],
    num_classes: int,
    trust: bool = False,
) -> TwoStreamDiscriminator:
    """Build the streams that settings name.

    Args:
        settings: Of the streams.
        model: Size of the clips and width of the networks.
        stages: Geometry of the networks, coarse to fine.
        num_classes: K.
        trust: Whether files that the settings name may be run, see :func:`stgan.build`.

    Raises:
        ConfigError: If a part cannot do what it is asked to, or settings do not go together.
        UnknownNameError: If a name is not registered; suggests the nearest.
    """
    make = partial(_stream, settings, model, stages, num_classes, trust)
    if settings.video is None and settings.image is None:
        raise ConfigError("discriminator.video and discriminator.image are both none; name one")
    return TwoStreamDiscriminator(
        video=None if settings.video is None else make("video", settings.video),
        image=None if settings.image is None else make("image", settings.image),
    )


def _stream(
    settings: DiscriminatorSettings,
    model: ModelSettings,
    stages: Sequence[Stage],
    num_classes: int,
    trust: bool,
    stream: Literal["video", "image"],
    text: str,
) -> StreamSpec:
    config = read_part(text, "discriminators", f"discriminator.{stream}")
    name = config["name"]
    target: Any = DISCRIMINATORS[name]
    if getattr(target, "stream", None) != stream:
        known = [other for other in DISCRIMINATORS if _judges(other) == stream]
        raise ConfigError(
            f"discriminator.{stream} must judge {'frames' if stream == 'image' else 'clips'}, got "
            f"{name!r}; choose one of {', '.join(known)}"
        )
    sampler = _sampler(settings, stream, target, trust)
    frames = model.num_frames
    if stream == "video" and sampler is not None:
        frames = sampler(1, model.num_frames).shape[1]
    width = model.base_channels if settings.channels is None else settings.channels
    usual = {"base_channels": width, "max_channels": 8 * width} | target.clip_settings(
        (model.num_frames, *model.image_size),
        frames=frames,
        stages=None if "network" in config else stages,
    )
    head, about_label = _head(settings, stream, target, num_classes)
    # A head that names the classes is not told them.
    labeled = (stream == "video" or settings.image_label) and about_label != "predicts"
    usual["num_classes"] = num_classes if labeled else 0
    network = stgan.build({**usual, **head, **config}, trust=trust)
    return StreamSpec(network, sampler=sampler, labeled=labeled)


def _judges(name: str) -> str | None:
    try:
        return getattr(DISCRIMINATORS[name], "stream", None)
    except PluginError:
        return None


def _head(
    settings: DiscriminatorSettings, stream: str, target: type[Discriminator], num_classes: int
) -> tuple[dict[str, Any], str]:
    """Return what a network is told of its head, and what that has to do with the label."""
    text = settings.video_head if stream == "video" else settings.image_head
    if text is None:
        return {}, "nothing"
    setting = f"discriminator.{stream}_head"
    if not target.takes_head():
        same: Any = {
            name: DISCRIMINATORS[name] for name in DISCRIMINATORS if _judges(name) == stream
        }
        able = [name for name, other in same.items() if other.takes_head()]
        raise ConfigError(
            f"{setting} goes with {' or '.join(able)}, got a {target.__name__}, whose head is its "
            f"own"
        )
    config = read_part(text, "heads", setting)
    about_label = getattr(HEADS[config["name"]], "about_label", "nothing")
    given = {key: value for key, value in config.items() if key not in ("kind", "name")}
    if about_label != "nothing" and stream == "image" and not settings.image_label:
        raise ConfigError(
            f"{setting} {config['name']!r} is about the label; set discriminator.image_label too"
        )
    if about_label == "predicts":
        given["num_classes"] = num_classes
    made: dict[str, Any] = {"head": {"factory": f"heads/{config['name']}", **given}}
    if about_label == "told":
        made["label_to"] = "head"
    return made, about_label


def _sampler(
    settings: DiscriminatorSettings, stream: str, target: type[Discriminator], trust: bool
) -> FrameSampler | None:
    """Build the sampler of a stream; ``None`` if it sees whole clips."""
    text = settings.image_sampler if stream == "image" else settings.video_sampler
    if text is None and target.usual_sampler is None:
        return None
    if text is None:
        config: Any = {"kind": "samplers", "name": SAMPLERS.name_of(target.usual_sampler)}
    else:
        config = read_part(text, "samplers", f"discriminator.{stream}_sampler")
    count = settings.num_frames
    # What lies between frames takes two of them.
    usual = {"count": count if stream == "image" else max(count, 2)}
    usual["per_clip"] = settings.frames_per_clip
    told = inspect.signature(SAMPLERS[config["name"]]).parameters
    sampler: FrameSampler = stgan.build(
        {**{key: value for key, value in usual.items() if key in told}, **config}, trust=trust
    )
    return sampler

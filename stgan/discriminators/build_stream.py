"""Build a stream of a two-stream discriminator from its name, or a mapping of its settings."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Literal

import torch

from stgan._checks import triple
from stgan._excerpt import excerpt
from stgan.config import build, of_kind
from stgan.discriminators._base import Discriminator
from stgan.discriminators.samplers import FrameSampler, RandomFrames
from stgan.discriminators.stream_spec import StreamSpec
from stgan.errors import ConfigError, PluginError, UnknownNameError
from stgan.registry import DISCRIMINATORS, HEADS
from stgan.shapes import Stage

__all__ = ["build_stream"]


def build_stream(
    config: str | Mapping[str, Any],
    *,
    size: tuple[int, int, int],
    stages: Sequence[Stage] | None = None,
    num_classes: int = 0,
    base_channels: int | None = None,
    stream: Literal["video", "image"] = "video",
    trust: bool = False,
) -> StreamSpec:
    """Build a discriminator for clips of a size, with its head and its frame sampler.

    Args:
        config: The name of a registered discriminator, or a mapping of its ``name``, its settings,
            which go before all that follows from the other arguments, and

            - ``head``: the name of a registered head, or a mapping of its ``name`` and settings;
              one that takes the label, or predicts it, is given ``num_classes``. Without it, the
              discriminator's default head.
            - ``sampler``: the name of a registered frame sampler, or a mapping of its ``name`` and
              settings; its ``count`` is 1 in an image stream and 2 in a video stream unless set.
              Without it, the sampler of the discriminator's paper, or else one random frame of
              each clip in an image stream and the whole clip in a video stream.
            - ``label``: whether it is conditioned on the label; by default a video stream is, if
              there are classes, and an image stream is not.
        size: ``(T, H, W)`` of the clips.
        stages: Geometry of the other networks, coarse to fine, for discriminators that can share
            it; ``None`` for their own plan.
        num_classes: K; 0 for no classes.
        base_channels: Width of the finest stage; the widest stage then has 8 times as many
            channels at most. ``None`` for the discriminator's default.
        stream: ``"video"`` for a discriminator of clips, ``"image"`` for one of frames.
        trust: Whether files that the configuration names may be run, see :func:`stgan.build`.

    Returns:
        The stream, for a :class:`TwoStreamDiscriminator`.

    Raises:
        ConfigError: If a setting is not one of the part that it is given to, or settings
            contradict each other.
        UnknownNameError: If a name is not registered; suggests the nearest.

    Example:
        >>> from stgan.discriminators import TwoStreamDiscriminator, build_stream
        >>> clips = {"size": (16, 32, 32), "num_classes": 6, "base_channels": 8}
        >>> image = {"name": "image", "head": "projection", "label": True}
        >>> discriminator = TwoStreamDiscriminator(
        ...     video=build_stream("video", **clips),
        ...     image=build_stream(image, stream="image", **clips),
        ... )
        >>> build_stream({"name": "frame_merge", "sampler": {"name": "sub_clip", "count": 3}},
        ...              **clips).sampler
        SubClip(3, stride=1)
    """
    size = triple(size, "size")
    settings = of_kind(config, ("discriminators",))
    head, sampler_config = settings.pop("head", None), settings.pop("sampler", None)
    label = settings.pop("label", None)
    num_classes = settings.get("num_classes", num_classes)
    discriminator = _of_stream(settings["name"], stream)
    takes = _settings_taken(discriminator)
    if label is None:
        label = stream == "video" and num_classes > 0 and takes("num_classes")
    elif not isinstance(label, bool):
        raise ConfigError(f"label must be true or false, got {excerpt(label)}")
    elif label and not num_classes:
        raise ConfigError("label is true, but there are no classes; give num_classes")
    elif label and not takes("num_classes"):
        raise ConfigError(f"label is true, but {settings['name']!r} takes no num_classes")
    sampler = _sampler(sampler_config, discriminator, stream, size[0], trust)
    frames = size[0]
    if sampler is not None:
        with _naming("sampler"):  # it may need longer clips
            seen = sampler(1, size[0], generator=torch.Generator()).shape[1]
        frames = seen if stream == "video" else frames
    about_label, of_head = _head(head, discriminator, label, num_classes)
    # A head that predicts the label is not given it.
    label = label and about_label != "predicts"
    usual: dict[str, Any] = {"num_classes": num_classes if label else 0}
    if base_channels is not None:
        usual |= {"base_channels": base_channels, "max_channels": 8 * base_channels}
    usual = {name: value for name, value in usual.items() if takes(name)}
    # Another network inside may not take stages.
    usual |= discriminator.clip_settings(
        size, frames=frames, stages=None if "network" in settings else stages
    )
    network = build({**usual, **of_head, **settings}, trust=trust)
    return StreamSpec(network, sampler=sampler, labeled=label)


@contextmanager
def _naming(setting: str) -> Iterator[None]:
    """Say in an error about a part which setting it stands in."""
    try:
        yield
    except UnknownNameError as error:
        raise UnknownNameError(f"{setting}: {error}") from None
    except ValueError as error:
        raise ConfigError(f"{setting}: {error}") from error


def _judging(stream: str) -> dict[str, Any]:
    """The discriminators of a stream, without those of packages that cannot be imported."""
    found: dict[str, Any] = {}
    for name in DISCRIMINATORS:
        with suppress(PluginError):
            found[name] = DISCRIMINATORS[name]
    return {name: each for name, each in found.items() if getattr(each, "stream", None) == stream}


def _of_stream(name: str, stream: str) -> type[Discriminator]:
    """Look up a discriminator, and refuse one of the other stream."""
    if stream not in ("video", "image"):
        raise ValueError(f"stream must be 'video' or 'image', got {stream!r}")
    discriminator: Any = DISCRIMINATORS[name]
    if getattr(discriminator, "stream", None) != stream:
        raise ConfigError(
            f"the {stream} stream must judge {'frames' if stream == 'image' else 'clips'}, got "
            f"{name!r}; choose one of {', '.join(_judging(stream))}"
        )
    found: type[Discriminator] = discriminator
    return found


def _settings_taken(discriminator: type[Discriminator]) -> Callable[[str], bool]:
    """Return what tells whether a discriminator takes a setting, or passes it on."""
    parameters = inspect.signature(discriminator).parameters
    passes_on = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    return lambda name: name in parameters or passes_on


def _sampler(
    config: Any, discriminator: type[Discriminator], stream: str, num_frames: int, trust: bool
) -> FrameSampler | None:
    # Motion between frames takes two of them.
    count = 1 if stream == "image" else 2
    if config is not None:
        with _naming("sampler"):
            sampler: FrameSampler = build(
                config, kind="samplers", given={"count": count}, trust=trust
            )
        return sampler
    make = discriminator.usual_sampler
    if make is None:
        return RandomFrames(count) if stream == "image" else None
    return make(count) if "count" in inspect.signature(make).parameters else make()


def _head(
    config: Any, discriminator: type[Discriminator], label: bool, num_classes: int
) -> tuple[str, dict[str, Any]]:
    """Return what a head has to do with the label, and the settings that make it."""
    if config is None:
        return "nothing", {}
    if not discriminator.takes_head():
        same = _judging(discriminator.stream)
        able = [name for name, other in same.items() if other.takes_head()]
        raise ConfigError(
            f"head goes with {' or '.join(able)}, got a {discriminator.__name__}, whose head is "
            f"its own"
        )
    if isinstance(config, Mapping) and "factory" in config:  # as stgan.build takes it
        return "nothing", {"head": config}
    with _naming("head"):
        settings = of_kind(config, ("heads",))
    name = settings.pop("name")
    del settings["kind"]
    about_label = getattr(HEADS[name], "about_label", "nothing")
    if about_label == "told" and not label:
        raise ConfigError(
            f"head {name!r} takes the label as its condition, and the stream is not given it; set "
            f"label to true and num_classes to the number of classes, or choose another head"
        )
    if about_label == "predicts":
        settings = {"num_classes": num_classes, **settings}
    made: dict[str, Any] = {"head": {"factory": f"heads/{name}", **settings}}
    if about_label == "told":
        made["label_to"] = "head"
    return about_label, made

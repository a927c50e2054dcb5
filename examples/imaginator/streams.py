"""The discriminators: streams, their heads and their frame samplers, by the names in the settings.

Each stream is told the geometry that all networks share. What its method asks for, such as the two
frames of ``pair``, is known here; whatever else a part can be told goes into its setting.
"""

import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

import stgan
from examples.imaginator.config import DiscriminatorSettings, ModelSettings
from examples.imaginator.parts import read_part
from stgan.discriminators import FrameSampler, StreamSpec, TwoStreamDiscriminator
from stgan.errors import ConfigError
from stgan.registry import DISCRIMINATORS, SAMPLERS
from stgan.shapes import Stage

__all__ = ["build_discriminator"]

# These take any head.
_HEADED = {"video": ("video", "first_frame_video"), "image": ("image", "first_frame_image")}
# Planned as the other networks are; the rest plan for themselves.
_STAGED = (*_HEADED["video"], *_HEADED["image"], "video_residual", "image_residual")
# These judge a few frames by the time between them, drawn as in their papers.
_TIMED = {"pair": "beta_pair", "frame_merge": "sparse_span"}


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
    known = [other for other in DISCRIMINATORS if _judges(other) == stream]
    if name not in known:
        raise ConfigError(
            f"discriminator.{stream} must judge {'frames' if stream == 'image' else 'clips'}, got "
            f"{name!r}; choose one of {', '.join(known)}"
        )
    sampler = _sampler(settings, stream, name, trust)
    frames = model.num_frames
    if stream == "video" and sampler is not None:
        frames = sampler(1, model.num_frames).shape[1]
    width = model.base_channels if settings.channels is None else settings.channels
    usual: dict[str, Any] = {"base_channels": width, "max_channels": 8 * width}
    single = stream == "image" or name in _TIMED
    usual["input_size"] = model.image_size if single else (frames, *model.image_size)
    if name in _STAGED and "network" not in config and frames == model.num_frames:
        usual["stages"] = tuple(stages)
    if name == "pair":
        usual["num_frames"] = model.num_frames
    if name == "frame_merge":
        usual |= {"num_frames": frames, "max_difference": model.num_frames}
    head, chosen = _head(settings, stream, name, num_classes)
    # A head that names the classes is not told them.
    labeled = (stream == "video" or settings.image_label) and chosen != "auxiliary_classifier"
    usual["num_classes"] = num_classes if labeled else 0
    network = stgan.build({**usual, **head, **config}, trust=trust)
    # Beside its image a frame is judged as a part of its clip.
    alone = stream == "image" and name != "first_frame_image"
    seen = model.image_size if alone else (frames, *model.image_size)
    promised = network.output_shape((1, 3, *seen))
    shapes = promised.values() if isinstance(promised, Mapping) else [promised]
    return StreamSpec(
        network,
        takes="frames" if alone else "clip",
        sampler=sampler,
        labeled=labeled,
        timed=name in _TIMED,
        with_image=name.startswith("first_frame"),
        patch=any(len(shape) > 1 for shape in shapes),
    )


def _judges(name: str) -> str | None:
    """Tell what an entry judges, which those of other packages say by their names too."""
    if name == "two_stream":
        return None
    return "image" if name.startswith("image") or name == "first_frame_image" else "video"


def _head(
    settings: DiscriminatorSettings, stream: str, name: str, num_classes: int
) -> tuple[dict[str, Any], str | None]:
    """Return what a network is told of its head, and the name of the head."""
    text = settings.video_head if stream == "video" else settings.image_head
    if text is None:
        return {}, None
    setting = f"discriminator.{stream}_head"
    if name not in _HEADED[stream]:
        raise ConfigError(
            f"{setting} goes with {' or '.join(_HEADED[stream])}, got {name!r}, whose head is its "
            f"own"
        )
    config = read_part(text, "heads", setting)
    head = config["name"]
    given = {key: value for key, value in config.items() if key not in ("kind", "name")}
    needs_label = head in ("projection", "auxiliary_classifier")
    if needs_label and stream == "image" and not settings.image_label:
        raise ConfigError(
            f"{setting} {head!r} is about the label; set discriminator.image_label too"
        )
    if head == "auxiliary_classifier":
        given["num_classes"] = num_classes
    made: dict[str, Any] = {"head": {"factory": f"heads/{head}", **given}}
    if head == "projection":
        made["label_to"] = "head"
    return made, head


def _sampler(
    settings: DiscriminatorSettings, stream: str, name: str, trust: bool
) -> FrameSampler | None:
    """Build the sampler of a stream; ``None`` if it sees whole clips."""
    text = settings.image_sampler if stream == "image" else settings.video_sampler
    text = text or _TIMED.get(name)
    if text is None:
        return None
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

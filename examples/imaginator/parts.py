"""Names in the settings become classes of the library, once and before anything is built."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

import stgan
from examples.imaginator.config import ModelSettings
from stgan.config import load_yaml
from stgan.errors import ConfigError
from stgan.registry import ENCODERS, FUSIONS, LAYERS, REGISTRIES, unknown_name

__all__ = ["Parts", "find_parts", "read_part"]


@dataclass(frozen=True)
class Parts:
    """The classes that the names in the settings stand for.

    Attributes:
        encoder: Called as :class:`stgan.encoders.ImageEncoder`.
        conv: Called as :class:`stgan.layers.ConvTranspose1Plus2d`.
        fusion: Called as :class:`stgan.blocks.SpatioTemporalFusion`.
    """

    encoder: Callable[..., nn.Module]
    conv: Callable[..., nn.Module]
    fusion: Callable[..., nn.Module]


def find_parts(settings: ModelSettings) -> Parts:
    """Look up the parts that settings name; beyond here no part is known by its name.

    Raises:
        UnknownNameError: If a name is not registered; suggests the nearest.
        ValueError: If settings do not go together.
    """
    fusion: Callable[..., nn.Module] = FUSIONS[settings.fusion]
    able = "lazy" in inspect.signature(fusion).parameters
    if settings.lazy_fusion and not able:
        raise ValueError(
            f"lazy_fusion goes with a fusion that takes lazy= only, such as 'concat', got "
            f"{settings.fusion!r}; leave one of them out"
        )
    if able and settings.lazy_fusion is not False:
        fusion = partial(fusion, lazy=True)
    return Parts(encoder=_find_encoder(settings), conv=_find_conv(settings.conv), fusion=fusion)


def read_part(
    text: str, kinds: str | Sequence[str], setting: str, *, known: Sequence[str] | None = None
) -> dict[str, Any]:
    """Read a part that a setting names, as a configuration for :func:`stgan.build`.

    Args:
        text: Its name, or a YAML mapping of its name and settings.
        kinds: Its registry, such as ``"samplers"``, or several where it may stand.
        setting: Where the text stands, for the error.
        known: The entries that may stand there, for the error; ``None`` for all.

    Raises:
        ConfigError: If the text is neither.
        UnknownNameError: If the name is not registered; suggests the nearest.

    Example:
        >>> read_part("{name: sub_clip, stride: 2}", "samplers", "discriminator.video_sampler")
        {'kind': 'samplers', 'name': 'sub_clip', 'stride': 2}
    """
    kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    content = load_yaml(text, setting)
    config = {"name": content} if isinstance(content, str) else content
    if not isinstance(config, dict) or not isinstance(config.get("name"), str):
        raise ConfigError(
            f"{setting} must be a name or a mapping with one, such as "
            f"'{{name: {next(iter(REGISTRIES[kinds[0]]))}}}', got {text!r}"
        )
    name = config["name"]
    for kind in kinds:
        if name in REGISTRIES[kind]:
            return {"kind": kind, **config}
    if known is not None:
        raise unknown_name(setting, name, known)
    raise unknown_name(
        " and ".join(kinds), name, [entry for kind in kinds for entry in REGISTRIES[kind]]
    )


def _find_conv(name: str) -> Callable[..., nn.Module]:
    known = [*stgan.list("layers", "conv_transpose_*"), *stgan.list("layers", "resize_*")]
    if name not in LAYERS:  # the nearest of those that would do, not of all layers
        raise unknown_name("layers", name, known)
    conv: Callable[..., nn.Module] = LAYERS[name]
    if name not in known:
        raise ValueError(
            f"conv must be a convolution that upsamples, got {name!r}; choose one of "
            f"{', '.join(known)}"
        )
    return conv


def _find_encoder(settings: ModelSettings) -> Callable[..., nn.Module]:
    name, slash, network = settings.encoder.partition("/")
    encoder: Callable[..., nn.Module] = ENCODERS[name]
    options: dict[str, Any] = {
        "weights": settings.encoder_weights,
        "frozen": settings.encoder_frozen,
        "input_size": settings.encoder_input_size,
    }
    if "model" in inspect.signature(encoder).parameters:
        if not network:
            raise ValueError(
                f"encoder {settings.encoder!r} must name a network of timm, such as 'timm/resnet18'"
            )
        return partial(encoder, model=network, **options)
    if slash:
        raise ValueError(
            f"encoder {name!r} has no networks to choose from, got {settings.encoder!r}; a network "
            f"of timm is 'timm/{network}'"
        )
    given = [f"encoder_{key}" for key, value in options.items() if value]
    if given:
        raise ValueError(
            f"{', '.join(given)} can be set for a network of timm only, such as encoder "
            f"'timm/resnet18', got {settings.encoder!r}"
        )
    return encoder

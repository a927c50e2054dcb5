"""Names in the settings become classes of the library, once and before anything is built."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

import stgan
from examples.imaginator.config import ModelSettings
from stgan.encoders import TimmEncoder
from stgan.registry import ENCODERS, FUSIONS, LAYERS

__all__ = ["Parts", "find_parts"]


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
    if settings.lazy_fusion:
        if settings.fusion != "concat":
            raise ValueError(
                f"lazy_fusion goes with the fusion 'concat' only, got {settings.fusion!r}; leave "
                f"one of them out"
            )
        fusion = partial(fusion, lazy=True)
    return Parts(encoder=_find_encoder(settings), conv=_find_conv(settings.conv), fusion=fusion)


def _find_conv(name: str) -> Callable[..., nn.Module]:
    conv: Callable[..., nn.Module] = LAYERS[name]
    known = [*stgan.list("layers", "conv_transpose_*"), *stgan.list("layers", "resize_*")]
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
    if encoder is TimmEncoder:
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

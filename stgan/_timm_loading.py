"""Networks of timm as lists of feature maps, with weights that are the asked ones or an error."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from stgan._excerpt import did_you_mean, excerpt, nearest, reason
from stgan._tensor_files import read_state_dict
from stgan._torchvision import ensure_torchvision
from stgan.errors import CheckpointError, ShapeError, UnknownNameError

__all__ = ["create_backbone", "feature_shapes", "input_statistics"]


def create_backbone(
    model: str, input_size: tuple[int, int] | None, weights: str | Path | None
) -> nn.Module:
    """Build a network of timm that returns its feature maps, finest first.

    Args:
        model: A name of timm, with or without the tag of its weights.
        input_size: ``(height, width)`` that it will see; ``None`` if it shall take any.
        weights: ``None``, ``"pretrained"`` or a file; see
            :class:`stgan.encoders.TimmEncoder`.

    Raises:
        UnknownNameError: If timm has no such network.
        ValueError: If the network gives no feature maps, or shall take any size and cannot.
        CheckpointError: If the weights are missing or do not belong to the network.
    """
    ensure_torchvision()
    import timm

    _check_name(model)
    settings: dict[str, Any] = {"features_only": True}
    if _published(model).fixed_input_size:
        if input_size is None:
            raise ValueError(
                f"timm's {model} takes images of one size only; set input_size, for instance to "
                f"{_usual_size(model)}"
            )
        settings["img_size"] = input_size
    try:
        plain: nn.Module = timm.create_model(model, **settings)
    except Exception as error:  # every family has its own way to refuse
        size = input_size or "any size"
        raise ValueError(
            f"timm's {model} gives no feature maps for images of {size}: {error}; choose another "
            f"model or input_size"
        ) from error
    if weights is None:
        return plain
    if str(weights) == "pretrained":
        return _with_published_weights(model, settings)
    return _with_weights_of_file(model, settings, Path(weights))


def _with_published_weights(model: str, settings: dict[str, Any]) -> nn.Module:
    import timm

    try:
        with _quiet():
            backbone: nn.Module = timm.create_model(model, pretrained=True, **settings)
    except Exception as error:  # of the network, the hub, or timm where none were published
        raise CheckpointError(
            f"cannot get published weights of timm's {model} ({reason(error)}); without a "
            f"network, download its file elsewhere and give its path as weights"
        ) from error
    return backbone


def _with_weights_of_file(model: str, settings: dict[str, Any], path: Path) -> nn.Module:
    import timm
    from timm.models import load_state_dict

    if not path.is_file():
        raise CheckpointError(
            f"weights file {path} does not exist; give the path of a .pth or .safetensors file, or "
            f"'pretrained' to download published weights"
        )
    read_state_dict(path)  # refuses what timm would read
    state = load_state_dict(str(path), weights_only=True)
    whole = settings | {"features_only": False}
    names = _published(model).classifier or ()
    heads = (names,) if isinstance(names, str) else names
    # A classifier of any number of classes will do, or none: it is not part of the backbone.
    classes = max((len(state[f"{h}.weight"]) for h in heads if f"{h}.weight" in state), default=0)
    try:
        # Only whole networks are loaded strictly: timm would let a backbone go without.
        source = timm.create_model(
            model,
            pretrained=True,
            pretrained_cfg_overlay={"state_dict": state, "num_classes": classes},
            num_classes=classes,
            **whole,
        )
        with _quiet():
            backbone: nn.Module = timm.create_model(
                model, pretrained=True, pretrained_cfg_overlay={"file": str(path)}, **settings
            )
    except Exception as error:
        raise CheckpointError(
            f"{path} holds no weights of timm's {model}: {reason(error)}; give the state dict of "
            f"this model, and where only positions have other sizes set input_size to "
            f"{_usual_size(model)}"
        ) from error
    # Wrapped for its features, a network has dots replaced in its names, or a prefix before them.
    known = {name.replace(".", "_"): tensor for name, tensor in source.state_dict().items()}
    for name, tensor in backbone.state_dict().items():
        flat = name.replace(".", "_")
        found = known.get(flat, known.get(flat.removeprefix("model_").removeprefix("body_")))
        if found is None or not torch.equal(found, tensor):
            raise CheckpointError(
                f"timm leaves {name} of {model} without the weights of {path}; choose another model"
            )
    return backbone


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep timm from noting that a classifier is left over, as it must be."""
    logger = logging.getLogger("timm")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _check_name(model: str) -> None:
    import timm

    arch, _, tag = model.partition(".")
    known = timm.list_models()
    if arch not in known:
        raise UnknownNameError(
            f"timm has no model named {excerpt(arch)}; {did_you_mean(nearest(arch, known, 3))}see "
            f"timm.list_models()"
        )
    tagged = timm.list_models(f"{arch}.*", pretrained=True)
    if tag and model not in tagged:
        raise UnknownNameError(
            f"timm has no weights tagged {tag!r} of {arch}; known: {', '.join(tagged) or 'none'}"
        )


def feature_shapes(
    backbone: nn.Module, input_size: tuple[int, int], model: str
) -> tuple[tuple[int, int, int], ...]:
    """Channels, height and width of every feature map, found by a run on one blank image.

    Args:
        backbone: From :func:`create_backbone`.
        input_size: ``(height, width)`` that it sees.
        model: Its name, for the error.

    Raises:
        ShapeError: If it cannot take images of this size.
    """
    _check_patches(backbone, input_size, model)
    modes = [module.training for module in backbone.modules()]
    backbone.eval()
    try:
        with torch.no_grad():
            maps = backbone(torch.zeros(1, 3, *input_size))
    except Exception as error:  # every family has its own way to refuse
        raise ShapeError(
            f"timm's {model} cannot take images of {input_size}: {reason(error)}; set "
            f"input_size to a size that it can, such as {_usual_size(model)}"
        ) from error
    for module, mode in zip(backbone.modules(), modes, strict=True):
        module.training = mode
    shapes = [tuple(channels_first(backbone, found).shape[1:]) for found in maps]
    return tuple((c, h, w) for c, h, w in shapes)


def _check_patches(backbone: nn.Module, input_size: tuple[int, int], model: str) -> None:
    """Refuse images of which timm would leave out the rows or columns that make no whole patch."""
    from timm.layers.patch_embed import PatchEmbed

    for module in backbone.modules():
        if isinstance(module, PatchEmbed) and not module.dynamic_img_pad:
            patch = tuple(module.patch_size)
            whole = tuple(-(-side // p) * p for side, p in zip(input_size, patch, strict=True))
            if whole != input_size:
                raise ShapeError(
                    f"timm's {model} looks at patches of {patch}, which do not make up images of "
                    f"{input_size}; set input_size to {whole} or another multiple"
                )


def channels_first(backbone: nn.Module, features: Tensor) -> Tensor:
    """Return a feature map as ``(N, C, H, W)``, also where the network keeps channels last."""
    layout = str(getattr(getattr(backbone, "output_fmt", None), "value", "NCHW"))
    return features.permute(0, 3, 1, 2) if layout == "NHWC" else features


def input_statistics(model: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of the pixels in [0, 1] that a network of timm was made for.

    Args:
        model: A name of timm.
    """
    published = _published(model)
    return tuple(published.mean), tuple(published.std)


def _usual_size(model: str) -> tuple[int, ...]:
    return tuple(_published(model).input_size[1:])


def _published(model: str) -> Any:
    """What timm says of the published weights of a network, or its own default."""
    import timm
    from timm.models import PretrainedCfg

    return timm.get_pretrained_cfg(model) or PretrainedCfg()

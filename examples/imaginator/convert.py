"""Turn published ImaGINator weights into weights of this recipe.

    python -m examples.imaginator.convert official.pth out.safetensors

The published layout numbers the layers of ``nn.Sequential`` and keeps spectral norm's vectors in
``weight_orig``, ``weight_u`` and ``weight_v``. Code inside a file is never run.
"""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from torch import Tensor

from stgan.cli import interruptible, user_errors
from stgan.config import load_yaml
from stgan.errors import CheckpointError, printable
from stgan.io import convert_weights, rename_weights
from stgan.registry import LOSSES, PENALTIES, SAMPLERS

_UP_STAGE = {0: "conv.temporal", 1: "conv.norm", 3: "conv.spatial", 4: "norm"}
_UP_STAGES = ("block1", "block2", "block3", "block4", "to_rgb")
# Published place -> place here. The last layer of a discriminator is its head.
_LAYOUTS: dict[str, dict[str, str]] = {
    "generator": {
        **{f"enc.b{i + 1}.0": f"encoder.stages.{i}.conv" for i in range(4)},
        **{f"enc.b{i + 1}.1": f"encoder.stages.{i}.norm" for i in range(4)},
        "enc.b5.0": "encoder.head",
        **{
            f"dec.{block}.conv.{j}": f"decoder.stages.{i}.{name}"
            for i, block in enumerate(_UP_STAGES)
            for j, name in _UP_STAGE.items()
        },
    },
    "video_discriminator": {
        "net1.0": "stages.0.conv",
        **{f"net2.{2 * i}": f"stages.{i + 1}.conv" for i in range(3)},
        "net2.6": "head",
    },
    "image_discriminator": {f"net.{2 * i}": ("head" if i == 4 else f"stages.{i}.conv")
                            for i in range(5)},
}  # fmt: skip


def convert_state_dict(state_dict: Mapping[str, Tensor], network: str) -> dict[str, Tensor]:
    """Rename the keys of a published state dict.

    Args:
        state_dict: In the published layout, with or without ``module.`` before each key.
        network: ``"generator"``, ``"video_discriminator"`` or ``"image_discriminator"``.

    Returns:
        A state dict for ``build("released", num_classes=...)``: of its ``generator``, its
        ``discriminator.video`` or its ``discriminator.image``.

    Raises:
        CheckpointError: If the network is not one of the three, or a key has no place in it.

    Example:
        >>> list(convert_state_dict({"module.net.8.bias": torch.zeros(1)}, "image_discriminator"))
        ['head.bias']
    """
    if network not in _LAYOUTS:
        raise CheckpointError(f"network must be one of {', '.join(_LAYOUTS)}, got {network!r}")
    return rename_weights(state_dict, _LAYOUTS[network], network=network)


# Options of the first version, with those of today.
OPTIONS = {f"{group}.{part}_{key}": f"{group}.{part}.{key}" for group, part, keys in (
    ("train", "keep", ("every", "best")), ("model", "encoder", ("weights", "frozen", "input_size")),
    *(("discriminator", stream, ("head", "sampler", "label")) for stream in ("video", "image")),
) for key in keys}  # fmt: skip
OPTIONS |= {"train.keep": "train.keep.last", "model.lazy_fusion": "model.fusion.lazy"}


def convert_settings(told: dict[str, Any]) -> dict[str, Any]:
    """Turn the content of a config.yaml of the first version, all of it, into that of this one.

    Parts with settings were YAML within text, and what belongs to a part stood beside it.
    """
    if "image_head" not in told.get("discriminator", {}):
        return told
    told = {key: dict(value) if isinstance(value, dict) else value for key, value in told.items()}
    model, seen, loss, train = (told[k] for k in ("model", "discriminator", "loss", "train"))
    of_timm = {key: model.pop(f"encoder_{key}") for key in ("weights", "frozen", "input_size")}
    if any(of_timm.values()):
        name, _, network = model["encoder"].partition("/")
        model["encoder"] = {"name": name, "model": network, **of_timm}
    if (lazy := model.pop("lazy_fusion")) is not None:
        model["fusion"] = {"name": model["fusion"], "lazy": lazy}
    count, per_clip = seen.pop("num_frames"), seen.pop("frames_per_clip")
    label = {"label": True} if seen.pop("image_label") else {}
    for stream, least, told_label in (("image", 1, label), ("video", 2, {})):
        head, sampler = _part(seen.pop(f"{stream}_head")), _part(seen.pop(f"{stream}_sampler"))
        if seen[stream] is not None:
            seen[stream] = _part(seen[stream]) | told_label | ({"head": head} if head else {})
            if sampler:
                takes = inspect.signature(SAMPLERS[sampler["name"]]).parameters
                usual = {"count": max(count, least), "per_clip": per_clip}
                seen[stream]["sampler"] = {k: usual[k] for k in usual if k in takes} | sampler
    target, ramp = seen.pop("ada_target"), seen.pop("ada_ramp")
    adapt = None if target is None else {"target": target, "ramp": ramp}
    if seen["augment"] is not None:
        seen["augment"] = _part(seen["augment"]) | {"adapt": adapt}
    for key, known in (("generator_terms", LOSSES), ("penalties", PENALTIES)):
        terms = {(part := _part(text))["name"]: {**part, "weight": weight}
                 for text, weight in loss[key].items()}  # fmt: skip
        for name, term in terms.items():  # a network of weights that nobody named had random ones
            if name in known and "weights" in inspect.signature(known[name]).parameters:
                term.setdefault("weights", None)
        loss[key] = terms
    told["data"]["augment"] = _part(told["data"]["augment"]) or None
    kept = [train.pop(old) for old in ("keep", "keep_every", "keep_best")]
    train["keep"] = dict(zip(("last", "every", "best"), kept, strict=True))
    return told


def _part(text: str | None) -> dict[str, Any]:
    content = {} if text is None else load_yaml(text, "a part of config.yaml")
    return {"name": text} if isinstance(content, str) else dict(content)


def convert(
    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE")],
    target: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="TARGET")],
    network: Literal["generator", "video_discriminator", "image_discriminator"] | None = None,
) -> None:
    """Convert published ImaGINator weights for this recipe.

    Args:
        source: The published file: a state dict as torch saved it.
        target: The .safetensors file to write.
        network: Which network it is; by default told from its keys.
    """
    found, count = convert_weights(source, target, _LAYOUTS, network=network)
    print(f"wrote {printable(target)}: {found}, {count} tensors")


def main(args: list[str] | None = None) -> None:
    """Convert one file from the command line."""
    with interruptible(), user_errors():
        tyro.cli(convert, args=args, prog="python -m examples.imaginator.convert")


if __name__ == "__main__":
    main()

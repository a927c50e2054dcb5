"""Turn published ImaGINator weights into weights of this recipe.

    python -m examples.imaginator.convert official.pth out.safetensors

The published layout numbers the layers of ``nn.Sequential`` and keeps spectral norm's vectors in
``weight_orig``, ``weight_u`` and ``weight_v``. Code inside a file is never run.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import tyro
from torch import Tensor

from stgan.cli import interruptible, user_errors
from stgan.errors import CheckpointError, printable
from stgan.io import convert_weights, rename_weights

__all__ = ["convert", "convert_state_dict", "main"]

Network = Literal["generator", "video_discriminator", "image_discriminator"]

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
    "image_discriminator": {**{f"net.{2 * i}": f"stages.{i}.conv" for i in range(4)},
                            "net.8": "head"},
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


def convert(
    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE")],
    target: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="TARGET")],
    network: Network | None = None,
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

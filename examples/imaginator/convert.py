"""Turn published ImaGINator weights into weights of this recipe.

    python -m examples.imaginator.convert official.pth out.safetensors

The published layout numbers the layers of ``nn.Sequential`` and keeps spectral norm's vectors in
``weight_orig``, ``weight_u`` and ``weight_v``. Code inside a file is never run.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from safetensors.torch import save
from torch import Tensor

from stgan.cli import user_errors, writing
from stgan.errors import CheckpointError, printable
from stgan.io import read_state_dict, replacing

__all__ = ["convert_state_dict", "main"]

Network = Literal["generator", "video_discriminator", "image_discriminator"]

# Published prefix -> prefix here. The last layer of a discriminator is its head.
_PREFIXES: dict[str, dict[str, str]] = {
    "generator": {
        **{
            f"enc.b{i + 1}.{j}": f"encoder.stages.{i}.{name}"
            for i in range(4)
            for j, name in enumerate(("conv", "norm"))
        },
        "enc.b5.0": "encoder.head",
        **{
            f"dec.{block}.conv.{j}": f"decoder.stages.{i}.{name}"
            for i, block in enumerate(("block1", "block2", "block3", "block4", "to_rgb"))
            for j, name in {
                0: "conv.temporal",
                1: "conv.norm",
                3: "conv.spatial",
                4: "norm",
            }.items()
        },
    },
    "video_discriminator": {
        "net1.0": "stages.0.conv",
        "net2.0": "stages.1.conv",
        "net2.2": "stages.2.conv",
        "net2.4": "stages.3.conv",
        "net2.6": "head",
    },
    "image_discriminator": {
        **{f"net.{2 * i}": f"stages.{i}.conv" for i in range(4)},
        "net.8": "head",
    },
}
_LEAVES = {
    "weight_orig": "parametrizations.weight.original",
    "weight_u": "parametrizations.weight.0._u",
    "weight_v": "parametrizations.weight.0._v",
}


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
    if network not in _PREFIXES:
        raise CheckpointError(f"network must be one of {', '.join(_PREFIXES)}, got {network!r}")
    converted = {}
    for key, value in state_dict.items():
        prefix, _, leaf = key.removeprefix("module.").rpartition(".")
        if prefix not in _PREFIXES[network]:
            raise CheckpointError(
                f"key {key!r} is not one of a published {network}; check which network the file "
                f"holds"
            )
        converted[f"{_PREFIXES[network][prefix]}.{_LEAVES.get(leaf, leaf)}"] = value
    return converted


def _guess_network(state_dict: Mapping[str, Tensor], path: Path) -> str:
    keys = {re.sub(r"^module\.", "", key).partition(".")[0] for key in state_dict}
    for network, starts in {
        "generator": {"enc", "dec"},
        "video_discriminator": {"net1", "net2"},
        "image_discriminator": {"net"},
    }.items():
        if keys == starts:
            return network
    raise CheckpointError(
        f"{path} holds no published ImaGINator network: its keys start with "
        f"{', '.join(sorted(keys)[:5]) or 'nothing'}"
    )


@dataclass(frozen=True)
class Arguments:
    """Convert published ImaGINator weights for this recipe."""

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE")]
    """The published file: a state dict as torch saved it."""
    target: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="TARGET")]
    """The .safetensors file to write."""
    network: Network | None = None
    """Which network it is; by default told from its keys."""


def main(args: list[str] | None = None) -> None:
    """Convert one file."""
    arguments = tyro.cli(Arguments, args=args, prog="python -m examples.imaginator.convert")
    with user_errors():
        state_dict = read_state_dict(arguments.source)
        network = arguments.network or _guess_network(state_dict, arguments.source)
        converted = {k: v.contiguous() for k, v in convert_state_dict(state_dict, network).items()}
        with writing(arguments.target), replacing(arguments.target) as part:
            # Through a file of Python, which says why it cannot be written.
            part.write_bytes(save(converted, metadata={"network": network}))
    print(f"wrote {printable(arguments.target)}: {network}, {len(converted)} tensors")


if __name__ == "__main__":
    main()

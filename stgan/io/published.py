"""Weights that somebody published, under the names that the networks have here."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from stgan._files import replacing, writing
from stgan._tensor_files import read_state_dict
from stgan.errors import CheckpointError
from stgan.registry import unknown_name

__all__ = ["convert_weights", "rename_weights"]

# Spectral normalization of torch.nn.utils, and the parametrization that came after it.
_LEAVES = {
    "weight_orig": "parametrizations.weight.original",
    "weight_u": "parametrizations.weight.0._u",
    "weight_v": "parametrizations.weight.0._v",
}


def rename_weights(
    state_dict: Mapping[str, Tensor], layout: Mapping[str, str], *, network: str = "this network"
) -> dict[str, Tensor]:
    """Rename the keys of a published state dict.

    A key is the place of a module and the name of its tensor, such as ``net.0.weight``. A leading
    ``module.``, of a network in ``DataParallel``, is left out; vectors of the spectral
    normalization of ``torch.nn.utils`` become those of :func:`stgan.layers.spectral_norm`.

    Args:
        state_dict: As published.
        layout: Place of every module there to its place here.
        network: What the layout is of, for errors.

    Raises:
        CheckpointError: If the layout has no place for a key.

    Example:
        >>> published = {"module.net.8.weight_orig": torch.zeros(1), "module.net.8.bias": ...}
        >>> list(rename_weights(published, {"net.8": "head"}))
        ['head.parametrizations.weight.original', 'head.bias']
    """
    renamed = {}
    for key, value in state_dict.items():
        place, leaf = _parts(key)
        if place not in layout:
            raise CheckpointError(
                f"key {key!r} is not one of {network} as published; check which network it is"
            )
        renamed[f"{layout[place]}.{_LEAVES.get(leaf, leaf)}"] = value
    return renamed


def convert_weights(
    source: str | Path,
    target: str | Path,
    layouts: Mapping[str, Mapping[str, str]],
    *,
    network: str | None = None,
) -> tuple[str, int]:
    """Write the weights of a published file as safetensors, renamed; nothing in the file is run.

    Args:
        source: A state dict, as :func:`read_state_dict` reads it.
        target: The ``.safetensors`` file to write or replace.
        layouts: For each network that was published, its layout; see :func:`rename_weights`.
        network: Which one the file holds; ``None`` for the one that has a place for all its keys.

    Returns:
        The network, and the number of its tensors.

    Raises:
        CheckpointError: If the file cannot be read as a state dict, or is of no such network.
        UnknownNameError: If there is no network of this name.
        DataError: If the target cannot be written.

    Example:
        >>> import tempfile
        >>> layouts = {"generator": {"enc": "encoder"}, "discriminator": {"net.8": "head"}}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     torch.save({"net.8.bias": torch.zeros(1)}, f"{folder}/published.pth")
        ...     convert_weights(f"{folder}/published.pth", f"{folder}/mine.safetensors", layouts)
        ('discriminator', 1)
    """
    from safetensors.torch import save  # of an extra

    source, target = Path(source), Path(target)
    if network is not None and network not in layouts:
        raise unknown_name("published weights", network, layouts, what="network")
    found = read_state_dict(source)
    places = {_parts(key)[0] for key in found}
    network = network or next((n for n, layout in layouts.items() if places <= layout.keys()), None)
    if network is None:
        raise CheckpointError(
            f"{source} must hold one of {', '.join(layouts)} as published, got a module "
            f"{min(places)!r}; check the file"
        )
    renamed = rename_weights(found, layouts[network], network=network)
    tensors = {key: value.contiguous() for key, value in renamed.items()}
    with writing(target), replacing(target) as part:
        # Through a file of Python, which says why it cannot be written.
        part.write_bytes(save(tensors, metadata={"network": network}))
    return network, len(tensors)


def _parts(key: str) -> tuple[str, str]:
    place, _, leaf = key.removeprefix("module.").rpartition(".")
    return place, leaf

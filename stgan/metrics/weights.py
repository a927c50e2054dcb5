"""Weights from files that are what they claim to be, and names for weights from nowhere."""

import ctypes
import hashlib
import warnings
import zipfile
from pathlib import Path

import torch
from torch import nn

from stgan._excerpt import reason
from stgan._tensor_files import read_state_dict
from stgan.errors import CheckpointError

__all__ = [
    "checked_sha256",
    "file_sha256",
    "is_torchscript",
    "load_script",
    "load_state",
    "module_sha256",
]


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file in hexadecimal.

    Raises:
        CheckpointError: If there is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"weights file {path} does not exist; check the path")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checked_sha256(path: str | Path, expected: str | None) -> str:
    """Return the SHA-256 of a file, which must be the expected one if that is given."""
    found = file_sha256(path)
    if expected is not None and found != expected.lower():
        raise CheckpointError(
            f"weights file {path} must have the SHA-256 {expected.lower()}, got {found}; it is "
            f"another file or a damaged one"
        )
    return found


def module_sha256(module: nn.Module) -> str:
    """Return a SHA-256 over names and values of all weights, for a network without a file."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        plain = tensor.detach().cpu().contiguous()
        digest.update(ctypes.string_at(plain.data_ptr(), plain.numel() * plain.element_size()))
    return digest.hexdigest()


def is_torchscript(path: str | Path) -> bool:
    """Whether a file is a TorchScript archive, which holds code beside its weights."""
    try:
        if not Path(path).is_file():  # a device has no end, and a pipe would be waited for
            return False
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def load_script(path: str | Path) -> nn.Module:
    """Load a TorchScript archive onto the CPU.

    Raises:
        CheckpointError: If it is none.
    """
    try:
        with warnings.catch_warnings():
            # New torch advises another format; a published file is what it is.
            warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
            module: nn.Module = torch.jit.load(  # type: ignore[no-untyped-call]  # in torch
                str(path), map_location="cpu"
            )
    except Exception as error:  # whatever its parser stumbles over
        raise CheckpointError(
            f"{path} cannot be read as TorchScript: {reason(error)}; save it with torch.jit.save"
        ) from error
    return module.eval()


def load_state(module: nn.Module, path: str | Path, what: str) -> None:
    """Load a state dict into a network, strictly and without running any code of the file.

    A dictionary around the weights, under ``state_dict`` or ``model``, and a prefix ``module.``
    are taken off.

    Raises:
        CheckpointError: If the file holds something else.
    """
    found = read_state_dict(path)
    state = {name.removeprefix("module."): tensor for name, tensor in found.items()}
    # Ports of other frameworks leave out a counter that evaluation does not use.
    for name, tensor in module.state_dict().items():
        if name.endswith("num_batches_tracked"):
            state.setdefault(name, tensor)
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise CheckpointError(f"{path} holds no weights of {what}: {reason(error)}") from error

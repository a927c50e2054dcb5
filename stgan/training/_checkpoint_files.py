"""The files of one checkpoint: how each is written, checked and read."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from stgan.errors import CheckpointError
from stgan.training._checkpoint_state import damaged

__all__ = [
    "CONFIG",
    "METRICS",
    "NETWORK",
    "STATE",
    "SUMS",
    "check_fit",
    "check_path",
    "flush",
    "is_finite",
    "read_metrics",
    "read_network",
    "read_sums",
    "remove",
    "sha256",
    "verify",
    "write_network",
]

STATE, CONFIG, SUMS = "state.pt", "config.yaml", "SHA256SUMS"
METRICS = "metrics.json"
NETWORK = ".safetensors"  # behind the name of each
# Bytes of the files of sums and metrics, which take some hundreds.
_LONGEST = 2**20


def check_path(path: Path) -> None:
    """Refuse a path that what reads and writes tensors cannot open."""
    try:
        os.fspath(path).encode("utf-8")
    except UnicodeEncodeError:
        raise CheckpointError(
            f"{path} must be text in UTF-8, without which networks cannot be opened; rename the "
            f"folder, or name another one"
        ) from None


def flush(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, is on the disk."""
    if path.is_dir() and os.name != "posix":
        return  # other systems have no handle of a folder to flush
    handle = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove(path: Path) -> None:
    """Remove a folder with all that is in it; of a link only the link, its target stays."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError as error:
        # What stands in the way may be deep inside; the user needs the name of the whole.
        reason = f"{path} cannot be removed, {error.strerror or error}"
        raise OSError(error.errno, reason) from error


def sha256(path: Path) -> str:
    """Checksum of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_network(
    path: Path, name: str, network: nn.Module | Mapping[str, Any], *, finite: bool = True
) -> None:
    """Write the state of a network; each entry becomes a tensor of its own."""
    tensors: dict[str, Tensor] = {}
    state = network.state_dict() if isinstance(network, nn.Module) else network
    for key, value in state.items():
        if not isinstance(value, Tensor):
            raise CheckpointError(
                f"network {name} keeps a {type(value).__name__} in its state dict under {key}; "
                f"a checkpoint holds tensors only, so pass it in state instead"
            )
        # Copied, since the format refuses tensors that share memory, as tied weights do.
        tensors[key] = value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        if finite and not is_finite(tensors[key]):
            raise CheckpointError(
                f"network {name} has values that are not finite in {key}; nothing was saved, so "
                f"resume from the checkpoint before with a lower learning rate"
            )
    try:
        save_file(tensors, path)
    except SafetensorError as error:
        # The one way in which it tells of a full disk; the number is that of the system.
        raise OSError(str(error)) from error


def read_sums(path: Path) -> dict[str, str]:
    """File name to checksum of every file that the checkpoint must have."""
    check_path(path)
    if not path.is_dir():
        raise CheckpointError(
            f"checkpoint {path} does not exist; give a folder such as latest_checkpoint returns"
        )
    if not (path / SUMS).is_file():
        raise CheckpointError(
            f"{path} is not a whole checkpoint, it has no {SUMS}; give a folder such as "
            f"latest_checkpoint returns"
        )
    try:
        lines = _read_short(path / SUMS).splitlines()
        sums = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    except ValueError:  # of which UnicodeDecodeError is one
        raise damaged(path / SUMS) from None
    if strange := [name for name in sums if not re.fullmatch(r"\w[\w.-]*", name)]:
        raise CheckpointError(
            f"{path / SUMS} names {strange[0]!r}, which is no file of a checkpoint; use only "
            f"checkpoints that save_checkpoint wrote"
        )
    if not sums.keys() >= {STATE, CONFIG}:
        raise damaged(path / SUMS)
    absent = [name for name in sums if not (path / name).is_file()]
    if absent:
        raise CheckpointError(
            f"checkpoint {path} is incomplete, it lacks {', '.join(absent)}; use an earlier one"
        )
    return sums


def verify(path: Path, sums: Mapping[str, str]) -> None:
    """Refuse a file whose bytes are not those that were written."""
    try:
        digest = sha256(path)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
    if sums.get(path.name) != digest:
        raise damaged(path)


def read_network(
    path: Path, sums: Mapping[str, str], name: str, network: nn.Module, *, finite: bool = True
) -> dict[str, Tensor]:
    """Read the tensors of a network; refuse what :func:`check_fit` does."""
    file = path / f"{name}{NETWORK}"
    if file.name not in sums:
        held = sorted(Path(key).stem for key in sums if key.endswith(NETWORK))
        raise CheckpointError(
            f"checkpoint {path} has no network {name}, only {', '.join(held) or 'none'}"
        )
    verify(file, sums)
    try:
        tensors = load_file(file)
    except Exception:
        # Bytes that someone signed are not always bytes of ours: parsers stumble over anything.
        raise damaged(file) from None
    check_fit(tensors, network, name, str(file), finite=finite)
    return tensors


def check_fit(
    tensors: Mapping[str, Any], network: nn.Module, name: str, where: str, *, finite: bool = True
) -> None:
    """Refuse tensors of which a network lacks some, or has none, or others.

    Args:
        tensors: By the names in the network's state dict.
        network: Where they are to be loaded.
        name: Of the network, for errors.
        where: What the tensors come from, for errors.
        finite: Whether NaN and infinity are refused.
    """
    wanted = network.state_dict()
    fix = "build the network with the settings in the checkpoint's config.yaml"
    for key in wanted:
        if key not in tensors:
            raise CheckpointError(f"network {name} needs {key}, which {where} does not have; {fix}")
    for key, tensor in tensors.items():
        if key not in wanted:
            raise CheckpointError(f"network {name} has no {key}, which {where} has; {fix}")
        own = wanted[key]
        if not isinstance(own, Tensor):  # extra state, which only the module knows
            continue
        if not isinstance(tensor, Tensor):
            raise CheckpointError(
                f"network {name} has a tensor {key}, {where} has a {type(tensor).__name__}; {fix}"
            )
        if tensor.shape != own.shape:
            raise CheckpointError(
                f"network {name} has {key} of shape {tuple(own.shape)}, {where} has "
                f"{tuple(tensor.shape)}; {fix}"
            )
        floats = own.is_floating_point() and tensor.is_floating_point()
        if tensor.dtype != own.dtype and not floats:
            raise CheckpointError(
                f"network {name} has {key} of {own.dtype}, {where} has {tensor.dtype}; {fix}"
            )
        # As it will be, for a number may be too large for what holds it there.
        if finite and not is_finite(tensor.to(own.dtype)):
            raise CheckpointError(
                f"{where} has values that are not finite in {key}; use an earlier checkpoint"
            )


def is_finite(tensor: Tensor) -> bool:
    """Whether no entry is NaN or infinite."""
    # A sum is not finite if a term is not, and it takes no second copy of the tensor; one that
    # only overflows is looked at entry by entry.
    return bool(tensor.sum().isfinite() or tensor.isfinite().all())


def _read_short(path: Path) -> str:
    """Read a file of text that has some lines; a longer one, or a pipe, is none of ours."""
    if not path.is_file():
        raise ValueError(f"{path} is no file")
    with path.open("rb") as file:
        content = file.read(_LONGEST + 1)
    if len(content) > _LONGEST:
        raise ValueError(f"{path} is longer than {_LONGEST} bytes")
    return content.decode("utf-8")


def read_metrics(path: Path) -> dict[str, float]:
    """Read the metrics of a checkpoint; one that has none, or none that can be read, has none."""
    try:
        text = _read_short(path / METRICS)
        return {str(name): float(value) for name, value in json.loads(text).items()}
    except (OSError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return {}

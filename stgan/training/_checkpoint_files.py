"""The files of one checkpoint: how each is written, checked and read."""

import hashlib
import json
import os
import pickle
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

__all__ = [
    "CONFIG",
    "METRICS",
    "NETWORK",
    "STATE",
    "SUMS",
    "flush",
    "read_metrics",
    "read_network",
    "read_state",
    "read_sums",
    "remove",
    "sha256",
    "verify",
    "write_network",
    "write_state",
]

STATE, CONFIG, SUMS = "state.pt", "config.yaml", "SHA256SUMS"
METRICS = "metrics.json"
NETWORK = ".safetensors"  # behind the name of each


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
        # A sum is not finite if a term is not, and it takes no second copy of the tensor; one that
        # only overflows is looked at entry by entry.
        if finite and not (tensors[key].sum().isfinite() or tensors[key].isfinite().all()):
            raise CheckpointError(
                f"network {name} has values that are not finite in {key}; nothing was saved, so "
                f"resume from the checkpoint before with a lower learning rate"
            )
    try:
        save_file(tensors, path)
    except SafetensorError as error:
        # The one way in which it tells of a full disk; the number is that of the system.
        raise OSError(str(error)) from error


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write the state of a run, and make sure that it can be read again without running code."""
    try:
        # Through a file of Python, which says why it cannot be written; torch's own does not.
        with path.open("wb") as file:
            torch.save(dict(state), file)
    except RuntimeError as error:
        # What the system said, or the handler of a signal in the middle of the file, is hidden
        # behind the failure to finish the archive.
        raise error.__context__ or error from None
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise _holds_code() from error
    try:
        torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise _holds_code() from error


def _holds_code() -> CheckpointError:
    return CheckpointError(
        "state holds an object that cannot be loaded without running code; use tensors, "
        "numbers, strings, lists and dictionaries only"
    )


def read_sums(path: Path) -> dict[str, str]:
    """File name to checksum of every file that the checkpoint must have."""
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
        lines = (path / SUMS).read_text(encoding="utf-8").splitlines()
        sums = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    except ValueError:  # of which UnicodeDecodeError is one
        raise _damaged(path / SUMS) from None
    if strange := [name for name in sums if not re.fullmatch(r"\w[\w.-]*", name)]:
        raise CheckpointError(
            f"{path / SUMS} names {strange[0]!r}, which is no file of a checkpoint; use only "
            f"checkpoints that save_checkpoint wrote"
        )
    if not sums.keys() >= {STATE, CONFIG}:
        raise _damaged(path / SUMS)
    absent = [name for name in sums if not (path / name).is_file()]
    if absent:
        raise CheckpointError(
            f"checkpoint {path} is incomplete, it lacks {', '.join(absent)}; use an earlier one"
        )
    return sums


def _damaged(path: Path) -> CheckpointError:
    return CheckpointError(
        f"{path} is damaged, it is not what was written; use an earlier checkpoint"
    )


def verify(path: Path, sums: Mapping[str, str]) -> None:
    """Refuse a file whose bytes are not those that were written."""
    try:
        digest = sha256(path)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
    if sums.get(path.name) != digest:
        raise _damaged(path)


def read_network(
    path: Path, sums: Mapping[str, str], name: str, network: nn.Module
) -> dict[str, Tensor]:
    """Read the tensors of a network; refuse any that it lacks, has too many or of another shape."""
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
        raise _damaged(file) from None
    wanted = network.state_dict()
    fix = "build the network with the settings in the checkpoint's config.yaml"
    for key in wanted:
        if key not in tensors:
            raise CheckpointError(f"network {name} needs {key}, which {file} does not have; {fix}")
    for key, tensor in tensors.items():
        if key not in wanted:
            raise CheckpointError(f"network {name} has no {key}, which {file} has; {fix}")
        if tensor.shape != wanted[key].shape:
            raise CheckpointError(
                f"network {name} has {key} of shape {tuple(wanted[key].shape)}, {file} has "
                f"{tuple(tensor.shape)}; {fix}"
            )
    return tensors


def read_state(path: Path, *, mapped: bool = False) -> dict[str, Any]:
    """Read the state of a run, its tensors onto the CPU, and run nothing.

    Mapped tensors stay in the file until they are looked at: who needs only a counter does not
    wait for the optimizers.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        # torch says the same of a broken file; only what it names as forbidden is code.
        if re.search(r"GLOBAL|[Uu]nsupported (class|global|operand)|REDUCE|BUILD", str(error)):
            raise CheckpointError(
                f"{path} was refused, it would run code when loaded; use only checkpoints that "
                f"save_checkpoint wrote"
            ) from error
        raise _damaged(path) from None
    except Exception:  # not an archive of torch at all, or one of something else
        raise _damaged(path) from None
    if not isinstance(state, dict):
        raise _damaged(path)
    return state


def read_metrics(path: Path) -> dict[str, float]:
    """Read the metrics of a checkpoint; one that has none, or none that can be read, has none."""
    try:
        return {
            str(name): float(value)
            for name, value in json.loads((path / METRICS).read_text(encoding="utf-8")).items()
        }
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}

"""Files of tensors that anyone may have made: read as data, without memory of their choice."""

import os
import struct
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from stgan._excerpt import reason
from stgan._pickles import DamagedError, RefusedError, check_pickle
from stgan.errors import CheckpointError

__all__ = ["read_state_dict", "read_tensors"]

# Of an archive: one member holds the entries of one tensor.
_MOST_MEMBERS = 100_000
# Levels of dictionaries and lists; the state of an optimizer has five.
_DEEPEST = 50


def read_tensors(path: Path, *, before_archives: bool = False) -> Any:
    """Read what ``torch.save`` wrote onto the CPU, and run nothing.

    Tensors of an archive stay in the file until they are looked at.

    Args:
        path: The file, which must exist.
        before_archives: Take the form that torch before 1.6 wrote, too, as published weights have.

    Raises:
        RefusedError: If it is damaged, would run code, is compressed, might not fit into memory or
            holds what is no plain tensor. The error says why of "it".
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        bare = file.read(1) == b"\x80"
    if bare and not before_archives:
        raise RefusedError("it would run code when loaded: a pickle without an archive")
    _check_bare(path) if bare else _check_archive(path)
    try:
        # Mapped: what is mapped ends with the file, whatever lengths the file tells.
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=not bare)
    except Exception as error:  # not what torch wrote, or of something else
        raise DamagedError(f"it is damaged: {reason(error).partition('. ')[0]}") from None
    _check_tensors(found, size)
    return found


def _check_bare(path: Path) -> None:
    with path.open("rb") as file:
        # The sign, the version, the system, what was saved, and the names of its storages.
        for _ in range(5):
            check_pickle(file)


def _check_tensors(found: Any, size: int) -> None:
    """Refuse tensors that are not plain, or that take more memory than the file is long."""
    if why := _unsound(found):
        raise RefusedError(why)
    owned = [value.untyped_storage() for value in _all(found) if isinstance(value, Tensor)]
    storages = {storage.data_ptr(): storage.nbytes() for storage in owned}
    if sum(storages.values()) > size:
        raise DamagedError


def _check_archive(path: Path) -> None:
    """Refuse an archive that is not one after the other what torch writes, or is compressed."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 98))
        tail = file.read().rjust(98, b"\0")
    try:
        # The list of members, which its end gives: in 64 bits where a record of them stands before.
        signature, count, length, start, comment = struct.unpack("<4s6xHIIH", tail[76:])
        end = size - 22
        if tail[56:60] == b"PK\6\7":
            end = size - 98
            signature += tail[:4]
            count, length, start = struct.unpack("<QQQ", tail[32:56])
            signature = signature if struct.unpack("<Q", tail[64:72])[0] == end else b""
        if signature not in (b"PK\5\6", b"PK\5\6PK\6\6") or comment or count > _MOST_MEMBERS:
            raise DamagedError
        if start + length != end or length > 100 * _MOST_MEMBERS:
            raise DamagedError
        with zipfile.ZipFile(path) as archive:
            members = sorted(archive.infolist(), key=lambda member: member.header_offset)
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise RefusedError(
                    "it is compressed, which torch.save never does, and might not fit into memory"
                )
            place = 0
            for member in members:
                if member.header_offset < place or member.file_size != member.compress_size:
                    raise DamagedError
                name = os.fsencode(member.filename)
                place = member.header_offset + 30 + len(name) + member.file_size
            if place > start:
                raise DamagedError
            for member in members:
                if member.filename.lower().endswith("/data.pkl"):  # torch finds capitals, too
                    check_pickle(archive.read(member))
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, struct.error):
        raise DamagedError from None


def _unsound(found: Any) -> str | None:
    """Say why what a file of tensors holds cannot be used, if so."""
    try:
        for value in _all(found):
            if isinstance(value, bytearray):
                return "it holds a bytearray; use a tensor of torch.uint8"
            # They could stand before the methods of a dictionary. State dicts of torch have one.
            if getattr(value, "__dict__", {}).keys() - {"_metadata"}:
                return f"it holds attributes of a {type(value).__name__}; leave them out"
            if isinstance(value, dict):
                continue
            if type(value) not in (Tensor, nn.Parameter) or value.device.type != "cpu":
                return f"it holds a {type(value).__name__} on {value.device}, not a plain tensor"
            if value.layout != torch.strided or value.is_quantized:
                return "it holds a sparse or quantized tensor; make it dense"
            if value.numel() * value.element_size() > value.untyped_storage().nbytes():
                return "it holds a tensor that repeats its entries; make it contiguous"
    except RecursionError:
        return f"it holds itself, or lists and dictionaries more than {_DEEPEST} deep"
    return None


def _all(found: Any) -> Iterator[Any]:
    """Yield all that takes memory, or could hide what does: tensors, bytes, dictionaries."""
    seen: set[int] = set()

    def walk(value: Any, parents: tuple[int, ...]) -> Iterator[Any]:
        if isinstance(value, Tensor | bytearray | dict):
            yield value
        if isinstance(value, dict | list | tuple | set | frozenset):
            if id(value) in parents or len(parents) > _DEEPEST:
                raise RecursionError
            if id(value) in seen:
                return
            seen.add(id(value))
            parts: Iterable[Any] = value
            if isinstance(value, dict):
                parts = (*dict.keys(value), *dict.values(value), getattr(value, "_metadata", None))
            for part in parts:
                yield from walk(part, (*parents, id(value)))

    return walk(found, ())


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict from a file that anyone may have made, and run nothing.

    Neither compressed files, nor tensors that claim more entries than the file has, nor values that
    are copied over and over fill the memory: such files are refused before they are loaded.

    Args:
        path: What ``torch.save(model.state_dict(), path)`` wrote, in any version of torch, or a
            ``.safetensors`` file. Of a dictionary around the weights, under ``state_dict`` or
            ``model``, only these are taken, and those of an average (``..._ema``) before others.

    Returns:
        Names to tensors on the CPU. Those of an archive stay in the file until they are looked at.

    Raises:
        CheckpointError: If there is no such file, or it holds something else.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "weights.pth")
        ...     torch.save(nn.Linear(2, 3).state_dict(), path)
        ...     read_state_dict(path)["weight"].shape
        torch.Size([3, 2])
    """
    path = Path(path)
    if not path.is_file():  # a device has no end, and a pipe would be waited for
        raise CheckpointError(
            f"weights file {path} does not exist; check the path of a .pth or .safetensors file"
        )
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            found: Any = load_file(path)
        else:
            found = read_tensors(path, before_archives=True)
    except Exception as error:  # of safetensors, too, whose parser has its own
        raise CheckpointError(
            f"{path} cannot be read as a state dict: {reason(error)}; write it with "
            f"torch.save(model.state_dict(), path)"
        ) from error
    for key in ("state_dict_ema", "model_ema", "state_dict", "model"):
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if (
        not isinstance(found, dict)
        or not found
        or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in found.items())
    ):
        raise CheckpointError(
            f"{path} holds no state dict: it must map names to tensors, as "
            f"torch.save(model.state_dict(), path) writes it"
        )
    return found

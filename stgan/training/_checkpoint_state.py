"""The state of a run in a checkpoint: written, and read from a file that anyone may have made."""

import copy
import os
import pickle
import pickletools
import re
import struct
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from stgan.errors import CheckpointError

__all__ = ["damaged", "read_state", "write_state"]

# Of an archive: one member holds the entries of one tensor.
_MOST_MEMBERS = 100_000
_BYTES = "it holds a bytearray; use a tensor of torch.uint8"
# Levels of dictionaries and lists; the state of an optimizer has five.
_DEEPEST = 50


def damaged(path: Path) -> CheckpointError:
    """Return the error of a file that is not what was written."""
    return CheckpointError(
        f"{path} is damaged, it is not what was written; use an earlier checkpoint"
    )


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
        written = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise _holds_code() from error
    if reason := _unsound(written):
        raise CheckpointError(f"state cannot be saved: {reason}")


def _holds_code() -> CheckpointError:
    return CheckpointError(
        "state holds an object that cannot be loaded without running code; use tensors, "
        "numbers, strings, lists and dictionaries only"
    )


def _runs_code(path: Path) -> CheckpointError:
    return CheckpointError(
        f"{path} was refused, it would run code when loaded; use only checkpoints that "
        f"save_checkpoint wrote"
    )


def read_state(path: Path, *, mapped: bool = False) -> dict[str, Any]:
    """Read the state of a run, its tensors onto the CPU, and run nothing.

    Mapped tensors stay in the file until they are looked at: who needs only a counter does not
    wait for the optimizers. Tensors take no more memory than the file is long.
    """
    _check_archive(path)
    try:
        # Mapped in any case: what is mapped ends with the file, whatever lengths the file tells.
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        # torch says the same of a broken file; only what it names as forbidden is code.
        if re.search(r"GLOBAL|[Uu]nsupported (class|global|operand)|REDUCE|BUILD", str(error)):
            raise _runs_code(path) from error
        raise damaged(path) from None
    except Exception:  # not an archive of torch at all, or one of something else
        raise damaged(path) from None
    if not isinstance(state, dict):
        raise damaged(path)
    if reason := _unsound(state):
        raise CheckpointError(f"{path} is not a state that save_checkpoint wrote: {reason}")
    owned = [value.untyped_storage() for value in _all(state) if isinstance(value, Tensor)]
    storages = {storage.data_ptr(): storage.nbytes() for storage in owned}
    if sum(storages.values()) > path.stat().st_size:
        raise damaged(path)
    return state if mapped else copy.deepcopy(state)


def _check_archive(path: Path) -> None:
    """Refuse an archive that is not one after the other what torch writes, or is compressed."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(1) == b"\x80":  # a bare pickle, and no archive
            raise _runs_code(path)
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
            raise damaged(path)
        if start + length != end or length > 100 * _MOST_MEMBERS:
            raise damaged(path)
        with zipfile.ZipFile(path) as archive:
            members = sorted(archive.infolist(), key=lambda member: member.header_offset)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, struct.error):
        raise damaged(path) from None
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise CheckpointError(
            f"{path} is compressed, which save_checkpoint never does, and might not fit into "
            f"memory; use only checkpoints that save_checkpoint wrote"
        )
    place = 0
    for member in members:
        if member.header_offset < place or member.file_size != member.compress_size:
            raise damaged(path)
        place = member.header_offset + 30 + len(os.fsencode(member.filename)) + member.file_size
    if place > start:
        raise damaged(path)
    if _makes_bytes(path, members):
        raise CheckpointError(f"{path} is not a state that save_checkpoint wrote: {_BYTES}")


def _makes_bytes(path: Path, members: Sequence[zipfile.ZipInfo]) -> bool:
    """Whether a pickle calls ``bytearray``, which takes whatever memory a number asks for."""
    with zipfile.ZipFile(path) as archive:
        for member in members:
            if not member.filename.lower().endswith("/data.pkl"):  # torch finds capitals, too
                continue
            try:
                for operation, name, _ in pickletools.genops(archive.read(member)):
                    if operation.name == "GLOBAL" and str(name).endswith(" bytearray"):
                        return True
            except Exception:  # of bytes that are no pickle
                raise damaged(path) from None
    return False


def _unsound(state: Any) -> str | None:
    """Say why a state cannot be used, if so: it need not come from :func:`write_state`."""
    try:
        for value in _all(state):
            if isinstance(value, bytearray):
                return _BYTES
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


def _all(state: Any) -> Iterator[Any]:
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

    return walk(state, ())

"""Checkpoints with right sums and wrong content, as a stranger could make them."""

import hashlib
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

__all__ = ["FILES", "lying_safetensors", "rewrite", "sign"]


def sign(checkpoint: Path) -> None:
    """Write the sums of the files as they are now."""
    files = sorted(p for p in checkpoint.iterdir() if p.is_file() and p.name != "SHA256SUMS")
    (checkpoint / "SHA256SUMS").write_text(
        "".join(f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in files)
    )


def rewrite(
    path: Path, change: Callable[[str, bytes], bytes] = lambda _, data: data, method: int = 0
) -> None:
    """Pack the members of an archive again."""
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w", method) as new:
        for name, data in members.items():
            new.writestr(name, change(name, data))


def _bomb(path: Path) -> None:
    """One MiB that becomes one GiB."""
    rewrite(path)
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("state/data/99", "w", force_zip64=True) as member,
    ):
        for _ in range(64):
            member.write(bytes(2**24))


def _patched(before: bytes, after: bytes) -> Callable[[Path], None]:
    """Change the pickle in the archive."""

    def change(path: Path) -> None:
        rewrite(path, lambda name, data: data.replace(before, after) if ".pkl" in name else data)

    return change


def _overlapping(path: Path) -> None:
    """Two members in the list are one and the same bytes."""
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        first, second = archive.infolist()[:2]
    place = data.rindex(struct.pack("<I", second.header_offset) + second.filename.encode())
    head = data[:place] + struct.pack("<I", first.header_offset) + data[place + 4 :]
    path.write_bytes(head)


def _two_lists(path: Path) -> None:
    """The record of the list in 64 bits lies elsewhere than before its end."""
    data = path.read_bytes()
    record, locator = data[-98:-42], data[-42:-22]
    moved = locator[:8] + struct.pack("<Q", 0) + locator[16:]
    path.write_bytes(data[:-98] + record + moved + data[-22:])


def _larger(path: Path) -> None:
    """A member declares a terabyte."""
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        start = archive.start_dir
    data[start + 20 : start + 28] = struct.pack("<II", 2**32 - 2, 2**32 - 2)
    path.write_bytes(bytes(data))


def _saved(state: Any) -> Callable[[Path], None]:
    return lambda path: torch.save(state, path)


def _itself() -> dict[str, Any]:
    state: dict[str, Any] = {"step": 1}
    state["state"] = [state]
    return state


def _deep() -> dict[str, Any]:
    state: dict[str, Any] = {}
    for _ in range(200):
        state = {"state": [state]}
    return state


def _wide() -> dict[str, Any]:
    """Lists that name each other twice: 2 to the power of 40 entries, in 40 lists."""
    state: list[Any] = []
    for _ in range(40):
        state = [state, state]
    return {"state": state}


class _Bytes:
    """Its pickle asks for a gigabyte with a number."""

    def __reduce__(self) -> tuple[Any, ...]:
        return bytearray, (2**30,)


def _hiding() -> dict[str, Any]:
    """A dictionary whose method is covered by something that stays unseen in it."""
    hiding: Any = OrderedDict(a=1)
    hiding.values = [torch.zeros(1).expand(10**12)]
    return {"state": hiding}


def _named() -> dict[str, Any]:
    tensor: Any = torch.zeros(1)
    tensor.more = torch.zeros(1).expand(10**12)
    return {"state": tensor}


def _script(path: Path) -> None:
    """As TorchScript, which is known by a member of this name and runs what is in it."""
    with zipfile.ZipFile(path) as archive:
        name = f"{archive.namelist()[0].partition('/')[0]}/constants.pkl"
    rewrite(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"")


#: What a file of a state may be, and what is said of it; ``None`` where it may be read.
FILES: dict[str, tuple[Callable[[Path], None], str | None]] = {
    "deflated": (lambda path: rewrite(path, method=zipfile.ZIP_DEFLATED), "is compressed, which"),
    "lzma": (lambda path: rewrite(path, method=zipfile.ZIP_LZMA), "is compressed, which"),
    "bomb": (_bomb, "is compressed, which torch.save never does, and might not fit"),
    "overlapping": (_overlapping, "is damaged"),
    "two lists": (_two_lists, "is damaged"),
    "larger": (_larger, "is damaged"),
    "before": (lambda path: path.write_bytes(b"MZ" * 50 + path.read_bytes()), "is damaged"),
    "after": (lambda path: path.write_bytes(path.read_bytes() + b"more"), "is damaged"),
    "list": (_saved([1, 2]), "is damaged"),
    "script": (_script, "is damaged"),
    "bare pickle": (lambda path: path.write_bytes(pickle.dumps({"step": 1})), "would run code"),
    "empty archive": (lambda path: zipfile.ZipFile(path, "w").close(), "is damaged"),
    "longer tensor": (_patched(b"K\x05t", b"J\xff\xff\xff\x7ft"), None),
    "lost tensor": (_patched(b"X\x01\x00\x00\x000", b"X\x01\x00\x00\x007"), "is damaged"),
    "itself": (_saved(_itself()), "it holds itself"),
    "deep": (_saved(_deep()), "it holds itself, or lists and dictionaries more than 50 deep"),
    "wide": (_saved(_wide()), "more than 5,000,000 values, those that are named again"),
    "sparse": (
        _saved({"a": torch.eye(3).to_sparse()}),
        "more than plain, dense tensors and numbers: torch._utils._rebuild_sparse",
    ),
    "bytes by a number": (
        _saved({"a": _Bytes()}),
        "more than plain, dense tensors and numbers: __builtin__.bytearray",
    ),
    "hidden by attributes": (_saved(_hiding()), "it holds attributes of a OrderedDict; leave them"),
    "attributes of a tensor": (
        _saved(_named()),
        "dense tensors and numbers: torch._tensor._rebuild_from_type_v2",
    ),
    "repeating, as a key": (_saved({torch.zeros(1).expand(10**12): 1}), "repeats its entries"),
    "meta": (_saved({"a": torch.empty(10**12, device="meta")}), "on meta, not a plain tensor"),
    "repeating": (_saved({"a": torch.zeros(1).expand(10**12)}), "a tensor that repeats its entr"),
}


def lying_safetensors(kind: str) -> bytes:
    """Return a file of weights whose header is not true."""
    header = b'{"weight":{"dtype":"F32","shape":[3,2],"data_offsets":[0,24]}'
    header += b',"bias":{"dtype":"F32","shape":[3],"data_offsets":[24,36]}}'
    sized = struct.pack("<Q", len(header)) + header
    return {
        "header without end": struct.pack("<Q", 2**62) + header + bytes(36),
        "header of 0": struct.pack("<Q", 0) + bytes(36),
        "too few bytes": sized + bytes(35),
        "too many bytes": sized + bytes(1000),
        "overlapping": (sized + bytes(36)).replace(b"[24,36]", b"[12,24]"),
        "backwards": (sized + bytes(36)).replace(b"[24,36]", b"[36,24]"),
        "huge shape": (sized + bytes(36)).replace(b"[3,2]", b"[99999999999,99999999999]"),
        "deep": struct.pack("<Q", 10**5) + b"[" * 10**5,
        "no JSON": struct.pack("<Q", 9) + b"\xff" * 9,
        "empty": b"",
    }[kind]

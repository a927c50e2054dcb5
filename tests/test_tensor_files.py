"""Tensors in files that anyone may have made: honest ones are read, others cost no memory."""

import copy
import pickle
import struct
import subprocess
import sys
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from stgan._tensor_files import read_tensors
from stgan.errors import CheckpointError
from stgan.io import read_state_dict
from tests.training.hostile import rewrite


def _text(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def _calls(name: str, arguments: bytes, times: int) -> bytes:
    """A list of what comes of calling one function over and over."""
    return b"](" + (b"c" + name.encode() + b"\n(" + arguments + b"tR") * times + b"e"


def _repeated(made: bytes, again: bytes) -> bytes:
    """One value, and then what is made of it, which names it as ``h\x01``."""
    return b"(" + made + b"q\x01" + again + b"t"


_PAIRS = b"](" + b"K\x01K\x02\x86" * 7000 + b"e"
_LONG = _text("x" * 10**5)
_SPREAD = (
    b"ctorch._utils\n_rebuild_tensor_v2\n((" + _text("storage") + b"ctorch\nFloatStorage\n"
    + _text("0") + _text("cpu") + b"K\x03tQK\x00J\0\0\0\x30\x85K\0\x85\x89ccollections\nOrderedDict"
    b"\n)RtR"
)  # fmt: skip
#: Pickles of some kilobytes each, as body; what they would come to is gigabytes.
_BOMBS = {
    "lists copied": _repeated(_PAIRS, _calls("collections\nOrderedDict", b"h\x01", 10**4)),
    "sets": _repeated(_PAIRS, _calls("__builtin__\nset", b"h\x01", 10**4)),
    "counted": _repeated(_PAIRS, _calls("collections\nCounter", b"h\x01", 10**4)),
    "texts encoded": _repeated(_LONG, _calls("_codecs\nencode", b"h\x01" + _text("latin1"), 10**4)),
    "encoded on and on": b"c_codecs\nencode\n(" * 30
    + _text("x" * 999) + _text("latin1") + b"tR" + (_text("hex") + b"tR") * 29,
    "another encoding": _repeated(_LONG, _calls("_codecs\nencode", b"h\x01" + _text("utf-32"), 99)),
    "a storage by a number": b"ctorch.storage\nUntypedStorage\n(J\0\0\0\x7ftR",
    "a storage, made anew": b"ctorch.storage\nUntypedStorage\n(J\0\0\0\x7ft\x81",
    "a tensor by a number": b"ctorch\nFloatTensor\n(J\0\0\0\x7ftR",
    "converted": b"ctorch._utils\n_rebuild_device_tensor_from_cpu_tensor\n(" + _SPREAD
    + b"ctorch\nfloat64\n" + _text("cpu") + b"\x89tR",
    "attributes": _repeated(
        b"}(" + b"".join(_text(f"{n}") + b"N" for n in range(7000)) + b"u",
        b"](" + b"ccollections\nOrderedDict\n)Rh\x01b" * 10**4 + b"e",
    ),
    "grown when named": b"]q\x01(" + b"ccollections\nOrderedDict\n(h\x01tR" * 10**4 + b"e"
    + b"h\x01(" + b"K\x01K\x02\x86" * 7000 + b"e\x86",
    "a key to look through": b"}K\x01\x85q\x01" + b"0h\x01h\x01\x86q\x01"[1:] * 40 + b"Ns",
    "a function to show": b"K\x01\x85q\x01" + b"h\x01h\x01\x86q\x01" * 40 + b")R",
}  # fmt: skip


def _archive(path: Path, body: bytes) -> Path:
    torch.save({"a": torch.zeros(3)}, path)
    rewrite(path, lambda name, data: b"\x80\x02" + body + b"." if ".pkl" in name else data)
    return path


def _before_archives(path: Path, body: bytes) -> Path:
    torch.save({"a": torch.zeros(3)}, path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    with path.open("rb") as file:
        for _ in range(3):
            pickle.load(file)
        start = file.tell()
    path.write_bytes(data[:start] + b"\x80\x02" + body + b"." + data[start:])
    return path


def test_files_of_kilobytes_cost_no_gigabytes(tmp_path: Path) -> None:
    """One process reads them all, in either form; it is told, and has not grown."""
    for index, body in enumerate(_BOMBS.values()):
        _archive(tmp_path / f"{index}.pt", body)
        _before_archives(tmp_path / f"{index}.old.pt", body)
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from stgan.io import read_state_dict; from stgan.errors import CheckpointError\n"
        "most = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "before = most()\n"
        "for path in sorted(Path(sys.argv[1]).iterdir()):\n"
        "    try: read_state_dict(path)\n"
        "    except CheckpointError as error: print(path.name, len(str(error)) < 600, error)\n"
        "print(most() - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True, text=True, check=True, timeout=200,
    )  # fmt: skip
    *told, grown = done.stdout.splitlines()
    assert len(told) == 2 * len(_BOMBS)
    assert all("True" in line and "cannot be read as a state dict: it " in line for line in told)
    assert int(grown) < 200, "MiB"


@pytest.mark.parametrize("kind", _BOMBS)
def test_such_files_are_refused_before_they_are_loaded(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _archive(tmp_path / "state.pt", _BOMBS[kind])
    assert path.stat().st_size < 500_000
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it was loaded"))
    with pytest.raises(CheckpointError, match=r"it (holds|would run code when loaded)"):
        read_state_dict(path)


# torch itself reads no empty bytes.
_KEYS = st.text(max_size=4) | st.integers() | st.booleans() | st.none()
_PLAIN = st.recursive(
    _KEYS
    | st.floats(allow_nan=False)
    | st.binary(min_size=1, max_size=9)
    | st.complex_numbers(allow_nan=False),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(_KEYS, inner, max_size=4),
        st.tuples(inner, inner),
        st.tuples(inner).map(lambda one: [one[0], one[0]]),
        st.dictionaries(_KEYS, inner, max_size=3).map(OrderedDict),
        st.frozensets(_KEYS, max_size=3).map(set),
        st.lists(_KEYS, max_size=3).map(Counter),
    ),
    max_leaves=12,
)


@given(_PLAIN)
def test_what_is_plain_comes_back_as_it_was(tmp_path_factory: Any, value: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "plain.pt"
    for archive in (True, False):
        torch.save(value, path, _use_new_zipfile_serialization=archive)
        assert read_tensors(path, before_archives=True) == value


def _trained() -> dict[str, Any]:
    network = nn.Sequential(
        nn.Linear(3, 4), nn.BatchNorm1d(4), nn.utils.spectral_norm(nn.Linear(4, 1))
    )
    optimizer = torch.optim.Adam(network.parameters(), betas=(0.5, 0.9))
    network(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    return {"network": network.state_dict(), "optimizer": optimizer.state_dict()}


_TYPES = [
    torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.uint8, torch.int8,
    torch.int16, torch.int32, torch.int64, torch.bool, torch.complex64, torch.uint16,
    torch.float8_e4m3fn,
]  # fmt: skip


@pytest.mark.parametrize("archive", [True, False])
def test_networks_optimizers_and_every_type_of_number_are_read(
    archive: bool, tmp_path: Path
) -> None:
    tensor = torch.arange(6).view(2, 3)
    state = _trained() | {
        "types": {str(kind): tensor.to(kind) for kind in _TYPES[: None if archive else -2]},
        "views": [tensor.T, tensor[:, 1:], nn.Parameter(tensor.float())],
        "others": [torch.device("cpu"), tensor.shape, torch.float16],
    }  # fmt: skip
    torch.save(state, tmp_path / "state.pt", _use_new_zipfile_serialization=archive)
    found = read_tensors(tmp_path / "state.pt", before_archives=True)
    assert found.pop("others") == state.pop("others")
    torch.testing.assert_close(copy.deepcopy(found), state, rtol=0, atol=0)


def test_weights_are_found_in_a_checkpoint_of_others(tmp_path: Path) -> None:
    network = nn.Linear(2, 3)
    wrapped = {"epoch": 3, "model": network.state_dict(), "args": None}
    torch.save(wrapped, tmp_path / "whole.pth")
    assert torch.equal(read_state_dict(tmp_path / "whole.pth")["bias"], network.bias)
    torch.save(wrapped | {"model_ema": {"bias": torch.ones(3)}}, tmp_path / "average.pth")
    assert read_state_dict(str(tmp_path / "average.pth"))["bias"].tolist() == [1, 1, 1]


def _hidden(path: Path) -> None:
    torch.save({"weight": torch.zeros(1).expand(10**12)}, path)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (_hidden, "a tensor that repeats its entries"),
        (
            lambda path: torch.save(nn.Linear(1, 1), path),
            "dense tensors and numbers: torch.nn",
        ),
        (lambda path: torch.save({}, path), "holds no state dict: it must map names to tensors"),
        (lambda path: torch.save({1: torch.ones(1)}, path), "holds no state dict"),
        (lambda path: rewrite(_saved(path), method=zipfile.ZIP_DEFLATED), "it is compressed, whi"),
        (lambda path: path.write_bytes(_saved(path).read_bytes()[:-30]), "it is damaged"),
        (lambda path: path.write_bytes(pickle.dumps([1])), "when loaded: the operation FRAME"),
        (lambda path: path.write_bytes(b""), "it is damaged"),
        (lambda path: path.mkdir(), "does not exist; check the path"),
    ],
)
def test_files_that_hold_no_weights_are_refused(make: Any, sentence: str, tmp_path: Path) -> None:
    make(tmp_path / "file.pth")
    with pytest.raises(CheckpointError, match=f"file.pth .*{sentence}") as caught:
        read_state_dict(tmp_path / "file.pth")
    assert "torch.save(model.state_dict(), path)" in str(caught.value) or "exist" in sentence


def _saved(path: Path) -> Path:
    torch.save(nn.Linear(2, 3).state_dict(), path)
    return path

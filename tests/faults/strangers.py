"""Configurations and files of a stranger, and a watch that nothing in them has an effect."""

import importlib
import inspect
import pkgutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import stgan
from stgan.errors import CheckpointError, ConfigError, ShapeError, UnknownNameError

__all__ = ["CONV", "CRITIC", "OURS", "PUBLIC", "Files", "is_module", "no_effect"]

OURS = (ConfigError, UnknownNameError, ShapeError, CheckpointError)
CONV = {"kind": "layers", "name": "conv_1p2d", "in_channels": 3, "out_channels": 4,
        "kernel_size": 3}  # fmt: skip
CRITIC = {"kind": "discriminators", "name": "video", "input_size": [4, 16, 16]}

# What Python reports of a program that changes something outside of it. See its table of events.
_EFFECTS = ("os.", "shutil.", "socket.", "subprocess.", "pickle.", "ctypes.dlopen", "urllib.")
_QUIET = ("os.listdir", "os.scandir", "os.walk", "os.fwalk")
_seen: list[str] = []
_watching = False


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if not _watching:
        return
    writes = event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")
    if writes or (event.startswith(_EFFECTS) and event not in _QUIET):
        _seen.append(f"{event} {args[:2]}"[:200])


sys.addaudithook(_hook)


@contextmanager
def no_effect() -> Iterator[None]:
    """Fail if files are written or removed, programs started or the network asked."""
    global _watching
    _seen.clear()
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    _watching = True
    try:
        yield
    finally:
        _watching, sys.dont_write_bytecode = False, before
    assert not _seen


class _Program(nn.Module):
    """A mean of clips; its archive writes a file of 4 bytes when it is loaded."""

    marker: torch.jit.Final[str]

    def __init__(self, marker: str) -> None:
        super().__init__()
        self.marker = marker
        self.x = torch.zeros(1)

    @torch.jit.export
    def __getstate__(self) -> tuple[Tensor, bool]:
        return (self.x, self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[Tensor, bool]) -> None:
        self.training = state[1]
        mapped = torch.from_file(self.marker, shared=True, size=4, dtype=torch.uint8)
        self.x = mapped.fill_(33).to(torch.float)

    def forward(self, video: Tensor) -> Tensor:
        return video.mean(dim=[2, 3, 4])


class _Touch:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


class Files:
    """Files of a stranger, each of which leaves a mark if it is run."""

    def __init__(self, folder: Path) -> None:
        self.marker = folder / "marker"
        self.script, self.pickle = str(folder / "features.pt"), str(folder / "weights.pt")
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
            torch.jit.script(_Program(str(self.marker))).save(self.script)
        torch.save({"weight": _Touch(self.marker)}, self.pickle)
        assert not self.marker.exists()


def _public() -> list[tuple[str, Any]]:
    found = []
    for room in pkgutil.iter_modules(stgan.__path__, "stgan."):
        if not room.name.rpartition(".")[2].startswith("_"):
            home = importlib.import_module(room.name)
            found += [(f"{room.name}.{name}", getattr(home, name)) for name in home.__all__]
    return found


PUBLIC = _public()


def is_module(thing: Any) -> bool:
    return inspect.isclass(thing) and issubclass(thing, nn.Module)

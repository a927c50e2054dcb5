"""What a pickle of tensors would ask of memory, told from its operations before it is loaded.

torch's ``weights_only=True`` runs no code, but what it does run can fill the memory from a file of
some hundred bytes: a list that is named a thousand times and copied each time, an encoding of an
encoding, a storage of any length.
"""

import pickletools
import re
from dataclasses import dataclass
from typing import IO, Any

__all__ = ["DamagedError", "RefusedError", "check_pickle"]

# Written out in full, with no value named twice. A tensor takes about 40.
_MOST_VALUES = 5_000_000
# What states and weights call; their arguments are copied at most once.
_CALLS = {
    "collections OrderedDict",
    "collections Counter",
    "_codecs encode",
    "torch Size",
    "torch device",
    "torch.serialization _get_layout",
    "torch._utils _rebuild_tensor",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_tensor_v3",
    "torch._utils _rebuild_parameter",
    "torch._utils _rebuild_parameter_with_state",
    "torch._utils _rebuild_meta_tensor_no_storage",
} | {f"{home} {name}" for home in ("__builtin__", "builtins") for name in ("set", "complex")}
# What they only name: types of numbers and of storages.
_NAMES = re.compile(
    r"torch (\w+Storage|bool|(b?float|u?int|complex|bits)\d\w*|strided)"
    r"|torch\.storage UntypedStorage"
)
_CONSTANTS = {
    "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT",
    "EMPTY_TUPLE", "EMPTY_LIST", "EMPTY_DICT",
}  # fmt: skip
# How many values each operation takes; a mark stands before those of ``None``.
_MADE = {"TUPLE": None, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3, "BINPERSID": 1}
_ADDED = {"APPENDS": None, "SETITEMS": None, "APPEND": 1, "SETITEM": 2, "BUILD": 1}


class RefusedError(Exception):
    """Why a file is not loaded, in words that begin with "it"."""


class DamagedError(RefusedError):
    """It is not what was written, by accident or not."""

    def __init__(self, why: str = "it is damaged, it is not what was written") -> None:
        super().__init__(why)


@dataclass(slots=True)
class _Value:
    size: int = 1
    """Values in it, those that are named again counted each time."""
    name: str = ""
    """The text, the name of what is called, or the last of a tuple's."""
    named: bool = False
    """Whether it was named again, and so may not grow any more."""


def check_pickle(file: IO[bytes] | bytes) -> None:
    """Read one pickle, without loading it, and refuse what no state dict of torch holds.

    Args:
        file: The pickle, or a file that stands at its start and is left behind its end.

    Raises:
        RefusedError: If it calls something else than what makes tensors and plain data, or would be
            too large written out in full.
    """
    stack: list[_Value] = []
    marks: list[int] = []
    memo: dict[object, _Value] = {}
    total = 0

    def taken(count: int | None) -> list[_Value]:
        start = marks.pop() if count is None else len(stack) - count
        if start < (marks[-1] if marks else 0):
            raise IndexError("more is taken than there is")
        values = stack[start:]
        del stack[start:]
        return values

    try:
        given: Any
        for operation, given, _ in pickletools.genops(file):
            total += 1
            name = operation.name
            if name in _CONSTANTS:
                stack.append(_Value())
            elif name in ("BINUNICODE", "SHORT_BINSTRING"):
                stack.append(_Value(1 + len(given) // 8, given))
            elif name == "GLOBAL":
                if given not in _CALLS and not _NAMES.fullmatch(given):
                    raise _runs_code(given.replace(" ", "."))
                stack.append(_Value(name=given))
            elif name == "MARK":
                marks.append(len(stack))
            elif name in ("BINPUT", "LONG_BINPUT"):
                memo[given] = stack[-1]
            elif name in ("BINGET", "LONG_BINGET"):
                memo[given].named = True
                total += memo[given].size
                stack.append(memo[given])
            elif name in _MADE:
                values = taken(_MADE[name])
                last = values[-1].name if values else ""
                stack.append(_Value(1 + sum(value.size for value in values), last))
            elif name in _ADDED:
                values = taken(_ADDED[name])
                if stack[-1].named and values:
                    raise RefusedError("it holds itself, or grows while it is read")
                stack[-1].size += sum(value.size for value in values)
            elif name == "REDUCE":
                function, arguments = taken(2)
                if function.name not in _CALLS:
                    raise _runs_code(function.name.replace(" ", "."))
                if function.name == "_codecs encode" and arguments.name != "latin1":
                    raise _runs_code("_codecs.encode, not of bytes")
                stack.append(_Value(1 + arguments.size))
            elif name not in ("PROTO", "STOP"):
                raise _runs_code(f"the operation {name}")
            if total > _MOST_VALUES:
                raise RefusedError(
                    f"it holds more than {_MOST_VALUES:,} values, those that are named again "
                    f"counted each time"
                )
    except RefusedError:
        raise
    except Exception:  # of bytes that are no pickle
        raise DamagedError from None


def _runs_code(name: str) -> RefusedError:
    asked = re.sub(r"[^\w., ]", "?", name[:100]) or "a value"
    if asked.startswith("torch.") or asked.endswith(".bytearray"):
        return RefusedError(f"it holds more than plain, dense tensors and numbers: {asked}")
    return RefusedError(f"it would run code when loaded: {asked}")

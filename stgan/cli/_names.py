"""From what the user types to one entry of one registry."""

from stgan._excerpt import nearest
from stgan.errors import UnknownNameError
from stgan.registry import REGISTRIES, unknown_name

__all__ = ["check_kind", "find"]


def check_kind(kind: str) -> str:
    """Return ``kind`` if there is a registry of it.

    Raises:
        UnknownNameError: If there is none; names all.
    """
    if kind in REGISTRIES:
        return kind
    raise unknown_name("stgan", kind, REGISTRIES, what="kind")


def find(name: str) -> tuple[str, str]:
    """Return kind and name of the entry that ``NAME`` or ``KIND/NAME`` means.

    Raises:
        UnknownNameError: If there is none; suggests near ones of all kinds.
        ValueError: If entries of several kinds have the name.
    """
    kind, slash, entry = name.partition("/")
    if slash:
        return kind, REGISTRIES[check_kind(kind)].info(entry).name
    homes = [kind for kind, registry in REGISTRIES.items() if name in registry]
    if len(homes) == 1:
        return homes[0], REGISTRIES[homes[0]].info(name).name
    if homes:
        raise ValueError(f"{name} stands in several kinds; write {_either(homes, name)}")
    raise UnknownNameError(_unknown(name))


def _either(kinds: list[str], name: str) -> str:
    *others, last = [f"{kind}/{name}" for kind in kinds]
    return f"{', '.join(others)} or {last}"


def _unknown(name: str) -> str:
    known = {entry for registry in REGISTRIES.values() for entry in registry}
    near = nearest(name, known, 3)
    meant = [f"{kind}/{one}" for one in near for kind in REGISTRIES if one in REGISTRIES[kind]]
    if meant:
        return f"no entry is named {name!r}; did you mean {' or '.join(meant)}?"
    return f"no entry is named {name!r}; 'stgan list' shows the kinds, 'stgan list KIND' the names"

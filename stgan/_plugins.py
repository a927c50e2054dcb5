"""Entries from other packages, found by entry points and loaded when they are asked for."""

import sys
import warnings
from importlib.metadata import EntryPoint, entry_points

__all__ = ["find_plugins", "load_plugin", "offers", "package_of"]


def find_plugins(kind: str, owners: dict[str, str]) -> dict[str, EntryPoint]:
    """Return the entry points of group ``stgan.<kind>`` by name, without importing anything.

    The first owner of a name keeps it: a later claim is left out with a warning that names both.

    Args:
        kind: A kind of registry.
        owners: Who has which name already.
    """
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=f"stgan.{kind}"), key=package_of):
        owner = owners.get(point.name)
        if owner is None and point.name not in found:
            found[point.name] = point
        # An installation in editable mode may list its own metadata twice.
        elif point.name not in found or point != found[point.name]:
            owner = owner or f"the package {package_of(found[point.name])}"
            warnings.warn(
                f"the package {package_of(point)} offers {kind} under the name {point.name!r}, "
                f"which belongs to {owner}; it is left out",
                stacklevel=3,
            )
    return found


def load_plugin(point: EntryPoint) -> None:
    """Import what an entry point names; if that fails, all of its package that came with it goes.

    Python itself drops only the module that raised. The others would not run again, and so not
    register again, when the entry is asked for once more.
    """
    before = {*sys.modules}
    try:
        point.load()
    except BaseException:
        for module in sys.modules.keys() - before:
            if offers(point, module):
                del sys.modules[module]
        raise


def offers(point: EntryPoint, module: str) -> bool:
    """Tell whether a module lies in the package that an entry point imports."""
    top = point.value.partition(":")[0].partition(".")[0].strip()
    return module.partition(".")[0] == top


def package_of(point: EntryPoint) -> str:
    """Name and version of the package that an entry point comes from."""
    return "unknown" if point.dist is None else f"{point.dist.name} {point.dist.version}"

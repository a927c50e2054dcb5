"""Every public name in a line, by package: Sphinx's own summary, with names from the library."""

from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.ext.autosummary import Autosummary
from stgan_references import public_names

__all__ = ["PublicNames", "setup"]


class PublicNames(Autosummary):
    """``public-names``: a section for each package, with a table of its names and first lines."""

    has_content = False

    def run(self) -> list[nodes.Node]:
        """Make the sections."""
        self.env.note_reread()  # the sentences stand in the library
        rooms: dict[str, list[str]] = {}
        for name, thing in public_names().items():
            # Plain data has no docstring of its own; its page says what it holds.
            if hasattr(thing, "__qualname__"):
                rooms.setdefault(name.rpartition(".")[0], []).append(name)
        self.options.setdefault("nosignatures", None)
        found: list[nodes.Node] = []
        for room, names in sorted(rooms.items()):
            section = nodes.section(ids=[f"names-{room.replace('.', '-')}"], names=[])
            section += nodes.title("", "", nodes.literal("", room))
            self.content = StringList([f"~{name}" for name in sorted(names)], source=room)
            section += super().run()
            found.append(section)
        return found


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive."""
    app.setup_extension("sphinx.ext.autosummary")
    app.add_directive("public-names", PublicNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""The errors that a caller of stgan may want to catch."""

__all__ = [
    "CheckpointError",
    "ConfigError",
    "DataError",
    "PluginError",
    "ShapeError",
    "UnknownNameError",
]


class ShapeError(ValueError):
    """A tensor or a wanted size does not have the layout that an operation needs."""


class UnknownNameError(KeyError):
    """A registry, preset or class list has no entry of this name."""

    def __str__(self) -> str:
        # KeyError prints the repr of its argument, quotes and all; a sentence should read as one.
        return str(self.args[0]) if self.args else ""


class PluginError(ImportError):
    """Another package offers an entry to a registry, and it cannot be loaded."""


class ConfigError(ValueError):
    """A configuration of a part is not one that can be built, or a part not one to write down."""


class DataError(ValueError):
    """A file or folder of clips is missing, empty, broken, too short or of the wrong kind."""


class CheckpointError(ValueError):
    """A checkpoint is missing, incomplete, damaged or belongs to something else."""

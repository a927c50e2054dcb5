"""Settings of a recipe: from a preset, a file and the command line into one checked dataclass.

A recipe declares dataclasses derived from :class:`SettingsGroup`; their types and bounds are
checked by pydantic, and their options are read by tyro. A part is named by its name on the command
line; its own settings stand in a file, where nested data needs no quotes.
"""

from stgan.settings.command_line import parse_settings
from stgan.settings.groups import MAY_CHANGE, DataSettings, TrainSettings
from stgan.settings.reading import (
    Count,
    NotNegative,
    Part,
    Positive,
    Rare,
    RunSettings,
    SettingsGroup,
    Share,
    Terms,
    Times,
    check_settings,
    read_settings,
    write_settings,
)

__all__ = [
    "MAY_CHANGE",
    "Count",
    "DataSettings",
    "NotNegative",
    "Part",
    "Positive",
    "Rare",
    "RunSettings",
    "SettingsGroup",
    "Share",
    "Terms",
    "Times",
    "TrainSettings",
    "check_settings",
    "parse_settings",
    "read_settings",
    "write_settings",
]

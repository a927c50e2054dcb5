"""What ``stgan evaluate`` is asked for, and which clips and scores take part."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch

import stgan.metrics as measures
from stgan.cli._clips import ClipSource, Wanted, clip_name
from stgan.errors import ConfigError, DataError

__all__ = ["METRICS", "MOTION", "Evaluation", "find_pairs", "leave_out", "protocol_of"]

#: Scores of clips without any network.
MOTION: tuple[str, ...] = ("motion_energy", "static")
#: Scores of two sets of clips.
METRICS: tuple[str, ...] = (*measures.FEATURE_METRICS, *MOTION)
_OF_NEIGHBORS = ("precision", "recall", "density", "coverage")


@dataclass(frozen=True)
class Evaluation:
    """What is asked for, as the options say it.

    ``chosen`` tells whether the user named ``metrics``: of those named, none is left out.
    """

    real: Path
    fake: Path
    wanted: Wanted
    metrics: tuple[str, ...]
    chosen: bool
    paired: bool
    features: str
    weights: Path | None
    sha256: str | None
    trust: bool
    settings: Mapping[str, Any]
    batch: int
    device: torch.device
    neighbors: int
    resamples: int
    seed: int
    lpips: Path | None
    lpips_net: Literal["alex", "vgg", "squeeze"]
    fid: Path | None
    json: Path | None
    report: Path | None

    @property
    def of_features(self) -> list[str]:
        """The metrics that need features of a network."""
        return [name for name in self.metrics if name in measures.FEATURE_METRICS]


def leave_out(
    asked: Evaluation, training: int, real: int, fake: int
) -> tuple[Evaluation, list[str]]:
    """Leave out the scores of neighbors if there are too few clips, and return a note on it.

    Args:
        asked: What is asked for.
        training: Real clips that train a network.
        real: Real clips that are compared.
        fake: Generated clips.

    Raises:
        DataError: If there are too few clips for a score that the user named.
    """
    names = list(dict.fromkeys(name for name in asked.metrics if name in _OF_NEIGHBORS))
    if not names or min(real, fake) > asked.neighbors:
        return asked, []
    why = (
        f"{', '.join(names)} {'needs' if len(names) == 1 else 'need'} more than {asked.neighbors} "
        f"clips of each kind, got {real} real{' that train no network' if training else ''} and "
        f"{fake} generated"
    )
    if asked.chosen:
        raise DataError(f"{why}; lower --neighbors, or give more clips")
    others = tuple(name for name in asked.metrics if name not in names)
    return replace(asked, metrics=others), [f"left out: {why}"]


def protocol_of(asked: Evaluation, source: ClipSource) -> measures.ClipProtocol:
    """Say how the clips of a folder were taken."""
    wanted = asked.wanted
    return measures.ClipProtocol(wanted.frames, source.size, wanted.stride, wanted.rule)


def find_pairs(
    asked: Evaluation, real: ClipSource, fake: ClipSource
) -> tuple[list[int], list[str]]:
    """Return the number of the real clip for each of ``--fake``, and a note on the others.

    Clips belong together whose paths below their folders are the same but for the ending, window by
    window.

    Raises:
        ConfigError: If each side draws its own windows.
        DataError: If a clip of ``--fake`` has no partner.
    """
    if asked.wanted.window == "random":
        raise ConfigError("--paired compares the same frames; give another --window than random")
    places = {_key(real, i): i for i in range(len(real))}
    missing = [i for i in range(len(fake)) if _key(fake, i) not in places]
    if missing:
        name = fake.names[missing[0]]
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        window = f" from frame {fake.starts[missing[0]]}" if asked.wanted.window == "all" else ""
        raise DataError(
            f"--paired needs a clip of the same name in --real for each of --fake, got none for "
            f"{name}{window}{more}; names in --real are such as {real.names[0]}"
        )
    partners = [places[_key(fake, i)] for i in range(len(fake))]
    alone = sorted({*range(len(real))} - {*partners})
    notes = [
        f"--paired leaves out {len(alone)} of the {len(real)} clips of --real, such as "
        f"{real.names[i]}, whose name no clip of --fake has"
        for i in alone[:1]
    ]
    return partners, notes


def _key(source: ClipSource, index: int) -> tuple[str, int]:
    return clip_name(source.names[index]), source.starts[index]

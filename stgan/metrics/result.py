"""A number together with everything that it depends on."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from stgan._excerpt import brief, reason
from stgan.errors import DataError

__all__ = ["MetricResult", "SmallSampleWarning"]

# What was found, and with what: not part of the way in which it was measured.
_NO_PROTOCOL = {"value", "ci95", "floor", "at_floor", "notes", "versions"}


class SmallSampleWarning(UserWarning):
    """There are fewer clips than numbers in a feature, so that a covariance has no full rank."""


@dataclass(frozen=True)
class MetricResult:
    """A score with its protocol, which it prints, keeps and is compared by.

    Scores of clips disagree between papers mostly because their protocols do. Printed, a result
    is one line for a paper; subtracted from or compared with a result of another protocol, it
    raises. Versions of libraries are kept but do not stand in the way of a comparison.

    Raises:
        ValueError: If the value, the interval or a floor is NaN or infinite.

    Attributes:
        metric: What was measured, by name.
        value: The score.
        n_real: Real clips; 0 for a score that uses none.
        n_fake: Generated clips.
        frames: Frames of a clip.
        size: Their height and width before any resizing for the features.
        stride: Step between frames, in stored frames.
        clip_rule: Which frames of a longer clip were taken.
        resize: How frames were brought to the size that the network sees.
        range: Values of the pixels as the network sees them.
        extractor: The network whose features were compared, or ``"none"``.
        sha256: Hash of its weights; ``None`` without a network or for weights from nowhere.
        dtype: Type in which the score was computed.
        ci95: Interval of 95%; see :func:`stgan.metrics.bootstrap_interval`.
        floor: The score of real against real clips; see :func:`stgan.metrics.split_half_floor`.
        at_floor: The score of generated clips at as few clips as the floor has, on average.
        settings: Other settings that the value depends on.
        notes: What a reader should be warned of.
        versions: Of the libraries, and the device.

    Example:
        >>> one = MetricResult(
        ...     "motion energy", 0.021, n_real=0, n_fake=64, frames=16, size=(64, 64), stride=1,
        ...     clip_rule="first window", resize="none", range="[-1, 1]", extractor="none",
        ...     sha256=None, dtype="float64", ci95=(0.0192, 0.0228),
        ... )
        >>> print(one)
        motion energy 0.021 [0.0192, 0.0228] (n = 64 fake; 16 frames of 64 x 64, stride 1, first
        window; features none; resize none; range [-1, 1]; float64)
        >>> from dataclasses import replace
        >>> round(one - replace(one, value=0.02), 3)
        0.001
        >>> one - replace(one, stride=2)
        Traceback (most recent call last):
        ValueError: motion energy and motion energy were measured differently (stride 1 against 2);
        measure them alike, or call difference(..., force=True)
    """

    metric: str
    value: float
    n_real: int
    n_fake: int
    frames: int
    size: tuple[int, int]
    stride: int
    clip_rule: str
    resize: str
    range: str
    extractor: str
    sha256: str | None
    dtype: str
    ci95: tuple[float, float] | None = None
    floor: float | None = None
    at_floor: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        low, high = self.ci95 or (None, None)
        numbers = {"value": self.value, "floor": self.floor, "at_floor": self.at_floor}
        for name, number in {**numbers, "ci95[0]": low, "ci95[1]": high}.items():
            wrong = name == "value" if number is None else not math.isfinite(number)
            if wrong:
                raise ValueError(
                    f"{name} of {_short(self.metric)} must be finite, got {number}; leave out what "
                    f"cannot be measured"
                )

    def __str__(self) -> str:
        score = f"{self.metric} {number(self.value)}"
        if self.ci95 is not None:
            score += f" [{number(self.ci95[0])}, {number(self.ci95[1])}]"
        counts = [f"{n} {kind}" for n, kind in ((self.n_real, "real"), (self.n_fake, "fake")) if n]
        sides = " x ".join(map(str, self.size))
        facts = [
            f"n = {', '.join(counts)}",
            f"{self.frames} frames of {sides}, stride {self.stride}, {self.clip_rule}",
            f"features {self.extractor}"
            + (f", sha256 {self.sha256[:12]}" if self.sha256 is not None else ""),
            f"resize {self.resize}",
            f"range {self.range}",
            self.dtype,
        ]
        if self.settings:
            facts.append(", ".join(f"{key} {value}" for key, value in self.settings.items()))
        if self.floor is not None:
            floor = f"real against real {number(self.floor)}"
            if self.at_floor is not None:
                floor += f" where this is {number(self.at_floor)}"
            facts.append(floor)
        facts += [f"{name} {version}" for name, version in self.versions.items()]
        return f"{score} ({'; '.join(facts)})"

    def protocol(self) -> dict[str, Any]:
        """Return what must agree before two results may be compared."""
        return {key: value for key, value in asdict(self).items() if key not in _NO_PROTOCOL}

    def differences(self, other: "MetricResult") -> list[str]:
        """List what was done differently, each as ``"stride 1 against 2"``."""
        theirs = other.protocol()
        return [
            f"{key} {_short(value)} against {_short(theirs[key])}"
            for key, value in self.protocol().items()
            if value != theirs[key]
        ]

    def difference(self, other: "MetricResult", *, force: bool = False) -> float:
        """Return this value minus the other one.

        Args:
            other: A result of the same protocol.
            force: Subtract in spite of different protocols.

        Raises:
            ValueError: If the protocols differ; it lists the differences.
        """
        if not force and (found := self.differences(other)):
            raise ValueError(
                f"{self.metric} and {other.metric} were measured differently ({'; '.join(found)});"
                f" measure them alike, or call difference(..., force=True)"
            )
        return self.value - other.value

    def __sub__(self, other: "MetricResult") -> float:
        return self.difference(other)

    def __lt__(self, other: "MetricResult") -> bool:
        return self.difference(other) < 0

    def __gt__(self, other: "MetricResult") -> bool:
        return self.difference(other) > 0

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, as JSON can hold it.

        Raises:
            ValueError: If a setting is NaN or infinite, for which JSON has no word.
        """
        try:
            plain: dict[str, Any] = json.loads(json.dumps(asdict(self), allow_nan=False))
        except ValueError as error:
            raise ValueError(
                f"settings of {_short(self.metric)} must be finite numbers or words to be written "
                f"as JSON, got {_short(self.settings)}"
            ) from error
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "MetricResult":
        """Return the result that :meth:`as_dict` wrote.

        Raises:
            DataError: If fields are missing or unknown, or a number is none.
        """
        names = {one.name for one in fields(cls)}
        needed = {"metric", "value", "n_real", "n_fake", "frames", "size"}
        if not needed <= set(plain) <= names:
            wrong = sorted((needed - set(plain)) | (set(plain) - names))
            raise DataError(
                f"a result must have the fields of MetricResult; missing or unknown: "
                f"{brief(', '.join(map(str, wrong)))}"
            )
        # JSON knows no tuples.
        settings: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()
        }
        try:
            return cls(**settings)
        except (TypeError, ValueError, OverflowError) as error:
            raise DataError(f"a result must hold the numbers of one: {error}") from error

    def save(self, path: str | Path) -> None:
        """Write the result as JSON.

        Args:
            path: The file.
        """
        Path(path).write_text(json.dumps(self.as_dict(), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> "MetricResult":
        """Read a result that :meth:`save` wrote.

        Args:
            path: The file.

        Raises:
            DataError: If it cannot be read or holds something else.
        """
        try:
            plain = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f"result {path} cannot be read as JSON: {reason(error)}") from error
        if not isinstance(plain, dict):
            raise DataError(f"result {path} must hold one result, got a {type(plain).__name__}")
        return cls.from_dict(plain)


def number(value: float) -> str:
    """Write a number with four digits, or more where they stand before the point."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

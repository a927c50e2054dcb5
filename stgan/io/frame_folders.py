"""Folders of frames: pictures that the numbers in their names put in order."""

import re
import warnings
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from stgan.errors import DataError
from stgan.io.kinds import PICTURE_SUFFIXES, clip_kind, natural_key
from stgan.io.pictures import read_picture

__all__ = ["folder_frames", "frame_paths"]

Value: TypeAlias = tuple[Fraction, ...]

_NUMBER = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)")


def folder_frames(
    folder: Path, start: int, stop: int | None, stride: int
) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the RGB bytes ``(H, W, 3)`` of every ``stride``-th frame from ``start`` to ``stop``.

    Raises:
        DataError: If the folder is none of frames, or a frame is damaged or of another size.
    """
    first: tuple[int, ...] | None = None
    for path in frame_paths(folder)[start:stop:stride]:
        clip_kind(path)  # says it better than a decoder if the file has no bytes
        frame = read_picture(path)
        first = first or frame.shape
        if frame.shape != first:
            raise DataError(
                f"frame {path} must be as large as the frames before it, {first[:2]} (height,"
                f" width), got {frame.shape[:2]}; resize it or leave it out"
            )
        yield frame


def frame_paths(folder: Path) -> list[Path]:
    """List the pictures of a folder in the order of the numbers in their names.

    Numbers may have a sign and decimals; where there are several, the first is compared first. One
    picture alone needs none. Hidden files and other suffixes are passed over.

    Raises:
        DataError: If the folder has no pictures, or they are not one series: names that differ in
            more than numbers, as of frames and masks, or two pictures of one number.

    Warns:
        UserWarning: If whole numbers leave some out.
    """
    pictures = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")
    ]
    if not pictures:
        known = " ".join(PICTURE_SUFFIXES)
        raise DataError(
            f"clip {folder} must hold frames as pictures ({known}), got a folder of none"
        )
    pictures.sort(key=lambda path: natural_key(path.name))  # for errors that are always the same
    names = [_NUMBER.split(path.stem.casefold()) for path in pictures]
    texts = names[0][::2]
    for path, name in zip(pictures, names, strict=True):
        if name[::2] != texts:
            raise DataError(
                f"clip {folder} must hold one series of pictures, whose names differ in numbers "
                f"alone, got {pictures[0].name!r} and {path.name!r}; keep one series in a folder"
            )
    columns = [
        _values([name[2 * place + 1] for name in names], before or place * "0")
        for place, before in enumerate(texts[:-1])
    ]
    keys = [tuple(column[number] for column in columns) for number in range(len(pictures))]
    order = sorted(range(len(pictures)), key=keys.__getitem__)
    for one, other in pairwise(order):
        if keys[one] == keys[other]:
            raise DataError(
                f"clip {folder} must hold one picture of each frame, got {pictures[one].name!r} "
                f"and {pictures[other].name!r}; remove one of them"
            )
    found = [pictures[number] for number in order]
    counting = [column for column in columns if len(set(column)) > 1]
    if len(counting) == 1:
        _warn_of_gap(folder, found, [counting[0][number] for number in order])
    return found


def _values(column: Sequence[str], before: str) -> list[Value]:
    """Return the values, to be compared, of the numbers that stand behind ``before`` in names."""
    # A minus may be a hyphen: it is in "frame-1", "frame-2" and in dates, where every number has
    # one, but not in "-2", "-1", "f_-1", nor where some numbers have none.
    if all(number[0] == "-" for number in column) and before[-1:] not in ("", "_", "="):
        column = [number[1:] for number in column]
    # "1.5" is a decimal, while "1.9", "1.10" count two things: no program writes 1.1 as "1.10"
    # and 1.9 with one digit.
    fractions = [number.partition(".")[2] for number in column]
    differ = len({len(fraction) for fraction in fractions}) > 1
    if differ and any(len(fraction) > 1 and fraction[-1] == "0" for fraction in fractions):
        return [tuple(map(Fraction, number.split("."))) for number in column]
    return [(Fraction(number),) for number in column]


def _warn_of_gap(folder: Path, found: Sequence[Path], values: Sequence[Value]) -> None:
    if any(len(value) > 1 or value[0] % 1 for value in values):
        return  # times need not be even
    steps = [after[0] - value[0] for value, after in pairwise(values)]
    gaps = [place for place, step in enumerate(steps) if step >= 2 * min(steps)]
    if gaps:
        one, other = found[gaps[0]], found[gaps[0] + 1]
        more = f" and {len(gaps) - 1} more gaps" if len(gaps) > 1 else ""
        warnings.warn(
            f"clip {folder} has a gap between {one.name!r} and {other.name!r}{more}; its frames "
            f"are joined as if none were missing",
            stacklevel=2,
        )

"""Films and pictures that phones store lying on their side come upright."""

import struct
from pathlib import Path

import pytest
import torch
from PIL import ExifTags, Image

from stgan.io import read_image, read_video, write_video
from stgan.io.pictures import picture_size

_IDENTITY = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
# How often a player turns the picture by 90 degrees against the clock, for (a, b, c, d) of the
# matrix in the header of a track.
_TURNS = {(0, 1, -1, 0): -1, (-1, 0, 0, -1): 2, (0, -1, 1, 0): 1}


@pytest.mark.parametrize("matrix", _TURNS)
def test_films_are_turned_as_players_turn_them(matrix: tuple[int, ...], tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    draws = torch.Generator().manual_seed(0)
    write_video(torch.rand(3, 4, 16, 24, generator=draws) * 2 - 1, path)
    stored = read_video(path)
    a, b, c, d = (number * 0x10000 for number in matrix)
    turned = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000)
    data = path.read_bytes()
    track = data.index(b"tkhd")
    assert data[track:].count(_IDENTITY) >= 1
    path.write_bytes(data[:track] + data[track:].replace(_IDENTITY, turned, 1))
    assert torch.equal(read_video(path), stored.rot90(_TURNS[matrix], (2, 3)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_their_metadata_say(orientation: int, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    pixels = torch.arange(3 * 4 * 5, dtype=torch.uint8).view(4, 5, 3)
    picture = Image.fromarray(pixels.numpy())
    exif = picture.getexif()
    exif[ExifTags.Base.Orientation] = orientation
    picture.save(path, exif=exif)
    stored = pixels.permute(2, 0, 1)
    expected = {
        1: stored,
        2: stored.flip(2),
        3: stored.flip(1, 2),
        4: stored.flip(1),
        5: stored.mT,
        6: stored.mT.flip(2),
        7: stored.mT.flip(1, 2),
        8: stored.mT.flip(1),
    }[orientation]
    assert torch.equal(read_image(path, dtype=torch.uint8), expected)
    assert picture_size(path) == tuple(expected.shape[1:])

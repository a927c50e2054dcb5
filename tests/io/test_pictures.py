"""Pictures of 16 bits a channel, as read through Pillow, which keeps eight of a color."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stgan.io.pictures import read_picture

VALUES = [0, 200, 255, 32767, 33023, 65407, 65535]


def save_color(path: Path, values: list[int], transparent: int | None = None) -> None:
    """Write a PNG of one row of equal red, green and blue, which Pillow cannot."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    row = b"\0" + b"".join(struct.pack(">3H", value, value, value) for value in values)
    head = struct.pack(">2I5B", len(values), 1, 16, 2, 0, 0, 0)
    key = b"" if transparent is None else chunk(b"tRNS", struct.pack(">3H", *[transparent] * 3))
    chunks = chunk(b"IHDR", head), key, chunk(b"IDAT", zlib.compress(row)), chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


@pytest.mark.parametrize("color", [False, True], ids=["gray", "color"])
def test_sixteen_bits_are_rounded_of_gray_and_cut_of_color(color: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    if color:
        save_color(path, VALUES)
    else:
        Image.fromarray(np.array([VALUES], dtype=np.uint16)).save(path)
    expected = [value >> 8 if color else round(value / 257) for value in VALUES]
    assert read_picture(path).tolist() == [[[value] * 3 for value in expected]]


def test_a_transparent_color_of_sixteen_bits_lies_over_black(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    save_color(path, [40_000, 65_535], transparent=40_000)
    assert read_picture(path).tolist() == [[[0] * 3, [255] * 3]]

"""Pictures of 16 bits a channel, as read through Pillow, which keeps eight of a color."""

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stgan.errors import DataError
from stgan.io.pictures import picture_size, read_picture

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


def test_a_program_of_postscript_is_no_picture(tmp_path: Path) -> None:
    """Pillow would hand it to Ghostscript, under any name."""
    path = tmp_path / "a.png"
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n%%EndComments\nshowpage\n")
    for read in (read_picture, picture_size):
        with pytest.raises(DataError, match="cannot be read as a picture: cannot identify"):
            read(path)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP", "TIFF", "PPM", "GIF"])
def test_pictures_are_known_by_what_is_in_them(kind: str, tmp_path: Path) -> None:
    Image.new("RGB", (3, 2), (255, 255, 255)).save(tmp_path / "a.png", kind)
    assert picture_size(tmp_path / "a.png") == (2, 3)
    assert read_picture(tmp_path / "a.png").tolist() == [[[255] * 3] * 3] * 2


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    code = "import sys; from stgan.io import read_image; read_image(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.png")],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "a.png must be a plain file, got a folder, pipe or device" in done.stderr

"""Films and pictures that phones store turned or mirrored come as players show them."""

import struct
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import ExifTags, Image
from torch import Tensor

from stgan.errors import DataError
from stgan.io import read_image, read_video, write_video
from stgan.io.pictures import picture_size

# What each orientation of EXIF makes of stored frames (..., H, W).
UPRIGHT = {
    1: lambda stored: stored,
    2: lambda stored: stored.flip(-1),
    3: lambda stored: stored.flip(-2, -1),
    4: lambda stored: stored.flip(-2),
    5: lambda stored: stored.mT,
    6: lambda stored: stored.mT.flip(-1),
    7: lambda stored: stored.mT.flip(-2, -1),
    8: lambda stored: stored.mT.flip(-2),
}
# (a, b, c, d) of the matrix in the header of a track that does the same.
MATRICES = {
    1: (1, 0, 0, 1),
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, 1, -1, 0),
    7: (0, -1, -1, 0),
    8: (0, -1, 1, 0),
}


def matrix_bytes(a: float, b: float, c: float, d: float) -> bytes:
    x = [round(number * 0x10000) for number in (a, b, c, d)]
    return struct.pack(">9i", x[0], x[1], 0, x[2], x[3], 0, 0, 0, 0x40000000)


def film(path: Path, matrix: tuple[float, float, float, float]) -> Tensor:
    """Write a film whose header says to turn it, and return its frames as they are stored."""
    draws = torch.Generator().manual_seed(0)
    write_video(torch.rand(3, 4, 16, 24, generator=draws) * 2 - 1, path)
    stored = read_video(path)
    data = path.read_bytes()
    track = data.index(b"tkhd")
    assert data[track:].count(matrix_bytes(1, 0, 0, 1)) >= 1
    changed = data[track:].replace(matrix_bytes(1, 0, 0, 1), matrix_bytes(*matrix), 1)
    path.write_bytes(data[:track] + changed)
    return stored


@pytest.mark.shared
def test_a_film_of_a_front_camera_is_mirrored_and_not_turned(shared_folder: Path) -> None:
    video = read_video(shared_folder / "cases" / "mirror_hflip.mp4", dtype=torch.uint8).int()
    assert video.shape == (3, 8, 48, 64)
    quarters = {
        (12, 16): (0, 255, 0), (12, 48): (255, 0, 0),
        (36, 16): (255, 255, 255), (36, 48): (0, 0, 255),
    }  # fmt: skip
    for (row, column), color in quarters.items():
        assert ((video[:, :, row, column] - torch.tensor(color)[:, None]).abs() <= 2).all()
    reference = read_image(shared_folder / "cases" / "upright_reference.png", dtype=torch.uint8)
    assert ((video - reference.flip(-1).int()[:, None]).abs() <= 2).float().mean() > 0.9


@pytest.mark.parametrize("orientation", MATRICES)
def test_films_are_turned_and_mirrored_as_players_do(orientation: int, tmp_path: Path) -> None:
    stored = film(tmp_path / "film.mp4", MATRICES[orientation])
    assert torch.equal(read_video(tmp_path / "film.mp4"), UPRIGHT[orientation](stored))


@pytest.mark.parametrize("matrix", [(2, 0, 0, 0.5), (0.9999, 0.004, -0.004, 0.9999), (0, 0, 0, 0)])
def test_a_matrix_that_turns_nothing_leaves_frames_alone(
    matrix: tuple[float, float, float, float], tmp_path: Path
) -> None:
    stored = film(tmp_path / "film.mp4", matrix)
    assert torch.equal(read_video(tmp_path / "film.mp4"), stored)


def test_other_angles_are_refused(tmp_path: Path) -> None:
    film(tmp_path / "film.mp4", (0.7071, 0.7071, -0.7071, 0.7071))
    with pytest.raises(DataError, match=r"film\.mp4 must be turned by right angles, got the displ"):
        read_video(tmp_path / "film.mp4")


def test_side_data_unknown_to_pyav_do_no_harm(tmp_path: Path) -> None:
    # Of TIFF frames FFmpeg hands out EXIF, which PyAV 18 cannot name.
    pixels = np.arange(3 * 16 * 24, dtype=np.uint8).reshape(16, 24, 3)
    with av.open(str(tmp_path / "tiff.mov"), "w") as container:
        stream = container.add_stream("tiff", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width, stream.pix_fmt = 16, 24, "rgb24"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    video = read_video(tmp_path / "tiff.mov", dtype=torch.uint8)
    assert torch.equal(video[:, 0], torch.from_numpy(pixels).permute(2, 0, 1))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_pictures_are_turned_as_their_metadata_say(
    orientation: int, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"picture{suffix}"
    pixels = torch.zeros(16, 32, 3, dtype=torch.uint8)
    pixels[:8, :16], pixels[:8, 16:], pixels[8:, :16] = 250, 120, 60
    picture = Image.fromarray(pixels.numpy())
    exif = picture.getexif()
    exif[ExifTags.Base.Orientation] = orientation
    options = {".webp": {"lossless": True}, ".jpg": {"quality": 100}}.get(suffix, {})
    picture.save(path, exif=exif, **options)
    expected = UPRIGHT[orientation](pixels.permute(2, 0, 1))
    assert (read_image(path, dtype=torch.uint8).int() - expected.int()).abs().max() <= 2
    assert picture_size(path) == tuple(expected.shape[1:])

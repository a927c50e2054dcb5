import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stgan.errors import ShapeError
from stgan.io import read_video, to_uint8, write_video
from stgan.visual import clip_grid, film_strip_grid, write_picture

seeds = st.integers(0, 2**32 - 1)


def _clips(seed: int, count: int, frames: int = 4, height: int = 6, width: int = 8) -> Any:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(
        256, (count, 3, frames, height, width), generator=generator, dtype=torch.uint8
    )


@given(seeds, st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(0, 5))
def test_every_pixel_of_every_clip_is_where_it_belongs(
    seed: int, rows: int, columns: int, scale: int, gap: int
) -> None:
    clips = _clips(seed, rows * columns).view(rows, columns, 3, 4, 6, 8)
    grid = clip_grid(clips, scale=scale, gap=gap)
    height, width = 6 * scale, 8 * scale
    assert grid.dtype == torch.uint8
    used = torch.zeros(grid.shape[2:], dtype=torch.bool)
    for i in range(rows):
        for j in range(columns):
            y, x = gap + i * (height + gap), gap + j * (width + gap)
            cell = grid[:, :, y : y + height, x : x + width]
            assert torch.equal(cell[:, :, ::scale, ::scale], clips[i, j])
            assert torch.equal(cell[:, :, scale - 1 :: scale, scale - 1 :: scale], clips[i, j])
            used[y : y + height, x : x + width] = True
    assert (grid[:, :, ~used] == 255).all()
    assert grid.shape[2] % 2 == grid.shape[3] % 2 == 0


def test_floats_become_bytes_as_in_files_and_images_stand_still() -> None:
    clip = torch.rand(3, 4, 6, 8) * 2 - 1
    image = torch.rand(3, 6, 8) * 2 - 1
    gray = torch.rand(1, 4, 6, 8) * 2 - 1
    grid = clip_grid([[clip, image, gray]], scale=1, gap=0)
    assert torch.equal(grid[..., :8], to_uint8(clip))
    assert torch.equal(grid[..., 8:16], to_uint8(image).unsqueeze(1).expand(3, 4, 6, 8))
    assert torch.equal(grid[..., 16:], to_uint8(gray).expand(3, 4, 6, 8))


def test_captions_are_drawn_the_same_in_every_frame_and_beside_the_clips() -> None:
    clips = torch.zeros(2, 3, 4, 32, 32, dtype=torch.uint8)
    bare = clip_grid([clips, clips])
    grid = clip_grid([clips, clips], row_labels=["up", "down"], column_labels=["real", "generated"])
    assert grid.shape[2] > bare.shape[2]
    assert grid.shape[3] > bare.shape[3]
    assert torch.equal(grid, grid[:, :1].expand_as(grid))
    # The clips are all of the black, so what is neither black nor white is text.
    text = (grid[0, 0] > 0) & (grid[0, 0] < 255)
    assert text.any()
    assert (grid == 0).all(dim=0)[0].sum() >= 4 * 64 * 64


@pytest.mark.parametrize(
    "label", ["Wwwwwwwwwwwwwwwwwwwwwwwwww", "many short words in a long caption", "gypq", "éß"]
)
@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize("side", ["row_labels", "column_labels"])
def test_no_caption_is_cut_off(label: str, scale: int, side: str) -> None:
    clip = torch.full((3, 1, 16, 16), 255, dtype=torch.uint8)
    for grid in (
        clip_grid([[clip]], scale=scale, **{side: [label]}),
        film_strip_grid([[clip]], scale=scale, **{side: [label]}).unsqueeze(1),
    ):
        ink = (grid < 255).any(dim=0)[0]
        assert ink.any()
        # A cut letter would touch the border.
        assert not ink[0].any()
        assert not ink[-1].any()
        assert not ink[:, 0].any()
        assert not ink[:, -1].any()


def test_letters_of_other_alphabets_are_told_apart() -> None:
    clip = torch.full((3, 1, 32, 32), 255, dtype=torch.uint8)
    captions = [clip_grid([[clip]], column_labels=[label]) for label in "uüoóøŁжяλΩ"]
    for number, one in enumerate(captions):
        assert not any(torch.equal(one, other) for other in captions[:number])


def test_captions_are_drawn_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    clip = torch.full((3, 1, 16, 16), 255, dtype=torch.uint8)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert (clip_grid([[clip]], column_labels=["up"]) < 128).any()


def test_longer_captions_have_more_ink() -> None:
    clip = torch.full((3, 1, 16, 16), 255, dtype=torch.uint8)
    ink = [
        int((clip_grid([[clip]], column_labels=[label]) < 128).sum())
        for label in ("a", "a b", "a b c d")
    ]
    assert 0 < ink[0] < ink[1] < ink[2]


def test_a_grid_can_be_played(tmp_path: Path) -> None:
    grid = clip_grid([_clips(0, 2)], row_labels=["circle"])
    write_video(grid, tmp_path / "grid.gif", fps=8)
    assert read_video(tmp_path / "grid.gif").shape == grid.shape


@given(seeds, st.integers(1, 9), st.integers(1, 9))
def test_a_strip_shows_frames_from_the_first_to_the_last(
    seed: int, frames: int, shown: int
) -> None:
    clip = _clips(seed, 1, frames)[0]
    strip = film_strip_grid([[clip]], num_frames=shown, scale=1, gap=0)
    count = min(frames, shown)
    top = 14 + 3  # one line of frame numbers
    cells = [strip[:, top : top + 6, k * 9 : k * 9 + 8] for k in range(count)]
    assert torch.equal(cells[0], clip[:, 0])
    if count > 1:
        assert torch.equal(cells[-1], clip[:, -1])
    places = [next(t for t in range(frames) if torch.equal(cell, clip[:, t])) for cell in cells]
    steps = [b - a for a, b in pairwise(places)]
    assert max(steps, default=1) - min(steps, default=1) <= 1
    assert min(steps, default=1) >= 1


def test_images_are_shown_once_beside_strips() -> None:
    clip, image = torch.zeros(3, 4, 8, 8), torch.zeros(3, 8, 8)
    both = film_strip_grid([[image, clip]], scale=1, gap=2)
    alone = film_strip_grid([[clip]], scale=1, gap=2)
    assert both.shape[2] - alone.shape[2] == 8 + 2


def test_a_picture_comes_back_from_its_file(tmp_path: Path) -> None:
    picture = _clips(0, 1)[0, :, 0]
    write_picture(picture, tmp_path / "a.png")
    video = read_video(tmp_path / "a.png", frame_width=picture.shape[2])
    assert torch.equal(to_uint8(video)[:, 0], picture)


_CLIP = torch.zeros(3, 4, 8, 8)


@pytest.mark.parametrize("draw", [clip_grid, film_strip_grid])
@pytest.mark.parametrize(
    ("rows", "settings", "error", "message"),
    [
        pytest.param([], {}, ShapeError, "rows must hold at least one clip, got none", id="empty"),
        pytest.param(
            [[_CLIP], [_CLIP, _CLIP]],
            {},
            ShapeError,
            r"rows must all have as many clips as the first, got \[1, 2\]",
            id="ragged",
        ),
        pytest.param(
            [[_CLIP, _CLIP[..., :4]]],
            {},
            ShapeError,
            r"all clips of a grid must have one size, got sides \[\(8, 4\), \(8, 8\)\]",
            id="sizes",
        ),
        pytest.param([[_CLIP, _CLIP[:, :3]]], {}, ShapeError, r"lengths \[3, 4\]", id="lengths"),
        pytest.param(
            [[_CLIP, _CLIP[:2]]],
            {},
            ShapeError,
            r"cell \(0, 1\) must be a clip \(3, T, H, W\) or an image \(3, H, W\), got \(2, 4",
            id="channels",
        ),
        pytest.param(
            [[_CLIP]],
            {"row_labels": ["a", "b"]},
            ValueError,
            r"row_labels must be 1 captions, got \['a', 'b'\]",
            id="captions",
        ),
        pytest.param(
            [[_CLIP]],
            {"column_labels": "a"},
            ValueError,
            "column_labels must be 1 captions, got 'a'",
            id="string",
        ),
        pytest.param([[_CLIP]], {"scale": 0}, ValueError, "scale must be at least 1", id="scale"),
        pytest.param([[_CLIP]], {"gap": -1}, ValueError, "gap must be at least 0", id="gap"),
    ],
)
def test_what_makes_no_grid_is_refused(
    draw: Any, rows: Any, settings: dict[str, Any], error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        draw(rows, **settings)


def test_pictures_of_another_layout_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=r"picture must be laid out as \(C=3, H, W\)"):
        write_picture(torch.zeros(1, 8, 8), tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"must end in \.png, got 'a\.jpg'"):
        write_picture(torch.zeros(3, 8, 8), tmp_path / "a.jpg")

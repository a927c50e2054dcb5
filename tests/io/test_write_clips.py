"""A folder of clips: one form of each name, over an earlier call's, and all of them or none."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from stgan.errors import DataError, ShapeError, UnknownNameError
from stgan.io import read_video, write_clips
from stgan.io.clips import CLIP_FORMS


def _clips(*names: str) -> dict[str, Tensor]:
    return {name: torch.rand(3, 4, 16, 16) * 2 - 1 for name in names}


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("form", CLIP_FORMS)
@pytest.mark.parametrize("streamed", [False, True])
def test_every_clip_is_written_under_its_name(form: str, streamed: bool, tmp_path: Path) -> None:
    clips = _clips("anna.v2_1.5 turns", "anna.v2_1.7 turns", ".hidden")
    given = iter(clips.items()) if streamed else clips
    paths = write_clips(tmp_path / "new" / "out", given, form=form, fps=10)
    wanted = [f"{name}{CLIP_FORMS[form]}" for name in clips]
    assert paths == [tmp_path / "new" / "out" / name for name in wanted]
    assert sorted(path.name for path in (tmp_path / "new" / "out").iterdir()) == sorted(wanted)
    for path, clip in zip(paths, clips.values(), strict=True):
        found = read_video(path)
        assert found.shape == clip.shape
        if form in ("avi", "frames"):
            assert (found - clip).abs().max() <= 1 / 255 + 1e-6


def test_names_are_written_as_they_are_printed(tmp_path: Path) -> None:
    clips = _clips("\x1b[31mred", "two\nlines", os.fsdecode(b"bytes\xff"), "波")
    names = [path.name for path in write_clips(tmp_path, clips, form="gif")]
    assert names == [r"\x1b[31mred.gif", r"two\nlines.gif", r"bytes\udcff.gif", "波.gif"]


@pytest.mark.parametrize("first", CLIP_FORMS)
@pytest.mark.parametrize("second", CLIP_FORMS)
def test_a_name_is_one_clip_and_others_stay(first: str, second: str, tmp_path: Path) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    write_clips(out, _clips("a", "a.b"), form=first)
    (out / "notes.txt").write_text("mine")
    before, clips = _files(out), _clips("a")
    write_clips(out, clips, form=second)
    write_clips(other, clips, form=second)
    kept = {name: data for name, data in before.items() if name[:3] in ("a.b", "not")}
    assert _files(out) == kept | _files(other)


def test_a_call_that_fails_changes_nothing(tmp_path: Path) -> None:
    write_clips(tmp_path, _clips("a", "b"), form="frames")
    before = _files(tmp_path)

    def full_disk() -> Iterator[tuple[str, Tensor]]:
        yield from _clips("a").items()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(DataError, match="cannot be written: No space left on device; name another"):
        write_clips(tmp_path, full_disk(), form="frames")
    with pytest.raises(KeyboardInterrupt):
        write_clips(tmp_path, _interrupted(), form="frames")
    with pytest.raises(ShapeError):
        write_clips(tmp_path, {**_clips("a"), "b": torch.zeros(3, 0, 16, 16)}, form="gif")
    assert _files(tmp_path) == before
    assert not list(tmp_path.glob(".*"))


def _interrupted() -> Iterator[tuple[str, Tensor]]:
    yield from _clips("a").items()
    raise KeyboardInterrupt


def test_a_folder_that_was_made_for_nothing_is_gone(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fps must be a positive number"):
        write_clips(tmp_path / "out", _clips("a"), fps=0)
    assert not (tmp_path / "out").exists()
    (tmp_path / "mine").mkdir()
    with pytest.raises(ValueError, match="fps must be a positive number"):
        write_clips(tmp_path / "mine", _clips("a"), fps=0)
    assert (tmp_path / "mine").is_dir()


@pytest.mark.parametrize("name", ["b/thesis.txt", "b", "b.gif/frame_00000.png"])
def test_what_no_call_wrote_is_not_replaced(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("years of work")
    with pytest.raises(DataError) as caught:
        write_clips(tmp_path, _clips("a", "b"))
    assert str(caught.value) == (
        f"{tmp_path / name.split('/', maxsplit=1)[0]} must be what an earlier call wrote, to be "
        f"replaced, got something else; move it away, or name another folder"
    )
    assert _files(tmp_path) == {name: b"years of work"}


def test_a_link_is_not_what_a_call_wrote(tmp_path: Path) -> None:
    write_clips(tmp_path, _clips("a"), form="frames")
    kept = (tmp_path / "a").rename(tmp_path / "kept")
    (tmp_path / "a").symlink_to(kept)
    before = _files(tmp_path)
    with pytest.raises(DataError, match="a must be what an earlier call wrote, to be replaced"):
        write_clips(tmp_path, _clips("a"))
    assert _files(tmp_path) == before


@pytest.mark.parametrize("name", ["a/b", "..", "/a", "", ".", "../a"])
def test_a_name_stays_in_the_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        write_clips(tmp_path / "out", _clips(name))
    assert str(caught.value) == (
        f"name of a clip must be that of a file without its ending, got {name!r}; leave out slashes"
    )
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DataError) as caught:
        write_clips(tmp_path / "file" / "out", _clips("a"))
    assert str(caught.value).startswith(
        f"{tmp_path / 'file' / 'out'} cannot be written: Not a directory; name another place"
    )


def test_names_and_forms_are_checked(tmp_path: Path) -> None:
    twice = [*_clips("\x1b").items(), *_clips("\\x1b").items()]
    with pytest.raises(DataError, match=r"clips must have a name each, got .* twice; rename one"):
        write_clips(tmp_path, twice, form="gif")
    with pytest.raises(UnknownNameError, match="form has no form named 'avii'; did you mean 'avi'"):
        write_clips(tmp_path / "out", _clips("a"), form="avii")
    assert not list(tmp_path.iterdir())

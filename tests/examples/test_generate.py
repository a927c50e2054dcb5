"""Generating: clips of every name, over those of an earlier call, and all of them or none."""

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from examples.imaginator import generate
from examples.imaginator.runs import load_generator
from stgan.io import read_video, write_frames, write_strip
from tests.examples.runs import QUIET, refusal

pytestmark = QUIET


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "anna.v2.png"
    write_strip(torch.rand(3, 1, 16, 16) * 2 - 1, path)
    return path


def _generate(run: Path, picture: Path, out: Path, *options: str) -> None:
    generate.main([str(run), str(picture), "--out", str(out), *options])


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_names_may_hold_dots(
    run: Path, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = replace(load_generator(run), classes=("1.5 turns", "1.7 turns"))
    monkeypatch.setattr(generate, "load_generator", lambda run: trained)
    _generate(run, picture, tmp_path / "out", "--samples", "2")
    clips = {f"anna.v2_{name}_{n}" for name in trained.classes for n in range(2)}
    wanted = clips | {f"{clip}{suffix}" for clip in clips for suffix in (".mp4", ".gif")}
    assert {path.name for path in (tmp_path / "out").iterdir()} == wanted | {"anna.v2.gif"}


def test_a_second_call_replaces_the_clips_of_the_first(
    run: Path, picture: Path, tmp_path: Path
) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    _generate(run, picture, out, "--samples", "2")
    (out / "notes.txt").write_text("of mine")
    before = _files(out)
    _generate(run, picture, out, "--seed", "3")
    _generate(run, picture, other, "--seed", "3")
    after, wanted = _files(out), before | _files(other)
    assert after.keys() == wanted.keys()
    # The encoder of mp4 does not write the same bytes at every call.
    assert [name for name in after if after[name] != wanted[name] and ".mp4" not in name] == []
    assert all(after[name] != before[name] for name in _files(other) if ".mp4" in name)
    assert after != before
    assert len(read_video(out / "anna.v2_slide_0")[0]) == 4
    assert not list(out.glob(".*"))


def test_a_call_that_fails_changes_nothing(
    run: Path,
    picture: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    _generate(run, picture, out)
    before = _files(out)
    calls: list[Path] = []

    def fill_the_disk(clip: Tensor, folder: Path) -> None:
        calls.append(folder)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
        write_frames(clip, folder)

    monkeypatch.setattr(generate, "write_frames", fill_the_disk)
    refused = refusal(lambda: _generate(run, picture, out, "--seed", "3"), capsys)
    assert f"{out} cannot be written: No space left on device; name another place" in refused
    assert _files(out) == before
    assert not list(out.glob(".*"))


@pytest.mark.parametrize(
    "name",
    ["anna.v2_swell_0/thesis.txt", "anna.v2_swell_0", "anna.v2_swell_0.gif/frame_00000.png"],
)
def test_what_no_call_wrote_is_not_replaced(
    name: str, run: Path, picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "out" / name
    path.parent.mkdir(parents=True)
    path.write_text("years of work")
    before = _files(tmp_path)
    refused = refusal(lambda: _generate(run, picture, tmp_path / "out"), capsys)
    assert "must be what an earlier call wrote, to be replaced, got something else" in refused
    assert _files(tmp_path) == before


def test_what_cannot_be_read_or_written_is_one_sentence(
    run: Path,
    picture: Path,
    videos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")
    out = tmp_path / "out"
    for arguments, message in (
        ((run, picture, file / "out"), f"{file / 'out'} cannot be written: Not a directory; name"),
        ((run, tmp_path / "none.png", out), "none.png does not exist; give the file of one pict"),
        ((run, videos, out), f"picture {videos} is a folder; give the file of one picture"),
        ((videos, picture, out), f"folder {videos} is no run folder of the recipe; train one with"),
    ):
        assert message in refusal(lambda given=arguments: _generate(*given), capsys)
    assert not out.exists()


def test_interrupting_ends_with_one_line(
    run: Path,
    picture: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(generate, "write_video", interrupt)
    # Both are caught, as one that comes through would end the tests.
    with pytest.raises((SystemExit, KeyboardInterrupt)) as caught:
        _generate(run, picture, tmp_path)
    assert getattr(caught.value, "code", None) == 130
    assert capsys.readouterr().err == "interrupted\n"
    assert not list(tmp_path.iterdir())

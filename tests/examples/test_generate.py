"""Generating: clips of every name, over those of an earlier call, and all of them or none."""

import errno
import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from examples.imaginator import generate
from stgan.cli import main as stgan_main
from stgan.io import read_video, write_strip
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


@pytest.mark.parametrize("form", ["mp4", "avi", "gif", "frames"])
def test_the_folder_is_scored_as_it_lies(
    form: str,
    run: Path,
    picture: Path,
    videos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, overview = tmp_path / "out", tmp_path / "all.gif"
    _generate(run, picture, out, "--form", form, "--samples", "9", "--overview", str(overview))
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("wrote 18 clips of 4 frames of 16 x 16 as ")
    assert printed[0].endswith(f" to {out}")
    assert printed[1:] == [f"wrote {overview}, which shows all of them side by side"]
    real = tmp_path / "real"
    for path in videos.rglob("*.mp4"):
        real.mkdir(exist_ok=True)
        shutil.copy(path, real / path.name)
    target = tmp_path / "scores.json"
    sides = ["--real", str(real), "--fake", str(out), "--frames", "4", "--metrics", "static"]
    assert stgan_main(["evaluate", *sides, "--json", str(target)]) == 0
    assert json.loads(target.read_text())["results"][0]["n_fake"] == 18
    assert json.loads(target.read_text())["notes"] == []


def test_clips_are_the_same_in_every_lossless_form_and_number(
    run: Path, picture: Path, tmp_path: Path
) -> None:
    _generate(run, picture, tmp_path / "a", "--form", "frames", "--samples", "9", "--label", "0")
    _generate(run, picture, tmp_path / "b", "--form", "avi", "--samples", "9", "--label", "slide")
    for n in range(9):
        name = f"anna.v2_slide_{n}"
        clips = read_video(tmp_path / "a" / name), read_video(tmp_path / "b" / f"{name}.avi")
        assert torch.equal(*clips)


def test_a_clip_has_one_form(
    run: Path, picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    _generate(run, picture, out, "--form", "frames", "--samples", "2")
    _generate(run, picture, out, "--form", "gif")
    assert "others that were there and stay: 2" in capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == [
        "anna.v2_slide_0.gif", "anna.v2_slide_1", "anna.v2_swell_0.gif", "anna.v2_swell_1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "overview", ["out/all.gif", "out/sub/../all.mp4", "all.png", "nowhere/all.gif"]
)
def test_an_overview_is_no_clip(
    overview: str,
    run: Path,
    picture: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = ("--overview", str(tmp_path / overview))
    refused = refusal(lambda: _generate(run, picture, tmp_path / "out", *given), capsys)
    assert (
        f"--overview {tmp_path / overview} must be an mp4, avi or gif in a folder that exists and "
        f"is not {tmp_path / 'out'}, where it would count as a clip"
    ) in refused
    assert not list(tmp_path.iterdir())


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
        ((run, tmp_path / "none.png", out), "none.png cannot be read as a picture: No such file"),
        ((run, videos, out), f"{videos} must be a plain file, got a folder"),
        ((videos, picture, out), f"folder {videos} is no run folder; give one that holds"),
    ):
        assert message in refusal(lambda given=arguments: _generate(*given), capsys)
    refused = refusal(lambda: _generate(run, picture, out, "--fps", "0"), capsys)
    assert "fps must be a positive number" in refused
    assert not out.exists()


def test_a_call_that_is_interrupted_or_cannot_write_changes_nothing(
    run: Path,
    picture: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, overview = tmp_path / "out", tmp_path / "all.gif"
    _generate(run, picture, out)
    before = _files(out)
    given = ("--seed", "3", "--overview", str(overview))
    error: BaseException = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(overview))

    def stop(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(generate, "write_video", stop)
    refused = refusal(lambda: _generate(run, picture, out, *given), capsys)
    assert f"{out} cannot be written: No space left on device; name another place" in refused
    error = KeyboardInterrupt()
    # Both are caught, as one that comes through would end the tests.
    with pytest.raises((SystemExit, KeyboardInterrupt)) as caught:
        _generate(run, picture, out, *given)
    assert getattr(caught.value, "code", None) == 130
    assert capsys.readouterr().err == "interrupted\n"
    assert _files(out) == before
    assert not list(out.glob(".*"))

"""Which clips ``stgan evaluate`` takes of a folder, which it pairs, and what it says of them."""

import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stgan.cli._clips import clip_name, find_all_clips
from stgan.io import count_frames, iter_frames, write_frames, write_strip, write_video
from tests.cli.folders import make_clip, make_folder, read_results
from tests.cli.shell import Shell

PAIRED = "--frames 4 --metrics static --paired"


def _said(out: str) -> str:
    return " ".join(out.split())


@pytest.mark.shared
def test_names_with_dots_are_whole(shell: Shell, shared_folder: Path, tmp_path: Path) -> None:
    folder, target = shared_folder / "cases" / "dotted", tmp_path / "r.json"
    status, out, _ = shell(
        f"evaluate --real {folder / 'real'} --fake {folder / 'fake'} {PAIRED} --json {target}"
    )
    assert status == 0
    found = read_results(target)
    for name, value in (("PSNR", 100), ("SSIM", 1), ("L1", 0)):
        assert found[f"{name} after the first frame"].value == value
        assert found[f"{name} after the first frame"].n_fake == 3
    assert _said(out).endswith(f"wrote {target}")


@pytest.mark.shared
def test_wide_frames_are_frames(shell: Shell, shared_folder: Path) -> None:
    folder = shared_folder / "cases" / "wide"
    command = f"evaluate --real {folder / 'real'} --fake {folder / 'fake'} --metrics static"
    status, out, _ = shell(f"{command} --frames 4")
    assert status == 0
    assert "real: 3 clips from 3 folders of frames" in _said(out)
    assert "clips 4 frames of 16 x 32, stride 1" in _said(out)
    # Two frames of one clip are not twice as many clips either.
    assert "fake: 3 clips from 3 folders of frames" in _said(shell(f"{command} --frames 2")[1])


@given(
    st.text("ab.é-_ ", min_size=1, max_size=8),
    st.sampled_from([".mp4", ".MOV", ".gif", ".png", ".JPeG"]),
)
def test_a_name_is_the_same_in_every_form(name: str, ending: str) -> None:
    name = f"sub.dir/{name}x.{len(name)}"
    assert clip_name(name + ending) == name == clip_name(name)


def test_pairs_are_found_through_dots_forms_and_cases(shell: Shell, tmp_path: Path) -> None:
    real, fake = tmp_path / "real", tmp_path / "fake"
    names = ["a.b.1", "a.b.2", "wave/v1.0.mov", "wave/v1.1", "mp4"]
    for n, name in enumerate(names):
        for root in (real, fake):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_video(make_clip(n), real / f"{name}.AVI")
        write_frames(make_clip(n), fake / name)
    (fake / "wave" / "v1.1").rename(fake / "wave" / "v1.1.avi")  # as some tools call it
    # The name of a folder may end as that of a file does; of the file only the last ending goes.
    (real / "wave" / "v1.0.mov.AVI").rename(real / "wave" / "v1.0.AVI")
    target = tmp_path / "r.json"
    status, out, _ = shell(f"evaluate --real {real} --fake {fake} {PAIRED} --json {target}")
    assert status == 0
    assert "real: 5 clips from 5 video files" in _said(out)
    found = read_results(target)["PSNR after the first frame"]
    assert (found.value, found.n_fake) == (100, 5)


@pytest.mark.parametrize(
    ("real", "fake", "sentence"),
    [
        (["a", "b"], ["a", "c"], "each of --fake, got none for c; names in --real are such as a"),
        (["wave/a", "wave/b"], ["a", "b"], "got none for a and 1 more; names in --real are such"),
        (["v.0", "v.1"], ["v", "v.1"], "got none for v; names in --real are such as v.0"),
        (["a", "b"], ["A", "b"], "got none for A; names in --real are such as a"),
    ],
)
def test_without_a_partner_there_is_a_sentence(
    real: list[str], fake: list[str], sentence: str, shell: Shell, tmp_path: Path
) -> None:
    for root, names in (("real", real), ("fake", fake)):
        for name in names:
            (tmp_path / root / name).parent.mkdir(parents=True, exist_ok=True)
            write_frames(make_clip(0), tmp_path / root / name)
    sides = f"--real {tmp_path / 'real'} --fake {tmp_path / 'fake'}"
    assert sentence in shell.error(f"evaluate {sides} {PAIRED}")
    # Before a network is trained for minutes.
    assert sentence in shell.error(f"evaluate {sides} --frames 4 --paired --metrics motion_energy")


def test_windows_are_paired_one_by_one(shell: Shell, tmp_path: Path) -> None:
    real = make_folder(tmp_path / "real", range(2), frames=8)
    fake = make_folder(tmp_path / "fake", range(2), frames=4)
    command = f"evaluate --real {real} --fake {fake} {PAIRED} --window all"
    status, out, _ = shell(command)
    assert status == 0
    assert "real: 4 clips from 2 folders of frames" in _said(out)
    assert "--paired leaves out 2 of the 4 clips of --real, such as clip_0, whose name" in (
        _said(out)
    )
    sides = f"evaluate --real {fake} --fake {real} {PAIRED} --window all"
    assert "got none for clip_0 from frame 4 and 1 more" in shell.error(sides)


def test_one_clip_in_several_forms_is_one(shell: Shell, tmp_path: Path) -> None:
    real = make_folder(tmp_path / "real", range(3))
    fake = make_folder(tmp_path / "fake", range(3))
    for kind in ("mp4", "gif"):
        make_folder(fake, range(2), kind)
    target = tmp_path / "r.json"
    status, out, _ = shell(f"evaluate --real {real} --fake {fake} {PAIRED} --json {target}")
    assert status == 0
    assert "fake: 3 clips from 3 folders of frames" in _said(out)
    assert (
        "note: --fake holds 2 clips in several forms, each counted once: clip_0 was taken, not "
        "clip_0.mp4, clip_0.gif"
    ) in _said(out)
    # The frames, which lose nothing.
    assert read_results(target)["PSNR after the first frame"].value == 100
    assert read_results(target)["static clips, generated"].n_fake == 3


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ("clip_0.avi", "holds clip_0.avi and clip_0.mp4, which are one name; remove one, or ren"),
        ("CLIP_0.gif", None),
        ("clip_0.GIF", "holds clip_0.mp4 of 6 frames and clip_0.GIF of 5, which are one name and"),
    ],
)
def test_two_clips_of_one_name_are_refused(
    other: str, sentence: str | None, shell: Shell, tmp_path: Path
) -> None:
    root = make_folder(tmp_path / "clips", range(2), "mp4")
    write_video(make_clip(9, frames=5), (tmp_path / other).with_suffix(other[-4:].lower()))
    (tmp_path / other).with_suffix(other[-4:].lower()).rename(root / other)
    command = f"evaluate --real {root} --fake {root} --frames 4 --metrics static"
    if sentence is None:
        status, out, _ = shell(command)
        assert status == 0
        assert "3 clips from 2 video files and 1 GIF" in _said(out)
    else:
        assert sentence in shell.error(command)


def test_strips_are_asked_for(shell: Shell, tmp_path: Path) -> None:
    for name in ("wave", "bend"):
        make_folder(tmp_path / "strips" / name, range(2), "strip", size=(8, 12))
    frames = make_folder(tmp_path / "frames", range(3), size=(8, 12))
    command = f"evaluate --real {tmp_path / 'strips'} --fake {frames} --frames 4 --metrics static"
    status, out, _ = shell(f"{command} --strips real --frame-width 12")
    assert status == 0
    assert "4 clips from 4 strips of frames" in _said(out)
    assert "3 clips from 3 folders of frames" in _said(out)
    assert "4 frames of 8 x 12" in _said(out)
    # Not asked for, two strips are two frames of one clip, and fewer than four.
    assert "strips/bend has 2 frames, but 4 frames with stride 1 need 4" in shell.error(command)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (
            ["0.png", "1.PNG"],
            "--fake {0} holds only pictures, such as 0.png; give the folder above if they are the",
        ),
        (["a.mp4", "all.png"], "--fake {0} holds pictures next to clips, such as all.png; give"),
        (["x/0.png", "all.jpg"], "--fake {0} holds pictures next to clips, such as all.jpg; give"),
        (
            ["x/a.mp4", "x/b.jpg"],
            "--fake {0}/x holds pictures next to clips, such as b.jpg and a.mp4; move them away",
        ),
        (
            ["x/0.png", "x/masks/0.png"],
            "--fake {0}/x holds pictures next to clips, such as 0.png and masks; move them away",
        ),
    ],
)
def test_pictures_that_cannot_be_told_are_refused(
    names: list[str], sentence: str, shell: Shell, tmp_path: Path
) -> None:
    real, fake = make_folder(tmp_path / "real", range(2)), tmp_path / "fake"
    for name in names:
        (fake / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".mp4"):
            write_video(make_clip(0), fake / name)
        else:
            write_strip(make_clip(0, frames=1), fake / "new.png")
            (fake / "new.png").rename(fake / name)
    assert sentence.format(fake) in shell.error(f"evaluate --real {real} --fake {fake} --frames 1")


def test_what_is_no_clip_is_passed_over(tmp_path: Path) -> None:
    make_folder(tmp_path, range(2))
    (tmp_path / "clip_0" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "clip_0" / "notes").mkdir()
    (tmp_path / "clip_1" / ".cover.png").write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    assert find_all_clips(tmp_path, "--real") == ["clip_0", "clip_1"]


def test_links_lead_to_a_clip_once(shell: Shell, tmp_path: Path) -> None:
    real = make_folder(tmp_path / "real", range(2))
    fake = tmp_path / "fake"
    shutil.copytree(real, fake)
    (fake / "again").symlink_to(fake)
    (fake / "copy").symlink_to(fake / "clip_1")
    (fake / "clip_0" / "up").symlink_to(fake)
    status, out, _ = shell(f"evaluate --real {real} --fake {fake} {PAIRED}")
    assert status == 0
    assert "fake: 2 clips from 2 folders of frames" in _said(out)
    (fake / "gone.mp4").symlink_to(fake / "nowhere.mp4")
    assert "gone.mp4 does not exist; check the path" in shell.error(
        f"evaluate --real {real} --fake {fake} {PAIRED}"
    )


def test_what_readers_warn_of_is_a_note(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def warning(read: Any) -> Any:
        def warns(path: Path, **options: Any) -> Any:
            warnings.warn(f"clip {path.name} has a gap", UserWarning, stacklevel=2)
            return read(path, **options)

        return warns

    monkeypatch.setattr("stgan.cli._clips.count_frames", warning(count_frames))
    monkeypatch.setattr("stgan.cli._clips.iter_frames", warning(iter_frames))
    root = make_folder(tmp_path / "clips", range(3))
    command = f"evaluate --real {root} --fake {root} --frames 4 --metrics static"
    status, out, err = shell(command)
    assert (status, err) == (0, "")
    for side in ("--real", "--fake"):
        assert f"note: {side}: clip clip_0 has a gap (and 2 more like it)" in _said(out)


def test_values_that_are_no_scores_are_refused(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, target = make_folder(tmp_path / "real", range(2)), tmp_path / "r.json"
    monkeypatch.setattr(
        "stgan.metrics.clip_scores.motion_energy",
        lambda video: torch.full((len(video),), torch.nan),
    )
    command = f"evaluate --real {real} --fake {real} --frames 4 --metrics motion_energy"
    assert "value of motion energy, real must be finite, got nan" in shell.error(
        f"{command} --json {target}"
    )
    assert not target.exists()

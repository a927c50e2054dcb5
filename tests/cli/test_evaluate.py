"""``stgan evaluate`` on files of all kinds, and what it says where it cannot."""

import html
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import stgan.metrics
from stgan._torchvision import ensure_torchvision
from stgan.cli._clips import ClipSource, Wanted, find_all_clips
from stgan.errors import DataError
from stgan.io import read_video, write_frames, write_strip, write_video
from stgan.metrics import (
    TorchvisionFeatures,
    frame_scores,
    frechet_distance,
    motion_energy,
)
from tests.cli.folders import make_clip, make_folder, read_results
from tests.cli.shell import Shell

FAST = "--frames 4 --resamples 4 --features torchvision --set model=mc3_18 --set image_size=8"


def _source(root: Path, **changes: Any) -> ClipSource:
    settings: dict[str, Any] = {
        "frames": 4, "stride": 1, "window": "first", "seed": 0, "strips": (), "frame_width": None,
        "limit": None, "size": None, "resize": "squash",
    }  # fmt: skip
    return ClipSource(root, "real", Wanted(**{**settings, **changes}))


@pytest.mark.parametrize("kind", ["strip", "frames", "mp4", "avi", "gif"])
def test_clips_of_every_kind_are_found_and_read(kind: str, tmp_path: Path) -> None:
    strips = ("real",) if kind == "strip" else ()
    source = _source(make_folder(tmp_path / "x", range(8, 11), kind), strips=strips)
    suffix = {"strip": ".png", "frames": ""}.get(kind, f".{kind}")
    assert source.names == [f"clip_{n}{suffix}" for n in (8, 9, 10)]
    assert source.size == (16, 16)
    for index, name in enumerate(source.names):
        assert torch.equal(source[index]["video"], read_video(source.root / name)[:, :4])


def test_folders_are_walked_and_name_classes(tmp_path: Path) -> None:
    make_folder(tmp_path / "wave", range(2), "mp4")
    make_folder(tmp_path / "bend" / "more", range(2))
    write_strip(make_clip(5), tmp_path / ".hidden.png")
    (tmp_path / "notes.txt").write_text("no clip")
    assert find_all_clips(tmp_path, "--real") == [
        "bend/more/clip_0", "bend/more/clip_1", "wave/clip_0.mp4", "wave/clip_1.mp4",
    ]  # fmt: skip
    assert _source(tmp_path).classes == ["bend", "wave"]


def test_windows_are_those_that_were_asked_for(tmp_path: Path) -> None:
    root = make_folder(tmp_path, range(3), frames=11)
    whole = read_video(root / "clip_0")
    for window, starts in (("first", [0]), ("center", [3]), ("all", [0, 4])):
        source = _source(root, window=window)
        assert source.starts == starts * 3
        for index, start in enumerate(starts):
            assert torch.equal(source[index]["video"], whole[:, start : start + 4])
    strided = _source(root, stride=3, limit=2)
    assert len(strided) == 2
    assert torch.equal(strided[0]["video"], whole[:, :10:3])
    random = [_source(root, window="random", seed=s).starts for s in (0, 0, 1)]
    assert random[0] == random[1] != random[2]
    assert _source(root, window="random", seed=7).wanted.rule == "random window (seed 7)"


def test_the_scores_are_those_of_the_functions(shell: Shell, tmp_path: Path) -> None:
    real, fake = (
        make_folder(tmp_path / "real", range(9)),
        make_folder(tmp_path / "fake", range(20, 28)),
    )
    ensure_torchvision()
    from torchvision import models

    published = models.get_model("mc3_18", weights=None)
    torch.save(published.state_dict(), tmp_path / "w.pth")
    target = tmp_path / "scores.json"
    status, out, err = shell(
        f"evaluate --real {real} --fake {fake} {FAST} --weights {tmp_path / 'w.pth'} "
        f"--batch 4 --json {target}"
    )
    assert (status, err) == (0, "")
    clips = [
        torch.stack([read_video(path)[:, :4] for path in sorted(root.iterdir())])
        for root in (real, fake)
    ]
    extractor = TorchvisionFeatures("mc3_18", weights=tmp_path / "w.pth", image_size=8)
    with torch.no_grad():
        expected = frechet_distance(*(extractor(video) for video in clips))
    found = read_results(target)
    assert list(found) == [
        "Frechet distance", "kernel distance", "precision", "recall", "density", "coverage",
        "motion energy, generated", "motion energy, real", "static clips, generated",
        "static clips, real",
    ]  # fmt: skip
    distance = found["Frechet distance"]
    assert distance.value == pytest.approx(float(expected), rel=1e-4)
    assert distance.sha256 == extractor.sha256
    assert (distance.n_real, distance.n_fake, distance.frames) == (9, 8, 4)
    assert (distance.size, distance.stride, distance.clip_rule) == ((16, 16), 1, "first window")
    energy = found["motion energy, real"]
    assert energy.value == pytest.approx(float(motion_energy(clips[0]).mean()), rel=1e-5)
    assert found["static clips, real"].value == 0
    # Wilson, of 0 in 9: z^2 / (9 + z^2).
    assert found["static clips, real"].ci95 == pytest.approx((0, 3.8415 / 12.8415), rel=1e-4)
    assert f"{distance.value:.4g}" in out
    assert "features  mc3_18 (torchvision)\n" in out
    assert "note: 8 clips are fewer than the 512 numbers of a feature" in " ".join(out.split())


def test_by_default_half_of_the_real_clips_train_a_network(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = stgan.metrics.fit_motion_features
    seen: list[Any] = []

    def quick(clips: Any, classes: int | None, *, seed: int) -> Any:
        seen.append((len(clips), classes, {int(clips[i]["label"]) for i in range(len(clips))}))
        return fit(clips, classes, seed=seed, steps=2)

    monkeypatch.setattr(stgan.metrics, "fit_motion_features", quick)
    for name in ("bend", "wave"):
        make_folder(tmp_path / "real" / name, range(8), "mp4")
    fake = make_folder(tmp_path / "fake", range(30, 36))
    target = tmp_path / "scores.json"
    command = f"--fake {fake} --frames 5 --resamples 2 --json {target}"
    status, out, _ = shell(f"evaluate --real {tmp_path / 'real'} {command}")
    assert status == 0
    assert "a motion network trained on 8 real clips to tell 2 classes apart" in out
    assert "16 clips from 16 video files; 8 train the network, 8 are compared" in (
        " ".join(out.split())
    )
    assert read_results(target)["Frechet distance"].n_real == 8
    assert read_results(target)["motion energy, real"].n_real == 8
    shell(f"evaluate --real {tmp_path / 'real' / 'wave'} {command}")
    assert seen[0][:2] == (8, 2)
    assert seen[1] == (4, None, {0})


def test_no_network_is_made_for_scores_without_one(shell: Shell, tmp_path: Path) -> None:
    real, fake = (
        make_folder(tmp_path / "real", range(2)),
        make_folder(tmp_path / "fake", range(2, 4)),
    )
    write_video(make_clip(9)[:, :1].expand(-1, 6, -1, -1), fake / "clip_4.avi")
    shutil.rmtree(fake / "clip_2")
    status, out, _ = shell(
        f"evaluate --real {real} --fake {fake} --frames 6 --metrics static motion_energy"
    )
    assert status == 0
    assert "features" not in out
    rows = {line.split("  ")[0]: line.split()[-4] for line in out.splitlines() if "clips," in line}
    assert rows == {"static clips, generated": "0.5", "static clips, real": "0"}


def test_pairs_are_compared_by_name(shell: Shell, tmp_path: Path) -> None:
    real, fake = (
        make_folder(tmp_path / "real", range(4), "strip"),
        tmp_path / "fake",
    )
    fake.mkdir()
    for n in range(3):
        write_frames(read_video(real / f"clip_{n}.png") * 0.5, fake / f"clip_{n}")
    target = tmp_path / "scores.json"
    command = (
        f"evaluate --real {real} --strips real --fake {fake} --frames 4 --metrics static --paired"
    )
    status, out, _ = shell(f"{command} --json {target}")
    assert status == 0
    assert (
        "note: --paired leaves out 1 of the 4 clips of --real, such as clip_3.png, whose name no "
        "clip of --fake has"
    ) in " ".join(out.split())
    made = torch.stack([read_video(fake / f"clip_{n}")[:, :4] for n in range(3)])
    true = torch.stack([read_video(real / f"clip_{n}.png")[:, :4] for n in range(3)])
    found = read_results(target)
    for title, values in (
        ("PSNR after the first frame", frame_scores(made, true)["psnr"]),
        ("SSIM after the first frame", frame_scores(made, true)["ssim"]),
        ("L1 of the first frame", (made - true).abs()[:, :, 0].mean(dim=(1, 2, 3))),
    ):
        assert found[title].value == pytest.approx(float(values.mean()), rel=1e-4)
        assert (found[title].n_real, found[title].n_fake) == (3, 3)
    write_video(make_clip(0), fake / "stranger.mp4")
    assert (
        "--paired needs a clip of the same name in --real for each of --fake, got none for "
        "stranger.mp4; names in --real are such as clip_0.png"
    ) in shell.error(command)
    assert "give another --window than random" in shell.error(f"{command} --window random")


@pytest.mark.parametrize("paired", ["", "--paired"])
def test_a_page_shows_scores_and_clips(paired: str, shell: Shell, tmp_path: Path) -> None:
    real = make_folder(tmp_path / "true", range(5))
    fake = make_folder(tmp_path / "made", range(5))
    page, record = tmp_path / "page.html", tmp_path / "r.json"
    status, out, _ = shell(
        f"evaluate --real {real} --fake {fake} --frames 4 --metrics motion_energy {paired} "
        f"--report {page} --json {record}"
    )
    assert status == 0
    written = "".join(out.split())  # however long the path, lines wrap at the terminal
    assert f"wrote{record}" in written
    assert f"wrote{page}" in written
    text = page.read_text(encoding="utf-8")
    assert "<h1>made against true</h1>" in text
    assert "5 clips from 5 folders of frames" in text
    for result in read_results(record).values():
        assert str(result) in html.unescape(text)
    assert ("PSNR" in text) is (paired != "")
    assert text.count("<figure>") == 3
    words = "The clips of a row go on from one image" if paired else "do not belong together"
    assert words in text
    assert "Training</h2>" not in text


def test_sizes_are_made_common_only_if_that_is_asked(shell: Shell, tmp_path: Path) -> None:
    real = make_folder(tmp_path / "real", range(2))
    fake = make_folder(tmp_path / "fake", range(2), size=(24, 24))
    command = f"evaluate --real {real} --fake {fake} --frames 4 --metrics motion_energy"
    assert (
        "--real has clips of 16 x 16 and --fake of 24 x 24; give --size H W for one common size"
    ) in shell.error(command)
    status, out, _ = shell(f"{command} --size 12 20 --resize crop")
    assert status == 0
    assert "4 frames of 12 x 20, stride 1, first window, to 12 x 20 by crop with antialias" in (
        " ".join(out.split())
    )
    for folder in (real / "clip_0", fake / "clip_1"):
        shutil.rmtree(folder)
    make_folder(fake, range(1, 2))
    make_folder(real, range(1), size=(24, 24))
    assert "clip_1 is 16 x 16, the first of --real 24 x 24; give --size" in shell.error(command)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_a_torchscript_file_is_named_for_what_it_is(shell: Shell, tmp_path: Path) -> None:
    real, fake = (
        make_folder(tmp_path / "real", range(6)),
        make_folder(tmp_path / "fake", range(6, 12)),
    )
    path = tmp_path / "mae.pt"
    torch.jit.save(torch.jit.script(nn.Conv3d(3, 4, 2)), path)
    status, out, _ = shell(
        f"evaluate --real {real} --fake {fake} --frames 4 --features module --weights {path} "
        f"--trust --resamples 0 --set title=VideoMAE --metrics frechet"
    )
    assert status == 0
    assert "features  VideoMAE\n" in out
    torch.jit.save(torch.jit.script(nn.Conv3d(4, 4, 2)), path)
    assert "VideoMAE cannot take clips of (6, 3, 4, 16, 16): " in shell.error(
        f"evaluate --real {real} --fake {fake} --frames 4 --features module --weights {path} "
        f"--trust --set title=VideoMAE --metrics frechet"
    )


class _Pair(nn.Module):
    def forward(self, video: Tensor) -> tuple[Tensor, Tensor]:
        return video, video


class _Nan(nn.Module):
    def forward(self, video: Tensor) -> Tensor:
        return video.mean(dim=(2, 3, 4)) * float("nan")


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        (_Pair(), "--real: odd must return one tensor of features, got tuple; wrap it"),
        (_Nan(), "--real: features of odd must be finite, got NaN"),
    ],
)
def test_a_network_that_makes_no_features_is_told_and_nothing_is_written(
    shell: Shell, pair: str, tmp_path: Path, network: nn.Module, sentence: str
) -> None:
    path, record = tmp_path / "odd.pt", tmp_path / "record.json"
    torch.jit.save(torch.jit.script(network), path)
    assert sentence in shell.error(
        f"evaluate {pair} --frames 4 --features module --weights {path} --trust --set title=odd "
        f"--json {record}"
    )
    assert not record.exists()


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_programs_are_run_only_if_they_are_trusted(shell: Shell, pair: str, tmp_path: Path) -> None:
    path, hash_ = tmp_path / "mae.pt", "0" * 64
    torch.jit.save(torch.jit.script(nn.Conv3d(3, 4, 2)), path)
    for features in ("module", "i3d"):
        for more in ("", f"--sha256 {hash_}"):
            said = shell.error(
                f"evaluate {pair} --frames 4 --features {features} --weights {path} {more}"
            )
            assert "as a program, which a configuration may not ask for; pass trust=True" in said
    # With trust it is looked at: the hash is another one.
    said = shell.error(
        f"evaluate {pair} --frames 4 --features module --weights {path} --sha256 {hash_} --trust"
    )
    assert f"must have the SHA-256 {hash_}" in said
    said = shell.error(f"profile features/module module={path} title=x")
    assert "pass trust=True, or --trust to a command" in said
    assert shell(f"profile features/module module={path} title=x --trust --rounds 1")[0] == 0


@pytest.fixture
def pair(tmp_path: Path) -> str:
    real, fake = (
        make_folder(tmp_path / "real", range(4)),
        make_folder(tmp_path / "fake", range(4, 8)),
    )
    return f"--real {real} --fake {fake}"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("", "clip_0 has 6 frames, but 16 frames with stride 1 need 16; lower --frames"),
        ("--frames 3 --stride 3", "3 frames with stride 3 need 7; lower --frames or --stride"),
        ("--frames 4 --metrics fid", "evaluate has no score named 'fid'"),
        ("--frames 4 --features i3", "features has no entry named 'i3'; did you mean 'i3d'?"),
        ("--frames 4 --features i3d", "video must have at least 9 frames for I3D, got 4"),
        ("--frames 4 --features module", "--features module needs --weights FILE"),
        ("--frames 4 --features i3d --weights no.pt", "weights file no.pt does not exist"),
        ("--frames 4 --sha256 00", "--sha256 is that of a file; give it as --weights"),
        ("--frames 4 --features torchvision --set wide=3", "Features has no setting named 'wide'"),
        ("--frames 0", "--frames must be at least 1, got 0"),
        ("--frames 4 --limit 1", "must hold at least 2 clips to be compared, got 1"),
        ("--frames 4 --limit 3", "must hold at least 4 files, so that half of them can train"),
        ("--frames 4 --size 0 4", "size H must be at least 1, got 0"),
        ("--frames 4 --size 4 -1", "size W must be at least 1, got -1"),
        ("--frames 4 --set steps=9", "--set is for networks that are loaded, got steps for motion"),
        ("--frames 4 --batch 0", "--batch must be at least 1, got 0"),
        ("--frames 4 --device nowhere", "device 'nowhere' cannot be used"),
        ("--frames 4 --frame-width 5", "--frame-width is of strips; say which folder holds some"),
        ("--strips fake --frame-width 0", "--frame-width must be at least 1, got 0"),
        ("--frames 4 --report no/r.html", "--report no/r.html must be in a folder that exists"),
        ("--frames 4 --json no/r.json", "--json no/r.json must be in a folder that exists; create"),
    ],
)
def test_evaluate_refuses_in_a_sentence(
    options: str, sentence: str, pair: str, shell: Shell
) -> None:
    assert sentence in shell.error(f"evaluate {pair} {options}")


def test_folders_without_clips_are_refused(shell: Shell, pair: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    found = shell.error(f"evaluate {pair} --frames 4 --fake {tmp_path / 'empty'}")
    assert "must hold clips: video files (.mp4" in found
    assert "must be a folder of clips; check the path" in shell.error(
        f"evaluate {pair} --frames 4 --fake {tmp_path / 'nowhere'}"
    )
    with pytest.raises(DataError, match=r"--real .* must hold clips"):
        find_all_clips(tmp_path / "empty", "--real")

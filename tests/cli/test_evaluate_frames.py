"""Scores of single frames whose networks come from files."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import stgan.metrics
from stgan._torchvision import ensure_torchvision
from stgan.io import read_video
from stgan.metrics import FrameFrechetDistance, LpipsNetwork, lpips, multiscale_ssim
from tests.cli.folders import make_folder, read_results
from tests.cli.shell import Shell


@pytest.fixture
def squeeze(tmp_path: Path) -> Path:
    ensure_torchvision()
    from torchvision import models

    path = tmp_path / "squeeze.pth"
    torch.save(models.squeezenet1_1(weights=None).state_dict(), path)
    return path


def test_lpips_and_multiscale_ssim_are_those_of_the_functions(
    shell: Shell, tmp_path: Path, squeeze: Path
) -> None:
    large = {"frames": 2, "size": (176, 176)}
    real = make_folder(tmp_path / "real", range(2), **large)
    fake = make_folder(tmp_path / "fake", range(2), **large)
    for n in range(2):
        (fake / f"clip_{1 - n}").rename(tmp_path / f"{n}")
    for n in range(2):
        (tmp_path / f"{n}").rename(fake / f"clip_{n}")
    target = tmp_path / "scores.json"
    status, out, _ = shell(
        f"evaluate --real {real} --fake {fake} --frames 2 --metrics static --paired "
        f"--lpips {squeeze} --lpips-net squeeze --json {target}"
    )
    assert status == 0
    true, made = (
        torch.stack([read_video(root / f"clip_{n}") for n in range(2)]) for root in (real, fake)
    )
    network = LpipsNetwork(squeeze, "squeeze")
    found = read_results(target)
    distance = found["LPIPS after the first frame"]
    assert distance.value == pytest.approx(float(lpips(made, true, network).mean()), rel=1e-4)
    assert (distance.extractor, distance.sha256) == ("LPIPS 0.1 on squeezenet1_1", network.sha256)
    similar = found["MS-SSIM after the first frame"]
    assert similar.value == pytest.approx(float(multiscale_ssim(made, true).mean()), rel=1e-4)
    assert "LPIPS after the first frame" in out


def test_frames_are_counted_once_each_for_fid(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    colors = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def instead(path: Path) -> FrameFrechetDistance:
        assert path == tmp_path / "inception.pth"
        return FrameFrechetDistance(colors, num_features=3)

    # The file of Inception cannot be had here; everything around it is as with it.
    monkeypatch.setattr(stgan.metrics, "FrameFrechetDistance", instead, raising=False)
    real, fake = (
        make_folder(tmp_path / "real", range(3)),
        make_folder(tmp_path / "fake", range(3, 7)),
    )
    target = tmp_path / "scores.json"
    status, _, _ = shell(
        f"evaluate --real {real} --fake {fake} --frames 4 --batch 3 --metrics static "
        f"--fid {tmp_path / 'inception.pth'} --json {target}"
    )
    assert status == 0
    (found,) = (r for name, r in read_results(target).items() if "frames" in name)
    metric = FrameFrechetDistance(colors, num_features=3)
    for root in (real, fake):
        for path in sorted(root.iterdir()):
            metric.update(read_video(path)[None, :, :4], real=root is real)
    assert found.metric == "Frechet distance of frames on Sequential"
    assert found.value == pytest.approx(float(metric.compute()), rel=1e-4)
    assert (found.n_real, found.n_fake) == (3, 4)
    assert found.settings == {"images": "every frame of every clip"}


def test_a_distance_of_few_frames_says_so() -> None:
    metric: Any = FrameFrechetDistance(nn.Flatten(), num_features=192)
    for real in (True, False):
        metric.update(torch.rand(3, 3, 4, 8, 8), real=real)
    result = metric.result(stgan.metrics.ClipProtocol(4, (8, 8)))
    assert result.notes[0].startswith("12 frames are fewer than the 192 numbers of a feature")


def test_what_networks_of_frames_need_is_said_first(
    shell: Shell, tmp_path: Path, squeeze: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchmetrics.image import fid

    monkeypatch.setattr(fid, "_TORCH_FIDELITY_AVAILABLE", False)
    folder = make_folder(tmp_path / "clips", range(2))
    command = f"evaluate --real {folder} --fake {folder} --frames 4 --metrics static"
    assert "--lpips compares with the real clip of the same name; give --paired" in shell.error(
        f"{command} --lpips {squeeze}"
    )
    assert "--lpips needs frames of at least 64 x 64, got 16 x 16; give a larger" in shell.error(
        f"{command} --paired --lpips {squeeze}"
    )
    assert "missing.pth" in shell.error(f"{command} --fid {tmp_path / 'missing.pth'}")
    assert "--fid needs torch-fidelity; pip install torch-fidelity" in shell.error(
        f"{command} --fid {squeeze}"
    )

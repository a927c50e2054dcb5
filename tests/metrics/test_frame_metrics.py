"""Scores of frames through torchmetrics: folded, in the right range, with weights of the user."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stgan._torchvision import ensure_torchvision
from stgan.errors import CheckpointError, ShapeError, UnknownNameError
from stgan.metrics import (
    FrameFrechetDistance,
    FrameScores,
    LpipsNetwork,
    frame_scores,
    frames_perceptual,
    frechet_distance,
    lpips,
    multiscale_ssim,
)

ensure_torchvision()


def _pair(*shape: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    real = torch.rand(shape, generator=generator) * 2 - 1
    return (real + torch.randn(shape, generator=generator) * 0.3).clamp(-1, 1), real


def test_frame_scores_are_those_of_all_clips_in_any_batches_and_halves() -> None:
    fake, real = _pair(5, 3, 3, 12, 12)
    metric, other = FrameScores(), FrameScores()
    for fed, kept in ((metric, slice(0, 3)), (other, slice(3, 5))):
        for made, true in zip(fake[kept].split(2), real[kept].split(2), strict=True):
            fed.update(made, true)
    metric.merge_state(other)
    for name, value in frame_scores(fake, real).items():
        torch.testing.assert_close(metric.compute()[name].float(), value.mean())
    every = FrameScores(skip_first=False)
    every.update(fake, real)
    expected = frame_scores(fake, real, skip_first=False)["psnr"].mean()
    torch.testing.assert_close(every.compute()["psnr"].float(), expected)


class _Colors(nn.Module):
    num_features = 3

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3, affine=False)
        self.extremes = torch.zeros(2)

    def forward(self, images: Tensor) -> Tensor:
        self.extremes = torch.stack(images.aminmax())
        return self.norm(images).mean(dim=(2, 3))


def test_the_distance_of_frames_is_that_of_their_features_in_zero_to_one() -> None:
    network = _Colors()
    metric = FrameFrechetDistance(network)
    fake, real = _pair(6, 3, 4, 8, 8)
    real[0, 0, 0, 0], real[0, 0, 0, 1] = -1, 1
    for video, kind in ((real, True), (fake, False)):
        for batch in video.split(4):
            metric.update(batch, real=kind)
            assert network.extremes.min() >= 0
            assert network.extremes.max() <= 1
    assert metric.real_features_num_samples == 24
    assert network.training
    network.eval()
    features = [network((video.transpose(1, 2).flatten(0, 1) + 1) / 2) for video in (real, fake)]
    torch.testing.assert_close(
        metric.compute().double(), frechet_distance(*features), rtol=1e-4, atol=1e-6
    )


def test_the_length_of_features_must_be_known(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must say how many features Flatten makes .* got None"):
        FrameFrechetDistance(nn.Flatten())
    with pytest.raises(ValueError, match="give the path of one as network"):
        FrameFrechetDistance(_Colors(), sha256="0" * 64)
    with pytest.raises(CheckpointError, match="does not exist"):
        FrameFrechetDistance(tmp_path / "inception.pth")
    (tmp_path / "inception.pth").write_bytes(b"no weights")
    with pytest.raises(CheckpointError, match="must have the SHA-256"):
        FrameFrechetDistance(tmp_path / "inception.pth", sha256="0" * 64)
    with pytest.raises(TypeError, match="video must be of a float type"):
        FrameFrechetDistance(_Colors()).update(torch.zeros(1, 3, 2, 8, 8).byte(), real=True)


def test_a_program_is_no_inception_network(tmp_path: Path) -> None:
    torch.save({"weight": print}, tmp_path / "inception.pth")
    with pytest.raises(CheckpointError, match=r"it would run code when loaded: \w+\.print"):
        FrameFrechetDistance(tmp_path / "inception.pth")


def test_fid_proper_needs_torch_fidelity(tmp_path: Path) -> None:
    from torchmetrics.image import fid

    if fid._TORCH_FIDELITY_AVAILABLE:
        pytest.skip("torch-fidelity is installed")
    torch.save({"weight": torch.zeros(1)}, tmp_path / "inception.pth")
    with pytest.raises(ModuleNotFoundError, match=r"[Tt]orch-fidelity"):
        FrameFrechetDistance(tmp_path / "inception.pth")


def test_multiscale_ssim_is_the_product_of_its_scales(monkeypatch: pytest.MonkeyPatch) -> None:
    fake, real = _pair(2, 1, 3, 176, 180)
    scores = multiscale_ssim(fake, real)
    from torchmetrics.functional.image import structural_similarity_index_measure as ssim

    betas = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
    for n in range(2):
        frames = []
        for t in (1, 2):
            a, b = (video[n : n + 1, :, t] / 2 + 0.5 for video in (fake, real))
            product = torch.ones(())
            for scale, beta in enumerate(betas):
                whole, contrast = ssim(a, b, data_range=1.0, return_contrast_sensitivity=True)
                part = whole if scale == 4 else contrast
                product = product * part.mean().clamp(min=0) ** beta
                a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
            frames.append(product)
        torch.testing.assert_close(scores[n], torch.stack(frames).mean(), rtol=1e-4, atol=1e-5)
    monkeypatch.setattr(frames_perceptual, "_FRAMES_AT_ONCE", 3)
    torch.testing.assert_close(multiscale_ssim(fake, real), scores)
    with pytest.raises(ShapeError, match="at least 176 x 176 for 5 scales of SSIM, got 64 x 180"):
        multiscale_ssim(fake[..., :64, :], real[..., :64, :])
    with pytest.raises(ShapeError, match="no frame is left to score, the videos have 1"):
        multiscale_ssim(fake[:, :, :1], real[:, :, :1])


@pytest.fixture(scope="module")
def alexnet(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, Path]:
    from torchvision import models

    torch.manual_seed(0)
    network = models.alexnet(weights=None).eval()
    path = tmp_path_factory.mktemp("lpips") / "alexnet.pth"
    torch.save(network.state_dict(), path)
    return network, path


def test_lpips_is_its_definition_on_the_weights_of_the_file(
    alexnet: tuple[nn.Module, Path],
) -> None:
    network, path = alexnet
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    ours = LpipsNetwork(path, "alex", sha256=digest)
    assert ours.sha256 == digest
    fake, real = _pair(2, 3, 3, 64, 70)
    import torchmetrics

    heads = torch.load(
        Path(torchmetrics.__file__).parent / "functional/image/lpips_models/alex.pth",
        map_location="cpu",
        weights_only=True,
    )
    shift = torch.tensor([-0.030, -0.088, -0.188]).view(3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450]).view(3, 1, 1)

    def distance(a: Tensor, b: Tensor) -> Tensor:
        total = torch.zeros(())
        a, b = (a - shift) / scale, (b - shift) / scale
        tap = 0
        for layer in network.features:
            a, b = layer(a.clone()), layer(b.clone())
            if isinstance(layer, nn.ReLU):
                units = [x / (x.square().sum(0, keepdim=True).sqrt() + 1e-10) for x in (a, b)]
                weight = heads[f"lin{tap}.model.1.weight"].view(-1, 1, 1)
                total = total + ((units[0] - units[1]).square() * weight).sum(0).mean()
                tap += 1
        assert tap == 5
        return total

    with torch.no_grad():
        expected = torch.stack(
            [
                torch.stack([distance(fake[n, :, t], real[n, :, t]) for t in (1, 2)]).mean()
                for n in range(2)
            ]
        )
    torch.testing.assert_close(lpips(fake, real, ours), expected, rtol=1e-4, atol=1e-6)
    assert torch.equal(lpips(real, real, ours), torch.zeros(2))


def test_lpips_refuses_what_it_cannot_take(alexnet: tuple[nn.Module, Path]) -> None:
    _, path = alexnet
    with pytest.raises(CheckpointError, match="holds no weights of torchvision's squeezenet1_1"):
        LpipsNetwork(path, "squeeze")
    with pytest.raises(CheckpointError, match="does not exist"):
        LpipsNetwork("missing.pth")
    with pytest.raises(UnknownNameError, match="LPIPS has no backbone named 'alexnet'"):
        LpipsNetwork(path, "alexnet")  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="images must be at least 64 x 64 for LPIPS, got 32 x 64"):
        LpipsNetwork(path)(torch.zeros(1, 3, 32, 64), torch.zeros(1, 3, 32, 64))
    with pytest.raises(ShapeError, match="no frame is left to score"):
        lpips(*_pair(1, 3, 1, 64, 64), nn.Identity())


def test_two_processes_have_the_frames_of_both() -> None:
    program = """
import os, tempfile, torch
from torch import distributed, multiprocessing
from stgan.metrics import ClipProtocol, FrameFrechetDistance
from tests.metrics.test_frame_metrics import _Colors

def work(rank, file):
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2)
    metric = FrameFrechetDistance(_Colors())
    metric(torch.rand(4, 3, 5, 8, 8), real=True)  # as a module, which takes in clips once
    metric.update(torch.rand(3, 3, 5, 8, 8), real=False)
    result = metric.result(ClipProtocol(5, (8, 8)))
    assert (result.n_real, result.n_fake) == (8, 6), result
    assert int(metric.real_features_num_samples) == 20, "its own again"
    distributed.destroy_process_group()

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "meet")
        multiprocessing.start_processes(work, (file,), nprocs=2, start_method="fork")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr

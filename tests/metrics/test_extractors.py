"""Extractors: what reaches the network, what they say of it, and whose weights it has."""

import hashlib
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

import stgan
from stgan._torchvision import ensure_torchvision
from stgan.errors import CheckpointError, ShapeError, UnknownNameError
from stgan.metrics import (
    FeatureExtractor,
    ModuleFeatures,
    MotionFeatures,
    TimmFrameFeatures,
    TorchvisionFeatures,
    fit_motion_features,
)
from stgan.metrics.preprocessing import prepare_clips
from stgan.metrics.weights import module_sha256
from tests.strategies import SEEDS

ensure_torchvision()


def _clips(seed: int = 0, count: int = 2, size: tuple[int, ...] = (4, 20, 30)) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, *size, generator=generator) * 2 - 1


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@given(SEEDS, st.integers(1, 20), st.integers(1, 20), st.sampled_from(["squash", "crop"]))
@settings(max_examples=15)
def test_frames_are_resized_one_by_one(seed: int, h: int, w: int, resize: str) -> None:
    video = _clips(seed, size=(3, 12, 18))
    whole = prepare_clips(video, size=(h, w), resize=resize)
    assert whole.shape == (2, 3, 3, h, w)
    for t in range(3):
        one = prepare_clips(video[:, :, t : t + 1], size=(h, w), resize=resize)
        torch.testing.assert_close(one, whole[:, :, t : t + 1])
    if resize == "squash":
        plain = F.interpolate(video[:, :, 0], (h, w), mode="bilinear", align_corners=False)
        torch.testing.assert_close(whole[:, :, 0], plain)
    # Nothing is stretched: a ramp along the width has one slope along the height.
    assert whole.abs().max() <= video.abs().max()


def test_a_crop_keeps_the_middle_and_the_aspect_ratio() -> None:
    video = torch.zeros(1, 1, 1, 10, 30)
    video[..., 10:20] = 1
    assert torch.equal(prepare_clips(video, size=10, resize="crop"), torch.ones(1, 1, 1, 10, 10))


@given(SEEDS)
@settings(max_examples=10)
def test_ranges_and_statistics_are_applied_in_this_order(seed: int) -> None:
    video = _clips(seed)
    torch.testing.assert_close(prepare_clips(video, range="[0, 255]"), (video + 1) * 127.5)
    got = prepare_clips(video, range="[0, 1]", mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 4.0))
    expected = (video + 1) / 2
    for c, (mean, std) in enumerate(zip((0.1, 0.2, 0.3), (1.0, 2.0, 4.0), strict=True)):
        torch.testing.assert_close(got[:, c], (expected[:, c] - mean) / std)


class _Note(nn.Module):
    """Returns what it is told to, and keeps what it saw."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape, self.seen = shape, torch.zeros(())

    def forward(self, video: Tensor) -> Tensor:
        self.seen = video
        return torch.arange(1.0, 1 + torch.Size(self.shape).numel()).view(self.shape)


def test_any_network_gets_its_range_and_size() -> None:
    note = _Note(2, 5)
    features = ModuleFeatures(note, "notes", image_size=(8, 9), range="[0, 1]", resize="crop")
    clips = _clips()
    assert features(clips).shape == (2, 5)
    torch.testing.assert_close(
        note.seen, prepare_clips(clips, size=(8, 9), range="[0, 1]", resize="crop")
    )
    assert (features.name, features.resize) == ("notes", "bilinear 8 x 9, crop")
    assert (features.range, features.is_fvd) == ("[0, 1]", False)


@pytest.mark.parametrize(
    ("shape", "tokens", "expected"),
    [
        ((2, 3), False, [[1, 2, 3], [4, 5, 6]]),
        ((2, 1, 2, 2), False, [[2.5], [6.5]]),
        ((2, 2, 2), True, [[2, 3], [6, 7]]),
        ((2,), False, [[1], [2]]),
    ],
)
def test_what_a_network_returns_becomes_one_feature_a_clip(
    shape: tuple[int, ...], tokens: bool, expected: list[list[float]]
) -> None:
    features = ModuleFeatures(_Note(*shape), "notes", tokens=tokens)
    torch.testing.assert_close(features(_clips()), torch.tensor(expected, dtype=torch.float32))


def test_what_is_no_feature_of_each_clip_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"notes must return \(N=2, D, ...\), got \(3, 4\)"):
        ModuleFeatures(_Note(3, 4), "notes")(_clips())
    with pytest.raises(ShapeError, match=r"must return tokens \(N, L, D\), got \(2, 4\)"):
        ModuleFeatures(_Note(2, 4), "notes", tokens=True)(_clips())
    with pytest.raises(TypeError, match="_Note has no output_shape to ask"):
        ModuleFeatures(_Note(2, 4), "notes").output_shape((2, 3, 4, 8, 8))
    with pytest.raises(ValueError, match="title must say what the features are of, got nothing"):
        ModuleFeatures(_Note(2, 4), " ")
    with pytest.raises(ValueError, match="give the path of one as module"):
        ModuleFeatures(_Note(2, 4), "notes", sha256="0" * 64)
    with pytest.raises(UnknownNameError, match="range has no entry named '0 to 1'"):
        ModuleFeatures(_Note(2, 4), "notes", range="0 to 1")


def test_a_torchscript_file_is_a_network_too(tmp_path: Path) -> None:
    path = tmp_path / "videomae.pt"
    network = nn.Conv3d(3, 6, 2).eval()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
        torch.jit.save(torch.jit.script(network), path)
    features = ModuleFeatures(path, "VideoMAE", sha256=_digest(path), image_size=8)
    clips = _clips()
    expected = network(prepare_clips(clips, size=8)).mean(dim=(2, 3, 4))
    torch.testing.assert_close(features(clips), expected)
    assert features.sha256 == _digest(path)
    torch.save(network.state_dict(), tmp_path / "state.pt")
    with pytest.raises(CheckpointError, match="cannot be read as TorchScript"):
        ModuleFeatures(tmp_path / "state.pt", "VideoMAE")


def test_a_hash_of_weights_tells_networks_apart() -> None:
    first, second = nn.Linear(3, 2), nn.Linear(3, 2)
    assert module_sha256(first) != module_sha256(second)
    second.load_state_dict(first.state_dict())
    assert module_sha256(first) == module_sha256(second)
    with torch.no_grad():
        second.weight[1, 2] += 1e-6
    assert module_sha256(first) != module_sha256(second)


@pytest.mark.parametrize("model", ["mc3_18", "s3d"])
def test_torchvision_weights_are_those_of_the_file(model: str, tmp_path: Path) -> None:
    from torchvision import models

    network = models.get_model(model, weights=None).eval()
    path = tmp_path / "weights.pth"
    torch.save(network.state_dict(), path)
    size = 32 if model == "mc3_18" else 224
    features = TorchvisionFeatures(model, weights=path, sha256=_digest(path), image_size=size)
    clips = _clips(count=1, size=(14, 20, 20))
    preset = models.get_model_weights(model).DEFAULT.transforms()
    seen = prepare_clips(
        clips, size=size, range="[0, 1]", mean=tuple(preset.mean), std=tuple(preset.std)
    )
    head = network.fc if model == "mc3_18" else network.classifier
    with torch.no_grad():
        got = features(clips)
        # The classifier, put back onto the features, gives the logits.
        logits = head(got) if model == "mc3_18" else head(got[..., None, None, None]).flatten(1)
        torch.testing.assert_close(logits, network(seen), rtol=1e-4, atol=1e-4)
    assert features.name == f"{model} (torchvision)"
    assert features.sha256 == _digest(path)
    assert features.output_shape((5, 3, 14, 20, 20)) == (5, got.shape[1])


def test_torchvision_networks_say_what_they_take(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="no model named 'r3d18'; did you mean 'r3d_18'"):
        TorchvisionFeatures("r3d18")
    with pytest.raises(ValueError, match=r"mvit_v2_s takes images of \(224, 224\) only, got"):
        TorchvisionFeatures("mvit_v2_s", image_size=112)
    mvit = TorchvisionFeatures("mvit_v2_s")
    assert mvit.output_shape((2, 3, 16, 64, 64)) == (2, 768)
    with pytest.raises(ShapeError, match="mvit_v2_s takes clips of 16 frames, got 12"):
        mvit(torch.zeros(1, 3, 12, 8, 8))
    with pytest.raises(ShapeError, match="s3d takes clips of at least 14 frames, got 4"):
        TorchvisionFeatures("s3d")(torch.zeros(1, 3, 4, 8, 8))
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match="holds no weights of torchvision's mc3_18"):
        TorchvisionFeatures("mc3_18", weights=tmp_path / "x.pth")
    with pytest.raises(ValueError, match="sha256 is that of a file of weights"):
        TorchvisionFeatures("mc3_18", sha256="0" * 64)


def test_timm_sees_frames_one_by_one_with_the_weights_of_the_file(tmp_path: Path) -> None:
    import timm

    network = timm.create_model("resnet10t", num_classes=0).eval()
    path = tmp_path / "weights.pth"
    torch.save(network.state_dict(), path)
    features = TimmFrameFeatures("resnet10t", weights=path, sha256=_digest(path), image_size=32)
    clips = _clips()
    config = timm.get_pretrained_cfg("resnet10t")
    seen = prepare_clips(clips, size=32, range="[0, 1]", mean=config.mean, std=config.std)
    with torch.no_grad():
        expected = torch.stack([network(seen[:, :, t]) for t in range(4)]).mean(dim=0)
        torch.testing.assert_close(features(clips), expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(features(clips.flip(2)), expected, rtol=1e-4, atol=1e-5)
    assert features.sha256 == _digest(path)
    assert "random" not in features.name
    with pytest.raises(CheckpointError, match="must have the SHA-256"):
        TimmFrameFeatures("resnet10t", weights=path, sha256="0" * 64)
    with pytest.raises(ValueError, match="sha256 is that of a file of weights"):
        TimmFrameFeatures("resnet10t", sha256="0" * 64)


class _Items(Dataset[dict[str, Any]]):
    def __init__(self, videos: Tensor) -> None:
        self.videos = videos

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"video": self.videos[index]}


def test_motion_features_are_trained_with_and_without_labels(tmp_path: Path) -> None:
    videos = _clips(count=6, size=(4, 16, 16))
    alone = fit_motion_features(videos, steps=3)
    again = fit_motion_features(_Items(videos), steps=3)
    labeled = fit_motion_features((videos, torch.tensor([0, 1] * 3)), 2, steps=3)
    assert alone.name == "a motion network trained on 6 real clips to tell them apart"
    assert labeled.name == "a motion network trained on 6 real clips to tell 2 classes apart"
    assert alone.sha256 == again.sha256 != labeled.sha256
    torch.save(alone.state_dict(), tmp_path / "motion.pt")
    loaded = MotionFeatures(weights=tmp_path / "motion.pt", sha256=_digest(tmp_path / "motion.pt"))
    torch.testing.assert_close(loaded(videos), alone(videos))
    frozen = videos[:, :, :1].expand_as(videos)
    torch.testing.assert_close(alone(frozen), alone(torch.zeros_like(videos)))
    with pytest.raises(TypeError, match=r"num_classes needs labels; give clips as"):
        fit_motion_features(videos, 2)
    with pytest.raises(ValueError, match="sha256 is that of the file of weights"):
        MotionFeatures(sha256="0" * 64)


@pytest.mark.parametrize("name", stgan.list("features", exclude="module"))
def test_extractors_begin_in_evaluation_mode(name: str) -> None:
    example = stgan.info("features", name).example
    assert example is not None
    extractor: FeatureExtractor = stgan.create("features", name, **example.settings)
    assert not any(part.training for part in extractor.modules())

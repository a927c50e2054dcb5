"""Modules of reconstruction losses: settings, shapes without running, the frozen network."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import stgan
from stgan import functional
from stgan._timm_loading import create_backbone, input_statistics
from stgan.errors import CheckpointError, ShapeError, UnknownNameError
from stgan.losses import FirstFrameLoss, L1Loss, PerceptualLoss, ReconstructionLoss, SSIM3dLoss
from tests.strategies import SEEDS

SETTINGS: dict[str, dict[str, object]] = {
    "l1": {},
    "l2": {},
    "charbonnier": {"eps": 0.2},
    "first_frame": {},
    "frame_difference": {},
    "gradient": {"alpha": 2},
    "ssim_2d": {"window_size": 5},
    "ssim_3d": {"window_size": (3, 3, 5)},
    "focal_frequency": {"alpha": 0.5},
}


def _clips(seed: int, *shape: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    fake, real = torch.rand(2, *shape, generator=generator, dtype=torch.float64) * 2 - 1
    return fake, real


@pytest.mark.parametrize("name", SETTINGS)
@given(seed=SEEDS, reduction=st.sampled_from(["mean", "sum", "none"]))
def test_modules_are_their_functions_with_settings(name: str, seed: int, reduction: str) -> None:
    fake, real = _clips(seed, 2, 3, 4, 6, 5)
    loss = stgan.create("losses", name, **SETTINGS[name], reduction=reduction)
    function = getattr(functional, f"{name}_loss")
    expected = function(fake=fake, real=real, **SETTINGS[name], reduction=reduction)
    assert torch.equal(loss(fake=fake, real=real), expected)
    assert loss.output_shape(fake.shape, real.shape) == tuple(expected.shape)
    assert all(f"{key}={value}" in repr(loss) for key, value in SETTINGS[name].items())
    with pytest.raises(ShapeError, match="one shape"):
        loss.output_shape((2, 3, 4, 6, 5), (2, 3, 4, 6, 6))


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("l1", {"reduction": "avg"}, "must be 'mean', 'sum' or 'none', got 'avg'"),
        ("charbonnier", {"eps": 0}, "eps must be positive, got 0"),
        ("gradient", {"alpha": 0.9}, "alpha must be at least 1, got 0.9"),
        ("ssim_2d", {"window_size": 10}, "window_size must be odd"),
        ("ssim_3d", {"window_size": (2, 3, 3)}, "window_size must be odd"),
        ("focal_frequency", {"alpha": -1}, "alpha must not be negative, got -1"),
        ("perceptual", {"features": nn.Identity(), "weights": "x.pth"}, "weights are for the name"),
        ("perceptual", {"features": nn.Identity(), "mean": (0.5,)}, "mean must be three numbers"),
        ("perceptual", {"features": "vit_tiny_patch16_224"}, "one size only; set input_size, for"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_wrong_settings_are_refused_where_they_are_written(
    name: str, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        stgan.create("losses", name, **settings)


def test_features_are_a_name_or_callable() -> None:
    with pytest.raises(TypeError, match="features must be a name of timm or callable, got 3"):
        PerceptualLoss(3)  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="did you mean"):
        PerceptualLoss("resnet18x")


def test_shapes_that_forward_refuses_are_refused_without_running() -> None:
    with pytest.raises(ShapeError, match=r"at least \(T, H, W\) = \(2, 6, 6\)"):
        SSIM3dLoss().output_shape((1, 3, 2, 6, 5))
    assert FirstFrameLoss().output_shape((2, 3, 4, 6, 5), (2, 3, 6, 5)) == ()
    assert L1Loss("none").output_shape((7, 3, 4, 6, 5)) == (7,)


@given(seed=SEEDS)
def test_the_network_sees_frames_in_its_own_range_and_size(seed: int) -> None:
    fake, real = _clips(seed, 2, 3, 2, 6, 5)
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)
    seen: list[Tensor] = []

    def features(images: Tensor) -> Tensor:
        seen.append(images)
        return images

    loss = PerceptualLoss(features, mean=mean, std=std, reduction="none").double()
    value = loss(fake=fake, real=real)
    m, s = (torch.tensor(v, dtype=torch.float64).view(3, 1, 1) for v in (mean, std))
    expected = ((functional.fold_time(fake) + 1) / 2 - m) / s
    torch.testing.assert_close(seen[0], expected, rtol=1e-6, atol=1e-6)
    assert value.shape == (2,)
    PerceptualLoss(features, input_size=(9, 8)).double()(fake=fake, real=real)
    assert seen[-1].shape == (4, 3, 9, 8)
    assert "input_size=(9, 8)" in repr(PerceptualLoss(features, input_size=(9, 8)))


def test_the_network_is_frozen_and_lets_gradients_through() -> None:
    fake, real = (clip.float() for clip in _clips(0, 1, 3, 2, 32, 32))
    fake.requires_grad_()
    loss = PerceptualLoss("resnet10t").train()
    before = {name: tensor.clone() for name, tensor in loss.state_dict().items()}
    loss(fake=fake, real=real).backward()
    assert fake.grad is not None
    assert fake.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in loss.parameters())
    # In training mode batch norm would have moved.
    assert all(torch.equal(tensor, before[name]) for name, tensor in loss.state_dict().items())
    mean, std = input_statistics("resnet10t")
    torch.testing.assert_close(loss.scale.flatten(), 0.5 / torch.tensor(std))
    torch.testing.assert_close(loss.shift.flatten(), (0.5 - torch.tensor(mean)) / torch.tensor(std))


def test_weights_come_from_a_file(tmp_path: Path) -> None:
    import timm

    torch.manual_seed(0)
    path = tmp_path / "resnet10t.pth"
    torch.save(timm.create_model("resnet10t").state_dict(), path)
    loss = PerceptualLoss("resnet10t", weights=path, layer_weights=(1, 0, 0, 0, 0))
    assert isinstance(loss.features, nn.Module)
    twin = create_backbone("resnet10t", None, path)
    fake, real = (clip.float() for clip in _clips(1, 1, 3, 2, 32, 32))
    maps = [twin.eval()(functional.fold_time(v) * loss.scale + loss.shift)[0] for v in (fake, real)]
    expected = (maps[0] - maps[1]).square().mean()
    torch.testing.assert_close(loss(fake=fake, real=real), expected)
    with pytest.raises(CheckpointError, match="does not exist"):
        PerceptualLoss("resnet10t", weights=tmp_path / "none.pth")


def test_every_reconstruction_loss_is_called_alike() -> None:
    video = torch.zeros(1, 3, 4, 12, 12)
    for name in [*SETTINGS, "perceptual"]:
        loss = stgan.create("losses", name)
        assert isinstance(loss, ReconstructionLoss)
        assert loss(fake=video, real=video) == 0
        assert torch.equal(loss(video, video + 1), loss(fake=video, real=video + 1))

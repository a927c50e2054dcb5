"""Folded networks compute what the networks compute in evaluation mode."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from stgan.blocks import DownStage2d, DownStage3d, UpStage
from stgan.decoders import DecoderStage, VideoDecoder
from stgan.encoders import ImageEncoder
from stgan.layers import (
    Conv1Plus2d,
    Conv2Plus1d,
    ConvTranspose1Plus2d,
    ConvTranspose2Plus1d,
    DenseConvTranspose3d,
    HasNorms,
    ResizeConv3d,
    SeparableConv3d,
    SeparableConvTranspose3d,
    fold_batch_norms,
)
from tests.strategies import SEEDS

TWO_STEPS = [
    ConvTranspose1Plus2d,
    ConvTranspose2Plus1d,
    SeparableConvTranspose3d,
    Conv1Plus2d,
    Conv2Plus1d,
    SeparableConv3d,
]
UP = [*TWO_STEPS[:3], DenseConvTranspose3d, ResizeConv3d]


def _lived(network: nn.Module, seed: int = 0) -> nn.Module:
    """Give every batch norm statistics and weights as after some training."""
    torch.manual_seed(seed)
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            for tensor in (module.running_mean, module.weight, module.bias):
                if tensor is not None:
                    nn.init.normal_(tensor)
            if module.running_var is not None:
                nn.init.uniform_(module.running_var, 0.1, 2.0)
    return network.double().eval()


def _norms(network: nn.Module) -> int:
    return sum(isinstance(module, _BatchNorm) for module in network.modules())


def _check(network: nn.Module, *inputs: Any, left: int = 0) -> None:
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    before = network(*inputs)
    folded = fold_batch_norms(network)
    torch.testing.assert_close(folded(*inputs), before)
    assert _norms(folded) == left
    assert not folded.training
    assert not any(parameter.requires_grad for parameter in folded.parameters())
    # What was given stays as it was, and works.
    torch.testing.assert_close(network(*inputs), before, rtol=0, atol=0)
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize("cls", TWO_STEPS, ids=lambda cls: cls.__name__)
@given(
    seed=SEEDS, bias=st.booleans(), first_bias=st.booleans(), spectral_norm=st.booleans(),
    affine=st.booleans(), padding=st.integers(0, 1),
)  # fmt: skip
def test_every_convolution_of_two_steps(
    cls: type[nn.Module], seed: int, bias: bool, first_bias: bool, spectral_norm: bool,
    affine: bool, padding: int,
) -> None:  # fmt: skip
    def norm(channels: int) -> nn.Module:
        return nn.BatchNorm3d(channels, affine=affine)

    layer = _lived(
        cls(
            4, 6, 4, 2, padding, norm=norm, bias=bias, bias_before_norm=first_bias,
            spectral_norm=spectral_norm,
        ),
        seed,
    )  # fmt: skip
    _check(layer, torch.randn(2, 4, 4, 5, 6, dtype=torch.float64))


@pytest.mark.parametrize("cls", UP, ids=lambda cls: cls.__name__)
def test_upsampling_stages(cls: type[nn.Module]) -> None:
    stage = _lived(UpStage(4, 6, 4, 2, 1, conv=cls))
    assert _norms(stage) == (2 if cls in TWO_STEPS else 1)
    _check(stage, torch.randn(2, 4, 3, 4, 5, dtype=torch.float64))


@pytest.mark.parametrize("spectral_norm", [False, True])
def test_downsampling_stages(spectral_norm: bool) -> None:
    video = torch.randn(2, 3, 4, 6, 8, dtype=torch.float64)
    _check(_lived(DownStage3d(3, 4, spectral_norm=spectral_norm)), video)
    _check(_lived(DownStage2d(3, 4, spectral_norm=spectral_norm)), video[:, :, 0])


def test_an_encoder_and_a_decoder_with_fusion() -> None:
    image = torch.randn(2, 3, 12, 16, dtype=torch.float64)
    encoder = _lived(ImageEncoder((12, 16), base_channels=2, out_channels=3))
    vector, maps = encoder(image)
    folded = fold_batch_norms(encoder)(image)
    torch.testing.assert_close(folded.vector, vector)
    torch.testing.assert_close(folded.maps, maps)
    stages = [DecoderStage(4, (1, 2, 3), appearance_channels=2), DecoderStage(3, 4, 2, 1)]
    decoder = _lived(VideoDecoder(5, stages, num_classes=3))
    small = torch.randn(2, 2, 2, 3, dtype=torch.float64)
    latent = torch.randn(2, 5, dtype=torch.float64)
    _check(decoder, latent, [small], torch.tensor([0, 2]))


@pytest.mark.parametrize(
    ("norm", "left"),
    [(nn.InstanceNorm3d, 0), (lambda c: nn.GroupNorm(1, c), 0), (None, 0),
     (lambda c: nn.BatchNorm3d(c, track_running_stats=False), 1)],
    ids=["instance", "group", "none", "without statistics"],
)  # fmt: skip
def test_norms_that_are_no_fixed_scale_stay(
    norm: Callable[[int], nn.Module] | None, left: int
) -> None:
    layer = _lived(ConvTranspose1Plus2d(4, 6, 3, norm=norm))
    _check(layer, torch.randn(2, 4, 3, 4, 5, dtype=torch.float64), left=left)
    assert type(fold_batch_norms(layer).norm) is type(layer.norm)


class Own(nn.Module):
    """A module of someone's own, with two branches of which one says that it can be folded."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.first = nn.BatchNorm2d(3)

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = self.bn(self.conv(self.first(image)))
        return out

    def normalized_convs(self) -> tuple[tuple[nn.Module, str], ...]:
        return ((self.conv, "bn"),)


def test_modules_of_your_own_say_what_can_be_folded() -> None:
    assert isinstance(Own(), HasNorms)
    image = torch.randn(2, 3, 5, 5, dtype=torch.float64)
    # The norm in front of the convolution is not named, and stays.
    _check(_lived(nn.Sequential(Own(), nn.Conv2d(4, 3, 1), Own())), image, left=2)

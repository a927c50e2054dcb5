"""The convolutions inside of layers are modules: they are called, and what hangs on them works."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from stgan import create
from stgan.blocks import DownStage3d, UpStage
from stgan.functional import FusedFeatures

CONVS = (
    *("conv_transpose_1p2d", "conv_transpose_2p1d", "conv_transpose_3d", "resize_conv"),
    *("conv_transpose_separable", "conv_1p2d", "conv_2p1d", "conv_3d", "conv_separable"),
)


def _layer(name: str, **settings: Any) -> nn.Module:
    torch.manual_seed(0)
    layer: nn.Module = create("layers", name, 4, 3, 3, 1, 1, **settings)
    return layer


def _kernels(network: nn.Module) -> list[nn.Module]:
    return [m for m in network.modules() if isinstance(m, nn.Conv3d | nn.ConvTranspose3d)]


VIDEO = torch.randn(2, 4, 3, 5, 6, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", CONVS)
@pytest.mark.parametrize("fused", [False, True])
def test_hooks_on_every_kernel_run_in_every_call(name: str, fused: bool) -> None:
    layer = _layer(name)
    seen: list[nn.Module] = []
    for kernel in _kernels(layer):
        kernel.register_forward_hook(lambda module, args, output: seen.append(module))
    layer(FusedFeatures(VIDEO[:, :2], (VIDEO[:, 2:, 0],)) if fused else VIDEO)
    assert seen == _kernels(layer)


@pytest.mark.parametrize("name", CONVS)
def test_the_older_norms_of_torch_are_learned(name: str) -> None:
    layer = _layer(name)
    for kernel in _kernels(layer):
        nn.utils.spectral_norm(kernel)
    for _ in range(2):
        layer.zero_grad()
        layer(VIDEO).square().sum().backward()
        for kernel in _kernels(layer):
            gradient: Any = kernel.weight_orig.grad
            assert gradient is not None
            assert gradient.abs().sum() > 0


@pytest.mark.parametrize("name", CONVS)
def test_what_is_pruned_stays_zero_when_it_is_trained(name: str) -> None:
    layer = _layer(name, norm=None, act=None, bias=False)
    last = _kernels(layer)[-1]
    prune.identity(last, "weight")
    with torch.no_grad():
        last.weight_mask.zero_()
    assert not layer(VIDEO).any()


def test_stages_call_their_convolution() -> None:
    for stage in (DownStage3d(4, 3, 3, 1, 1), UpStage(4, 3, 3, 1, 1)):
        seen: list[nn.Module] = []
        kernels = _kernels(stage)
        for kernel in kernels:
            kernel.register_forward_hook(lambda module, *_, seen=seen: seen.append(module))
        stage(VIDEO)
        assert seen == kernels


class Sevens(nn.Conv3d):
    """A convolution of a user's own."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) * 0 + 7


def test_what_a_user_puts_in_the_place_of_a_kernel_is_called() -> None:
    stage = DownStage3d(4, 3, norm=None, act=None)
    stage.conv = Sevens(4, 3, 4, 2, 1)
    video = torch.randn(2, 2, 4, 8, 8)
    fused = FusedFeatures(video, (torch.randn(2, 2, 8, 8),))
    assert (stage(fused.materialize()) == 7).all()
    assert (stage(fused) == 7).all()
    up = UpStage(4, 3, 3, 1, 1, act=None, norm=None, bias_before_norm=True)
    conv: Any = up.conv
    conv.spatial = Sevens(conv.mid_channels, 3, 1)
    assert (up(VIDEO) == 7).all()


@pytest.mark.parametrize("name", ["conv_gru", "conv_lstm"])
def test_recurrent_layers_refuse_a_weight_that_no_one_would_compute(name: str) -> None:
    layer: Any = create("layers", name, 4, 3)
    nn.utils.spectral_norm(layer.input)
    with pytest.raises(RuntimeError, match="reads the weight of input without calling it, so that"):
        layer(VIDEO)
    plain: Any = create("layers", name, 4, 3)
    nn.utils.parametrizations.spectral_norm(plain.input)
    plain.input.register_forward_hook(lambda *_: None)  # watches only
    assert plain(VIDEO)[0].shape == (2, 3, 3, 5, 6)


@pytest.mark.parametrize("name", [name for name in CONVS if name != "resize_conv"])
def test_a_kernel_alone_computes_its_step(name: str) -> None:
    layer = _layer(name, norm=None, act=None)
    kernels = _kernels(copy.deepcopy(layer))
    out = VIDEO
    for kernel in kernels:
        out = kernel(out)
    torch.testing.assert_close(layer(VIDEO), out)
    # As torch's own module of the same weights does.
    out = VIDEO
    for kernel in kernels:
        torchs: Any = nn.Conv3d if isinstance(kernel, nn.Conv3d) else nn.ConvTranspose3d
        out = torchs.forward(kernel, out)
    torch.testing.assert_close(layer(VIDEO), out)


@pytest.mark.parametrize("stage", [DownStage3d(3, 4)])
@pytest.mark.parametrize("shape", [(2, 99, 8, 8, 8), (2, 3, 8, 8)])
def test_a_stage_promises_no_shape_for_what_it_refuses(
    stage: DownStage3d, shape: tuple[int, ...]
) -> None:
    for call in (lambda: stage.output_shape(shape), lambda: stage(torch.zeros(shape))):
        with pytest.raises(ValueError, match=r"video must be laid out as \(N, C=3, T, H, W\), got"):
            call()


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # of resizing under vmap
@pytest.mark.parametrize("name", CONVS)
@pytest.mark.parametrize("fused", [False, True])
def test_every_sample_has_the_gradient_that_it_has_alone(name: str, fused: bool) -> None:
    layer = _layer(name, norm=nn.InstanceNorm3d).double()
    weights = {key: value.detach() for key, value in layer.named_parameters()}

    def loss(weights: dict[str, Tensor], clip: Tensor) -> Tensor:
        features = FusedFeatures(clip[None, :2], (clip[None, 2:, 0],))
        given = features if fused else features.materialize()
        out: Tensor = torch.func.functional_call(layer, weights, (given,))
        return out.square().sum()

    clips = VIDEO.double()
    each = torch.func.vmap(torch.func.grad(loss), (None, 0))(weights, clips)
    for number, clip in enumerate(clips):
        layer.zero_grad()
        loss(dict(layer.named_parameters()), clip).backward()
        for key, parameter in layer.named_parameters():
            torch.testing.assert_close(each[key][number], parameter.grad)

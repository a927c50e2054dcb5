"""The (2+1)D discriminator: the network of the source, and one logit for any size."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrize

from stgan.discriminators import VideoDiscriminator2Plus1d
from stgan.errors import ShapeError
from stgan.functional import one_hot_map
from stgan.shapes import plan
from tests.strategies import SEEDS

TINY = {"base_channels": 2, "max_channels": 4}
SIDES = st.sampled_from([8, 12, 16, 24])


def test_the_defaults_are_the_five_pairs_of_the_source() -> None:
    with torch.device("meta"):
        critic = VideoDiscriminator2Plus1d(spectral_norm=False)
    convs = [module for module in critic.modules() if isinstance(module, nn.Conv3d)]
    assert [conv.kernel_size for conv in convs] == [(1, 4, 4), (4, 1, 1)] * 5
    assert [conv.stride for conv in convs] == [(1, 2, 2), (1, 1, 1)] * 4 + [(1, 1, 1)] * 2
    assert [conv.out_channels for conv in convs] == [64, 64, 128, 128, 256, 256, *[512] * 3, 1]
    # The published network has 8.35 M parameters.
    assert sum(p.numel() for p in critic.parameters()) == pytest.approx(8.35e6, rel=1e-3)
    assert sum(isinstance(module, nn.LeakyReLU) for module in critic.modules()) == 9


@settings(max_examples=15)
@given(
    st.tuples(st.integers(1, 9), SIDES, SIDES), st.integers(1, 3), st.booleans(),
    st.sampled_from([0, 3]), SEEDS,
)  # fmt: skip
def test_one_logit_for_a_clip_of_any_size(
    size: tuple[int, int, int], kernel: int, any_size: bool, classes: int, seed: int
) -> None:
    stages = plan((1, *size[1:])).stages
    size = (size[0] + len(stages) * (kernel - 1), *size[1:])
    critic = VideoDiscriminator2Plus1d(
        None if any_size else size,
        stages=stages, temporal_kernel_size=kernel, num_classes=classes, **TINY,
    ).eval()  # fmt: skip
    video = torch.randn(3, 3, *size, generator=torch.Generator().manual_seed(seed))
    label = torch.tensor([2, 0, 1]) if classes else None
    logits = critic(video, label)
    assert tuple(logits.shape) == critic.output_shape(tuple(video.shape)) == (3,)
    order = torch.tensor([1, 2, 0])
    turned = critic(video[order], None if label is None else label[order])
    torch.testing.assert_close(turned, logits[order])
    torch.testing.assert_close(critic(video[:1], None if label is None else label[:1]), logits[:1])


def test_it_is_the_chain_of_convolutions_that_it_says() -> None:
    critic = VideoDiscriminator2Plus1d(
        (5, 12, 16), temporal_kernel_size=3, num_classes=2, spectral_norm=False, **TINY
    ).double()
    convs = [module for module in critic.modules() if isinstance(module, nn.Conv3d)]
    video = torch.randn(2, 3, 5, 12, 16, dtype=torch.float64)
    label, x = torch.tensor([0, 1]), video
    for index, conv in enumerate(convs):
        x = F.conv3d(x, conv.weight, conv.bias, conv.stride, conv.padding)
        x = x if index == len(convs) - 1 else F.leaky_relu(x, 0.2)
        if index == 1:
            x = torch.cat([x, one_hot_map(label, 2, tuple(x.shape[2:])).double()], dim=1)
    torch.testing.assert_close(critic(video, label), x.flatten())


def test_a_critic_of_any_size_averages_what_the_stages_leave() -> None:
    fixed = VideoDiscriminator2Plus1d((5, 12, 16), temporal_kernel_size=3, **TINY).eval()
    free = VideoDiscriminator2Plus1d(
        None, stages=plan((1, 12, 16)).stages, temporal_kernel_size=3, **TINY
    ).eval()
    free.stages.load_state_dict(fixed.stages.state_dict())
    video = torch.randn(2, 3, 5, 12, 16)
    left = video
    for stage in fixed.stages:
        left = stage(left)
    torch.testing.assert_close(
        free(video), free.head(left.mean(dim=(2, 3, 4), keepdim=True)).flatten()
    )


@pytest.mark.parametrize("norm", [None, nn.BatchNorm3d, nn.InstanceNorm3d])
@pytest.mark.parametrize("spectral_norm", [True, False])
def test_every_parameter_learns_and_every_convolution_is_normalized_when_asked(
    norm: Callable[[int], nn.Module] | None, spectral_norm: bool
) -> None:
    critic = VideoDiscriminator2Plus1d(
        (10, 24, 24), num_classes=2, norm=norm, spectral_norm=spectral_norm, init_std=0.1, **TINY
    )
    critic(torch.randn(3, 3, 10, 24, 24), torch.tensor([0, 1, 1])).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in critic.parameters())
    convs = [module for module in critic.modules() if isinstance(module, nn.Conv3d)]
    assert len(convs) == 8
    assert all(parametrize.is_parametrized(conv, "weight") is spectral_norm for conv in convs)
    norms = [module for module in critic.modules() if norm and isinstance(module, norm)]  # type: ignore[arg-type]
    assert len(norms) == (4 if norm else 0)


@pytest.mark.parametrize("act", [None, nn.ReLU])
def test_activations_and_deviations_are_what_is_asked(act: type[nn.Module] | None) -> None:
    critic = VideoDiscriminator2Plus1d(
        (7, 12, 12), base_channels=16, max_channels=16, act=act, spectral_norm=False, init_std=0.3
    )
    acts = [module for module in critic.modules() if act and isinstance(module, act)]
    assert len(acts) == (5 if act else 0)
    weights = [m.weight for m in critic.modules() if isinstance(m, nn.Conv3d)]
    assert weights[2].std().item() == pytest.approx(0.3, rel=0.1)
    assert critic.head.spatial.out_channels == 16


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: VideoDiscriminator2Plus1d((8, 64, 64)),
         "at least 13 frames for 4 stages .* of 4, got 8; .* a temporal_kernel_size of at most 2"),
        (lambda: VideoDiscriminator2Plus1d(None, **TINY)(torch.zeros(1, 3, 12, 64, 64)),
         "at least 13 frames"),
        (lambda: VideoDiscriminator2Plus1d(None, **TINY)(torch.zeros(1, 3, 13, 8, 8)),
         "does not fit"),
        (lambda: VideoDiscriminator2Plus1d(**TINY)(torch.zeros(1, 3, 32, 64, 64)),
         r"\(N, C=3, T=16, H=64, W=64\), got \(1, 3, 32, 64, 64\)"),
        (lambda: VideoDiscriminator2Plus1d(temporal_kernel_size=0), "temporal_kernel_size must"),
        (lambda: VideoDiscriminator2Plus1d(stages=()), "stages must be one at least, got none"),
        (lambda: VideoDiscriminator2Plus1d(num_classes=2, **TINY)(torch.zeros(1, 3, 16, 64, 64)),
         "built for 2 classes; pass label"),
    ],
)  # fmt: skip
def test_refusals_teach(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_a_promise_refuses_what_a_call_refuses() -> None:
    with pytest.raises(ShapeError, match="at least 13 frames"):
        VideoDiscriminator2Plus1d(None, **TINY).output_shape((1, 3, 12, 64, 64))

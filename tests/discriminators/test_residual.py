"""Residual discriminators: the block of the sources, the projection, one logit for any size."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import parametrize

from stgan.discriminators import ImageResidualDiscriminator, VideoResidualDiscriminator
from stgan.errors import ShapeError
from stgan.layers import leaky_relu
from stgan.shapes import plan
from tests.strategies import SEEDS

TINY = {"base_channels": 2, "max_channels": 4}
SIZES = st.tuples(st.sampled_from([1, 2, 3, 4, 8]), *[st.sampled_from([8, 12, 16, 20])] * 2)


@settings(max_examples=15)
@given(SIZES, st.booleans(), st.sampled_from([0, 3]), st.sampled_from(["sum", "mean"]), SEEDS)
def test_one_logit_for_a_sample_of_any_size(
    size: tuple[int, int, int], any_size: bool, classes: int, pooling: str, seed: int
) -> None:
    video = torch.randn(3, 3, *size, generator=torch.Generator().manual_seed(seed))
    label = torch.tensor([2, 0, 1]) if classes else None
    options = {"stages": plan(size).stages, "num_classes": classes, "pooling": pooling} | TINY
    order = torch.tensor([1, 2, 0])
    for critic, x in (
        (VideoResidualDiscriminator(None if any_size else size, **options), video),
        (ImageResidualDiscriminator(None if any_size else size[1:], **options), video[:, :, 0]),
    ):
        critic.eval()
        logits = critic(x, label)
        assert tuple(logits.shape) == critic.output_shape(tuple(x.shape)) == (3,)
        turned = critic(x[order], None if label is None else label[order])
        torch.testing.assert_close(turned, logits[order])
        torch.testing.assert_close(critic(x[:1], None if label is None else label[:1]), logits[:1])


def _by_hand(critic: VideoResidualDiscriminator, video: Tensor, rows: Tensor) -> Tensor:
    """The equations of the docstring; the skip connection in the other order."""
    state, x = dict(critic.named_parameters()), video
    strides = [*critic.strides, (1, 1, 1)]
    for index, stride in enumerate(strides):
        w = {k.split(".", 2)[2]: v for k, v in state.items() if k.startswith(f"blocks.{index}.")}
        h = x if index == 0 else x.relu()
        h = F.conv3d(h, w["conv1.weight"], w["conv1.bias"], padding=1).relu()
        h = F.conv3d(h, w["conv2.weight"], w["conv2.bias"], padding=1)
        skip = F.conv3d(x, w["skip.weight"], w["skip.bias"]) if "skip.weight" in w else x
        x = F.avg_pool3d(h + skip, stride)
    phi = x.relu().sum(dim=(2, 3, 4))
    v = rows @ state["embed.weight"].mT
    return phi @ state["head.weight"][0] + state["head.bias"] + (v * phi).sum(1)


@pytest.mark.parametrize("act", [nn.ReLU, lambda: nn.ReLU(inplace=True)])
def test_it_is_the_equations_that_it_says_and_spares_its_input(
    act: Callable[[], nn.Module],
) -> None:
    critic = VideoResidualDiscriminator(
        (4, 12, 16), num_classes=3, act=act, spectral_norm=False, init_std=None, **TINY
    ).double()
    video = torch.randn(2, 3, 4, 12, 16, dtype=torch.float64)
    before, label = video.clone(), torch.tensor([2, 0])
    rows = torch.eye(3, dtype=torch.float64)[label]
    torch.testing.assert_close(critic(video, label), _by_hand(critic, video, rows))
    assert torch.equal(video, before)
    soft = torch.full((2, 3), 1 / 3, dtype=torch.float64)
    torch.testing.assert_close(critic(video, soft), _by_hand(critic, video, soft))


def test_the_image_critic_is_the_video_critic_of_one_frame() -> None:
    image = ImageResidualDiscriminator((12, 16), spectral_norm=False, **TINY)
    video = VideoResidualDiscriminator(
        (1, 12, 16), stages=plan((1, 12, 16)).stages, spectral_norm=False, **TINY
    )
    state = video.state_dict()
    for name, weight in image.state_dict().items():
        if weight.ndim == 4:
            # Of a kernel padded along time, one frame meets only the middle.
            state[name].zero_()
            state[name][:, :, state[name].shape[2] // 2] = weight
        else:
            state[name] = weight
    video.load_state_dict(state)
    frame = torch.randn(2, 3, 12, 16)
    torch.testing.assert_close(video(frame.unsqueeze(2)), image(frame))


def test_a_sum_over_positions_is_the_mean_times_their_number() -> None:
    by_sum, by_mean = (
        ImageResidualDiscriminator(16, pooling=pooling, **TINY).eval()
        for pooling in ("sum", "mean")
    )
    by_mean.load_state_dict(by_sum.state_dict())
    image, bias = torch.randn(2, 3, 16, 16), by_sum.head.bias
    left = 16
    for stride in by_sum.strides:
        left //= stride[0]
    torch.testing.assert_close(by_sum(image) - bias, (by_mean(image) - bias) * left**2)


@pytest.mark.parametrize("norm", [None, nn.BatchNorm3d, nn.InstanceNorm3d])
@pytest.mark.parametrize("spectral_norm", [True, False])
def test_every_parameter_learns_and_every_weight_is_normalized_when_asked(
    norm: Callable[[int], nn.Module] | None, spectral_norm: bool
) -> None:
    critic = VideoResidualDiscriminator(
        (4, 12, 16), num_classes=2, norm=norm, act=leaky_relu, spectral_norm=spectral_norm,
        init_std=0.1, **TINY,
    )  # fmt: skip
    critic(torch.randn(3, 3, 4, 12, 16), torch.tensor([0, 1, 1])).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in critic.parameters())
    layers = [m for m in critic.modules() if isinstance(m, nn.Conv3d | nn.Linear)]
    assert len(layers) == 2 * 3 + 2 + 2
    assert all(parametrize.is_parametrized(layer, "weight") is spectral_norm for layer in layers)
    norms = [module for module in critic.modules() if norm and isinstance(module, norm)]  # type: ignore[arg-type]
    assert len(norms) == (5 if norm else 0)


def test_widths_double_and_weights_begin_with_the_deviation_that_is_asked() -> None:
    critic = ImageResidualDiscriminator(
        64, base_channels=8, max_channels=20, act=None, spectral_norm=False, init_std=0.3
    )
    assert [block.conv2.out_channels for block in critic.blocks] == [8, 16, 20, 20, 20]
    assert critic.blocks[-1].conv1.weight.std().item() == pytest.approx(0.3, rel=0.1)
    assert not any(isinstance(module, nn.ReLU) for module in critic.modules())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: VideoResidualDiscriminator((8, 17, 16)), "nearest size that can be reached"),
        (lambda: VideoResidualDiscriminator(pooling="max"), "must be 'sum' or 'mean', got 'max'"),
        (lambda: VideoResidualDiscriminator((8, 16, 16), **TINY)(torch.zeros(1, 3, 16, 16, 16)),
         r"\(N, C=3, T=8, H=16, W=16\), got \(1, 3, 16, 16, 16\)"),
        (lambda: ImageResidualDiscriminator(None, **TINY)(torch.zeros(1, 3, 15, 64)),
         "does not fit"),
        (lambda: ImageResidualDiscriminator(16, num_classes=2, **TINY)(torch.zeros(1, 3, 16, 16)),
         "built for 2 classes; pass label"),
        (lambda: ImageResidualDiscriminator(16, **TINY)(torch.zeros(1, 3, 16, 16), LABEL),
         "built without classes; do not pass label"),
        (lambda: ImageResidualDiscriminator(base_channels=0), "base_channels must be at least 1"),
    ],
)  # fmt: skip
def test_refusals_teach(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


LABEL = torch.tensor([0])


def test_a_promise_refuses_what_a_call_refuses() -> None:
    with pytest.raises(ShapeError, match="does not fit"):
        ImageResidualDiscriminator(None, **TINY).output_shape((1, 3, 15, 64))

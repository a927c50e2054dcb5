"""Patch discriminators: maps of the promised size, and logits that see their patch alone."""

from collections.abc import Callable
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrize

from stgan.discriminators import ImagePatchDiscriminator, VideoPatchDiscriminator
from stgan.errors import ShapeError
from tests.strategies import SEEDS

TINY = {"base_channels": 2, "max_channels": 4}
AXIS = st.tuples(st.integers(1, 3), st.lists(st.integers(1, 2), min_size=3, max_size=3))


@st.composite
def critics(
    draw: st.DrawFn, **options: object
) -> ImagePatchDiscriminator | VideoPatchDiscriminator:
    """Small discriminators of patches of drawn geometry, for images or for videos."""
    two = draw(st.booleans())
    axes = draw(st.lists(AXIS, min_size=2 if two else 3, max_size=2 if two else 3))
    padding = draw(st.integers(0, 1))
    critic = (ImagePatchDiscriminator if two else VideoPatchDiscriminator)(
        kernel_size=tuple(max(kernel, padding) for kernel, _ in axes),
        strides=list(zip(*(strides for _, strides in axes), strict=True)),
        padding=padding,
        **TINY | options,  # type: ignore[arg-type]
    )
    return critic.eval()


def _size(critic: ImagePatchDiscriminator | VideoPatchDiscriminator, extra: int) -> tuple[int, ...]:
    """Sides that leave one logit at least."""
    return tuple(max(1, field) + extra for field in critic.receptive_field)


@settings(max_examples=20)
@given(critics(), st.integers(0, 4), SEEDS)
def test_a_logit_sees_its_region_and_nothing_else(
    critic: ImagePatchDiscriminator | VideoPatchDiscriminator, extra: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1, 3, *_size(critic, extra), generator=generator, dtype=torch.float64)
    x.requires_grad_()
    logits = critic.double()(x)
    assert tuple(logits.shape) == critic.output_shape(tuple(x.shape))
    places = list(product(*(range(n) for n in logits.shape[1:])))
    for place in (places[0], places[len(places) // 2], places[-1]):
        (gradient,) = torch.autograd.grad(logits[(0, *place)], x, retain_graph=True)
        reached = gradient[0].abs().sum(0) > 0
        region = critic.region(place)
        outside = torch.ones_like(reached)
        outside[region] = False
        assert not (reached & outside).any()
        if all(p == 0 for p in critic.padding):
            # Its corners show that it is no smaller.
            assert reached[region].flatten()[[0, -1]].all()


@pytest.mark.parametrize(
    ("critic", "field"),
    [
        (ImagePatchDiscriminator(**TINY), (70, 70)),
        (ImagePatchDiscriminator(strides=(2, 2, 2, 2), **TINY), (46, 46)),
        (VideoPatchDiscriminator(**TINY), (13, 46, 46)),
    ],
)
def test_the_defaults_see_what_the_sources_say(
    critic: ImagePatchDiscriminator | VideoPatchDiscriminator, field: tuple[int, ...]
) -> None:
    assert critic.receptive_field == field


@pytest.mark.parametrize("change", [1.0, -1.0])
def test_a_change_outside_of_a_region_does_not_reach_its_logit(change: float) -> None:
    critic = VideoPatchDiscriminator(kernel_size=(2, 4, 4), **TINY).eval()
    video = torch.randn(1, 3, 8, 48, 48)
    before, place = critic(video), (1, 0, 2)
    region = (slice(None), slice(None), *critic.region(place))
    inside, outside = video.clone(), video + change
    inside[region] += change
    outside[region] = video[region]
    assert torch.equal(critic(outside)[(0, *place)], before[(0, *place)])
    assert not torch.equal(critic(inside)[(0, *place)], before[(0, *place)])


@settings(max_examples=15)
@given(critics(num_classes=3), st.integers(0, 3), SEEDS)
def test_samples_do_not_meet_and_rows_say_what_indices_say(
    critic: ImagePatchDiscriminator | VideoPatchDiscriminator, extra: int, seed: int
) -> None:
    x = torch.randn(3, 3, *_size(critic, extra), generator=torch.Generator().manual_seed(seed))
    label, order = torch.tensor([0, 2, 1]), torch.tensor([2, 0, 1])
    logits = critic(x, label)
    torch.testing.assert_close(critic(x[order], label[order]), logits[order])
    torch.testing.assert_close(critic(x[:1], label[:1]), logits[:1])
    torch.testing.assert_close(critic(x, torch.eye(3)[label]), logits)


def test_the_label_changes_the_map() -> None:
    critic = ImagePatchDiscriminator(num_classes=2, init_std=None, **TINY).eval()
    image = torch.randn(1, 3, 64, 64)
    assert not torch.allclose(critic(image, torch.tensor([0])), critic(image, torch.tensor([1])))


@pytest.mark.parametrize("norm", [None, nn.BatchNorm3d, nn.InstanceNorm3d])
@pytest.mark.parametrize("spectral_norm", [True, False])
def test_every_parameter_learns_and_every_convolution_is_normalized_when_asked(
    norm: Callable[[int], nn.Module] | None, spectral_norm: bool
) -> None:
    critic = VideoPatchDiscriminator(
        kernel_size=3, num_classes=2, norm=norm, spectral_norm=spectral_norm, **TINY
    )
    critic(torch.randn(2, 3, 10, 24, 40), torch.tensor([0, 1])).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in critic.parameters())
    convs = [module for module in critic.modules() if isinstance(module, nn.Conv3d)]
    assert len(convs) == 4
    assert all(parametrize.is_parametrized(conv, "weight") is spectral_norm for conv in convs)
    norms = [module for module in critic.modules() if norm and isinstance(module, norm)]  # type: ignore[arg-type]
    assert len(norms) == (2 if norm else 0)


def test_widths_double_up_to_the_largest() -> None:
    critic = ImagePatchDiscriminator(base_channels=2, max_channels=5, act=None)
    widths = [m.out_channels for m in critic.modules() if isinstance(m, nn.Conv2d)]
    assert widths == [2, 4, 5, 5, 1]
    assert not any(isinstance(module, nn.LeakyReLU) for module in critic.modules())


@pytest.mark.parametrize("std", [0.01, 0.1])
def test_weights_begin_with_the_deviation_that_is_asked(std: float) -> None:
    critic = ImagePatchDiscriminator(base_channels=16, spectral_norm=False, init_std=std)
    assert critic.stages[1].conv.weight.std().item() == pytest.approx(std, rel=0.05)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ImagePatchDiscriminator(strides=(2,)), r"two at least, .* got \(\(2, 2\),\)"),
        (lambda: ImagePatchDiscriminator(8), "does not fit into a size"),
        (lambda: ImagePatchDiscriminator(64, **TINY)(torch.zeros(1, 3, 64, 65)),
         r"image must be laid out as \(N, C=3, H=64, W=64\), got \(1, 3, 64, 65\)"),
        (lambda: ImagePatchDiscriminator(**TINY)(torch.zeros(1, 3, 8, 8)), "does not fit"),
        (lambda: VideoPatchDiscriminator(**TINY)(torch.zeros(1, 3, 12, 64, 64)), "does not fit"),
        (lambda: VideoPatchDiscriminator(num_classes=2, **TINY)(torch.zeros(1, 3, 13, 64, 64)),
         "built for 2 classes; pass label"),
        (lambda: VideoPatchDiscriminator(**TINY)(torch.zeros(1, 3, 13, 64, 64), torch.tensor([0])),
         "built without classes; do not pass label"),
        (lambda: VideoPatchDiscriminator(num_classes=2, **TINY)(
            torch.zeros(2, 3, 13, 64, 64), torch.tensor([0])), r"\(N=2, K\), got \(1, 2\)"),
        (lambda: VideoPatchDiscriminator(num_classes=-1), "num_classes must be at least 0, got -1"),
        (lambda: VideoPatchDiscriminator(in_channels=0), "in_channels must be at least 1, got 0"),
        (lambda: VideoPatchDiscriminator(padding=-1), "padding must be .* got -1"),
    ],
)  # fmt: skip
def test_refusals_teach(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_a_promise_refuses_what_a_call_refuses() -> None:
    with pytest.raises(ShapeError, match="does not fit"):
        VideoPatchDiscriminator(**TINY).output_shape((1, 3, 12, 64, 64))

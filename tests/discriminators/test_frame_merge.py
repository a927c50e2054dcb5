"""The frame-merging discriminator: the equations of its docstring, and what it must not see."""

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import parametrize

from stgan.discriminators import FrameMergeDiscriminator
from stgan.shapes import plan
from tests.strategies import SEEDS

TINY = {"base_channels": 2, "max_channels": 4, "feature_dim": 3, "embed_dim": 2}
SIDES = st.sampled_from([12, 16, 24])
INDICES = torch.tensor([[0, 3, 4], [1, 2, 6], [0, 1, 8]])


@settings(max_examples=15)
@given(SIDES, SIDES, st.integers(2, 4), st.booleans(), st.sampled_from([0, 3]), SEEDS)
def test_one_logit_for_frames_of_any_size(
    height: int, width: int, count: int, any_size: bool, classes: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    critic = FrameMergeDiscriminator(
        None if any_size else (height, width), stages=plan((1, height, width)).stages,
        num_frames=count, merge_after=1, num_classes=classes, **TINY,
    ).eval()  # fmt: skip
    video = torch.randn(3, 3, count, height, width, generator=generator)
    indices = torch.randint(40, (3, count), generator=generator).sort(dim=1).values
    label = torch.tensor([2, 0, 1]) if classes else None
    logits = critic(video, label, indices=indices)
    assert tuple(logits.shape) == critic.output_shape(tuple(video.shape)) == (3,)
    order = torch.tensor([1, 2, 0])
    turned = critic(video[order], None if label is None else label[order], indices=indices[order])
    torch.testing.assert_close(turned, logits[order])
    one = critic(video[:1], None if label is None else label[:1], indices=indices[:1])
    torch.testing.assert_close(one, logits[:1])
    torch.testing.assert_close(critic(video, label, differences=indices.diff(dim=1)), logits)


def _by_hand(critic: FrameMergeDiscriminator, video: Tensor, label: Tensor, d: Tensor) -> Tensor:
    """The equations of the docstring, frame by frame and time by time."""
    logits = []
    for clip, k, times in zip(video, label.tolist(), d.tolist(), strict=True):
        maps = []
        for frame in clip.unbind(1):
            x = frame[None]
            for stage in critic.stages[: critic.merge_after]:
                x = stage(x)
            maps.append(x[0])
        x = torch.cat(maps)[None]
        for stage in critic.stages[critic.merge_after :]:
            x = stage(x)
        phi = critic.features(critic.cover(x).flatten())
        m = math.ceil(math.log2(critic.max_difference))
        omegas = [math.pi * 2**i / 2**m for i in range(m)]
        code = []
        for time in times:
            row = critic.table.weight[min(round(time), critic.max_difference)]
            waves = [f(omega * time) for f in (math.sin, math.cos) for omega in omegas]
            code.append(torch.cat([row, torch.tensor(waves, dtype=video.dtype)]))
        one_hot = F.one_hot(torch.tensor(k), critic.num_classes).to(video.dtype)
        c = critic.mapping(torch.cat([*code, one_hot]))
        logits.append(phi @ c / math.sqrt(critic.feature_dim))
    return torch.stack(logits)


@pytest.mark.parametrize("merge_after", [1, 2])
@pytest.mark.parametrize("differences", [INDICES.diff(dim=1), torch.rand(3, 2) * 12])
def test_it_is_the_equations_that_it_says(merge_after: int, differences: Tensor) -> None:
    critic = FrameMergeDiscriminator(
        (24, 32), merge_after=merge_after, max_difference=6, num_classes=2, init_std=None, **TINY
    )
    critic = critic.double().eval()
    video, label = torch.randn(3, 3, 3, 24, 32, dtype=torch.float64), torch.tensor([0, 1, 1])
    expected = _by_hand(critic, video, label, differences)
    got = critic(video, label, differences=differences)
    torch.testing.assert_close(got, expected, atol=1e-6, rtol=1e-5)


def test_a_critic_of_any_size_averages_what_the_stages_leave() -> None:
    critic = FrameMergeDiscriminator(
        None, stages=plan((1, 12, 16)).stages, merge_after=1, **TINY
    ).eval()
    left: list[Tensor] = []
    critic.stages[-1].register_forward_hook(lambda module, args, out: left.append(out))
    covered: list[Tensor] = []
    critic.cover.register_forward_hook(lambda module, args, out: covered.append(args[0]))
    critic(torch.randn(3, 3, 3, 20, 24), indices=INDICES)
    assert left[0].shape[2:] == (5, 6)
    torch.testing.assert_close(covered[0], left[0].mean(dim=(2, 3), keepdim=True))


def test_times_count_but_not_where_the_clip_begins() -> None:
    critic = FrameMergeDiscriminator((12, 16), merge_after=1, init_std=None, **TINY).eval()
    video = torch.randn(3, 3, 3, 12, 16)
    logits = critic(video, indices=INDICES)
    assert torch.equal(critic(video, indices=INDICES + 5), logits)
    assert not torch.allclose(critic(video, indices=INDICES * 2), logits)


def test_times_beyond_the_table_have_the_row_of_its_end() -> None:
    critic = FrameMergeDiscriminator((12, 16), merge_after=1, max_difference=4, **TINY).eval()
    video = torch.randn(1, 3, 3, 12, 16)
    # With the waves switched off, only the table tells times apart.
    critic.frequencies.zero_()
    far, end, inside = (
        critic(video, differences=torch.tensor([[1, d]])) for d in (9, 4, 3)
    )  # fmt: skip
    assert torch.equal(far, end)
    assert not torch.equal(inside, end)
    before, zero = (critic(video, differences=torch.tensor([[d, 1]])) for d in (-3, 0))
    assert torch.equal(before, zero)


def test_times_have_a_gradient() -> None:
    critic = FrameMergeDiscriminator((12, 16), merge_after=1, init_std=None, **TINY)
    differences = torch.tensor([[0.4, 2.0]], requires_grad=True)
    critic(torch.randn(1, 3, 3, 12, 16), differences=differences).sum().backward()
    assert differences.grad is not None
    assert (differences.grad != 0).all()


@pytest.mark.parametrize("norm", [None, nn.BatchNorm2d, nn.InstanceNorm2d])
@pytest.mark.parametrize("spectral_norm", [True, False])
def test_every_parameter_learns_and_every_weight_is_normalized_when_asked(
    norm: Callable[[int], nn.Module] | None, spectral_norm: bool
) -> None:
    critic = FrameMergeDiscriminator(
        (24, 32), num_classes=2, norm=norm, spectral_norm=spectral_norm, init_std=0.1, **TINY
    )
    video, label = torch.randn(3, 3, 3, 24, 32), torch.tensor([0, 1, 1])
    critic(video, label, indices=INDICES).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in critic.parameters())
    layers = [m for m in critic.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == 3 + 1 + 3
    assert all(parametrize.is_parametrized(layer, "weight") is spectral_norm for layer in layers)
    norms = [module for module in critic.modules() if norm and isinstance(module, norm)]  # type: ignore[arg-type]
    assert len(norms) == (2 if norm else 0)


def test_each_frame_brings_half_of_a_width_to_the_merge() -> None:
    critic = FrameMergeDiscriminator(
        64, num_frames=5, base_channels=8, max_channels=32, act=None, spectral_norm=False,
        init_std=0.3,
    )  # fmt: skip
    assert [s.in_channels for s in critic.stages] == [3, 8, 5 * 8, 32]
    assert [s.out_channels for s in critic.stages] == [8, 8, 32, 32]
    assert critic.cover.weight.std().item() == pytest.approx(0.3, rel=0.1)
    assert not any(isinstance(module, nn.LeakyReLU) for module in critic.modules())
    assert critic.table.weight.shape == (33, 256)


FRAMES = torch.zeros(1, 3, 3, 12, 16)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda critic: critic(FRAMES), "pass either indices or differences, got neither"),
        (lambda critic: critic(FRAMES, indices=INDICES[:1], differences=INDICES[:1, 1:]),
         "got indices and differences"),
        (lambda critic: critic(FRAMES, indices=INDICES), r"\(N=1, k=3\), got \(3, 3\)"),
        (lambda critic: critic(FRAMES, differences=INDICES[:1]), r"\(N=1, k=2\), got \(1, 3\)"),
        (lambda critic: critic(FRAMES[:, :, :2], indices=INDICES[:1]),
         r"\(N, C=3, T=3, H=12, W=16\), got \(1, 3, 2, 12, 16\)"),
        (lambda critic: critic.output_shape((1, 3, 2, 12, 16)), r"got \(1, 3, 2, 12, 16\)"),
        (lambda critic: critic(FRAMES, torch.tensor([0]), indices=INDICES[:1]),
         "do not pass label"),
        (lambda critic: FrameMergeDiscriminator(None)(torch.zeros(1, 3, 3, 8, 8),
                                                      indices=INDICES[:1]), "does not fit"),
        (lambda critic: FrameMergeDiscriminator(None).output_shape((1, 3, 3, 8, 8)),
         "does not fit"),
        (lambda critic: FrameMergeDiscriminator(num_frames=1), "num_frames must be at least 2"),
        (lambda critic: FrameMergeDiscriminator(merge_after=4), "from 1 to 3, .* got 4"),
        (lambda critic: FrameMergeDiscriminator(merge_after=0), "from 1 to 3, .* got 0"),
        (lambda critic: FrameMergeDiscriminator(max_difference=0), "max_difference must be at"),
        (lambda critic: FrameMergeDiscriminator(embed_dim=0), "embed_dim must be at least 1"),
        (lambda critic: FrameMergeDiscriminator(feature_dim=0), "feature_dim must be at least 1"),
    ],
)  # fmt: skip
def test_refusals_teach(call: Callable[[FrameMergeDiscriminator], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(FrameMergeDiscriminator((12, 16), merge_after=1, **TINY))

"""Resamplers against loops, torch's own interpolation and what is known about filters."""

import itertools
import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from einops import rearrange
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stgan.errors import ShapeError
from stgan.functional import (
    blur_pool,
    downsample_time,
    kaiser_taps,
    upsample_linear,
    upsample_nearest,
    upsample_time,
)
from tests.strategies import SEEDS, videos

SCALES = st.tuples(*[st.integers(1, 4)] * 3)
FACTORS = st.integers(1, 4)
MODES = st.sampled_from(["replicate", "reflect"])


@st.composite
def filters(draw: st.DrawFn, *, factor: int) -> Tensor:
    """Positive taps ``(n,)`` that fit a factor."""
    generator = torch.Generator().manual_seed(draw(SEEDS))
    n = factor + 2 * draw(st.integers(0, 6))
    return torch.rand(n, generator=generator, dtype=torch.float64) + 0.1


def _row(values: Tensor) -> Tensor:
    return values.reshape(1, 1, -1, 1, 1)


@given(videos(), SCALES)
def test_nearest_repeats_frames_rows_and_columns(
    video: Tensor, scale: tuple[int, int, int]
) -> None:
    expected = video
    for axis, factor in enumerate(scale, start=2):
        expected = expected.repeat_interleave(factor, dim=axis)
    assert torch.equal(upsample_nearest(video, scale), expected)


@pytest.mark.parametrize("factor", [2, 3, 41, 64])
def test_nearest_finds_the_frame_whatever_the_factor(factor: int) -> None:
    found = upsample_nearest(_row(torch.arange(9.0)), (factor, 1, 1))
    assert torch.equal(found.flatten(), torch.arange(9.0).repeat_interleave(factor))


@given(videos(), st.sampled_from([(2, 1, 4), (3, 1, 2)]), SEEDS)
def test_the_gradient_of_nearest_sums_over_the_copies(
    video: Tensor, scale: tuple[int, int, int], seed: int
) -> None:
    torch.manual_seed(seed)
    video = video.clone().requires_grad_()
    out = upsample_nearest(video, scale)
    slopes = torch.randn_like(out)
    (found,) = torch.autograd.grad(out, video, slopes)
    blocks = rearrange(
        slopes, "n c (t a) (h b) (w d) -> n c t h w (a b d)",
        **dict(zip("abd", scale, strict=True)),
    )  # fmt: skip
    torch.testing.assert_close(found, blocks.sum(-1))


@given(videos(), SCALES)
def test_linear_equals_torchs_trilinear_interpolation_and_its_gradient(
    video: Tensor, scale: tuple[int, int, int]
) -> None:
    video.requires_grad_()
    ours = upsample_linear(video, scale)
    oracle = F.interpolate(video, scale_factor=scale, mode="trilinear", align_corners=False)
    torch.testing.assert_close(ours, oracle)
    probe = torch.randn_like(ours)
    torch.testing.assert_close(
        torch.autograd.grad((ours * probe).sum(), video),
        torch.autograd.grad((oracle * probe).sum(), video),
    )


@given(st.integers(3, 9), st.integers(2, 5), st.sampled_from([2, 3, 4]))
def test_linear_goes_on_along_a_ramp(size: int, factor: int, axis: int) -> None:
    ramp = torch.arange(size, dtype=torch.float64).reshape(
        [size if a == axis else 1 for a in range(5)]
    )
    scale = tuple(factor if a == axis else 1 for a in (2, 3, 4))
    out = upsample_linear(ramp, scale).flatten()
    expected = (torch.arange(size * factor, dtype=torch.float64) + 0.5) / factor - 0.5
    inside = slice(factor, -factor)
    torch.testing.assert_close(out[inside], expected[inside])


@given(videos(max_side=2), st.data())
def test_upsampling_along_time_equals_its_loop(video: Tensor, data: st.DataObject) -> None:
    factor = data.draw(FACTORS)
    taps = data.draw(filters(factor=factor))
    frames, side = video.shape[2], (len(taps) - factor) // 2
    expected = []
    for j in range(frames * factor):
        total, weight = torch.zeros_like(video[:, :, 0]), 0.0
        for i in range(-20, frames + 20):
            m = j - factor * i + side
            if 0 <= m < len(taps):
                total = total + taps[m] * video[:, :, min(max(i, 0), frames - 1)]
                weight += float(taps[m])
        expected.append(total / weight)
    torch.testing.assert_close(upsample_time(video, taps, factor), torch.stack(expected, dim=2))


@given(videos(max_side=2, max_frames=4), st.data())
def test_downsampling_along_time_equals_its_loop(video: Tensor, data: st.DataObject) -> None:
    factor = data.draw(FACTORS)
    taps = data.draw(filters(factor=factor))
    clip = torch.cat([video.roll(k, dims=3) * (k + 1) for k in range(factor)], dim=2)
    frames, side = clip.shape[2], (len(taps) - factor) // 2
    expected = [
        sum(
            (tap / taps.sum()) * clip[:, :, min(max(factor * i + m - side, 0), frames - 1)]
            for m, tap in enumerate(taps)
        )
        for i in range(frames // factor)
    ]
    torch.testing.assert_close(downsample_time(clip, taps, factor), torch.stack(expected, dim=2))


@given(FACTORS, st.integers(0, 4), SEEDS)
def test_away_from_the_ends_the_two_are_transposes(factor: int, reach: int, seed: int) -> None:
    torch.manual_seed(seed)
    # A mean over a frame's outputs has phases of equal weight, whatever it is filtered with.
    some = torch.rand(1, 1, 2 * reach + 1).double()
    taps = F.conv1d(torch.ones(1, 1, factor).double(), some.flip(2), padding=2 * reach).flatten()
    x, y = torch.zeros(30).double(), torch.zeros(30 * factor).double()
    x[8:22].normal_()
    y[8 * factor : 22 * factor].normal_()
    up, down = upsample_time(_row(x), taps, factor), downsample_time(_row(y), taps, factor)
    torch.testing.assert_close(up.flatten() @ y, factor * (x @ down.flatten()))


@given(videos(), FACTORS)
def test_known_filters_give_known_resamplers(video: Tensor, factor: int) -> None:
    nearest = upsample_time(video, torch.ones(factor).double(), factor)
    torch.testing.assert_close(nearest, upsample_nearest(video, (factor, 1, 1)))
    linear = upsample_time(video, torch.tensor([1.0, 3, 3, 1]).double(), 2)
    torch.testing.assert_close(linear, upsample_linear(video, (2, 1, 1)))
    mean = downsample_time(nearest, torch.ones(factor).double(), factor)
    torch.testing.assert_close(mean, video)


@given(FACTORS, st.integers(1, 9))
def test_kaiser_taps_are_a_symmetric_low_pass_of_the_promised_length(
    factor: int, num_taps: int
) -> None:
    taps = kaiser_taps(factor, num_taps)
    shorter = factor % 2 == 1 and num_taps % 2 == 0
    assert len(taps) == factor * num_taps - shorter
    torch.testing.assert_close(taps, taps.flip(0))
    assert taps.sum().item() == pytest.approx(1)


@pytest.mark.parametrize(("num_taps", "transition"), [(6, 0.414), (12, 0.414), (12, 0.25), (4, 1)])
@pytest.mark.parametrize("factor", [2, 4])
def test_the_kaiser_filter_passes_and_stops_what_its_rule_promises(
    factor: int, num_taps: int, transition: float
) -> None:
    taps = kaiser_taps(factor, num_taps, transition=transition)
    promised = 2.285 * (len(taps) - 1) * 2 * math.pi * transition / factor + 7.95
    cutoff = 0.5 / factor
    frequencies = torch.linspace(0, 0.5, 2001, dtype=torch.float64)
    places = torch.arange(len(taps)) - (len(taps) - 1) / 2
    response = (taps * torch.cos(2 * torch.pi * frequencies[:, None] * places)).sum(dim=1).abs()
    stopped = response[frequencies >= cutoff * (1 + transition)]
    passed = response[frequencies <= cutoff * (1 - transition)]
    ripple = 2 * 10 ** (-promised / 20)  # the rule is one of thumb
    assert stopped.numel()
    assert stopped.max() < ripple
    assert (passed - 1).abs().max() < ripple


@pytest.mark.parametrize(
    ("settings", "published"),
    [
        # scipy.signal.firwin(12, cutoff=2, width=4 * (2**0.5 - 1), fs=8)
        ({}, (0.44370529, 0.13409329, -0.06558016, -0.03361238, 0.01573456, 0.0056594)),
        # scipy.signal.firwin(12, cutoff=1, width=6, fs=8), LongVideoGAN's
        (
            {"cutoff": 0.5, "transition": 3.0},
            (0.29984724, 0.15848844, 0.03919804, 0.0026559, -0.00018817, -0.00000144),
        ),
    ],
    ids=["stylegan3", "longvideogan"],
)
def test_kaiser_taps_are_those_of_the_sources(
    settings: dict[str, float], published: tuple[float, ...]
) -> None:
    taps = kaiser_taps(2, 6, **settings)
    torch.testing.assert_close(taps[6:], torch.tensor(published).double(), rtol=0, atol=1e-7)


@given(st.sampled_from([2, 3, 4]), st.integers(1, 5), st.floats(0, 6))
def test_kaiser_follows_a_slow_sine_that_nearest_does_not(
    factor: int, cycles: int, phase: float
) -> None:
    frames = 32

    def sine(time: Tensor) -> Tensor:
        return torch.sin(2 * torch.pi * cycles * time / frames + phase)

    clip = _row(sine(torch.arange(frames, dtype=torch.float64)))
    between = (torch.arange(frames * factor, dtype=torch.float64) + 0.5) / factor - 0.5
    inside = slice(4 * factor, -4 * factor)

    def error(out: Tensor) -> float:
        return float((out.flatten() - sine(between))[inside].abs().max())

    assert error(upsample_time(clip, kaiser_taps(factor, 8), factor)) < 0.005
    assert error(upsample_nearest(clip, (factor, 1, 1))) > 0.04 * cycles


def test_kaiser_takes_out_what_subsampling_would_turn_into_something_slow() -> None:
    flicker = _row(torch.tensor([1.0, -1.0] * 16).double())
    assert (flicker[:, :, ::2] == 1).all()
    inside = downsample_time(flicker, kaiser_taps(2, 6), 2).flatten()[3:-3]
    assert inside.abs().max() < 1e-12


@given(videos(), st.data(), MODES)
def test_blur_pool_equals_a_padded_depthwise_convolution_that_is_subsampled(
    video: Tensor, data: st.DataObject, mode: str
) -> None:
    stride = data.draw(st.tuples(*[st.integers(1, 3)] * 3))
    taps = data.draw(filters(factor=data.draw(st.integers(1, 2))))[:7]
    n, c = len(taps), video.shape[1]
    if mode == "reflect" and min(video.shape[2:]) <= n // 2:
        mode = "replicate"
    kernel = torch.ones(1, 1, 1, dtype=torch.float64)
    pad: list[int] = []
    for axis, step in enumerate(stride):
        line = taps / taps.sum() if step > 1 else torch.ones(1).double()
        kernel = kernel * line.reshape([-1 if a == axis else 1 for a in range(3)])
        pad = [(len(line) - 1) // 2, len(line) // 2, *pad]
    weight = kernel.expand(c, 1, *kernel.shape)
    dense = F.conv3d(F.pad(video, pad, mode=mode), weight, groups=c)
    t, h, w = stride
    torch.testing.assert_close(
        blur_pool(video, taps, stride=stride, padding_mode=mode), dense[:, :, ::t, ::h, ::w]
    )


RESAMPLERS: dict[str, Callable[[Tensor], Tensor]] = {
    "nearest": lambda video: upsample_nearest(video, (2, 3, 1)),
    "linear": lambda video: upsample_linear(video, (3, 2, 2)),
    "kaiser_2": lambda video: upsample_time(video, kaiser_taps(2, 6), 2),
    "kaiser_3": lambda video: upsample_time(video, kaiser_taps(3, 4), 3),
    "kaiser_down": lambda video: downsample_time(video, kaiser_taps(1, 5), 1),
    "blur": lambda video: blur_pool(video, torch.tensor([1.0, 3, 3, 1]).double(), stride=(2, 2, 3)),
}


@pytest.mark.parametrize("resample", RESAMPLERS.values(), ids=RESAMPLERS)
@given(video=videos())
def test_constants_stay_constant_up_to_the_borders(
    resample: Callable[[Tensor], Tensor], video: Tensor
) -> None:
    constant = video[:, :, :1, :1, :1].expand_as(video)
    out = resample(constant)
    torch.testing.assert_close(out, constant[:, :, :1, :1, :1].expand_as(out))


@pytest.mark.parametrize("along_time", [
    lambda video: upsample_linear(video, (2, 1, 1)),
    lambda video: upsample_time(video, kaiser_taps(2), 2),
    lambda video: blur_pool(video, torch.ones(3), stride=(2, 1, 1)),
], ids=["linear", "kaiser", "blur"])  # fmt: skip
@given(video=videos(min_side=2))
def test_resampling_along_time_commutes_with_pixel_permutations(
    along_time: Callable[[Tensor], Tensor], video: Tensor
) -> None:
    order = torch.randperm(video.shape[3] * video.shape[4])

    def shuffled(clip: Tensor) -> Tensor:
        return clip.flatten(3)[..., order].unflatten(3, clip.shape[3:])

    torch.testing.assert_close(along_time(shuffled(video)), shuffled(along_time(video)))


@pytest.mark.parametrize("over_space", [
    lambda video: upsample_linear(video, (1, 2, 3)),
    lambda video: blur_pool(video, torch.ones(3), stride=(1, 3, 2)),
], ids=["linear", "blur"])  # fmt: skip
@given(video=videos(min_frames=2))
def test_resampling_over_space_commutes_with_frame_permutations(
    over_space: Callable[[Tensor], Tensor], video: Tensor
) -> None:
    order = torch.randperm(video.shape[2])
    torch.testing.assert_close(over_space(video[:, :, order]), over_space(video)[:, :, order])


@pytest.mark.parametrize("resample", RESAMPLERS.values(), ids=RESAMPLERS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_the_type_of_the_clip_is_kept(
    resample: Callable[[Tensor], Tensor], dtype: torch.dtype
) -> None:
    video = torch.rand(1, 2, 4, 5, 6).double()
    out = resample(video.to(dtype))
    assert out.dtype is dtype
    torch.testing.assert_close(out.double(), resample(video), rtol=0.05, atol=0.05)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda v: upsample_nearest(v, 0), ValueError, "scale must be .* each at least 1, got 0"),
        (lambda v: upsample_linear(v[0], 2), ShapeError, r"\(N, C, T, H, W\), got \(2, 3, 4, 5\)"),
        (
            lambda v: upsample_time(v, torch.ones(3), 2),
            ShapeError,
            r"by an even number, got \(3,\)",
        ),
        (
            lambda v: upsample_time(v, torch.ones(1), 3),
            ShapeError,
            r"as factor 3 or larger .*\(1,\)",
        ),
        (lambda v: upsample_time(v, torch.ones(2, 2), 2), ShapeError, r"taps must be \(n,\)"),
        (lambda v: downsample_time(v, torch.ones(2), 2), ShapeError, "multiple of factor 2, got 3"),
        (
            lambda v: blur_pool(v, torch.ones(6), padding_mode="reflect"),
            ShapeError,
            r"at least 4 where it is mirrored .* got \(3, 4, 5\); use padding_mode='replicate'",
        ),
        (lambda v: kaiser_taps(0), ValueError, "factor must be at least 1, got 0"),
        (lambda v: kaiser_taps(2, 0), ValueError, "num_taps must be at least 1, got 0"),
        (lambda v: kaiser_taps(2, transition=0), ValueError, "transition must be above 0, got 0"),
    ],
    ids=itertools.count(),
)
def test_what_cannot_be_resampled_is_refused(
    call: Callable[[Tensor], Tensor], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call(torch.zeros(1, 2, 3, 4, 5))

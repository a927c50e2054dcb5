"""Reconstruction losses against torch, kornia, torchmetrics and loops."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from stgan.errors import ShapeError
from stgan.functional import (
    charbonnier_loss,
    first_frame_loss,
    focal_frequency_loss,
    fold_time,
    frame_difference_loss,
    gradient_loss,
    l1_loss,
    l2_loss,
    perceptual_loss,
    ssim_2d_loss,
    ssim_3d_loss,
)
from stgan.metrics import frame_scores
from tests.strategies import SEEDS, videos


def _perceptual(*, fake: Tensor, real: Tensor, reduction: str = "mean") -> Tensor:
    return perceptual_loss(fake=fake, real=real, features=nn.Identity(), reduction=reduction)  # type: ignore[arg-type]


def _small_ssim(*, fake: Tensor, real: Tensor, reduction: str = "mean") -> Tensor:
    return ssim_3d_loss(fake=fake, real=real, window_size=3, reduction=reduction)  # type: ignore[arg-type]


LOSSES: dict[str, Callable[..., Tensor]] = {
    "l1": l1_loss,
    "l2": l2_loss,
    "charbonnier": charbonnier_loss,
    "first_frame": first_frame_loss,
    "frame_difference": frame_difference_loss,
    "gradient": gradient_loss,
    "ssim_2d": lambda **inputs: ssim_2d_loss(window_size=3, **inputs),
    "ssim_3d": _small_ssim,
    "focal_frequency": focal_frequency_loss,
    "perceptual": _perceptual,
}
CLIPS = videos(channels=3, min_frames=2, min_side=2)


def _other(video: Tensor, seed: int) -> Tensor:
    # Normal, so that no seed gives the clip itself, which is uniform.
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(video.shape, generator=generator, dtype=video.dtype).tanh()


@pytest.mark.parametrize("name", LOSSES)
@given(real=CLIPS, seed=SEEDS)
def test_equal_clips_cost_nothing_and_others_something(name: str, real: Tensor, seed: int) -> None:
    loss = LOSSES[name]
    assert loss(fake=real.clone(), real=real) == 0
    assert loss(fake=_other(real, seed), real=real) > 0


@pytest.mark.parametrize("name", LOSSES)
@given(real=CLIPS, seed=SEEDS)
def test_every_clip_has_its_own_value_and_reductions_agree(
    name: str, real: Tensor, seed: int
) -> None:
    loss, fake = LOSSES[name], _other(real, seed)
    apart = loss(fake=fake, real=real, reduction="none")
    assert apart.shape == real.shape[:1]
    alone = [loss(fake=f[None], real=r[None]) for f, r in zip(fake, real, strict=True)]
    torch.testing.assert_close(apart, torch.stack(alone))
    torch.testing.assert_close(loss(fake=fake, real=real), apart.mean())
    torch.testing.assert_close(loss(fake=fake, real=real, reduction="sum"), apart.sum())


@pytest.mark.parametrize("name", LOSSES)
@given(real=CLIPS, seed=SEEDS)
def test_it_is_a_distance_and_knows_no_sides(name: str, real: Tensor, seed: int) -> None:
    fake = _other(real, seed)
    torch.testing.assert_close(
        LOSSES[name](fake=fake, real=real), LOSSES[name](fake=real, real=fake)
    )


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_raised_first(name: str, dtype: torch.dtype) -> None:
    fake, real = (torch.rand(2, 3, 3, 5, 4).mul(2).sub(1).to(dtype) for _ in range(2))
    fake.requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = LOSSES[name](fake=fake, real=real)
    assert value.dtype is torch.float32
    exact = LOSSES[name](fake=fake.detach().double(), real=real.double())
    torch.testing.assert_close(value.double(), exact, rtol=1e-4, atol=1e-5)
    (slope,) = torch.autograd.grad(value, fake)
    assert torch.isfinite(slope).all()


@pytest.mark.parametrize("name", LOSSES)
def test_other_shapes_are_refused_by_name(name: str) -> None:
    video = torch.zeros(2, 3, 4, 5, 6)
    with pytest.raises(ShapeError, match=r"one shape, got \(2, 3, 4, 5, 6\) and \(1, 3, 4, 5, 6\)"):
        LOSSES[name](fake=video, real=video[:1])
    with pytest.raises(ShapeError, match=r"fake must be laid out as \(N, C, T, H, W\), got \(2, 3"):
        LOSSES[name](fake=video[:, :, 0], real=video)


@pytest.mark.parametrize("name", LOSSES)
def test_the_generated_clip_comes_first_as_in_torch(name: str) -> None:
    fake, real = torch.rand(2, 2, 3, 5, 12, 12)
    named = LOSSES[name](fake=fake, real=real)
    asked: dict[str, tuple[Callable[..., Tensor], dict[str, Any]]] = {
        "ssim_2d": (ssim_2d_loss, {"window_size": 3}),
        "ssim_3d": (ssim_3d_loss, {"window_size": 3}),
        "perceptual": (perceptual_loss, {"features": nn.Identity()}),
    }
    call, settings = asked.get(name, (LOSSES[name], {}))
    assert torch.equal(call(fake, real, **settings), named)


@given(real=videos(), seed=SEEDS)
def test_l1_and_l2_are_torchs_to_the_last_bit(real: Tensor, seed: int) -> None:
    for mine, theirs in ((l1_loss, F.l1_loss), (l2_loss, F.mse_loss)):
        for dtype in (torch.float32, torch.float64):
            fake, target = _other(real, seed).to(dtype).requires_grad_(), real.to(dtype)
            value, expected = mine(fake=fake, real=target), theirs(fake, target)
            assert torch.equal(value, expected)
            (slope,) = torch.autograd.grad(value, fake)
            (expected_slope,) = torch.autograd.grad(expected, fake)
            torch.testing.assert_close(slope, expected_slope, rtol=1e-6, atol=0)
            if mine is l1_loss:  # what the recipe trains with
                assert torch.equal(slope, expected_slope)


@given(real=videos(), seed=SEEDS, eps=st.floats(1e-3, 2))
def test_charbonnier_is_kornias_at_another_scale(real: Tensor, seed: int, eps: float) -> None:
    from kornia.losses import charbonnier_loss as theirs

    fake = _other(real, seed)
    expected = eps * theirs(fake / eps, real / eps, reduction="mean")
    torch.testing.assert_close(charbonnier_loss(fake=fake, real=real, eps=eps), expected)


@given(real=videos(min_frames=2), seed=SEEDS)
def test_only_first_frames_count_for_the_first_frame(real: Tensor, seed: int) -> None:
    fake = _other(real, seed).requires_grad_()
    value = first_frame_loss(fake=fake, real=real)
    torch.testing.assert_close(value, F.l1_loss(fake[:, :, 0], real[:, :, 0]))
    assert torch.equal(value, first_frame_loss(fake=fake, real=real[:, :, 0]))
    (slope,) = torch.autograd.grad(value, fake)
    assert slope[:, :, 0].ne(0).all()
    assert slope[:, :, 1:].eq(0).all()


@given(real=videos(min_frames=2), seed=SEEDS)
def test_differences_of_frames_against_a_loop_and_a_constant_error(real: Tensor, seed: int) -> None:
    fake = _other(real, seed)
    steps = [
        ((fake[:, :, t] - fake[:, :, t - 1]) - (real[:, :, t] - real[:, :, t - 1])).abs()
        for t in range(1, real.shape[2])
    ]
    value = frame_difference_loss(fake=fake, real=real)
    torch.testing.assert_close(value, torch.stack(steps).mean())
    shifted = frame_difference_loss(fake=fake + real[:, :, :1], real=real)
    torch.testing.assert_close(shifted, value)


@given(
    real=videos(min_side=2, max_side=4, max_frames=2),
    seed=SEEDS,
    alpha=st.sampled_from([1, 2, 1.5]),
)
def test_gradient_differences_against_a_loop(real: Tensor, seed: int, alpha: float) -> None:
    fake = _other(real, seed)
    x, y = real.numpy(), fake.numpy()
    rows, columns = [], []
    for n, c, t, i, j in np.ndindex(*x.shape):
        if i:
            edge = [abs(v[n, c, t, i, j] - v[n, c, t, i - 1, j]) for v in (x, y)]
            rows.append(abs(edge[0] - edge[1]) ** alpha)
        if j:
            edge = [abs(v[n, c, t, i, j] - v[n, c, t, i, j - 1]) for v in (x, y)]
            columns.append(abs(edge[0] - edge[1]) ** alpha)
    expected = sum(rows) / len(rows) + sum(columns) / len(columns)
    value = gradient_loss(fake=fake, real=real, alpha=alpha).item()
    assert value == pytest.approx(expected, rel=1e-9)


@given(real=videos(min_side=2), brightness=st.floats(-1, 1))
def test_another_brightness_and_a_mirrored_edge_cost_no_gradient(
    real: Tensor, brightness: float
) -> None:
    value = gradient_loss(fake=brightness - real, real=real)
    torch.testing.assert_close(value, torch.zeros_like(value))


@settings(max_examples=15)
@given(real=videos(min_side=6, max_side=9, max_frames=3), seed=SEEDS)
def test_ssim_of_frames_is_that_of_the_metric_and_of_kornia(real: Tensor, seed: int) -> None:
    from kornia.metrics import ssim

    fake = 0.7 * real + 0.3 * _other(real, seed)
    mine = ssim_2d_loss(fake=fake, real=real, reduction="none")
    maps = ssim(fold_time(fake) / 2 + 0.5, fold_time(real) / 2 + 0.5, 11, eps=0.0)
    expected = 1 - maps.unflatten(0, (real.shape[0], -1)).flatten(1).mean(dim=1)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(mine, expected, rtol=1e-6, atol=1e-9)
    padded = [F.interpolate(fold_time(v), size=(12, 11)) for v in (fake, real)]
    wide = [v.unflatten(0, (real.shape[0], -1)).transpose(1, 2) for v in padded]  # type: ignore[no-untyped-call]
    score = frame_scores(*wide, skip_first=False)["ssim"]
    mine = ssim_2d_loss(fake=wide[0], real=wide[1], reduction="none")
    torch.testing.assert_close(mine, 1 - score, rtol=1e-5, atol=1e-7)


@settings(max_examples=15)
@given(real=videos(min_frames=3, min_side=3), seed=SEEDS)
def test_ssim_of_volumes_is_kornias_and_without_time_that_of_frames(
    real: Tensor, seed: int
) -> None:
    from kornia.metrics import ssim3d

    fake = 0.7 * real + 0.3 * _other(real, seed)
    expected = 1 - ssim3d(fake / 2 + 0.5, real / 2 + 0.5, 5, eps=0.0).mean()
    mine = ssim_3d_loss(fake=fake, real=real, window_size=5)
    torch.testing.assert_close(mine, expected, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(
        ssim_3d_loss(fake=fake, real=real, window_size=(1, 3, 3)),
        ssim_2d_loss(fake=fake, real=real, window_size=3),
    )


@pytest.mark.parametrize(
    ("loss", "window", "video", "message"),
    [
        (ssim_2d_loss, 11, (1, 3, 1, 6, 5), r"at least \(T, H, W\) = \(1, 6, 6\) for this loss"),
        (ssim_3d_loss, (3, 3, 3), (1, 3, 1, 6, 5), r"at least \(T, H, W\) = \(2, 2, 2\)"),
        (ssim_2d_loss, 4, (1, 3, 1, 6, 5), "window_size must be odd"),
        (ssim_3d_loss, (2, 3, 3), (1, 3, 1, 6, 5), "window_size must be odd, got"),
    ],
    ids=["small frame", "single frame", "even", "even in time"],
)
def test_windows_must_fit(
    loss: Callable[..., Tensor], window: object, video: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        loss(fake=torch.zeros(video), real=torch.zeros(video), window_size=window)


@settings(max_examples=15)
@given(
    real=videos(max_side=4, max_frames=2, max_batch=2),
    seed=SEEDS,
    alpha=st.sampled_from([0.5, 1.0, 2.0]),
)
def test_focal_frequencies_against_sums_of_waves(real: Tensor, seed: int, alpha: float) -> None:
    fake = _other(real, seed)
    apart = (fake - real).numpy()
    height, width = apart.shape[-2:]
    rows, columns = np.mgrid[:height, :width]
    values = []
    for n, c, t in np.ndindex(*apart.shape[:3]):
        distance = np.zeros((height, width))
        for u, v in np.ndindex(height, width):
            wave = np.exp(-2j * math.pi * (u * rows / height + v * columns / width))
            distance[u, v] = abs((apart[n, c, t] * wave).sum()) / math.sqrt(height * width)
        weights = distance**alpha / (distance**alpha).max()
        values.append((weights * distance**2).mean())
    value = focal_frequency_loss(fake=fake, real=real, alpha=alpha).item()
    assert value == pytest.approx(float(np.mean(values)), rel=1e-8)


@given(real=videos(), seed=SEEDS)
def test_without_focus_frequencies_weigh_as_pixels_and_weights_carry_no_gradient(
    real: Tensor, seed: int
) -> None:
    fake = _other(real, seed).requires_grad_()
    plain, l2 = focal_frequency_loss(fake=fake, real=real, alpha=0), l2_loss(fake=fake, real=real)
    torch.testing.assert_close(plain, l2)
    (slope,) = torch.autograd.grad(focal_frequency_loss(fake=fake, real=real), fake)
    spectrum = torch.fft.fft2(fake.detach() - real, norm="ortho")
    weights = spectrum.abs() / spectrum.abs().amax(dim=(-2, -1), keepdim=True)
    expected = 2 * torch.fft.ifft2(weights * spectrum, norm="ortho").real / real.numel()
    torch.testing.assert_close(slope, expected)


@given(real=videos(channels=3, min_side=4), seed=SEEDS, weights=st.tuples(*[st.floats(0, 3)] * 2))
def test_perceptual_adds_weighted_distances_of_features(
    real: Tensor, seed: int, weights: tuple[float, float]
) -> None:
    fake, seen = _other(real, seed), []

    def features(images: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(images)
        return images, F.avg_pool2d(images, 2)

    value = perceptual_loss(fake=fake, real=real, features=features, layer_weights=weights)
    f, r = features(fold_time(fake)), features(fold_time(real))
    expected = sum(w * F.mse_loss(a, b) for w, a, b in zip(weights, f, r, strict=True))
    torch.testing.assert_close(value, torch.as_tensor(expected, dtype=value.dtype))
    assert torch.equal(seen[0], fold_time(fake))
    with pytest.raises(ValueError, match="one weight for each of 2 features, got 1"):
        perceptual_loss(fake=fake, real=real, features=features, layer_weights=[1.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: charbonnier_loss(fake=v, real=v, eps=0), "eps must be positive, got 0; for eps"),
        (lambda v: gradient_loss(fake=v, real=v, alpha=0.5), "alpha must be at least 1, got 0.5"),
        (lambda v: gradient_loss(fake=v[..., :1], real=v[..., :1]), r"\(T, H, W\) = \(1, 2, 2\)"),
        (lambda v: frame_difference_loss(fake=v[:, :, :1], real=v[:, :, :1]), r"= \(2, 1, 1\) fo"),
        (lambda v: focal_frequency_loss(fake=v, real=v, alpha=-1), "alpha must not be negative"),
        (lambda v: first_frame_loss(fake=v, real=v[:1, :, 0]), r"image \(N=2, C=3, H=5, W=6\) or"),
        (lambda v: _perceptual(fake=v[:, :2], real=v[:, :2]), r"\(N, C=3, T, H, W\), got \(2, 2"),
    ],
    ids=["eps", "alpha", "narrow", "one frame", "negative alpha", "another image", "channels"],
)
def test_what_makes_no_sense_is_refused(call: Callable[[Tensor], Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(torch.zeros(2, 3, 4, 5, 6))


@pytest.mark.parametrize(
    ("returned", "error", "message"),
    [
        (lambda images: {"conv": images}, TypeError, "a sequence of them, got dict"),
        (lambda images: (images, None), TypeError, "what features returns must be a tensor, got N"),
        (lambda images: images.long(), TypeError, "what features returns must be of a float type"),
        (lambda images: images[1:], ShapeError, r"must return 6 rows, .* got \(5, 3, 4, 4\)"),
        (lambda images: images.mean(), ShapeError, r"must return 6 rows, .* got \(\)"),
    ],
)
def test_features_that_are_none_of_every_frame_are_refused(
    returned: Any, error: type[Exception], message: str
) -> None:
    video = torch.zeros(2, 3, 3, 4, 4)
    with pytest.raises(error, match=message):
        perceptual_loss(fake=video, real=video, features=returned)

"""Changes to clips, against loops over pixels, matrices of colors, and kornia."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stgan.errors import ShapeError
from stgan.functional import (
    adjust_luma_chroma,
    compose_affine,
    cut_out,
    flip_clips,
    jitter_color,
    translate_clips,
    warp_affine,
)
from tests.strategies import SEEDS, videos

CLIPS = videos(max_frames=3, max_side=5)
COLORED = videos(channels=3, max_frames=3, max_side=4)


def _random(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator, dtype=torch.float64) * 2 - 1


def _numbers(seed: int, batch: int, *names: str) -> dict[str, Tensor]:
    return dict(zip(names, _random(seed, len(names), batch), strict=True))


def _integers(seed: int, low: int, high: int, *shape: int) -> Tensor:
    return torch.randint(low, high, shape, generator=torch.Generator().manual_seed(seed))


@given(CLIPS, SEEDS)
def test_flips_mirror_the_chosen_clips_and_twice_is_nothing(video: Tensor, seed: int) -> None:
    flipped = _integers(seed, 0, 2, video.shape[0]).bool()
    for axis in (2, 4):
        out = flip_clips(video, flipped, axis=axis)
        for clip, one, flip in zip(video, out, flipped, strict=True):
            assert torch.equal(one, clip.flip(axis - 1) if flip else clip)
        assert torch.equal(flip_clips(out, flipped, axis=axis), video)


@given(CLIPS, SEEDS)
def test_translation_is_a_loop_over_pixels(video: Tensor, seed: int) -> None:
    n, _, _, h, w = video.shape
    shift = _integers(seed, -3, 4, n, 2)
    out = translate_clips(video, shift)
    for clip in range(n):
        down, right = shift[clip].tolist()
        for row in range(h):
            for column in range(w):
                i, j = row - down, column - right
                inside = 0 <= i < h and 0 <= j < w
                wanted = (
                    video[clip, :, :, i, j] if inside else torch.zeros_like(out[clip, :, :, 0, 0])
                )
                assert torch.equal(out[clip, :, :, row, column], wanted)


@given(CLIPS, SEEDS, st.integers(0, 5), st.integers(0, 5))
def test_a_cutout_is_a_loop_over_pixels(video: Tensor, seed: int, high: int, wide: int) -> None:
    # As published: the places of the hole, clamped to the frame, are set to zero.
    n, _, _, h, w = video.shape
    center = torch.stack((_integers(seed, 0, h, n), _integers(seed + 1, 0, w, n)), dim=1)
    wanted = video.clone()
    for clip in range(n):
        row, column = center[clip].tolist()
        for i in range(high):
            for j in range(wide):
                y = min(max(row - high // 2 + i, 0), h - 1)
                x = min(max(column - wide // 2 + j, 0), w - 1)
                wanted[clip, :, :, y, x] = 0
    assert torch.equal(cut_out(video, center, (high, wide)), wanted)


@given(videos(max_frames=2, max_side=4), SEEDS)
def test_color_jitter_is_a_loop_over_frames(video: Tensor, seed: int) -> None:
    names = ("brightness", "saturation", "contrast")
    numbers = _numbers(seed, video.shape[0], *names)
    out = jitter_color(video, **numbers)
    for n in range(video.shape[0]):
        b, s, c = (numbers[name][n] for name in names)
        for t in range(video.shape[2]):
            frame = video[n, :, t] + b
            frame = (frame - frame.mean(0)) * s + frame.mean(0)
            frame = (frame - frame.mean()) * c + frame.mean()
            torch.testing.assert_close(out[n, :, t], frame)


@given(COLORED, SEEDS)
def test_luma_and_chroma_are_the_matrices_of_the_paper(video: Tensor, seed: int) -> None:
    names = ("brightness", "contrast", "luma_sign", "hue", "saturation")
    numbers = _numbers(seed, video.shape[0], *names)
    numbers["luma_sign"] = numbers["luma_sign"].sign()
    numbers["hue"] = numbers["hue"] * math.pi
    out = adjust_luma_chroma(video, **numbers)
    axis = torch.full((3,), 1 / math.sqrt(3), dtype=torch.float64)
    eye, gray = torch.eye(3, dtype=torch.float64), torch.outer(axis, axis)
    cross = torch.tensor([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    for n in range(video.shape[0]):
        b, c, f, angle, s = (numbers[name][n] for name in names)
        colors = video[n].flatten(1) + b
        colors = (eye * c) @ colors
        colors = (eye - 2 * gray * (f < 0)) @ colors
        colors = (eye * angle.cos() + cross * angle.sin() + gray * (1 - angle.cos())) @ colors
        colors = (gray + (eye - gray) * s) @ colors
        torch.testing.assert_close(out[n].flatten(1), colors)
    gray_clip = video.mean(1, keepdim=True)
    torch.testing.assert_close(
        adjust_luma_chroma(gray_clip, **numbers),
        adjust_luma_chroma(gray_clip.expand_as(video), **numbers)[:, :1],
    )


@given(videos(min_side=2, max_frames=3), SEEDS)
def test_a_warp_is_that_of_kornia_frame_by_frame(video: Tensor, seed: int) -> None:
    from kornia.geometry.transform import warp_affine as kornia_warp

    n, _, t, h, w = video.shape
    # Not too far from the identity, so that it can be inverted.
    matrix = _random(seed, n, 2, 3) * torch.tensor([0.3, 0.3, 2.0]) + torch.eye(3)[:2]
    center = torch.tensor([(w - 1) / 2, (h - 1) / 2], dtype=torch.float64)
    inverse = torch.linalg.inv(matrix[:, :, :2])
    # kornia wants the map from the input to the output, in pixels from the corner.
    moved = center - (inverse @ (matrix[:, :, 2] + center)[:, :, None])[:, :, 0]
    forward = torch.cat((inverse, moved[:, :, None]), dim=2)
    out = warp_affine(video, matrix)
    for frame in range(t):
        wanted = kornia_warp(
            video[:, :, frame], forward, (h, w), padding_mode="reflection", align_corners=False
        )
        torch.testing.assert_close(out[:, :, frame], wanted)


@given(CLIPS)
def test_whole_pixels_and_quarters_are_read_as_they_are(video: Tensor) -> None:
    n, _, _, h, w = video.shape

    def warp(rows: list[list[float]]) -> Tensor:
        return warp_affine(video, torch.tensor(rows, dtype=torch.float64).expand(n, 2, 3))

    torch.testing.assert_close(warp([[1, 0, 0], [0, 1, 0]]), video)
    torch.testing.assert_close(warp([[-1, 0, 0], [0, 1, 0]]), video.flip(4))
    torch.testing.assert_close(warp([[1, 0, 0], [0, -1, 0]]), video.flip(3))
    # A pixel further, the border is its own mirror image.
    torch.testing.assert_close(
        warp([[1, 0, 1], [0, 1, 0]]), torch.cat((video[..., 1:], video[..., -1:]), dim=4)
    )
    if h == w:
        torch.testing.assert_close(warp([[0, 1, 0], [-1, 0, 0]]), torch.rot90(video, -1, (3, 4)))


@given(SEEDS, st.integers(1, 3))
def test_composed_maps_are_products_of_matrices(seed: int, batch: int) -> None:
    outer, inner = _random(seed, 2, batch, 2, 3)
    last = torch.tensor([[[0.0, 0, 1]]], dtype=torch.float64).expand(batch, 1, 3)
    wanted = torch.cat((outer, last), 1) @ torch.cat((inner, last), 1)
    torch.testing.assert_close(compose_affine(outer, inner), wanted[:, :2])


def test_maps_keep_their_precision_under_autocast() -> None:
    outer, inner = _random(0, 2, 3, 2, 3).float()
    video, wanted = torch.rand(3, 2, 2, 5, 6), compose_affine(outer, inner)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(compose_affine(outer, inner), wanted)
        torch.testing.assert_close(warp_affine(video, wanted), _warped(video, wanted))


def _warped(video: Tensor, matrix: Tensor) -> Tensor:
    with torch.autocast("cpu", enabled=False):
        return warp_affine(video, matrix)


@given(SEEDS)
def test_derivatives_of_the_numbers_and_of_the_clip_are_right_twice(seed: int) -> None:
    video = _random(seed, 2, 3, 2, 3, 2).requires_grad_()
    names = ("brightness", "contrast", "luma_sign", "hue", "saturation")
    colors = [number.requires_grad_() for number in _random(seed, 5, 2)]
    numbers = [number.requires_grad_() for number in _random(seed, 3, 2)]

    def color(clip: Tensor, *given: Tensor) -> Tensor:
        return adjust_luma_chroma(clip, **dict(zip(names, given, strict=True)))

    def jitter(clip: Tensor, b: Tensor, s: Tensor, c: Tensor) -> Tensor:
        return jitter_color(clip, brightness=b, saturation=s, contrast=c)

    assert torch.autograd.gradcheck(color, (video, *colors), fast_mode=True)
    assert torch.autograd.gradcheck(jitter, (video, *numbers), fast_mode=True)
    # The penalty of a critic on a clip before its augmentation is a second derivative.
    matrix = _random(seed, 2, 2, 3)
    assert torch.autograd.gradgradcheck(
        lambda clip: warp_affine(clip, matrix).square(), video, fast_mode=True
    )


ONE, CLIP = torch.ones(2), torch.zeros(2, 2, 3, 4, 5)
COLORS = dict.fromkeys(("brightness", "contrast", "luma_sign", "hue", "saturation"), ONE)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: flip_clips(CLIP, ONE[:1].bool(), axis=2), r"flipped must be .*N=2.*got \(1,\)"),
        (
            lambda: jitter_color(CLIP, brightness=ONE, saturation=ONE, contrast=CLIP),
            r"contrast must be laid out as \(N=2\)",
        ),
        (lambda: translate_clips(CLIP, ONE), r"shift must be .*\(N=2, C=2\), got \(2,\)"),
        (lambda: cut_out(CLIP, ONE, (1, 1)), r"center must be .*\(N=2, C=2\), got \(2,\)"),
        (lambda: adjust_luma_chroma(CLIP, **COLORS), "3 channels, or 1 if it is gray"),
        (lambda: warp_affine(CLIP, torch.zeros(3, 2, 3)), r"matrix must be .*N=2.*got \(3, 2, 3\)"),
        (lambda: warp_affine(CLIP[0], torch.zeros(2, 2, 3)), "video must be laid out as"),
        (lambda: compose_affine(torch.zeros(2, 3, 3), ONE), r"outer must be .*got \(2, 3, 3\)"),
    ],
    ids=["flip", "jitter", "shift", "center", "colors", "matrix", "video", "map"],
)
def test_refusals_name_the_layout(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(ShapeError, match=message):
        call()

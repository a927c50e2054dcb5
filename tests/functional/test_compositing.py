"""Compositing against loops over pixels; warping against shifts."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stgan.errors import ShapeError
from stgan.functional import composite_flow, composite_mask, warp_affine, warp_image
from tests.strategies import SEEDS, videos

CLIPS = videos(max_frames=3, max_side=5)


def _unit(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator, dtype=torch.float64)


def _mask(video: Tensor, seed: int) -> Tensor:
    return _unit(seed, video.shape[0], 1, *video.shape[2:])


def _flow(video: Tensor, seed: int, size: float = 3) -> Tensor:
    return (_unit(seed, video.shape[0], 2, *video.shape[2:]) * 2 - 1) * size


@given(CLIPS, SEEDS)
def test_a_mask_mixes_every_pixel_of_every_frame(video: Tensor, seed: int) -> None:
    mask, background = _mask(video, seed), video.mean(dim=2)
    out = composite_mask(video, mask, background)
    for t in range(video.shape[2]):
        for i in range(video.shape[3]):
            for j in range(video.shape[4]):
                m = mask[:, :, t, i, j]
                expected = m * video[:, :, t, i, j] + (1 - m) * background[:, :, i, j]
                torch.testing.assert_close(out[:, :, t, i, j], expected)


@given(CLIPS, SEEDS)
def test_a_mask_of_one_or_zero_shows_one_stream_bit_for_bit(video: Tensor, seed: int) -> None:
    background, mask = video.flip(2)[:, :, 0] * 0.3, _mask(video, seed).round()
    out = composite_mask(video, mask, background)
    expected = torch.where(mask.bool(), video, background.unsqueeze(2))
    assert torch.equal(out, expected)
    flow = torch.zeros_like(mask).expand(-1, 2, -1, -1, -1)
    out = composite_flow(background, flow, mask, video)
    assert torch.equal(out, torch.where(mask.bool(), warp_image(background, flow), video))


@given(CLIPS, SEEDS)
def test_the_gradient_of_a_mask_is_what_the_two_streams_differ_by(video: Tensor, seed: int) -> None:
    background, mask = video.mean(dim=2), _mask(video, seed).requires_grad_()
    (gradient,) = torch.autograd.grad(composite_mask(video, mask, background).sum(), mask)
    difference = (video - background.unsqueeze(2)).sum(dim=1, keepdim=True)
    torch.testing.assert_close(gradient, difference)
    flow = _flow(video, seed)
    (gradient,) = torch.autograd.grad(composite_flow(background, flow, mask, video).sum(), mask)
    difference = (warp_image(background, flow) - video).sum(dim=1, keepdim=True)
    torch.testing.assert_close(gradient, difference)


def _read(image: Tensor, y: float, x: float) -> Tensor:
    """Bilinear value of ``(C, H, W)`` at a point that is first moved into the picture."""
    y = min(max(y, 0.0), image.shape[1] - 1.0)
    x = min(max(x, 0.0), image.shape[2] - 1.0)
    top, left = math.floor(y), math.floor(x)
    down, right = min(top + 1, image.shape[1] - 1), min(left + 1, image.shape[2] - 1)
    a, b = y - top, x - left
    return (
        (1 - a) * (1 - b) * image[:, top, left]
        + (1 - a) * b * image[:, top, right]
        + a * (1 - b) * image[:, down, left]
        + a * b * image[:, down, right]
    )


@given(CLIPS, SEEDS)
def test_warping_reads_every_pixel_where_the_flow_points(video: Tensor, seed: int) -> None:
    image, flow = video[:, :, 0], _flow(video, seed)
    warped = warp_image(image, flow)
    n, _, t, h, w = video.shape
    for sample in range(n):
        for k in range(t):
            for i in range(h):
                for j in range(w):
                    u, v = flow[sample, :, k, i, j].tolist()
                    expected = _read(image[sample], i + v, j + u)
                    torch.testing.assert_close(warped[sample, :, k, i, j], expected)


@given(videos(dtype=torch.float32))
def test_no_flow_is_the_identity(video: Tensor) -> None:
    flow = torch.zeros(video.shape[0], 2, *video.shape[2:])
    warped = warp_image(video[:, :, 0], flow)
    torch.testing.assert_close(warped, video[:, :, :1].expand_as(video))


@given(videos(min_side=3), st.integers(-2, 2), st.integers(-2, 2))
def test_a_flow_of_whole_pixels_rolls_the_picture_within_its_borders(
    video: Tensor, right: int, down: int
) -> None:
    flow = torch.tensor([right, down], dtype=video.dtype)[:, None, None, None]
    flow = flow.expand(video.shape[0], 2, *video.shape[2:])
    warped = warp_image(video[:, :, 0], flow)
    rolled = torch.roll(video[:, :, 0], shifts=(-down, -right), dims=(2, 3)).unsqueeze(2)
    h, w = video.shape[3:]
    inside = (..., slice(max(0, -down), h - max(0, down)), slice(max(0, -right), w - max(0, right)))
    torch.testing.assert_close(warped[inside], rolled.expand_as(video)[inside])


@given(CLIPS, SEEDS)
def test_a_flow_composite_is_its_equation(video: Tensor, seed: int) -> None:
    image, flow, mask = video.mean(dim=2), _flow(video, seed), _mask(video, seed)
    out = composite_flow(image, flow, mask, video)
    for t in range(video.shape[2]):
        warped = warp_image(image, flow[:, :, t : t + 1]).squeeze(2)
        m = mask[:, :, t]
        torch.testing.assert_close(out[:, :, t], m * warped + (1 - m) * video[:, :, t])


def test_gradients_reach_every_stream_and_are_right() -> None:
    video = (torch.rand(2, 2, 2, 3, 4, dtype=torch.float64) * 2 - 1).requires_grad_()
    image = torch.rand(2, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    mask, flow = _mask(video, 1).requires_grad_(), _flow(video, 2).requires_grad_()
    assert torch.autograd.gradcheck(composite_mask, (video, mask, image))
    assert torch.autograd.gradcheck(composite_flow, (image, flow, mask, video))


VIDEO, IMAGE = torch.zeros(2, 3, 4, 6, 5), torch.zeros(2, 3, 6, 5)
FLOW, MASK = torch.zeros(2, 2, 4, 6, 5), torch.zeros(2, 1, 4, 6, 5)


@pytest.mark.parametrize(
    ("call", "arguments", "message"),
    [
        (composite_mask, (IMAGE, MASK, IMAGE), r"foreground must be laid out as \(N, C, T, H, W\)"),
        (composite_mask, (VIDEO, VIDEO, IMAGE),
         r"mask must be \(2, 1, 4, 6, 5\) beside foreground \(2, 3, 4, 6, 5\), got \(2, 3, 4, 6"),
        (composite_mask, (VIDEO, MASK, IMAGE[:, :2]),
         r"background must be \(2, 3, 6, 5\) beside foreground .* got \(2, 2, 6, 5\)"),
        (warp_image, (VIDEO, FLOW), r"image must be laid out as \(N, C, H, W\)"),
        (warp_image, (IMAGE, FLOW[:, :, :, :5]),
         r"flow must be \(2, 2, 4, 6, 5\) beside image \(2, 3, 6, 5\), got \(2, 2, 4, 5, 5\)"),
        (warp_image, (IMAGE, MASK), r"flow must be \(2, 2, 4, 6, 5\) .* got \(2, 1, 4, 6, 5\)"),
        (composite_flow, (IMAGE, FLOW, MASK[:, :, :3], VIDEO),
         r"mask must be \(2, 1, 4, 6, 5\) beside flow \(2, 2, 4, 6, 5\), got \(2, 1, 3, 6, 5\)"),
        (composite_flow, (IMAGE, FLOW, MASK, VIDEO[:, :2]),
         r"video must be \(2, 3, 4, 6, 5\) beside image \(2, 3, 6, 5\), got \(2, 2, 4, 6, 5\)"),
        (composite_flow, (IMAGE, IMAGE, MASK, VIDEO), r"flow must be laid out as \(N, C, T, H, W"),
    ],
)  # fmt: skip
def test_streams_that_do_not_fit_are_refused(call: Any, arguments: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        call(*arguments)


@pytest.mark.parametrize("width", [96, 256, 320])
def test_half_precision_reads_the_pixels_that_it_should(width: int) -> None:
    image = torch.linspace(-1, 1, width).expand(1, 1, 4, width).bfloat16()
    still = torch.zeros(1, 2, 1, 4, width)
    for flow in (still, still.bfloat16()):
        assert torch.equal(warp_image(image, flow)[:, :, 0], image)
    # As autocast gives it: the flow of a convolution beside a picture in float32.
    flow = torch.full_like(still, 0.25)
    torch.testing.assert_close(warp_image(image.float(), flow.bfloat16()),
                               warp_image(image.float(), flow))  # fmt: skip
    shift = torch.tensor([[[1.0, 0, 0.25], [0, 1, 0]]])
    video = image.unsqueeze(2)
    exact = warp_affine(video.float(), shift)
    for matrix in (shift, shift.bfloat16()):
        assert torch.equal(warp_affine(video, matrix), exact.bfloat16())

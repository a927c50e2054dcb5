"""The pipeline of ADA, transformation by transformation."""

import math
from collections.abc import Mapping

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stgan.augment import ADAugment
from stgan.functional import adjust_luma_chroma, warp_affine
from tests.strategies import SEEDS, videos

# A draw of a transformation that happens with a probability of a half, and of one that does not.
YES, NO = -0.5, 0.5
GROUPS = {"blit": (3, 7), "geometry": (5, 11), "color": (5, 10)}
# One standard deviation of a normal number, as a uniform draw.
SIGMA = math.erf(1 / math.sqrt(2))


def _apply(group: str, video: Tensor, gate: int, values: Mapping[int, float]) -> Tensor:
    gates, columns = GROUPS[group]
    draws = torch.full((len(video), columns), 0.3, dtype=torch.float64)
    draws[:, :gates] = NO
    draws[:, gate] = YES
    for column, value in values.items():
        draws[:, column] = value
    return ADAugment(0.5, (group,))(video, draws)


@given(videos(channels=3, min_side=1), SEEDS)
def test_nothing_happens_with_probability_zero_bit_for_bit(video: Tensor, seed: int) -> None:
    augment = ADAugment()
    draws = augment.draw(len(video), generator=torch.Generator().manual_seed(seed))
    assert torch.equal(augment(video, draws), video)
    assert torch.equal(augment(video, -torch.ones_like(draws)), video)


@given(videos(channels=3, min_side=4, min_frames=2), SEEDS)
def test_with_probability_one_each_group_changes_every_clip(video: Tensor, seed: int) -> None:
    for group in ("geometry", "color"):
        out = ADAugment(1.0, (group,))(video, generator=torch.Generator().manual_seed(seed))
        assert not (out == video).flatten(1).all(1).any()


@given(SEEDS, st.sampled_from([0.1, 0.5, 0.9]))
def test_clips_stay_untouched_as_often_as_no_transformation_happens(seed: int, p: float) -> None:
    video = torch.rand(3000, 3, 1, 4, 4)
    generator = torch.Generator().manual_seed(seed)
    # Both turns together count as one transformation; half of the flips of luma flip nothing.
    for group, rate in (("geometry", (1 - p) ** 4), ("color", (1 - p) ** 4 * (1 - p / 2))):
        same = ADAugment(p, (group,))(video, generator=generator) == video
        assert same.flatten(1).all(1).float().mean().item() == pytest.approx(rate, abs=0.05)


@given(videos(min_side=8, max_side=8))
def test_blits_flip_turn_and_move_whole_pixels(video: Tensor) -> None:
    def close(got: Tensor, wanted: Tensor) -> None:
        torch.testing.assert_close(got, wanted)

    close(_apply("blit", video, 0, {3: -0.1}), video.flip(4))
    close(_apply("blit", video, 0, {3: 0.1}), video)
    for turns, draw in enumerate((-0.9, -0.4, 0.1, 0.6)):
        close(_apply("blit", video, 1, {4: draw}), torch.rot90(video, -turns, (3, 4)))
    # An eighth of eight pixels is one; what comes in is the mirror image of the border.
    right = torch.cat((video[..., :1], video[..., :-1]), dim=4)
    close(_apply("blit", video, 2, {5: 0.9, 6: 0.2}), right)
    down = torch.cat((video[:, :, :, :1], video[:, :, :, :-1]), dim=3)
    close(_apply("blit", video, 2, {5: 0.2, 6: 0.9}), down)


@given(videos(min_side=4, max_side=6))
def test_geometry_scales_turns_stretches_and_moves(video: Tensor) -> None:
    h, w = video.shape[3:]
    s = 2**0.2

    def warp(rows: list[list[float]]) -> Tensor:
        return warp_affine(video, torch.tensor(rows, dtype=torch.float64).expand(len(video), 2, 3))

    def close(gate: int, values: dict[int, float], rows: list[list[float]]) -> None:
        torch.testing.assert_close(_apply("geometry", video, gate, values), warp(rows))

    close(0, {5: SIGMA}, [[1 / s, 0, 0], [0, 1 / s, 0]])
    cos, sin = math.cos(0.3 * math.pi), math.sin(0.3 * math.pi)
    for gate, column in ((1, 6), (3, 8)):
        # A turn happens with 1 - sqrt(1 - p); its gate is thus a smaller number.
        close(gate, {gate: -0.9, column: 0.3}, [[cos, sin, 0], [-sin, cos, 0]])
    close(2, {7: -SIGMA}, [[s, 0, 0], [0, 1 / s, 0]])
    close(4, {9: SIGMA, 10: -SIGMA}, [[1, 0, -w / 8], [0, 1, h / 8]])


def test_two_turns_happen_together_as_often_as_one_other_transformation() -> None:
    augment, video = ADAugment(0.75, ("geometry",)), torch.rand(1, 1, 1, 4, 4)
    for gate, turned in ((0.49, True), (0.51, False)):
        for column in (1, 3):
            draws = torch.full((1, 11), 0.9)
            draws[:, column] = 2 * gate - 1
            assert torch.equal(augment(video, draws), video) is not turned


def test_the_first_turn_comes_before_the_stretch_and_the_second_after() -> None:
    video = torch.rand(1, 1, 1, 6, 6, dtype=torch.float64)
    first, stretch, second = (torch.eye(2, dtype=torch.float64) for _ in range(3))
    s = 2**0.2
    stretch[0, 0], stretch[1, 1] = 1 / s, s
    for turn, angle in ((first, 0.2 * math.pi), (second, -0.4 * math.pi)):
        c, d = math.cos(angle), math.sin(angle)
        turn.copy_(torch.tensor([[c, d], [-d, c]]))
    matrix = torch.cat((first @ stretch @ second, torch.zeros(2, 1)), dim=1)[None]
    out = _apply("geometry", video, 2, {1: -0.9, 3: -0.9, 6: 0.2, 7: SIGMA, 8: -0.4})
    torch.testing.assert_close(out, warp_affine(video, matrix))


@given(videos(channels=3, max_side=3))
def test_colors_change_one_number_each(video: Tensor) -> None:
    one = torch.ones(len(video), dtype=torch.float64)
    neutral = {"brightness": 0.0, "contrast": 1.0, "luma_sign": 1.0, "hue": 0.0, "saturation": 1.0}
    changes = [
        ("brightness", SIGMA, 0.2),
        ("contrast", SIGMA, 2**0.5),
        ("luma_sign", -0.1, -1.0),
        ("hue", 0.25, math.pi / 4),
        ("saturation", -SIGMA, 0.5),
    ]
    for gate, (name, draw, number) in enumerate(changes):
        numbers = {key: one * value for key, value in (neutral | {name: number}).items()}
        torch.testing.assert_close(
            _apply("color", video, gate, {5 + gate: draw}), adjust_luma_chroma(video, **numbers)
        )


def test_groups_act_in_one_order_and_share_out_the_draws() -> None:
    video = torch.rand(3, 3, 2, 5, 6)
    whole = ADAugment(0.9, ("color", "blit"))
    draws = whole.draw(3)
    moved = ADAugment(0.9, "blit")(video, draws[:, :7])
    torch.testing.assert_close(whole(video, draws), ADAugment(0.9, "color")(moved, draws[:, 7:]))


def test_the_extremes_of_the_draws_stay_finite() -> None:
    augment = ADAugment(1.0)
    for end in (-1.0, 1.0 - 2**-24):
        draws = torch.full((2, 28), end)
        assert augment(torch.rand(2, 3, 2, 4, 4), draws).isfinite().all()

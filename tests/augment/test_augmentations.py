"""Laws of every registered augmentation: one draw a clip, for all frames, to be had again."""

import copy
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import stgan
from stgan.augment import ADAugment, Augmentation, DiffAugment, RandomFlip, RandomTimeFlip
from stgan.errors import ShapeError
from tests.strategies import SEEDS, videos

# Names and settings with which something happens to nearly every clip.
ENTRIES = {
    name: dict(example.settings)
    for name in stgan.list("augmentations")
    if (example := stgan.info("augmentations", name).example)
}
everyone = pytest.mark.parametrize("name", ENTRIES)
CLIPS = videos(channels=3, max_frames=4, max_side=6, dtype=torch.float32)


def _create(name: str) -> Augmentation:
    return stgan.create("augmentations", name, **ENTRIES[name])


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_registry_holds_what_is_checked_here() -> None:
    assert set(ENTRIES) == {"ada", "diff_augment", "flip", "kornia", "time_flip"}


@everyone
@given(CLIPS, SEEDS)
def test_a_clip_of_equal_frames_stays_one(name: str, video: Tensor, seed: int) -> None:
    still = video[:, :, :1].expand_as(video)
    augment = _create(name)
    out = augment(still, augment.draw(len(video), generator=_generator(seed)))
    assert torch.equal(out, out[:, :, :1].expand_as(out))


@pytest.mark.parametrize("name", sorted({*ENTRIES} - {"time_flip"}))
@given(CLIPS, SEEDS)
def test_a_clip_is_augmented_as_its_frames_are(name: str, video: Tensor, seed: int) -> None:
    augment = _create(name)
    draws = augment.draw(len(video), generator=_generator(seed))
    frames = [augment(video[:, :, t : t + 1], draws) for t in range(video.shape[2])]
    torch.testing.assert_close(augment(video, draws), torch.cat(frames, dim=2))


@everyone
@given(SEEDS)
def test_equal_clips_of_a_batch_are_augmented_differently(name: str, seed: int) -> None:
    augment = _create(name)
    clip = torch.rand(1, 3, 2, 6, 6, generator=_generator(seed))
    out = augment(clip.repeat(24, 1, 1, 1, 1), generator=_generator(seed))
    assert len(out.flatten(1).unique(dim=0)) > 1


@everyone
@given(CLIPS, SEEDS)
def test_the_same_draws_do_the_same_to_real_and_fake(name: str, video: Tensor, seed: int) -> None:
    augment = _create(name)
    draws = augment.draw(len(video), generator=_generator(seed))
    kept = draws.clone()
    first, second = augment(video, draws), augment(video.clone(), draws)
    assert torch.equal(first, second)
    assert torch.equal(draws, kept)
    assert torch.equal(first, _create(name)(video, generator=_generator(seed)))


@everyone
@given(SEEDS, st.integers(1, 4), st.integers(1, 4))
def test_calls_draw_anew_from_the_state_of_torch_for_any_batch(
    name: str, seed: int, first: int, second: int
) -> None:
    augment = _create(name).eval()
    big, small = torch.rand(20, 3, 2, 5, 5), torch.rand(second, 3, 3, 4, 6)
    torch.manual_seed(seed)
    one, two, other = augment(big), augment(big), augment(small)
    assert not torch.equal(one, two)
    assert other.shape == small.shape
    torch.manual_seed(seed)
    assert torch.equal(augment(big), one)
    assert torch.equal(augment(big), two)
    assert augment(big[:first]).shape[0] == first


@everyone
def test_draws_are_uniform_and_a_generator_of_its_own_leaves_that_of_torch_alone(name: str) -> None:
    augment = _create(name)
    before = torch.get_rng_state()
    draws = augment.draw(2000, generator=_generator(0))
    augment(torch.rand(2, 3, 2, 5, 5, generator=_generator(0)), draws[:2])
    assert torch.equal(torch.get_rng_state(), before)
    assert draws.shape == (2000, augment.num_draws)
    assert -1 <= draws.min() < -0.99
    assert 0.99 < draws.max() < 1
    assert draws.mean(0).abs().max() < 0.1


@everyone
@given(CLIPS, SEEDS)
def test_gradients_reach_the_clip(name: str, video: Tensor, seed: int) -> None:
    augment = _create(name)
    draws = augment.draw(len(video), generator=_generator(seed))
    leaf = video.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda clip: augment(clip, draws), leaf, fast_mode=True)
    copy.deepcopy(augment)  # nothing of the graph is left behind


@everyone
def test_half_precision_is_float32_rounded_once_and_autocast_changes_nothing(name: str) -> None:
    augment = _create(name)
    video = torch.rand(4, 3, 2, 6, 5).bfloat16()
    draws = augment.draw(4)
    exact = augment(video.float(), draws)
    out = augment(video, draws)
    assert out.dtype is torch.bfloat16
    assert torch.equal(out, exact.bfloat16())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(augment(video.float(), draws), exact)


@everyone
def test_other_draws_are_refused(name: str) -> None:
    augment = _create(name)
    wanted = augment.num_draws
    for shape in ((3, wanted), (2, wanted + 1), (2,)):
        with pytest.raises(ShapeError, match=rf"draws .*N=2, D={wanted}\), got \({shape[0]}"):
            augment(torch.zeros(2, 3, 2, 4, 4), torch.zeros(shape))
    with pytest.raises(ShapeError, match="video must be laid out"):
        augment(torch.zeros(2, 3, 4, 4))


@pytest.mark.parametrize("probability", [0.0, 0.25, 1.0])
@pytest.mark.parametrize(("flip", "axis"), [(RandomFlip, 4), (RandomTimeFlip, 2)])
def test_flips_happen_as_often_as_asked(
    flip: Callable[[float], Augmentation], axis: int, probability: float
) -> None:
    video = torch.rand(1, 1, 2, 1, 2).expand(4000, -1, -1, -1, -1)
    out = flip(probability)(video, generator=_generator(0))
    flipped = (out == video.flip(axis)).flatten(1).all(1)
    assert (flipped | (out == video).flatten(1).all(1)).all()
    assert flipped.float().mean().item() == pytest.approx(probability, abs=0.03)


def test_color_is_drawn_in_the_published_ranges() -> None:
    augment = DiffAugment("color")
    lit = torch.zeros(3, 1, 1, 1, 1)
    ends = torch.tensor([[-1.0, 0, 0], [0, 0, 0], [1, 0, 0]])
    assert augment(lit, ends).flatten().tolist() == [-0.5, 0, 0.5]
    colored = torch.tensor([-1.0, 0, 1]).reshape(1, 3, 1, 1, 1).repeat(3, 1, 1, 1, 1)
    for column, factors in ((1, [0, 1, 2]), (2, [0.5, 1, 1.5])):
        draws = ends.roll(column, dims=1)
        assert augment(colored, draws)[:, 2].flatten().tolist() == factors


@pytest.mark.parametrize(("side", "way"), [(16, 2), (12, 2), (11, 1), (3, 0)])
def test_clips_move_by_up_to_an_eighth_each_way_as_often(side: int, way: int) -> None:
    augment = DiffAugment("translation")
    video = torch.zeros(400, 1, 1, side, side)
    video[..., side // 2, side // 2] = 1
    draws = torch.zeros(400, 2)
    draws[:, 0] = torch.linspace(-1, 1 - 1e-4, 400)
    rows = augment(video, draws).flatten(1).argmax(1) // side - side // 2
    counts = torch.bincount(rows + way)
    assert len(counts) == 2 * way + 1
    assert counts.max() - counts.min() <= 1


@given(st.integers(1, 9), st.integers(1, 9), SEEDS)
def test_a_hole_is_half_as_high_and_wide_with_centers_as_published(
    h: int, w: int, seed: int
) -> None:
    augment = DiffAugment("cutout")
    hole = (int(h / 2 + 0.5), int(w / 2 + 0.5))
    out = augment(torch.ones(200, 1, 1, h, w), generator=_generator(seed))[:, 0, 0] == 0
    for axis, side, long in ((2, h, hole[0]), (1, w, hole[1])):
        cut = out.any(axis)
        # Centers from 0 to the side, of odd holes one less; the border cuts the rest off.
        places = {
            tuple(center - long // 2 <= i < center - long // 2 + long for i in range(side))
            for center in range(side + (1 - long % 2))
        }
        assert {tuple(row) for row in cut.tolist()} <= places
        assert cut.unique(dim=0).shape[0] > 1 or len(places) == 1


def test_policies_act_in_the_order_given() -> None:
    video = torch.zeros(1, 1, 1, 4, 4)
    bright = torch.tensor([1.0, 0, 0])
    corner = torch.tensor([-1.0, -1.0])
    last = DiffAugment(("color", "cutout"))(video, torch.cat((bright, corner))[None])
    first = DiffAugment(("cutout", "color"))(video, torch.cat((corner, bright))[None])
    assert last[..., 0, 0] == 0
    assert last[..., 3, 3] == 0.5
    assert (first == 0.5).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: DiffAugment(("colour",)), "policies must be some of color, .*got .'colour'"),
        (lambda: DiffAugment(()), "policies must be some of"),
        (lambda: DiffAugment(("color", "color")), "each once"),
        (lambda: DiffAugment(translation=1.5), r"translation must lie in \[0, 1\], got 1.5"),
        (lambda: DiffAugment(cutout=-1), r"cutout must lie in \[0, 1\], got -1"),
        (lambda: RandomFlip(2), r"probability must lie in \[0, 1\], got 2"),
        (lambda: RandomTimeFlip(-0.5), r"probability must lie in \[0, 1\], got -0.5"),
        (lambda: ADAugment(1.5), r"probability must lie in \[0, 1\], got 1.5"),
        (lambda: ADAugment(groups=("noise",)), "groups must be some of blit, geometry, color"),
        (lambda: ADAugment(groups=()), "groups must be some of"),
        (
            lambda: ADAugment()(torch.zeros(1, 2, 1, 4, 4)),
            r"got \(1, 2, 1, 4, 4\); leave color out",
        ),
    ],
)
def test_settings_out_of_range_are_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()

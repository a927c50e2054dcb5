import dataclasses
import itertools
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close
from torch.utils.data import DataLoader

from stgan.data import MOTIONS, SHAPES, MovingShapes
from stgan.data.motions import motion_poses
from stgan.errors import UnknownNameError
from tests.data.test_polygons import shape_area

seeds = st.integers(0, 2**32 - 1)
lengths = st.integers(1, 20)
sides = st.integers(16, 48)
jitters = st.sampled_from([0.0, 0.3, 1.0])


@given(lengths, sides, sides, seeds, jitters)
def test_items_have_layout_and_range(t: int, h: int, w: int, seed: int, jitter: float) -> None:
    data = MovingShapes(3, num_frames=t, image_size=(h, w), seed=seed, jitter=jitter)
    item = data[2]
    assert set(item) == {"video", "image", "label"}
    assert item["video"].shape == (3, t, h, w)
    assert item["video"].dtype == torch.float32
    assert item["video"].abs().max() <= 1
    assert torch.equal(item["image"], item["video"][:, 0])
    assert item["label"] == data.labels[2] == data.classes.index(data.scene(2).motion)


@given(lengths, sides, sides, seeds, jitters)
def test_first_frame_tells_nothing_of_the_label(
    t: int, h: int, w: int, seed: int, jitter: float
) -> None:
    data = MovingShapes(1, num_frames=t, image_size=(h, w), seed=seed, jitter=jitter)
    scene = data.scene(0)
    for motion in MOTIONS:
        assert torch.equal(data.render(scene, motion)[:, 0], data[0]["image"])


@given(st.integers(2, 20), sides, sides, seeds)
def test_every_motion_shows(t: int, h: int, w: int, seed: int) -> None:
    data = MovingShapes(1, num_frames=t, image_size=(h, w), seed=seed)
    clips = [data.render(data.scene(0), motion) for motion in MOTIONS]
    for one, other in itertools.combinations(clips, 2):
        assert (one - other).abs().max() > 0.2
    for clip in clips:
        assert (clip - clip[:, :1]).abs().max() > 0.2


@given(lengths, sides, sides, seeds, st.floats(0, 1), st.sampled_from(MOTIONS))
def test_the_shape_never_leaves_the_picture(
    t: int, h: int, w: int, seed: int, jitter: float, motion: str
) -> None:
    data = MovingShapes(1, num_frames=t, image_size=(h, w), seed=seed, jitter=jitter)
    scene = dataclasses.replace(data.scene(0), motion=motion)
    radius = scene.size * scene.scales
    for axis, side in ((0, w), (1, h)):
        assert bool((scene.centers[:, axis] - radius > 0).all())
        assert bool((scene.centers[:, axis] + radius < side).all())


@given(st.integers(0, 5), seeds, jitters)
def test_the_truth_matches_the_pixels(index: int, seed: int, jitter: float) -> None:
    data = MovingShapes(6, num_frames=6, image_size=(64, 80), seed=seed, jitter=jitter)
    scene, mask = data.scene(index), data.mask(index).double()
    assert mask.shape == (6, 64, 80)
    area = shape_area(scene.shape) * (scene.size * scene.scales) ** 2
    assert_close(mask.sum((1, 2)), area, rtol=0.12, atol=0)
    x, y = (torch.arange(side, dtype=torch.float64) + 0.5 for side in (80, 64))
    found = torch.stack([mask.sum(1) @ x, mask.sum(2) @ y], dim=1) / mask.sum((1, 2))[:, None]
    assert_close(found, scene.centers, atol=0.3, rtol=0)
    # Where the shape covers all, its color; where it covers nothing, the background stands still.
    video = data[index]["video"].double()
    color = torch.tensor(scene.color, dtype=torch.float64) * 2 - 1
    assert_close(video[:, mask == 1], color[:, None].expand(3, int((mask == 1).sum())))
    for t in range(1, 6):
        bare = (mask[0] == 0) & (mask[t] == 0)
        assert torch.equal(video[:, 0, bare], video[:, t, bare])


@given(seeds)
def test_shape_and_background_differ_clearly(seed: int) -> None:
    scene = MovingShapes(1, seed=seed).scene(0)
    for ground in (scene.background, scene.background_end):
        assert max(abs(a - b) for a, b in zip(scene.color, ground, strict=True)) >= 0.45


@given(st.integers(4, 64), st.sampled_from(MOTIONS), st.sampled_from([1, -1]))
def test_a_motion_closes_is_smooth_and_large(t: int, motion: str, direction: int) -> None:
    size = (60, 100)
    poses = motion_poses(motion, t, size, direction=direction)
    assert poses.offsets[0].abs().max() == poses.angles[0] == 0
    assert poses.scales[0] == 1
    values = torch.cat([poses.offsets, poses.angles[:, None], poses.scales[:, None]], dim=1)
    closed = torch.cat([values, values[:1]])
    # The step is bounded by the extent over the period, the step from last to first frame too.
    extent = torch.tensor([24.0, 16.8, 1.05, 0.45], dtype=torch.float64)
    assert bool((closed.diff(dim=0).abs() <= 2 * torch.pi / t * extent + 1e-9).all())
    travel = closed.amax(0) - closed.amin(0)
    least = {
        "left_right": (0, 0.4 * 100),
        "up_down": (1, 0.4 * 60),
        "circle": (1, 0.25 * 60),
        "bounce": (1, 0.23 * 60),
        "rotate": (2, 1.7),
        "zoom": (3, 0.7),
    }
    axis, wanted = least[motion]
    assert travel[axis] > wanted
    others = [a for a in range(4) if a != axis and (motion, a) != ("circle", 0)]
    assert travel[others].max() == 0


def test_bounce_goes_up_and_circle_goes_round() -> None:
    bounce = motion_poses("bounce", 32, (64, 64)).offsets
    assert bounce[:, 1].max() <= 0
    circle = motion_poses("circle", 32, (64, 64)).offsets
    radius = 0.14 * 64
    from_middle = circle - torch.tensor([0.0, -radius], dtype=torch.float64)
    assert_close(from_middle.norm(dim=1), torch.full((32,), radius, dtype=torch.float64))


def test_without_jitter_first_frame_and_label_say_all() -> None:
    for index in range(12):
        scene = MovingShapes(12).scene(index)
        assert (scene.amplitude, scene.speed, scene.direction) == (1, 1, 1)


def test_jitter_varies_the_motion_and_nothing_else() -> None:
    plain, jittered = MovingShapes(60), MovingShapes(60, jitter=1.0)
    scenes = [jittered.scene(index) for index in range(60)]
    for index, scene in enumerate(scenes):
        still = dataclasses.replace(scene, amplitude=1.0, speed=1.0, direction=1)
        assert still == plain.scene(index)
        assert torch.equal(jittered[index]["image"], plain[index]["image"])
        assert 0.5 <= scene.amplitude <= 1 <= scene.speed <= 1.5
    assert {scene.direction for scene in scenes} == {1, -1}
    assert max(s.amplitude for s in scenes) - min(s.amplitude for s in scenes) > 0.3
    assert max(s.speed for s in scenes) - min(s.speed for s in scenes) > 0.3


@given(seeds, st.integers(0, 39))
def test_an_item_is_a_function_of_seed_and_number(seed: int, index: int) -> None:
    few, many = MovingShapes(40, num_frames=2, seed=seed), MovingShapes(99, num_frames=2, seed=seed)
    many[3]  # asking for others before changes nothing
    assert few.scene(index) == many.scene(index)
    assert torch.equal(few[index]["video"], many[(index, 7)]["video"])
    assert few.scene(index) != MovingShapes(40, num_frames=2, seed=seed + 1).scene(index)
    assert few.scene(index) != few.scene((index + 1) % 40)


def test_numbers_do_not_depend_on_the_release() -> None:
    scene = MovingShapes(3, seed=5).scene(2)
    assert (scene.shape, scene.motion) == ("cross", "circle")
    assert scene.size == pytest.approx(11.306187839402277)


def test_workers_draw_the_same_items() -> None:
    data = MovingShapes(8, num_frames=3, image_size=16, jitter=0.5)
    here = torch.stack([data[index]["video"] for index in range(8)])
    loader = DataLoader(data, batch_size=4, num_workers=1)
    there = list(loader)
    assert torch.equal(torch.cat([batch["video"] for batch in there]), here)
    assert torch.cat([batch["label"] for batch in there]).tolist() == data.labels


@given(st.integers(1, 50), st.lists(st.sampled_from(MOTIONS), min_size=1, unique=True))
def test_labels_are_balanced(count: int, motions: list[str]) -> None:
    data = MovingShapes(count, motions=motions)
    assert data.classes == motions
    counts = [data.labels.count(label) for label in range(len(motions))]
    assert max(counts) - min(counts) <= 1
    assert [data.scene(index).motion for index in range(count)] == [
        motions[label] for label in data.labels
    ]


def test_all_shapes_and_grounds_turn_up() -> None:
    scenes = [MovingShapes(200).scene(index) for index in range(200)]
    assert {scene.shape for scene in scenes} == set(SHAPES)
    assert {scene.background == scene.background_end for scene in scenes} == {True, False}


def test_a_gradient_ends_in_its_colors() -> None:
    data = MovingShapes(1, num_frames=1, image_size=64)
    scene = dataclasses.replace(
        data.scene(0),
        background=(0.0, 0.0, 0.0),
        background_end=(1.0, 1.0, 1.0),
        gradient_angle=0.0,
    )
    top = scene.render()[0, 0, 0]
    assert_close(top, torch.linspace(-1 + 1 / 64, 1 - 1 / 64, 64), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("settings", "error", "match"),
    [
        ({"num_clips": 0}, ValueError, r"num_clips must be at least 1, got 0"),
        ({"num_frames": 0}, ValueError, r"num_frames must be at least 1, got 0"),
        ({"num_frames": 2.5}, TypeError, r"num_frames must be a positive integer, got 2\.5"),
        (
            {"image_size": (64, 15)},
            ValueError,
            r"image_size must be .* at least 16, got \(64, 15\)",
        ),
        ({"jitter": 1.5}, ValueError, r"jitter must lie in \[0, 1\], got 1\.5"),
        ({"jitter": -0.1}, ValueError, r"jitter must lie in \[0, 1\], got -0\.1"),
        ({"jitter": float("nan")}, ValueError, r"jitter must lie in \[0, 1\], got nan"),
        ({"motions": ["rotat"]}, UnknownNameError, r"named 'rotat'; did you mean 'rotate'\?"),
        ({"motions": []}, ValueError, r"motions must be different names, at least one, got \[\]"),
        ({"motions": ["zoom", "zoom"]}, ValueError, r"motions must be different names"),
    ],
)
def test_bad_settings(settings: dict[str, Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        MovingShapes(**{"num_clips": 6, **settings})


def test_what_is_not_there_is_refused() -> None:
    data = MovingShapes(6, num_frames=2, image_size=16)
    for index in (6, -7, (6, 0)):
        with pytest.raises(IndexError, match=r"index must be below the 6 items .* got -?\d"):
            data[index]
    with pytest.raises(IndexError, match=r"index must be below the 6 items"):
        data.mask(6)
    assert torch.equal(data[-1]["video"], data[5]["video"])
    with pytest.raises(UnknownNameError, match=r"'bounc'; did you mean 'bounce'\?"):
        data.render(data.scene(0), "bounc")
    with pytest.raises(UnknownNameError, match=r"'zom'; did you mean 'zoom'\?"):
        motion_poses("zom", 4, (16, 16))

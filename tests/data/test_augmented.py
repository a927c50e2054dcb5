"""Clips that are changed when they are read: alike in all frames and the image, repeatable."""

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from stgan.augment import Augmentation, DiffAugment, KorniaAugment, RandomFlip
from stgan.data import AugmentedClips, EndlessSampler, MovingShapes
from tests.strategies import SEEDS

SHAPES = MovingShapes(7, num_frames=3, image_size=24)
AUGMENTATIONS: list[Augmentation] = [
    DiffAugment(),
    RandomFlip(),
    KorniaAugment({"RandomRotation": {"degrees": 30.0, "p": 1.0}}),
]


@settings(max_examples=10)
@given(SEEDS)
def test_the_image_is_changed_as_the_clip_is(seed: int) -> None:
    for augment in AUGMENTATIONS:
        item = AugmentedClips(SHAPES, augment, seed=seed)[seed % 7, seed % 3]
        torch.testing.assert_close(item["image"], item["video"][:, 0])
        assert item["video"].abs().max() <= 1
        assert item["label"] == SHAPES[seed % 7]["label"]


def test_a_clip_follows_from_seed_number_and_draw_alone() -> None:
    make = partial(AugmentedClips, SHAPES, DiffAugment(("translation", "color")))
    clips, again = make(seed=1), make(seed=1)
    backwards = [again[i, 2]["video"] for i in reversed(range(7))][::-1]
    for number, video in enumerate(backwards):
        assert torch.equal(clips[number, 2]["video"], video)
        assert not torch.equal(clips[number, 3]["video"], video)
        assert not torch.equal(make(seed=2)[number, 2]["video"], video)
        assert torch.equal(clips[number - 7, 2]["video"], video)
    changes = {tuple((clips[n]["video"] - SHAPES[n]["video"]).flatten()[:99].tolist()) for n in
               range(7)}  # fmt: skip
    assert len(changes) == 7


def test_the_law_is_that_of_the_augmentation() -> None:
    class Dim(Augmentation):
        def transform(self, video: Tensor, draws: Tensor) -> Tensor:
            return video * draws[:, 0, None, None, None, None] * 5

    clips = AugmentedClips(SHAPES, Dim(num_draws=1))
    for number in range(7):
        given_item, item = SHAPES[number], clips[number]
        inside = item["video"].abs() < 1
        ratio = item["video"][inside] / given_item["video"][inside]
        assert ratio.std() < 1e-4 * ratio.abs().mean()
        assert torch.equal(item["video"].abs() <= 1, torch.ones_like(inside))


def test_it_feeds_a_loader_and_keeps_what_a_data_set_tells() -> None:
    clips = AugmentedClips(SHAPES, DiffAugment())
    assert (len(clips), clips.classes, clips.labels) == (7, SHAPES.classes, SHAPES.labels)
    loader = DataLoader(clips, batch_size=5, sampler=EndlessSampler(7, seed=3))
    batch = next(iter(loader))
    order = [index for index, _ in zip(EndlessSampler(7, seed=3), range(5), strict=False)]
    assert torch.equal(batch["video"], torch.stack([clips[index]["video"] for index in order]))


def test_what_cannot_be_repeated_is_refused() -> None:
    empty: Dataset[object] = SHAPES
    with pytest.raises(TypeError, match=r"augment must have a method draw, .* got Identity; "):
        AugmentedClips(empty, nn.Identity())  # type: ignore[arg-type]

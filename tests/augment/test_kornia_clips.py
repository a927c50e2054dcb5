"""Augmentations of kornia on clips, against kornia itself."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import stgan
from stgan.augment import KorniaAugment
from stgan.errors import ConfigError, UnknownNameError
from tests.strategies import SEEDS, videos

TRANSFORMS = {
    "RandomHorizontalFlip": {"p": 0.5},
    "ColorJiggle": {"brightness": 0.2, "hue": 0.1, "p": 1.0},
    "RandomAffine": {"degrees": 20.0, "p": 1.0},
}


@given(videos(channels=3, max_frames=3, min_side=2), SEEDS)
def test_it_is_the_sequence_of_kornia_on_each_clip_in_its_range(video: Tensor, seed: int) -> None:
    import kornia.augmentation as home

    augment = KorniaAugment(TRANSFORMS)
    draws = augment.draw(len(video), generator=torch.Generator().manual_seed(seed))
    out = augment(video, draws)
    modules = [getattr(home, name)(**settings) for name, settings in TRANSFORMS.items()]
    sequence = home.VideoSequential(*modules, data_format="BCTHW", same_on_frame=True)
    for clip in range(len(video)):
        torch.manual_seed(int((draws[clip, 0].item() + 1) * 2**23))
        wanted = sequence((video[clip : clip + 1] + 1) / 2) * 2 - 1
        torch.testing.assert_close(out[clip : clip + 1], wanted)
    # Modules of kornia are as good as their names.
    modules = [getattr(home, name)(**settings) for name, settings in TRANSFORMS.items()]
    assert torch.equal(KorniaAugment(modules)(video, draws), out)


@given(st.integers(1, 5), SEEDS)
def test_other_clips_of_the_batch_have_no_influence(batch: int, seed: int) -> None:
    augment = KorniaAugment(TRANSFORMS)
    video = torch.rand(batch, 3, 2, 5, 4)
    draws = augment.draw(batch, generator=torch.Generator().manual_seed(seed))
    alone = [augment(video[n : n + 1], draws[n : n + 1]) for n in range(batch)]
    assert torch.equal(augment(video, draws), torch.cat(alone))


def test_what_kornia_pads_is_black() -> None:
    augment = KorniaAugment({"RandomAffine": {"degrees": (45.0, 45.0), "p": 1.0}})
    assert augment(torch.ones(1, 3, 1, 9, 9))[..., 0, 0].unique().tolist() == [-1]


def test_settings_are_plain_data_but_modules_are_not() -> None:
    import kornia.augmentation as home

    augment = KorniaAugment(TRANSFORMS)
    twin = stgan.build(stgan.to_config(augment))
    video, draws = torch.rand(2, 3, 2, 5, 5), augment.draw(2)
    assert torch.equal(twin(video, draws), augment(video, draws))
    with pytest.raises(ConfigError, match="RandomHorizontalFlip cannot be written as plain data"):
        stgan.to_config(KorniaAugment([home.RandomHorizontalFlip()]))


def test_the_types_of_the_clips_are_kept() -> None:
    augment = KorniaAugment(TRANSFORMS)
    for dtype in (torch.float32, torch.float64, torch.float16):
        assert augment(torch.rand(2, 3, 2, 4, 4).to(dtype)).dtype is dtype


def test_a_draw_means_the_same_wherever_and_in_whatever_type_the_module_lies() -> None:
    augment = KorniaAugment(TRANSFORMS)
    video, draws = torch.rand(4, 3, 2, 5, 6) * 2 - 1, augment.draw(4)
    here = augment(video, draws)
    there = augment.to(torch.float64)(video.double(), draws)
    torch.testing.assert_close(there.float(), here, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["RandomAfine", "Sequential", "__all__"])
def test_names_that_kornia_has_not_are_refused(name: str) -> None:
    with pytest.raises(UnknownNameError, match=rf"no augmentation named '{name}'"):
        KorniaAugment({name: {}})


def test_no_transform_and_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="must name an augmentation of kornia, got none"):
        KorniaAugment({})
    augment = KorniaAugment({"RandomCrop": {"size": (2, 2)}})
    with pytest.raises(
        ValueError, match=r"keep the size of the clips \(1, 3, 2, 4, 4\), got .*2, 2"
    ):
        augment(torch.rand(1, 3, 2, 4, 4))

"""The controller finds the probability at which the critic is right often enough."""

import copy
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from stgan.augment import AdaptiveAugmentation, ADAugment, DiffAugment
from stgan.errors import ShapeError
from stgan.training import load_checkpoint, save_checkpoint
from tests.strategies import SEEDS


def _logits(mean_sign: float, clips: int = 200) -> Tensor:
    positive = round((mean_sign + 1) / 2 * clips)
    return torch.cat((torch.full((positive,), 0.1), torch.full((clips - positive,), -30.0)))


@given(st.floats(0.1, 0.9), st.floats(0, 1))
def test_the_probability_goes_where_the_signs_have_the_target(target: float, start: float) -> None:
    augment = AdaptiveAugmentation(ADAugment(start), target=target, ramp=20_000, every=1)
    # Signs whose mean falls from 1 to 0 as the probability rises: the fixed point is 1 - target.
    for _ in range(150):
        augment.update(_logits(1 - augment.probability.item()))
    assert augment.probability.item() == pytest.approx(1 - target, abs=0.025)
    assert augment.sign.item() == pytest.approx(target, abs=0.035)


@given(st.integers(1, 5), st.integers(1, 9), st.integers(1, 12))
def test_every_so_many_updates_it_moves_by_their_share_of_the_ramp(
    every: int, clips: int, updates: int
) -> None:
    augment = AdaptiveAugmentation(ADAugment(), ramp=1000, every=every)
    for _ in range(updates):
        augment.update(torch.ones(clips))
    changes = updates // every
    assert augment.probability.item() == pytest.approx(changes * every * clips / 1000, abs=1e-6)
    assert augment.sign.item() == (1 if changes else 0)


def test_it_stays_within_its_bounds() -> None:
    augment = AdaptiveAugmentation(ADAugment(), ramp=10, every=1, max_probability=0.8)
    for sign, bound in ((1.0, 0.8), (-1.0, 0.0)):
        for _ in range(5):
            augment.update(torch.full((8,), sign))
        assert augment.probability.item() == pytest.approx(bound)


def test_clips_of_all_updates_count_alike() -> None:
    # Six of ten are right over both updates; over means of updates it would be four fifths.
    augment = AdaptiveAugmentation(ADAugment(0.5), target=0.3, ramp=100, every=2)
    augment.update(torch.tensor([1.0, 1.0]))
    augment.update(torch.tensor([1.0, 1, 1, 1, 1, 1, -1, -1]))
    assert augment.sign.item() == pytest.approx(0.6)
    assert augment.probability.item() == pytest.approx(0.6)


@given(SEEDS)
def test_patches_count_as_parts_of_their_clip(seed: int) -> None:
    logits = torch.randn(4, 1, 2, 3, generator=torch.Generator().manual_seed(seed))
    logits[0] = 1
    patches, clips = (AdaptiveAugmentation(ADAugment(), target=-1, every=1) for _ in range(2))
    patches.update(logits)
    clips.update(logits.flatten())
    assert patches.sign.item() == pytest.approx(clips.sign.item(), abs=1e-6)
    # The way is counted in clips, not in patches.
    assert patches.probability.item() == pytest.approx(4 / 500_000)
    assert clips.probability.item() == pytest.approx(24 / 500_000)


def test_logits_that_are_not_numbers_do_no_lasting_harm() -> None:
    augment = AdaptiveAugmentation(ADAugment(0.5), target=0.0, ramp=100, every=1)
    augment.update(torch.tensor([float("nan"), float("inf"), 1.0, float("nan")]))
    assert augment.sign.item() == 0.5
    assert augment.probability.item() == pytest.approx(0.54)


def test_updates_leave_no_graph_and_forward_augments() -> None:
    augment = AdaptiveAugmentation(ADAugment(1.0), every=1)
    augment.update(torch.ones(4, requires_grad=True))
    assert not augment.probability.requires_grad
    video = torch.rand(2, 3, 2, 4, 4)
    inner = ADAugment(1.0)
    draws = inner.draw(2)
    assert torch.equal(augment(video, draws), inner(video, draws))
    seeded = [augment(video, generator=torch.Generator().manual_seed(3)) for _ in range(2)]
    assert torch.equal(*seeded)
    assert not torch.equal(augment(video), augment(video))


def test_its_state_goes_on_from_a_checkpoint_in_the_middle_of_an_interval(tmp_path: Path) -> None:
    whole = AdaptiveAugmentation(ADAugment(), ramp=1000, every=4)
    for _ in range(6):
        whole.update(torch.ones(8))
    path = save_checkpoint(tmp_path, step=6, networks={"augment": whole}, state={}, config="")
    fresh = AdaptiveAugmentation(ADAugment(), ramp=1000, every=4)
    load_checkpoint(path, networks={"augment": fresh})
    stored = BytesIO()
    torch.save(whole.state_dict(), stored)
    stored.seek(0)
    assert torch.load(stored, weights_only=True).keys() == fresh.state_dict().keys()
    assert fresh.probability.item() == whole.probability.item() > 0
    for _ in range(3):
        for one in (whole, fresh):
            one.update(torch.ones(8))
    assert fresh.probability.item() == whole.probability.item() == pytest.approx(0.064)


def test_processes_that_see_half_of_the_clips_agree_with_one_that_sees_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    halves = [_logits(0.9, 40), _logits(0.1, 20)]
    alone = AdaptiveAugmentation(ADAugment(0.5), target=0.4, ramp=1000, every=2)
    parts = [copy.deepcopy(alone) for _ in halves]
    for _ in range(2):
        alone.update(torch.cat(halves))
    sums = [torch.stack((half.sign().sum(), torch.tensor(float(len(half))))) for half in halves]

    def all_reduce(mine: Tensor) -> None:
        mine[:2] = sums[0] + sums[1]

    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "all_reduce", all_reduce)
    for part, half in zip(parts, halves, strict=True):
        for _ in range(2):
            part.update(half)
        assert part.probability.item() == pytest.approx(alone.probability.item())
        assert part.sign.item() == pytest.approx(alone.sign.item())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target": 1.5}, r"target must lie in \[-1, 1\]"),
        ({"ramp": 0}, "ramp must be at least 1"),
        ({"every": 0}, "every must be at least 1"),
        ({"max_probability": 2.0}, r"max_probability must lie in \[0, 1\]"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AdaptiveAugmentation(ADAugment(), **settings)


def test_what_cannot_be_adapted_or_counted_is_refused() -> None:
    for augment in (nn.Identity(), DiffAugment()):
        got = type(augment).__name__
        with pytest.raises(TypeError, match=f"buffer probability to adapt, got {got}; ADAugment"):
            AdaptiveAugmentation(augment)  # type: ignore[arg-type]
    gray = AdaptiveAugmentation(ADAugment(groups=("color",)))
    for refuse in (gray, lambda video: gray.output_shape(tuple(video.shape))):
        with pytest.raises(ShapeError, match="video must have 3 channels"):
            refuse(torch.zeros(1, 2, 2, 4, 4))
    for shape in ((), (0,)):
        with pytest.raises(ShapeError, match=r"real_logits must be \(N,\)"):
            AdaptiveAugmentation(ADAugment()).update(torch.zeros(shape))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_loses_no_small_steps(dtype: torch.dtype) -> None:
    halved, exact = (AdaptiveAugmentation(ADAugment(0.3), every=1) for _ in range(2))
    halved.to(dtype)
    for _ in range(600):
        for controller in (halved, exact):
            controller.update(torch.ones(64))
    assert halved.probability.item() == exact.probability.item() > 0.35
    assert halved.double().probability.dtype is torch.float64

"""Metrics of torchmetrics: equal to their functions, batch by batch and over processes."""

import copy
import pickle
import subprocess
import sys
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from stgan.errors import ShapeError
from stgan.metrics import (
    FrechetVideoDistance,
    KernelVideoDistance,
    ModuleFeatures,
    PrecisionRecallDensityCoverage,
    SmallSampleWarning,
    VideoInceptionScore,
    bootstrap_interval,
    frechet_distance,
    inception_score,
    kernel_distance,
    precision_recall_density_coverage,
    split_half_floor,
)
from tests.strategies import SEEDS

FEATURES = ModuleFeatures(nn.AdaptiveAvgPool3d(1), "mean colors")
CLIP = (3, 2, 4, 4)


def _clips(seed: int, count: int, shift: float = 0.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, *CLIP, generator=generator) - shift


def _colors(video: Tensor) -> Tensor:
    return video.mean(dim=(2, 3, 4))


def _fed(metric: Any, real: Tensor, fake: Tensor, size: int) -> Any:
    for video, kind in ((real, True), (fake, False)):
        for batch in torch.split(video, size):
            metric.update(batch, real=kind)
    return metric


METRICS = {
    "frechet": (FrechetVideoDistance, frechet_distance),
    "frechet_sums": (
        lambda features: FrechetVideoDistance(features, keep_features=False),
        frechet_distance,
    ),
    "kernel": (KernelVideoDistance, kernel_distance),
    "neighbors": (
        lambda features: PrecisionRecallDensityCoverage(features, neighbors=2),
        lambda real, fake: precision_recall_density_coverage(real, fake, neighbors=2),
    ),
}


@pytest.mark.parametrize("name", METRICS)
@settings(max_examples=8)
@given(SEEDS, st.integers(4, 9), st.integers(4, 9), st.integers(1, 5))
def test_a_metric_is_its_function_of_all_clips_in_any_batches(
    name: str, seed: int, n: int, m: int, size: int
) -> None:
    make, function = METRICS[name]
    real, fake = _clips(seed, n), _clips(seed + 1, m, 0.2)
    metric = _fed(make(FEATURES), real, fake, size)
    expected = function(_colors(real), _colors(fake))
    torch.testing.assert_close(metric.compute(), expected, rtol=1e-5, atol=1e-7)
    # In any order of the clips of a kind, and again after a reset.
    metric.reset()
    _fed(metric, real.flip(0), fake.flip(0), size + 1)
    torch.testing.assert_close(metric.compute(), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", METRICS)
def test_states_of_two_halves_are_put_together(name: str) -> None:
    make, function = METRICS[name]
    real, fake = _clips(0, 8), _clips(1, 6, 0.2)
    first, second = make(FEATURES), make(FEATURES)
    _fed(first, real[:3], fake[:4], 2)
    _fed(second, real[3:], fake[4:], 2)
    first.merge_state(second)
    expected = function(_colors(real), _colors(fake))
    torch.testing.assert_close(first.compute(), expected, rtol=1e-5, atol=1e-7)


def test_two_processes_give_the_score_of_all_clips() -> None:
    program = """
import os, sys, torch
from torch import distributed, multiprocessing
from tests.metrics.test_video_metrics import METRICS, FEATURES, _clips, _colors, _fed

def work(rank, file):
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2)
    real, fake = _clips(0, 9), _clips(1, 7, 0.2)
    for name, (make, function) in METRICS.items():
        metric = _fed(make(FEATURES), real[rank::2], fake[rank::2], 2)
        expected = function(_colors(real), _colors(fake))
        torch.testing.assert_close(metric.compute(), expected, rtol=1e-5, atol=1e-7)
        # A process may get no clip of a kind, or none at all.
        for shares in ((9, 0, 0, 7), (0, 9, 0, 7)):
            alone = make(FEATURES)
            for clips, count, is_real in (
                (real, shares[rank], True), (fake, shares[2 + rank], False),
            ):
                if count:
                    alone.update(clips, real=is_real)
            torch.testing.assert_close(alone.compute(), expected, rtol=1e-5, atol=1e-7)
            alone.reset()
            _fed(alone, real[rank::2], fake[rank::2], 2)  # and goes on afterwards
            torch.testing.assert_close(alone.compute(), expected, rtol=1e-5, atol=1e-7)
        if name != "neighbors":
            result = metric.result(resamples=0)
            assert (result.n_real, result.n_fake, result.frames) == (9, 7, 2), result
            assert abs(result.value - float(expected)) < 1e-6
    distributed.destroy_process_group()

if __name__ == "__main__":
    import tempfile
    with tempfile.TemporaryDirectory() as folder:
        context = multiprocessing.start_processes(
            work, (os.path.join(folder, "meet"),), nprocs=2, start_method="fork"
        )
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr


def test_the_inception_score_is_its_function_of_the_logits() -> None:
    classifier = nn.Sequential(nn.Flatten(), nn.Linear(96, 5))
    clips = _clips(0, 9)
    metric = VideoInceptionScore(classifier, splits=3)
    for batch in torch.split(clips, 2):
        metric.update(batch)
    expected = inception_score(classifier(clips).detach(), splits=3)
    torch.testing.assert_close(metric.compute(), expected, rtol=1e-5, atol=1e-6)
    result = metric.result()
    assert result.value == pytest.approx(float(expected[0]), rel=1e-5)
    assert (result.metric, result.n_real, result.n_fake) == (
        "inception score on Sequential", 0, 9,
    )  # fmt: skip
    assert result.notes[0].startswith("sample standard deviation over splits ")
    of_all = VideoInceptionScore(classifier, splits=3, correction=0)
    of_all.update(clips)
    torch.testing.assert_close(
        of_all.compute()[1], expected[1] * (2 / 3) ** 0.5, rtol=1e-5, atol=1e-6
    )
    assert of_all.result().notes[0].startswith("population standard deviation over splits ")
    with pytest.raises(ShapeError, match="there are no clips yet"):
        VideoInceptionScore(classifier).result()


def test_a_result_has_interval_floor_and_protocol() -> None:
    real, fake = _clips(0, 12), _clips(1, 10, 0.2)
    metric = FrechetVideoDistance(FEATURES, stride=4, clip_rule="center window")
    result = _fed(metric, real, fake, 5).result(resamples=20, splits=4, seed=3)
    colors = _colors(real), _colors(fake)
    assert result.value == pytest.approx(frechet_distance(*colors).item(), rel=1e-4)
    assert result.ci95 == pytest.approx(
        bootstrap_interval(frechet_distance, *colors, resamples=20, seed=3), rel=1e-3
    )
    floor = split_half_floor(frechet_distance, colors[0], splits=4, seed=3)
    assert result.floor == pytest.approx(floor, rel=1e-3)
    assert result.at_floor is not None
    assert result.at_floor > result.value
    assert (result.metric, result.extractor) == ("Frechet distance on mean colors", "mean colors")
    assert (result.n_real, result.n_fake, result.frames, result.size) == (12, 10, 2, (4, 4))
    assert (result.stride, result.clip_rule, result.dtype) == (4, "center window", "float64")
    assert result.notes == ("12 real and 10 fake clips: the value depends on both numbers",)
    plain = FrechetVideoDistance(FEATURES, keep_features=False, stride=4, clip_rule="center window")
    without = _fed(plain, real, fake, 5).result()
    assert without.value == pytest.approx(result.value, rel=1e-5)
    assert (without.ci95, without.floor) == (None, None)
    assert without - result == without.value - result.value
    scores = _fed(PrecisionRecallDensityCoverage(FEATURES, neighbors=2), real, fake, 5).results()
    assert [score.metric.split()[0] for score in scores] == [
        "precision", "recall", "density", "coverage",
    ]  # fmt: skip
    assert scores[0].settings == {"neighbors": 2}


@pytest.mark.parametrize("keep", [True, False])
def test_fewer_clips_than_numbers_are_warned_of(keep: bool) -> None:
    metric = FrechetVideoDistance(ModuleFeatures(nn.Flatten(), "pixels"), keep_features=keep)
    _fed(metric, _clips(0, 9), _clips(1, 9), 4)
    with pytest.warns(SmallSampleWarning, match="9 clips are fewer than the 96 numbers"):
        metric.compute()
    assert "fewer than the 96 numbers" in metric.result().notes[0]


def test_real_clips_may_be_kept_from_epoch_to_epoch() -> None:
    real, fake = _clips(0, 8), _clips(1, 8, 0.2)
    for keep in (True, False):
        metric = FrechetVideoDistance(FEATURES, reset_real_features=False, keep_features=keep)
        expected = _fed(metric, real, fake, 4).compute()
        metric.reset()
        metric.update(fake, real=False)
        torch.testing.assert_close(metric.compute(), expected)


def test_the_network_is_used_in_evaluation_mode_and_left_in_its_own() -> None:
    network = nn.Sequential(nn.BatchNorm3d(3), nn.Dropout(0.5), nn.AdaptiveAvgPool3d(1))
    before = copy.deepcopy(network.state_dict())
    metric = KernelVideoDistance(network)
    metric.train()
    network[1].eval()
    _fed(metric, _clips(0, 6), _clips(1, 6), 3)
    assert network[0].training
    assert not network[1].training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    # In training mode features would be normalized by the batch, and some dropped.
    expected = copy.deepcopy(network).eval()(_clips(0, 6)[:3]).flatten(1)
    assert torch.equal(metric.real_features[0], expected)


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_can_be_copied_pickled_and_restored(name: str) -> None:
    metric = _fed(METRICS[name][0](FEATURES), _clips(0, 6), _clips(1, 6), 3)
    value = metric.compute()
    for other in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric)), metric.clone()):
        torch.testing.assert_close(other.compute(), value)
    assert not any(key.startswith(("real", "fake")) for key in metric.state_dict())
    metric.persistent(True)
    assert any(key.startswith("real") for key in metric.state_dict())


def test_what_a_metric_cannot_take_is_refused() -> None:
    metric = FrechetVideoDistance(FEATURES)
    with pytest.raises(TypeError, match="video must be of a float type"):
        metric.update(torch.zeros(2, *CLIP, dtype=torch.uint8), real=True)
    metric.update(_clips(0, 4), real=True)
    with pytest.raises(ShapeError, match=r"there are no fake clips yet; call update\(video, real="):
        metric.compute()
    with pytest.raises(ShapeError, match=r"one size \(T, H, W\), got \(3, 4, 4\) after \(2, 4, 4"):
        metric.update(torch.zeros(2, 3, 3, 4, 4), real=False)
    sums = FrechetVideoDistance(FEATURES, keep_features=False)
    sums.update(_clips(0, 1), real=True)
    with pytest.raises(ShapeError, match="real features must be those of at least 2 clips, got 1"):
        sums.compute()


@pytest.mark.parametrize("name", METRICS)
def test_called_as_modules_are_it_takes_in_clips_once(name: str) -> None:
    real, fake = _clips(0, 8), _clips(1, 6, 0.2)
    make, function = METRICS[name]
    metric = make(FEATURES)
    assert metric(real, real=True) is None
    assert metric(fake, real=False) is None
    expected = function(_colors(real), _colors(fake))
    torch.testing.assert_close(metric.compute(), expected, rtol=1e-5, atol=1e-7)

"""What is no clip or no feature is refused by every metric in a sentence, and never a number."""

import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import stgan.metrics as measures
from stgan.errors import DataError, ShapeError
from stgan.metrics import ClipProtocol, ModuleFeatures

CLIP = (3, 4, 16, 16)
COLORS = nn.Sequential(nn.AdaptiveAvgPool3d(1), nn.Flatten())
IMAGE_COLORS = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
NAN, INF = float("nan"), float("inf")


def _clips(count: int = 4, size: tuple[int, ...] = CLIP) -> Tensor:
    return torch.rand(count, *size, generator=torch.Generator().manual_seed(0)) * 2 - 1


def _difference(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).abs().mean(dim=(1, 2, 3))


def _metric(kind: type[Any], real: bool, *args: Any, **settings: Any) -> Callable[[Tensor], Any]:
    def call(video: Tensor) -> Any:
        return kind(*args, **settings).update(video, real=real)

    return call


LABELS = torch.tensor([0, 1, 0, 1])
CLASSIFIER = measures.MotionClassifier(2)
# Every way for clips to enter, by the public name (and the side), with what the clips are called.
DOORS: dict[str, tuple[str, Callable[[Tensor], Any]]] = {
    "average_content_distance": ("video", measures.average_content_distance),
    "average_content_distance/image": (
        "image",
        lambda video: measures.average_content_distance(_clips(), video[:, :, 0]),
    ),
    "ClipScores/video": (
        "video",
        lambda video: measures.ClipScores([], classifier=CLASSIFIER).update("x", video),
    ),
    "ClipScores/real": (
        "real",
        lambda video: measures.ClipScores().update("x", _clips(), video),
    ),
    "condition_accuracy": (
        "videos",
        lambda video: measures.condition_accuracy(CLASSIFIER, video, LABELS),
    ),
    "diversity": ("videos", lambda video: measures.diversity(torch.stack([video, video], 1))),
    "first_frame_fidelity": (
        "video",
        lambda video: measures.first_frame_fidelity(video, _clips()[:, :, 0]),
    ),
    "first_frame_fidelity/image": (
        "image",
        lambda video: measures.first_frame_fidelity(_clips(), video[:, :, 0]),
    ),
    "fit_motion_classifier": (
        "clips",
        lambda video: measures.fit_motion_classifier((video, LABELS), 2, steps=1),
    ),
    "fit_motion_features": (
        "clips",
        lambda video: measures.fit_motion_features(video, steps=1),
    ),
    "frame_scores/fake": ("fake", lambda video: measures.frame_scores(video, _clips())),
    "frame_scores/real": ("real", lambda video: measures.frame_scores(_clips(), video)),
    "is_static": ("video", measures.is_static),
    "lpips/fake": ("fake", lambda video: measures.lpips(video, _clips(), _difference)),
    "lpips/real": ("real", lambda video: measures.lpips(_clips(), video, _difference)),
    "motion_confusion": (
        "videos",
        lambda video: measures.motion_confusion(CLASSIFIER, video, LABELS, 2),
    ),
    "motion_energy": ("video", measures.motion_energy),
    "motion_energy_gap/fake": (
        "fake",
        lambda video: measures.motion_energy_gap(video, _clips()),
    ),
    "motion_energy_gap/real": (
        "real",
        lambda video: measures.motion_energy_gap(_clips(), video),
    ),
    "moving_region": ("real", measures.moving_region),
    "moving_region_error/fake": (
        "fake",
        lambda video: measures.moving_region_error(video, _clips()),
    ),
    "moving_region_error/real": (
        "real",
        lambda video: measures.moving_region_error(_clips(), video),
    ),
    "multiscale_ssim/fake": ("fake", lambda video: measures.multiscale_ssim(video, _clips())),
    "multiscale_ssim/real": ("real", lambda video: measures.multiscale_ssim(_clips(), video)),
    "reverse_condition_accuracy": (
        "clips",
        lambda video: measures.reverse_condition_accuracy(
            (video, LABELS), _clips(), LABELS, 2, steps=1
        ),
    ),
    "FrameScores": ("fake", lambda video: measures.FrameScores().update(video, _clips())),
    "VideoInceptionScore": (
        "video",
        lambda video: measures.VideoInceptionScore(CLASSIFIER).update(video),
    ),
}
SETS: dict[str, tuple[type[Any], tuple[Any, ...], dict[str, Any]]] = {
    "FrechetVideoDistance": (measures.FrechetVideoDistance, (COLORS,), {}),
    "FrechetVideoDistance/sums": (
        measures.FrechetVideoDistance, (COLORS,), {"keep_features": False},
    ),
    "KernelVideoDistance": (measures.KernelVideoDistance, (COLORS,), {}),
    "PrecisionRecallDensityCoverage": (measures.PrecisionRecallDensityCoverage, (COLORS,), {}),
    "FrameFrechetDistance": (
        measures.FrameFrechetDistance, (IMAGE_COLORS,), {"num_features": 3},
    ),
}  # fmt: skip
for _name, (_kind, _args, _settings) in SETS.items():
    for _real in (True, False):
        _side = "real" if _real else "fake"
        DOORS[f"{_name}/{_side}"] = (
            f"{_side} video", _metric(_kind, _real, *_args, **_settings),
        )  # fmt: skip
# Of what else is public: no clips are measured, or they are shown as they are.
NO_DOORS = {
    "CLIP_SCORES", "FEATURE_METRICS", "MAX_PSNR", "ClipProtocol", "ClipScore", "MetricResult",
    "SmallSampleWarning",
    # Networks, which look at no values so that they can be compiled.
    "FeatureExtractor", "I3D", "I3DFeatures", "LpipsNetwork", "ModuleFeatures", "MotionClassifier",
    "MotionFeatures", "TimmFrameFeatures", "TorchvisionFeatures",
    "first_frame_control", "time_slice",
    # Of features, tested below.
    "bootstrap_interval", "frechet_distance", "frechet_distance_of_moments", "inception_score",
    "kernel_distance", "precision_recall_density_coverage", "score_features", "split_half_floor",
}  # fmt: skip


def test_every_public_name_is_a_door_or_known_to_be_none() -> None:
    doors = {name.partition("/")[0] for name in DOORS}
    assert doors.isdisjoint(NO_DOORS)
    assert doors | NO_DOORS == {*measures.__all__}


@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("door", DOORS)
def test_clips_with_places_that_are_no_numbers_are_refused(door: str, value: float) -> None:
    name, call = DOORS[door]
    video = _clips()
    video[2, 0, 0, 5, 7] = value
    with pytest.raises(ValueError, match=rf"^{name} must be finite, got .* in clip 2 of 4; find"):
        call(video)


@pytest.mark.parametrize("door", DOORS)
def test_clips_in_the_range_of_bytes_are_refused(door: str) -> None:
    name, call = DOORS[door]
    video = (_clips() + 1) * 127.5
    with pytest.raises(ValueError, match=rf"^{name} must lie in \[-1, 1\], .* by x / 127.5 - 1$"):
        call(video)


@pytest.mark.parametrize("door", DOORS)
def test_no_clips_and_clips_without_pixels_are_refused(door: str) -> None:
    with pytest.raises(ShapeError, match=rf"^{DOORS[door][0]} must (not be empty|be laid)"):
        DOORS[door][1](_clips()[:0])
    with pytest.raises(ShapeError, match=rf"^{DOORS[door][0]} must (not be empty|be laid)"):
        DOORS[door][1](_clips()[..., :0])


def test_clips_of_a_dataset_are_named_by_their_number() -> None:
    clips = [{"video": clip, "label": 0} for clip in _clips()]
    clips[3]["video"] = clips[3]["video"] * NAN  # type: ignore[operator]
    with pytest.raises(ValueError, match=r"^clip 3 must be finite"):
        measures.fit_motion_classifier(clips, 2, steps=1)  # type: ignore[arg-type]


def test_a_sentence_names_a_few_clips_and_counts_the_others() -> None:
    video = _clips(9)
    video[1:] = NAN
    with pytest.raises(ValueError, match=r"in clips 1, 2, 3, 4, 5 and 3 more of 9; find"):
        measures.motion_energy(video)


@pytest.mark.parametrize("high", [1.2, 4.0])
def test_a_clip_may_overshoot(high: float) -> None:
    video = _clips() * high
    assert measures.motion_energy(video).isfinite().all()


# Features.

FEATURES: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "frechet": measures.frechet_distance,
    "kernel": measures.kernel_distance,
    "neighbors": lambda real, fake: measures.precision_recall_density_coverage(
        real, fake, neighbors=2
    ),
    "score_features": lambda real, fake: measures.score_features(
        real, fake, COLORS, ClipProtocol(4, (16, 16))
    ),
}


@pytest.mark.parametrize("value", [NAN, INF, 1e200])
@pytest.mark.parametrize("side", ["real", "fake"])
@pytest.mark.parametrize("call", FEATURES.values(), ids=FEATURES)
def test_features_that_are_no_numbers_are_refused(
    call: Callable[[Tensor, Tensor], Any], side: str, value: float
) -> None:
    sets = {name: torch.randn(12, 3, dtype=torch.float64) for name in ("real", "fake")}
    sets[side][[4, 11], 1] = value
    with pytest.raises(ValueError, match=rf"^{side} features must be finite, .* clips 4, 11 of 12"):
        call(sets["real"], sets["fake"])


def test_logits_and_moments_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^logits must be finite, .* in clip 1 of 3"):
        measures.inception_score(torch.tensor([[0.0, 1], [-INF, 0], [1, 2]]), splits=1)
    zero, one = torch.zeros(2), torch.eye(2)
    with pytest.raises(ValueError, match=r"^fake_mean must be finite, got NaN or infinite"):
        measures.frechet_distance_of_moments(zero, one, zero * NAN, one)
    with pytest.raises(ValueError, match=r"^real_cov must be finite"):
        measures.frechet_distance_of_moments(zero, one * INF, zero, one)
    with pytest.raises(ValueError, match=r"positive semidefinite, .* from -1 to -1$"):
        measures.frechet_distance_of_moments(zero, -one, zero, one)


def test_infinite_features_in_half_precision_are_refused() -> None:
    real = torch.full((4, 3), INF, dtype=torch.half)
    with pytest.raises(ValueError, match="real features must be finite"):
        measures.frechet_distance(real, real)


def test_one_class_and_one_clip_a_part_have_no_inception_score() -> None:
    with pytest.raises(ShapeError, match=r"logits must be of at least 2 classes, got \(4, 1\)"):
        measures.inception_score(torch.zeros(4, 1), splits=1)
    with pytest.raises(ShapeError, match="at least 2 clips, two a split, got 1"):
        measures.inception_score(torch.zeros(1, 4), splits=1)


def test_a_bound_that_is_no_number_is_refused() -> None:
    for call in (measures.is_static, measures.moving_region):
        with pytest.raises(ValueError, match="threshold must be at least 0, got nan"):
            call(_clips(), NAN)


def test_a_refused_batch_leaves_no_size_behind() -> None:
    metric = measures.FrechetVideoDistance(Odd(lambda rows: rows * NAN))
    with pytest.raises(ValueError, match="features of Odd must be finite"):
        metric.update(_clips(), real=True)
    metric.extractor = COLORS
    metric.update(_clips(size=(3, 2, 8, 8)), real=True)
    assert metric.clip_size.tolist() == [2, 8, 8]


def test_features_without_a_length_are_refused() -> None:
    with pytest.raises(ShapeError, match="got 0 and 0 numbers a clip"):
        measures.frechet_distance(torch.zeros(4, 0), torch.zeros(4, 0))


def test_a_kernel_that_overflows_is_refused() -> None:
    real = torch.full((4, 3), 1e20)
    with pytest.raises(ValueError, match=r"kernel of degree 40, .* overflows"):
        measures.kernel_distance(real, 2 * real, degree=40)


def test_intervals_and_floors_need_finite_values() -> None:
    real = torch.randn(8, 2)

    def broken(real: Tensor, fake: Tensor) -> float:
        return NAN

    with pytest.raises(ValueError, match=r"^statistic must be a finite number, got nan for 4 real"):
        measures.bootstrap_interval(broken, real, real)
    with pytest.raises(ValueError, match=r"^statistic must be a finite number, got nan for 4 real"):
        measures.split_half_floor(broken, real)


# Networks.


class Odd(nn.Module):
    """A network of clips, or of pairs of images, that returns something odd."""

    def __init__(self, returned: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.returned = returned

    def forward(self, video: Tensor, *other: Tensor) -> Any:
        return self.returned(video.flatten(1)[:, :2])


ODD: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "tuple": (lambda rows: (rows, rows), "Odd must return one tensor of features, got tuple; wrap"),
    "dictionary": (lambda rows: {"x": rows}, "Odd must return one tensor of .*, got dict; wrap"),
    "nothing": (lambda rows: None, "Odd must return one tensor of features, got NoneType; wrap"),
    "too few": (lambda rows: rows[1:], r"Odd must return .*N=4.*, got \(3, 2\)"),
    "no numbers": (lambda rows: rows[:, :0], r"Odd must return features \(N=4, D\), got \(4, 0\)"),
    "integers": (lambda rows: rows.long(), "Odd must return features of a float type, got torch.i"),
    "NaN": (lambda rows: rows * NAN, "features of Odd must be finite, .* clips 0, 1, 2, 3 of 4"),
}
STREAMS: dict[str, Callable[[nn.Module], Any]] = {
    "FrechetVideoDistance": measures.FrechetVideoDistance,
    "FrechetVideoDistance/sums": lambda network: measures.FrechetVideoDistance(
        network, keep_features=False
    ),
    "KernelVideoDistance": measures.KernelVideoDistance,
    "PrecisionRecallDensityCoverage": measures.PrecisionRecallDensityCoverage,
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_a_network_that_returns_no_features_is_refused_at_its_first_batch(
    stream: Callable[[nn.Module], Any], odd: str
) -> None:
    returned, sentence = ODD[odd]
    with pytest.raises((TypeError, ValueError), match=f"^{sentence}"):
        stream(Odd(returned)).update(_clips(), real=True)


@pytest.mark.parametrize("odd", ODD)
def test_a_classifier_that_returns_no_logits_is_refused(odd: str) -> None:
    returned, sentence = ODD[odd]
    for call in (
        lambda network: measures.VideoInceptionScore(network).update(_clips()),
        lambda network: measures.condition_accuracy(network, _clips(), LABELS),
        lambda network: measures.motion_confusion(network, _clips(), LABELS, 2),
    ):
        wanted = sentence.replace("features", "(features|logits)").replace(r"D\)", r"D(=2)?\)")
        with pytest.raises((TypeError, ValueError), match=f"^{wanted}"):
            call(Odd(returned))


def test_a_network_whose_features_change_their_length_is_refused() -> None:
    metric = measures.FrechetVideoDistance(Odd(lambda rows: rows[:, : len(rows)]))
    metric.update(_clips(2), real=True)
    with pytest.raises(ShapeError, match=r"^Odd must return features \(N=1, D=2\), got \(1, 1\)"):
        metric.update(_clips(1), real=True)


@pytest.mark.parametrize("odd", ["tuple", "dictionary", "nothing"])
def test_networks_in_wrappers_are_named_by_their_title(odd: str) -> None:
    returned, sentence = ODD[odd]
    with pytest.raises(TypeError, match=r"^" + sentence.replace("Odd", "a title")):
        ModuleFeatures(Odd(returned), "a title")(_clips())


def test_a_network_of_frames_that_returns_no_features_is_refused() -> None:
    def update(returned: Callable[[Tensor], Any], length: int = 2) -> None:
        measures.FrameFrechetDistance(Odd(returned), num_features=length).update(
            _clips(), real=True
        )

    with pytest.raises(TypeError, match=r"^Odd must return one tensor of features, got tuple"):
        update(lambda rows: (rows, rows))
    with pytest.raises(ShapeError, match=r"^Odd must return .*\(N=16, D=3\), got \(16, 2\)"):
        update(lambda rows: rows, length=3)
    with pytest.raises(ValueError, match=r"^features of Odd must be finite"):
        update(lambda rows: rows * NAN)


def test_a_network_of_pairs_returns_one_finite_distance_for_each() -> None:
    clips = _clips()
    expected = measures.lpips(clips, -clips, _difference)  # type: ignore[arg-type]
    four_axes = Odd(lambda rows: rows[:, :1, None, None] * 0 + 1)
    torch.testing.assert_close(measures.lpips(clips, -clips, four_axes), torch.ones(4))
    assert expected.shape == (4,)
    with pytest.raises(ShapeError, match=r"Odd must return one distance for each of 12 .* \(\)"):
        measures.lpips(clips, clips, Odd(lambda rows: rows.mean()))
    with pytest.raises(ShapeError, match=r"Odd must return one distance .* got \(12, 2\)"):
        measures.lpips(clips, clips, Odd(lambda rows: rows))
    with pytest.raises(TypeError, match="Odd must return one tensor of distances, got list"):
        measures.lpips(clips, clips, Odd(lambda rows: [rows]))
    with pytest.raises(ValueError, match="distances of Odd must be finite"):
        measures.lpips(clips, clips, Odd(lambda rows: rows[:, 0] * INF))


def test_features_of_frames_are_finite_and_of_one_length() -> None:
    with pytest.raises(TypeError, match="features of frames must be a tensor, got tuple"):
        measures.average_content_distance(_clips(), features=lambda images: (images,))  # type: ignore[arg-type, return-value]
    with pytest.raises(ValueError, match="features of frames must be finite"):
        measures.average_content_distance(_clips(), features=lambda images: images.flatten(1) * NAN)


# Too few clips.


@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("set_", SETS)
def test_no_clip_or_one_is_no_number(set_: str, count: int) -> None:
    kind, args, settings = SETS[set_]
    metric = kind(*args, **settings)
    if count:
        for real in (True, False):
            metric.update(_clips(1)[:, :, :1], real=real)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchmetrics warns of no update, too
        with pytest.raises(ShapeError, match=r"real|clips yet"):
            metric.compute()


def test_scores_of_no_frames_are_no_number() -> None:
    with (
        pytest.warns(UserWarning, match="before the"),
        pytest.raises(ShapeError, match=r"there are no clips yet; call update\(fake, real\)"),
    ):
        measures.FrameScores().compute()


def test_fewer_frames_than_features_are_told() -> None:
    metric = measures.FrameFrechetDistance(nn.Flatten(), num_features=768)
    for real in (True, False):
        metric.update(_clips(), real=real)
    with pytest.warns(measures.SmallSampleWarning, match="16 frames are fewer than the 768"):
        metric.compute()
    assert "16 frames are fewer" in metric.result(ClipProtocol(4, (16, 16))).notes[0]


# Results.

RESULT = measures.MetricResult(
    "energy", 0.5, n_real=0, n_fake=4, frames=4, size=(16, 16), stride=1, clip_rule="as given",
    resize="none", range="[-1, 1]", extractor="none", sha256=None, dtype="float32",
)  # fmt: skip


@pytest.mark.parametrize("value", [None, "high", 10**400])
def test_a_value_that_is_no_number_is_refused(value: Any) -> None:
    plain = RESULT.as_dict() | {"value": value}
    with pytest.raises(DataError, match="a result must hold the numbers of one: "):
        measures.MetricResult.from_dict(plain)


@pytest.mark.parametrize("value", [NAN, INF])
@pytest.mark.parametrize("name", ["value", "floor", "at_floor", "ci95"])
def test_a_result_is_a_number(name: str, value: float) -> None:
    given: Any = (0.0, value) if name == "ci95" else value
    with pytest.raises(ValueError, match=f"^{name}.* of energy must be finite, got {value};"):
        replace(RESULT, **{name: given})


def test_json_of_a_result_holds_no_word_that_json_does_not_know(tmp_path: Path) -> None:
    odd = replace(RESULT, settings={"threshold": NAN})
    for write in (odd.as_dict, lambda: odd.save(tmp_path / "result.json")):
        with pytest.raises(ValueError, match=r"^settings of energy must be finite numbers"):
            write()
    assert not [*tmp_path.iterdir()]
    plain = RESULT.as_dict() | {"value": INF}
    (tmp_path / "result.json").write_text(json.dumps(plain))
    with pytest.raises(DataError, match="value of energy must be finite, got"):
        measures.MetricResult.load(tmp_path / "result.json")

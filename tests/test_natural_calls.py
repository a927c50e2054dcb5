"""What users of torch, timm and torchmetrics write: done if it is plain, else one sentence."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import stgan
from stgan.blocks import SpatioTemporalFusion
from stgan.config import make_inputs
from stgan.decoders import VideoDecoder
from stgan.discriminators import (
    ImageDiscriminator,
    ProjectionHead,
    RandomFrames,
    StreamSpec,
    TwoStreamDiscriminator,
    VideoDiscriminator,
)
from stgan.functional import FusedFeatures, one_hot_label
from stgan.layers import Conv1Plus2d, OneHotMapProjector
from stgan.losses import FeatureMatchingPenalty, HingeLoss, ModeSeekingPenalty, WeightedTerms
from stgan.testing._subject import Subject

VIDEO = torch.linspace(-1, 1, 2 * 3 * 4 * 8 * 8).view(2, 3, 4, 8, 8)
IMAGE = VIDEO[:, :, 0]
LABELED = [
    (kind, name)
    for kind in ("fusions", "projectors", "discriminators", "heads")
    for name in stgan.list(kind)
    if "< 3" in str(stgan.info(kind, name).example.inputs)  # type: ignore[union-attr]
]


@pytest.mark.parametrize("make", [Tensor.tolist, np.asarray, lambda x: tuple(x.tolist())],
                         ids=["list", "array", "tuple"])  # fmt: skip
@pytest.mark.parametrize(("kind", "name"), LABELED, ids=["/".join(one) for one in LABELED])
def test_a_label_may_be_a_list_or_an_array(
    kind: str, name: str, make: Callable[[Tensor], Any]
) -> None:
    example = stgan.info(kind, name).example
    assert example is not None
    part = stgan.build({"kind": kind, "name": name, **example.settings}).eval()
    inputs = make_inputs(example)
    place = next(key for key, layout in example.inputs.items() if "< 3" in str(layout))
    expected = part(**inputs)
    got = part(**inputs | {place: make(inputs[place])})
    torch.testing.assert_close(got, expected, rtol=0, atol=0)


def _video(**settings: Any) -> VideoDiscriminator:
    return VideoDiscriminator((4, 8, 8), base_channels=2, **settings)


def _image() -> ImageDiscriminator:
    return ImageDiscriminator(8, base_channels=2)


FUSED = FusedFeatures(VIDEO, (IMAGE, torch.zeros(2, 5)))
COUNTED: dict[str, Callable[[Any], Any]] = {
    "discriminator": lambda count: _video(num_classes=count),
    "image": lambda count: ImageDiscriminator(8, base_channels=2, num_classes=count),
    "patch": lambda count: stgan.create("discriminators", "video_patch", num_classes=count),
    "fusion": lambda count: SpatioTemporalFusion(3, 2, count),
    "decoder": lambda count: VideoDecoder(4, (), num_classes=count),
    "head": lambda count: ProjectionHead(4, num_classes=count),
    "projector": lambda count: OneHotMapProjector(count),
    "function": lambda count: one_hot_label(torch.tensor([0]), count),
}


@pytest.mark.parametrize("count", [None, 2.0, "2", True, [2]], ids=str)
@pytest.mark.parametrize("name", COUNTED)
def test_a_number_of_classes_is_an_integer(name: str, count: Any) -> None:
    with pytest.raises(TypeError, match=r"^num_classes must be (an|a positive) integer.*, got "):
        COUNTED[name](count)


@pytest.mark.parametrize("kind", [np.int64, np.int32, int])
def test_integers_of_numpy_count_classes(kind: Any) -> None:
    critic = _video(num_classes=kind(3))
    assert type(critic.num_classes) is int
    assert critic(VIDEO, [0, 2]).shape == (2,)


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "label-number": (
        lambda: _video(num_classes=3)(VIDEO, 1),
        ValueError, r"label must be \(N,\) integers or \(N, K=3\) rows, got \(\) of int64",
    ),
    "label-words": (
        lambda: _video(num_classes=3)(VIDEO, ["run", "walk"]),
        TypeError, r"label must be a tensor or a list of \(N,\) integers or .*, got \['run', 'walk",
    ),
    "label-long": (
        lambda: one_hot_label("x" * 10**6, 3),  # type: ignore[arg-type]
        TypeError, r"^label must be .{,150}$",
    ),
    "network-class": (
        lambda: TwoStreamDiscriminator(video=VideoDiscriminator),  # type: ignore[arg-type]
        TypeError, r"video must be a module, got <class .*; build it first, VideoDiscriminator\(\.",
    ),
    "network-name": (
        lambda: TwoStreamDiscriminator(image="image"),  # type: ignore[arg-type]
        TypeError, "^image must be a module, got 'image'$",
    ),
    "spec-class": (
        lambda: StreamSpec(VideoDiscriminator),  # type: ignore[arg-type]
        TypeError, "network must be a module, got <class",
    ),
    "streams-list": (
        lambda: TwoStreamDiscriminator(streams=[_video()]),  # type: ignore[arg-type]
        TypeError, "streams must be a mapping from names to networks, got list",
    ),
    "sampler-name": (
        lambda: TwoStreamDiscriminator(image=_image(), sampler="random_frames"),  # type: ignore
        TypeError, r"sampler must be a frame sampler, such as RandomFrames\(2\), got 'random",
    ),
    "sampler-class": (
        lambda: TwoStreamDiscriminator(image=_image(), sampler=RandomFrames),  # type: ignore
        TypeError, "sampler must be a frame sampler, .*, got <class",
    ),
    "sampler-spec": (
        lambda: StreamSpec(_video(), sampler=2),  # type: ignore[arg-type]
        TypeError, "sampler must be a frame sampler, .*, got 2",
    ),
    "fused-layer": (
        lambda: nn.Conv3d(11, 4, 1)(FUSED),
        TypeError, r"conv3d of torch takes tensors, got FusedFeatures; pass what its materialize\(",
    ),
    "fused-function": (
        lambda: torch.relu(FUSED),  # type: ignore[arg-type]
        TypeError, "relu of torch takes tensors, got FusedFeatures; pass what its materialize",
    ),
    "fused-list": (
        lambda: torch.cat([FUSED, FUSED]),  # type: ignore[list-item]
        TypeError, "cat of torch takes tensors, got FusedFeatures",
    ),
    "fused-norm": (
        lambda: nn.BatchNorm3d(11)(FUSED),
        AttributeError, r"FusedFeatures has no 'dim', .*; use what its materialize\(\) returns",
    ),
    "features-tensor": (
        lambda: FeatureMatchingPenalty()(real=VIDEO, fake=VIDEO),
        TypeError, "real must be a list of features, layer by layer, got Tensor",
    ),
    "pair-tensor": (
        lambda: ModeSeekingPenalty()(fake=VIDEO, z=VIDEO),
        TypeError, "fake must be a pair of batches, .* got Tensor",
    ),
    "weight-word": (
        lambda: WeightedTerms({"l1": "1"}),  # type: ignore[dict-item]
        TypeError, "the weight of 'l1' must be a number, got '1'",
    ),
    "term-number": (
        lambda: WeightedTerms({"l1": 1.0})({"l1": 0.5}),  # type: ignore[dict-item]
        TypeError, "the term 'l1' must be a tensor, got float",
    ),
    "half-input": (
        lambda: _video()(VIDEO.half()),
        TypeError, r"one type and device, got torch\.float16 on cpu and torch\.float32 on cpu",
    ),
    "half-weights": (
        lambda: Conv1Plus2d(3, 4, 3).half()(VIDEO),
        TypeError, r"one type and device, got torch\.float32 on cpu and torch\.float16 on cpu",
    ),
    "double-input": (
        lambda: Conv1Plus2d(3, 4, 3)(VIDEO.double()),
        TypeError, r"got torch\.float64 on cpu and torch\.float32 on cpu; convert one",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_plain_is_answered_in_a_sentence(name: str) -> None:
    call, error, sentence = REFUSED[name]
    with pytest.raises(error, match=sentence):
        call()


TAKES_MODULES: dict[str, Callable[[Any], Any]] = {
    "init_normal_": lambda module: stgan.layers.init_normal_(module, 0.02),
    "spectral_norm": stgan.layers.spectral_norm,
    "recompute_activations": stgan.layers.recompute_activations,
    "clip_singular_values_": stgan.losses.clip_singular_values_,
    "ExponentialMovingAverage": stgan.training.ExponentialMovingAverage,
    "checkpoint_activations": stgan.training.checkpoint_activations,
    "frozen": lambda module: stgan.training.frozen(module).__enter__(),
    "gradient_norm": stgan.training.gradient_norm,
    "weight_norm": stgan.training.weight_norm,
    "spectral_sigmas": stgan.training.spectral_sigmas,
    "synchronize_batch_norm": stgan.training.synchronize_batch_norm,
    "FrechetVideoDistance": stgan.metrics.FrechetVideoDistance,
    "KernelVideoDistance": stgan.metrics.KernelVideoDistance,
    "FrameFrechetDistance": stgan.metrics.FrameFrechetDistance,
    "ModuleFeatures": lambda module: stgan.metrics.ModuleFeatures(module, "own"),
}


@pytest.mark.parametrize("name", TAKES_MODULES)
def test_a_class_in_the_place_of_a_module_is_to_be_built_first(name: str) -> None:
    with pytest.raises(
        TypeError, match=r"must be a module, got .*; build it first, nn\.Conv3d\(\."
    ):
        TAKES_MODULES[name](nn.Conv3d)


def test_metrics_answer_in_their_own_names() -> None:
    metric = stgan.metrics.KernelVideoDistance(nn.Flatten())
    with pytest.raises(TypeError, match=r"^KernelVideoDistance\.update\(\) "):
        metric.update(VIDEO)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"^KernelVideoDistance\.__init__\(\) "):
        stgan.metrics.KernelVideoDistance()  # type: ignore[call-arg]


def test_named_logits_of_a_critic_are_a_loss_and_reach_all_streams() -> None:
    critic = TwoStreamDiscriminator(video=_video(), image=_image())
    logits = critic(VIDEO)
    loss = HingeLoss().generator(fake=logits)
    torch.testing.assert_close(loss, -logits["video"].mean() - logits["image"].mean())
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is not None for parameter in critic.parameters())


def test_fused_features_are_what_they_were() -> None:
    assert FUSED.shape == (2, 11, 4, 8, 8)
    assert not hasattr(FUSED, "dtype")
    assert isinstance(FUSED, tuple)
    assert Subject(Conv1Plus2d(11, 2, 1), {"video": FUSED}).expected.shape == (2, 2, 4, 8, 8)

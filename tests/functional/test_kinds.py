"""Bytes, labels, booleans and complex numbers in the place of floats: one sentence everywhere."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from stgan import functional

N, C, T, H, W = 2, 3, 4, 6, 6
# Sizes of what is no weight, in the order of the arguments of every public function.
VIDEO, IMAGE, CODE = (N, C, T, H, W), (N, C, H, W), (N, C)
LOGITS = dict.fromkeys(("real", "fake"), (N,))
CLIPS = dict.fromkeys(("real", "fake"), VIDEO)


def _critic(x: Tensor) -> Tensor:
    return x.flatten(1).sum(1)


def _weights(*shapes: tuple[int, ...]) -> list[Tensor]:
    return [torch.ones(shape) for shape in shapes]


_ACYCLIC = {
    "spacing": 2,
    "frequencies": torch.ones(2),
    "phase_scales": torch.ones(2),
    "period_weight": torch.ones(2, C),
    "phase_weight": torch.ones(2, C),
    "anchor_weight": torch.ones(4, C),
}
_KERNEL = torch.ones(C, C, 3, 3, 3)
_TIME, _SPACE = _weights((C, C, 3, 1, 1), (C, C, 1, 3, 3))
_DEPTHWISE, _POINTWISE = _weights((C, 1, 3, 3, 3), (C, C, 1, 1, 1))
_GATES = _weights((4 * C, C, 3, 3), (4 * C, C, 3, 3))
_GRU = _weights((3 * C, C, 3, 3), (2 * C, C, 3, 3), (C, C, 3, 3))
_INDICES = torch.zeros(N, 2, dtype=torch.int64)

#: The tensors of floats that a function takes, by name, and how it is called with them.
CALLS: dict[str, tuple[dict[str, tuple[int, ...]], dict[str, Any]]] = {
    "acyclic_latents": ({"codes": (N, C, 3), "times": (N, T)}, _ACYCLIC),
    "adjust_luma_chroma": (
        {
            "video": VIDEO,
            **dict.fromkeys(("brightness", "contrast", "luma_sign", "hue", "saturation"), (N,)),
        },
        {},
    ),
    "attend": ({"query": VIDEO, "key": VIDEO, "value": VIDEO}, {}),
    "attend_to_tokens": (
        {"query": VIDEO, "key": (N, 2, C), "value": (N, 2, C)},
        {"num_heads": 1},
    ),
    "balanced_consistency_penalty": (CLIPS, {"discriminator": _critic, "augment": torch.neg}),
    "blur_pool": ({"video": VIDEO}, {"taps": torch.ones(3)}),
    "blurred_noise": ({"noise": (N, C, T)}, {"filters": torch.ones(2, 3)}),
    "charbonnier_loss": (CLIPS, {}),
    "compose_affine": ({"outer": (N, 2, 3), "inner": (N, 2, 3)}, {}),
    "composite_flow": (
        {"image": IMAGE, "flow": (N, 2, T, H, W), "mask": (N, 1, T, H, W), "video": VIDEO},
        {},
    ),
    "composite_mask": (
        {"foreground": VIDEO, "mask": (N, 1, T, H, W), "background": IMAGE},
        {},
    ),
    "consistency_penalty": ({"real": VIDEO}, {"discriminator": _critic, "augment": torch.neg}),
    "conv_1p2d": ({"video": VIDEO}, {"temporal_weight": _TIME, "spatial_weight": _SPACE}),
    "conv_2p1d": ({"video": VIDEO}, {"temporal_weight": _TIME, "spatial_weight": _SPACE}),
    "conv_3d": ({"video": VIDEO}, {"weight": _KERNEL}),
    "conv_gru": (
        {"video": VIDEO, "state": IMAGE},
        dict(zip(("input_weight", "gate_weight", "candidate_weight"), _GRU, strict=True)),
    ),
    "conv_lstm": (
        {"video": VIDEO},
        {"state": None, **dict(zip(("input_weight", "hidden_weight"), _GATES, strict=True))},
    ),
    "conv_separable": (
        {"video": VIDEO},
        {"depthwise_weight": _DEPTHWISE, "pointwise_weight": _POINTWISE},
    ),
    "conv_transpose_1p2d": (
        {"video": VIDEO},
        {"temporal_weight": _TIME, "spatial_weight": _SPACE},
    ),
    "conv_transpose_2p1d": (
        {"video": VIDEO},
        {"temporal_weight": _TIME, "spatial_weight": _SPACE},
    ),
    "conv_transpose_3d": ({"video": VIDEO}, {"weight": _KERNEL}),
    "conv_transpose_separable": (
        {"video": VIDEO},
        {"depthwise_weight": _DEPTHWISE, "pointwise_weight": _POINTWISE},
    ),
    "cut_out": ({"video": VIDEO}, {"center": _INDICES, "size": (2, 2)}),
    "downsample_time": ({"video": VIDEO}, {"taps": torch.ones(4), "factor": 2}),
    "dragan_penalty": ({"real": VIDEO, "noise": VIDEO}, {"discriminator": _critic}),
    "expand_over_time": ({"image": IMAGE}, {"num_frames": T}),
    "first_frame_loss": ({"fake": VIDEO, "real": IMAGE}, {}),
    "flip_clips": ({"video": VIDEO}, {"flipped": torch.ones(N, dtype=torch.bool), "axis": 4}),
    "focal_frequency_loss": (CLIPS, {}),
    "fold_time": ({"video": VIDEO}, {}),
    "frame_difference_loss": (CLIPS, {}),
    "gate_streams": ({"video": VIDEO, "still": IMAGE, "gate": VIDEO}, {}),
    "gradient_loss": (CLIPS, {}),
    "gradient_penalty": ({**CLIPS, "mix": (N,)}, {"discriminator": _critic}),
    "hinge_generator_loss": ({"fake": (N,)}, {}),
    "instance_noise": ({"video": VIDEO}, {"std": 0.1}),
    "jitter_color": (
        {"video": VIDEO, **dict.fromkeys(("brightness", "saturation", "contrast"), (N,))},
        {},
    ),
    "l1_loss": (CLIPS, {}),
    "l2_loss": (CLIPS, {}),
    "latent_walk": ({"z": CODE}, {"steps": [torch.zeros(N, 2)], "basis": torch.ones(2, C)}),
    "least_squares_generator_loss": ({"fake": (N,)}, {}),
    "lecam_penalty": (LOGITS, {"real_mean": torch.zeros(()), "fake_mean": torch.zeros(())}),
    "minibatch_stddev": ({"x": VIDEO}, {}),
    "minimax_generator_loss": ({"fake": (N,)}, {}),
    "mix_class_maps": ({"rows": (N, 2), "maps": (2, C, 2, 2)}, {"size": 2}),
    "modulate_video": ({"video": VIDEO, "scale": CODE, "shift": CODE}, {}),
    "non_saturating_generator_loss": ({"fake": (N,)}, {}),
    "perceptual_loss": (CLIPS, {"features": nn.Identity()}),
    "pixel_shuffle": ({"video": (N, 8, T, H, W)}, {"scale": 2}),
    "pixel_unshuffle": ({"video": VIDEO}, {"scale": 2}),
    "projection_logit": ({"vector": CODE, "embedding": CODE}, {}),
    "r1_penalty": ({"real": VIDEO}, {"discriminator": _critic}),
    "r2_penalty": ({"fake": VIDEO}, {"discriminator": _critic}),
    "recurrent_latents": ({"z": CODE, "noise": (N, C, T)}, {"cell": torch.add}),
    "repeat_latent": ({"z": CODE}, {"num_frames": T}),
    "resize_conv": ({"video": VIDEO}, {"weight": _KERNEL}),
    "spread_rows": ({"rows": CODE}, {"size": (T, H, W)}),
    "ssim_2d_loss": (CLIPS, {"window_size": 3}),
    "ssim_3d_loss": (CLIPS, {"window_size": 3}),
    "take_frames": ({"video": VIDEO}, {"indices": _INDICES}),
    "temporal_shift": ({"video": VIDEO}, {"from_future": 1, "from_past": 1}),
    "translate_clips": ({"video": VIDEO}, {"shift": _INDICES}),
    "unfold_time": ({"images": (N * T, C, H, W)}, {"num_frames": T}),
    "upsample_linear": ({"video": VIDEO}, {"scale": 2}),
    "upsample_nearest": ({"video": VIDEO}, {"scale": 2}),
    "upsample_time": ({"video": VIDEO}, {"taps": torch.ones(4), "factor": 2}),
    "warp_affine": ({"video": VIDEO, "matrix": (N, 2, 3)}, {}),
    "warp_image": ({"image": IMAGE, "flow": (N, 2, T, H, W)}, {}),
    "wasserstein_generator_loss": ({"fake": (N,)}, {}),
    "zero_centered_penalty": ({**CLIPS, "mix": (N,)}, {"discriminator": _critic}),
    **{
        name: (LOGITS, {})
        for name in functional.__all__
        if name.endswith("_discriminator_loss") or name.startswith("relativistic_")
    },
}
#: Functions without such tensors, with lists of them, or of weights.
OTHERS = {
    "FusedFeatures", "add_streams", "clip_singular_values", "compose_kernels",
    "compose_separable_kernel", "concat_streams", "factorized_mid_channels",
    "feature_matching_penalty", "kaiser_taps", "lowpass_filters", "mean_feature_matching_penalty",
    "mode_seeking_penalty", "one_hot_label", "one_hot_map", "orthogonal_penalty", "reduce_loss",
    "temporal_conv_fused", "temporal_conv_transpose_fused",
}  # fmt: skip
NO_FLOATS = (torch.uint8, torch.int64, torch.bool, torch.complex64)


def _refused(call: Callable[..., Any], given: dict[str, Tensor]) -> None:
    call(**given)
    for name, tensor in given.items():
        for dtype in NO_FLOATS:
            # Streams and layers among others are told by what they are.
            sentence = rf"({name}|stream|layer) .*must be of a float type.*, got {dtype}; convert "
            with pytest.raises(TypeError, match=sentence):
                call(**{**given, name: tensor.to(dtype)})


def test_every_public_function_is_tried() -> None:
    assert {*CALLS} | OTHERS == {*functional.__all__}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_not_of_floats_is_refused(name: str) -> None:
    floats, others = CALLS[name]
    given = {key: torch.zeros(shape) for key, shape in floats.items()}
    _refused(partial(getattr(functional, name), **others), given)


STREAMS = {"video": torch.zeros(VIDEO), "other": torch.zeros(IMAGE)}
FUSED = {"video": torch.zeros(VIDEO), "static": torch.zeros(CODE)}


@pytest.mark.parametrize("name", ["add_streams", "concat_streams"])
def test_streams_that_are_not_of_floats_are_refused(name: str) -> None:
    call = getattr(functional, name)
    _refused(lambda video, other: call(video, [other]), STREAMS)


@pytest.mark.parametrize("name", ["temporal_conv_fused", "temporal_conv_transpose_fused"])
def test_static_parts_that_are_not_of_floats_are_refused(name: str) -> None:
    call, weight = getattr(functional, name), torch.ones(2 * C, 2 * C, 3, 1, 1)

    def convolve(video: Tensor, static: Tensor) -> Tensor:
        out: Tensor = call(functional.FusedFeatures(video, (static,)), weight)
        return out

    _refused(convolve, FUSED)


@pytest.mark.parametrize("name", ["feature_matching_penalty", "mean_feature_matching_penalty"])
def test_features_that_are_not_of_floats_are_refused(name: str) -> None:
    call = getattr(functional, name)
    pair = {"real": torch.zeros(CODE), "fake": torch.zeros(CODE)}
    _refused(lambda real, fake: call(real=[real], fake=[fake]), pair)


def test_bytes_are_told_from_other_numbers() -> None:
    with pytest.raises(
        TypeError,
        match=r"^video must be of a float type with values in \[-1, 1\], got torch.uint8; convert "
        r"bytes by stgan.io.from_uint8$",
    ):
        functional.fold_time(torch.zeros(VIDEO, dtype=torch.uint8))
    with pytest.raises(
        TypeError, match=r"^z must be of a float type, got torch.int64; .*float\(\)"
    ):
        functional.repeat_latent(torch.zeros(CODE, dtype=torch.int64), 3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bool, torch.complex64])
def test_places_are_counted_in_integers(dtype: torch.dtype) -> None:
    video, wrong = torch.zeros(VIDEO), _INDICES.to(dtype)
    for call in (
        partial(functional.take_frames, video, indices=wrong),
        partial(functional.translate_clips, video, shift=wrong),
        partial(functional.cut_out, video, center=wrong, size=(2, 2)),
    ):
        with pytest.raises(TypeError, match=rf"must be of an integer type, got {dtype}"):
            call()
    with pytest.raises(TypeError, match=r"flipped must be of a boolean type, got torch.int64"):
        functional.flip_clips(video, _INDICES[:, 0], axis=4)

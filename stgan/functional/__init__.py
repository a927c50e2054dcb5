"""Pure functions of tensors and integers: the meaning of everything that stgan builds."""

from stgan.functional.adversarial import (
    hinge_discriminator_loss,
    hinge_generator_loss,
    least_squares_discriminator_loss,
    least_squares_generator_loss,
    minimax_discriminator_loss,
    minimax_generator_loss,
    non_saturating_discriminator_loss,
    non_saturating_generator_loss,
    reduce_loss,
    wasserstein_discriminator_loss,
    wasserstein_generator_loss,
)
from stgan.functional.adversarial_noise import instance_noise
from stgan.functional.adversarial_relativistic import (
    relativistic_average_discriminator_loss,
    relativistic_average_generator_loss,
    relativistic_average_hinge_discriminator_loss,
    relativistic_average_hinge_generator_loss,
    relativistic_average_least_squares_discriminator_loss,
    relativistic_average_least_squares_generator_loss,
    relativistic_pairing_discriminator_loss,
    relativistic_pairing_generator_loss,
)
from stgan.functional.attention import attend
from stgan.functional.augment import (
    adjust_luma_chroma,
    cut_out,
    flip_clips,
    jitter_color,
    translate_clips,
)
from stgan.functional.compositing import composite_flow, composite_mask, warp_image
from stgan.functional.conv import conv_3d, conv_transpose_3d
from stgan.functional.conv_factorized import (
    compose_kernels,
    conv_1p2d,
    conv_2p1d,
    conv_transpose_1p2d,
    conv_transpose_2p1d,
)
from stgan.functional.conv_resize import resize_conv
from stgan.functional.conv_separable import (
    compose_separable_kernel,
    conv_separable,
    conv_transpose_separable,
)
from stgan.functional.conv_static import temporal_conv_fused, temporal_conv_transpose_fused
from stgan.functional.conv_width import factorized_mid_channels
from stgan.functional.frames import fold_time, take_frames, unfold_time
from stgan.functional.fusion import (
    FusedFeatures,
    add_streams,
    attend_to_tokens,
    concat_streams,
    expand_over_time,
    gate_streams,
    modulate_video,
)
from stgan.functional.latents import (
    acyclic_latents,
    blurred_noise,
    latent_walk,
    lowpass_filters,
    recurrent_latents,
    repeat_latent,
)
from stgan.functional.minibatch_stddev import minibatch_stddev
from stgan.functional.one_hot import mix_class_maps, one_hot_label, one_hot_map, spread_rows
from stgan.functional.penalties import (
    dragan_penalty,
    gradient_penalty,
    r1_penalty,
    r2_penalty,
    zero_centered_penalty,
)
from stgan.functional.penalties_consistency import (
    balanced_consistency_penalty,
    consistency_penalty,
)
from stgan.functional.penalties_outputs import (
    feature_matching_penalty,
    lecam_penalty,
    mean_feature_matching_penalty,
    mode_seeking_penalty,
)
from stgan.functional.penalties_weights import clip_singular_values, orthogonal_penalty
from stgan.functional.projection import projection_logit
from stgan.functional.reconstruction import (
    charbonnier_loss,
    first_frame_loss,
    frame_difference_loss,
    gradient_loss,
    l1_loss,
    l2_loss,
)
from stgan.functional.reconstruction_features import focal_frequency_loss, perceptual_loss
from stgan.functional.reconstruction_ssim import ssim_2d_loss, ssim_3d_loss
from stgan.functional.recurrent import conv_gru, conv_lstm
from stgan.functional.resample import (
    blur_pool,
    downsample_time,
    kaiser_taps,
    upsample_linear,
    upsample_nearest,
    upsample_time,
)
from stgan.functional.shift import temporal_shift
from stgan.functional.shuffle import pixel_shuffle, pixel_unshuffle
from stgan.functional.warp import compose_affine, warp_affine

__all__ = [
    "FusedFeatures",
    "acyclic_latents",
    "add_streams",
    "adjust_luma_chroma",
    "attend",
    "attend_to_tokens",
    "balanced_consistency_penalty",
    "blur_pool",
    "blurred_noise",
    "charbonnier_loss",
    "clip_singular_values",
    "compose_affine",
    "compose_kernels",
    "compose_separable_kernel",
    "composite_flow",
    "composite_mask",
    "concat_streams",
    "consistency_penalty",
    "conv_1p2d",
    "conv_2p1d",
    "conv_3d",
    "conv_gru",
    "conv_lstm",
    "conv_separable",
    "conv_transpose_1p2d",
    "conv_transpose_2p1d",
    "conv_transpose_3d",
    "conv_transpose_separable",
    "cut_out",
    "downsample_time",
    "dragan_penalty",
    "expand_over_time",
    "factorized_mid_channels",
    "feature_matching_penalty",
    "first_frame_loss",
    "flip_clips",
    "focal_frequency_loss",
    "fold_time",
    "frame_difference_loss",
    "gate_streams",
    "gradient_loss",
    "gradient_penalty",
    "hinge_discriminator_loss",
    "hinge_generator_loss",
    "instance_noise",
    "jitter_color",
    "kaiser_taps",
    "l1_loss",
    "l2_loss",
    "latent_walk",
    "least_squares_discriminator_loss",
    "least_squares_generator_loss",
    "lecam_penalty",
    "lowpass_filters",
    "mean_feature_matching_penalty",
    "minibatch_stddev",
    "minimax_discriminator_loss",
    "minimax_generator_loss",
    "mix_class_maps",
    "mode_seeking_penalty",
    "modulate_video",
    "non_saturating_discriminator_loss",
    "non_saturating_generator_loss",
    "one_hot_label",
    "one_hot_map",
    "orthogonal_penalty",
    "perceptual_loss",
    "pixel_shuffle",
    "pixel_unshuffle",
    "projection_logit",
    "r1_penalty",
    "r2_penalty",
    "recurrent_latents",
    "reduce_loss",
    "relativistic_average_discriminator_loss",
    "relativistic_average_generator_loss",
    "relativistic_average_hinge_discriminator_loss",
    "relativistic_average_hinge_generator_loss",
    "relativistic_average_least_squares_discriminator_loss",
    "relativistic_average_least_squares_generator_loss",
    "relativistic_pairing_discriminator_loss",
    "relativistic_pairing_generator_loss",
    "repeat_latent",
    "resize_conv",
    "spread_rows",
    "ssim_2d_loss",
    "ssim_3d_loss",
    "take_frames",
    "temporal_conv_fused",
    "temporal_conv_transpose_fused",
    "temporal_shift",
    "translate_clips",
    "unfold_time",
    "upsample_linear",
    "upsample_nearest",
    "upsample_time",
    "warp_affine",
    "warp_image",
    "wasserstein_discriminator_loss",
    "wasserstein_generator_loss",
    "zero_centered_penalty",
]

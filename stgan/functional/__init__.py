"""Pure functions of tensors and integers: the meaning of everything that stgan builds."""

from stgan.functional.adversarial import (
    hinge_discriminator_loss,
    hinge_generator_loss,
    least_squares_discriminator_loss,
    least_squares_generator_loss,
    non_saturating_discriminator_loss,
    non_saturating_generator_loss,
    reduce_loss,
)
from stgan.functional.attention import attend
from stgan.functional.compositing import composite_flow, composite_mask, warp_image
from stgan.functional.conv import conv_3d, conv_transpose_3d
from stgan.functional.conv_factorized import (
    compose_1p2d_kernel,
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
from stgan.functional.one_hot import mix_class_maps, one_hot_label, one_hot_map, spread_rows
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

__all__ = [
    "FusedFeatures",
    "acyclic_latents",
    "add_streams",
    "attend",
    "attend_to_tokens",
    "blur_pool",
    "blurred_noise",
    "compose_1p2d_kernel",
    "compose_kernels",
    "compose_separable_kernel",
    "composite_flow",
    "composite_mask",
    "concat_streams",
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
    "downsample_time",
    "expand_over_time",
    "factorized_mid_channels",
    "fold_time",
    "gate_streams",
    "hinge_discriminator_loss",
    "hinge_generator_loss",
    "kaiser_taps",
    "latent_walk",
    "least_squares_discriminator_loss",
    "least_squares_generator_loss",
    "lowpass_filters",
    "mix_class_maps",
    "modulate_video",
    "non_saturating_discriminator_loss",
    "non_saturating_generator_loss",
    "one_hot_label",
    "one_hot_map",
    "pixel_shuffle",
    "pixel_unshuffle",
    "recurrent_latents",
    "reduce_loss",
    "repeat_latent",
    "resize_conv",
    "spread_rows",
    "take_frames",
    "temporal_conv_fused",
    "temporal_conv_transpose_fused",
    "temporal_shift",
    "unfold_time",
    "upsample_linear",
    "upsample_nearest",
    "upsample_time",
    "warp_image",
]

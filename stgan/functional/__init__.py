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
from stgan.functional.conv import (
    compose_1p2d_kernel,
    conv_transpose_1p2d,
    factorized_mid_channels,
)
from stgan.functional.frames import fold_time, take_frames, unfold_time
from stgan.functional.fusion import concat_streams, expand_over_time
from stgan.functional.one_hot import one_hot_label, one_hot_map

__all__ = [
    "compose_1p2d_kernel",
    "concat_streams",
    "conv_transpose_1p2d",
    "expand_over_time",
    "factorized_mid_channels",
    "fold_time",
    "hinge_discriminator_loss",
    "hinge_generator_loss",
    "least_squares_discriminator_loss",
    "least_squares_generator_loss",
    "non_saturating_discriminator_loss",
    "non_saturating_generator_loss",
    "one_hot_label",
    "one_hot_map",
    "reduce_loss",
    "take_frames",
    "unfold_time",
]

"""Settings of the recipe and its presets.

Every number that a run depends on stands here once. A part, such as the fusion, is a name, or in
a file (``--config mine.yaml``) a mapping of its name and settings, nested as deep as it goes:

    preset: modern
    model: {fusion: {name: film, zero_init: false}}
    discriminator: {image: {name: image, head: projection, label: true}}
    loss: {penalties: {r1: 0.5, lecam: {weight: 0.3, decay: 0.9}}}
"""

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

from stgan import settings
from stgan.settings import (
    MAY_CHANGE,
    Count,
    DataSettings,
    NotNegative,
    Part,
    Rare,
    RunSettings,
    SettingsGroup,
    Terms,
    Times,
    TrainSettings,
)

from .convert import OPTIONS, convert_settings

__all__ = ["PRESETS", "ModelSettings", "Settings", "parse_settings", "read_settings"]

Width = Count | Literal["out", "match", "released"]


@dataclass(frozen=True)
class ModelSettings(SettingsGroup):
    """What the networks look like."""

    num_frames: Count = 32  # Frames in a clip.
    image_size: tuple[Count, Count] = (64, 64)  # Height and width of the frames.
    z_dim: Count = 512  # Length of the noise vector z.
    appearance_dim: Rare[Count] = 100  # Length of the appearance vector p that joins the noise.
    base_channels: Count = 64  # Width of the finest stages; coarser ones have up to 8 times that.
    encoder: Part = "image_pyramid"  # Of the image; or a network of timm, such as timm/resnet18.
    conv: Part = "conv_transpose_1p2d"  # Of decoder stages: conv_transpose_* or resize_* of layers.
    fusion: Part = "concat"  # How appearance and label join the video: one of fusions.
    # Batch norm lets the other clips of a small batch tint each clip; group norm does not.
    norm: Literal["batch", "group"] = "batch"  # For batches under 16 take group, 8 channels each.
    # The published widths have 2.2 times the weights of the dense convolution they replace.
    mid_channels: Width = "match"  # Inside (1+2)D convolutions; match: weights as a dense one.
    frame_mid_channels: Rare[Width | None] = None  # The same in the last stage, which makes frames.
    bias_before_norm: Rare[bool] = False  # Biases that a norm takes out again, as published.
    # The published code means the first, but its decoder keeps torch's default.
    init: Rare[Literal["normal", "released"]] = "normal"  # Convolutions from N(0, 0.02).


@dataclass(frozen=True)
class DiscriminatorSettings(SettingsGroup):
    """Who judges the clips; in a file a stream may have head, sampler and label, too."""

    video: Part = "video"  # D_V judges clips: one of discriminators; none: nobody.
    image: Part = "image"  # D_I judges frames, such as image, image_residual, first_frame_image.
    channels: Count | None = None  # Width of the finest stages; none: as the generator.
    same_frames: Rare[bool] = True  # Of real and generated clips; off: two draws, as published.
    # The published code calls twice, and so iterates its spectral norms twice.
    one_call: Rare[bool] = True  # For real and generated clips, unless a part needs whole batches.
    augment: Part = None  # Changes all that they see: one of augmentations.


@dataclass(frozen=True)
class LossSettings(SettingsGroup):
    """What the networks are trained for; terms are names with weights: r1 5 r2 5."""

    family: Part = "non_saturating"  # Adversarial loss, such as hinge or least_squares.
    reconstruction: NotNegative = 100.0  # Weight of the L1 distance to the real clip.
    video: Rare[NotNegative] = 1.0  # Weight of the video stream in the generator's loss.
    image: Rare[NotNegative] = 1.0  # Weight of the image stream in the generator's loss.
    prediction: Rare[NotNegative] = 1.0  # Weight of what a head predicts, in both losses.
    generator_terms: Terms = field(default_factory=dict)  # More losses, such as ssim_2d 10.
    penalties: Terms = field(default_factory=dict)  # Of every discriminator, such as r1 5.
    penalty_every: Count = 1  # Penalties every so many steps only, and so many times as heavy.
    clip_singular_values_every: Rare[Times] = 0  # Of discriminators, as TGAN; 0: never.
    # Who steps first on the same clips. Simultaneous computes as generator_first in one pass.
    order: Literal["discriminator_first", "generator_first", "simultaneous"] = "discriminator_first"


_TRAIN = TrainSettings(steps=55_000)  # 5001 epochs of 11 on MUG, as published


@dataclass(frozen=True)
class Settings(RunSettings):
    """Train ImaGINator: an image, an action label and noise become a video.

    Without data it trains on drawn moving shapes. Presets are imaginator, released, modern and
    tiny. The commands evaluate and generate take the run folder afterwards; its config.yaml has
    further settings, which a file for --config may have, too.
    """

    preset: str = "imaginator"
    out: Path = Path("runs/imaginator")
    model: ModelSettings = field(default_factory=ModelSettings)
    discriminator: DiscriminatorSettings = field(default_factory=DiscriminatorSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    data: DataSettings = field(default_factory=DataSettings)
    train: TrainSettings = _TRAIN


PRESETS: dict[str, Settings] = {
    # The method with its defects mended; the README lists every deviation and its reason.
    "imaginator": Settings(),
    # The published networks, losses, order and initialization, exactly.
    "released": Settings(
        preset="released",
        model=ModelSettings(mid_channels="released", bias_before_norm=True, init="released"),
        discriminator=DiscriminatorSettings(
            image={"name": "image", "sampler": {"name": "random_frames", "per_clip": False}},
            same_frames=False, one_call=False,
        ),
        loss=LossSettings(order="generator_first"),
        train=replace(_TRAIN, ema_decay=0.0),
    ),
    # What has come since: a discriminator that sees the given image, compares real with generated,
    # and is kept from getting steep.
    "modern": Settings(
        preset="modern",
        model=ModelSettings(norm="group"),
        discriminator=DiscriminatorSettings(
            video="first_frame_video",
            image={"name": "image", "sampler": {"name": "random_frames", "count": 2}},
        ),
        loss=LossSettings(family="relativistic_pairing", penalties={"r1": 0.5, "r2": 0.5},
                          penalty_every=4),
    ),
    # For a CPU in minutes.
    "tiny": Settings(
        preset="tiny", out=Path("runs/tiny"),
        model=ModelSettings(num_frames=16, image_size=(32, 32), z_dim=8, appearance_dim=64,
                            base_channels=32, norm="group", mid_channels="out", init="released",
                            # Three channels could not carry the picture.
                            frame_mid_channels="match"),
        discriminator=DiscriminatorSettings(channels=8),
        train=replace(_TRAIN, steps=650, batch_size=16, learning_rate=3e-3, ema_decay=0.99,
                      sample_every=100, save_every=250),
    ),
}  # fmt: skip

# Files of the first version are read, too.
parse_settings = partial(
    settings.parse_settings, PRESETS, prog="python -m examples.imaginator.train",
    may_change=MAY_CHANGE, convert=convert_settings, former=OPTIONS,
)  # fmt: skip
read_settings = partial(settings.read_settings, presets=PRESETS, convert=convert_settings)

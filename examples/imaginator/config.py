"""Settings of the recipe and its presets.

Every number that a run depends on stands here once. A part, such as the fusion, is a name, or in
a file (``--config mine.yaml``) a mapping of its name and settings, nested as deep as it goes:

    preset: modern
    model: {fusion: {name: film, zero_init: false}}
    discriminator: {image: {name: image, head: projection, label: true}}
    loss: {penalties: {r1: 0.5, lecam: {weight: 0.3, decay: 0.9}}}
"""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from stgan import settings
from stgan.settings import (
    Count,
    NotNegative,
    Part,
    Positive,
    Rare,
    RunSettings,
    SettingsGroup,
    Share,
    Terms,
)
from stgan.training import Retention

from .convert import convert_settings

__all__ = ["PRESETS", "ModelSettings", "Settings", "parse_settings", "read_settings"]

Times = Annotated[int, Field(ge=0)]
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


@dataclass(frozen=True)
class DataSettings(SettingsGroup):
    """Where clips come from."""

    root: Path | None = None  # One folder of clips for each class; none: drawn moving shapes.
    validation: tuple[str, ...] = ()  # Patterns of clips that are held out, such as "*/subject4_*".
    validation_list: Path | None = None  # Or a text file with a path below the root in each line.
    stride: Count = 1  # Take every n-th frame of a file.
    # First frame of the window, first frame of the file, or any frame of the window.
    condition: Literal["first", "neutral", "random"] = (
        "first"  # The image that a clip goes on from.
    )
    resize: Literal["squash", "crop"] = "squash"  # How other sizes are made to fit.
    flip: bool = False  # Mirror half of the clips; it swaps left and right.
    augment: Rare[Part] = None  # Change training clips as they are read: one of augmentations.
    skip_broken: bool = False  # Skip files that cannot be used; off: stop and name the first.
    num_shapes: Count = 2000  # How many clips of moving shapes there are.
    workers: Times = 2  # Processes that read clips.
    cache_bytes: Rare[Count | None] = 4 * 2**30  # Of decoded clips in memory, for all workers.


@dataclass(frozen=True)
class TrainSettings(SettingsGroup):
    """How long, how fast, on what."""

    steps: Count = 55_000  # Iterations in all: 5001 epochs of 11 on MUG in the published run.
    max_minutes: NotNegative | None = None  # The iteration that ends past this time is the last.
    batch_size: Count = 64  # Clips in an iteration, all processes together.
    # The generator runs once more for each part; batch norm and spectral norm see the parts.
    accumulate: Count = 1  # Parts in which a batch is taken, for less memory.
    checkpoint_activations: bool = False  # Of the decoder: less memory, more time.
    learning_rate: Positive = 2e-4  # Of Adam, for all networks.
    betas: Rare[tuple[Share, Share]] = (0.5, 0.999)  # Of Adam.
    ema_decay: Share = 0.999  # Of the averaged generator that is evaluated; 0: the last one is.
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 12345  # Of weights, noise, windows, frame draws.
    log_every: Count = 20  # Steps between lines in metrics.jsonl.
    sample_every: Times = 1000  # Steps between pictures of the same clips in TensorBoard; 0: never.
    save_every: Count = 1000  # Steps between checkpoints.
    keep: Retention = field(default_factory=Retention)  # Which checkpoints stay.
    skip_steps: Rare[Times] = 0  # Optimizer steps that are not finite to skip, before stopping.
    precision: Literal["32-true", "bf16-mixed"] = "32-true"  # Losses are computed in float32.
    compile: str | None = None  # Backend of torch.compile for the generator, such as inductor.
    # Health is then seen only of the steps that are logged, which run as they are.
    cuda_graph: bool = False  # Record the step once and let the GPU replay it.
    tf32: Rare[bool] = True  # Factors of float32 products in TF32 on a GPU: twice as fast.
    accelerator: str = "auto"  # cpu, cuda, mps or auto.
    devices: Count = 1  # Processes on each machine, one for each device.
    nodes: Count = 1  # Machines; start the program on each with torchrun or srun.
    shard: bool = False  # Each process keeps a part of the networks (FSDP2); draws no pictures.


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
    train: TrainSettings = field(default_factory=TrainSettings)


_TINY = ModelSettings(
    num_frames=16, image_size=(32, 32), z_dim=8, appearance_dim=64, base_channels=32, norm="group",
    mid_channels="out", init="released",
    frame_mid_channels="match",  # three channels could not carry the picture
)  # fmt: skip

PRESETS: dict[str, Settings] = {
    # The method with its defects mended; the README lists every deviation and its reason.
    "imaginator": Settings(),
    # The published networks, losses, order and initialization, exactly.
    "released": Settings(
        preset="released",
        model=ModelSettings(mid_channels="released", bias_before_norm=True, init="released"),
        discriminator=DiscriminatorSettings(
            image={"name": "image", "sampler": {"name": "random_frames", "per_clip": False}},
            same_frames=False,
            one_call=False,
        ),
        loss=LossSettings(order="generator_first"),
        train=TrainSettings(ema_decay=0.0),
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
        loss=LossSettings(
            family="relativistic_pairing", penalties={"r1": 0.5, "r2": 0.5}, penalty_every=4
        ),
    ),
    # For a CPU in minutes.
    "tiny": Settings(
        preset="tiny",
        out=Path("runs/tiny"),
        model=_TINY,
        discriminator=DiscriminatorSettings(channels=8),
        train=TrainSettings(steps=650, batch_size=16, learning_rate=3e-3, ema_decay=0.99,
                            sample_every=100, save_every=250),
    ),
}  # fmt: skip

# A resumed run may change its length, pace and machine, but not what it is.
_MAY_CHANGE = ("data.workers", "data.cache_bytes", *(
    f"train.{one.name}" for one in fields(TrainSettings)
    if one.name not in ("batch_size", "seed", "ema_decay")
))  # fmt: skip


def parse_settings(args: list[str] | None = None) -> Settings:
    """Read the settings of a run from the command line."""
    program = "python -m examples.imaginator.train"
    return settings.parse_settings(
        PRESETS, args, prog=program, may_change=_MAY_CHANGE, convert=convert_settings
    )


def read_settings(path: Path) -> Settings:
    """Read a config.yaml of a run, which may be of an older version or come from a stranger.

    Raises:
        ConfigError: If it cannot be read, or a value is not what its setting takes.
        UnknownNameError: If it names a preset or setting that there is not.
    """
    return settings.read_settings(path, PRESETS, convert=convert_settings)

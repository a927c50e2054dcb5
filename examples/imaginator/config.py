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

    num_frames: Count = 32
    """Frames in a clip."""
    image_size: tuple[Count, Count] = (64, 64)
    """Height and width of the frames."""
    z_dim: Count = 512
    """Length of the noise vector z."""
    appearance_dim: Rare[Count] = 100
    """Length of the appearance vector p that joins the noise."""
    base_channels: Count = 64
    """Width of the finest stages; towards the coarse end it doubles, up to eight times this."""
    encoder: Part = "image_pyramid"
    """Of the image: image_pyramid, or a network of timm, such as timm/resnet18."""
    conv: Part = "conv_transpose_1p2d"
    """Of every decoder stage: conv_transpose_* or resize_* in stgan.list("layers")."""
    fusion: Part = "concat"
    """How appearance and label join the video: a name in stgan.list("fusions")."""
    norm: Literal["batch", "group"] = "batch"
    # Batch norm lets the other clips of a small batch tint each clip; group norm does not.
    """Of encoder and decoder; for batches under about 16 take group (8 channels a group)."""
    mid_channels: Width = "match"
    # The published widths have 2.2 times the weights of the dense convolution they replace.
    """Inside the (1+2)D convolutions; match: as many weights as a dense one; out: far fewer."""
    frame_mid_channels: Rare[Width | None] = None
    """The same inside the last stage, which makes the frames; none: as all others."""
    bias_before_norm: Rare[bool] = False
    """Keep convolution biases that a norm takes out again, as the published weights do."""
    init: Rare[Literal["normal", "released"]] = "normal"
    # The published code means the first, but its decoder keeps torch's default.
    """Normal: all convolutions from N(0, 0.02); released: the decoder's are torch's default."""


@dataclass(frozen=True)
class DiscriminatorSettings(SettingsGroup):
    """Who judges the clips, and what is shown to them.

    The mapping of a stream may hold, beside the discriminator's own settings, its head, its sampler
    and whether it is told the label.
    """

    video: Part = "video"
    """D_V judges clips: a discriminator in stgan.list("discriminators"); none: nobody."""
    image: Part = "image"
    """D_I judges frames one by one, such as image, image_residual or first_frame_image."""
    channels: Count | None = None
    """Width of the finest stages, as model.base_channels; none: the same."""
    same_frames: Rare[bool] = True
    """Show the same moments of real and generated clips; off: two draws, as published."""
    one_call: Rare[bool] = True
    # The published code calls twice, and so iterates its spectral norms twice.
    """Judge real and generated clips in one call, unless a part looks at its whole batch."""
    augment: Part = None
    """Changes all that they see: an augmentation in stgan.list("augmentations")."""


@dataclass(frozen=True)
class LossSettings(SettingsGroup):
    """What the networks are trained for.

    Terms are given as names with weights: --loss.penalties r1 5 r2 5.
    """

    family: Part = "non_saturating"
    """Adversarial loss: a family in stgan.list("losses"), such as hinge or least_squares."""
    reconstruction: NotNegative = 100.0
    """Weight of the L1 distance to the real clip."""
    video: Rare[NotNegative] = 1.0
    """Weight of the video stream in the generator's loss."""
    image: Rare[NotNegative] = 1.0
    """Weight of the image stream in the generator's loss."""
    prediction: Rare[NotNegative] = 1.0
    """Weight of what a head predicts, in both losses: auxiliary_classifier, infogan."""
    generator_terms: Terms = field(default_factory=dict)
    """More for the generator: frame_difference, ssim_2d, mode_seeking, feature_matching, ..."""
    penalties: Terms = field(default_factory=dict)
    """Of every discriminator: r1, r2, wgan_gp, lecam, consistency, orthogonal, ..."""
    penalty_every: Count = 1
    """Penalties at every so many steps only, and so many times as heavy."""
    clip_singular_values_every: Rare[Times] = 0
    """Bring those of the discriminators down to one every so many steps, as TGAN; 0: never."""
    order: Literal["discriminator_first", "generator_first", "simultaneous"] = "discriminator_first"
    # The last computes as the second does, but for the number of power iterations, and is faster.
    """Who steps first on the same generated clips; simultaneous: both from one pass of theirs."""


@dataclass(frozen=True)
class DataSettings(SettingsGroup):
    """Where clips come from."""

    root: Path | None = None
    """Folder with one folder of clips for each class; none: drawn moving shapes."""
    validation: tuple[str, ...] = ()
    """Patterns such as "*/subject4_*": matching clips are kept for validation."""
    validation_list: Path | None = None
    """Text file that names the validation clips, one path relative to the root in a line."""
    stride: Count = 1
    """Take every n-th frame of a file."""
    condition: Literal["first", "neutral", "random"] = "first"
    """The image: first frame of the window, first frame of the file, or any frame of the window."""
    resize: Literal["squash", "crop"] = "squash"
    """How other sizes are made to fit."""
    flip: bool = False
    """Mirror half of the clips; off by default, since it swaps left and right."""
    augment: Rare[Part] = None
    """Change training clips when they are read: an augmentation, as discriminator.augment."""
    skip_broken: bool = False
    """Count and skip files that cannot be used; off: stop and name the first."""
    num_shapes: Count = 2000
    """How many clips of moving shapes there are."""
    workers: Times = 2
    """Processes that read clips."""
    cache_bytes: Rare[Count | None] = 4 * 2**30
    """Decoded clips kept in memory, once for all workers, up to so many bytes; none: no limit."""


@dataclass(frozen=True)
class TrainSettings(SettingsGroup):
    """How long, how fast, on what."""

    steps: Count = 55_000
    """Iterations in all: 5001 epochs of 11 on MUG in the published run."""
    max_minutes: NotNegative | None = None
    """Stop after the first iteration that ends past this time; none: no limit."""
    batch_size: Count = 64
    """Clips in an iteration, all processes together."""
    accumulate: Count = 1
    # The generator runs once more for each part; batch norm and spectral norm see the parts.
    """Parts in which each process takes its share of a batch, for less memory."""
    checkpoint_activations: bool = False
    """Compute the decoder's activations again for the backward pass: less memory, more time."""
    learning_rate: Positive = 2e-4
    """Of Adam, for all networks."""
    betas: Rare[tuple[Share, Share]] = (0.5, 0.999)
    """Of Adam."""
    ema_decay: Share = 0.999
    """Decay of the averaged generator that is evaluated; 0 to evaluate the last one."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 12345
    """Fixes weights, noise, windows and frame draws."""
    log_every: Count = 20
    """Steps between lines in metrics.jsonl."""
    sample_every: Times = 1000
    """Steps between pictures of clips in TensorBoard, always of the same images; 0: never."""
    save_every: Count = 1000
    """Steps between checkpoints."""
    keep: Retention = field(default_factory=Retention)
    """Checkpoints that stay: the last ones, every so many steps, the best by metrics.jsonl."""
    skip_steps: Rare[Times] = 0
    """Optimizer steps with a loss or gradient that is not finite to skip; then, stop."""
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    """Of the computation; losses and penalties are computed in float32."""
    compile: str | None = None
    """Backend of torch.compile for the generator, such as inductor; none: not compiled."""
    cuda_graph: bool = False
    # Health is then seen only of the steps that are logged, which run as they are.
    """Record the step once and let the GPU replay it, without waiting for the host."""
    tf32: Rare[bool] = True
    """Let GPUs round the factors of float32 products to TF32: twice as fast, fewer digits."""
    accelerator: str = "auto"
    """cpu, cuda, mps or auto."""
    devices: Count = 1
    """Processes on each machine, one for each device."""
    nodes: Count = 1
    """Machines; start the program on each with torchrun or srun."""
    shard: bool = False
    """Each process keeps a part of weights, gradients and moments (FSDP2); draws no pictures."""


@dataclass(frozen=True)
class Settings(RunSettings):
    """Train ImaGINator: an image, an action label and noise become a video.

    Without data it trains on drawn moving shapes. The commands evaluate and generate take the run
    folder afterwards. What is set rarely stands in the config.yaml of a run.
    """

    preset: str = "imaginator"
    """Where the other settings start: imaginator, released, modern or tiny."""
    out: Path = Path("runs/imaginator")
    """Run folder: checkpoints, metrics.jsonl, TensorBoard, config.yaml."""
    model: ModelSettings = field(default_factory=ModelSettings)
    discriminator: DiscriminatorSettings = field(default_factory=DiscriminatorSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    data: DataSettings = field(default_factory=DataSettings)
    train: TrainSettings = field(default_factory=TrainSettings)


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
        model=ModelSettings(
            num_frames=16,
            image_size=(32, 32),
            z_dim=8,
            appearance_dim=64,
            base_channels=32,
            norm="group",
            mid_channels="out",
            frame_mid_channels="match",  # three channels could not carry the picture
            init="released",
        ),
        discriminator=DiscriminatorSettings(channels=8),
        train=TrainSettings(
            steps=650,
            batch_size=16,
            learning_rate=3e-3,
            ema_decay=0.99,
            sample_every=100,
            save_every=250,
        ),
    ),
}

# A resumed run may change its length, pace and machine, but not what it is.
_MAY_CHANGE = ("data.workers", "data.cache_bytes", *(
    f"train.{one.name}" for one in fields(TrainSettings)
    if one.name not in ("batch_size", "seed", "ema_decay")
))  # fmt: skip


def parse_settings(args: list[str] | None = None) -> Settings:
    """Read the settings of a run from the command line."""
    return settings.parse_settings(
        PRESETS,
        args,
        prog="python -m examples.imaginator.train",
        may_change=_MAY_CHANGE,
        convert=convert_settings,
    )


def read_settings(path: Path) -> Settings:
    """Read a config.yaml of a run, which may be of an older version or come from a stranger.

    Raises:
        ConfigError: If it cannot be read, or a value is not what its setting takes.
        UnknownNameError: If it names a preset or setting that there is not.
    """
    return settings.read_settings(path, PRESETS, convert=convert_settings)

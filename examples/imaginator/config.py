"""Settings of the recipe, its presets, and how they are read from and written to YAML.

Every number that a run depends on stands here once. A run folder holds the resolved settings as
``config.yaml``, beside every checkpoint too.
"""

import reprlib
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from stgan.config import dump_yaml, read_plain
from stgan.errors import ConfigError, DataError, UnknownNameError

__all__ = [
    "PRESETS",
    "DataSettings",
    "DiscriminatorSettings",
    "LossSettings",
    "ModelSettings",
    "Settings",
    "TrainSettings",
    "preset_settings",
    "read_settings",
    "write_settings",
]


@dataclass(frozen=True)
class ModelSettings:
    """What the networks look like."""

    num_frames: int = 32
    """Frames in a clip."""
    image_size: tuple[int, int] = (64, 64)
    """Height and width of the frames."""
    z_dim: int = 512
    """Length of the noise vector."""
    appearance_dim: int = 100
    """Length of the appearance vector that joins the noise."""
    base_channels: int = 64
    """Width of the finest stages; towards the coarse end it doubles, up to eight times this."""
    encoder: str = "image_pyramid"
    """Of the image: image_pyramid, or any network of timm, such as timm/resnet18."""
    encoder_weights: str | None = None
    """Of a timm encoder: none, pretrained (downloaded by timm), or the path of a file."""
    encoder_frozen: bool = False
    """Leave the timm network as it is; only what follows it learns."""
    encoder_input_size: tuple[int, int] | None = None
    """Height and width to which images are resized for the timm network; none: as they are."""
    conv: str = "conv_transpose_1p2d"
    """Of every decoder stage: conv_transpose_* or resize_* in stgan.list("layers")."""
    fusion: str = "concat"
    """How appearance and label join the video: a name in stgan.list("fusions")."""
    lazy_fusion: bool | None = None
    """No copies of what stands still: the same values in less time; none: where fusion can."""
    norm: Literal["batch", "group"] = "batch"
    # Batch norm lets the other clips of a small batch tint each clip; group norm does not.
    """Of encoder and decoder; for batches under about 16 take group (8 channels a group)."""
    mid_channels: int | Literal["out", "match", "released"] = "match"
    # The published widths have 2.2 times the weights of the dense convolution they replace.
    """Inside the (1+2)D convolutions; match: as many weights as a dense one; out: far fewer."""
    frame_mid_channels: int | Literal["out", "match", "released"] | None = None
    """The same inside the last stage, which makes the frames; none: as all others."""
    bias_before_norm: bool = False
    """Keep convolution biases that a norm takes out again, as the published weights do."""
    init: Literal["normal", "released"] = "normal"
    # The published code means the first, but its decoder keeps torch's default.
    """Normal: all convolutions from N(0, 0.02); released: the decoder's are torch's default."""


@dataclass(frozen=True)
class DiscriminatorSettings:
    """Who judges the clips, and what is shown to them.

    A part is a name, or a name with settings in YAML: "{name: video_residual, pooling: mean}".
    """

    video: str | None = "video"
    """Judges clips: a discriminator in stgan.list("discriminators"); none: nobody."""
    video_head: str | None = None
    """Of a video or first_frame_video: a head in stgan.list("heads"); none: the usual one."""
    video_sampler: str | None = None
    """Which frames it sees, as image_sampler; none: all, or those that its method asks for."""
    image: str | None = "image"
    """Judges frames one by one, such as image, image_residual or first_frame_image."""
    image_head: str | None = None
    """Of an image or first_frame_image: a head; none: the usual one."""
    image_sampler: str = "random_frames"
    """Which frames it sees: a sampler in stgan.list("samplers")."""
    image_label: bool = False
    """Tell it the label too; projection and auxiliary_classifier ask for it."""
    num_frames: int = 1
    """How many frames a sampler draws, for those that can be told."""
    frames_per_clip: bool = True
    """Draw them for each clip by itself; off: one draw for the batch, as published."""
    same_frames: bool = True
    """Show the same moments of real and generated clips; off: two draws, as published."""
    one_call: bool = True
    # The published code calls twice, and so iterates its spectral norms twice.
    """Judge real and generated clips in one call, unless a part looks at its whole batch."""
    channels: int | None = None
    """Width of the finest stages, as model.base_channels; none: the same."""
    augment: str | None = None
    """Changes all that they see: an augmentation in stgan.list("augmentations")."""
    ada_target: float | None = 0.6
    """With augment ada: the part of real clips to be right about; none: its probability stays."""
    ada_ramp: int = 500_000
    """With augment ada: clips in which its probability may go from 0 to 1."""


@dataclass(frozen=True)
class LossSettings:
    """What the networks are trained for.

    Terms are given as names with weights: --loss.penalties r1 5 r2 5.
    """

    family: str = "non_saturating"
    """Adversarial loss: a family in stgan.list("losses"), such as hinge or least_squares."""
    reconstruction: float = 100.0
    """Weight of the L1 distance to the real clip."""
    video: float = 1.0
    """Weight of the video stream in the generator's loss."""
    image: float = 1.0
    """Weight of the image stream in the generator's loss."""
    prediction: float = 1.0
    """Weight of what a head predicts, in both losses: auxiliary_classifier, infogan."""
    generator_terms: dict[str, float] = field(default_factory=dict)
    """More for the generator: frame_difference, ssim_2d, mode_seeking, feature_matching, ..."""
    penalties: dict[str, float] = field(default_factory=dict)
    """Of every discriminator: r1, r2, wgan_gp, lecam, consistency, orthogonal, ..."""
    penalty_every: int = 1
    """Penalties at every so many steps only, and so many times as heavy."""
    clip_singular_values_every: int = 0
    """Bring those of the discriminators down to one every so many steps, as TGAN; 0: never."""
    order: Literal["discriminator_first", "generator_first", "simultaneous"] = "discriminator_first"
    # The last computes as the second does, but for the number of power iterations, and is faster.
    """Who steps first on the same generated clips; simultaneous: both from one pass of theirs."""


@dataclass(frozen=True)
class DataSettings:
    """Where clips come from."""

    root: Path | None = None
    """Folder with one folder of clips for each class; none: drawn moving shapes."""
    validation: tuple[str, ...] = ()
    """Patterns such as "*/subject4_*": matching clips are kept for validation."""
    validation_list: Path | None = None
    """Text file that names the validation clips, one path relative to the root in a line."""
    stride: int = 1
    """Take every n-th frame of a file."""
    condition: Literal["first", "neutral", "random"] = "first"
    """The image: first frame of the window, first frame of the file, or any frame of the window."""
    resize: Literal["squash", "crop"] = "squash"
    """How other sizes are made to fit."""
    flip: bool = False
    """Mirror half of the clips; off by default, since it swaps left and right."""
    augment: str | None = None
    """Change training clips when they are read: an augmentation, as discriminator.augment."""
    skip_broken: bool = False
    """Count and skip files that cannot be used; off: stop and name the first."""
    num_shapes: int = 2000
    """How many clips of moving shapes there are."""
    workers: int = 2
    """Processes that read clips."""
    cache_bytes: int | None = 4 * 2**30
    """Decoded clips kept in memory, once for all workers, up to so many bytes; none: no limit."""


@dataclass(frozen=True)
class TrainSettings:
    """How long, how fast, on what."""

    steps: int = 55_000
    """Iterations in all: 5001 epochs of 11 on MUG in the published run."""
    max_minutes: float | None = None
    """Stop after the first iteration that ends past this time; none: no limit."""
    batch_size: int = 64
    """Clips in an iteration, all processes together."""
    accumulate: int = 1
    # The generator runs once more for each part; batch norm and spectral norm see the parts.
    """Parts in which each process takes its share of a batch, for less memory."""
    checkpoint_activations: bool = False
    """Compute the decoder's activations again for the backward pass: less memory, more time."""
    learning_rate: float = 2e-4
    """Of Adam, for all networks."""
    betas: tuple[float, float] = (0.5, 0.999)
    """Of Adam."""
    ema_decay: float = 0.999
    """Decay of the averaged generator that is evaluated; 0 to evaluate the last one."""
    seed: int = 12345
    """Fixes weights, noise, windows and frame draws."""
    log_every: int = 20
    """Steps between lines in metrics.jsonl."""
    sample_every: int = 1000
    """Steps between pictures of clips in TensorBoard, always of the same images; 0: never."""
    save_every: int = 1000
    """Steps between checkpoints."""
    keep: int = 3
    """Newest checkpoints that are kept."""
    keep_every: int | None = None
    """Checkpoints at multiples of these steps are kept for good; none: only the newest."""
    keep_best: str | None = None
    """The checkpoint with the lowest of this is kept too: a name in metrics.jsonl."""
    skip_steps: int = 0
    """Optimizer steps with a loss or gradient that is not finite to skip; then, stop."""
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    """Of the computation; losses and penalties are computed in float32."""
    compile: str | None = None
    """Backend of torch.compile for the generator, such as inductor; none: not compiled."""
    cuda_graph: bool = False
    # Health is then seen only of the steps that are logged, which run as they are.
    """Record the step once and let the GPU replay it, without waiting for the host."""
    tf32: bool = True
    """Let GPUs round the factors of float32 products to TF32: twice as fast, fewer digits."""
    accelerator: str = "auto"
    """cpu, cuda, mps or auto."""
    devices: int = 1
    """Processes on each machine, one for each device."""
    nodes: int = 1
    """Machines; start the program on each with torchrun or srun."""
    shard: bool = False
    """Each process keeps a part of weights, gradients and moments (FSDP2); draws no pictures."""


@dataclass(frozen=True)
class Settings:
    """Train ImaGINator: an image, an action label and noise become a video.

    Without data it trains on drawn moving shapes. The commands evaluate and generate take the run
    folder afterwards.
    """

    preset: str = "imaginator"
    """Where the other settings start: imaginator, released, modern or tiny."""
    out: Path = Path("runs/imaginator")
    """Run folder: checkpoints, metrics.jsonl, TensorBoard, config.yaml."""
    resume: bool = False
    """Go on from the newest checkpoint in the run folder, with its settings."""
    config: Path | None = None
    """Start from a config.yaml instead of a preset; the run folder is still that of --out."""
    trust: bool = False
    """Run files that settings name and that are programs, which may do anything."""
    model: ModelSettings = field(default_factory=ModelSettings)
    discriminator: DiscriminatorSettings = field(default_factory=DiscriminatorSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    data: DataSettings = field(default_factory=DataSettings)
    train: TrainSettings = field(default_factory=TrainSettings)


# How a run was started is no part of what it is.
_OF_THE_START = ("resume", "config", "trust")

PRESETS: dict[str, Settings] = {
    # The method with its defects mended; the README lists every deviation and its reason.
    "imaginator": Settings(),
    # The published networks, losses, order and initialization, exactly.
    "released": Settings(
        preset="released",
        model=ModelSettings(mid_channels="released", bias_before_norm=True, init="released"),
        discriminator=DiscriminatorSettings(
            frames_per_clip=False, same_frames=False, one_call=False
        ),
        loss=LossSettings(order="generator_first"),
        train=TrainSettings(ema_decay=0.0),
    ),
    # What has come since: a critic that sees the given image, compares real with generated, and is
    # kept from getting steep.
    "modern": Settings(
        preset="modern",
        model=ModelSettings(norm="group"),
        discriminator=DiscriminatorSettings(video="first_frame_video", num_frames=2),
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


def preset_settings(name: str) -> Settings:
    """Return the settings of a preset.

    Raises:
        UnknownNameError: If there is no such preset.
    """
    if name not in PRESETS:
        raise UnknownNameError(f"there is no preset {name!r}; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]


def write_settings(settings: Settings) -> str:
    """Return settings as YAML that :func:`read_settings` reads back."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, tuple):
            return [plain(item) for item in value]
        return str(value) if isinstance(value, Path) else value

    told = asdict(settings)
    return dump_yaml(plain({key: told[key] for key in told if key not in _OF_THE_START}))


def read_settings(path: Path) -> Settings:
    """Read settings that :func:`write_settings` wrote.

    Raises:
        DataError: If the file is missing, is no YAML mapping, or has a key that no setting has.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist; name a config.yaml of a run")
    try:
        content = read_plain(path)
    except ConfigError as error:
        raise DataError(str(error)) from error
    settings = _from_plain(Settings, content, path, prefix="")
    assert isinstance(settings, Settings)
    # Of older runs, or of a stranger, who is not asked.
    return replace(settings, resume=False, config=None, trust=False)


def _from_plain(kind: type, content: Any, path: Path, *, prefix: str) -> object:
    if not isinstance(content, dict):
        shown = reprlib.repr(content)
        raise DataError(f"{path} must hold settings at {prefix or 'its top'!s}, got {shown}")
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for key, value in content.items():
        if key not in hints:
            raise DataError(
                f"{path} has no setting {prefix}{str(key)[:60]}; known there: {', '.join(hints)}"
            )
        hint = hints[key]
        if is_dataclass(hint) and isinstance(hint, type):
            values[key] = _from_plain(hint, value, path, prefix=f"{prefix}{key}.")
        elif isinstance(value, list):
            values[key] = tuple(value)
        elif isinstance(value, str) and "Path" in str(hint):
            values[key] = Path(value)
        else:
            values[key] = value
        if not _fits(values[key], hint):
            wanted = str(getattr(hint, "__name__", hint)).replace("typing.", "")
            raise DataError(
                f"{path} has {reprlib.repr(value)} for {prefix}{key}, which must be {wanted}"
            )
    return kind(**values)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of the type of a setting; true and false are no numbers."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, one) for one in inner)
    if origin is Literal:
        return any(value == one and type(value) is type(one) for one in inner)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        if inner[1:] == (...,):
            inner = inner[:1] * len(value)
        return len(value) == len(inner) and all(map(_fits, value, inner))
    if origin is dict:
        pairs = value.items() if isinstance(value, dict) else [(None, None)]
        return all(
            _fits(one, kind) for pair in pairs for one, kind in zip(pair, inner, strict=True)
        )
    if hint is type(None):
        return value is None
    kinds = {int: (int,), float: (int, float)}.get(hint, (hint,))
    return isinstance(value, kinds) and not (isinstance(value, bool) and hint is not bool)

"""What a user can set wrong, told before clips are read, networks built and folders made."""

import inspect
import math
from collections.abc import Callable, Iterable, Mapping

import torch

from examples.imaginator.config import DataSettings, Settings
from examples.imaginator.data import check_shares
from examples.imaginator.objective import build_objective
from examples.imaginator.parts import find_parts, read_part
from examples.imaginator.streams import build_discriminator
from stgan.errors import ConfigError
from stgan.registry import REGISTRIES
from stgan.shapes import plan

__all__ = ["check_settings"]

# What each must be, whether a value is it, and who must; nothing compares with a NaN.
_RANGES: Mapping[str, tuple[Callable[[float], bool], tuple[str, ...]]] = {
    "at least 1": (
        lambda value: value >= 1,
        (
            "model.z_dim",
            "model.appearance_dim",
            "model.base_channels",
            "model.mid_channels",
            "model.frame_mid_channels",
            "discriminator.num_frames",
            "discriminator.channels",
            "discriminator.ada_ramp",
            "loss.penalty_every",
            "data.stride",
            "data.num_shapes",
            "data.cache_bytes",
            "train.steps",
            "train.batch_size",
            "train.accumulate",
            "train.log_every",
            "train.save_every",
            "train.keep",
            "train.keep_every",
            "train.devices",
            "train.nodes",
        ),
    ),
    "at least 0": (
        lambda value: value >= 0,
        (
            "loss.clip_singular_values_every",
            "data.workers",
            "train.max_minutes",
            "train.sample_every",
            "train.skip_steps",
        ),
    ),
    # A negative weight would make the networks seek what they are to avoid.
    "finite and at least 0": (
        lambda value: 0 <= value < math.inf,
        ("loss.reconstruction", "loss.video", "loss.image", "loss.prediction"),
    ),
    "finite and more than 0": (
        lambda value: 0 < value < math.inf,
        ("loss.generator_terms", "loss.penalties", "train.learning_rate"),
    ),
    "in [0, 1)": (lambda value: 0 <= value < 1, ("train.betas", "train.ema_decay")),
    # Python, NumPy and torch take it, of which NumPy takes the fewest.
    "between 0 and 4294967295": (lambda value: 0 <= value < 2**32, ("train.seed",)),
}
# Moving shapes are drawn as they are wanted; these are about files.
_OF_FILES = (
    "validation",
    "validation_list",
    "stride",
    "condition",
    "resize",
    "flip",
    "skip_broken",
    "cache_bytes",
)


def check_settings(settings: Settings) -> None:
    """Refuse what no run can do, or what would do nothing without a word.

    Raises:
        UnknownNameError: If a name is not registered; suggests the nearest.
        ValueError: If a setting is out of range or has no effect, or some do not go together.
    """
    _check_ranges(settings)
    if not settings.resume:  # a run that began with these before they were refused may go on
        _check_files_given(settings.data)
        _check_learned(settings.loss.generator_terms)
    _check_parts(settings)
    check_shares(settings, settings.train.devices * settings.train.nodes)
    if settings.train.shard:
        _check_shardable(settings)


def _option(part: str, key: str) -> str:
    """Return a setting as it is written on the command line."""
    return f"--{part}.{key.replace('_', '-')}"


def _check_ranges(settings: Settings) -> None:
    for wanted, (fits, names) in _RANGES.items():
        for part, _, key in (name.partition(".") for name in names):
            value = getattr(getattr(settings, part), key)
            several = value.values() if isinstance(value, Mapping) else value
            for number in several if isinstance(several, Iterable) else (value,):
                # What is a word, such as "match", or none is no number to compare.
                if isinstance(number, int | float) and not fits(number):
                    raise ConfigError(f"{_option(part, key)} must be {wanted}, got {number}")


def _check_files_given(data: DataSettings) -> None:
    usual = DataSettings()
    idle = [key for key in _OF_FILES if getattr(data, key) != getattr(usual, key)]
    if data.root is None and idle:
        raise ConfigError(
            f"{', '.join(_option('data', key) for key in idle)} must come with --data.root, got "
            f"none, which trains on moving shapes; name the folder of clips or leave it out"
        )
    if data.validation and data.validation_list is not None:
        raise ConfigError(
            f"--data.validation and --data.validation-list both say what is held out, got "
            f"{' '.join(data.validation)} and {data.validation_list}; leave out one"
        )


def _check_learned(terms: Mapping[str, float]) -> None:
    """Refuse features of random weights, unless somebody asks for just them."""
    for text in terms:
        config = read_part(text, ("losses", "penalties"), "loss.generator_terms")
        told = inspect.signature(REGISTRIES[config["kind"]][config["name"]]).parameters
        if "weights" in told and "weights" not in config:
            raise ConfigError(
                f"--loss.generator-terms {text!r} must say which weights its network has, got "
                f"none; write '{{name: {config['name']}, weights: pretrained}}', the path of a "
                f"file instead, or null for random ones"
            )


def _check_parts(settings: Settings) -> None:
    """Tell a wrong name or setting before clips are read; networks without memory show it."""
    find_parts(settings.model)
    backend = settings.train.compile
    # Which backends there are takes seconds to load, so only those who want one wait.
    if backend is not None and backend not in torch.compiler.list_backends(()):
        raise ValueError(
            f"train.compile must be a backend of torch.compile, got {backend!r}; choose one of "
            f"{', '.join(torch.compiler.list_backends())}"
        )
    if settings.data.augment is not None:
        read_part(settings.data.augment, "augmentations", "data.augment")
    with torch.device("meta"):
        critic = build_discriminator(
            settings.discriminator,
            settings.model,
            stages=plan((settings.model.num_frames, *settings.model.image_size)).stages,
            num_classes=2,
            trust=settings.trust,
        )
        build_objective(settings.loss, settings.discriminator, critic, (), trust=settings.trust)


def _check_shardable(settings: Settings) -> None:
    """Refuse what networks cannot do of which every process keeps a part."""
    options = settings.train
    obstacles = {
        "there is one process only": options.devices * options.nodes == 1,
        "loss.penalties may go back through a gradient": bool(settings.loss.penalties),
        "train.compile makes programs of whole networks": options.compile is not None,
    }
    for obstacle, there in obstacles.items():
        if there:
            raise ConfigError(
                f"train.shard shares networks among processes, but {obstacle}; leave out "
                f"--train.shard"
            )

"""Settings that every recipe has: where clips come from, and how it is trained."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch.utils.data import Dataset

from stgan import data, training
from stgan.config import build
from stgan.errors import ConfigError, DataError, printable
from stgan.settings.reading import (
    Count,
    NotNegative,
    Part,
    Positive,
    Rare,
    SettingsGroup,
    Share,
    Times,
)
from stgan.training import Retention
from stgan.typing import Size2

__all__ = ["MAY_CHANGE", "DataSettings", "TrainSettings"]

_VALIDATION_SHAPES = 96


@dataclass(frozen=True)
class DataSettings(SettingsGroup):
    """Where clips come from: a folder with a folder for each class, or drawn moving shapes.

    Example:
        >>> clips = DataSettings(num_shapes=10).open(num_frames=4, image_size=(16, 16), seed=0)
        >>> len(clips.training), clips.training[0]["video"].shape
        (10, torch.Size([3, 4, 16, 16]))
    """

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

    def open(
        self,
        *,
        num_frames: int,
        image_size: Size2,
        seed: int,
        complete: bool = False,
        trust: bool = False,
    ) -> data.Splits:
        """Open the clips, or draw moving shapes; print which files are skipped.

        Args:
            num_frames: Frames of a clip.
            image_size: ``(H, W)`` of a clip, or one number for both.
            seed: Of all random choices.
            complete: Whether every class must have clips to train on.
            trust: Whether files that ``augment`` names may be run, see :func:`stgan.build`.

        Raises:
            ConfigError: If there is no ``root``, but a setting of files.
            DataError: If a folder, class or file is missing, empty, broken or too short.
        """
        told = dict(vars(self))
        num_shapes, _ = told.pop("num_shapes"), told.pop("workers")
        size: dict[str, Any] = {"num_frames": num_frames, "image_size": image_size, "seed": seed}
        if (augment := told.pop("augment")) is not None:
            size["augment"] = build(augment, kind="augmentations", trust=trust)
        if self.root is None:
            for name, value in told.items():
                if value != getattr(DataSettings(), name):
                    raise ConfigError(f"data.{name} is about files, got no data.root; name one")
            return data.draw_splits(num_shapes, num_validation=_VALIDATION_SHAPES, **size)
        clips = data.open_splits(**told, **size)
        for path, reason in clips.skipped.items():
            print(printable(f"skipped {path}: {reason.partition('; ')[0]}"))
        if clips.untrained and complete:
            raise DataError(
                f"class {clips.untrained[0]!r} of {self.root} has no training clips; hold out "
                f"fewer for validation, or add some"
            )
        return clips


@dataclass(frozen=True)
class TrainSettings(SettingsGroup):
    """How long, how fast, on what.

    Example:
        >>> fabric = TrainSettings(accelerator="cpu").open_fabric(loggers=())
        >>> fabric.device
        device(type='cpu')
    """

    steps: Count = 50_000  # Iterations in all.
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

    @property
    def processes(self) -> int:
        """Processes on all machines."""
        return self.devices * self.nodes

    def of_run(self) -> dict[str, Any]:
        """Return what :class:`stgan.training.Run` is told of them."""
        names = ("steps", "log_every", "save_every", "keep", "batch_size", "max_minutes")
        return {name: getattr(self, name) for name in names}

    def loader(self, clips: Dataset[Any], fabric: Any, *, step: int, workers: int) -> Any:
        """Return endless batches on the device of this process, from the step of a run on.

        Args:
            clips: To train on.
            fabric: That was launched.
            step: Steps taken already.
            workers: Processes that read clips.
        """
        batches = data.endless_loader(
            clips, batch_size=self.batch_size, seed=self.seed, step=step, workers=workers,
            rank=fabric.global_rank, world_size=fabric.world_size,
            pin_memory=torch.cuda.is_available(),
        )  # fmt: skip
        return iter(fabric.setup_dataloaders(batches, use_distributed_sampler=False))

    def open_fabric(self, *, loggers: Any, penalized: bool = False) -> Any:
        """Return a launched Fabric, with seeds and precision set.

        It is that of :func:`stgan.training.open_fabric`.

        Args:
            loggers: Of Fabric, one or several.
            penalized: Whether penalties go back through a gradient, which shares cannot.

        Raises:
            ConfigError: If this machine has not what is asked for, or settings do not go together.
            ValueError: If the processes cannot share a batch evenly.
        """
        data.batch_share(self.batch_size, world_size=self.processes, parts=self.accumulate)
        if self.shard and (penalized or self.compile or self.processes == 1):
            raise ConfigError(
                "train.shard shares networks among several processes, without penalties and "
                "train.compile, got others; leave it out"
            )
        if self.compile not in (None, *torch.compiler.list_backends(())):
            raise ConfigError(
                f"train.compile must be a backend of torch.compile, got {self.compile!r}; choose "
                f"inductor, for one"
            )
        training.allow_tf32(self.tf32)
        fabric = training.open_fabric(
            accelerator=self.accelerator, devices=self.devices, nodes=self.nodes,
            precision=self.precision, shard=self.shard, loggers=loggers,
        )  # fmt: skip
        fabric.launch()
        training.seed_everything(self.seed)
        # All clips have one size, so that trying cuDNN's algorithms pays; the fastest may change.
        torch.backends.cudnn.benchmark = not torch.are_deterministic_algorithms_enabled()
        return fabric


#: What a resumed run may change of these groups, called ``data`` and ``train``: its length, pace
#: and machine, but not what it is.
MAY_CHANGE = (
    "data.workers",
    "data.cache_bytes",
    *(
        f"train.{one.name}"
        for one in fields(TrainSettings)
        if one.name not in ("batch_size", "seed", "ema_decay")
    ),
)

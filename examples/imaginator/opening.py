"""What a training run works on, opened and checked before its first step."""

import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.loggers.tensorboard import TensorBoardLogger
from lightning_fabric.strategies.ddp import DDPStrategy
from lightning_fabric.strategies.model_parallel import ModelParallelStrategy
from lightning_fabric.utilities.exceptions import MisconfigurationException
from torch import nn

from examples.imaginator.captured import check_recordable
from examples.imaginator.checks import check_settings
from examples.imaginator.config import Settings, write_settings
from examples.imaginator.data import Clips, open_clips
from examples.imaginator.draws import Draws
from examples.imaginator.model import ImaGINator
from examples.imaginator.objective import Objective
from examples.imaginator.precision import precision_settings
from examples.imaginator.runs import read_entries
from examples.imaginator.samples import FixedSamples
from examples.imaginator.steps import make_draws
from stgan.data import numbered_generator
from stgan.errors import CheckpointError, ConfigError, DataError, printable
from stgan.training import (
    ExponentialMovingAverage,
    FiniteGuard,
    HealthMonitor,
    MetricsLog,
    Resumed,
    Retention,
    RunFolder,
    allow_tf32,
    checkpoint_activations,
    ddp_settings,
    load_optimizer_state,
    resume_checkpoint,
    rng_state,
    save_checkpoint,
    seed_everything,
    set_rng_state,
    shard_stages,
    synchronize_batch_norm,
    whole_state,
)

__all__ = ["Run", "open_run"]

# What a run writes into its folder.
_WRITTEN = ("checkpoints", "config.yaml", "metrics.jsonl", "tensorboard")
# What a resumed run needs of the state of a checkpoint.
_RESTORED = (
    "generator_optimizer",
    "discriminator_optimizer",
    "schedules",
    "health",
    "guard",
    "rng",
)


@dataclass
class Run:
    """Everything that a run changes, and what it works on.

    Attributes:
        folder: Of the run, on the process that writes to it.
        metrics: What the log said last, by which the best checkpoints are found.
        checkpoint: The newest one that this process wrote or went on from.
    """

    settings: Settings
    clips: Clips
    fabric: Fabric
    gan: ImaGINator
    objective: Objective
    average: ExponentialMovingAverage | None
    generator_optimizer: torch.optim.Optimizer
    discriminator_optimizer: torch.optim.Optimizer
    health: HealthMonitor
    guard: FiniteGuard
    folder: RunFolder | None
    step: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    checkpoint: Path | None = None

    def networks(self) -> dict[str, nn.Module]:
        """Name every network for the checkpoint."""
        return _networks(self.gan, self.objective, self.average)

    def save(self) -> None:
        """Write a checkpoint of this step; the first process writes, and all take part."""
        options = self.settings.train
        networks = {name: whole_state(n.state_dict()) for name, n in self.networks().items()}
        generator, discriminator = (
            whole_state(optimizer.state_dict())
            for optimizer in (self.generator_optimizer, self.discriminator_optimizer)
        )
        if not self.fabric.is_global_zero:
            return
        # One that a signal or the end of a run puts between the others is there to go on from. If
        # it were ranked, a run that was stopped would keep others than one that was not.
        ranked = self.step % options.save_every == 0
        with self.writing("checkpoints"):
            self.checkpoint = save_checkpoint(
                self.settings.out / "checkpoints",
                step=self.step,
                networks=networks,
                state={
                    "step": self.step,
                    "classes": list(self.clips.classes),
                    "generator_optimizer": generator,
                    "discriminator_optimizer": discriminator,
                    "schedules": self.objective.schedule_state(),
                    "health": self.health.state_dict(),
                    "guard": self.guard.state_dict(),
                    "metrics": self.metrics,
                    "rng": rng_state(),
                },
                config=write_settings(self.settings),
                keep=Retention(last=options.keep, every=options.keep_every, best=options.keep_best),
                metrics=self.metrics if ranked else {},
            )

    def restore(self, state: dict[str, Any], checkpoint: Path) -> None:
        """Go on from the state of a checkpoint, whose networks have been loaded already."""
        _, self.step = read_entries(state, checkpoint, _RESTORED)
        if not checkpoint.name.endswith(f"step_{self.step:08d}"):
            raise CheckpointError(
                f"{checkpoint} says that it is of step {self.step}; use a checkpoint that the "
                f"recipe wrote"
            )
        for optimizer, name in (
            (self.generator_optimizer, "generator_optimizer"),
            (self.discriminator_optimizer, "discriminator_optimizer"),
        ):
            load_optimizer_state(optimizer, state[name])
            for group in optimizer.param_groups:  # a resumed run may go on more slowly
                group |= _pace(self.settings)
        self.objective.load_schedule_state(state["schedules"])
        self.health.load_state_dict(state["health"])
        self.guard.load_state_dict(state["guard"])
        set_rng_state(state["rng"])
        # Older checkpoints have none; the next line of the log brings them.
        self.metrics = state.get("metrics", {})
        if not isinstance(self.metrics, dict) or not all(
            isinstance(name, str) and isinstance(value, float)
            for name, value in self.metrics.items()
        ):
            raise CheckpointError(
                f"{checkpoint} must have numbers by name as metrics, got something else; use a "
                f"checkpoint that the recipe wrote"
            )

    def writing(self, name: str) -> AbstractContextManager[None]:
        """Say in a sentence why a file could not be written, on the process that writes."""
        return nullcontext() if self.folder is None else self.folder.writing(name)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Keep the run folder and TensorBoard's file, and let both go at the end."""
        before = threading.excepthook

        def without_writer(args: threading.ExceptHookArgs) -> None:
            # Its errors are raised again where it is called; the traceback of its thread would only
            # stand above the sentence.
            if not type(args.thread).__module__.startswith("tensorboard."):
                before(args)

        threading.excepthook = without_writer
        try:
            with self.writing("tensorboard"):
                writer = self._writer()
            try:
                yield
            finally:
                if self.folder is not None:
                    with suppress(OSError):  # which the loop has been told
                        writer.file_writer.close()  # not the whole, which stops at an error
        finally:
            if self.folder is not None:
                self.folder.close()
            threading.excepthook = before

    def _writer(self) -> Any:
        return cast(TensorBoardLogger, self.fabric.logger).experiment

    def log(self, values: dict[str, float]) -> None:
        """Write a line of metrics.jsonl, and to TensorBoard."""
        if not self.fabric.is_global_zero:
            return
        with self.writing("metrics.jsonl"):
            MetricsLog(self.settings.out / "metrics.jsonl").append(self.step, values)
        with self.writing("tensorboard"):
            self.fabric.log_dict(values, step=self.step)
            self._writer().flush()  # waits for its thread, which alone knows whether it could

    def show(self, samples: FixedSamples) -> None:
        """Show what the generator that would be evaluated makes of fixed samples."""
        generator = self.gan.generator if self.average is None else self.average.module
        picture = samples.picture(generator)
        with self.writing("tensorboard"):
            self._writer().add_image("samples/images_by_label", picture, self.step)
            self._writer().flush()

    def draw(self) -> Draws:
        """Draw what is random in the next step, numbered by seed and step, for this process."""
        settings, fabric = self.settings, self.fabric
        draws = make_draws(
            self.gan.discriminator,
            self.objective,
            (settings.train.batch_size, settings.model.num_frames),
            self.gan.z_dim,
            same_frames=settings.discriminator.same_frames,
            generator=numbered_generator(settings.train.seed, self.step, 0),
            device=fabric.device,
        )
        return draws.of(slice(fabric.global_rank, None, fabric.world_size))


def _resume(settings: Settings, classes: Sequence[str], networks: dict[str, nn.Module]) -> Resumed:
    """Load networks from the newest sound checkpoint of the run folder."""
    folder = settings.out / "checkpoints"
    try:
        resumed = resume_checkpoint(folder, networks)
    except CheckpointError:
        # Networks of other classes do not fit; that they are other classes is the better reason.
        _check_classes(settings, resume_checkpoint(folder, {}), classes)
        raise
    _check_classes(settings, resumed, classes)
    return resumed


def _check_classes(settings: Settings, resumed: Resumed, classes: Sequence[str]) -> None:
    trained, _ = read_entries(resumed.state, resumed.path)
    if trained != tuple(classes):
        raise CheckpointError(
            f"run folder {settings.out} was trained on the classes {', '.join(trained)}, but the "
            f"clips have {', '.join(classes)}"
        )


def open_run(settings: Settings) -> Run:
    """Open clips, networks and optimizers, and the checkpoint that is resumed.

    Whatever a user can get wrong is found here, before the first step. The run holds its folder
    from here on; :meth:`Run.recording` lets it go.
    """
    with ExitStack() as undo:
        run = _open(settings, undo)
        undo.pop_all()
    return run


def _open(settings: Settings, undo: ExitStack) -> Run:
    out, options = settings.out, settings.train
    check_settings(settings)
    clips = open_clips(settings)
    # Such a run would never have seen the class that it is asked for; one that has begun may go on.
    if clips.untrained and not settings.resume:
        raise DataError(
            f"class {clips.untrained[0]!r} of {settings.data.root} has no training clips; hold out "
            f"fewer for validation, or add some"
        )
    several = options.devices * options.nodes > 1
    allow_tf32(options.tf32)  # Fabric asks for a choice where it finds none
    fabric = _fabric(settings)
    fabric.launch()
    seed_everything(options.seed)
    # All clips have one size, so that trying cuDNN's algorithms once pays; which one is fastest is
    # not the same every time.
    torch.backends.cudnn.benchmark = not torch.are_deterministic_algorithms_enabled()
    # A checkpoint holds the encoder's weights; the file that they began as may be gone.
    begun = replace(settings.model, encoder_weights=None) if settings.resume else settings.model
    trust = settings.trust
    gan = ImaGINator(begun, settings.discriminator, len(clips.classes), trust=trust)
    gan = gan.to(fabric.device)
    objective = Objective(
        settings.loss, settings.discriminator, gan.discriminator, gan.streams, trust=trust
    )
    if options.cuda_graph:
        check_recordable(options, objective, fabric.device.type)
    if several:
        synchronize_batch_norm(gan)
    if options.checkpoint_activations:
        checkpoint_activations(*gan.generator.decoder.stages)
    average = None
    if options.ema_decay:
        average = ExponentialMovingAverage(gan.generator, options.ema_decay)
    objective = objective.to(fabric.device)
    networks = _networks(gan, objective, average)
    folder = resumed = None
    if settings.resume:  # held before it is read: a run that is there would change what is read
        folder = _hold(fabric, settings, undo)
        resumed = _resume(settings, clips.classes, networks)
    if options.shard:  # after networks are loaded whole, before optimizers hold their parameters
        # Logits are views, which nothing writes into.
        warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view")
        mesh = cast(ModelParallelStrategy, fabric.strategy).device_mesh
        for network in networks.values():
            if network is not objective:  # which has no weights
                shard_stages(network, mesh)
    run = Run(
        settings=settings,
        clips=clips,
        fabric=fabric,
        gan=gan,
        objective=objective,
        average=average,
        generator_optimizer=_adam(gan.generator, settings),
        discriminator_optimizer=_adam(gan.discriminator, settings),
        health=HealthMonitor(),
        guard=FiniteGuard(_networks(gan, objective), skip=options.skip_steps),
        folder=folder,
    )
    if resumed is not None:
        for reason in resumed.skipped.values() if fabric.is_global_zero else ():
            print(f"passed over: {printable(reason)}")
        run.restore(resumed.state, resumed.path)
        run.checkpoint = resumed.path
    else:  # last, so that what was wrong before leaves no folder behind
        run.folder = _hold(fabric, settings, undo)
        if (out / "checkpoints").is_dir():
            raise CheckpointError(
                f"run folder {out} holds checkpoints already; add --resume to go on, or name "
                f"another --out"
            )
    return run


def _hold(fabric: Fabric, settings: Settings, undo: ExitStack) -> RunFolder | None:
    """Hold the run folder on the process that writes; if it cannot, all processes are refused."""
    folder = refused = None
    if fabric.is_global_zero:
        try:
            folder = undo.enter_context(RunFolder(settings.out, _WRITTEN))
        except CheckpointError as error:
            refused = str(error)
    refused = fabric.broadcast(refused)
    if refused is not None:
        raise CheckpointError(refused)
    return folder


def _networks(
    gan: ImaGINator, objective: Objective, average: ExponentialMovingAverage | None = None
) -> dict[str, nn.Module]:
    networks = {"generator": gan.generator, "discriminator": gan.discriminator}
    # What LeCam and ADA remember, if there is anything.
    remembered = {"objective": objective} if objective.state_dict() else {}
    return networks | remembered | ({} if average is None else {"generator_ema": average.module})


def _fabric(settings: Settings) -> Fabric:
    options = settings.train
    try:
        return Fabric(
            accelerator=options.accelerator,
            devices=options.devices,
            num_nodes=options.nodes,
            strategy=_strategy(options.devices * options.nodes, shard=options.shard),
            **precision_settings(options.precision, options.accelerator),
            loggers=TensorBoardLogger(root_dir=settings.out, name="", version="tensorboard"),
        )
    # What this machine has not is each of these, by the kind of device.
    except (RuntimeError, ValueError, ImportError, MisconfigurationException) as error:
        reason = str(error).partition(". ")[0]
        raise ConfigError(
            f"--train.accelerator {options.accelerator} with --train.devices {options.devices} is "
            f"not to be had here; choose auto, cpu or fewer devices (Fabric says: {reason})"
        ) from error


def _strategy(processes: int, *, shard: bool) -> Any:
    if shard:
        # The run itself shards its networks: before, their weights must have been loaded.
        return ModelParallelStrategy(
            lambda network, mesh: network, data_parallel_size=processes, tensor_parallel_size=1
        )
    return DDPStrategy(**ddp_settings()) if processes > 1 else "auto"


def _adam(network: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    return torch.optim.Adam(network.parameters(), fused=True, **_pace(settings))


def _pace(settings: Settings) -> dict[str, Any]:
    options = settings.train
    return {"lr": options.learning_rate, "betas": options.betas, "capturable": options.cuda_graph}

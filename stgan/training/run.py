"""A run in a folder: what it must not lose, when it logs and saves, and when it ends."""

import math
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.optim import Optimizer

from stgan._checks import check_positive
from stgan._excerpt import reason
from stgan._files import replacing
from stgan.errors import CheckpointError
from stgan.registry import unknown_name
from stgan.training._entries import entry_of
from stgan.training._loggers import log_to, open_loggers, place_of
from stgan.training._run_state import check_facts, progress_of
from stgan.training.checkpoint import save_checkpoint
from stgan.training.finite import FiniteGuard
from stgan.training.health import HealthMonitor
from stgan.training.metrics_log import MetricsLog
from stgan.training.resuming import Resumed, resume_checkpoint
from stgan.training.retention import Retention
from stgan.training.run_folder import RunFolder
from stgan.training.seeding import rng_state, set_rng_state
from stgan.training.sharding import load_optimizer_state, optimizer_state, whole_state
from stgan.training.stopping import StopSignals

__all__ = ["Run", "Stateful"]

_WRITTEN = ("checkpoints", "config.yaml", "metrics.jsonl", "tensorboard")


class Stateful(Protocol):
    """What can be tracked: an optimizer, a schedule, a monitor."""

    def state_dict(self) -> Any:
        """Return the state as plain data."""
        ...

    def load_state_dict(self, state: Any) -> Any:
        """Go on from a state that was returned."""
        ...


class Run:
    """A training run in a folder, which goes on after a stop as if there had been none.

    The folder holds ``checkpoints``, ``metrics.jsonl`` and ``config.yaml``, and belongs to this
    run alone until it ends (:class:`RunFolder`). A checkpoint holds the networks, whatever is
    tracked, and the state of all random generators; the rest of the loop must follow from
    ``step``, such as batches (:func:`stgan.data.endless_loader`) and draws
    (:func:`stgan.data.numbered_generator`). Then a resumed run takes the same steps, bit for bit.

    Of several processes the first writes, and all must call every method.

    Args:
        path: The folder of the run.
        networks: By name; those of a resumed run are loaded here, before they are sharded or
            handed to optimizers.
        steps: Steps in all.
        resume: Whether to go on from the newest sound checkpoint in the folder.
        config: Text that is written to ``config.yaml``, in the folder and beside each checkpoint.
        facts: Plain values, such as the names of classes, that a resumed run must share.
        guard: Asked before a line is logged or a checkpoint is saved; tracked as ``"guard"``.
        health: Read for every line of the log; tracked as ``"health"``.
        loggers: Of Fabric, such as TensorBoard's; each gets what ``metrics.jsonl`` gets.
        log_every: Steps between two lines of the log.
        save_every: Steps between two checkpoints.
        keep: Which checkpoints stay.
        known_metrics: Names that only some lines of the log have, for ``keep.best``.
        batch_size: Clips in a step of all processes, for the speed in the log.
        max_minutes: The step that ends past this time is the last; ``None`` for no limit.

    Attributes:
        path: As given.
        step: Steps taken.
        done: Whether the last step has been taken.
        metrics: What the log said last.
        checkpoint: The newest checkpoint that was written or resumed from; ``None`` for none.
        skipped: Newer checkpoints that resuming passed over, each with the reason.
        stopped_by: Name of the signal that ended the run; ``None`` for none.

    Raises:
        CheckpointError: If the folder is in use, cannot be written to, or holds checkpoints where
            nothing is to be resumed; or if none can be resumed, or one was made of other facts.

    Example:
        >>> import tempfile
        >>> from stgan.data import numbered_generator
        >>> def train(folder, steps, resume=False):
        ...     torch.manual_seed(0)
        ...     network = nn.Linear(3, 1)
        ...     optimizer = torch.optim.Adam(network.parameters())
        ...     with Run(folder, {"net": network}, steps=steps, resume=resume) as run:
        ...         run.track(optimizer=optimizer)
        ...         while not run.done:
        ...             draws = torch.randn(4, 3, generator=numbered_generator(0, run.step))
        ...             loss = network(draws).square().mean()
        ...             optimizer.zero_grad(); loss.backward(); optimizer.step()
        ...             _ = run.advance({"loss": loss.detach()})
        ...     return network.weight
        >>> with tempfile.TemporaryDirectory() as home:
        ...     whole = train(f"{home}/a", 4)
        ...     _ = train(f"{home}/b", 2)
        ...     bool((whole == train(f"{home}/b", 4, resume=True)).all())
        True
    """

    def __init__(
        self,
        path: str | Path,
        networks: Mapping[str, nn.Module],
        *,
        steps: int,
        resume: bool = False,
        config: str = "",
        facts: Mapping[str, Any] | None = None,
        guard: FiniteGuard | None = None,
        health: HealthMonitor | None = None,
        loggers: Sequence[Any] = (),
        log_every: int = 20,
        save_every: int = 1000,
        keep: Retention | None = None,
        known_metrics: Collection[str] = (),
        batch_size: int = 1,
        max_minutes: float | None = None,
    ) -> None:
        self.path, self.networks, self.config = Path(path), dict(networks), config
        self.steps = check_positive(steps, "steps")
        self.log_every = check_positive(log_every, "log_every")
        self.save_every = check_positive(save_every, "save_every")
        self.facts = {name: _plain(value) for name, value in (facts or {}).items()}
        self.guard, self.health, self.loggers = guard, health, list(loggers)
        self.keep, self.known_metrics = keep or Retention(), known_metrics
        self.batch_size = batch_size
        self.limit = math.inf if max_minutes is None else 60 * max_minutes
        self.step, self.metrics = 0, dict[str, float]()
        self.checkpoint: Path | None = None
        self.skipped: dict[Path, str] = {}
        self.tracked: dict[str, Stateful] = {}
        self._first = not _several() or dist.get_rank() == 0
        self._resumed: Resumed | None = None
        self._open = ExitStack()
        self._stop = StopSignals()
        with self._open:
            self._folder = self._hold()
            if resume:
                self._resume()
            elif (self.path / "checkpoints").is_dir():
                raise CheckpointError(
                    f"run folder {self.path} holds checkpoints already; pass resume=True "
                    f"(--resume) to go on, or name another folder"
                )
            self._open = self._open.pop_all()
        self.done = self.step >= self.steps
        watched = {"guard": guard, "health": health}
        self.track(**{name: one for name, one in watched.items() if one is not None})

    def _hold(self) -> RunFolder | None:
        """Hold the folder on the process that writes; if it cannot, all processes are refused."""
        told: list[Any] = [None]
        folder = None
        if self._first:
            try:
                folder = self._open.enter_context(RunFolder(self.path, _WRITTEN))
            except CheckpointError as error:
                told = [str(error)]
        if _several():
            dist.broadcast_object_list(told)
        if told[0] is not None:
            raise CheckpointError(told[0])
        return folder

    def _resume(self) -> None:
        folder = self.path / "checkpoints"
        try:
            resumed = resume_checkpoint(folder, self.networks)
        except CheckpointError:
            # Networks of other facts may not fit; that they are other facts is the better reason.
            check_facts(resume_checkpoint(folder, {}), self.facts, self.path)
            raise
        check_facts(resumed, self.facts, self.path)
        self._resumed, self.checkpoint, self.skipped = resumed, resumed.path, resumed.skipped
        self.step, self.metrics = progress_of(resumed)

    def track(self, **stateful: Any) -> None:
        """Save the state of objects with every checkpoint, and load it here in a resumed run.

        Args:
            **stateful: Optimizers, schedules, and whatever else has a state dict of plain data, by
                the names under which they are saved.

        Raises:
            CheckpointError: If a resumed checkpoint lacks the state of one, or has another's.
        """
        for name, one in stateful.items():
            self.tracked[name] = one
            if self._resumed is None:
                continue
            state = entry_of(self._resumed.state, name, object, str(self.checkpoint))
            try:
                if isinstance(one, Optimizer):
                    load_optimizer_state(one, state)
                else:
                    one.load_state_dict(state)
            except (ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
                raise CheckpointError(
                    f"{self.checkpoint} holds another state of {name!r} than is asked for: "
                    f"{reason(error)}"
                ) from error

    def __enter__(self) -> "Run":
        if self._resumed is not None:
            set_rng_state(entry_of(self._resumed.state, "rng", object, str(self.checkpoint)))
        with ExitStack() as undo:
            undo.push(self._open.pop_all())
            undo.enter_context(self._stop)
            if self._first:
                with self.writing(", ".join(map(place_of, self.loggers))):
                    undo.enter_context(open_loggers(self.loggers))
                # Whole or not at all: without it the run could not be resumed.
                with self.writing("config.yaml"), replacing(self.path / "config.yaml") as part:
                    part.write_text(self.config, encoding="utf-8")
                with self.writing("metrics.jsonl"):
                    MetricsLog(self.path / "metrics.jsonl").forget_after(self.step)
            self._open = undo.pop_all()
        self._began = self._timer = time.perf_counter()
        self._logged = self.step
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, trace)

    @property
    def due(self) -> bool:
        """Whether the next step will be logged."""
        return (self.step + 1) % self.log_every == 0

    @property
    def stopped_by(self) -> str | None:
        """Name of the signal that ended the run."""
        return self._stop.name

    @contextmanager
    def closing_on_error(self) -> Iterator[None]:
        """Let the folder go if what still has to be opened before the first step cannot be."""
        try:
            yield
        except BaseException:
            self._open.close()
            raise

    def show(self, name: str, picture: Tensor) -> None:
        """Give a picture of this step to the loggers that take one.

        Args:
            name: Where it is shown, such as ``"samples/images_by_label"``.
            picture: Bytes ``(3, H, W)``.
        """
        for logger in self.loggers if self._first else ():
            add = getattr(logger.experiment, "add_image", None)
            if add is not None:
                with self.writing(place_of(logger)):
                    add(name, picture, self.step)
                    logger.experiment.flush()  # to be seen now, not after the next minutes

    def writing(self, name: str) -> AbstractContextManager[None]:
        """Say in a sentence why a file of the folder could not be written, and how to go on."""
        return nullcontext() if self._folder is None else self._folder.writing(name)

    def advance(self, losses: Mapping[str, Tensor]) -> dict[str, float] | None:
        """Count a step that was taken; log and save where it is time to.

        Args:
            losses: Scalars by name, as they were in this step.

        Returns:
            The line of the log, if there was one.

        Raises:
            FloatingPointError: If the guard has seen what is not finite.
            CheckpointError: If something cannot be written; names the newest sound checkpoint.
            UnknownNameError: If the best checkpoints are to be kept by what no line has.
        """
        due = self.due
        self.step += 1
        # All processes stop at the same step: after the last, on a signal, out of time.
        out_of_time = time.perf_counter() - self._began > self.limit
        self.done = self._stop.everywhere(also=out_of_time) or self.step >= self.steps
        line = self._log(losses, due=due) if due or self.done else None
        if self.step % self.save_every == 0 or self.done:
            self.save()
        return line

    def _log(self, losses: Mapping[str, Tensor], *, due: bool) -> dict[str, float]:
        # Here, and where a checkpoint is written, the host waits for the device.
        if self.guard is not None:
            self.guard.check(self.step)
        means = torch.stack([*losses.values()])
        if _several():
            dist.all_reduce(means)
            means = means / dist.get_world_size()
        values = dict(zip(losses, means.tolist(), strict=True))
        if self.health is not None:
            carried = self.health.state_dict()
            values |= self.health.read()
            if not due:  # a run that goes on reads where it would have read without the stop
                self.health.load_state_dict(carried)
        best = self.keep.best
        if best is not None and best not in values and best not in self.known_metrics:
            known = {*values, *self.known_metrics}
            raise unknown_name("metrics.jsonl", best, known, what="value to keep the best by")
        now = time.perf_counter()
        speed = (self.step - self._logged) * self.batch_size / (now - self._timer)
        self._timer, self._logged = now, self.step
        if due:  # a line that a stop puts between the others is not one to rank by
            self.metrics = values
        line = values | {"speed/clips_per_second": speed}
        if self._first:
            with self.writing("metrics.jsonl"):
                MetricsLog(self.path / "metrics.jsonl").append(self.step, line)
            for logger in self.loggers:
                with self.writing(place_of(logger)):
                    log_to(logger, line, self.step)
        return line

    def save(self) -> None:
        """Write a checkpoint of this step."""
        if self.guard is not None:
            self.guard.check(self.step)
        networks = {name: whole_state(one.state_dict()) for name, one in self.networks.items()}
        states = {
            name: optimizer_state(one)
            if isinstance(one, Optimizer)
            else whole_state(one.state_dict())
            for name, one in self.tracked.items()
        }
        if self._first:
            # One that a signal or the end puts between the others is there to go on from. If it
            # were ranked, a run that was stopped would keep others than one that was not.
            ranked = self.step % self.save_every == 0
            with self.writing("checkpoints"):
                self.checkpoint = save_checkpoint(
                    self.path / "checkpoints",
                    step=self.step,
                    networks=networks,
                    state={
                        **self.facts,
                        **states,
                        "step": self.step,
                        "metrics": self.metrics,
                        "rng": rng_state(),
                    },
                    config=self.config,
                    keep=self.keep,
                    metrics=self.metrics if ranked else {},
                )
        if _several():
            told: list[Any] = [self.checkpoint]
            dist.broadcast_object_list(told)
            self.checkpoint = told[0]


def _several() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value

"""Watching a GAN learn, and raising an alarm when it has stopped to."""

import math
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from stgan._checks import check_positive
from stgan.training._entries import count_of, entry_of, refused
from stgan.training.health_measures import (
    gradient_norm,
    logit_health,
    norm_of,
    sample_diversity,
    spectral_sigmas,
    weight_norm,
)

__all__ = ["HealthMonitor"]


class HealthMonitor:
    """Collect what tells how a GAN is doing, and say when something is wrong.

    Everything is added up on the device; only :meth:`read` waits for it, so call it where the loop
    writes its log::

        health = HealthMonitor()
        ...
        backward(loss_d)
        health.saw_logits(real=real_logits, fake=fake_logits)
        with health.step_of("discriminator", discriminator, due=step % log_every == 0):
            discriminator_optimizer.step()
        ...
        if step % log_every == 0:
            health.saw_samples(real=real, fake=fake)
            values |= health.read()
            progress.set_postfix_str(health.line())

    Alarms go up after ``patience`` readings in a row, and down after one that is well:

    - ``dead/<stream>``: a discriminator says the same of everything, real or generated. Its logits
      spread by less than ``spread`` times their size, so that it teaches nothing.
    - ``won/<stream>``: it ranks real above generated in all but ``1 - ranking`` of the pairs. What
      it teaches then fades in most loss families.
    - ``collapse``: samples differ from each other by less than ``collapse`` times what real ones
      do. For a generator with a condition as strong as an image give samples of one condition and
      many noises, beside real ones of one class.
    - ``broken``: a value is not finite.

    On several processes values are means over all, and every one must call :meth:`read` as often.

    Args:
        patience: Readings in a row before an alarm.
        spread: Bound of a dead discriminator.
        ranking: Bound of one that has won.
        collapse: Bound of collapsed samples, a share of the diversity of real ones.

    Attributes:
        alarms: Names of the alarms that are up, in alphabetical order.

    Raises:
        ValueError: If ``patience`` is not positive, or a bound is out of range.

    Example:
        >>> health = HealthMonitor(patience=2)
        >>> for _ in range(2):
        ...     same = {"video": torch.ones(4)}
        ...     health.saw_logits(real=same, fake=same)
        ...     values = health.read()
        >>> health.alarms, values["health/video/ranking"], values["health/alarm/dead/video"]
        (['dead/video'], 0.5, 1.0)
        >>> health.line()
        'ALARM dead/video; video 0.50'
    """

    def __init__(
        self,
        *,
        patience: int = 5,
        spread: float = 1e-3,
        ranking: float = 0.99,
        collapse: float = 0.1,
    ) -> None:
        self.patience = check_positive(patience, "patience")
        for name, value in (("spread", spread), ("ranking", ranking), ("collapse", collapse)):
            if not 0 < value <= 1:
                raise ValueError(f"{name} must lie in (0, 1], got {value}")
        self.spread, self.ranking, self.collapse = spread, ranking, collapse
        self.alarms: list[str] = []
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}
        self._bad: dict[str, int] = {}
        self._line = ""

    def _add(self, name: str, value: Tensor) -> None:
        before = self._sums.get(name)
        self._sums[name] = value.detach() if before is None else before + value.detach()
        self._counts[name] = self._counts.get(name, 0) + 1

    def saw_logits(self, *, real: Mapping[str, Tensor], fake: Mapping[str, Tensor]) -> None:
        """Take in what the streams said; in every step, or in some.

        Args:
            real: Logits of real clips, by the name of the stream; see :func:`logit_health`.
            fake: Logits of generated clips.

        Raises:
            ValueError: If the two have different streams.
        """
        if real.keys() != fake.keys():
            raise ValueError(
                f"real and fake must come from the same streams, got {', '.join(real)} and "
                f"{', '.join(fake)}"
            )
        for stream in real:
            for name, value in logit_health(real=real[stream], fake=fake[stream]).items():
                self._add(f"{stream}/{name}", value)

    def saw_samples(self, *, real: Tensor, fake: Tensor) -> None:
        """Take in samples for their diversity; where the log is written is often enough.

        Args:
            real: ``(N, ...)``, at least two; see :func:`sample_diversity`.
            fake: ``(M, ...)``, at least two.
        """
        self._add("diversity/real", sample_diversity(real))
        self._add("diversity/fake", sample_diversity(fake))

    @contextmanager
    def step_of(self, name: str, network: nn.Module, *, due: bool = True) -> Iterator[None]:
        """Measure a step of an optimizer inside of it: gradients, update, spectral norms.

        A step that is due costs a copy of the weights.

        Args:
            name: What the network is called in the log.
            network: Its parameters hold the gradients of the step.
            due: Whether to measure; where the log is written is often enough.
        """
        if not due:
            yield
            return
        self._add(f"gradient/{name}", gradient_norm(network))
        before = [p.detach().clone() for p in network.parameters()]
        yield
        now = [p.detach() for p in network.parameters()]
        if now:
            moved = norm_of(torch._foreach_sub(now, before))
            self._add(f"update/{name}", moved / weight_norm(network).clamp_min(1e-30))
        sigmas = spectral_sigmas(network)
        if len(sigmas):
            self._add(f"sigma/{name}", sigmas.max())

    def read(self) -> dict[str, float]:
        """Return the means since the last reading, raise and lower alarms, and begin anew.

        Returns:
            Plain numbers by names such as ``health/video/accuracy``, ``health/gradient/generator``
            and ``health/alarm/collapse`` (0 or 1), for ``metrics.jsonl`` and TensorBoard.
        """
        names = sorted(self._sums)
        values: dict[str, float] = {}
        if names:
            device = self._sums[names[0]].device
            means = torch.stack(
                [self._sums[name].float().to(device) / self._counts[name] for name in names]
            )
            if dist.is_available() and dist.is_initialized():
                dist.all_reduce(means)
                means /= dist.get_world_size()
            values = dict(zip(names, means.tolist(), strict=True))
        self._sums, self._counts = {}, {}
        self._judge(values)
        self._line = _line(self.alarms, values)
        up = {f"alarm/{name}": float(name in self.alarms) for name in sorted(self._bad)}
        return {f"health/{name}": value for name, value in (values | up).items()}

    def _judge(self, values: Mapping[str, float]) -> None:
        wrong = {"broken": any(not math.isfinite(value) for value in values.values())}
        for name, spread in values.items():
            stream, _, what = name.rpartition("/")
            if what == "spread":
                size = max(abs(values[f"{stream}/{side}_mean"]) for side in ("real", "fake"))
                wrong[f"dead/{stream}"] = spread <= self.spread * max(size, 1e-6)
                wrong[f"won/{stream}"] = values[f"{stream}/ranking"] >= self.ranking
        if "diversity/fake" in values:
            wrong["collapse"] = values["diversity/fake"] <= self.collapse * values["diversity/real"]
        for name, bad in wrong.items():
            self._bad[name] = self._bad.get(name, 0) + 1 if bad else 0
        self._raise_alarms()

    def _raise_alarms(self) -> None:
        # What is not finite once stays so: no patience with that.
        self.alarms = sorted(
            name
            for name, count in self._bad.items()
            if count >= (1 if name == "broken" else self.patience)
        )

    def line(self) -> str:
        """One short line of the last reading: alarms, and the ranking of every stream."""
        return self._line

    def state_dict(self) -> dict[str, Any]:
        """What came in since the last reading, and how long each alarm has had its reason.

        On several processes each has its own; that of the one which saves stands for all.
        """
        return {
            "bad": dict(self._bad),
            "sums": {name: total.cpu().clone() for name, total in self._sums.items()},
            "counts": dict(self._counts),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on at what :meth:`state_dict` returned.

        Raises:
            CheckpointError: If it is no such state.
        """
        bad = entry_of(state, "bad", Mapping, "HealthMonitor")
        # States of older versions have none, as if they had just been read.
        late = {key: entry_of({key: {}} | dict(state), key, Mapping, "HealthMonitor")
                for key in ("sums", "counts")}  # fmt: skip
        if not _are_names(bad):
            raise refused("HealthMonitor", "counts what is no alarm")
        if late["sums"].keys() != late["counts"].keys() or not _complete(late["sums"]):
            raise refused("HealthMonitor", "has measures that do not go together")
        for total in late["sums"].values():
            if not isinstance(total, Tensor) or total.ndim or not total.is_floating_point():
                raise refused("HealthMonitor", "has a measure that is no number")
        self._bad = {name: count_of(bad, name, "HealthMonitor") for name in bad}
        counts = {name: count_of(late["counts"], name, "HealthMonitor") for name in late["counts"]}
        self._sums, self._counts = dict(late["sums"]), counts
        self._raise_alarms()


def _are_names(names: Collection[Any]) -> bool:
    """Whether all could be names of curves."""
    return all(isinstance(name, str) and name.isprintable() and len(name) < 500 for name in names)


def _complete(names: Collection[Any]) -> bool:
    """Whether beside each measure stand those that it is judged by."""
    if not _are_names(names):
        return False
    streams = [name.removesuffix("/spread") for name in names if name.endswith("/spread")]
    beside = [f"{s}/{what}" for s in streams for what in ("real_mean", "fake_mean", "ranking")]
    if "diversity/fake" in names:
        beside.append("diversity/real")
    return all(name in names for name in beside)


def _line(alarms: list[str], values: Mapping[str, float]) -> str:
    alarm = [f"ALARM {', '.join(alarms)}"] if alarms else []
    streams = [
        f"{name.removesuffix('/ranking')} {value:.2f}"
        for name, value in values.items()
        if name.endswith("/ranking")
    ]
    return "; ".join([*alarm, *([", ".join(streams)] if streams else [])])

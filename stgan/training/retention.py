"""Which checkpoints of a run stay when a new one has been written."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice

from stgan._checks import check_positive

__all__ = ["Retention"]


@dataclass(frozen=True)
class Retention:
    """Say which checkpoints of a run are kept; each rule keeps its own, whatever the others do.

    Give it to :func:`stgan.training.save_checkpoint` as ``keep=``. The one just written is always
    kept. A damaged one counts for nothing: it is never among the best, and among the last it stays
    in addition, until all those that count are newer.

    Attributes:
        last: How many of the highest steps stay.
        every: Steps that are a multiple of this stay for good; ``None`` for none of them.
        best: Name of the metric by which the best stay, one of those that were given as
            ``metrics=`` when they were saved; ``None`` for none of them. What was saved without
            the metric, or with one that is not a number, is never among the best.
        num_best: How many of the best stay.
        higher_is_better: Whether a larger metric is a better one; off for distances such as FVD.

    Raises:
        ValueError: If a count is not positive.
        TypeError: If a count is not an integer.

    Example:
        >>> keep = Retention(last=1, every=100, best="fvd")
        >>> saved = {50: {"fvd": 9.0}, 100: {}, 150: {"fvd": 7.0}, 200: {}, 250: {"fvd": 8.0}}
        >>> sorted(keep.kept(saved, newest=250))
        [100, 150, 200, 250]
    """

    last: int = 3
    every: int | None = None
    best: str | None = None
    num_best: int = 1
    higher_is_better: bool = False

    def __post_init__(self) -> None:
        check_positive(self.last, "last")
        check_positive(self.num_best, "num_best")
        if self.every is not None:
            check_positive(self.every, "every")

    def kept(
        self,
        saved: Mapping[int, Mapping[str, float]],
        *,
        newest: int,
        sound: Callable[[int], bool] = lambda step: True,
    ) -> set[int]:
        """Return the steps that stay.

        Args:
            saved: The metrics of every checkpoint by its step, that of ``newest`` among them.
            newest: The step that was just written.
            sound: Whether the checkpoint of a step is undamaged; asked for no more steps than it
                takes to find those that stay.
        """
        kept, counted = {newest}, 1
        for step in sorted(saved.keys() - {newest}, reverse=True):
            if counted == self.last:
                break
            kept.add(step)
            counted += sound(step)
        if self.every is not None:
            kept |= {step for step in saved if step % self.every == 0}
        if self.best is not None:
            scores = {step: metrics.get(self.best, math.nan) for step, metrics in saved.items()}
            sign = -1 if self.higher_is_better else 1
            # Of equals the later one: it has seen more.
            ranked = sorted(
                (step for step, score in scores.items() if not math.isnan(score)),
                key=lambda step: (sign * scores[step], -step),
            )
            kept |= set(islice(filter(sound, ranked), self.num_best))
        return kept

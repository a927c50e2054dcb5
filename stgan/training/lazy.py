"""Penalties that are computed every few steps only."""

from collections.abc import Mapping

from stgan._checks import check_positive
from stgan.training._entries import count_of

__all__ = ["LazySchedule", "Schedules"]


class LazySchedule:
    r"""Tell at which steps a penalty is due, and how much it counts then.

    A penalty on a slope costs more than the rest of a step and changes slowly. Computed at every
    :math:`k`-th step and multiplied by :math:`k`, it has the same mean::

        lazy = LazySchedule(every=16)
        for ...:
            loss = adversarial.discriminator(real=..., fake=...)
            if lazy.due:
                loss = loss + lazy.scale * 5.0 * r1(discriminator, real=real)
            ...
            lazy.advance()

    It is due at the first step. The phase is counted apart from the steps of the run, so it goes
    into the state of a checkpoint: a resumed run goes on where it was.

    Args:
        every: The number of steps from one penalty to the next, :math:`k`; 1 for every step.

    Attributes:
        every: As given.
        phase: Steps since the penalty was last due, from 0, at which it is due, to ``every - 1``.

    Raises:
        ValueError: If ``every`` is not positive.

    Example:
        >>> lazy = LazySchedule(every=3)
        >>> weights = []
        >>> for step in range(6):
        ...     weights.append(lazy.scale if lazy.due else 0)
        ...     lazy.advance()
        >>> weights
        [3, 0, 0, 3, 0, 0]

    References:
        Karras et al., Analyzing and Improving the Image Quality of StyleGAN, CVPR 2020, appendix B
        (lazy regularization).
    """

    def __init__(self, every: int = 16) -> None:
        self.every = check_positive(every, "every")
        self.phase = 0

    @property
    def due(self) -> bool:
        """Whether the penalty belongs to this step."""
        return self.phase == 0

    @property
    def scale(self) -> int:
        """The factor of the penalty where it is due, which is ``every``."""
        return self.every

    def advance(self) -> None:
        """Go on to the next step; call it once in each, whether the penalty was due or not."""
        self.phase = (self.phase + 1) % self.every

    def adam_settings(
        self, lr: float, betas: tuple[float, float]
    ) -> tuple[float, tuple[float, float]]:
        r"""Correct the settings of Adam for penalties that take an optimizer step of their own.

        Where every k steps of the loss are followed by one of the penalty alone, as in StyleGAN2,
        the optimizer steps k + 1 times for k. With :math:`c = k / (k + 1)` it keeps its pace,

        .. math:: \lambda' = c \lambda, \qquad \beta_1' = \beta_1^c, \qquad \beta_2' = \beta_2^c.

        A penalty that is added to the loss of a step, as above, needs no correction.

        Args:
            lr: The learning rate without lazy penalties, :math:`\lambda`.
            betas: The two decay rates, :math:`\beta_1` and :math:`\beta_2`.

        Returns:
            The learning rate and the decay rates to give to the optimizer.

        Example:
            >>> lr, betas = LazySchedule(every=16).adam_settings(0.002, (0.0, 0.99))
            >>> round(lr, 6), betas[0], round(betas[1], 6)
            (0.001882, 0.0, 0.990585)
        """
        share = self.every / (self.every + 1)
        return share * lr, (betas[0] ** share, betas[1] ** share)

    def state_dict(self) -> dict[str, int]:
        """Plain integers: the phase, and the interval that it belongs to."""
        return {"every": self.every, "phase": self.phase}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go on at the phase that :meth:`state_dict` returned.

        Raises:
            ValueError: If the state was saved with another interval, or its phase is not in it.
            CheckpointError: If it is no such state.
        """
        every, phase = (count_of(state, key, "a schedule") for key in ("every", "phase"))
        if every != self.every:
            raise ValueError(
                f"the state was saved with every={every}, got a schedule with every={self.every}; "
                f"make it with every={every}, or start a new phase without loading"
            )
        if not 0 <= phase < every:
            raise ValueError(f"phase must lie in [0, {every}), got {phase}")
        self.phase = phase

    def __repr__(self) -> str:
        return f"{type(self).__name__}(every={self.every}, phase={self.phase})"


class Schedules(dict[str, LazySchedule]):
    """Several schedules by name, that go on together and have one state.

    Args:
        **schedules: The schedules.

    Example:
        >>> schedules = Schedules(penalties=LazySchedule(4), clipping=LazySchedule(2))
        >>> schedules.advance()
        >>> schedules.state_dict()["clipping"]
        {'every': 2, 'phase': 1}
    """

    def __init__(self, **schedules: LazySchedule) -> None:
        super().__init__(schedules)

    def advance(self) -> None:
        """Go on to the next step."""
        for schedule in self.values():
            schedule.advance()

    def state_dict(self) -> dict[str, dict[str, int]]:
        """The state of each, by name."""
        return {name: schedule.state_dict() for name, schedule in self.items()}

    def load_state_dict(self, state: Mapping[str, Mapping[str, int]]) -> None:
        """Go on at the phases that :meth:`state_dict` returned."""
        given = state if isinstance(state, Mapping) else {}
        for name, schedule in self.items():
            schedule.load_state_dict(given.get(name, {}))

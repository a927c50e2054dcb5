"""Penalties on a discriminator that changes its mind about a changed sample, as modules."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from stgan._keywords import by_keyword
from stgan.augment.diff_augment import DiffAugment
from stgan.example import Example
from stgan.functional import penalties_consistency as functional
from stgan.functional._discriminator import Discriminator
from stgan.losses.penalties_base import CLAIMS, CLIPS, DISCRIMINATOR, DiscriminatorPenalty
from stgan.registry import PENALTIES
from stgan.typing import Reduction

__all__ = ["BalancedConsistencyPenalty", "ConsistencyPenalty"]

_SETTINGS = {
    # No augmentation, but something that changes clips and is the same at every call.
    "augment": {"kind": "layers", "name": "temporal_shift", "channels": 3, "divisor": 3},
    "reduction": "none",
}


class _AugmentedPenalty(DiscriminatorPenalty):
    """What holds an augmentation."""

    def __init__(
        self, augment: Callable[[Tensor], Tensor] | None = None, *, reduction: Reduction = "mean"
    ) -> None:
        super().__init__(reduction)
        if augment is None:
            augment = DiffAugment("translation")
        if not callable(augment):
            raise TypeError(
                f"augment must be called with samples, got {type(augment).__name__}; pass a "
                f"function or a module"
            )
        self.augment = augment


@PENALTIES.register(
    "consistency",
    source="Zhang et al., Consistency Regularization for GANs, ICLR 2020, algorithm 1",
    shape="discriminator, real (N, ...) -> ()",
    aliases=("crgan",),
    example=Example(
        settings=_SETTINGS,
        inputs={"discriminator": DISCRIMINATOR, "real": CLIPS, "label": "N < 3"},
        claims=CLAIMS,
    ),
)
class ConsistencyPenalty(_AugmentedPenalty):
    """Squared difference of the discriminator's logits for real samples and for augmented ones.

    See :func:`stgan.functional.consistency_penalty`; the usual weight is 10.

    Args:
        augment: Called with samples; a module or a function. A clip wants one draw for all its
            frames. ``None`` for the shifts of :class:`stgan.augment.DiffAugment`, as the sources
            shift images.
        reduction: ``"mean"``, ``"sum"`` or ``"none"`` over the samples.

    Shape:
        - ``real``: ``(N, ...)``, any number of axes
        - Output: a scalar, or ``(N,)`` with ``reduction="none"``

    Raises:
        TypeError: If ``augment`` cannot be called; in ``forward``, if the discriminator returns no
            logits.
        ValueError: If the reduction is none of the three; in ``forward``, if ``real`` is missing.

    Example:
        >>> discriminator = nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 8 * 8, 1))
        >>> penalty = ConsistencyPenalty(augment=torch.fliplr)
        >>> penalty(discriminator, real=torch.zeros(2, 3, 4, 8, 8)).item()
        0.0

    References:
        Zhang et al., Consistency Regularization for Generative Adversarial Networks, ICLR 2020,
        algorithm 1, for the last layer alone.
    """

    @by_keyword
    def forward(
        self,
        discriminator: Discriminator,
        *,
        real: Tensor | None = None,
        fake: Tensor | None = None,
        **condition: Any,
    ) -> Tensor:
        """Return the penalty; ``fake`` is not needed."""
        values = functional.consistency_penalty(
            discriminator, real=self._needed("real", real), augment=self.augment, **condition
        )
        return self._reduced(values)


@PENALTIES.register(
    "balanced_consistency",
    source="Zhao et al., Improved Consistency Regularization for GANs, AAAI 2021, algorithm 1",
    shape="discriminator, real (N, ...), fake (N, ...) -> ()",
    aliases=("bcr",),
    example=Example(
        settings=_SETTINGS,
        inputs={"discriminator": DISCRIMINATOR, "real": CLIPS, "fake": CLIPS, "label": "N < 3"},
        claims=CLAIMS,
    ),
)
class BalancedConsistencyPenalty(_AugmentedPenalty):
    """Consistency under augmentation at real and at generated samples.

    See :func:`stgan.functional.balanced_consistency_penalty`; the usual weight is 10.

    Args:
        augment: Called with samples; a module or a function. A clip wants one draw for all its
            frames. ``None`` for the shifts of :class:`stgan.augment.DiffAugment`, as the sources
            shift images.
        reduction: ``"mean"``, ``"sum"`` or ``"none"`` over the samples.

    Shape:
        - ``real``, ``fake``: ``(N, ...)``, any number of axes
        - Output: a scalar, or ``(N,)`` with ``reduction="none"``

    Raises:
        TypeError: If ``augment`` cannot be called; in ``forward``, if the discriminator returns no
            logits.
        ValueError: If the reduction is none of the three; in ``forward``, if samples are missing.
        ShapeError: In ``forward``, if there are not as many fake samples as real ones.

    Example:
        >>> discriminator = nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 8 * 8, 1))
        >>> video = torch.zeros(2, 3, 4, 8, 8)
        >>> BalancedConsistencyPenalty(torch.fliplr)(discriminator, real=video, fake=video).item()
        0.0

    References:
        Zhao et al., Improved Consistency Regularization for GANs, AAAI 2021, algorithm 1.
    """

    @by_keyword
    def forward(
        self,
        discriminator: Discriminator,
        *,
        real: Tensor | None = None,
        fake: Tensor | None = None,
        **condition: Any,
    ) -> Tensor:
        """Return the penalty; it needs as many fake samples as real ones."""
        values = functional.balanced_consistency_penalty(
            discriminator,
            real=self._needed("real", real),
            fake=self._needed("fake", fake),
            augment=self.augment,
            **condition,
        )
        return self._reduced(values)

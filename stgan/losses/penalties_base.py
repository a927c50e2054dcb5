"""The interface of penalties on a discriminator, and the one on which examples try them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor

from stgan.functional._discriminator import Discriminator
from stgan.functional.adversarial import check_reduction, reduce_loss
from stgan.losses.terms import LossTerm, PlayerName, Takes
from stgan.typing import Reduction

__all__ = ["CLAIMS", "CLIPS", "DISCRIMINATOR", "DiscriminatorPenalty"]

#: As an input of an example.
DISCRIMINATOR = {
    "kind": "discriminators",
    "name": "video",
    "input_size": (4, 8, 12),
    "num_classes": 3,
    "base_channels": 2,
    "max_channels": 4,
    # Smooth and steep, so that derivatives of its slope are there to be compared.
    "act": {"factory": "torch.nn.Tanh"},
    "spectral_norm": False,
    "init_std": 0.3,
}
CLIPS = "N 3 4 8 12"
CLAIMS = {
    "gradients": "samples are detached, so that only the discriminator is reached",
    "gradcheck": "samples are detached, so that only the discriminator is reached",
    "export": "a discriminator is an input, and torch exports tensors only",
}


class DiscriminatorPenalty(LossTerm, ABC):
    """The interface of penalties on a discriminator.

    Each is called as ``penalty(discriminator, real=..., fake=..., label=...)``.

    A loop may hand over real and fake samples whatever the penalty; each takes what it needs, and
    says so if that is missing. Values come without a weight.

    The discriminator is the module itself, not its compiled version, since what is compiled cannot
    be differentiated twice. Under ``DistributedDataParallel`` it is the wrapped discriminator, so
    that the gradients of the penalty are averaged over processes too. There it must share its
    backward pass with a loss on logits: the slope does not depend on the bias of the last layer,
    and the wrapper waits for a gradient of every parameter.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"`` over the samples.

    Shape:
        - ``real``, ``fake``: ``(N, ...)``, any number of axes
        - Output: a scalar, or ``(N,)`` with ``reduction="none"``

    Raises:
        ValueError: If the reduction is none of the three; in ``forward``, if samples are missing.
        TypeError: In ``forward``, if the discriminator returns neither logits nor a mapping of
            them.
        ShapeError: In ``forward``, if it does not return logits for every sample.
    """

    player: ClassVar[PlayerName] = "discriminator"
    takes: ClassVar[Takes] = "slopes"

    def __init__(self, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.reduction: Reduction = check_reduction(reduction)

    @abstractmethod
    def forward(
        self,
        discriminator: Discriminator,
        *,
        real: Tensor | None = None,
        fake: Tensor | None = None,
        **condition: Any,
    ) -> Tensor:
        """Return the penalty.

        Args:
            discriminator: Called as ``discriminator(samples, **condition)``; returns logits, or a
                mapping of named logits.
            real: Real samples.
            fake: Generated samples.
            **condition: What the discriminator also needs, such as ``label=``.
        """

    def output_shape(
        self, discriminator: Any, samples: Sequence[int], *others: Sequence[int]
    ) -> tuple[int, ...]:
        """Shape of the penalty for samples of a shape, which the discriminator must accept."""
        promise = getattr(discriminator, "output_shape", None)
        if promise is not None:
            promise(tuple(samples))
        return (samples[0],) if self.reduction == "none" else ()

    def extra_repr(self) -> str:
        """How values are reduced."""
        return f"reduction={self.reduction!r}"

    def _reduced(self, values: Tensor) -> Tensor:
        return reduce_loss(values, self.reduction)

    def _needed(self, name: str, samples: Tensor | None) -> Tensor:
        if samples is None:
            raise ValueError(f"{type(self).__name__} needs {name} samples; pass {name}=...")
        return samples

"""How strongly to augment: as strongly as the discriminator overfits."""

from collections.abc import Callable
from typing import Self

import torch
import torch.distributed as dist
from torch import Tensor

from stgan._checks import check_positive
from stgan.augment._draws import check_probability
from stgan.augment.base import Augmentation, Shape
from stgan.errors import ShapeError

__all__ = ["AdaptiveAugmentation"]


class AdaptiveAugmentation(Augmentation):
    r"""Augment, with a probability that keeps the discriminator right about a part of clips.

    .. math::
        r = \mathrm{E}[\mathrm{sign}(D(x))], \qquad
        p \leftarrow \mathrm{clip}\Bigl(p + \mathrm{sign}(r - r^*) \, \frac{n}{R},
        \; 0, \; p_{\max}\Bigr)

    over the :math:`n` real clips since the last change, with :math:`R` clips for the way from 0 to
    1. A discriminator that overfits is sure of the real clips, :math:`r \to 1`; then :math:`p`
    rises.

    Call :meth:`update` with the logits of augmented real clips in every step of the discriminator.
    It halts no GPU. If ``torch.distributed`` is initialized, every process must call it as often;
    the sums go over all of them, and :math:`p` is the same everywhere. Logits that are not numbers
    count as zero. All of the state is buffers: save it as one more network of the checkpoint.

    Args:
        augment: The augmentation to adapt: one whose ``adaptive`` is true, with a buffer
            ``probability``, as :class:`ADAugment`.
        target: :math:`r^*`.
        ramp: :math:`R`, in clips; counted over all processes.
        every: Updates from one change of the probability to the next.
        max_probability: :math:`p_{\max}`; beyond 0.8 the generator may learn to show augmented
            clips.

    Attributes:
        augment: As given.
        sign: The last :math:`r`, for a log; zero before the first change.

    Raises:
        TypeError: If the augmentation is not adaptive.
        ValueError: If a setting is out of range.
        ShapeError: In ``update``, if the logits have no axis for the clips.

    Example:
        >>> from stgan.augment import ADAugment
        >>> augment = AdaptiveAugmentation(ADAugment(), ramp=1000, every=2)
        >>> for _ in range(4):
        ...     augment.update(real_logits=torch.ones(8))
        >>> augment.probability.item(), augment.sign.item()
        (0.03..., 1.0)
        >>> augment(torch.zeros(2, 3, 4, 8, 8)).shape
        torch.Size([2, 3, 4, 8, 8])

    References:
        Karras et al., Training Generative Adversarial Networks with Limited Data, NeurIPS 2020,
        section 3 (:math:`r_t`, target 0.6, 500 thousand images, every 4 steps); that paper sets no
        upper bound.
    """

    def __init__(
        self,
        augment: Augmentation,
        *,
        target: float = 0.6,
        ramp: int = 500_000,
        every: int = 4,
        max_probability: float = 1.0,
    ) -> None:
        if not isinstance(augment, Augmentation) or not augment.adaptive:
            raise TypeError(
                f"augment must be adaptive, with a buffer probability to adapt, got "
                f"{type(augment).__name__}; ADAugment has one"
            )
        super().__init__(augment.num_draws)
        if not -1 <= target <= 1:
            raise ValueError(f"target must lie in [-1, 1], as the mean of signs does, got {target}")
        self.augment = augment
        self.target = target
        self.ramp = check_positive(ramp, "ramp")
        self.every = check_positive(every, "every")
        self.max_probability = check_probability(max_probability, "max_probability")
        device = self.probability.device
        # Sum of signs, clips and updates since the last change.
        self.register_buffer("sums", torch.zeros(3, device=device))
        self.register_buffer("sign", torch.zeros((), device=device))
        self.sums: Tensor
        self.sign: Tensor

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # As torch's own recurrent layers do. Half precision would lose the small steps of the
        # probability, and clips beyond a few hundred.
        owners = {"sums": self, "sign": self, "probability": self.augment}
        before = {name: getattr(owner, name) for name, owner in owners.items()}
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, owner in owners.items():
            moved = getattr(owner, name)
            if moved.dtype in (torch.float16, torch.bfloat16):
                setattr(owner, name, before[name].to(moved.device))
        return self

    @property
    def probability(self) -> Tensor:
        """The probability as it is now."""
        probability = self.augment.probability
        assert isinstance(probability, Tensor)
        return probability

    def transform(self, video: Tensor, draws: Tensor) -> Tensor:
        """Augment with the probability as it is now."""
        return self.augment.transform(video, draws)

    def check_inputs(self, video: Tensor, draws: Tensor | None) -> None:
        """Check the inputs as the augmentation does."""
        self.augment.check_inputs(video, draws)

    def _check_shapes(self, video: Shape, draws: Shape | None) -> None:
        self.augment._check_shapes(video, draws)

    @torch.no_grad()
    def update(self, real_logits: Tensor) -> None:
        """Count the signs of real clips; in every so many calls, change the probability.

        Args:
            real_logits: ``(N,)``, or ``(N, ...)`` for a discriminator that answers in patches.
        """
        if real_logits.ndim < 1 or real_logits.numel() == 0:
            raise ShapeError(
                f"real_logits must be (N,) or (N, ...), got {tuple(real_logits.shape)}"
            )
        clips = real_logits.shape[0]
        # One discriminator that fails must not make the probability fail for good.
        mean = real_logits.float().nan_to_num(0.0).sign().mean().to(self.sums)
        new = torch.stack((mean * clips, torch.full_like(mean, clips), torch.zeros_like(mean)))
        if dist.is_available() and dist.is_initialized():
            dist.all_reduce(new)
        self.sums += new
        self.sums[2] += 1
        signs, count, updates = self.sums.unbind()
        due = updates >= self.every
        sign = signs / count
        step = (sign - self.target).sign() * count / self.ramp
        moved = (self.probability + step).clamp(0, self.max_probability)
        self.probability.copy_(torch.where(due, moved, self.probability))
        self.sign.copy_(torch.where(due, sign, self.sign))
        self.sums.copy_(torch.where(due, 0, self.sums))

    def extra_repr(self) -> str:
        """Target and speed."""
        return (
            f"target={self.target}, ramp={self.ramp}, every={self.every}, "
            f"max_probability={self.max_probability}"
        )

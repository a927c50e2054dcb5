"""Penalties that need no discriminator, only what networks returned: logits, features, samples."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
import torch.distributed as dist
from torch import Tensor

from stgan._keywords import by_keyword
from stgan.example import Example
from stgan.functional import penalties_outputs as functional
from stgan.functional._precision import full_precision
from stgan.functional.adversarial import check_reduction, check_sides, reduce_loss
from stgan.losses.terms import LossTerm, PlayerName, Takes
from stgan.registry import PENALTIES
from stgan.typing import Reduction

__all__ = [
    "FeatureMatchingPenalty",
    "LecamPenalty",
    "MeanFeatureMatchingPenalty",
    "ModeSeekingPenalty",
]

Shape = Sequence[int]

_TARGETS = "real features are targets and detached"


class _OutputPenalty(LossTerm):
    """What is reduced over the samples."""

    def __init__(self, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.reduction: Reduction = check_reduction(reduction)

    def _shape(self, batch: Shape) -> tuple[int, ...]:
        return tuple(batch) if self.reduction == "none" else ()

    def extra_repr(self) -> str:
        """How values are reduced."""
        return f"reduction={self.reduction!r}"


@PENALTIES.register(
    "lecam",
    source="Tseng et al., Regularizing GANs under Limited Data, CVPR 2021",
    shape="real (N,), fake (N,) -> ()",
    example=Example(
        settings={"reduction": "none"},
        inputs={"real": "N", "fake": "N"},
    ),
)
class LecamPenalty(_OutputPenalty):
    """Hold logits near the running mean of those of the other side (LeCam divergence).

    See :func:`stgan.functional.lecam_penalty`. In training mode each call first moves the two
    means, which are part of the state dict; the first call sets them to those of its batch.

    For a discriminator with several named logits, use one penalty for each. The processes of a
    distributed run, which must all call it, have the means of the whole batch.

    Args:
        decay: Share of the running means that stays at each call, in [0, 1).
        reduction: ``"mean"``, ``"sum"`` or ``"none"``, applied to the real and the fake term,
            which are then added.

    Attributes:
        real_mean: Running mean of real logits.
        fake_mean: Running mean of fake logits.
        num_updates: How often they were moved.

    Shape:
        - ``real``, ``fake``: logits of any shape, usually ``(N,)``
        - Output: a scalar, or the shape of the logits with ``reduction="none"``

    Raises:
        ValueError: If ``decay`` is out of range, or the reduction is none of the three.
        ShapeError: In ``forward``, if real and fake differ in N, or are empty; with
            ``reduction="none"``, if they differ in shape.

    Example:
        >>> penalty = LecamPenalty()
        >>> penalty(real=torch.ones(2), fake=torch.zeros(2))
        tensor(2.)
        >>> penalty.real_mean, penalty.fake_mean
        (tensor(1.), tensor(0.))

    Differs from the source:
        The published code starts from zero and divides the bias out, and clips the differences;
        see the function.

    References:
        Tseng et al., Regularizing Generative Adversarial Networks under Limited Data, CVPR
        2021; released code, ``lecam_loss.py``.
    """

    player: ClassVar[PlayerName] = "discriminator"
    takes: ClassVar[Takes] = "logits"

    real_mean: Tensor
    fake_mean: Tensor
    num_updates: Tensor

    def __init__(self, decay: float = 0.99, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)
        if not 0 <= decay < 1:
            raise ValueError(f"decay must lie in [0, 1), got {decay}; 0.99 is the usual choice")
        self.decay = decay
        self.register_buffer("real_mean", torch.zeros(()))
        self.register_buffer("fake_mean", torch.zeros(()))
        self.register_buffer("num_updates", torch.zeros((), dtype=torch.int64))

    @by_keyword
    def forward(self, *, real: Tensor, fake: Tensor) -> Tensor:
        """Move the means if in training mode, then return the penalty."""
        check_sides(real, fake)  # before the means have seen them
        if self.training:
            self._update(real.detach(), fake.detach())
        return functional.lecam_penalty(
            real=real,
            fake=fake,
            real_mean=self.real_mean,
            fake_mean=self.fake_mean,
            reduction=self.reduction,
        )

    @torch.no_grad()
    def _update(self, real: Tensor, fake: Tensor) -> None:
        step = torch.where(self.num_updates == 0, 1.0, 1.0 - self.decay)
        seen = torch.stack([full_precision(logits).mean() for logits in (real, fake)])
        if dist.is_available() and dist.is_initialized():
            # The batch is that of all processes, each of which has an equal share.
            dist.all_reduce(seen)
            seen /= dist.get_world_size()
        for mean, now in zip((self.real_mean, self.fake_mean), seen, strict=True):
            mean += step.to(mean.dtype) * (now.to(mean.dtype) - mean)
        self.num_updates += 1

    def output_shape(self, real: Shape, fake: Shape | None = None) -> tuple[int, ...]:
        """Shape of the penalty for logits of one shape."""
        return self._shape(real)

    def extra_repr(self) -> str:
        """The decay, and how values are reduced."""
        return f"decay={self.decay}, {super().extra_repr()}"


@PENALTIES.register(
    "mode_seeking",
    source="Mao et al., Mode Seeking GANs for Diverse Image Synthesis, CVPR 2019",
    shape="fake 2 x (N, ...), z 2 x (N, ...) -> ()",
    aliases=("msgan",),
    example=Example(
        settings={"reduction": "none"},
        inputs={"fake": ("N C T H W", "N C T H W"), "z": ("N Z", "N Z")},
    ),
)
class ModeSeekingPenalty(_OutputPenalty):
    """Punish a generator whose samples differ less than the noise that they were made of.

    See :func:`stgan.functional.mode_seeking_penalty`. It belongs to the generator's loss.

    Args:
        eps: Bounds the value for equal samples, in units of their differences.
        reduction: ``"mean"``, ``"sum"`` or ``"none"`` over the samples.

    Shape:
        - ``fake``: two batches ``(N, ...)``, made under the same condition
        - ``z``: the two batches ``(N, ...)`` of noise that they were made of
        - Output: a scalar, or ``(N,)`` with ``reduction="none"``

    Raises:
        ValueError: If ``eps`` is not positive, or the reduction is none of the three.
        ShapeError: In ``forward``, if the two of a pair differ in shape, or there is not one noise
            per sample.

    Example:
        >>> penalty = ModeSeekingPenalty()
        >>> fake = torch.zeros(1, 3, 4, 8, 8), torch.full((1, 3, 4, 8, 8), 0.5)
        >>> penalty(fake=fake, z=(torch.zeros(1, 2), torch.ones(1, 2)))
        tensor(2.0000)

    References:
        Mao et al., Mode Seeking Generative Adversarial Networks for Diverse Image Synthesis,
        CVPR 2019.
    """

    player: ClassVar[PlayerName] = "generator"
    takes: ClassVar[Takes] = "two_samples"

    def __init__(self, eps: float = 1e-5, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)
        if not eps > 0:
            raise ValueError(f"eps must be positive, got {eps}")
        self.eps = eps

    @by_keyword
    def forward(self, *, fake: tuple[Tensor, Tensor], z: tuple[Tensor, Tensor]) -> Tensor:
        """Return the penalty."""
        return reduce_loss(
            functional.mode_seeking_penalty(fake=fake, z=z, eps=self.eps), self.reduction
        )

    def output_shape(self, fake: Sequence[Shape], z: Any = None) -> tuple[int, ...]:
        """Shape of the penalty for two batches of samples."""
        return self._shape(fake[0][:1])

    def extra_repr(self) -> str:
        """The bound, and how values are reduced."""
        return f"eps={self.eps}, {super().extra_repr()}"


@PENALTIES.register(
    "feature_matching",
    source="Wang et al., pix2pixHD, CVPR 2018, equation 4",
    shape="real L x (N, ...), fake L x (N, ...) -> ()",
    example=Example(
        settings={"reduction": "none"},
        inputs={"real": ("N C T H W", "N C T"), "fake": ("N C T H W", "N C T")},
        claims={"gradients": _TARGETS, "gradcheck": _TARGETS},
    ),
)
class FeatureMatchingPenalty(_OutputPenalty):
    """Distance of the features of each generated sample from those of its real counterpart.

    See :func:`stgan.functional.feature_matching_penalty`; the usual weight is 10. It belongs to
    the generator's loss.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"`` over the samples.

    Shape:
        - ``real``, ``fake``: features ``(N, ...)``, layer by layer
        - Output: a scalar, or ``(N,)`` with ``reduction="none"``

    Raises:
        ValueError: If the reduction is none of the three.
        ShapeError: In ``forward``, if the layers are none, are not as many or differ in shape.

    Example:
        >>> real, fake = [torch.ones(2, 3, 4, 5, 5)], [torch.zeros(2, 3, 4, 5, 5)]
        >>> FeatureMatchingPenalty()(real=real, fake=fake)
        tensor(1.)

    References:
        Wang et al., High-Resolution Image Synthesis and Semantic Manipulation with Conditional
        GANs (pix2pixHD), CVPR 2018, equation 4.
    """

    player: ClassVar[PlayerName] = "generator"
    takes: ClassVar[Takes] = "features"

    @by_keyword
    def forward(self, *, real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
        """Return the penalty."""
        return reduce_loss(
            functional.feature_matching_penalty(real=real, fake=fake), self.reduction
        )

    def output_shape(self, real: Sequence[Shape], fake: Any = None) -> tuple[int, ...]:
        """Shape of the penalty for features, layer by layer."""
        return self._shape(real[0][:1])


@PENALTIES.register(
    "mean_feature_matching",
    source="Salimans et al., Improved Techniques for Training GANs, NeurIPS 2016, section 3.1",
    shape="real L x (N, ...), fake L x (M, ...) -> ()",
    example=Example(
        inputs={"real": ("N C T H W", "N C T"), "fake": ("M C T H W", "M C T")},
        claims={"gradients": _TARGETS, "gradcheck": _TARGETS},
    ),
)
class MeanFeatureMatchingPenalty(LossTerm):
    """Squared distance of the mean features of generated samples from those of real ones.

    See :func:`stgan.functional.mean_feature_matching_penalty`. It belongs to the generator's loss.

    Shape:
        - ``real``, ``fake``: features ``(N, ...)`` and ``(M, ...)``, layer by layer
        - Output: a scalar

    Raises:
        ShapeError: In ``forward``, if the layers are none, are not as many or differ in shape.

    Example:
        >>> penalty = MeanFeatureMatchingPenalty()
        >>> penalty(real=[torch.ones(4, 3)], fake=[torch.zeros(2, 3)])
        tensor(3.)

    References:
        Salimans et al., Improved Techniques for Training GANs, NeurIPS 2016, section 3.1.
    """

    player: ClassVar[PlayerName] = "generator"
    takes: ClassVar[Takes] = "features"

    @by_keyword
    def forward(self, *, real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
        """Return the penalty."""
        return functional.mean_feature_matching_penalty(real=real, fake=fake)

    def output_shape(self, real: Sequence[Shape], fake: Any = None) -> tuple[int, ...]:
        """A scalar."""
        return ()

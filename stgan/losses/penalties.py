"""Penalties on the slope of a discriminator, behind one interface."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from stgan._keywords import by_keyword
from stgan.errors import ShapeError
from stgan.example import Example
from stgan.functional import penalties as functional
from stgan.functional._discriminator import Discriminator
from stgan.losses.penalties_base import CLAIMS, CLIPS, DISCRIMINATOR, DiscriminatorPenalty
from stgan.registry import PENALTIES
from stgan.typing import Reduction

__all__ = [
    "DraganPenalty",
    "GradientPenalty",
    "R1Penalty",
    "R2Penalty",
    "ZeroCenteredPenalty",
]

_CLAIMS = CLAIMS | {"compile": "torch.compile traces no derivative inside by default"}


@PENALTIES.register(
    "r1",
    source="Mescheder et al., Which Training Methods for GANs do actually Converge?, ICML 2018, "
    "equation 9",
    shape="discriminator, real (N, ...) -> ()",
    example=Example(
        settings={"reduction": "none"},
        inputs={"discriminator": DISCRIMINATOR, "real": CLIPS, "label": "N < 3"},
        claims=_CLAIMS,
    ),
)
class R1Penalty(DiscriminatorPenalty):
    """Squared norm of the discriminator's gradient at real samples.

    See :func:`stgan.functional.r1_penalty`; the usual weight is gamma / 2.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"`` over the samples; ``"sum"`` is that of
            TGANv2.

    Shape:
        - ``real``: ``(N, ...)``, any number of axes
        - Output: a scalar, or ``(N,)`` with ``reduction="none"``

    Raises:
        ValueError: If the reduction is none of the three; in ``forward``, if ``real`` is missing.
        TypeError: In ``forward``, if the discriminator returns neither logits nor a mapping of
            them.

    Example:
        >>> discriminator = nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 8 * 8, 1))
        >>> penalty = R1Penalty()
        >>> (5.0 * penalty(discriminator, real=torch.zeros(2, 3, 4, 8, 8))).backward()
        >>> discriminator[1].weight.grad.shape
        torch.Size([1, 768])

    References:
        Mescheder, Geiger and Nowozin, Which Training Methods for GANs do actually Converge?,
        ICML 2018, equation 9; Saito et al., TGANv2, IJCV 2020.
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
        real = self._needed("real", real)
        return self._reduced(functional.r1_penalty(discriminator, real=real, **condition))


@PENALTIES.register(
    "r2",
    source="Mescheder et al., Which Training Methods for GANs do actually Converge?, ICML 2018, "
    "equation 10",
    shape="discriminator, fake (N, ...) -> ()",
    example=Example(
        settings={"reduction": "none"},
        inputs={"discriminator": DISCRIMINATOR, "fake": CLIPS, "label": "N < 3"},
        claims=_CLAIMS,
    ),
)
class R2Penalty(DiscriminatorPenalty):
    """Squared norm of the discriminator's gradient at generated samples.

    See :func:`stgan.functional.r2_penalty`; the usual weight is gamma / 2.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"`` over the samples.

    Shape:
        - ``fake``: ``(N, ...)``, any number of axes
        - Output: a scalar, or ``(N,)`` with ``reduction="none"``

    Raises:
        ValueError: If the reduction is none of the three; in ``forward``, if ``fake`` is missing.
        TypeError: In ``forward``, if the discriminator returns neither logits nor a mapping of
            them.

    Example:
        >>> discriminator = nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 8 * 8, 1))
        >>> R2Penalty(reduction="none")(discriminator, fake=torch.zeros(2, 3, 4, 8, 8)).shape
        torch.Size([2])

    References:
        Mescheder, Geiger and Nowozin, Which Training Methods for GANs do actually Converge?,
        ICML 2018, equation 10; Huang et al., R3GAN, NeurIPS 2024.
    """

    side: ClassVar[Literal["real", "fake"]] = "fake"

    @by_keyword
    def forward(
        self,
        discriminator: Discriminator,
        *,
        real: Tensor | None = None,
        fake: Tensor | None = None,
        **condition: Any,
    ) -> Tensor:
        """Return the penalty; ``real`` is not needed."""
        fake = self._needed("fake", fake)
        return self._reduced(functional.r2_penalty(discriminator, fake=fake, **condition))


class _BetweenPenalty(DiscriminatorPenalty):
    """What penalties between real and generated samples share."""

    def output_shape(
        self, discriminator: Any, samples: Sequence[int], *others: Sequence[int]
    ) -> tuple[int, ...]:
        """Shape of the penalty for real and fake samples of one shape."""
        if others and tuple(others[0]) != tuple(samples):
            raise ShapeError(
                f"real and fake must have one shape to be mixed, got {tuple(samples)} and "
                f"{tuple(others[0])}"
            )
        return super().output_shape(discriminator, samples)


@PENALTIES.register(
    "wgan_gp",
    source="Gulrajani et al., Improved Training of Wasserstein GANs, NeurIPS 2017, equation 3",
    shape="discriminator, real (N, ...), fake (N, ...) -> ()",
    aliases=("gp",),
    example=Example(
        settings={"reduction": "none"},
        # What is drawn would differ from call to call.
        inputs={
            "discriminator": DISCRIMINATOR,
            "real": CLIPS,
            "fake": CLIPS,
            "mix": "N",
            "label": "N < 3",
        },
        claims=_CLAIMS,
    ),
)
class GradientPenalty(_BetweenPenalty):
    """Penalize a slope other than one between real and generated samples (WGAN-GP).

    See :func:`stgan.functional.gradient_penalty`; the usual weight is 10.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"`` over the samples.

    Shape:
        - ``real``, ``fake``: ``(N, ...)`` of one shape
        - ``mix``: ``(N,)``, shares of the real samples; drawn if not given
        - Output: a scalar, or ``(N,)`` with ``reduction="none"``

    Raises:
        ValueError: If the reduction is none of the three; in ``forward``, if samples are missing.
        ShapeError: In ``forward``, if real and fake differ in shape, or ``mix`` is not ``(N,)``.
        TypeError: In ``forward``, if the discriminator returns neither logits nor a mapping of
            them.

    Example:
        >>> discriminator = nn.Sequential(nn.Flatten(), nn.Linear(4, 1, bias=False))
        >>> with torch.no_grad():
        ...     weight = discriminator[1].weight.fill_(0.5)
        >>> real, fake = torch.ones(2, 1, 1, 2, 2), torch.zeros(2, 1, 1, 2, 2)
        >>> GradientPenalty()(discriminator, real=real, fake=fake).item()
        0.0

    References:
        Gulrajani et al., Improved Training of Wasserstein GANs, NeurIPS 2017, equation 3 and
        algorithm 1.
    """

    @by_keyword
    def forward(
        self,
        discriminator: Discriminator,
        *,
        real: Tensor | None = None,
        fake: Tensor | None = None,
        mix: Tensor | None = None,
        generator: torch.Generator | None = None,
        **condition: Any,
    ) -> Tensor:
        """Return the penalty; ``generator`` draws the shares if ``mix`` is not given."""
        real, fake = self._needed("real", real), self._needed("fake", fake)
        values = functional.gradient_penalty(
            discriminator, real=real, fake=fake, mix=mix, generator=generator, **condition
        )
        return self._reduced(values)


@PENALTIES.register(
    "zero_centered",
    source="Thanh-Tung et al., Improving Generalization and Stability of GANs, ICLR 2019",
    shape="discriminator, real (N, ...), fake (N, ...) -> ()",
    example=Example(
        settings={"reduction": "none"},
        inputs={
            "discriminator": DISCRIMINATOR,
            "real": CLIPS,
            "fake": CLIPS,
            "mix": "N",
            "label": "N < 3",
        },
        claims=_CLAIMS,
    ),
)
class ZeroCenteredPenalty(_BetweenPenalty):
    """Squared norm of the discriminator's gradient between real and generated samples.

    See :func:`stgan.functional.zero_centered_penalty`. For the penalty of TGANv2, see
    :class:`R1Penalty`.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"`` over the samples.

    Shape:
        - ``real``, ``fake``: ``(N, ...)`` of one shape
        - ``mix``: ``(N,)``, shares of the real samples; drawn if not given
        - Output: a scalar, or ``(N,)`` with ``reduction="none"``

    Raises:
        ValueError: If the reduction is none of the three; in ``forward``, if samples are missing.
        ShapeError: In ``forward``, if real and fake differ in shape, or ``mix`` is not ``(N,)``.
        TypeError: In ``forward``, if the discriminator returns neither logits nor a mapping of
            them.

    Example:
        >>> discriminator = nn.Sequential(nn.Flatten(), nn.Linear(4, 1, bias=False))
        >>> with torch.no_grad():
        ...     weight = discriminator[1].weight.fill_(0.5)
        >>> real, fake = torch.ones(2, 1, 1, 2, 2), torch.zeros(2, 1, 1, 2, 2)
        >>> ZeroCenteredPenalty()(discriminator, real=real, fake=fake).item()
        1.0

    References:
        Thanh-Tung, Tran and Venkatesh, Improving Generalization and Stability of Generative
        Adversarial Networks, ICLR 2019 (0-GP).
    """

    @by_keyword
    def forward(
        self,
        discriminator: Discriminator,
        *,
        real: Tensor | None = None,
        fake: Tensor | None = None,
        mix: Tensor | None = None,
        generator: torch.Generator | None = None,
        **condition: Any,
    ) -> Tensor:
        """Return the penalty; ``generator`` draws the shares if ``mix`` is not given."""
        real, fake = self._needed("real", real), self._needed("fake", fake)
        values = functional.zero_centered_penalty(
            discriminator, real=real, fake=fake, mix=mix, generator=generator, **condition
        )
        return self._reduced(values)


@PENALTIES.register(
    "dragan",
    source="Kodali et al., On Convergence and Stability of GANs, 2017, arXiv 1705.07215",
    shape="discriminator, real (N, ...) -> ()",
    example=Example(
        settings={"reduction": "none"},
        inputs={"discriminator": DISCRIMINATOR, "real": CLIPS, "noise": CLIPS, "label": "N < 3"},
        claims=_CLAIMS,
    ),
)
class DraganPenalty(DiscriminatorPenalty):
    """Penalize a slope other than one around real samples (DRAGAN).

    See :func:`stgan.functional.dragan_penalty`; the usual weight is 10.

    Args:
        scale: How far from a sample, in standard deviations of its own values.
        reduction: ``"mean"``, ``"sum"`` or ``"none"`` over the samples.

    Shape:
        - ``real``, ``noise``: ``(N, ...)`` of one shape; noise is drawn if not given
        - Output: a scalar, or ``(N,)`` with ``reduction="none"``

    Raises:
        ValueError: If ``scale`` is negative, or the reduction is none of the three; in ``forward``,
            if ``real`` is missing.
        ShapeError: In ``forward``, if ``noise`` has another shape than ``real``.
        TypeError: In ``forward``, if the discriminator returns neither logits nor a mapping of
            them.

    Example:
        >>> discriminator = nn.Sequential(nn.Flatten(), nn.Linear(4, 1, bias=False))
        >>> with torch.no_grad():
        ...     weight = discriminator[1].weight.fill_(0.5)
        >>> DraganPenalty()(discriminator, real=torch.ones(2, 1, 1, 2, 2)).item()
        0.0

    References:
        Kodali et al., On Convergence and Stability of GANs, 2017, arXiv 1705.07215, algorithm
        1.
    """

    def __init__(self, scale: float = 0.5, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)
        if scale < 0:
            raise ValueError(f"scale must be at least 0, got {scale}")
        self.scale = scale

    @by_keyword
    def forward(
        self,
        discriminator: Discriminator,
        *,
        real: Tensor | None = None,
        fake: Tensor | None = None,
        noise: Tensor | None = None,
        generator: torch.Generator | None = None,
        **condition: Any,
    ) -> Tensor:
        """Return the penalty; ``generator`` draws the noise if it is not given."""
        values = functional.dragan_penalty(
            discriminator,
            real=self._needed("real", real),
            scale=self.scale,
            noise=noise,
            generator=generator,
            **condition,
        )
        return self._reduced(values)

    def extra_repr(self) -> str:
        """The distance, and how values are reduced."""
        return f"scale={self.scale}, {super().extra_repr()}"

"""Distances between a generated clip and the real one, pixel by pixel.

Every function takes the generated clip first, as torch's losses do, or both by keyword, makes one
value for each clip, a mean over everything else, and reduces those values last. Equal clips have
the distance zero. Clips of half precision are compared in float32. Both sides may carry gradients.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from stgan._checks import check_axes, check_floats
from stgan.errors import ShapeError
from stgan.functional._precision import full_precision
from stgan.functional.adversarial import reduce_loss
from stgan.typing import Reduction

__all__ = [
    "charbonnier_loss",
    "check_clips",
    "check_first_frame",
    "first_frame_loss",
    "frame_difference_loss",
    "gradient_loss",
    "l1_loss",
    "l2_loss",
    "reduce_clips",
]


def check_clips(fake: Tensor, real: Tensor, *, smallest: Sequence[int] = (1, 1, 1)) -> None:
    """Refuse two batches of clips that cannot be compared.

    Args:
        fake: Must be ``(N, C, T, H, W)``.
        real: Must have the same shape.
        smallest: Least ``(T, H, W)``.

    Raises:
        ShapeError: If a layout is wrong, the shapes differ, or a side is too small.

    Example:
        >>> check_clips(torch.zeros(2, 3, 4, 8, 8), torch.zeros(2, 3, 4, 8, 8))
    """
    check_floats(fake, "fake")
    check_floats(real, "real")
    check_clip_shapes(tuple(fake.shape), tuple(real.shape), smallest)


def check_clip_shapes(
    fake: tuple[int, ...], real: tuple[int, ...], smallest: Sequence[int] = (1, 1, 1)
) -> None:
    """Refuse shapes as :func:`check_clips` refuses clips that have them."""
    check_axes(fake, "N C T H W", name="fake")
    check_axes(real, "N C T H W", name="real")
    if fake != real:
        raise ShapeError(f"fake and real must have one shape, got {fake} and {real}")
    if not fake[0]:
        raise ShapeError(f"fake and real must hold one clip at least, got {fake}")
    if any(side < least for side, least in zip(fake[2:], smallest, strict=True)):
        raise ShapeError(
            f"fake must be at least (T, H, W) = {tuple(smallest)} for this loss, got {fake}"
        )


def check_first_frame(fake: Tensor, real: Tensor) -> None:
    """Refuse a clip and an image, or another clip, whose first frames cannot be compared.

    Args:
        fake: Must be ``(N, C, T, H, W)``.
        real: Must have the same shape, or be ``(N, C, H, W)``.

    Raises:
        ShapeError: If the shapes do not fit.

    Example:
        >>> check_first_frame(torch.zeros(2, 3, 4, 8, 8), torch.zeros(2, 3, 8, 8))
    """
    check_floats(fake, "fake")
    check_floats(real, "real")
    check_first_frame_shapes(tuple(fake.shape), tuple(real.shape))


def check_first_frame_shapes(fake: tuple[int, ...], real: tuple[int, ...]) -> None:
    """Refuse shapes as :func:`check_first_frame` refuses clips and images that have them."""
    if len(real) != 4:
        check_clip_shapes(fake, real)
        return
    check_axes(fake, "N C T H W", name="fake")
    n, c, _, h, w = fake
    if real != (n, c, h, w):
        raise ShapeError(
            f"real must be an image (N={n}, C={c}, H={h}, W={w}) or a clip of fake's shape, got "
            f"{real}"
        )


def reduce_clips(values: Tensor, reduction: Reduction) -> Tensor:
    """Average over everything but the first axis, and reduce the ``(N,)`` values that are left.

    Args:
        values: ``(N, ...)``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Example:
        >>> reduce_clips(torch.tensor([[1.0, 3.0], [5.0, 7.0]]), "none")
        tensor([2., 6.])
    """
    if reduction == "mean":
        return reduce_loss(values, reduction)  # of all at once, as torch's own losses do
    return reduce_loss(values.flatten(1).mean(dim=1), reduction)


def l1_loss(fake: Tensor, real: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    r"""Mean absolute difference, as torch's own ``l1_loss``.

    .. math:: \operatorname{mean} |\hat x - x|

    Args:
        fake: ``(N, C, T, H, W)``.
        real: The same shape.
        reduction: Of the ``(N,)`` values.

    Raises:
        ShapeError: If the shapes differ.

    Example:
        >>> l1_loss(fake=torch.ones(2, 3, 4, 8, 8), real=torch.zeros(2, 3, 4, 8, 8))
        tensor(1.)

    References:
        Isola et al., Image-to-Image Translation with Conditional Adversarial Networks, CVPR 2017,
        equation 3.
    """
    check_clips(fake, real)
    return reduce_clips((full_precision(fake) - full_precision(real)).abs(), reduction)


def l2_loss(fake: Tensor, real: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    r"""Mean squared difference.

    .. math:: \operatorname{mean} (\hat x - x)^2

    Args:
        fake: ``(N, C, T, H, W)``.
        real: The same shape.
        reduction: Of the ``(N,)`` values.

    Raises:
        ShapeError: If the shapes differ.

    Example:
        >>> l2_loss(fake=torch.full((2, 3, 4, 8, 8), 2.0), real=torch.zeros(2, 3, 4, 8, 8))
        tensor(4.)

    References:
        Mathieu et al., Deep multi-scale video prediction beyond mean square error, ICLR 2016,
        equation 1 with p = 2, as a mean.
    """
    check_clips(fake, real)
    return reduce_clips((full_precision(fake) - full_precision(real)).square(), reduction)


def charbonnier_loss(
    fake: Tensor, real: Tensor, *, eps: float = 1e-3, reduction: Reduction = "mean"
) -> Tensor:
    r"""Absolute difference that is round at zero.

    .. math:: \operatorname{mean} \bigl(\sqrt{(\hat x - x)^2 + \epsilon^2} - \epsilon\bigr)

    Args:
        fake: ``(N, C, T, H, W)``.
        real: The same shape.
        eps: :math:`\epsilon`; differences below it count as squares, those above as they are.
        reduction: Of the ``(N,)`` values.

    Raises:
        ShapeError: If the shapes differ.
        ValueError: If ``eps`` is not positive.

    Example:
        >>> charbonnier_loss(fake=torch.ones(2, 3, 4, 8, 8), real=torch.zeros(2, 3, 4, 8, 8))
        tensor(0.9990)

    Differs from the source:
        :math:`\epsilon` is subtracted, so that equal clips have the distance zero.

    References:
        Charbonnier et al., Two deterministic half-quadratic regularization algorithms for computed
        imaging, ICIP 1994; Lai et al., Deep Laplacian Pyramid Networks, CVPR 2017, section 3.2.
    """
    check_clips(fake, real)
    if eps <= 0:
        raise ValueError(f"eps must be positive, got {eps}; for eps=0 use l1_loss")
    squares = (full_precision(fake) - full_precision(real)).square()
    # The difference of the formula, without the digits that subtracting would lose.
    return reduce_clips(squares / ((squares + eps**2).sqrt() + eps), reduction)


def first_frame_loss(fake: Tensor, real: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    r"""Mean absolute difference between the first frame and the image it was made from.

    .. math:: \operatorname{mean} |\hat x_0 - x_0|

    Args:
        fake: ``(N, C, T, H, W)``.
        real: The same shape, of which the first frame is taken; or an image ``(N, C, H, W)``.
        reduction: Of the ``(N,)`` values.

    Raises:
        ShapeError: If the shapes do not fit.

    Example:
        >>> video = torch.zeros(2, 3, 4, 8, 8)
        >>> first_frame_loss(fake=video, real=torch.ones(2, 3, 8, 8))
        tensor(1.)

    References:
        Vondrick et al., Generating Videos with Scene Dynamics, NeurIPS 2016; L1 and not L2 as in
        its released code, ``main_conditional.lua``, where the term weighs 10.
    """
    check_first_frame(fake, real)
    image = real if real.ndim == 4 else real[:, :, 0]
    return reduce_clips((full_precision(fake[:, :, 0]) - full_precision(image)).abs(), reduction)


def frame_difference_loss(fake: Tensor, real: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    r"""Mean absolute difference between the changes from frame to frame.

    .. math:: \operatorname{mean} |(\hat x_{t+1} - \hat x_t) - (x_{t+1} - x_t)|

    What is wrong in all frames alike costs nothing; what moves, or stands still, wrongly does.

    Args:
        fake: ``(N, C, T, H, W)``, T at least 2.
        real: The same shape.
        reduction: Of the ``(N,)`` values.

    Raises:
        ShapeError: If the shapes differ or there is one frame only.

    Example:
        >>> video = torch.rand(2, 3, 4, 8, 8)
        >>> round(frame_difference_loss(fake=video + 1, real=video).item(), 4)
        0.0

    References:
        The gradient difference of Mathieu et al., ICLR 2016, section 3.2, along time, and with
        signs: a motion backwards is not the same.
    """
    check_clips(fake, real, smallest=(2, 1, 1))
    # Of the error, which is the same: exactly zero for equal clips, and half the work.
    return reduce_clips((full_precision(fake) - full_precision(real)).diff(dim=2).abs(), reduction)


def gradient_loss(
    fake: Tensor, real: Tensor, *, alpha: float = 1.0, reduction: Reduction = "mean"
) -> Tensor:
    r"""Image gradient difference: edges of frames must be as steep as the real ones.

    .. math::

       \operatorname{mean} \bigl| |x_{i,j} - x_{i-1,j}| - |\hat x_{i,j} - \hat x_{i-1,j}|
       \bigr|^\alpha + \operatorname{mean} \bigl| |x_{i,j} - x_{i,j-1}|
       - |\hat x_{i,j} - \hat x_{i,j-1}| \bigr|^\alpha

    A blurred frame pays, a frame of another brightness does not: add a distance of pixels.

    Args:
        fake: ``(N, C, T, H, W)``, H and W at least 2.
        real: The same shape.
        alpha: :math:`\alpha`, at least 1.
        reduction: Of the ``(N,)`` values.

    Raises:
        ShapeError: If the shapes differ or frames are too small.
        ValueError: If ``alpha`` is below 1, where the slope at zero would be infinite.

    Example:
        >>> video = torch.arange(4.0).expand(2, 3, 4, 4, 4)
        >>> gradient_loss(fake=torch.zeros(2, 3, 4, 4, 4), real=video)
        tensor(1.)

    Differs from the source:
        Means over each direction in place of sums, so that the size of frames does not matter.

    References:
        Mathieu et al., Deep multi-scale video prediction beyond mean square error, ICLR 2016,
        section 3.2 (gradient difference loss).
    """
    check_clips(fake, real, smallest=(1, 2, 2))
    if alpha < 1:
        raise ValueError(f"alpha must be at least 1, got {alpha}")
    fake, real = full_precision(fake), full_precision(real)
    terms = []
    for dim in (3, 4):
        apart = (real.diff(dim=dim).abs() - fake.diff(dim=dim).abs()).abs()
        terms.append(reduce_clips(apart if alpha == 1 else torch.pow(apart, alpha), reduction))
    return terms[0] + terms[1]

"""How much the samples of a batch differ from each other, as one number."""

from einops import rearrange
from torch import Tensor

from stgan._checks import check_floats, check_positive
from stgan.errors import ShapeError
from stgan.functional._precision import full_precision

__all__ = ["minibatch_stddev"]


def minibatch_stddev(x: Tensor, group_size: int | None = None) -> Tensor:
    r"""Standard deviation over the samples of a group, averaged over channels and places.

    .. math::
        s_G = \frac{1}{C P} \sum_{c, p} \sqrt{\frac{1}{|G|} \sum_{n \in G}
              (x_{ncp} - \bar{x}_{Gcp})^2 + 10^{-8}}

    with :math:`p` any of the :math:`P` places in time and space. Samples of a group stand
    :math:`N / |G|` apart in the batch.

    Args:
        x: ``(N, C, H, W)`` or ``(N, C, T, H, W)``.
        group_size: :math:`|G|`; a smaller batch is one group. ``None`` for the whole batch.

    Returns:
        ``(N,)``: for each sample the number of its group.

    Raises:
        ValueError: If ``group_size`` is not positive.
        ShapeError: If ``x`` has another number of axes, or the batch does not split into groups.

    Example:
        >>> x = torch.tensor([0.0, 0.0, 2.0, 4.0]).reshape(4, 1, 1, 1)
        >>> minibatch_stddev(x, group_size=2)
        tensor([1., 2., 1., 2.])

    References:
        Karras et al., Progressive Growing of GANs, ICLR 2018, section 3; their released code
        introduced the groups.
    """
    check_floats(x, "x")
    groups = check_groups(tuple(x.shape), group_size)
    # The whole batch is told apart by not asking for its size, which may be symbolic.
    grouped = x[:, None] if groups is None else rearrange(x, "(g m) ... -> g m ...", m=groups)
    grouped = full_precision(grouped)
    deviation = ((grouped - grouped.mean(dim=0)).square().mean(dim=0) + 1e-8).sqrt()
    number = deviation.flatten(1).mean(dim=1).to(x.dtype)
    return number.expand(x.shape[0]) if groups is None else number.repeat(x.shape[0] // groups)


def check_groups(shape: tuple[int, ...], group_size: int | None) -> int | None:
    """Return the number of groups of a batch, ``None`` for one of any size, or refuse the shape."""
    if len(shape) not in (4, 5):
        raise ShapeError(f"x must be laid out as (N, C, H, W) or (N, C, T, H, W), got {shape}")
    if group_size is None:
        return None
    size = min(check_positive(group_size, "group_size"), shape[0])
    if shape[0] % size:
        raise ShapeError(
            f"a batch must split into groups of {size}, got {shape[0]} samples in {shape}; use a "
            f"multiple, or group_size=None for the whole batch"
        )
    return shape[0] // size if size else None

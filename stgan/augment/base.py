"""What all augmentations share: the draws, how they are checked, and the promised shape."""

import abc
from typing import ClassVar

import torch
from torch import Tensor, nn

from stgan._checks import check_axes, check_floats, check_positive
from stgan.functional._random import random_source

__all__ = ["Augmentation"]

Shape = tuple[int, ...]


class Augmentation(nn.Module, abc.ABC):
    """Change every clip of a batch at random, and all frames of a clip alike.

    Randomness is an argument: ``draws`` are uniform numbers in [-1, 1), a row for every clip, from
    which everything that is random follows. Given the same draws, an augmentation does the same;
    without, it draws in every call, in evaluation mode too. Whoever needs the same change twice,
    for frames that were taken from the clips say, asks :meth:`draw` for the numbers and passes them
    twice. Gradients flow to the clips.

    An image is a clip of one frame: ``augment(image[:, :, None], draws)[:, :, 0]``.

    Half precision is computed in float32 and rounded once. For an augmentation of your own, derive
    from it, tell the constructor the number of draws, and write :meth:`transform`.

    Args:
        num_draws: Random numbers that a clip needs.

    Attributes:
        adaptive: Whether it has a buffer ``probability`` that :class:`AdaptiveAugmentation` moves.
        num_draws: As given.

    Raises:
        ValueError: If ``num_draws`` is not positive.

    Example:
        >>> class Dim(Augmentation):
        ...     def transform(self, video, draws):
        ...         return video * (draws[:, :, None, None, None] + 1) / 2
        >>> dim, video = Dim(num_draws=1), torch.ones(2, 3, 4, 8, 8)
        >>> dim(video, torch.tensor([[-1.0], [0.5]]))[:, 0, 0, 0, 0]
        tensor([0.0000, 0.7500])
        >>> draws = dim.draw(2, generator=torch.Generator().manual_seed(0))
        >>> torch.equal(dim(video, draws), dim(video, draws))
        True
    """

    adaptive: ClassVar[bool] = False

    def __init__(self, num_draws: int) -> None:
        super().__init__()
        self.num_draws = check_positive(num_draws, "num_draws")

    @abc.abstractmethod
    def transform(self, video: Tensor, draws: Tensor) -> Tensor:
        """Change checked clips, float32 or float64, by draws of the same type and device."""

    def draw(
        self,
        batch: int,
        *,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
    ) -> Tensor:
        """Draw the random numbers for so many clips: ``(N, num_draws)`` in [-1, 1).

        Args:
            batch: Number of clips.
            generator: Where the numbers come from; ``None`` for the global state of torch.
            device: Where they go; ``None`` for that of the generator, or else the default.
        """
        drawn = torch.rand(batch, self.num_draws, **random_source(generator, device)) * 2 - 1
        return drawn if device is None else drawn.to(device)

    def forward(
        self,
        video: Tensor,
        draws: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Augment ``(N, C, T, H, W)`` by draws ``(N, num_draws)``, or by new ones.

        A clip whose draws are not all finite comes back as NaN.
        """
        self.check_inputs(video, draws)
        if draws is None:
            draws = self.draw(video.shape[0], generator=generator, device=video.device)
            return self._transformed(video, draws)
        # Compared with a bound, NaN would pass for a draw by which nothing happens.
        lost = ~draws.isfinite().all(1).to(video.device)
        return torch.where(
            lost[:, None, None, None, None], torch.nan, self._transformed(video, draws)
        )

    def _transformed(self, video: Tensor, draws: Tensor) -> Tensor:
        exact = video if video.dtype in (torch.float32, torch.float64) else video.float()
        return self.transform(exact, draws.to(exact)).to(video.dtype)

    def update(self, real_logits: Tensor) -> None:
        """Take in what a discriminator says of real clips; nothing follows from it here.

        A loop calls it in every step, for those that adapt: :class:`AdaptiveAugmentation`.
        """

    def check_inputs(self, video: Tensor, draws: Tensor | None) -> None:
        """Check the shapes of the inputs.

        Raises:
            ShapeError: If one of them has another layout than stated.
        """
        check_floats(video, "video")
        if draws is not None:
            check_floats(draws, "draws", picture=False)
        self._check_shapes(tuple(video.shape), None if draws is None else tuple(draws.shape))

    def _check_shapes(self, video: Shape, draws: Shape | None) -> None:
        check_axes(video, "N C T H W", name="video")
        if draws is not None:
            check_axes(draws, "N D", name="draws", N=video[0], D=self.num_draws)

    def output_shape(self, input_shape: Shape, draws: Shape | None = None) -> Shape:
        """Shape of the output, which is that of the video.

        Raises:
            ShapeError: If ``forward`` would refuse one of the shapes.
        """
        self._check_shapes(tuple(input_shape), None if draws is None else tuple(draws))
        return tuple(input_shape)

    def extra_repr(self) -> str:
        """Number of draws."""
        return f"num_draws={self.num_draws}"

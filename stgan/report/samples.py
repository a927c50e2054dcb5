"""What a generator makes of a few fixed images while it learns."""

from collections.abc import Sequence, Sized
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from stgan._checks import check_positive
from stgan.data import numbered_generator
from stgan.metrics.modes import evaluating
from stgan.visual import film_strip_grid

__all__ = ["FixedSamples"]

# Small frames are enlarged to at least this many pixels.
_SIDE = 64
# The random inputs of training are numbered by their step, from 0.
_NUMBER = -1


class FixedSamples:
    """Images, labels and noise that stay the same, and the picture that a generator makes of them.

    All is drawn once, from the seed alone: training draws what it would draw without, and every
    picture of a run, also of a resumed one, shows the same samples.

    Args:
        clips: Items as of :mod:`stgan.data`, whose ``image`` is animated; best held-out clips.
        classes: Names of the labels, in order.
        z_dim: Length of the noise.
        seed: Of the choice and of the noise.
        num_images: Rows of the picture; fewer if there are fewer clips.
        num_labels: Columns; fewer if there are fewer classes.
        num_frames: Frames of each clip to show.

    Attributes:
        images: ``(N, 3, H, W)``.
        z: Noise ``(N, z_dim)``, one for each image.
        labels: ``(L,)``, in the order of the classes.

    Raises:
        DataError: If a clip cannot be read.
        ValueError: If a number is not positive.

    Example:
        >>> from stgan.data import MovingShapes
        >>> shapes = MovingShapes(5, num_frames=4, image_size=32, motions=["left_right", "zoom"])
        >>> samples = FixedSamples(shapes, ["left_right", "zoom"], z_dim=8, num_images=2)
        >>> class Still(nn.Module):
        ...     def forward(self, image, z, label):
        ...         return image.unsqueeze(2).expand(-1, -1, 4, -1, -1)
        >>> samples.picture(Still()).shape
        torch.Size([3, 192, 670])
    """

    def __init__(
        self,
        clips: Dataset[Any],
        classes: Sequence[str],
        *,
        z_dim: int,
        seed: int = 0,
        num_images: int = 4,
        num_labels: int = 6,
        num_frames: int = 4,
    ) -> None:
        check_positive(num_images, "num_images")
        check_positive(num_labels, "num_labels")
        self.num_frames = check_positive(num_frames, "num_frames")
        draws = numbered_generator(seed, _NUMBER)
        order = torch.randperm(len(cast(Sized, clips)), generator=draws)
        items = [clips[index] for index in order[:num_images].tolist()]
        self.images = torch.stack([item["image"] for item in items])
        self.z = torch.randn(len(items), z_dim, generator=draws)
        self.labels = torch.randperm(len(classes), generator=draws)[:num_labels].sort().values
        self._rows = [classes[item["label"]] for item in items]
        self._columns = [classes[label] for label in self.labels.tolist()]

    @torch.no_grad()
    def picture(self, generator: nn.Module) -> Tensor:
        """Draw a row for each image, with the strip of a clip under each label.

        Args:
            generator: ``generator(image, z, label) -> video``. Runs in eval mode, so that its
                statistics stay as they are, and is left in the mode that it was in.

        Returns:
            Bytes ``(3, H', W')``. Pixels that are not finite are white.
        """
        device = next((p.device for p in generator.parameters()), torch.device("cpu"))
        count = len(self.labels)
        rows = []
        with evaluating(generator):
            for image, z in zip(self.images, self.z, strict=True):
                # Row by row, for the memory; not compiled, for it would be anew for this batch.
                clips = generator.forward(
                    image.expand(count, -1, -1, -1).to(device),
                    z.expand(count, -1).to(device),
                    self.labels.to(device),
                )
                # A run that broke is told by its guard, in a sentence, and not by a picture.
                rows.append([image, *clips.float().cpu().nan_to_num(nan=1.0)])
        return film_strip_grid(
            rows,
            row_labels=self._rows,
            column_labels=["image", *self._columns],
            num_frames=self.num_frames,
            scale=max(1, _SIDE // min(self.images.shape[2:])),
        )

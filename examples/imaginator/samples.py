"""What the generator makes of a few fixed images while it learns."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn

from examples.imaginator.config import Settings
from examples.imaginator.data import Clips
from stgan.data import numbered_generator
from stgan.visual import film_strip_grid

__all__ = ["FixedSamples"]

_IMAGES, _LABELS, _FRAMES = 4, 6, 4
# Small frames are enlarged to at least this many pixels.
_SIDE = 64
# The draws of training are numbered by their step, from 0.
_NUMBER = -1


class FixedSamples:
    """Images, labels and noise that stay the same, and the picture that a generator makes of them.

    All is drawn once, by a generator of its own that follows from the seed: training draws what it
    would draw without, and every picture of a run, a resumed one too, shows the same samples.

    Args:
        settings: Of the run.
        clips: Images come from the validation clips if there are some, or else from the training
            clips.

    Attributes:
        images: ``(N, 3, H, W)``, four or all that there are.
        z: Noise ``(N, z_dim)``, one for each image.
        labels: ``(L,)``, six or all that there are.

    Raises:
        DataError: If a clip cannot be read.
    """

    def __init__(self, settings: Settings, clips: Clips) -> None:
        source = clips.training if clips.validation is None else clips.validation
        draws = numbered_generator(settings.train.seed, _NUMBER)
        chosen = torch.randperm(len(cast(Any, source)), generator=draws)[:_IMAGES].tolist()
        items = [source[index] for index in chosen]
        self.images = torch.stack([item["image"] for item in items])
        self.z = torch.randn(len(items), settings.model.z_dim, generator=draws)
        # In their own order, which is that of the classes.
        self.labels = torch.randperm(len(clips.classes), generator=draws)[:_LABELS].sort().values
        self._rows = [clips.classes[item["label"]] for item in items]
        self._columns = [clips.classes[label] for label in self.labels.tolist()]

    @torch.no_grad()
    def picture(self, generator: nn.Module) -> Tensor:
        """Draw a row for each image, with the strip of a clip under each label.

        Args:
            generator: ``generator(image, z, label) -> video``; runs in eval mode, so that its
                statistics stay as they are, and is left in the mode that it was in.

        Returns:
            Bytes ``(3, H', W')``. What is not finite is white.
        """
        device = next(generator.parameters()).device
        count = len(self.labels)
        rows = []
        with _eval_mode(generator):
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
            num_frames=_FRAMES,
            scale=max(1, _SIDE // min(self.images.shape[2:])),
        )


@contextmanager
def _eval_mode(network: nn.Module) -> Iterator[None]:
    """Every module by itself: a frozen encoder is in eval mode where the rest trains."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode

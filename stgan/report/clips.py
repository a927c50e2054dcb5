"""Clips as the films and pictures of a report."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from stgan.data import numbered_generator
from stgan.metrics import first_frame_control
from stgan.report.figures import Figure, film, picture
from stgan.visual import plot_confusion, plot_motion_energy, plot_slices

__all__ = ["Generate", "clip_figures", "generator_figures"]

#: Of an image ``(N, 3, H, W)``, noise ``(N, D)`` and labels ``(N,)``, the clips.
Generate = Callable[[Tensor, Tensor, Tensor], Tensor]

# Columns of a grid of clips that differ in their noise.
_NOISES = 5


def clip_figures(
    clips: Mapping[str, Tensor],
    *,
    image: Tensor | None = None,
    row_labels: Sequence[str] | None = None,
    paired: bool = True,
    energy: Mapping[str, Tensor] | None = None,
    confusion: Mapping[str, Tensor] | None = None,
    classes: Sequence[str] | None = None,
) -> list[Figure]:
    """Show real clips beside generated ones: as a film, sliced through time, and their motion.

    Args:
        clips: A kind, such as ``"real"``, to a few of its clips, all of one size and as many of
            each; real ones first.
        image: Images that the clips go on from, ``(N, 3, H, W)``.
        row_labels: What each clip shows or is called.
        paired: Whether the clips of a row belong together.
        energy: How much every clip moves from frame to frame, ``(M, T - 1)``, of each kind, such as
            :attr:`stgan.metrics.ClipScores.energy`; ``None`` for that of ``clips``.
        confusion: As of :func:`stgan.visual.plot_confusion`; ``None`` for no such figure.
        classes: Their names.

    Shape:
        - Each of ``clips``: ``(N, 3, T, H, W)`` in [-1, 1].

    Raises:
        ShapeError: If clips differ in size.

    Example:
        >>> clips = {"real": torch.rand(2, 3, 4, 16, 16), "generated": torch.zeros(2, 3, 4, 16, 16)}
        >>> [figure.title for figure in clip_figures(clips)]
        ['Real beside generated', 'Slices through time', 'How much it moves']
    """
    first = next(iter(clips.values()))
    kinds, position = dict(clips), None
    if paired:
        start = first[:, :, 0] if image is None else image
        kinds["first frame repeated"] = first_frame_control(start, first.shape[2])
        position = _liveliest_rows(first)
    columns = ([] if image is None else [image], [] if image is None else ["image"])
    figures = [
        film(
            "Real beside generated",
            "The clips of a row go on from one image. Both should show the same motion; the "
            "generated one is right if it could be real, not only if it is equal."
            if paired
            else "A few clips of each kind; those of a row do not belong together.",
            [list(row) for row in zip(*columns[0], *clips.values(), strict=True)],
            row_labels,
            [*columns[1], *clips],
        ),
        picture(
            "Slices through time",
            "One row of pixels of every frame, time running down: "
            + (
                "for each clip the row in which the real one moves most, dashed in its first "
                "frame, and the same row of the generated one"
                if paired
                else "the row in the middle"
            )
            + ". Motion is a slanted or curved line; a straight one stands still, stripes flicker.",
            plot_slices(kinds, position=position, max_clips=len(first)),
            "a line of every frame over time, real and generated",
        ),
        picture(
            "How much it moves",
            "Mean difference of neighboring frames, over time and clip by clip. Generated clips "
            "should move as much as real ones; flicker counts as motion here.",
            plot_motion_energy(clips if energy is None else energy),
            "motion energy of real and generated clips",
        ),
    ]
    if confusion:
        figures.append(
            picture(
                "Which class is taken for which",
                "What a small classifier of real motion takes the clips of each class for. The "
                "real clips, which it has not seen either, are the best to hope for.",
                plot_confusion(confusion, classes=classes),
                "confusion of classes, real and generated",
            )
        )
    return figures


@torch.no_grad()
def generator_figures(
    generate: Generate,
    image: Tensor,
    label: Tensor,
    classes: Sequence[str],
    *,
    z_dim: int,
    seed: int = 0,
) -> list[Figure]:
    """Show what label and noise change: films of each image under every label, and other noise.

    Args:
        generate: ``generate(image, z, label) -> video``.
        image: ``(N, 3, H, W)`` in [-1, 1].
        label: The class of each, ``(N,)`` int64, for the film of other noise.
        classes: Names of the labels, in order.
        z_dim: Length of the noise.
        seed: Of the noise.

    Example:
        >>> def still(image, z, label):
        ...     return image.unsqueeze(2).expand(-1, -1, 4, -1, -1)
        >>> image, label = torch.rand(2, 3, 16, 16), torch.tensor([0, 1])
        >>> films = generator_figures(still, image, label, ["walk", "run"], z_dim=8)
        >>> [figure.title for figure in films]
        ['One image, every label', 'One image, one label, other noise']
    """
    noise = torch.randn(_NOISES, z_dim, generator=numbered_generator(seed))
    every = torch.arange(len(classes))

    def clips_of(one: Tensor, z: Tensor, labels: Tensor) -> list[Tensor]:
        images = one.expand(len(labels), -1, -1, -1)
        return list(generate(images, z.expand(len(labels), -1), labels).float().cpu())

    by_label = [[one, *clips_of(one, noise[:1], every)] for one in image]
    by_noise = [clips_of(x, noise, k.expand(_NOISES)) for x, k in zip(image, label, strict=True)]
    return [
        film(
            "One image, every label",
            "Down a column the motion should stay and the appearance change; along a row the other "
            "way round.",
            by_label,
            None,
            ["image", *classes],
        ),
        film(
            "One image, one label, other noise",
            "What neither image nor label decides. Columns that look alike mean that the noise is "
            "ignored.",
            by_noise,
            [classes[k] for k in label.tolist()],
            [f"noise {k + 1}" for k in range(_NOISES)],
        ),
    ]


def _liveliest_rows(video: Tensor) -> list[int]:
    """For each clip the row of pixels that changes most between frames; the middle if none does."""
    change = video.diff(dim=2).abs().mean(dim=(1, 2, 4))
    # A clip that stands still is equal in all rows, and its first one says least.
    middle = torch.full_like(change.argmax(dim=1), change.shape[1] // 2)
    return torch.where(change.amax(dim=1) > 0, change.argmax(dim=1), middle).tolist()

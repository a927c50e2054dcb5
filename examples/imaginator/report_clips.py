"""What a generator makes, as the films and pictures of a report."""

import torch
from torch import Tensor

from examples.imaginator.examined import Examined
from examples.imaginator.report_figures import Figure, film, picture
from stgan.data import numbered_generator
from stgan.metrics import first_frame_control
from stgan.visual import plot_confusion, plot_motion_energy, plot_slices

__all__ = ["figures_of_clips"]

# Columns of a grid of clips that differ in their noise.
_NOISES = 5


@torch.no_grad()
def figures_of_clips(examined: Examined) -> list[Figure]:
    """Films of generated clips beside real ones, and pictures of how they move."""
    trained, classes = examined.trained, examined.trained.classes
    shown = examined.shown
    real, made, image = shown["video"], shown["generated"], shown["image"]
    asked = [classes[k] for k in shown["label"].tolist()]
    noise = torch.randn(_NOISES, trained.settings.model.z_dim, generator=numbered_generator(0))

    by_label = [
        list(trained.generator(one.expand(len(classes), -1, -1, -1), noise[:1].expand(
            len(classes), -1), torch.arange(len(classes))))
        for one in image
    ]  # fmt: skip
    by_noise = [
        list(trained.generator(one.expand(_NOISES, -1, -1, -1), noise[:_NOISES], label.expand(
            _NOISES)))
        for one, label in zip(image, shown["label"], strict=True)
    ]  # fmt: skip
    kinds = {
        "real": real,
        "generated": made,
        "first frame": first_frame_control(image, real.shape[2]),
    }
    figures = [
        film(
            "Real beside generated",
            "Each row goes on from one image that was never trained on. Both clips should show the "
            "same motion; the generated one is right if it could be real, not only if it is equal.",
            [list(row) for row in zip(image, real, made, strict=True)],
            asked,
            ["image", "real", "generated"],
        ),
        film(
            "One image, every action",
            "Down a column the motion should stay and the appearance change; along a row the other "
            "way round.",
            [[one, *row] for one, row in zip(image, by_label, strict=True)],
            None,
            ["image", *classes],
        ),
        film(
            "One image, one action, other noise",
            "What neither image nor action decides. Columns that look alike mean that the noise is "
            "ignored.",
            by_noise,
            asked,
            [f"noise {k + 1}" for k in range(_NOISES)],
        ),
        picture(
            "Slices through time",
            "One row of pixels of every frame, time running down: for each clip the row in which "
            "the real one moves most, dashed in its first frame, and the same row of the generated "
            "one. Motion is a slanted or curved line; a straight one stands still, stripes "
            "flicker.",
            plot_slices(
                kinds,
                position=_liveliest_rows(real),
                max_clips=len(real),
            ),
            "a line of every frame over time, real and generated",
        ),
        picture(
            "How much it moves",
            "Mean difference of neighboring frames, over time and clip by clip. Generated clips "
            "should move as much as real ones; flicker counts as motion here.",
            plot_motion_energy({name: examined.energy[name] for name in kinds}),
            "motion energy of real and generated clips",
        ),
    ]
    if examined.confusion:
        found = {name: examined.confusion[name] for name in ("real", "generated")}
        figures.append(
            picture(
                "Which action is taken for which",
                "What a small classifier of real motion says of clips that were asked to show an "
                "action. The real clips, which it has not seen either, are the best to hope for.",
                plot_confusion(found, classes=classes),
                "confusion of actions, real and generated",
            )
        )
    return figures


def _liveliest_rows(video: Tensor) -> list[int]:
    """For each clip the row of pixels that changes most between frames; the middle if none does."""
    change = video.diff(dim=2).abs().mean(dim=(1, 2, 4))
    # A clip that stands still is equal in all rows, and its first one says least.
    middle = torch.full_like(change.argmax(dim=1), change.shape[1] // 2)
    return torch.where(change.amax(dim=1) > 0, change.argmax(dim=1), middle).tolist()

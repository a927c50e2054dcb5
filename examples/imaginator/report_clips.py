"""What a generator makes, as the films and pictures of a report."""

import torch
from torch import Tensor

from examples.imaginator.examined import Examined
from examples.imaginator.report_figures import Figure, film, picture
from stgan.data import numbered_generator
from stgan.metrics import first_frame_control, motion_confusion
from stgan.visual import plot_confusion, plot_motion_energy, plot_slices

__all__ = ["figures_of_clips"]

# Rows and columns of a grid of clips: enough to judge, few enough to see.
_IMAGES, _NOISES = 4, 5


@torch.no_grad()
def figures_of_clips(examined: Examined) -> list[Figure]:
    """Films of generated clips beside real ones, and pictures of how they move."""
    trained, classes = examined.trained, examined.trained.classes
    chosen = _one_of_each(examined.label, _IMAGES)
    real, made = examined.real[chosen], examined.generated[chosen]
    image = examined.image[chosen]
    asked = [classes[k] for k in examined.label[chosen].tolist()]
    noise = torch.randn(_NOISES, trained.settings.model.z_dim, generator=numbered_generator(0))

    by_label = [
        list(trained.generator(one.expand(len(classes), -1, -1, -1), noise[:1].expand(
            len(classes), -1), torch.arange(len(classes))))
        for one in image
    ]  # fmt: skip
    by_noise = [
        list(trained.generator(one.expand(_NOISES, -1, -1, -1), noise[:_NOISES], label.expand(
            _NOISES)))
        for one, label in zip(image, examined.label[chosen], strict=True)
    ]  # fmt: skip
    kinds = {
        "real": examined.real,
        "generated": examined.generated[:, 0],
        "first frame": first_frame_control(examined.image, examined.real.shape[2]),
    }
    figures = [
        film(
            "Real beside generated",
            "Each row goes on from one image that was never trained on. Both clips should show the "
            "same motion; the generated one is right if it could be real, not only if it is equal.",
            [list(row) for row in zip(image, real, made[:, 0], strict=True)],
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
                {name: clips[chosen] for name, clips in kinds.items()},
                position=_liveliest_rows(real),
                max_clips=_IMAGES,
            ),
            "a line of every frame over time, real and generated",
        ),
        picture(
            "How much it moves",
            "Mean difference of neighboring frames, over time and clip by clip. Generated clips "
            "should move as much as real ones; flicker counts as motion here.",
            plot_motion_energy(kinds),
            "motion energy of real and generated clips",
        ),
    ]
    if examined.judge is not None:
        found = {
            name: motion_confusion(examined.judge, clips, examined.label, len(classes))
            for name, clips in kinds.items()
            if name != "first frame"
        }
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


def _one_of_each(label: Tensor, count: int) -> list[int]:
    """Places of clips of as many classes as there are, in order."""
    seen: dict[int, list[int]] = {}
    for place, k in enumerate(label.tolist()):
        seen.setdefault(k, []).append(place)
    rounds = max(map(len, seen.values()))
    order = [places[i] for i in range(rounds) for _, places in sorted(seen.items())
             if i < len(places)]  # fmt: skip
    return order[:count]

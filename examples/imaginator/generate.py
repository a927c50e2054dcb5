"""Animate a picture with a trained generator.

python -m examples.imaginator.generate runs/imaginator face.png --label smile
python -m examples.imaginator.generate runs/imaginator face.png --samples 4    # all labels
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import torch
import tyro
from torch import Tensor

from stgan.cli import check_choice, interruptible, user_errors
from stgan.data import resize_frames
from stgan.errors import DataError, printable
from stgan.io import from_uint8, read_image, write_clips, write_video
from stgan.training import check_run_folder
from stgan.visual import clip_grid

from .model import load_generator


@torch.no_grad()
def generate(
    run: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")],
    image: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="IMAGE")],
    label: str | None = None,
    samples: int = 1,
    seed: int = 0,
    fps: float = 12.5,
    form: Literal["mp4", "avi", "gif", "frames"] = "mp4",
    overview: Path | None = None,
    out: Path | None = None,
) -> None:
    """Animate a picture with a trained generator: one clip for each label and noise.

    Args:
        run: Run folder, or one of its checkpoints.
        image: Picture to animate; made to fit as the clips of the run were.
        label: Action, by name or number; none: all of them.
        samples: Clips for each label, each from noise of its own.
        seed: Of the noise.
        fps: Frames per second of the files.
        form: Of the clips. Lossless: avi, and frames, a folder of PNG files each.
        overview: All clips side by side, too, as one gif, mp4 or avi in another folder.
        out: Folder to write to; none: "generated" in the run folder.
    """
    place = out or run / "generated"
    if samples < 1:
        raise ValueError(f"samples must be at least 1, got {samples}")
    if overview and (overview.suffix not in (".mp4", ".avi", ".gif") or not overview.parent.is_dir()
                     or place.resolve() in overview.resolve().parents):  # fmt: skip
        raise DataError(f"--overview {overview} must be an mp4, avi or gif in a folder that exists "
                        f"and is not {place}, where it would count as a clip")  # fmt: skip
    picture = read_image(image, dtype=torch.uint8)[:, None]
    generator, settings, trained = load_generator(run)
    model, names = settings.model, trained.classes
    labels = range(len(names)) if label is None else [check_choice(label, names, "label")]
    if out is None:
        check_run_folder(run, ["generated"])
    fitted = resize_frames(picture, model.image_size, resize=settings.data.resize)
    x = from_uint8(fitted).transpose(0, 1)  # (1, 3, H, W)
    # The same noise for every label, so that only the action differs between them.
    noise = torch.randn(samples, model.z_dim, generator=torch.Generator().manual_seed(seed))

    def clips() -> Iterator[tuple[str, Tensor]]:
        rows: list[list[Tensor]] = [[] for _ in labels]
        for row, c in zip(rows, labels, strict=True):
            for number, z in enumerate(noise):
                # One by one: the same clip, however many are asked for.
                [clip] = generator(x, z[None], torch.tensor([c]))
                yield f"{image.stem}_{names[c]}_{number}", clip
                row += [clip] if overview else []
        if overview:
            grid = clip_grid(rows, row_labels=[names[c] for c in labels], scale=2)
            write_video(grid, overview, fps=fps)

    paths = write_clips(place, clips(), form=form, fps=fps)
    size = f"{model.num_frames} frames of {model.image_size[0]} x {model.image_size[1]}"
    print(f"wrote {len(paths)} clips of {size} as {form} to {printable(place)}")
    if others := sum(path.name[0] != "." for path in place.iterdir()) - len(paths):
        print(f"others that were there and stay: {others}")
    if overview:
        print(f"wrote {printable(overview)}, which shows all of them side by side")


def main(args: list[str] | None = None) -> None:
    """Generate from the command line."""
    with interruptible(), user_errors():
        tyro.cli(generate, args=args, prog="python -m examples.imaginator.generate")


if __name__ == "__main__":
    main()

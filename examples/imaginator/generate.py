"""Animate a picture with a trained generator.

    python -m examples.imaginator.generate runs/imaginator face.png --label smile
    python -m examples.imaginator.generate runs/imaginator face.png --samples 4    # all labels

Writes one clip for each label and noise into one folder, which ``stgan evaluate --fake`` can score
as it lies. Clips of the same names that an earlier call wrote are replaced, all of them or none.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
import tyro
from torch import Tensor

from examples.imaginator.runs import load_generator
from stgan.cli import check_choice, interruptible, user_errors
from stgan.data import resize_frames
from stgan.errors import DataError, printable
from stgan.io import from_uint8, read_image, write_clips, write_video
from stgan.training import check_run_folder
from stgan.visual import clip_grid

__all__ = ["generate", "main"]


@dataclass(frozen=True)
class Arguments:
    """Animate a picture with a trained generator."""

    run: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Run folder, or one of its checkpoints."""
    image: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="IMAGE")]
    """Picture to animate; made to fit as the clips of the run were."""
    label: str | None = None
    """Action, by name or number; none: all of them."""
    samples: int = 1
    """Clips for each label, each from noise of its own."""
    seed: int = 0
    """Of the noise."""
    fps: float = 12.5
    """Frames per second of the files."""
    form: Literal["mp4", "avi", "gif", "frames"] = "mp4"
    """Of the clips. Lossless, for exact scores: avi, and frames, a folder of PNG files each."""
    overview: Path | None = None
    """Write all clips side by side, too, as one gif, mp4 or avi in another folder than theirs."""
    out: Path | None = None
    """Folder to write to; none: "generated" in the run folder."""


@torch.no_grad()
def generate(given: Arguments) -> list[Path]:
    """Generate the clips, say where they lie, and return their files or folders of frames."""
    out, overview = given.out or given.run / "generated", given.overview
    if given.samples < 1:
        raise ValueError(f"samples must be at least 1, got {given.samples}")
    if overview and (overview.suffix not in (".mp4", ".avi", ".gif") or not overview.parent.is_dir()
                     or out.resolve() in overview.resolve().parents):  # fmt: skip
        raise DataError(f"--overview {overview} must be an mp4, avi or gif in a folder that exists "
                        f"and is not {out}, where it would count as a clip")  # fmt: skip
    picture = read_image(given.image, dtype=torch.uint8)[:, None]
    trained = load_generator(given.run)
    model, names = trained.settings.model, trained.classes
    labels = [check_choice(given.label, names, "label")] if given.label else range(len(names))
    if given.out is None:
        check_run_folder(given.run, ["generated"])
    resized = resize_frames(picture, model.image_size, resize=trained.settings.data.resize)
    image = from_uint8(resized)[:, 0]
    # The same noise for every label, so that only the action differs between them.
    draws = torch.Generator().manual_seed(given.seed)
    noise = torch.randn(given.samples, model.z_dim, generator=draws)

    def clips() -> Iterator[tuple[str, Tensor]]:
        rows: list[list[Tensor]] = [[] for _ in labels]
        for row, label in zip(rows, labels, strict=True):
            for start in range(0, given.samples, 8):
                z = noise[start : start + 8]
                images, c = image.expand(len(z), -1, -1, -1), torch.full((len(z),), label)
                for number, clip in enumerate(trained.generator(images, z, c), start):
                    yield f"{given.image.stem}_{names[label]}_{number}", clip
                    row += [clip] if overview else []
        if overview:
            grid = clip_grid(rows, row_labels=[names[label] for label in labels], scale=2)
            write_video(grid, overview, fps=given.fps)

    paths = write_clips(out, clips(), form=given.form, fps=given.fps)
    size = f"{model.num_frames} frames of {model.image_size[0]} x {model.image_size[1]}"
    print(f"wrote {len(paths)} clips of {size} as {given.form} to {printable(out)}")
    if others := sum(path.name[0] != "." for path in out.iterdir()) - len(paths):
        print(f"others that were there and stay: {others}")
    if overview:
        print(f"wrote {printable(overview)}, which shows all of them side by side")
    return paths


def main(args: list[str] | None = None) -> None:
    """Generate from the command line."""
    with interruptible(), user_errors():
        generate(tyro.cli(Arguments, args=args, prog="python -m examples.imaginator.generate"))


if __name__ == "__main__":
    main()

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
from stgan.cli import check_choice, interruptible, user_errors, writing
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


_BATCH = 8  # clips generated at once


@torch.no_grad()
def generate(arguments: Arguments) -> list[Path]:
    """Generate the clips, say where they lie, and return their files or folders of frames."""
    out, overview = arguments.out or arguments.run / "generated", arguments.overview
    if arguments.samples < 1:
        raise ValueError(f"samples must be at least 1, got {arguments.samples}")
    if overview is not None:
        _check_overview(overview, out)
    trained = load_generator(arguments.run)
    model, classes = trained.settings.model, trained.classes
    if not arguments.image.is_file():
        found = "is a folder" if arguments.image.is_dir() else "does not exist"
        raise DataError(f"picture {arguments.image} {found}; give the file of one picture")
    if arguments.out is None:
        check_run_folder(arguments.run, ["generated"])
    picture = read_image(arguments.image, dtype=torch.uint8).unsqueeze(1)
    fitted = resize_frames(picture, model.image_size, resize=trained.settings.data.resize)
    image = from_uint8(fitted)[:, 0]
    labels = [*range(len(classes))]
    if arguments.label is not None:
        labels = [check_choice(arguments.label, classes, "label")]
    # The same noise for every label, so that only the action differs between them.
    draws = torch.Generator().manual_seed(arguments.seed)
    noise = torch.randn(arguments.samples, model.z_dim, generator=draws)

    def made() -> Iterator[tuple[str, Tensor]]:
        rows: list[list[Tensor]] = []
        for label in labels:
            rows.append([])
            for z in torch.split(noise, _BATCH):
                c = torch.full((len(z),), label)
                for clip in trained.generator(image.expand(len(z), -1, -1, -1), z, c):
                    yield f"{arguments.image.stem}_{classes[label]}_{len(rows[-1])}", clip
                    rows[-1].append(clip)
        if overview is not None:
            grid = clip_grid(rows, row_labels=[classes[label] for label in labels], scale=2)
            write_video(grid, overview, fps=arguments.fps)

    with writing(out):
        paths = write_clips(out, made(), form=arguments.form, fps=arguments.fps)
    size = f"{model.num_frames} frames of {model.image_size[0]} x {model.image_size[1]}"
    what = f"{len(paths)} {'clip' if len(paths) == 1 else 'clips'} of {size}"
    form = {"avi": "lossless avi", "frames": "folders of PNG frames"}
    print(f"wrote {what} as {form.get(arguments.form, arguments.form)} to {printable(out)}")
    others = sum(path.name[0] != "." for path in out.iterdir()) - len(paths)
    if others:
        print(f"others that were there and stay: {others}")
    if overview:
        print(f"wrote {printable(overview)}, which shows all of them side by side")
    return paths


def _check_overview(overview: Path, out: Path) -> None:
    """Refuse before clips are generated what cannot be written, or would count as a clip."""
    if out.resolve() in overview.resolve().parents:
        raise DataError(
            f"--overview {overview} must not be in {out}, where it would count as one of the "
            f"clips; name another folder"
        )
    if overview.suffix.lower() not in (".mp4", ".avi", ".gif") or not overview.parent.is_dir():
        raise DataError(
            f"--overview {overview} must end in one of .mp4 .avi .gif and be in a folder "
            f"that exists; name such a file"
        )


def main(args: list[str] | None = None) -> None:
    """Generate from the command line."""
    arguments = tyro.cli(Arguments, args=args, prog="python -m examples.imaginator.generate")
    with interruptible(), user_errors():
        generate(arguments)


if __name__ == "__main__":
    main()
